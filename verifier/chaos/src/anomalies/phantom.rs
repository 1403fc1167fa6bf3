//! Phantom: seen, and never submitted.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::Anomaly;

/// A message whose body names no job counts as a job of its own, so it is a phantom, too.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in facts.jobs.iter().filter(|job| job.submits.is_empty()) {
        if let Some(seen) = job.seen {
            findings.job(Anomaly::Phantom, job, [job.sent, Some(seen)]);
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
    fn a_job_that_nobody_submitted_is_found() {
        let mut script = Script::new();
        script.sent("a").receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), [Anomaly::Phantom]);
    }

    #[test]
    fn a_submitted_job_is_none() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), []);
    }
}
