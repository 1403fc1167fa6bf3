//! The event with which a function is invoked in place of a message, and whether it is that function's.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::rewrite::member_of;
use crate::dead_letters::{Attempt, DeadLetter, RECORD_CONTEXT, Service};

/// The version that a function is invoked in where none is named.
const LATEST: &str = "$LATEST";

/// How often Lambda invokes a function with an event at most, unless it is configured otherwise.
const ATTEMPTS: u32 = 3;
/// How long it waits between those.
const RETRIES_TAKE: Duration = Duration::from_mins(3);

/// The function that is invoked in place of sending messages to a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionTarget {
    /// Its ARN, with a version or an alias where one was named.
    pub arn: String,
    /// Whether its own dead-letter queue is the one that messages are taken from: then events that do not say whose they are
    /// are its own.
    pub owns_queue: bool,
}

/// The function of an ARN and its version or alias.
fn parts(arn: &str) -> (&str, &str) {
    // arn:partition:lambda:region:account:function:name:qualifier
    match arn.match_indices(':').nth(6) {
        Some((at, _)) => (&arn[..at], &arn[at + 1..]),
        None => (arn, LATEST),
    }
}

impl FunctionTarget {
    /// Whether an ARN is of a function of Lambda.
    pub fn is_function(arn: &str) -> bool {
        let mut parts = arn.split(':');
        parts.next() == Some("arn")
            && parts.nth(1) == Some("lambda")
            && parts.nth(2) == Some("function")
    }

    /// The event of a message, byte for byte, with which the function is invoked; or why there is none, or it is of another one.
    ///
    /// A rule's and a schedule's target may get something else than is kept here (an input transformer, a template), and SNS
    /// wraps what it delivers to functions.
    ///
    /// Sources: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>,
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html> and
    /// <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>.
    pub fn event(&self, message: &DeadLetter) -> Result<String, String> {
        let Some(written) = message.written() else {
            return Err(match &message.source_arn {
                Some(source) => format!(
                    "it came from the queue {source}, and is no event of an invocation: send it with --to-source, or with --to QUEUE"
                ),
                None => "nothing on it says that it is an event of an asynchronous invocation: send it with --to QUEUE".to_owned(),
            });
        };
        let event = match written.service {
            Service::AsyncInvocation if self.owns_queue => message.body.clone(),
            Service::AsyncInvocation => {
                return Err(format!(
                    "it does not say which function it is of, and the dead-letter queue of {} is another one",
                    self.arn
                ));
            }
            Service::InvocationRecord => {
                self.check_is_of(written.target_arn.as_deref().unwrap_or_default())?;
                payload(&message.body)?.to_owned()
            }
            other => {
                return Err(format!(
                    "it is {}, which a function gets in another form than it has here: send it with --to QUEUE, or let the service deliver it again",
                    other.one()
                ));
            }
        };
        serde_json::from_str::<IgnoredAny>(&event).map_err(|error| {
            format!("its event is no JSON, so that no function takes it: {error}")
        })?;
        Ok(event)
    }

    /// A message with its event for a body, as which it may be changed before the function is invoked with it.
    pub fn with_event(&self, message: &DeadLetter) -> Result<DeadLetter, String> {
        Ok(DeadLetter { body: self.event(message)?, ..message.clone() })
    }

    /// How long an event that fails takes to the dead-letter queue: two retries come one and two minutes after a failure.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.
    pub fn fails_within(timeout: Duration) -> Duration {
        timeout * ATTEMPTS + RETRIES_TAKE
    }

    /// What the function's log tells of an event, where it tells how an attempt ended. Where it does not, and what fails comes
    /// back, that it did not come back tells as much as where there is no log; otherwise nothing is known.
    pub fn told<'a>(&self, attempts: Option<&'a [Attempt]>) -> Option<&'a [Attempt]> {
        let ended = |attempts: &&[Attempt]| attempts.iter().any(|each| each.outcome.is_some());
        attempts.filter(ended).or_else(|| (!self.owns_queue).then_some(&[][..]))
    }

    fn check_is_of(&self, arn: &str) -> Result<(), String> {
        if parts(arn) == parts(&self.arn) {
            return Ok(());
        }
        Err(format!(
            "it is an event of {arn}, and not of {}: name that one with --to-function",
            self.arn
        ))
    }
}

