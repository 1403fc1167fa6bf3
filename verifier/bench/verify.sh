#!/usr/bin/env bash
# Verifies a preview stack with curl and the AWS CLI alone, step by step as "Verify the stack by hand" in docs/first-steps.md
# does: what people do who have no verifier. `cargo xtask bench check` times it beside `verifier check`.
#
# Wants STACK, and what the AWS CLI wants to know: a region, credentials, AWS_ENDPOINT_URL for another endpoint.
# Prints how often it asked AWS.
set -euo pipefail

calls=0
# Not in a subshell, where counting would be lost: the answer is left in $answer.
ask() {
  calls=$((calls + 1))
  answer=$(aws "$@" --output text)
}

output() {
  ask cloudformation describe-stacks --stack-name "$STACK" \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue | [0]"
}

ask cloudformation describe-stacks --stack-name "$STACK" --query 'Stacks[0].StackStatus'
[ "$answer" = CREATE_COMPLETE ] || [ "$answer" = UPDATE_COMPLETE ]
output ApiUrl && api=$answer
output JobUrl && job_url=$answer
output JobsQueueName && queue_name=$answer
output JobsDeadLetterQueueName && dead_letter_queue_name=$answer

curl -sS --fail "$api" >/dev/null
run="bench-$$-$RANDOM"
submit() {
  curl -sS --fail -H 'content-type: application/json' -d "{\"task\": \"try\", \"fail\": $2, \"jobId\": \"$1\"}" "$job_url" >/dev/null
}
submit "$run-good" false
submit "$run-failing" true

ask sqs get-queue-url --queue-name "$queue_name" --query QueueUrl && queue=$answer
ask sqs get-queue-attributes --queue-url "$queue" --attribute-names QueueArn --query Attributes.QueueArn && arn=$answer
ask lambda list-event-source-mappings --event-source-arn "$arn" --query 'EventSourceMappings[0].FunctionArn'
ask lambda get-function-configuration --function-name "$answer" --query LoggingConfig.LogGroup && log_group=$answer
for _ in $(seq 60); do
  ask logs filter-log-events --log-group-name "$log_group" --filter-pattern "\"$run-good\"" --query 'events[].message'
  case $answer in *'"succeeded"'*) break ;; esac
done
case $answer in *'"succeeded"'*) ;; *) exit 1 ;; esac

ask sqs get-queue-url --queue-name "$dead_letter_queue_name" --query QueueUrl && dead_letters=$answer
for _ in $(seq 30); do
  ask sqs receive-message --queue-url "$dead_letters" --wait-time-seconds 20 --max-number-of-messages 10 \
    --query "Messages[?contains(Body, '$run-failing')] | [0].[ReceiptHandle, Body]"
  case $answer in *"$run-failing"*) break ;; esac
done
case $answer in *"$run-failing"*) ;; *) exit 1 ;; esac
ask sqs delete-message --queue-url "$dead_letters" --receipt-handle "${answer%%$'\t'*}"
echo "$calls"
