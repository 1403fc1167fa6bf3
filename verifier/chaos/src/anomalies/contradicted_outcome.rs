//! Contradicted outcome: the worker's line says that a job was done, and its response that it failed.

use contract::Outcome;

use super::super::facts::{Attempt, Facts};
use super::super::finding::Findings;
use super::super::history::{Expectation, InvocationEnd};
use super::Anomaly;

/// Of an invocation that answered, without a mate that failed: what a failing mate takes with it is batch-poisoned. A job that can
/// only fail is left to the anomalies about those.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in facts.jobs.iter().filter(|job| job.nature() != Some(Expectation::Poison)) {
        let mut attempts = job.attempts.iter().map(|place| &facts.attempts[*place]);
        if let Some(lines) = attempts.find_map(|attempt| contradiction(facts, attempt)) {
            findings.job(Anomaly::ContradictedOutcome, job, lines.map(Some));
        }
    }
}

/// The line that says done, and the one that says kept.
fn contradiction(facts: &Facts<'_>, attempt: &Attempt) -> Option<[usize; 2]> {
    let invocation = &facts.invocations[attempt.invocation];
    let has_answered = matches!(invocation.ended, Some((InvocationEnd::Responded, _)));
    let (Some((Outcome::Succeeded, done)), Some(kept)) = (attempt.outcome, attempt.kept) else {
        return None;
    };
    (has_answered && invocation.failed.is_none()).then_some([done, kept])
}

#[cfg(test)]
mod tests {
    use contract::Outcome::{Failed, Succeeded};

    use super::super::script::Script;
    use super::*;

    #[test]
    fn a_job_that_is_called_done_and_named_as_failed_is_found() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).receive("a");
        script.whole_batch_fails(&[("a", Succeeded)]);
        script.at(60_000).receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), [Anomaly::ContradictedOutcome]);
    }

    #[test]
    fn what_says_the_same_twice_is_none() {
        let mut script = Script::new();
        script.submit("a", Expectation::Flaky).receive("a").attempt("a", Failed);
        script.at(60_000).receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), []);
    }
}
