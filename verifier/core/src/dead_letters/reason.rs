//! The reason in a log line of any shape: of an error, and never of what was logged beside it.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// Words by which a line says that something failed. A line that merely holds `fail` does not.
const FAILURE: &str = r"(?x)
    \b(?:ERROR|FATAL|CRITICAL|PANIC)\b            # a level
    | \b[A-Za-z_.]*(?:Error|Exception)\b          # a type
    | (?i:\berror\b\s*[:=\]])                     # error: …
    | (?i:\b(?:failed|failure)\b[^:]*:)           # … failed: …
    | (?i:\bpanicked\ at\b) | (?i:\btimed\ out\b) | (?i:\bout\ of\ memory\b)
";
/// Words by which a line says that nothing did.
const HARMLESS: &str = r"\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING)\b";
/// Where the type and the message of an error stand in lines of JSON.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html>, and the structured loggers of Lambda's
/// runtimes and Powertools.
const TYPES: [&str; 4] = ["errorType", "error_type", "exception_name", "type"];
const MESSAGES: [&str; 7] =
    ["errorMessage", "error_message", "exception", "error", "err", "message", "msg"];
/// How much of a reason is kept, in characters.
const CHARS_MAX: usize = 300;

static FAILED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(FAILURE).ok());
static FINE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(HARMLESS).ok());

/// The reason in a line that names a message, without its id, so that lines of other messages are the same. `None` where the
/// line reports no failure. What stands in braces is an event, a body or a record: of that, only an error's type and message
/// are taken.
pub(super) fn reason_in(line: &str, id: &str) -> Option<String> {
    failure_in(line).map(|reason| shortened(&reason.replace(id, "…")))
}

/// The same with all that the line says, as it says it.
pub(super) fn failure_in(line: &str) -> Option<String> {
    let (text, json) = parts(line);
    let of_json = json.as_ref().and_then(error_in);
    let reason = match of_json {
        Some(reason) => reason,
        None if json.is_some() && text.trim().is_empty() => return None,
        None if says_failure(text) => {
            text.trim().trim_end_matches([':', '-', '=']).trim().to_owned()
        }
        None => return None,
    };
    (!reason.is_empty()).then_some(reason)
}

/// What a runtime writes of an error that nothing has caught: its type, its message, and the call that threw it. `None` for
/// all other lines.
///
/// Sources: <https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html> and
/// <https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html>.
pub(super) fn uncaught(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix("[ERROR] ")
        && let Some((error, calls)) = rest.split_once("Traceback (most recent call last)")
    {
        let frame = calls.split(['\n', '\r']).map(trimmed).rfind(|call| call.starts_with("File "));
        return Some(with_frame(trimmed(error), frame));
    }
    if line.contains("panicked at ") {
        let words: Vec<&str> = line.lines().take(2).map(str::trim).collect();
        return Some(shortened(&words.join(" ")));
    }
    let (text, json) = parts(line);
    let record = json?;
    let is_runtimes = ["Invoke Error", "Uncaught Exception", "Unhandled Promise Rejection"]
        .iter()
        .any(|mark| text.contains(mark));
    let of = |record: &Value| {
        let kind = record.get("errorType")?.as_str()?.to_owned();
        let message = record.get("errorMessage").and_then(Value::as_str).unwrap_or_default();
        let message = parts(message).0.trim();
        let error = if message.is_empty() { kind } else { format!("{kind}: {message}") };
        let calls = record.get("stackTrace").or_else(|| record.get("stack"));
        let calls = calls.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut calls = calls.iter().filter_map(Value::as_str).map(trimmed);
        // Node's begin with the innermost call, behind the error; Python's end with it.
        let frame = match calls.clone().find(|call| call.starts_with("at ")) {
            Some(call) => Some(call),
            None => calls.rfind(|call| call.starts_with("File ")),
        };
        Some(with_frame(&error, frame))
    };
    let has_calls = record.get("stackTrace").is_some();
    let own = of(&record).filter(|_| is_runtimes || has_calls);
    own.or_else(|| of(record.get("message")?))
}

/// A line without what stands around it, among it what Lambda has for the blanks of a call.
fn trimmed(text: &str) -> &str {
    let line = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{a0}');
    line.split(['\n', '\r']).next().unwrap_or_default().trim()
}

fn with_frame(error: &str, frame: Option<&str>) -> String {
    shortened(&frame.map_or_else(|| error.to_owned(), |frame| format!("{error} ({frame})")))
}

/// As much of a reason as is kept.
pub(super) fn shortened(reason: &str) -> String {
    reason.chars().take(CHARS_MAX).collect()
}

