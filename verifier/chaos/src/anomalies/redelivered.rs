//! Redelivered: R > 1 with no failure; of a job that is submitted more than once, more attempts than submits. Valid on a
//! standard queue, and counted.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::Anomaly;

/// An attempt that the mapping did not accept is a failed one, whatever the worker's own line says.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in facts.jobs.iter().filter(|job| job.attempts.len() > job.submits.len().max(1)) {
        let attempts = || job.attempts.iter().map(|place| &facts.attempts[*place]);
        if !attempts().any(|attempt| attempt.failed(facts)) {
            findings.job(Anomaly::Redelivered, job, attempts().map(|attempt| Some(attempt.line)));
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome::{Failed, Succeeded};

    use super::super::script::Script;
    use super::*;
    use crate::history::Expectation;

    #[test]
    fn a_second_attempt_without_a_failure_is_counted() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy);
        script.receive("a").attempt("a", Succeeded).at(60_000).receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), [Anomaly::Redelivered]);
    }

    #[test]
    fn one_attempt_for_each_submit_is_none() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).submit("a", Expectation::Healthy);
        script.receive("a").attempt("a", Succeeded).at(60_000).receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), []);
    }

    #[test]
    fn a_retry_is_none() {
        let mut script = Script::new();
        script.submit("a", Expectation::Flaky);
        script.receive("a").attempt("a", Failed).at(60_000).receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), []);
    }

    #[test]
    fn a_line_that_comes_twice_is_one_attempt() {
        let mut script = Script::new();
        script
            .submit("a", Expectation::Healthy)
            .receive("a")
            .attempt("a", Succeeded)
            .repeat_line("a");
        assert_eq!(script.drained().found(), []);
    }
}
