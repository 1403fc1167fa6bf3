//! How invocations ended that were asked for, by their ids: each retry of an event has the id of its first attempt.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>.

use std::collections::{BTreeMap, BTreeSet};

use contract::Outcome;
use verifier_model::time::Timestamp;

use super::invocations::{reported, request_in, started};
use super::reason::uncaught;
use super::{Attempt, invocations_pattern};
use crate::account::{Invocation, InvocationEnd};

/// What the log of a function reports of some invocations.
#[derive(Clone, Debug, Default)]
pub struct RequestLog {
    ids: BTreeSet<String>,
    /// The invocation that a log stream is at.
    current: BTreeMap<String, String>,
    /// What was thrown in an invocation since it began last.
    errors: BTreeMap<String, String>,
    /// Those of which a line says that they failed, since they began last.
    failed: BTreeSet<String>,
    attempts: BTreeMap<String, Vec<Attempt>>,
}

impl RequestLog {
    /// Of invocations with those ids.
    pub fn of(ids: impl IntoIterator<Item = String>) -> Self {
        Self { ids: ids.into_iter().collect(), ..Self::default() }
    }

    /// A filter pattern for what is read; `None` for more ids than fit into one.
    pub fn pattern(&self) -> Option<String> {
        invocations_pattern(self.ids.iter().map(String::as_str))
    }

    /// Takes an event of a log stream.
    pub fn take(&mut self, stream: &str, at: Timestamp, line: &str) {
        let line = line.trim_end();
        if let Some(request_id) = started(line) {
            self.errors.remove(&request_id);
            self.failed.remove(&request_id);
            self.current.insert(stream.to_owned(), request_id);
            return;
        }
        let end = Invocation::read(line, at);
        let own = end.as_ref().map(|end| end.request_id.clone()).or_else(|| request_in(line));
        let Some(request_id) = own.or_else(|| self.current.get(stream).cloned()) else { return };
        if !self.ids.contains(&request_id) {
            return;
        }
        if let Some(error) = uncaught(line) {
            // Python's names no invocation, and no report in text format says that it failed.
            if line.starts_with("[ERROR] ") {
                self.failed.insert(request_id.clone());
            }
            self.errors.entry(request_id.clone()).or_insert(error);
        }
        let Some(end) = end else { return };
        if !is_report(line) {
            if end.end.fails_the_batch() {
                self.failed.insert(request_id.clone());
                self.errors.entry(request_id).or_insert_with(|| reported(line, end.end));
            }
            return;
        }
        self.ended(request_id, end.end, at, line);
    }

    fn ended(&mut self, request_id: String, end: InvocationEnd, at: Timestamp, line: &str) {
        let has_failed = end.fails_the_batch() || self.failed.contains(&request_id);
        let outcome = match end {
            _ if has_failed => Some(Outcome::Failed),
            InvocationEnd::Success => Some(Outcome::Succeeded),
            // In text format a report does not say so, and what a runtime of any language writes of an error is not known.
            _ => None,
        };
        let error = self.errors.get(&request_id).cloned();
        let reason = has_failed.then(|| error.unwrap_or_else(|| reported(line, end)));
        let attempt = Attempt {
            at,
            outcome,
            receive_count: None,
            request_id: Some(request_id.clone()),
            reason,
            line: line.to_owned(),
        };
        let attempts = self.attempts.entry(request_id).or_default();
        // Logs deliver at least once.
        if !attempts.iter().any(|each| each.at == attempt.at && each.line == attempt.line) {
            attempts.push(attempt);
            attempts.sort_by_key(|attempt| attempt.at);
        }
    }

    /// The attempts of an invocation that have ended, in the order of their times.
    pub fn attempts(&self, request_id: &str) -> &[Attempt] {
        self.attempts.get(request_id).map(Vec::as_slice).unwrap_or_default()
    }

    /// All of them, by the ids of invocations.
    pub(super) fn into_attempts(self) -> BTreeMap<String, Vec<Attempt>> {
        self.attempts
    }
}

/// Whether Lambda reports with a line that an invocation is over.
fn is_report(line: &str) -> bool {
    line.starts_with("REPORT ") || line.starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "c1a7f3a2-9a11-4c4e-8d26-1f0c7a3c5d10";
    const TWO: &str = "d2a7f3a2-9a11-4c4e-8d26-1f0c7a3c5d11";

    fn read(lines: &[String]) -> Vec<(Option<Outcome>, Option<String>)> {
        let mut log = RequestLog::of([ONE.to_owned()]);
        for (second, line) in (1..).zip(lines) {
            log.take("s", Timestamp::from_millis(second * 1000), line);
        }
        let attempts = log.attempts(ONE).iter();
        attempts.map(|attempt| (attempt.outcome, attempt.reason.clone())).collect()
    }

    fn start(id: &str) -> String {
        format!("START RequestId: {id} Version: $LATEST")
    }

    fn report(id: &str, status: &str) -> String {
        format!("REPORT RequestId: {id}\tDuration: 1.00 ms{status}")
    }

    fn platform(id: &str, status: &str) -> String {
        format!(
            r#"{{"type":"platform.report","record":{{"requestId":"{id}","metrics":{{"durationMs":1.0}},"status":"{status}"}}}}"#
        )
    }

    #[test]
    fn a_retry_that_succeeds_comes_behind_the_failure() {
        let failed = Some(Outcome::Failed);
        let told = read(&[
            platform(TWO, "success"),
            platform(ONE, "timeout"),
            platform(ONE, "timeout"),
            platform(ONE, "success"),
        ]);
        let timed_out = Some("the invocation timed out".to_owned());
        assert_eq!(
            told,
            [(failed, timed_out.clone()), (failed, timed_out), (Some(Outcome::Succeeded), None)]
        );
    }

    #[test]
    fn in_text_an_error_tells_and_a_bare_report_tells_nothing() {
        let python = "[ERROR] KeyError: 'price'\nTraceback (most recent call last):\n  File \"/var/task/app.py\", line 4, in charge".to_owned();
        let lines = [
            start(ONE),
            python.clone(),
            report(ONE, ""),
            start(ONE),
            report(ONE, ""),
            start(TWO),
            python,
            report(TWO, ""),
        ];
        let reason = "KeyError: 'price' (File \"/var/task/app.py\", line 4, in charge)";
        let failed = (Some(Outcome::Failed), Some(reason.to_owned()));
        assert_eq!(read(&lines), [failed, (None, None)]);
        let timed_out = format!("2026-11-28T00:00:00.000Z {ONE} Task timed out after 9.00 seconds");
        let told = read(&[start(ONE), timed_out, report(ONE, "\tStatus: timeout")]);
        let reason = Some("Task timed out after 9.00 seconds".to_owned());
        assert_eq!(told, [(Some(Outcome::Failed), reason)]);
    }

    #[test]
    fn what_is_logged_of_a_caught_error_is_no_failure() {
        let caught = format!(
            "2026-11-28T00:00:00.000Z\t{ONE}\tERROR\tretrying {{\"errorType\":\"Slow\",\"stackTrace\":[]}}"
        );
        let told = read(&[start(ONE), caught, platform(ONE, "success")]);
        assert_eq!(told, [(Some(Outcome::Succeeded), None)]);
    }
}
