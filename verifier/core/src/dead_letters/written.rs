//! What services have written on messages, or around them.

use serde::Deserialize;
use serde_json::Value;

use super::DeadLetter;
use super::service::{Service, Written};

/// What a record of an invocation says of it.
pub(crate) const RECORD_CONTEXT: &str = "requestContext";

impl DeadLetter {
    /// What a service has written on it; `None` where SQS has moved it from a queue, or nothing tells.
    pub fn written(&self) -> Option<Written> {
        if let Some(written) = &self.written {
            return Some(written.as_ref().clone());
        }
        // What is on a message that came from a queue was there before, and says nothing of how it came here.
        if self.source_arn.is_some() {
            return None;
        }
        let text =
            |name: &str| self.attributes.get(name).and_then(|value| value.string_value.clone());
        let by =
            |service, target_arn| Written { service, request_id: None, target_arn, reason: None };
        if self.attributes.contains_key("SCHEDULE_ARN") {
            return Some(by(Service::Schedule, text("TARGET_ARN")));
        }
        if self.attributes.contains_key("RULE_ARN") {
            return Some(by(Service::Rule, text("TARGET_ARN")));
        }
        match (text("RequestID"), self.attributes.get("ErrorCode")) {
            // SNS and Lambda name their attributes alike. Lambda's code is a number, SNS's a string; and SNS sends the envelope of
            // a notification, unless a subscription is of raw messages.
            (Some(_), Some(code)) if code.data_type != "Number" || is_notification(&self.body) => {
                Some(by(Service::Subscription, None))
            }
            (request_id @ Some(_), Some(_)) => {
                Some(Written { request_id, ..by(Service::AsyncInvocation, None) })
            }
            _ => record(&self.body),
        }
    }

    /// Which service has put it here, where SQS has not moved it.
    pub fn service(&self) -> Option<Service> {
        self.written().map(|written| written.service)
    }
}

/// Whether a body is the envelope in which SNS delivers.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>.
fn is_notification(body: &str) -> bool {
    if !body.contains("TopicArn") {
        return false;
    }
    let Ok(envelope) = serde_json::from_str::<Value>(body) else { return false };
    let has = |name: &str| envelope.get(name).is_some_and(Value::is_string);
    envelope["Type"] == "Notification" && ["TopicArn", "MessageId", "Message"].into_iter().all(has)
}

/// What is read of a record of an invocation. Its event may hold anything, and is not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    request_context: Context,
    #[serde(default)]
    response_payload: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    request_id: String,
    function_arn: String,
    condition: String,
}

/// What a record of an invocation says.
fn record(body: &str) -> Option<Written> {
    // Most bodies are none, and need not be read.
    if !body.contains(RECORD_CONTEXT) {
        return None;
    }
    let Record { request_context, response_payload } = serde_json::from_str(body).ok()?;
    let Context { request_id, function_arn, condition } = request_context;
    let error = |name: &str| response_payload.as_ref()?.get(name)?.as_str();
    let reason = match (error("errorType"), error("errorMessage")) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (kind, message) => message.or(kind).unwrap_or(&condition).to_owned(),
    };
    Some(Written {
        service: Service::InvocationRecord,
        request_id: Some(request_id),
        target_arn: Some(function_arn),
        reason: Some(reason),
    })
}

/// How many messages each service has put here, among those that no queue is the source of.
pub fn service_counts<'a>(
    messages: impl IntoIterator<Item = &'a DeadLetter>,
) -> Vec<(Service, usize)> {
    let mut counts = std::collections::BTreeMap::<Service, usize>::new();
    for service in messages.into_iter().filter_map(DeadLetter::service) {
        *counts.entry(service).or_default() += 1;
    }
    counts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dead_letters::Attribute;

    fn with(attributes: &[(&str, &str, &str)], body: &str) -> DeadLetter {
        let attributes = attributes
            .iter()
            .map(|(name, kind, value)| ((*name).to_owned(), Attribute::text(*kind, *value)))
            .collect();
        DeadLetter { body: body.to_owned(), attributes, ..DeadLetter::default() }
    }

    const LAMBDAS: [(&str, &str, &str); 3] = [
        ("RequestID", "String", "r-1"),
        ("ErrorCode", "Number", "200"),
        ("ErrorMessage", "String", "'price'"),
    ];

    #[test]
    fn each_service_is_known_by_what_it_writes() {
        let envelope =
            json!({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": "x"});
        let envelope = envelope.to_string();
        let sns = [
            ("RequestID", "String", "r"),
            ("ErrorCode", "String", "AWS.SimpleQueueService.NonExistentQueue"),
            ("ErrorMessage", "String", "gone"),
        ];
        let rule = [("RULE_ARN", "String", "rule"), ("TARGET_ARN", "String", "target")];
        let schedule = [("SCHEDULE_ARN", "String", "s"), ("TARGET_ARN", "String", "target")];
        for (message, expected) in [
            (with(&LAMBDAS, "{}"), Some(Service::AsyncInvocation)),
            // An event that mentions a topic is no envelope.
            (with(&LAMBDAS, r#"{"TopicArn":"t"}"#), Some(Service::AsyncInvocation)),
            (with(&sns, &envelope), Some(Service::Subscription)),
            (with(&sns, "raw"), Some(Service::Subscription)),
            (with(&rule, "{}"), Some(Service::Rule)),
            (with(&schedule, "{}"), Some(Service::Schedule)),
            (with(&[], "{}"), None),
            // What applications write on messages of their own.
            (with(&LAMBDAS[1..], "{}"), None),
        ] {
            assert_eq!(message.service(), expected, "{message:?}");
        }
        let written = with(&LAMBDAS, "{}").written().unwrap();
        assert_eq!((written.request_id.as_deref(), written.target_arn), (Some("r-1"), None));
        assert_eq!(with(&rule, "{}").written().unwrap().target_arn.as_deref(), Some("target"));
    }

    #[test]
    fn a_record_names_the_function_the_invocation_and_the_reason() {
        let record = json!({
            "version": "1.0",
            "requestContext": {"requestId": "r", "functionArn": "f:$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": {},
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorMessage": "'price'", "errorType": "KeyError"},
        });
        let written = with(&[], &record.to_string()).written().unwrap();
        assert_eq!(written.service, Service::InvocationRecord);
        assert_eq!(written.reason.as_deref(), Some("KeyError: 'price'"));
        assert_eq!(written.target_arn.as_deref(), Some("f:$LATEST"));
        let mut expired = record;
        expired["requestContext"]["condition"] = "EventAgeExceeded".into();
        expired["responsePayload"] = Value::Null;
        let written = with(&[], &expired.to_string()).written().unwrap();
        assert_eq!(written.reason.as_deref(), Some("EventAgeExceeded"));
        assert_eq!(with(&[], r#"{"requestContext":{"requestId":"r"}}"#).written(), None);
    }

    #[test]
    fn what_came_from_a_queue_is_of_no_service_and_has_no_reason_of_one() {
        let mut message = with(&LAMBDAS, "{}");
        assert_eq!(message.written_reason().as_deref(), Some("200: 'price'"));
        message.source_arn = Some("arn:aws:sqs:eu-west-1:123456789012:A".to_owned());
        assert_eq!((message.service(), message.written_reason()), (None, None));
    }

    #[test]
    fn the_head_of_a_message_knows_what_its_content_told() {
        let message = with(&LAMBDAS, "{}");
        assert_eq!(message.head().written(), message.written());
        let counts = service_counts(&[message.head(), message, with(&[], "x")]);
        assert_eq!(counts, [(Service::AsyncInvocation, 2)]);
    }
}
