//! What becomes of a batch, given how its invocation ended.

use std::collections::BTreeSet;

use serde_json::Value;

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvocationOutcome {
    /// The function answered; the payload as it came, empty when there was none.
    Responded(Vec<u8>),
    /// The function reported an error, timed out or crashed; what Lambda reports of it.
    Errored(String),
    /// The function was not invoked, since no concurrency was left for it.
    Throttled,
}

/// What becomes of the messages of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchVerdict {
    /// All are deleted.
    AllSucceeded,
    /// These are left to become visible again, the others are deleted.
    SomeFailed(BTreeSet<String>),
    /// All are left to become visible again.
    AllFailed(String),
}

impl BatchVerdict {
    /// Whether the message is deleted.
    pub fn deletes(&self, message_id: &str) -> bool {
        match self {
            Self::AllSucceeded => true,
            Self::SomeFailed(failed) => !failed.contains(message_id),
            Self::AllFailed(_) => false,
        }
    }
}

/// Evaluates a batch.
///
/// Without `ReportBatchItemFailures` an answer of any content deletes the whole batch. With it, an empty or null
/// response or list means that all succeeded; a response that is not what Lambda expects, and an identifier that is
/// missing, empty or not of this batch, fails the whole batch.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>, section
/// "Success and failure conditions".
pub fn evaluate_batch(
    outcome: &InvocationOutcome,
    message_ids: &BTreeSet<&str>,
    report_batch_item_failures: bool,
) -> BatchVerdict {
    let payload = match outcome {
        InvocationOutcome::Errored(reason) => return BatchVerdict::AllFailed(reason.clone()),
        InvocationOutcome::Throttled => {
            return BatchVerdict::AllFailed("the function was throttled".to_owned());
        }
        InvocationOutcome::Responded(payload) => payload,
    };
    if !report_batch_item_failures || payload.iter().all(u8::is_ascii_whitespace) {
        return BatchVerdict::AllSucceeded;
    }
    match failed_ids(payload, message_ids) {
        Ok(failed) if failed.is_empty() => BatchVerdict::AllSucceeded,
        Ok(failed) => BatchVerdict::SomeFailed(failed),
        Err(reason) => BatchVerdict::AllFailed(format!("invalid batch response: {reason}")),
    }
}

fn failed_ids(payload: &[u8], message_ids: &BTreeSet<&str>) -> Result<BTreeSet<String>, String> {
    let response: Value =
        serde_json::from_slice(payload).map_err(|error| format!("it is not JSON ({error})"))?;
    let failures = match &response {
        Value::Null => return Ok(BTreeSet::new()),
        Value::Object(fields) => fields.get("batchItemFailures"),
        _ => return Err("it is not an object".to_owned()),
    };
    let failures = match failures {
        None | Some(Value::Null) => return Ok(BTreeSet::new()),
        Some(Value::Array(failures)) => failures,
        Some(_) => return Err("batchItemFailures is not a list".to_owned()),
    };
    let identifier = |failure: &Value| -> Result<String, String> {
        let id = failure
            .get("itemIdentifier")
            .ok_or("an entry has no itemIdentifier")?
            .as_str()
            .ok_or("an itemIdentifier is not a string")?;
        if id.is_empty() {
            return Err("an itemIdentifier is empty".to_owned());
        }
        if !message_ids.contains(id) {
            return Err(format!("the itemIdentifier {id} is not of this batch"));
        }
        Ok(id.to_owned())
    };
    failures.iter().map(identifier).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(response: &str) -> BatchVerdict {
        evaluate_with(response, true)
    }

    fn evaluate_with(response: &str, report: bool) -> BatchVerdict {
        let outcome = InvocationOutcome::Responded(response.as_bytes().to_vec());
        evaluate_batch(&outcome, &BTreeSet::from(["a", "b"]), report)
    }

    #[test]
    fn empty_and_null_responses_and_lists_mean_success() {
        for response in [
            "",
            "  \n",
            "null",
            "{}",
            r#"{"batchItemFailures":null}"#,
            r#"{"batchItemFailures":[]}"#,
            r#"{"other":1}"#,
        ] {
            assert_eq!(evaluate(response), BatchVerdict::AllSucceeded, "{response}");
        }
    }

    #[test]
    fn named_messages_fail_and_the_others_do_not() {
        let verdict = evaluate(r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#);
        assert!(verdict.deletes("a"));
        assert!(!verdict.deletes("b"));
    }

    #[test]
    fn a_malformed_response_fails_the_whole_batch() {
        for response in [
            "{",
            "oops",
            "\"ok\"",
            "[]",
            "7",
            r#"{"batchItemFailures":{}}"#,
            r#"{"batchItemFailures":"a"}"#,
            r#"{"batchItemFailures":[null]}"#,
            r#"{"batchItemFailures":["a"]}"#,
            r#"{"batchItemFailures":[{"foo":"a"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":1}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"other"}]}"#,
        ] {
            let verdict = evaluate(response);
            assert!(matches!(verdict, BatchVerdict::AllFailed(_)), "{response}: {verdict:?}");
            assert!(!verdict.deletes("a") && !verdict.deletes("b"));
        }
    }

    #[test]
    fn without_the_response_type_every_answer_deletes_everything() {
        for response in ["", "{", r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#] {
            assert_eq!(evaluate_with(response, false), BatchVerdict::AllSucceeded, "{response}");
        }
    }

    #[test]
    fn an_error_fails_the_whole_batch_with_and_without_the_response_type() {
        let outcome = InvocationOutcome::Errored("timed out".to_owned());
        for report in [true, false] {
            assert_eq!(
                evaluate_batch(&outcome, &BTreeSet::from(["a"]), report),
                BatchVerdict::AllFailed("timed out".to_owned())
            );
        }
    }
}
