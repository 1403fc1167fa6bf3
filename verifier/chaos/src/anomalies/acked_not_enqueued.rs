//! Acked, not enqueued: the client got its 202, and no send was committed.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::Anomaly;

/// Only a target that sees every send can tell; elsewhere such a job is lost without an attempt.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in facts.jobs.iter().filter(|job| job.sent.is_none()) {
        if let Some(accepted) = job.accepted() {
            let submitted = job.submits.first().map(|submit| submit.line);
            findings.job(Anomaly::AckedNotEnqueued, job, [submitted, Some(accepted)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome::Succeeded;

    use super::super::script::Script;
    use super::*;
    use crate::history::Expectation;

    #[test]
    fn a_promise_without_a_send_is_found_and_named_alone() {
        let mut script = Script::new();
        script.invoke("a", Expectation::Healthy).ok("a");
        assert_eq!(script.drained().found(), [Anomaly::AckedNotEnqueued]);
    }

    #[test]
    fn a_promise_with_a_send_is_fine() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), []);
    }
}
