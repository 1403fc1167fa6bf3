//! Reading how invocations ended from the events of a log group.

use std::collections::BTreeSet;

use serde_json::Value;
use verifier_model::time::Timestamp;

use super::{Invocation, InvocationEnd};

/// What Python's runtime begins an uncaught error with, in text format: the level, a space and the error's type. What a program
/// logs itself has a tab there.
const ERROR: &str = "[ERROR] ";
/// What stands between that and the calls that led to it.
const CALLS: &str = "Traceback (most recent call last):";

/// The ends of invocations, as the events of a log group report them.
///
/// A log stream belongs to one execution environment, which works on one invocation at a time: what an event tells is of the
/// invocation whose report comes next in its stream. So is an uncaught error of Python's, which names none in text format, and
/// so is a line of a worker's that names none.
///
/// Sources: <https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html> and
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>.
///
/// A log group may be that of several functions. A stream's name holds its function's then, and so does the line with which
/// Lambda begins an environment, in JSON format: what is of another function is left out.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html>.
#[derive(Debug, Default)]
pub struct InvocationLog {
    function: Option<String>,
    others: BTreeSet<String>,
    taken: usize,
    ends: Vec<(Place, Invocation)>,
    errors: Vec<Place>,
}

/// Where in a log group an event is: in the order of time, and of one moment in the order in which they are read.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    stream: String,
    at: Timestamp,
    number: usize,
}

impl InvocationLog {
    /// What to let through a log filter, so that it is seen of which function a stream is.
    pub const FUNCTION_MARK: &'static str = "platform.initStart";

    /// The log of a function.
    pub fn of(function: &str) -> Self {
        Self { function: Some(function.to_owned()), ..Self::default() }
    }

    /// Whether an event is of another function, as its stream's name says, or its line or one before it in the stream.
    pub fn is_of_another(&mut self, stream: &str, message: &str) -> bool {
        let Some(function) = &self.function else { return false };
        let is_another = |name: Option<&str>| name.is_some_and(|name| name != function);
        if is_another(function_of_stream(stream)) || is_another(begun(message).as_deref()) {
            self.others.insert(stream.to_owned());
        }
        self.others.contains(stream)
    }

    /// Takes an event. Where it reports no end, it says where the event is.
    pub fn take(&mut self, stream: &str, at: Timestamp, message: &str) -> Option<Place> {
        self.taken += 1;
        let place = Place { stream: stream.to_owned(), at, number: self.taken };
        if let Some(invocation) = Invocation::read(message, at) {
            self.ends.push((place, invocation));
            return None;
        }
        if message.starts_with(ERROR) && message.contains(CALLS) {
            self.errors.push(place);
            return None;
        }
        Some(place)
    }

    /// The id of the invocation that an event is of, if its end was read.
    pub fn request_at(&self, place: &Place) -> Option<&str> {
        self.next(place).map(|index| self.ends[index].1.request_id.as_str())
    }

    /// The ends, several of one invocation where several events report it.
    pub fn ends(mut self) -> Vec<Invocation> {
        for error in std::mem::take(&mut self.errors) {
            if let Some(index) = self.next(&error)
                && !self.ends[index].1.end.fails_the_batch()
            {
                self.ends[index].1.end = InvocationEnd::Error;
            }
        }
        self.ends.into_iter().map(|(_, end)| end).collect()
    }

    /// The end that comes next in a stream. Events of one moment may have been stored in another order.
    fn next(&self, place: &Place) -> Option<usize> {
        let of_stream = || {
            let ends = self.ends.iter().enumerate();
            ends.filter(|(_, (end, _))| end.stream == place.stream)
        };
        let behind = of_stream().filter(|(_, (end, _))| end > place);
        let next = behind.min_by_key(|(_, (end, _))| end);
        let next = next.or_else(|| of_stream().find(|(_, (end, _))| end.at == place.at));
        next.map(|(index, _)| index)
    }
}

