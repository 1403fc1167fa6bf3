//! Effect and dead letter: S ≥ 1 and D ≥ 1.

use super::super::checker::Findings;
use super::super::facts::{Facts, LineNumber};
use super::Anomaly;

/// A copy that a redrive took out before the effect does not count: to be done after all is what a redrive is for.
pub(super) fn judge(facts: &Facts<'_>, findings: &mut Findings) {
    for job in &facts.jobs {
        let Some((_, effect)) = job.effects.first() else {
            continue;
        };
        let both = facts
            .dead_letters(job)
            .find(|dead| dead.line > *effect || dead.removed.unwrap_or(LineNumber::MAX) > *effect);
        if let Some(dead) = both {
            findings.job(Anomaly::EffectAndDlq, job, [Some(*effect), Some(dead.line)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome::Succeeded;

    use super::super::script::Script;
    use super::*;
    use crate::chaos::history::Nature;

    #[test]
    fn a_job_that_is_done_and_dead_lettered_is_found() {
        let mut script = Script::that_fails_to_the_end(Nature::Flaky);
        script.effect("a", "a").dead_letter("a");
        assert_eq!(script.drained().found(), [Anomaly::EffectAndDlq]);
        let mut script = Script::that_fails_to_the_end(Nature::Flaky);
        script.dead_letter("a").effect("a", "a");
        assert_eq!(script.drained().found(), [Anomaly::EffectAndDlq]);
    }

    #[test]
    fn a_job_that_is_done_after_its_redrive_is_fine() {
        let mut script = Script::that_fails_to_the_end(Nature::Flaky);
        script.dead_letter("a").redrive("a").receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), []);
    }
}
