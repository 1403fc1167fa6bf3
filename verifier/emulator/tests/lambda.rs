//! Lambda's API through the AWS SDK: mappings that come and go, concurrency, configuration, and invoking.

#![allow(clippy::expect_used, clippy::panic)]

mod support;

use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde_json::{Value, json};
use support::{Stand, mapping, probe, queues, resources};

const JOBS_ARN: &str = "arn:aws:sqs:us-local-1:000000000000:jobs";

async fn stand(function: Value, with_mapping: Option<Value>) -> Stand {
    let more = with_mapping.map(|properties| ("Mapping", mapping(properties)));
    Stand::start(resources(queues().into_iter().chain([("Probe", probe(function))]).chain(more)))
        .await
}

impl Stand {
    async fn state(&self, uuid: &str) -> Option<String> {
        let found = self.lambda.get_event_source_mapping().uuid(uuid).send().await;
        found.ok()?.state
    }

    async fn uuid(&self) -> String {
        let listed = self.lambda.list_event_source_mappings().event_source_arn(JOBS_ARN);
        let listed = listed.send().await.expect("an answer").event_source_mappings;
        listed.expect("mappings")[0].uuid.clone().expect("an id")
    }

    async fn reserve(&self, executions: i32) {
        let reserve = self.lambda.put_function_concurrency().function_name("probe");
        reserve.reserved_concurrent_executions(executions).send().await.expect("it is reserved");
    }

    async fn invoke(&self, kind: InvocationType, wish: &str) -> InvokeOutput {
        let payload = Blob::new(json!({"wish": wish}).to_string());
        let invoke = self.lambda.invoke().function_name("probe").invocation_type(kind);
        invoke.payload(payload).send().await.expect("an answer")
    }
}

