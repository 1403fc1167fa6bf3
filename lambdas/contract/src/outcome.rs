//! The line that the worker writes for every message it receives.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The value of the field `event` that marks an outcome line among other log lines.
pub const OUTCOME_EVENT: &str = "job.outcome";

/// How one attempt at a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The job is done; the message is deleted.
    Succeeded,
    /// The attempt failed; the message becomes visible again, or goes to the dead-letter queue.
    Failed,
}

impl Outcome {
    /// The word that stands in the log line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// One attempt at one message, as the worker logged it.
///
/// The worker writes it as the fields of a JSON log event, beside `event` = [`OUTCOME_EVENT`]. Lambda's own
/// JSON format nests a function's fields below `fields`; [`OutcomeLine::from_log_message`] reads both shapes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutcomeLine {
    /// The run that the job belongs to, where its submitter named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The job; absent when the body could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The SQS message id, the same on every attempt. Empty where the record did not carry one.
    pub message_id: String,
    /// `ApproximateReceiveCount` of this attempt; 1 for the first, 0 where the record did not carry it.
    pub receive_count: u32,
    /// How the attempt ended.
    pub outcome: Outcome,
    /// Why it failed; absent on success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The Lambda request id of the invocation.
    pub request_id: String,
    /// How many messages the invocation received together.
    pub batch_size: u32,
}

impl OutcomeLine {
    /// Reads an outcome line from one log event's message; `None` for any other line.
    pub fn from_log_message(message: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(message.trim()).ok()?;
        let fields = value.get("fields").unwrap_or(&value);
        if fields.get("event")?.as_str()? != OUTCOME_EVENT {
            return None;
        }
        serde_json::from_value(fields.clone()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-24T05:00:00.000Z","level":"INFO","fields":{"message":"job failed","event":"job.outcome","runId":"r","jobId":"j","messageId":"m","receiveCount":2,"outcome":"failed","reason":"asked to","requestId":"q","batchSize":3}}"#;

    #[test]
    fn reads_the_fields_of_a_lambda_json_log_line() {
        let line = OutcomeLine::from_log_message(LINE).unwrap();
        assert_eq!(line.receive_count, 2);
        assert_eq!(line.outcome, Outcome::Failed);
        assert_eq!(line.reason.as_deref(), Some("asked to"));
    }

    #[test]
    fn other_lines_are_not_outcomes() {
        assert_eq!(OutcomeLine::from_log_message("START RequestId: 1"), None);
        assert_eq!(OutcomeLine::from_log_message(r#"{"event":"other"}"#), None);
        assert_eq!(OutcomeLine::from_log_message(r#"{"event":"job.outcome"}"#), None);
        assert_eq!(OutcomeLine::from_log_message(&LINE.replace("job.outcome", "x")), None);
    }

    #[test]
    fn a_line_cut_short_is_no_outcome() {
        assert_eq!(OutcomeLine::from_log_message(&LINE[..LINE.len() - 5]), None);
    }
}
