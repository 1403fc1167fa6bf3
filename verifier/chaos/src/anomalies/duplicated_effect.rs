//! Duplicated effect: S > 1.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::Anomaly;

/// SQS may deliver twice, so a worker has to give its side effect a key that every attempt repeats. Effects with equal keys
/// are one.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in &facts.jobs {
        let Some(first) = job.effects.first() else {
            continue;
        };
        let other = job.effects.iter().find(|effect| effect.key != first.key);
        if let Some(other) = other {
            findings.job(Anomaly::DuplicatedEffect, job, [Some(first.line), Some(other.line)]);
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
    fn two_effects_of_one_job_are_found() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).receive("a").effect("a", "k1").effect("a", "k2");
        assert_eq!(script.delete("a").drained().found(), [Anomaly::DuplicatedEffect]);
    }

    #[test]
    fn the_same_effect_again_is_one() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).receive("a").attempt("a", Succeeded);
        assert_eq!(script.effect("a", "a").drained().found(), []);
    }
}
