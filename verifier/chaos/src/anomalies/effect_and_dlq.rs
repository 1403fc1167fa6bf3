//! Effect and dead letter: S ≥ 1 and D ≥ 1.

use super::super::facts::{DeadLetter, Effect, Facts, LineNumber};
use super::super::finding::Findings;
use super::Anomaly;

/// A copy that a redrive took out before the effect does not count: to be done after all is what a redrive is for. Of a job that
/// was submitted more than once, each message stands for itself: one may well be done, and another not.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in &facts.jobs {
        let effects = if job.submits.len() > 1 { &job.effects[..] } else { first(&job.effects) };
        let both = effects.iter().find_map(|effect| {
            let messages = if job.submits.len() > 1 {
                std::slice::from_ref(&effect.message)
            } else {
                &job.messages[..]
            };
            let mut dead =
                messages.iter().flat_map(|message| &facts.messages[*message].dead_letters);
            let is_both = |dead: &&DeadLetter<'_>| {
                dead.line > effect.line || dead.removed.unwrap_or(LineNumber::MAX) > effect.line
            };
            dead.find(is_both).map(|dead| [Some(effect.line), Some(dead.line)])
        });
        if let Some(lines) = both {
            findings.job(Anomaly::EffectAndDlq, job, lines);
        }
    }
}

/// The first one, where there is any.
fn first<'a, 'h>(effects: &'a [Effect<'h>]) -> &'a [Effect<'h>] {
    &effects[..effects.len().min(1)]
}

#[cfg(test)]
mod tests {
    use contract::Outcome::Succeeded;

    use super::super::script::Script;
    use super::*;
    use crate::history::Expectation;

    #[test]
    fn a_job_that_is_done_and_dead_lettered_is_found() {
        let mut script = Script::that_fails_to_the_end(Expectation::Flaky);
        script.effect("a", "a").dead_letter("a");
        assert_eq!(script.drained().found(), [Anomaly::EffectAndDlq]);
        let mut script = Script::that_fails_to_the_end(Expectation::Flaky);
        script.dead_letter("a").effect("a", "a");
        assert_eq!(script.drained().found(), [Anomaly::EffectAndDlq]);
    }

    #[test]
    fn of_a_job_that_is_submitted_twice_one_message_may_be_done_and_the_other_dead() {
        let mut script = Script::that_fails_to_the_end(Expectation::Flaky);
        script.submit("a", Expectation::Flaky).dead_letter("a");
        assert_eq!(script.another_message("a").effect("a", "a").drained().found(), []);
        let mut script = Script::that_fails_to_the_end(Expectation::Flaky);
        script.submit("a", Expectation::Flaky).effect("a", "a").dead_letter("a");
        assert_eq!(script.drained().found(), [Anomaly::EffectAndDlq]);
    }

    #[test]
    fn a_job_that_is_done_after_its_redrive_is_fine() {
        let mut script = Script::that_fails_to_the_end(Expectation::Flaky);
        script.dead_letter("a").redrive("a").receive("a").attempt("a", Succeeded);
        assert_eq!(script.drained().found(), []);
    }
}
