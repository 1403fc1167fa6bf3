//! `cfg.receives`.

use crate::check::{Check, Evaluate, Evaluation, QueueEvidence, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.receives",
    asserts: "maxReceiveCount is at least the 5 that AWS advises for queues that Lambda reads",
    severity: Severity::Info,
    why: "throttled invocations use receives up without running the worker, so with few of them a healthy job can be dead-lettered; more of them make a failing job take longer",
    fix: "raise maxReceiveCount, or bound the mapping's MaximumConcurrency so that it is not throttled, and live with it",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
    must_run: false,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Configuration(|configuration| configuration.of_jobs(evaluate)),
};

/// What AWS advises at least.
pub const ADVISED: u32 = 5;

/// Evaluates the receive count of the jobs queue's redrive policy.
pub fn evaluate(jobs: &QueueEvidence) -> Evaluation {
    let Some(policy) = jobs.redrive_policy() else {
        return Evaluation::not_run(format!("the queue {} has no redrive policy", jobs.name));
    };
    let receives = policy.max_receive_count;
    let evaluation = if receives >= ADVISED {
        Evaluation::pass(format!("maxReceiveCount {receives} ≥ {ADVISED}"))
    } else {
        Evaluation::new(
            Verdict::Info,
            format!(
                "maxReceiveCount {receives}; AWS advises {ADVISED} or more, since throttles use receives up"
            ),
        )
    };
    evaluation.with_evidence("maxReceiveCount", receives).with_evidence("advised", ADVISED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(policy: &str) -> Verdict {
        let attributes = [("RedrivePolicy".to_owned(), policy.to_owned())].into();
        evaluate(&QueueEvidence { attributes, ..QueueEvidence::default() }).verdict
    }

    #[test]
    fn fewer_than_advised_is_told_and_no_policy_is_nothing() {
        let policy = |count: u32| {
            format!(r#"{{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":{count}}}"#)
        };
        assert_eq!(verdict(&policy(5)), Verdict::Pass);
        assert_eq!(verdict(&policy(4)), Verdict::Info);
        assert_eq!(verdict(&policy(1)), Verdict::Info);
        assert_eq!(verdict("{}"), Verdict::NotRun);
    }
}
