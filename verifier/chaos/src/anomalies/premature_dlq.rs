//! Premature: D ≥ 1 with fewer than max failed attempts and no throttle, or before max × visibility timeout.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::super::observation::Observation;
use super::Anomaly;

/// SQS moves a message at the receive after the last allowed one, so the earliest time is as many visibility timeouts after the
/// first receive as there are receives.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    let max = facts.header.terms.max_receive_count;
    for message in &facts.messages {
        let Some(dead) = message.dead_letters.first() else {
            continue;
        };
        let throttled = message.throttled.is_some() || facts.throttled_somewhere;
        let (failed, all) = facts.attempts_before(message, dead.line);
        // A success by the worker's own line may have failed with its batch, which only shows in what the mapping keeps.
        let failed = if facts.observes(Observation::Deletes) { failed } else { all };
        let too_few = failed < max && !throttled;
        let at = dead.at + facts.header.terms.told_late_milliseconds;
        let too_early = facts.due_at(message).is_some_and(|due| at < due);
        if too_few || too_early {
            let attempts = message.attempts.iter().map(|place| Some(facts.attempts[*place].line));
            let received = message.receives.first().map(|receive| receive.line);
            let lines = [received, Some(dead.line)].into_iter().chain(attempts);
            findings.job(Anomaly::PrematureDlq, &facts.jobs[message.job], lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome::{self, Failed, Succeeded};

    use super::super::script::Script;
    use super::*;
    use crate::history::Expectation;

    fn dead_lettered_after(attempts: u64, at: u64) -> Vec<Anomaly> {
        after(Script::new(), attempts, Failed, at)
    }

    fn after(mut script: Script, attempts: u64, outcome: Outcome, at: u64) -> Vec<Anomaly> {
        script.submit("a", Expectation::Poison);
        for attempt in 0..attempts {
            script.at(attempt * 50_000).receive("a").attempt("a", outcome);
        }
        script.at(at).dead_letter("a").drained().found()
    }

    #[test]
    fn too_few_attempts_or_too_little_time_is_found() {
        assert_eq!(dead_lettered_after(2, 180_000), [Anomaly::PrematureDlq]);
        assert_eq!(dead_lettered_after(3, 179_999), [Anomaly::PrematureDlq]);
    }

    #[test]
    fn a_success_may_have_failed_with_its_batch_where_nobody_sees_what_is_kept() {
        let seen = |observations: &'static [Observation], attempts| {
            let script = Script::that_observes(observations);
            after(script, attempts, Succeeded, 180_000).contains(&Anomaly::PrematureDlq)
        };
        let less = &[Observation::Receives, Observation::Attempts];
        assert!(seen(Observation::ALL, 3));
        assert!(!seen(less, 3));
        assert!(seen(less, 2));
    }

    #[test]
    fn a_receive_that_is_told_late_may_have_been_earlier() {
        let told_late = |milliseconds| {
            let script = Script::that_tells_late(milliseconds);
            after(script, 3, Failed, 170_000)
        };
        assert_eq!(told_late(9_999), [Anomaly::PrematureDlq]);
        assert_eq!(told_late(10_000), []);
    }

    #[test]
    fn on_time_is_fine() {
        assert_eq!(dead_lettered_after(3, 180_000), []);
    }
}
