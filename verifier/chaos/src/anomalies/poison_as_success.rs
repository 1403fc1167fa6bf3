//! Poison as success: a job that can only fail was deleted, and D = 0.

use contract::Outcome;

use super::super::facts::{Facts, Job, LineNumber};
use super::super::finding::Findings;
use super::super::history::Expectation;
use super::super::observation::Observation;
use super::Anomaly;

/// Where deletes are not observed, a poison that the worker calls done counts as deleted.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in facts.jobs.iter().filter(|job| job.nature() == Some(Expectation::Poison)) {
        let dead_lettered = facts.dead_letters(job).next().is_some();
        if let (Some(deleted), false) = (deleted(facts, job), dead_lettered) {
            let attempts = job.attempts.iter().map(|place| Some(facts.attempts[*place].line));
            findings.job(Anomaly::PoisonAsSuccess, job, attempts.chain([Some(deleted)]));
        }
    }
}

fn deleted(facts: &Facts<'_>, job: &Job<'_>) -> Option<LineNumber> {
    if facts.observes(Observation::Deletes) {
        return job.messages.iter().find_map(|message| facts.messages[*message].deleted);
    }
    job.attempts.iter().find_map(|place| match facts.attempts[*place].outcome {
        Some((Outcome::Succeeded, line)) => Some(line),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;

    #[test]
    fn a_deleted_poison_is_found_and_named_alone() {
        let mut script = Script::new();
        script.submit("a", Expectation::Poison).receive("a").attempt("a", Outcome::Succeeded);
        assert_eq!(script.drained().found(), [Anomaly::PoisonAsSuccess]);
        let mut script = Script::new();
        script.submit("a", Expectation::Poison).receive("a").delete("a");
        assert_eq!(script.drained().found(), [Anomaly::PoisonAsSuccess]);
    }

    #[test]
    fn a_poison_that_fails_to_the_end_is_fine() {
        let mut script = Script::that_fails_to_the_end(Expectation::Poison);
        assert_eq!(script.dead_letter("a").drained().found(), []);
    }
}
