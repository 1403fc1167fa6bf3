//! Uncaused failure: the worker failed a job that nothing had made fail.

use contract::Outcome;

use super::super::facts::{Attempt, Facts, LineNumber};
use super::super::finding::Findings;
use super::Anomaly;

/// How often a job may fail is declared: a healthy one never, a flaky one at so many of its first receives, poison at every one.
/// Beyond that only what strikes it may make it fail; that is left to what excuses a finding. By the worker's own lines: what
/// becomes of an attempt that says nothing is other anomalies' matter.
///
/// Failures of one message are counted, and not told by their receives: a batch that starts late has an old receive count.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in &facts.jobs {
        let Some(fails) = job.fails() else { continue };
        let beyond = job.messages.iter().find_map(|message| {
            let attempts = facts.messages[*message].attempts.iter();
            let mut failures = attempts.filter_map(|place| failed(&facts.attempts[*place]));
            failures.nth(fails as usize)
        });
        if let Some(line) = beyond {
            let submit = job.submits.first().map(|submit| submit.line);
            findings.job(Anomaly::UncausedFailure, job, [submit, Some(line)]);
        }
    }
}

fn failed(attempt: &Attempt) -> Option<LineNumber> {
    match attempt.outcome {
        Some((Outcome::Failed, line)) => Some(line),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome::{Failed, Succeeded};

    use super::super::script::Script;
    use super::*;
    use crate::history::Expectation;

    fn fails_twice(nature: Expectation, fails: u32) -> Vec<Anomaly> {
        let mut script = Script::new();
        script.submit_failing("a", nature, fails);
        script.receive("a").attempt("a", Failed);
        script.at(60_000).receive("a").attempt("a", Failed);
        script.at(120_000).receive("a").attempt("a", Succeeded).drained().found()
    }

    #[test]
    fn a_failure_beyond_those_that_are_declared_is_found() {
        assert_eq!(fails_twice(Expectation::Healthy, 0), [Anomaly::UncausedFailure]);
        assert_eq!(fails_twice(Expectation::Flaky, 1), [Anomaly::UncausedFailure]);
    }

    #[test]
    fn a_declared_failure_is_none() {
        assert_eq!(fails_twice(Expectation::Flaky, 2), []);
        let mut script = Script::that_fails_to_the_end(Expectation::Poison);
        assert_eq!(script.dead_letter("a").drained().found(), []);
    }
}
