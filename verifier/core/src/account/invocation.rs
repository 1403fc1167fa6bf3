//! How invocations ended, by what Lambda itself writes to the log.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use verifier_model::time::Timestamp;

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
    pub const MARKS: [&'static str; 7] = [
        "platform.report",
        "REPORT RequestId",
        "Task timed out",
        "Runtime exited",
        "Invoke Error",
        "Uncaught Exception",
        "Traceback (most recent call last)",
    ];

    /// The end of an invocation, if a log event of Lambda's reports one. `logged_at` is the event's time.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report>, and for text
    /// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>.
    pub fn read(message: &str, logged_at: Timestamp) -> Option<Self> {
        let message = message.trim();
        if message.starts_with('{') {
            of_json(message, logged_at)
        } else {
            of_text(message, logged_at).or_else(|| of_failure(message, logged_at))
        }
    }

    /// What several lines report one invocation: that it failed, where one says so. In text format the report does not.
    pub fn joined(all: &[Self]) -> Vec<Self> {
        let mut joined = Vec::<Self>::new();
        let mut places = BTreeMap::<&str, usize>::new();
        for each in all {
            let place = *places.entry(&each.request_id).or_insert(joined.len());
            let Some(known) = joined.get_mut(place) else {
                joined.push(each.clone());
                continue;
            };
            if !known.end.fails_the_batch() && each.end != InvocationEnd::Unknown {
                known.end = each.end;
            }
            known.ended_at = known.ended_at.max(each.ended_at);
            known.duration = known.duration.max(each.duration);
        }
        joined
    }

    /// Whether a text is the id of an invocation, which is a UUID.
    pub fn is_request_id(text: &str) -> bool {
        is_request_id(text)
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

/// What runtimes and Lambda write in text format when an invocation fails, wherever the line names it: a timeout, a process that
/// ended, and Node's lines about what its handler threw. Python's line about that names no invocation; see
/// [`InvocationLog`](super::InvocationLog).
///
/// Sources: <https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html> and
/// <https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html>.
fn of_failure(message: &str, logged_at: Timestamp) -> Option<Invocation> {
    let fields: Vec<&str> = message.split('\t').map(str::trim).collect();
    let words: Vec<&str> = message.split_whitespace().collect();
    let at =
        |words: &[&str], mark: &[&str]| words.windows(mark.len()).position(|window| window == mark);
    let (request_id, end) = if let Some(behind) = at(&words, &["Task", "timed", "out"]) {
        (*words.get(behind.checked_sub(1)?)?, InvocationEnd::Timeout)
    } else if let Some(rest) = message.strip_prefix("RequestId: ") {
        let (request_id, rest) = rest.split_once(' ')?;
        rest.starts_with("Error: Runtime exited").then_some((request_id, InvocationEnd::Failure))?
    } else {
        let [_, request_id, "ERROR", what, ..] = fields.as_slice() else { return None };
        matches!(*what, "Invoke Error" | "Uncaught Exception")
            .then_some((*request_id, InvocationEnd::Error))?
    };
    is_request_id(request_id).then(|| Invocation {
        request_id: request_id.to_owned(),
        ended_at: logged_at,
        duration: Duration::ZERO,
        end,
    })
}

/// Whether a text is a request id, which is a UUID.
fn is_request_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hexadecimal = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(is_hexadecimal)
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
    fn in_text_lines_about_failures_tell_which_invocation_failed() {
        use InvocationEnd::{Error, Failure, Timeout};
        let id = "c1a7f3a2-9a11-4c4e-8d26-1f0c7a3c5d10";
        for (line, end) in [
            (format!("2026-11-28T00:00:00.000Z {id} Task timed out after 9.00 seconds"), Timeout),
            (format!("{id} Task timed out after 9.00 seconds"), Timeout),
            (
                format!(
                    "RequestId: {id} Error: Runtime exited with error: exit status 1\nRuntime.ExitError"
                ),
                Failure,
            ),
            (format!("RequestId: {id} Error: Runtime exited without providing a reason"), Failure),
            (
                format!(
                    "2026-11-28T00:00:00.000Z\t{id}\tERROR\tInvoke Error \t{{\"errorType\":\"Error\"}}"
                ),
                Error,
            ),
            (format!("2026-11-28T00:00:00.000Z\t{id}\tERROR\tUncaught Exception \t{{}}"), Error),
        ] {
            assert_eq!(read(&line), Some((id.to_owned(), end, 0)), "{line}");
        }
        for line in [
            "a job said that Task timed out after 9.00 seconds".to_owned(),
            format!("{id} a job timed out"),
            format!("2026-11-28T00:00:00.000Z\t{id}\tERROR\tcannot do this one"),
            format!("2026-11-28T00:00:00.000Z\t{id}\tINFO\tInvoke Error"),
            "2026-11-28T00:00:00.000Z\tundefined\tERROR\tUncaught Exception\t{}".to_owned(),
        ] {
            assert_eq!(read(&line), None, "{line}");
        }
    }

    #[test]
    fn a_failure_counts_for_more_than_a_report_that_does_not_say_how_it_ended() {
        use InvocationEnd::{Error, Success, Unknown};
        let of = |end, millis| Invocation {
            request_id: "q".to_owned(),
            ended_at: AT,
            duration: Duration::from_millis(millis),
            end,
        };
        for (ends, joined) in [
            ([Unknown, Error], Error),
            ([Error, Unknown], Error),
            ([Error, Success], Error),
            ([Unknown, Success], Success),
        ] {
            let all = ends.map(|end| of(end, u64::from(end == Unknown) * 7));
            let found = Invocation::joined(&all);
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].end, joined, "{ends:?}");
        }
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
