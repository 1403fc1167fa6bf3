//! Reading how invocations ended from the events of a log group.

use super::{Invocation, InvocationEnd};
use crate::time::Timestamp;

/// What Python's runtime begins an uncaught error with, in text format: the level, a space and the error's type. What a program
/// logs itself has a tab there.
const ERROR: &str = "[ERROR] ";
/// What stands between that and the calls that led to it.
const CALLS: &str = "Traceback (most recent call last):";

/// The ends of invocations, as the events of a log group tell of them.
///
/// An uncaught error of Python's names no invocation in text format. A log stream belongs to one execution environment, which
/// works on one invocation at a time: the error is of the invocation whose report comes next in its stream.
///
/// Sources: <https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html> and
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>.
#[derive(Debug, Default)]
pub struct InvocationLog {
    ends: Vec<(String, Invocation)>,
    errors: Vec<(String, Timestamp)>,
}

impl InvocationLog {
    /// Takes an event; whether it tells of an end.
    pub fn take(&mut self, stream: &str, at: Timestamp, message: &str) -> bool {
        if let Some(invocation) = Invocation::read(message, at) {
            self.ends.push((stream.to_owned(), invocation));
            return true;
        }
        let is_error = message.starts_with(ERROR) && message.contains(CALLS);
        if is_error {
            self.errors.push((stream.to_owned(), at));
        }
        is_error
    }

    /// The ends, several of one invocation where several events tell of it.
    pub fn ends(self) -> Vec<Invocation> {
        let Self { mut ends, errors } = self;
        for (stream, at) in errors {
            let reports = ends.iter_mut().filter(|(of, _)| *of == stream);
            let reports = reports.map(|(_, end)| end).filter(|end| end.ended_at >= at);
            if let Some(next) = reports.min_by_key(|end| end.ended_at)
                && !next.end.fails_the_batch()
            {
                next.end = InvocationEnd::Error;
            }
        }
        ends.into_iter().map(|(_, end)| end).collect()
    }
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
            log.take(stream, Timestamp::from_millis(*at), message);
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
