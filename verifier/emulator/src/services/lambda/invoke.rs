//! Invoking a function: and waiting for it, or not.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Value, json};
use verifier_model::event_source_mapping::InvocationOutcome;
use verifier_model::faults::Caller;
use verifier_model::sqs::{AttributeValue, MessageAttribute, SendMessage};

use super::{LambdaRequest, LambdaService, function_name};
use crate::clock::Busy;
use crate::lambda::{Invocation, Invoked, SYNCHRONOUS_BYTES_MAX};
use crate::reply::aws_json::rest_error;
use crate::reply::{Reply, reply, with_header};
use crate::world::World;

/// The largest event of an asynchronous invocation.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// How long Lambda waits before the first and the second retry of an event whose invocation failed.
const RETRIES_AFTER: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];
/// How long Lambda waits before it offers an event to a throttled function again.
const THROTTLED_EVENT_WAITS: Duration = Duration::from_secs(30);
/// How old an event may become before it counts as failed.
const EVENT_AGE_MAX: Duration = Duration::from_hours(6);

impl LambdaService {
    pub(super) async fn invoke(
        &self,
        busy: Busy,
        name: &str,
        request: &LambdaRequest<'_>,
    ) -> (Busy, Reply) {
        let name = function_name(name);
        if self.world.functions.configuration(name).is_none() {
            return (busy, self.not_found(name));
        }
        let payload =
            if request.body.is_empty() { Bytes::from_static(b"{}") } else { request.body.clone() };
        if let Err(problem) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
            let refusal = rest_error(
                400,
                "InvalidRequestContentException",
                &format!("Could not parse request body into json: {problem}"),
            );
            return (busy, refusal);
        }
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let answer = match header("x-amz-invocation-type").unwrap_or("RequestResponse") {
            "DryRun" => reply(204, "application/json", ""),
            "Event" if payload.len() > EVENT_BYTES_MAX => too_large(EVENT_BYTES_MAX),
            "Event" => {
                let request_id = self.world.functions.new_id();
                let event =
                    Event { function: name.to_owned(), payload, request_id: request_id.clone() };
                let world = self.world.clone();
                self.world.functions.run(|busy| work_off_event(busy, world, event));
                with_header(reply(202, "application/json", ""), "x-amzn-requestid", &request_id)
            }
            "RequestResponse" if payload.len() > SYNCHRONOUS_BYTES_MAX => {
                too_large(SYNCHRONOUS_BYTES_MAX)
            }
            "RequestResponse" => {
                let (caller, client) = (request.caller, request.client);
                let invocation =
                    Invocation { function: name, payload, caller, client, request_id: None };
                let (busy, invoked) = self.world.functions.invoke(busy, invocation).await;
                return (busy, answer(invoked));
            }
            other => rest_error(
                400,
                "InvalidParameterValueException",
                &format!("Unknown invocation type {other}"),
            ),
        };
        (busy, answer)
    }
}

fn too_large(limit: usize) -> Reply {
    rest_error(
        413,
        "RequestTooLargeException",
        &format!("Request must be smaller than {limit} bytes for the InvokeFunction operation"),
    )
}

fn answer(invoked: Invoked) -> Reply {
    let answer = match invoked.outcome {
        InvocationOutcome::Responded(payload) => reply(200, "application/json", payload),
        // Lambda calls errors that the function itself reports so, too.
        InvocationOutcome::Errored(payload) => with_header(
            reply(200, "application/json", payload),
            "x-amz-function-error",
            "Unhandled",
        ),
        InvocationOutcome::Throttled => {
            let body = json!({
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                "Type": "User",
                "message": "Rate Exceeded.",
            });
            let refusal = reply(429, "application/json", body.to_string());
            return with_header(refusal, "x-amzn-errortype", "TooManyRequestsException");
        }
    };
    let answer = with_header(answer, "x-amz-executed-version", "$LATEST");
    with_header(answer, "x-amzn-requestid", &invoked.request_id)
}

/// An event of an asynchronous invocation.
struct Event {
    function: String,
    payload: Bytes,
    /// The id of the invocation, which each attempt has.
    request_id: String,
}

/// Invokes a function with an event until it succeeds, has failed three times, or the event is too old; then the event
/// goes to the function's dead-letter queue, if it has one.
async fn work_off_event(mut busy: Busy, world: Arc<World>, event: Event) {
    let Event { function, payload, request_id } = event;
    let clock = world.functions.clock().clone();
    let expires_at = clock.now() + EVENT_AGE_MAX;
    let mut retries = RETRIES_AFTER.iter();
    let failed = loop {
        let invocation = Invocation {
            function: &function,
            payload: payload.clone(),
            caller: Caller::Client,
            client: None,
            request_id: Some(request_id.clone()),
        };
        let invoked;
        (busy, invoked) = world.functions.invoke(busy, invocation).await;
        let wait = match &invoked.outcome {
            InvocationOutcome::Responded(_) => return,
            // Throttling is no failure: the event waits in Lambda's own queue.
            InvocationOutcome::Throttled => Some(&THROTTLED_EVENT_WAITS),
            InvocationOutcome::Errored(_) => retries.next(),
        };
        match wait.map(|wait| clock.now() + *wait).filter(|again_at| *again_at < expires_at) {
            Some(again_at) => busy = clock.sleep_until(busy, again_at).await,
            None => break invoked,
        }
    };
    dead_letter(&world, &function, &payload, &failed);
    drop(busy);
}

/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>, section "Adding a
/// dead-letter queue"; the attributes' types are from a recording.
fn dead_letter(world: &World, function: &str, event: &Bytes, failed: &Invoked) {
    let Some(configuration) = world.functions.configuration(function) else {
        return;
    };
    let Some(arn) = &configuration.spec.dead_letter_target_arn else {
        return;
    };
    let (code, text) = match &failed.outcome {
        InvocationOutcome::Errored(payload) => ("200", error_message(payload)),
        _ => ("429", "Rate Exceeded.".to_owned()),
    };
    let attribute = |data_type: &str, text: &str| MessageAttribute {
        data_type: data_type.to_owned(),
        value: AttributeValue::Text(text.to_owned()),
    };
    let attributes = BTreeMap::from([
        ("RequestID".to_owned(), attribute("String", &failed.request_id)),
        ("ErrorCode".to_owned(), attribute("Number", code)),
        ("ErrorMessage".to_owned(), attribute("String", &text)),
    ]);
    let body = String::from_utf8_lossy(event).into_owned();
    let message = SendMessage { attributes, ..SendMessage::new(body) };
    let sent = world.sqs.perform(|sqs, now| {
        let queue = sqs.queue_of_arn(arn).map(str::to_owned)?;
        Some(sqs.send(&queue, message, now))
    });
    if !matches!(sent, Some(Ok(_))) {
        tracing::warn!(
            function,
            arn,
            "the event could not be put into the function's dead-letter queue"
        );
    }
}

/// The `errorMessage` of an error payload, at most the first 1 KB of it.
fn error_message(payload: &str) -> String {
    let value: Value = serde_json::from_str(payload).unwrap_or_default();
    let text = value["errorMessage"].as_str().unwrap_or(payload);
    text.chars().take(1024).collect()
}
