//! What each command may have to ask of AWS.

use super::permission::{Permission, ResourceKind, When, always};

const CHANGES: When = When("the experiment changes such a setting");
const PURGES: When = When("the experiment purges the jobs queue");
const COMPETES: When = When("another consumer receives from the jobs queue");
const REDRIVES: When = When("the experiment moves dead letters back");
const REASONS: When = When("messages are chosen by the reasons of their failures");
const LOOKS: When = When("messages are looked at, by --look");

/// What `verifier check` needs. Entries on the same resources become one statement.
pub const CHECK: [Permission; 13] = [
    always("CloudFormation.DescribeStacks", "cloudformation:DescribeStacks", ResourceKind::Stack),
    always(
        "CloudFormation.ListStackResources",
        "cloudformation:ListStackResources",
        ResourceKind::Stack,
    ),
    always("SQS.GetQueueAttributes", "sqs:GetQueueAttributes", ResourceKind::Queues),
    Permission {
        operation: "SQS.GetQueueUrl",
        action: "sqs:GetQueueUrl",
        resource: ResourceKind::Queues,
        only_when: Some("an output names a queue that is not among the stack's resources"),
    },
    always("SQS.ListQueueTags", "sqs:ListQueueTags", ResourceKind::JobsQueue),
    always("SQS.ReceiveMessage", "sqs:ReceiveMessage", ResourceKind::DeadLetterQueue),
    // A batch of either kind needs the action of the single operation.
    always("SQS.DeleteMessageBatch", "sqs:DeleteMessage", ResourceKind::DeadLetterQueue),
    Permission {
        operation: "SQS.ChangeMessageVisibilityBatch",
        action: "sqs:ChangeMessageVisibility",
        resource: ResourceKind::DeadLetterQueue,
        only_when: Some(
            "messages of others are in the dead-letter queue, and are made visible again",
        ),
    },
    always(
        "Lambda.GetFunctionConfiguration",
        "lambda:GetFunctionConfiguration",
        ResourceKind::Worker,
    ),
    always("CloudWatch Logs.FilterLogEvents", "logs:FilterLogEvents", ResourceKind::WorkerLogGroup),
    always("Lambda.ListEventSourceMappings", "lambda:ListEventSourceMappings", ResourceKind::Any),
    always("CloudWatch Logs.DescribeLogGroups", "logs:DescribeLogGroups", ResourceKind::Any),
    always(
        "CloudWatch.DescribeAlarmsForMetric",
        "cloudwatch:DescribeAlarmsForMetric",
        ResourceKind::Any,
    ),
];

/// The same where jobs are sent to the queue itself.
pub const CHECK_SENDING: [Permission; 15] =
    with(&CHECK, [sends("SQS.SendMessage"), sends("SQS.SendMessageBatch")]);

const fn sends(operation: &'static str) -> Permission {
    Permission {
        operation,
        action: "sqs:SendMessage",
        resource: ResourceKind::JobsQueue,
        only_when: Some("jobs are sent to the queue itself (jobs.submit = \"sqs\")"),
    }
}

/// What finds the queues of `verifier dlq` and `verifier redrive`.
///
/// The caller's identity is asked for, too, by an operation that needs no permission:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.
const FIND_QUEUES: [Permission; 5] = [
    always("CloudFormation.DescribeStacks", "cloudformation:DescribeStacks", ResourceKind::Stack),
    always(
        "CloudFormation.ListStackResources",
        "cloudformation:ListStackResources",
        ResourceKind::Stack,
    ),
    always("SQS.GetQueueUrl", "sqs:GetQueueUrl", ResourceKind::Queues),
    always("SQS.GetQueueAttributes", "sqs:GetQueueAttributes", ResourceKind::Queues),
    Permission {
        operation: "SQS.ListDeadLetterSourceQueues",
        action: "sqs:ListDeadLetterSourceQueues",
        resource: ResourceKind::DeadLetterQueue,
        only_when: Some("several queues may share the dead-letter queue"),
    },
];

/// The same, and the consumer and its log.
const FIND: [Permission; 7] = with(
    &FIND_QUEUES,
    [
        always(
            "Lambda.ListEventSourceMappings",
            "lambda:ListEventSourceMappings",
            ResourceKind::Any,
        ),
        always(
            "Lambda.GetFunctionConfiguration",
            "lambda:GetFunctionConfiguration",
            ResourceKind::Worker,
        ),
    ],
);

