//! Throttled into the dead-letter queue: D ≥ 1 and R < max under throttling. Allowed there, and reported.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::Anomaly;

/// A throttled batch was received and comes back unseen by the function, so its receives count and its attempts do not.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    let max = facts.header.terms.max_receive_count;
    for message in &facts.messages {
        let throttled = message.throttled.is_some() || facts.throttled_somewhere;
        let Some(dead) = message.dead_letters.first().filter(|_| throttled) else {
            continue;
        };
        let (_, attempts) = facts.attempts_before(message, dead.line);
        if attempts < max {
            let job = &facts.jobs[message.job];
            findings.job(Anomaly::ThrottleDlq, job, [message.throttled, Some(dead.line)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome::Failed;

    use super::super::script::Script;
    use super::*;
    use crate::history::Expectation;

    #[test]
    fn receives_that_throttling_used_up_are_found() {
        let mut script = Script::new();
        script.submit("a", Expectation::Poison).receive("a").attempt("a", Failed);
        script.at(60_000).receive("a").throttle("a").at(120_000).receive("a").throttle("a");
        let found = script.at(180_000).dead_letter("a").drained().found();
        assert_eq!(found, [Anomaly::ThrottleDlq]);
    }

    #[test]
    fn a_throttled_batch_that_is_attempted_after_all_is_fine() {
        let mut script = Script::new();
        script.submit("a", Expectation::Poison);
        for attempt in 0..3 {
            script.at(attempt * 60_000).receive("a").throttle("a").attempt("a", Failed);
        }
        assert_eq!(script.at(180_000).dead_letter("a").drained().found(), []);
    }
}