/// The function in a stream's name, which is `YYYY/MM/DD/NAME[VERSION]ID` or, without one, `YYYY/MM/DD/[VERSION]ID`.
fn function_of_stream(stream: &str) -> Option<&str> {
    let mut parts = stream.splitn(4, '/');
    let is_date = [4, 2, 2].into_iter().all(|digits| {
        parts.next().is_some_and(|part| {
            part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    });
    let (name, _) = parts.next().filter(|_| is_date)?.split_once('[')?;
    (!name.is_empty()).then_some(name)
}

/// The function whose environment an event says to begin.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-initStart>.
fn begun(message: &str) -> Option<String> {
    let is_mentioned = message.contains(InvocationLog::FUNCTION_MARK);
    let value: Value = serde_json::from_str(message).ok().filter(|_| is_mentioned)?;
    (value.get("type")?.as_str()? == InvocationLog::FUNCTION_MARK).then_some(())?;
    Some(value.pointer("/record/functionName")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNCAUGHT: &str = "[ERROR] RuntimeError: cannot do this one\rTraceback (most recent call last):\r\u{a0}\u{a0}File \"/var/task/app.py\", line 7, in handler";

    fn report(id: &str) -> String {
        format!(
            "REPORT RequestId: {id}\tDuration: 2.00 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB"
        )
    }

    fn ends(events: &[(&str, u64, &str)]) -> Vec<(String, InvocationEnd)> {
        let mut log = InvocationLog::default();
        for (stream, at, message) in events {
            let _ = log.take(stream, Timestamp::from_millis(*at), message);
        }
        log.ends().into_iter().map(|end| (end.request_id, end.end)).collect()
    }

    #[test]
    fn an_uncaught_error_of_pythons_is_of_the_invocation_that_ends_next_in_its_stream() {
        use InvocationEnd::{Error, Unknown};
        let (a, b, c) = (report("a"), report("b"), report("c"));
        let events = [("s", 10, a.as_str()), ("s", 15, UNCAUGHT), ("t", 16, &c), ("s", 20, &b)];
        let found = [("a", Unknown), ("c", Unknown), ("b", Error)];
        let named = |(id, end): (&str, InvocationEnd)| (id.to_owned(), end);
        assert_eq!(ends(&events), found.map(named));
        // Events of one moment may come in any order.
        assert_eq!(ends(&[("s", 20, &b), ("s", 20, UNCAUGHT)]), [named(("b", Error))]);
    }

    #[test]
    fn a_line_that_names_no_invocation_is_of_the_one_that_ends_next_in_its_stream() {
        let (a, b, c) = (report("a"), report("b"), report("c"));
        let mut log = InvocationLog::default();
        let mut places = Vec::new();
        for (stream, at, message) in [
            ("s", 5, "done"),
            ("s", 10, a.as_str()),
            ("s", 10, "done"),
            ("t", 11, &c),
            ("s", 12, &b),
            ("s", 13, "done"),
        ] {
            places.extend(log.take(stream, Timestamp::from_millis(at), message));
        }
        let found: Vec<Option<&str>> = places.iter().map(|place| log.request_at(place)).collect();
        assert_eq!(found, [Some("a"), Some("b"), None]);
    }

    #[test]
    fn what_is_of_another_function_is_told_by_its_streams_name_or_beginning() {
        let begin = |name: &str| {
            format!(r#"{{"type":"platform.initStart","record":{{"functionName":"{name}"}}}}"#)
        };
        let is_of_another = |stream: &str, first: &str| {
            let mut log = InvocationLog::of("worker");
            let _ = log.is_of_another(stream, first);
            log.is_of_another(stream, "done")
        };
        assert!(is_of_another("2026/11/28/submit[$LATEST]0f", "done"));
        assert!(is_of_another("2026/11/28/[$LATEST]0f", &begin("submit")));
        for (stream, first) in [
            ("2026/11/28/worker[$LATEST]0f", "done"),
            ("2026/11/28/[$LATEST]0f", "done"),
            ("2026/11/28/[$LATEST]0f", begin("worker").as_str()),
            ("of-its-own/submit[1]", "done"),
            ("2026/11/28/[$LATEST]0f", r#"{"note":"platform.initStart","functionName":"submit"}"#),
        ] {
            assert!(!is_of_another(stream, first), "{stream} {first}");
        }
        // Where no function is meant, all are.
        let mut log = InvocationLog::default();
        assert!(!log.is_of_another("2026/11/28/submit[$LATEST]0f", "done"));
    }

    #[test]
    fn what_a_program_logs_itself_fails_nothing() {
        let a = report("a");
        for line in [
            "[ERROR]\t2026-11-28T00:00:00.000Z\tid\tfailed\nTraceback (most recent call last):\n",
            "[ERROR] cannot do this one",
            "Traceback (most recent call last):",
        ] {
            assert_eq!(
                ends(&[("s", 1, line), ("s", 2, &a)])[0].1,
                InvocationEnd::Unknown,
                "{line}"
            );
        }
    }
}