/// The event in a record of an invocation that failed.
fn payload(record: &str) -> Result<&str, String> {
    let record = record.trim();
    let context = member_of(record, RECORD_CONTEXT).unwrap_or_default();
    let condition = member_of(context, "condition").unwrap_or_default();
    if condition == "\"Success\"" {
        return Err("its record says that the invocation succeeded: it is no failure".to_owned());
    }
    // Those of streams say where in the stream the batch is, and do not hold it.
    member_of(record, "requestPayload").ok_or_else(|| {
        "its record holds no event, as those of batches of a stream do not: read the batch from the stream again".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dead_letters::Attribute;

    const F: &str = "arn:aws:lambda:eu-west-1:123456789012:function:charge";

    fn target(arn: &str, owns_queue: bool) -> FunctionTarget {
        FunctionTarget { arn: arn.to_owned(), owns_queue }
    }

    fn dead_event(body: &str) -> DeadLetter {
        let text = |kind, value| Attribute::text(kind, value);
        DeadLetter {
            body: body.to_owned(),
            attributes: [
                ("RequestID".to_owned(), text("String", "r")),
                ("ErrorCode".to_owned(), text("Number", "200")),
            ]
            .into(),
            ..DeadLetter::default()
        }
    }

    fn record(arn: &str, condition: &str, payload: &str) -> DeadLetter {
        let context = json!({"requestId": "r", "functionArn": arn, "condition": condition});
        let body = format!("{{\"requestContext\":{context},{payload}\"version\":\"1.0\"}}");
        DeadLetter { body, ..DeadLetter::default() }
    }

    #[test]
    fn a_patch_is_of_the_event_and_not_of_the_record_around_it() {
        let record = json!({"requestContext": {"requestId": "r", "functionArn": F, "condition": "RetriesExhausted"},
            "requestPayload": {"n": 1}});
        let message = DeadLetter { body: record.to_string(), ..DeadLetter::default() };
        let changed = target(F, false).with_event(&message).unwrap();
        assert_eq!(changed.body, r#"{"n":1}"#);
        let event = dead_event(r#"{ "n": 1 }"#);
        assert_eq!(target(F, true).with_event(&event).unwrap(), event);
        assert!(target(F, false).with_event(&event).is_err());
    }

    #[test]
    fn an_event_is_invoked_byte_for_byte_and_only_where_the_queue_is_the_functions_own() {
        let event = r#"{ "n": 12345678901234567890123, "a":1.0 }"#;
        assert_eq!(target(F, true).event(&dead_event(event)).as_deref(), Ok(event));
        let why = target(F, false).event(&dead_event(event)).unwrap_err();
        assert!(why.contains("is another one"), "{why}");
        assert!(target(F, true).event(&dead_event("no JSON")).unwrap_err().contains("no JSON"));
    }

    #[test]
    fn a_record_gives_its_payload_to_the_function_that_it_names() {
        let payload = r#""requestPayload":{ "n": 1e400, "s":"}\"{" } ,"#;
        let event = r#"{ "n": 1e400, "s":"}\"{" }"#;
        let latest = format!("{F}:$LATEST");
        let of = |arn: &str, condition: &str, payload: &str| record(arn, condition, payload);
        let failed = "RetriesExhausted";
        assert_eq!(target(F, false).event(&of(&latest, failed, payload)).as_deref(), Ok(event));
        let alias = format!("{F}:prod");
        assert_eq!(target(&alias, false).event(&of(&alias, failed, payload)).as_deref(), Ok(event));
        for (to, message, part) in [
            (
                F,
                of(&alias, failed, payload),
                "an event of arn:aws:lambda:eu-west-1:123456789012:function:charge:prod",
            ),
            (F, of(&format!("{F}-2:$LATEST"), failed, payload), "charge-2"),
            (F, of(&latest, "Success", payload), "succeeded"),
            (F, of(&latest, "RetryAttemptsExhausted", "\"KinesisBatchInfo\":{},"), "stream"),
        ] {
            let why = target(to, true).event(&message).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn what_is_not_an_invocations_is_not_guessed_at() {
        let of_queue = DeadLetter { source_arn: Some("q".to_owned()), ..dead_event("{}") };
        let rule = DeadLetter {
            body: "{}".to_owned(),
            attributes: [("RULE_ARN".to_owned(), Attribute::text("String", "r"))].into(),
            ..DeadLetter::default()
        };
        let unknown = DeadLetter { body: "{}".to_owned(), ..DeadLetter::default() };
        for (message, part) in [
            (of_queue, "came from the queue q"),
            (rule, "an event of an EventBridge rule"),
            (unknown, "nothing on it"),
        ] {
            let why = target(F, true).event(&message).unwrap_err();
            assert!(why.contains(part) && why.contains("--to QUEUE"), "{why}");
        }
    }

    #[test]
    fn a_log_that_does_not_tell_is_none_where_failures_come_back() {
        let attempt = |outcome| Attempt {
            at: verifier_model::time::Timestamp::default(),
            outcome,
            receive_count: None,
            request_id: None,
            reason: None,
            line: String::new(),
        };
        let told = [attempt(None), attempt(Some(contract::Outcome::Succeeded))];
        let bare = [attempt(None)];
        assert_eq!(target(F, true).told(Some(&told)), Some(&told[..]));
        for attempts in [Some(&bare[..]), None] {
            assert_eq!(target(F, true).told(attempts), None);
            assert_eq!(target(F, false).told(attempts), Some(&[][..]));
        }
        let seconds = Duration::from_secs;
        assert_eq!(FunctionTarget::fails_within(seconds(9)), seconds(207));
    }

    #[test]
    fn the_arn_of_a_function_is_told_from_that_of_a_queue() {
        assert!(FunctionTarget::is_function(F) && FunctionTarget::is_function(&format!("{F}:1")));
        for other in ["arn:aws:sqs:eu-west-1:123456789012:charge", "charge", ""] {
            assert!(!FunctionTarget::is_function(other), "{other}");
        }
    }
}
