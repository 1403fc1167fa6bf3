//! `cfg.experiment`.

use verifier_model::time::Timestamp;

use crate::check::{
    Check, Evaluate, Evaluation, Need, QueueEvidence, Severity, Verdict, no_queues,
};
use crate::experiment::{LEASE_TAG, Lease};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.experiment",
    asserts: "no chaos experiment is under way on the stack, and none was left without its undo",
    severity: Severity::Warn,
    why: "while a stack is broken on purpose, whatever else is found may be the experiment's doing",
    fix: "wait for the experiment, or put the stack back: verifier chaos rollback --journal FILE",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-tags.html",
    must_run: false,
    needs: &[Need::ExperimentLock],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| {
        match (&configuration.discovered.jobs, &configuration.discovered.experiment_lock) {
            (Some(jobs), Some(Ok(tag))) => evaluate(jobs, tag.as_deref(), configuration.now),
            (_, Some(Err(unanswered))) => unanswered.evaluation(),
            _ => no_queues(),
        }
    }),
};

/// Evaluates the tag of the jobs queue by which an experiment says that it is under way; absent when there is none.
pub fn evaluate(jobs: &QueueEvidence, tag: Option<&str>, now: Timestamp) -> Evaluation {
    let Some(tag) = tag else {
        return Evaluation::pass("no chaos experiment is running on this stack");
    };
    let (what, next) = match Lease::read(tag) {
        Some(lease) if lease.holds(now) => (
            format!(
                "the experiment {} is under way, until {} at the latest",
                lease.run, lease.until
            ),
            "wait for it, and check again".to_owned(),
        ),
        _ => (
            format!(
                "an experiment was not restored: the tag {LEASE_TAG} of {} says {tag}",
                jobs.name
            ),
            format!(
                "verifier chaos rollback --journal FILE; without the journal, look at what it has changed, and remove the tag {LEASE_TAG}"
            ),
        ),
    };
    Evaluation::fail(what, "no experiment lock", tag)
        .with_verdict(Verdict::Warn)
        .with_next(next)
        .with_evidence("experimentLock", tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluated(tag: Option<&str>, now: u64) -> Evaluation {
        let jobs = QueueEvidence { name: "jobs".to_owned(), ..QueueEvidence::default() };
        evaluate(&jobs, tag, Timestamp::from_millis(now))
    }

    #[test]
    fn a_stack_that_nobody_breaks_passes() {
        assert_eq!(evaluated(None, 7).verdict, Verdict::Pass);
    }

    #[test]
    fn who_breaks_it_now_and_who_did_not_put_it_back_are_told_apart() {
        let lease = Lease { run: "r-1".to_owned(), until: Timestamp::from_millis(50) }.value();
        let under_way = evaluated(Some(&lease), 49);
        assert_eq!(under_way.verdict, Verdict::Warn);
        assert!(under_way.summary.contains("r-1 is under way"), "{}", under_way.summary);
        for (tag, now) in [(lease.as_str(), 50), ("something else", 0), ("", 0)] {
            let left = evaluated(Some(tag), now);
            assert_eq!(left.verdict, Verdict::Warn);
            assert!(left.summary.contains("not restored"), "{}", left.summary);
        }
    }
}
