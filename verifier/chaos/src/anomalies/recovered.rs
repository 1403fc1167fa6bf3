//! Recovered: the client could not know, and the job was seen. Worth knowing and not an error.

use super::super::facts::{Facts, SubmitResult};
use super::super::finding::Findings;
use super::Anomaly;

/// An operation that did not end counts as one of which nobody can say how it ended.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in facts.jobs.iter().filter(|job| job.seen.is_some()) {
        let unknown = job.submits.iter().find(|submit| match submit.result {
            None => true,
            Some((result, _)) => result == SubmitResult::Info,
        });
        if let (Some(submit), None) = (unknown, job.accepted()) {
            let ended = submit.result.map(|(_, line)| line);
            findings.job(Anomaly::Recovered, job, [Some(submit.line), ended, job.seen]);
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
    fn a_job_whose_answer_was_lost_and_that_is_seen_is_recovered() {
        let mut script = Script::new();
        script.invoke("a", Expectation::Healthy).info("a").sent("a");
        script.receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), [Anomaly::Recovered]);
        let mut script = Script::new();
        script.invoke("a", Expectation::Healthy).sent("a").receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), [Anomaly::Recovered]);
    }

    #[test]
    fn a_job_that_never_arrived_is_not() {
        let mut script = Script::new();
        assert_eq!(script.invoke("a", Expectation::Healthy).info("a").drained().found(), []);
    }
}
