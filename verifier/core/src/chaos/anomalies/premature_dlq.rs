//! Premature: D ≥ 1 with fewer than max failed attempts and no throttle, or before max × visibility timeout.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.

use super::super::checker::Findings;
use super::super::facts::Facts;
use super::Anomaly;

/// SQS moves a message at the receive after the last allowed one, so the earliest time is as many visibility timeouts after the
/// first receive as there are receives.
pub(super) fn judge(facts: &Facts<'_>, findings: &mut Findings) {
    let max = facts.header.terms.max_receive_count;
    for message in &facts.messages {
        let Some(dead) = message.dead_letters.first() else {
            continue;
        };
        let throttled = message.throttled.is_some() || facts.throttled_somewhere;
        let (failed, _) = facts.attempts_before(message, dead.line);
        let too_few = failed < max && !throttled;
        let too_early = facts.due_at(message).is_some_and(|due| dead.at < due);
        if too_few || too_early {
            let attempts = message.attempts.iter().map(|place| Some(facts.attempts[*place].line));
            let received = message.receives.first().map(|(_, line)| *line);
            let lines = [received, Some(dead.line)].into_iter().chain(attempts);
            findings.job(Anomaly::PrematureDlq, &facts.jobs[message.job], lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome::Failed;

    use super::super::script::Script;
    use super::*;
    use crate::chaos::history::Nature;

    fn dead_lettered_after(attempts: u64, at: u64) -> Vec<Anomaly> {
        let mut script = Script::new();
        script.submit("a", Nature::Poison);
        for attempt in 0..attempts {
            script.at(attempt * 50_000).receive("a").attempt("a", Failed);
        }
        script.at(at).dead_letter("a").drained().found()
    }

    #[test]
    fn too_few_attempts_or_too_little_time_is_found() {
        assert_eq!(dead_lettered_after(2, 180_000), [Anomaly::PrematureDlq]);
        assert_eq!(dead_lettered_after(3, 179_999), [Anomaly::PrematureDlq]);
    }

    #[test]
    fn on_time_is_fine() {
        assert_eq!(dead_lettered_after(3, 180_000), []);
    }
}