fn payload(output: &InvokeOutput) -> Value {
    let bytes = output.payload.as_ref().map(Blob::as_ref).unwrap_or_default();
    serde_json::from_slice(bytes).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_works_from_its_creation_to_its_deletion() {
    let stand = stand(json!({}), None).await;
    stand.send("jobs", "first").await;
    stand.wait(10).await;
    assert_eq!(stand.counts("jobs").await, (1, 0), "nobody polls");
    let create = stand.lambda.create_event_source_mapping().event_source_arn(JOBS_ARN);
    let created = create.function_name("probe").send().await.expect("it is created");
    let uuid = created.uuid.expect("an id");
    assert_eq!(created.state.as_deref(), Some("Creating"));
    stand.wait(3).await;
    assert_eq!(stand.state(&uuid).await.as_deref(), Some("Enabled"));
    assert_eq!(stand.counts("jobs").await, (0, 0));

    let update = stand.lambda.update_event_source_mapping().uuid(&uuid);
    let updated = update.enabled(false).send().await.expect("it is switched off");
    assert_eq!(updated.state.as_deref(), Some("Disabling"));
    stand.send("jobs", "second").await;
    stand.wait(3).await;
    assert_eq!(stand.state(&uuid).await.as_deref(), Some("Disabled"));
    assert_eq!(stand.counts("jobs").await, (1, 0));

    let update = stand.lambda.update_event_source_mapping().uuid(&uuid);
    update.enabled(true).send().await.expect("it is switched on");
    stand.wait(3).await;
    assert_eq!(stand.counts("jobs").await, (0, 0));

    let deleted = stand.lambda.delete_event_source_mapping().uuid(&uuid).send().await;
    assert_eq!(deleted.expect("it is deleted").state.as_deref(), Some("Deleting"));
    stand.send("jobs", "third").await;
    stand.wait(3).await;
    assert_eq!(stand.state(&uuid).await, None);
    assert_eq!(stand.counts("jobs").await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_lambda_would_refuse_is_refused_with_its_code() {
    let stand = stand(json!({}), Some(json!({}))).await;
    let code = async |arn: &str, function: &str, size: i32| {
        let create = stand.lambda.create_event_source_mapping().event_source_arn(arn);
        let created = create.function_name(function).batch_size(size).send().await;
        created.expect_err("it is refused").code().expect("a code").to_owned()
    };
    let missing = "arn:aws:sqs:us-local-1:000000000000:none";
    assert_eq!(code(JOBS_ARN, "probe", 1).await, "ResourceConflictException");
    assert_eq!(code(missing, "probe", 1).await, "InvalidParameterValueException");
    assert_eq!(code(JOBS_ARN, "none", 1).await, "ResourceNotFoundException");
    assert_eq!(code(JOBS_ARN, "probe", 11).await, "InvalidParameterValueException");
    let none = stand.lambda.get_event_source_mapping().uuid("none").send().await;
    assert_eq!(none.expect_err("none").code(), Some("ResourceNotFoundException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_takes_a_healthy_message_to_the_dead_letter_queue_without_one_invocation() {
    let stand = stand(json!({}), Some(json!({}))).await;
    stand.reserve(0).await;
    let id = stand.send("jobs", "healthy").await;
    stand.wait(59).await;
    assert_eq!(stand.counts("dead").await, (0, 0), "not before twice the visibility timeout");
    stand.wait(2).await;
    let dead = stand.receive("dead").await;
    assert_eq!(dead[0].message_id.as_deref(), Some(id.as_str()));
    let logs = aws_sdk_cloudwatchlogs::Client::new(&stand.sdk);
    let found = logs.filter_log_events().log_group_name("probe").send().await;
    assert!(found.expect("an answer").events.unwrap_or_default().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_survives_throttling_that_ends_within_its_visibility_timeout() {
    let stand = stand(json!({}), Some(json!({}))).await;
    stand.reserve(0).await;
    let reserved = stand.lambda.get_function_concurrency().function_name("probe").send().await;
    assert_eq!(reserved.expect("an answer").reserved_concurrent_executions, Some(0));
    stand.send("jobs", "healthy").await;
    stand.wait(10).await;
    assert_eq!(stand.counts("jobs").await, (0, 1));
    let free = stand.lambda.delete_function_concurrency().function_name("probe").send().await;
    free.expect("it is freed");
    let reserved = stand.lambda.get_function_concurrency().function_name("probe").send().await;
    assert_eq!(reserved.expect("an answer").reserved_concurrent_executions, None);
    // The batch is offered again within its first receive.
    stand.wait(15).await;
    assert_eq!(stand.counts("jobs").await, (0, 0));
    assert_eq!(stand.counts("dead").await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn reserved_concurrency_leaves_the_account_a_hundred_executions() {
    let stand = stand(json!({"ReservedConcurrentExecutions": 3}), None).await;
    let function = stand.lambda.get_function().function_name("probe").send().await;
    let concurrency = function.expect("an answer").concurrency.expect("it is reserved");
    assert_eq!(concurrency.reserved_concurrent_executions, Some(3));
    let reserve = stand.lambda.put_function_concurrency().function_name("probe");
    let refused = reserve.reserved_concurrent_executions(901).send().await;
    assert_eq!(refused.expect_err("too much").code(), Some("InvalidParameterValueException"));
    stand.reserve(900).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_worked_on_at_the_same_time_up_to_the_maximum_concurrency() {
    for (parties, met) in [(2, true), (3, false)] {
        let stand =
            stand(json!({"Timeout": 5}), Some(json!({"ScalingConfig": {"MaximumConcurrency": 2}})))
                .await;
        let folder = tempfile::tempdir().expect("a folder");
        let wish = format!("meet {parties} {}", folder.path().display());
        for _ in 0..parties {
            stand.send("jobs", &wish).await;
        }
        // All that happens happens within the first receives.
        stand.wait(8).await;
        let (visible, in_flight) = stand.counts("jobs").await;
        let left = visible + in_flight;
        assert_eq!(left == 0, met, "{parties} at a time: {left} left");
        stand.emulator.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_answers_what_the_function_answers() {
    let stand = stand(json!({}), None).await;
    let fine = stand.invoke(InvocationType::RequestResponse, "").await;
    assert_eq!((fine.status_code, fine.function_error.as_deref()), (200, None));
    assert_eq!(payload(&fine)["statusCode"], 200);
    let failed = stand.invoke(InvocationType::RequestResponse, "error").await;
    assert_eq!(failed.function_error.as_deref(), Some("Unhandled"));
    assert_eq!(payload(&failed), json!({"errorType": "Wished", "errorMessage": "as asked"}));
    let slow = stand.invoke(InvocationType::RequestResponse, "slow").await;
    assert_eq!(payload(&slow)["errorType"], "Sandbox.Timedout");
    let crashed = stand.invoke(InvocationType::RequestResponse, "crash").await;
    assert_eq!(payload(&crashed)["errorType"], "Runtime.ExitError");
    let dry = stand.invoke(InvocationType::DryRun, "").await;
    assert_eq!(dry.status_code, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_invocation_is_refused() {
    let stand = stand(json!({}), None).await;
    stand.reserve(0).await;
    let client = aws_sdk_lambda::Client::from_conf(
        aws_sdk_lambda::config::Builder::from(&stand.sdk)
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .build(),
    );
    let refused = client.invoke().function_name("probe").send().await.expect_err("throttled");
    assert_eq!(refused.code(), Some("TooManyRequestsException"));
    let missing = client.invoke().function_name("none").send().await.expect_err("missing");
    assert_eq!(missing.code(), Some("ResourceNotFoundException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_tried_three_times_and_then_kept_as_a_dead_letter() {
    let target = json!({"DeadLetterConfig": {"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}}});
    let stand = stand(target, None).await;
    let accepted = stand.invoke(InvocationType::Event, "error").await;
    assert_eq!(accepted.status_code, 202);
    stand.wait(179).await;
    assert_eq!(stand.counts("dead").await, (0, 0));
    stand.wait(5).await;
    let dead = stand.receive("dead").await;
    assert_eq!(dead[0].body.as_deref(), Some(r#"{"wish":"error"}"#));
    let attributes = dead[0].message_attributes.as_ref().expect("attributes");
    assert_eq!(attributes["ErrorCode"].string_value.as_deref(), Some("200"));
    assert_eq!(attributes["ErrorCode"].data_type, "Number");
    assert_eq!(attributes["ErrorMessage"].string_value.as_deref(), Some("as asked"));
    // Each attempt has the id of the invocation.
    assert_eq!(attributes["RequestID"].string_value.as_deref(), accepted.request_id());
    // One that succeeds is not kept.
    stand.invoke(InvocationType::Event, "").await;
    stand.wait(300).await;
    assert_eq!(stand.counts("dead").await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_configuration_is_that_of_the_next_invocation() {
    let stand = stand(json!({"Environment": {"Variables": {"MODE": "old"}}}), None).await;
    let mode = async || {
        let answer = stand.invoke(InvocationType::RequestResponse, "environment MODE").await;
        payload(&answer)
    };
    assert_eq!(mode().await, "old");
    let variables = aws_sdk_lambda::types::Environment::builder().variables("MODE", "new").build();
    let update = stand.lambda.update_function_configuration().function_name("probe");
    let updated = update.environment(variables).timeout(2).send().await.expect("it is changed");
    assert_eq!(updated.timeout, Some(2));
    assert_eq!(mode().await, "new");
    let update = stand.lambda.update_function_configuration().function_name("probe");
    let refused = update.timeout(901).send().await.expect_err("too long");
    assert_eq!(refused.code(), Some("ValidationException"));
    // What is not changed is refused by name, and not ignored.
    let update = stand.lambda.update_function_configuration().function_name("probe");
    let refused = update.timeout(3).handler("other").send().await.expect_err("not changed");
    assert_eq!(refused.code(), Some("NotImplementedException"));
    assert_eq!(refused.message(), Some("The emulator does not change a function's Handler"));
    let update = stand.lambda.update_function_configuration().function_name("probe");
    let role = "arn:aws:iam::000000000000:role/other";
    let updated = update.role(role).send().await.expect("it is changed");
    assert_eq!((updated.role.as_deref(), updated.timeout), (Some(role), Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_outlives_the_queue_that_it_reads() {
    let stand = stand(json!({}), Some(json!({}))).await;
    let uuid = stand.uuid().await;
    stand.sqs.delete_queue().queue_url(stand.queue_url("jobs")).send().await.expect("deleted");
    stand.wait(61).await;
    assert_eq!(stand.state(&uuid).await.as_deref(), Some("Enabled"));
    stand.sqs.create_queue().queue_name("jobs").send().await.expect("created again");
    stand.send("jobs", "after").await;
    stand.wait(1).await;
    assert_eq!(stand.counts("jobs").await, (0, 0));
}
