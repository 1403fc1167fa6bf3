//! Lost: accepted, S = 0 and D = 0 when everything was drained.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::super::history::Expectation;
use super::super::observation::Observation;
use super::Anomaly;

/// What more precisely named anomalies explain is left to them: a job of which no send was committed is
/// acked-not-enqueued, and a poison that was deleted is poison-as-success. Without a complete drain nothing is lost, since it
/// may still be on its way; and where the line of an effect may be missing, nobody knows whether there was one.
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
        if !facts.is_done(job) && !in_dlq && !excused && !facts.may_lack_lines(job) {
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
    use contract::Outcome;
    use verifier_model::faults::Fault;

    use super::super::script::Script;
    use super::*;
    use crate::AnomalySet;
    use crate::checker::{ChaosReport, Verdict};

    #[test]
    fn a_job_that_is_deleted_without_effect_is_lost_and_not_before_the_drain() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).receive("a").delete("a");
        assert_eq!(script.found(), []);
        assert_eq!(script.drained().found(), [Anomaly::Lost]);
    }

    /// What is found of a job that succeeds without an effect, beside one that tells its effect, when this struck the log at a time.
    fn told_done(nature: Expectation, tells: bool, log: Option<(u64, Fault)>) -> ChaosReport {
        let mut script = Script::that_observes(&[Observation::Attempts, Observation::EffectLines]);
        if !tells {
            script = Script::that_observes(&[Observation::Attempts]);
        }
        script.submit("a", nature).receive("a").attempt("a", Outcome::Succeeded);
        script.submit("b", Expectation::Healthy).receive("b");
        if tells {
            script.told_effect("b", "work");
        }
        script.attempt("b", Outcome::Succeeded);
        if let Some((at, fault)) = log {
            script.at(at).strike(fault);
        }
        script.at(500_000).drained().report()
    }

    #[test]
    fn a_job_that_is_called_done_and_has_no_effect_is_lost_where_effects_are_told() {
        for nature in [Expectation::Healthy, Expectation::Flaky] {
            let report = told_done(nature, true, None);
            let lost: Vec<_> = report.findings.iter().map(|found| found.job.as_deref()).collect();
            assert_eq!(lost, [Some("a")]);
            assert_eq!(report.violations(), AnomalySet::of(&[Anomaly::Lost]));
        }
        assert_eq!(told_done(Expectation::Healthy, false, None).findings, [], "none are told");
        let poison = told_done(Expectation::Poison, true, None).violations();
        assert_eq!(poison, AnomalySet::of(&[Anomaly::PoisonAsSuccess]), "it has another name");
    }

    #[test]
    fn where_the_line_of_an_effect_may_be_missing_nobody_knows() {
        let at = |at, fault| told_done(Expectation::Healthy, true, Some((at, fault)));
        for fault in [Fault::LogLost, Fault::LogLate { milliseconds: 1 }] {
            let report = at(0, fault);
            assert_eq!((report.verdict, &*report.findings), (Verdict::Unknown, &[][..]));
            assert_eq!(report.unseen, ["a"]);
        }
        // The slack after its last line, and beyond; and a line that is there twice.
        assert_eq!(at(30_000, Fault::LogLost).verdict, Verdict::Unknown);
        assert_eq!(at(30_001, Fault::LogLost).verdict, Verdict::False);
        assert_eq!(at(0, Fault::LogDoubled).verdict, Verdict::False);
    }

    #[test]
    fn an_effect_that_comes_twice_or_after_the_drain_is_one() {
        let mut script = Script::that_observes(&[Observation::Attempts, Observation::EffectLines]);
        script.submit("a", Expectation::Healthy).receive("a").attempt("a", Outcome::Succeeded);
        script.drained().told_effect("a", "work");
        assert_eq!(script.found(), []);
    }

    #[test]
    fn a_job_in_the_dead_letter_queue_is_not_lost() {
        let mut script = Script::that_fails_to_the_end(Expectation::Poison);
        assert_eq!(script.dead_letter("a").drained().found(), []);
    }
}
