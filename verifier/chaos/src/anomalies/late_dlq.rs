//! Late: still failing, and not in the dead-letter queue, at max × visibility timeout + slack.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::Anomaly;

/// Failing means that an attempt failed, or that it was dead-lettered, only after that time. A message that nothing happens to
/// any more is stuck-in-flight instead.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for message in &facts.messages {
        let Some(due) = facts.due_at(message) else {
            continue;
        };
        let deadline = due.saturating_add(facts.header.terms.slack_milliseconds);
        let dead = message.dead_letters.first();
        if dead.is_some_and(|dead| dead.at <= deadline) {
            continue;
        }
        let attempts = message.attempts.iter().map(|place| &facts.attempts[*place]);
        let late = attempts
            .filter(|attempt| attempt.ended_at.is_some_and(|at| at > deadline))
            .find(|attempt| attempt.failed(facts))
            .map(|attempt| attempt.line);
        if late.is_some() || dead.is_some() {
            let received = message.receives.first().map(|receive| receive.line);
            let lines = [received, late, dead.map(|dead| dead.line)];
            findings.job(Anomaly::LateDlq, &facts.jobs[message.job], lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;
    use crate::history::Expectation;

    fn dead_lettered_at(at: u64) -> Vec<Anomaly> {
        let mut script = Script::that_fails_to_the_end(Expectation::Poison);
        script.at(at).dead_letter("a").drained().found()
    }

    #[test]
    fn later_than_the_slack_is_found() {
        assert_eq!(dead_lettered_at(210_001), [Anomaly::LateDlq]);
    }

    #[test]
    fn within_the_slack_is_fine() {
        assert_eq!(dead_lettered_at(210_000), []);
    }
}