/// The text before the first brace, and the JSON from there on, where it is some.
fn parts(line: &str) -> (&str, Option<Value>) {
    let Some(at) = line.find('{') else { return (line, None) };
    let mut values = serde_json::Deserializer::from_str(&line[at..]).into_iter::<Value>();
    let value = values.next().and_then(Result::ok);
    // Also what is no JSON may be an event that was cut off or printed in another way.
    (&line[..at], value)
}

fn says_failure(text: &str) -> bool {
    let has = |rule: &Option<Regex>| rule.as_ref().is_some_and(|rule| rule.is_match(text));
    has(&FAILED) && !has(&FINE)
}

/// The error in a record: its type and its message.
fn error_in(record: &Value) -> Option<String> {
    let text =
        |name: &str| record.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let level = ["level", "severity", "levelname", "log.level"].iter().find_map(|name| text(name));
    let is_error = level.is_some_and(|level| {
        ["error", "fatal", "critical"].iter().any(|each| level.eq_ignore_ascii_case(each))
    });
    let kind = TYPES.iter().take(3).find_map(|name| text(name));
    let has_error = kind.is_some() || MESSAGES.iter().take(2).any(|name| text(name).is_some());
    if !is_error && !has_error {
        return nested(record);
    }
    let kind = kind.or_else(|| TYPES.iter().find_map(|name| text(name)));
    let message = MESSAGES.iter().find_map(|name| text(name));
    // A message may hold a dumped event, too.
    let message = message.map(|message| parts(message).0.trim()).filter(|text| !text.is_empty());
    match (kind, message) {
        (Some(kind), Some(message)) if !message.contains(kind) => {
            Some(format!("{kind}: {message}"))
        }
        (_, Some(message)) => Some(message.to_owned()),
        (kind, None) => kind.map(str::to_owned).or_else(|| nested(record)),
    }
}

/// The error within a record of a logger: `{"message": {"errorMessage": …}}` or `{"error": {"message": …}}`.
fn nested(record: &Value) -> Option<String> {
    ["error", "err", "message", "exception"].iter().find_map(|name| {
        let inner = record.get(name)?;
        let text = |name: &str| inner.get(name).and_then(Value::as_str);
        let message = text("errorMessage").or_else(|| text("message"))?;
        let kind = text("errorType").or_else(|| text("name")).or_else(|| text("type"));
        Some(kind.map_or_else(|| message.to_owned(), |kind| format!("{kind}: {message}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<String> {
        reason_in(line, "m-1")
    }

    #[test]
    fn errors_of_any_worker_are_found() {
        for (line, expected) in [
            ("[ERROR] message m-1: no such customer", "[ERROR] message …: no such customer"),
            ("error: m-1 slow", "error: … slow"),
            ("m-1 failed: no room", "… failed: no room"),
            ("KeyError: 'x' while handling m-1", "KeyError: 'x' while handling …"),
            ("m-1 Task timed out after 9.00 seconds", "… Task timed out after 9.00 seconds"),
            (
                "thread 'main' panicked at src/main.rs:1:2 for m-1",
                "thread 'main' panicked at src/main.rs:1:2 for …",
            ),
            (
                r#"{"errorType":"TypeError","errorMessage":"x is undefined for m-1","stack":["a","b"]}"#,
                "TypeError: x is undefined for …",
            ),
            (
                r#"ERROR	Invoke Error 	{"errorType":"Error","errorMessage":"boom","stack":[]} m-1"#,
                "Error: boom",
            ),
            (
                r#"{"level":"ERROR","message":"cannot charge m-1","event":{"card":"4111111111111111"}}"#,
                "cannot charge …",
            ),
            (r#"{"level":"error","err":{"name":"E","message":"bad"},"id":"m-1"}"#, "E: bad"),
        ] {
            assert_eq!(of(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn a_line_that_merely_holds_fail_or_an_event_is_no_reason() {
        for line in [
            "INFO handling m-1, failures so far: 0",
            "handling m-1 with failover",
            "INFO retrying m-1 after error: it works now",
            r#"received {"Records":[{"messageId":"m-1","body":"{\"error\":\"none\",\"card\":\"4111\"}"}]}"#,
            r#"{"Records":[{"messageId":"m-1","body":"failed: 4111111111111111"}]}"#,
            r#"{"level":"INFO","message":"m-1 failed: no, it did not"}"#,
            "m-1 done",
            "[WARN] m-1 KeyError on cache, fallback used",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }

    #[test]
    fn of_a_failure_with_a_dumped_event_only_the_words_before_it_are_taken() {
        let line = r#"ERROR cannot handle m-1: {"card": "4111111111111111", "cut": "off"#;
        assert_eq!(of(line).as_deref(), Some("ERROR cannot handle …"));
        let record = r#"{"level":"ERROR","message":"bad event m-1 {\"card\":\"4111\"}"}"#;
        assert_eq!(of(record).as_deref(), Some("bad event …"));
    }
}
