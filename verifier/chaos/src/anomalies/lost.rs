//! Lost: accepted, S = 0 and D = 0 when everything was drained.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::super::history::Expectation;
use super::super::observation::Observation;
use super::Anomaly;

/// What more precisely named anomalies explain is left to them: a job of which no send was committed is
/// acked-not-enqueued, and a poison that was deleted is poison-as-success. Without a complete drain nothing is lost, since it
/// may still be on its way.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    let Some((true, drained)) = facts.drained else {
        return;
    };
    for job in &facts.jobs {
        let Some(accepted) = job.accepted() else {
            continue;
        };
        let in_dlq = facts.dead_letters(job).any(|dead| dead.removed.is_none());
        let never_sent = facts.observes(Observation::Sends) && job.sent.is_none();
        let deleted = job.messages.iter().find_map(|message| facts.messages[*message].deleted);
        let excused =
            never_sent || (job.nature() == Some(Expectation::Poison) && deleted.is_some());
        if job.effects.is_empty() && !in_dlq && !excused {
            findings.job(
                Anomaly::Lost,
                job,
                [Some(accepted), job.sent, job.seen, deleted, Some(drained)],
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;

    #[test]
    fn a_job_that_is_deleted_without_effect_is_lost_and_not_before_the_drain() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).receive("a").delete("a");
        assert_eq!(script.found(), []);
        assert_eq!(script.drained().found(), [Anomaly::Lost]);
    }

    #[test]
    fn a_job_in_the_dead_letter_queue_is_not_lost() {
        let mut script = Script::that_fails_to_the_end(Expectation::Poison);
        assert_eq!(script.dead_letter("a").drained().found(), []);
    }
}
