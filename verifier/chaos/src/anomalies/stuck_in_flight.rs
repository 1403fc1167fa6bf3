//! Stuck in flight: received and not deleted, without a live invocation, past its visibility timeout.

use super::super::facts::Facts;
use super::super::finding::Findings;
use super::Anomaly;

/// Whether it came back is only known some slack later. A complete drain proves that nothing is stuck.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    if matches!(facts.drained, Some((true, _))) {
        return;
    }
    let terms = facts.header.terms;
    let patience = terms.visibility_timeout_milliseconds + terms.slack_milliseconds;
    for message in &facts.messages {
        let Some((at, line)) = message.open_receive else {
            continue;
        };
        let mut invocations = message
            .attempts
            .iter()
            .map(|place| &facts.invocations[facts.attempts[*place].invocation]);
        let is_live = invocations.any(|invocation| invocation.ended.is_none());
        if !is_live && facts.ends_at > at + patience {
            let drained = facts.drained.map(|(_, line)| line);
            findings.job(Anomaly::StuckInFlight, &facts.jobs[message.job], [Some(line), drained]);
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
    fn a_message_that_never_comes_back_is_found() {
        let mut script = Script::new();
        script.submit("a", Expectation::Flaky).receive("a").attempt("a", Failed);
        assert_eq!(script.at(90_001).not_drained().found(), [Anomaly::StuckInFlight]);
    }

    #[test]
    fn a_message_that_may_still_come_back_is_not() {
        let mut script = Script::new();
        script.submit("a", Expectation::Flaky).receive("a").attempt("a", Failed);
        assert_eq!(script.at(90_000).not_drained().found(), []);
    }

    #[test]
    fn a_message_that_is_being_worked_on_is_not() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).receive("a").begin("a");
        assert_eq!(script.at(90_001).not_drained().found(), []);
    }
}