const RECEIVE: Permission =
    always("SQS.ReceiveMessage", "sqs:ReceiveMessage", ResourceKind::DeadLetterQueue);
const RELEASE: Permission = Permission {
    operation: "SQS.ChangeMessageVisibilityBatch",
    action: "sqs:ChangeMessageVisibility",
    resource: ResourceKind::DeadLetterQueue,
    only_when: Some("messages are made visible again, or held for longer"),
};
const DELETE: Permission =
    always("SQS.DeleteMessageBatch", "sqs:DeleteMessage", ResourceKind::DeadLetterQueue);
const READ_LOG: Permission = Permission {
    operation: "CloudWatch Logs.FilterLogEvents",
    action: "logs:FilterLogEvents",
    resource: ResourceKind::WorkerLogGroup,
    only_when: Some("the reasons of failures are asked for, or what became of messages"),
};
const SEND: Permission = always("SQS.SendMessageBatch", "sqs:SendMessage", ResourceKind::JobsQueue);

const LIST_FUNCTIONS: Permission = Permission {
    operation: "Lambda.ListFunctions",
    action: "lambda:ListFunctions",
    resource: ResourceKind::Any,
    only_when: Some(
        "functions are invoked (--to-function), and several may share the dead-letter queue",
    ),
};
const INVOKE: Permission = Permission {
    operation: "Lambda.Invoke",
    action: "lambda:InvokeFunction",
    resource: ResourceKind::Worker,
    only_when: Some("a function is invoked with the events of messages (--to-function)"),
};

/// What `verifier dlq queues` needs: it finds dead-letter queues by the redrive policies of all queues.
pub const DLQ_QUEUES: [Permission; 7] = [
    always("SQS.ListQueues", "sqs:ListQueues", ResourceKind::Any),
    always("Lambda.ListFunctions", "lambda:ListFunctions", ResourceKind::Any),
    always(
        "Lambda.ListFunctionEventInvokeConfigs",
        "lambda:ListFunctionEventInvokeConfigs",
        ResourceKind::Any,
    ),
    always("SQS.GetQueueAttributes", "sqs:GetQueueAttributes", ResourceKind::AllQueues),
    always(
        "CloudWatch.DescribeAlarmsForMetric",
        "cloudwatch:DescribeAlarmsForMetric",
        ResourceKind::Any,
    ),
    LOOKS.calls("SQS.ReceiveMessage", "sqs:ReceiveMessage", ResourceKind::AllQueues),
    LOOKS.calls(
        "SQS.ChangeMessageVisibilityBatch",
        "sqs:ChangeMessageVisibility",
        ResourceKind::AllQueues,
    ),
];

/// What `verifier dlq list`, `show`, `explain`, `export` and `watch` need: nothing that deletes or sends.
pub const DLQ_LOOK: [Permission; 11] = with(
    &FIND,
    [
        RECEIVE,
        RELEASE,
        READ_LOG,
        Permission {
            operation: "CloudWatch.GetMetricStatistics",
            action: "cloudwatch:GetMetricStatistics",
            resource: ResourceKind::Any,
            only_when: Some("messages are watched, to say how old the oldest is"),
        },
    ],
);

/// What `verifier dlq purge` needs.
///
/// Only the reasons of failures lead it to the consumer and its log.
pub const DLQ_PURGE: [Permission; 11] = with(
    &FIND_QUEUES,
    [
        REASONS.calls(
            "Lambda.ListEventSourceMappings",
            "lambda:ListEventSourceMappings",
            ResourceKind::Any,
        ),
        REASONS.calls(
            "Lambda.GetFunctionConfiguration",
            "lambda:GetFunctionConfiguration",
            ResourceKind::Worker,
        ),
        RECEIVE,
        RELEASE,
        READ_LOG,
        DELETE,
    ],
);

/// What `verifier dlq import` needs to put messages into the dead-letter queue, and with `--to` into the jobs queue.
pub const DLQ_IMPORT: [Permission; 8] =
    with(&FIND, [Permission { resource: ResourceKind::Queues, ..SEND }]);

/// What `verifier redrive` needs.
pub const REDRIVE: [Permission; 14] =
    with(&FIND, [RECEIVE, RELEASE, READ_LOG, DELETE, SEND, LIST_FUNCTIONS, INVOKE]);

