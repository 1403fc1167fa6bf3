//! How invocations ended, by what Lambda itself writes to the log.

use std::time::Duration;

use serde_json::Value;

use crate::time::Timestamp;

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InvocationEnd {
    /// The function answered. With a partial batch response, messages may have failed all the same.
    Success,
    /// The function ended with an error: an event source mapping retries the whole batch.
    Error,
    /// The runtime failed, for example because the process ended.
    Failure,
    /// Its time was up.
    Timeout,
    /// Lambda reported its end without saying how, as it does in text format.
    Unknown,
}

/// An invocation that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Its request id.
    pub request_id: String,
    /// When Lambda reported its end.
    pub ended_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub end: InvocationEnd,
}

impl InvocationEnd {
    /// Whether an event source mapping takes the whole batch for failed, whatever the function says of single messages.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
    pub fn fails_the_batch(self) -> bool {
        matches!(self, Self::Error | Self::Failure | Self::Timeout)
    }

    /// The status as Lambda writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Failure => "failure",
            Self::Timeout => "timeout",
            Self::Unknown => "unknown",
        }
    }

    fn of_status(status: &str) -> Self {
        match status {
            "success" => Self::Success,
            "error" => Self::Error,
            "failure" => Self::Failure,
            "timeout" => Self::Timeout,
            _ => Self::Unknown,
        }
    }
}

impl Invocation {
    /// What a log filter has to let through, besides lines of one's own, so that the ends of invocations are seen.
    pub const MARKS: [&'static str; 2] = ["platform.report", "REPORT RequestId"];

    /// The end of an invocation, if a log event of Lambda's tells of one. `logged_at` is the event's time.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report>, and for text
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>.
    pub fn read(message: &str, logged_at: Timestamp) -> Option<Self> {
        let message = message.trim();
        if message.starts_with('{') {
            of_json(message, logged_at)
        } else {
            of_text(message, logged_at)
        }
    }

    /// When it began.
    pub fn started_at(&self) -> Timestamp {
        self.ended_at - self.duration
    }
}

fn of_json(message: &str, logged_at: Timestamp) -> Option<Invocation> {
    let value: Value = serde_json::from_str(message).ok()?;
    (value.get("type")?.as_str()? == "platform.report").then_some(())?;
    let record = value.get("record")?;
    let millis = record.pointer("/metrics/durationMs").and_then(Value::as_f64).unwrap_or_default();
    Some(Invocation {
        request_id: record.get("requestId")?.as_str()?.to_owned(),
        ended_at: logged_at,
        duration: duration(millis),
        end: InvocationEnd::of_status(
            record.get("status").and_then(Value::as_str).unwrap_or_default(),
        ),
    })
}

fn of_text(message: &str, logged_at: Timestamp) -> Option<Invocation> {
    let rest = message.strip_prefix("REPORT RequestId: ")?;
    let mut fields = rest.split('\t').map(str::trim);
    let request_id = fields.next()?.to_owned();
    let mut invocation = Invocation {
        request_id,
        ended_at: logged_at,
        duration: Duration::ZERO,
        end: InvocationEnd::Unknown,
    };
    for field in fields {
        if let Some(millis) =
            field.strip_prefix("Duration: ").and_then(|text| text.strip_suffix(" ms"))
        {
            invocation.duration = duration(millis.parse().unwrap_or_default());
        } else if let Some(status) = field.strip_prefix("Status: ") {
            invocation.end = InvocationEnd::of_status(status);
        }
    }
    (!invocation.request_id.is_empty()).then_some(invocation)
}

fn duration(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(10_000);

    fn read(message: &str) -> Option<(String, InvocationEnd, u128)> {
        let found = Invocation::read(message, AT)?;
        Some((found.request_id, found.end, found.duration.as_millis()))
    }

    #[test]
    fn lambdas_own_reports_say_how_an_invocation_ended() {
        let json = |status: &str| {
            format!(
                r#"{{"time":"2026-11-28T00:00:00.000Z","type":"platform.report","record":{{"requestId":"q","metrics":{{"durationMs":12.5}},"status":"{status}"}}}}"#
            )
        };
        for (status, end) in [
            ("success", InvocationEnd::Success),
            ("error", InvocationEnd::Error),
            ("failure", InvocationEnd::Failure),
            ("timeout", InvocationEnd::Timeout),
            ("", InvocationEnd::Unknown),
        ] {
            assert_eq!(read(&json(status)), Some(("q".to_owned(), end, 12)), "{status}");
        }
        let text = "REPORT RequestId: q\tDuration: 9000.00 ms\tBilled Duration: 9000 ms\tMemory Size: 128 MB\tStatus: timeout";
        assert_eq!(read(text), Some(("q".to_owned(), InvocationEnd::Timeout, 9000)));
        let text =
            "REPORT RequestId: q\tDuration: 2.00 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\n";
        assert_eq!(read(text), Some(("q".to_owned(), InvocationEnd::Unknown, 2)));
    }

    #[test]
    fn other_lines_tell_of_no_end() {
        for line in [
            "",
            "{}",
            "{",
            r#"{"type":"platform.start","record":{"requestId":"q"}}"#,
            r#"{"type":"platform.report","record":{}}"#,
            "END RequestId: q",
            "a job said REPORT RequestId: q",
            "REPORT RequestId: ",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn only_an_error_a_failure_and_a_timeout_fail_the_batch() {
        use InvocationEnd::{Error, Failure, Success, Timeout, Unknown};
        for end in [Error, Failure, Timeout] {
            assert!(end.fails_the_batch());
        }
        for end in [Success, Unknown] {
            assert!(!end.fails_the_batch());
        }
    }
}
