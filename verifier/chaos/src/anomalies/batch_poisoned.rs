//! Batch poisoned: a healthy job was retried only because another one of its batch failed.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>, section "Implementing partial batch
//! responses".

use contract::Outcome;

use super::super::facts::{Attempt, Facts};
use super::super::finding::Findings;
use super::super::history::{Expectation, InvocationEnd};
use super::Anomaly;

/// Only because of its mate: its own line does not say that it failed, a mate's does, and the mapping kept it.
pub(super) fn evaluate(facts: &Facts<'_>, findings: &mut Findings) {
    for job in facts.jobs.iter().filter(|job| job.nature() == Some(Expectation::Healthy)) {
        let attempts = || job.attempts.iter().map(|place| &facts.attempts[*place]);
        let spoilt = attempts().find_map(|attempt| Some((attempt, spoilt_by(facts, attempt)?)));
        let Some((attempt, mate)) = spoilt else {
            continue;
        };
        let message = &facts.messages[attempt.message];
        let retry = message.receives.iter().find(|receive| receive.line > attempt.line);
        if let Some(retry) = retry {
            let own = attempt.outcome.map(|(_, line)| line);
            let mates = mate.outcome.map(|(_, line)| line);
            findings.job(Anomaly::BatchPoisoned, job, [own, mates, attempt.kept, Some(retry.line)]);
        }
    }
}

/// The mate of another job that failed, if the attempt was not accepted only because of it.
fn spoilt_by<'f>(facts: &'f Facts<'_>, attempt: &Attempt) -> Option<&'f Attempt> {
    let invocation = &facts.invocations[attempt.invocation];
    let own_failure = matches!(attempt.outcome, Some((Outcome::Failed, _)));
    let spoilt = match invocation.ended.map(|(how, _)| how) {
        // Its process ended, or its time: that is no mate's doing.
        Some(InvocationEnd::Crashed | InvocationEnd::TimedOut) => false,
        Some(InvocationEnd::Errored) => true,
        Some(InvocationEnd::Responded) | None => attempt.kept.is_some(),
    };
    if own_failure || !spoilt {
        return None;
    }
    invocation.failed.map(|place| &facts.attempts[place])
}

#[cfg(test)]
mod tests {
    use contract::Outcome::{Failed, Succeeded};

    use super::super::script::Script;
    use super::*;

    #[test]
    fn a_healthy_job_that_pays_for_its_mate_is_found() {
        let mut script = Script::new();
        script.submit("good", Expectation::Healthy).submit("bad", Expectation::Flaky);
        script.receive("good").receive("bad");
        script.whole_batch_fails(&[("good", Succeeded), ("bad", Failed)]);
        script.at(60_000).receive("good").attempt("good", Succeeded);
        script.receive("bad").attempt("bad", Succeeded);
        assert_eq!(script.drained().found(), [Anomaly::BatchPoisoned]);
    }

    #[test]
    fn a_batch_whose_messages_fail_alone_is_fine() {
        let mut script = Script::new();
        script.submit("good", Expectation::Healthy).submit("bad", Expectation::Flaky);
        script.receive("good").receive("bad").batch(&[("good", Succeeded), ("bad", Failed)]);
        script.at(60_000).receive("bad").attempt("bad", Succeeded);
        assert_eq!(script.drained().found(), []);
    }

    #[test]
    fn a_batch_that_fails_without_a_failed_mate_is_not_poisoned() {
        let mut script = Script::new();
        script.submit("a", Expectation::Healthy).submit("b", Expectation::Healthy);
        script.receive("a").receive("b").whole_batch_fails(&[("a", Succeeded), ("b", Succeeded)]);
        script.at(60_000).receive("a").receive("b").batch(&[("a", Succeeded), ("b", Succeeded)]);
        assert_eq!(script.drained().found(), [Anomaly::ContradictedOutcome]);
    }
}
