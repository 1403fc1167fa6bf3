//! Rejected but enqueued: every submit of the job failed for certain, and it was seen.

use super::super::facts::{Facts, SubmitResult};
use super::super::finding::Findings;
use super::Anomaly;

/// The caller may have fixed its job and sent it under another id: it is now done twice.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    let failed = |result| matches!(result, Some((SubmitResult::Fail, _)));
    for job in facts.jobs.iter().filter(|job| job.seen.is_some() && !job.submits.is_empty()) {
        if job.submits.iter().all(|submit| failed(submit.result)) {
            let refused = job.result_line(SubmitResult::Fail);
            findings.job(Anomaly::RejectedButEnqueued, job, [refused, job.sent, job.seen]);
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
    fn a_refused_job_that_is_worked_off_is_found() {
        let mut script = Script::new();
        script.invoke("a", Expectation::Healthy).sent("a").fail("a");
        script.receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), [Anomaly::RejectedButEnqueued]);
    }

    #[test]
    fn a_refused_job_that_nobody_sees_is_fine() {
        let mut script = Script::new();
        assert_eq!(script.invoke("a", Expectation::Healthy).fail("a").drained().found(), []);
    }
}