/// What `verifier redrive --native` needs. SQS moves on behalf of whoever starts the task, who has to be allowed each part.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>.
pub const REDRIVE_NATIVE: [Permission; 13] = with(
    &FIND,
    [
        on_dead_letters("SQS.ListMessageMoveTasks", "sqs:ListMessageMoveTasks"),
        on_dead_letters("SQS.StartMessageMoveTask", "sqs:StartMessageMoveTask"),
        on_dead_letters("SQS.StartMessageMoveTask", "sqs:ReceiveMessage"),
        on_dead_letters("SQS.StartMessageMoveTask", "sqs:DeleteMessage"),
        always("SQS.StartMessageMoveTask", "sqs:SendMessage", ResourceKind::JobsQueue),
        Permission {
            operation: "SQS.CancelMessageMoveTask",
            action: "sqs:CancelMessageMoveTask",
            resource: ResourceKind::DeadLetterQueue,
            only_when: Some("the task is to be cancelled"),
        },
    ],
);

/// What `verifier chaos --stack` and `chaos rollback` need: a role that changes previews, and nothing that deletes them.
///
/// Its steady states are `verifier check`.
pub const CHAOS: [Permission; 29] = with(
    &CHECK,
    [
        always("SQS.TagQueue", "sqs:TagQueue", ResourceKind::JobsQueue),
        always("SQS.UntagQueue", "sqs:UntagQueue", ResourceKind::JobsQueue),
        always(
            "Lambda.GetFunctionConfiguration",
            "lambda:GetFunctionConfiguration",
            ResourceKind::Functions,
        ),
        CHANGES.calls(
            "Lambda.GetEventSourceMapping",
            "lambda:GetEventSourceMapping",
            ResourceKind::Mappings,
        ),
        CHANGES.calls(
            "Lambda.UpdateEventSourceMapping",
            "lambda:UpdateEventSourceMapping",
            ResourceKind::Mappings,
        ),
        CHANGES.calls(
            "Lambda.GetFunctionConcurrency",
            "lambda:GetFunctionConcurrency",
            ResourceKind::Concurrencies,
        ),
        CHANGES.calls(
            "Lambda.PutFunctionConcurrency",
            "lambda:PutFunctionConcurrency",
            ResourceKind::Concurrencies,
        ),
        CHANGES.calls(
            "Lambda.DeleteFunctionConcurrency",
            "lambda:DeleteFunctionConcurrency",
            ResourceKind::Concurrencies,
        ),
        CHANGES.calls(
            "Lambda.UpdateFunctionConfiguration",
            "lambda:UpdateFunctionConfiguration",
            ResourceKind::WorkerSettings,
        ),
        CHANGES.calls("SQS.SetQueueAttributes", "sqs:SetQueueAttributes", ResourceKind::JobsQueue),
        PURGES.calls("SQS.PurgeQueue", "sqs:PurgeQueue", ResourceKind::JobsQueue),
        COMPETES.calls("SQS.ReceiveMessage", "sqs:ReceiveMessage", ResourceKind::JobsQueue),
        REDRIVES.calls("SQS.SendMessageBatch", "sqs:SendMessage", ResourceKind::JobsQueue),
        REDRIVES.calls(
            "SQS.ListMessageMoveTasks",
            "sqs:ListMessageMoveTasks",
            ResourceKind::DeadLetterQueue,
        ),
        REDRIVES.calls(
            "SQS.StartMessageMoveTask",
            "sqs:StartMessageMoveTask",
            ResourceKind::DeadLetterQueue,
        ),
        REDRIVES.calls(
            "SQS.ListDeadLetterSourceQueues",
            "sqs:ListDeadLetterSourceQueues",
            ResourceKind::DeadLetterQueue,
        ),
    ],
);

const fn on_dead_letters(operation: &'static str, action: &'static str) -> Permission {
    always(operation, action, ResourceKind::DeadLetterQueue)
}

/// Two lists in one.
const fn with<const A: usize, const B: usize, const N: usize>(
    first: &[Permission; A],
    second: [Permission; B],
) -> [Permission; N] {
    assert!(A + B == N);
    let mut all = [first[0]; N];
    let mut index = 0;
    while index < N {
        all[index] = if index < A { first[index] } else { second[index - A] };
        index += 1;
    }
    all
}
