//! Over-received: more receives than the policy says, in one life on the queue.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::Anomaly;

/// A redrive begins a new life: the message that it puts into the queue has an id and a count of its own.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    let max = facts.header.terms.max_receive_count as usize;
    for message in facts.messages.iter().filter(|message| message.receives.len() > max) {
        let lines = message.receives.iter().map(|receive| Some(receive.line));
        findings.job(Anomaly::OverReceived, &facts.jobs[message.job], lines);
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome::{Failed, Succeeded};

    use super::super::script::Script;
    use super::*;
    use crate::history::Expectation;

    fn succeeds_at_receive(last: u64) -> Vec<Anomaly> {
        let mut script = Script::new();
        script.submit("a", Expectation::Flaky);
        for receive in 1..last {
            script.at(receive * 60_000).receive("a").attempt("a", Failed);
        }
        script.receive("a").attempt("a", Succeeded).drained().found()
    }

    #[test]
    fn one_receive_too_many_is_found() {
        assert_eq!(succeeds_at_receive(4), [Anomaly::OverReceived]);
    }

    #[test]
    fn the_last_allowed_receive_is_fine() {
        assert_eq!(succeeds_at_receive(3), []);
    }
}
