//! Innocent: a healthy job was dead-lettered.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::super::history::Expectation;
use super::Anomaly;

/// Healthy is what succeeds at the first attempt; a job that fails a few times first may rightly end there.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in facts.jobs.iter().filter(|job| job.nature() == Some(Expectation::Healthy)) {
        if let Some(dead) = facts.dead_letters(job).next() {
            let attempts = job.attempts.iter().map(|place| Some(facts.attempts[*place].line));
            findings.job(Anomaly::InnocentDlq, job, attempts.chain([Some(dead.line)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;

    fn fails_to_the_end(nature: Expectation) -> Vec<Anomaly> {
        let mut script = Script::that_fails_to_the_end(nature);
        script.dead_letter("a").drained().found()
    }

    #[test]
    fn a_healthy_job_in_the_dead_letter_queue_is_found() {
        let found = fails_to_the_end(Expectation::Healthy);
        assert_eq!(found, [Anomaly::UncausedFailure, Anomaly::InnocentDlq]);
    }

    #[test]
    fn a_guilty_one_is_where_it_belongs() {
        assert_eq!(fails_to_the_end(Expectation::Flaky), []);
        assert_eq!(fails_to_the_end(Expectation::Poison), []);
    }
}
