//! Duplicated effect: the same effect of a job took place twice.

use rustc_hash::FxHashMap;

use super::super::facts::{Effect, Facts};
use super::super::finding::Findings;
use super::Anomaly;

/// SQS may deliver twice, so a worker has to notice what it did already, or give its side effect a token that every attempt
/// repeats and a store knows it again by. A job may have several effects, each with a key.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in &facts.jobs {
        let mut firsts: FxHashMap<&str, &Effect<'_>> = FxHashMap::default();
        let again = job.effects.iter().find_map(|effect| {
            let first = *firsts.entry(effect.key?).or_insert(effect);
            let is_known_again = effect.token.is_some() && effect.token == first.token;
            (first.line != effect.line && !is_known_again).then_some([first.line, effect.line])
        });
        if let Some(lines) = again {
            findings.job(Anomaly::DuplicatedEffect, job, lines.map(Some));
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome::Succeeded;

    use super::super::script::Script;
    use super::*;
    use crate::history::Expectation;
    use crate::observation::Observation;

    #[test]
    fn two_effects_of_one_job_are_found() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).receive("a").effect("a", "k1").effect("a", "k2");
        assert_eq!(script.delete("a").drained().found(), [Anomaly::DuplicatedEffect]);
    }

    #[test]
    fn a_worker_that_tells_its_effects_may_have_several_and_none_twice() {
        let told = |keys: &[&str]| {
            let mut script =
                Script::that_observes(&[Observation::Attempts, Observation::EffectLines]);
            script.submit("a", Expectation::Healthy).receive("a");
            for key in keys {
                script.told_effect("a", key);
            }
            script.attempt("a", Succeeded).drained().found()
        };
        assert_eq!(told(&["charge", "mail"]), []);
        assert_eq!(told(&["charge", "mail", "charge"]), [Anomaly::DuplicatedEffect]);
    }

    #[test]
    fn the_same_effect_again_is_one() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).receive("a").attempt("a", Succeeded);
        assert_eq!(script.effect("a", "a").drained().found(), []);
    }
}
