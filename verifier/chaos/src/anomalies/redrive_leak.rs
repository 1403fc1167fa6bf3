//! Redrive leak: moved + remaining ≠ before, or a job in both queues.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::Anomaly;

/// Messages that were dead-lettered while the redrive ran are added to what was there before.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for redrive in &facts.redrives {
        let Some((moved, remaining, ended)) = redrive.ended else {
            continue;
        };
        if redrive.before + redrive.arrived != moved + remaining {
            findings.run(Anomaly::RedriveLeak, [Some(redrive.started), Some(ended)]);
        }
        for (message, copied) in &redrive.left_behind {
            let job = &facts.jobs[facts.messages[*message].job];
            findings.job(Anomaly::RedriveLeak, job, [Some(*copied), Some(ended)]);
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
    fn a_message_that_vanishes_is_found() {
        let mut script = Script::that_fails_to_the_end(Expectation::Flaky);
        script.dead_letter("a").redrive_start(1).redrive_end(0, 0);
        assert_eq!(script.drained().found(), [Anomaly::RedriveLeak]);
    }

    #[test]
    fn a_job_that_is_in_both_queues_is_found() {
        let mut script = Script::that_fails_to_the_end(Expectation::Flaky);
        script.dead_letter("a").redrive_start(1).copy("a").redrive_end(0, 1);
        assert_eq!(script.drained().found(), [Anomaly::RedriveLeak]);
    }

    #[test]
    fn what_is_moved_or_arrives_meanwhile_is_accounted_for() {
        let mut script = Script::that_fails_to_the_end(Expectation::Flaky);
        script.dead_letter("a").redrive("a").receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), []);
        let mut script = Script::that_fails_to_the_end(Expectation::Poison);
        script.redrive_start(0).dead_letter("a").redrive_end(0, 1);
        assert_eq!(script.drained().found(), []);
    }
}
