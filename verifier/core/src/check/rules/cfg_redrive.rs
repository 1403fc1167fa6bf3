//! `cfg.redrive`.

use crate::check::{Check, Judgement, QueueEvidence, Severity};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.redrive",
    asserts: "the jobs queue's redrive policy leads to the dead-letter queue, after the expected number of receives",
    severity: Severity::Fail,
    why: "without it a poison message is retried until it expires, and then is gone without a trace",
    fix: "give the jobs queue a RedrivePolicy with the dead-letter queue's ARN and a maxReceiveCount",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
    must_be_exercised: true,
};

/// Judges the redrive policy. `expected_receives` is the `maxReceiveCount` that is wanted; any when `None`.
pub fn judge(
    jobs: &QueueEvidence,
    dead_letters: &QueueEvidence,
    expected_receives: Option<u32>,
) -> Judgement {
    let Some(policy) = jobs.redrive_policy() else {
        return Judgement::fail(
            format!("the queue {} has no redrive policy", jobs.name),
            format!("a redrive policy to {}", dead_letters.name),
            jobs.attributes.get("RedrivePolicy").map_or("none", String::as_str),
        )
        .with_next(format!("set RedrivePolicy on {} and deploy again", jobs.name));
    };
    let receives = policy.max_receive_count;
    let judgement = if policy.dead_letter_target_arn != dead_letters.arn() {
        Judgement::fail(
            format!("the redrive policy of {} leads to another queue", jobs.name),
            dead_letters.arn(),
            policy.dead_letter_target_arn.clone(),
        )
        .with_next(
            "make the output and the redrive policy name the same dead-letter queue".to_owned(),
        )
    } else if expected_receives.is_some_and(|expected| expected != receives) {
        let expected = expected_receives.unwrap_or_default();
        Judgement::fail(
            format!("maxReceiveCount is {receives}"),
            format!("maxReceiveCount {expected}"),
            receives.to_string(),
        )
        .with_next(format!("set maxReceiveCount of {} to {expected}", jobs.name))
    } else {
        Judgement::pass(format!("maxReceiveCount {receives} → {}", dead_letters.name))
    };
    judgement
        .with_evidence("maxReceiveCount", receives)
        .with_evidence("deadLetterTargetArn", policy.dead_letter_target_arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    fn queue(name: &str, policy: Option<&str>) -> QueueEvidence {
        let mut attributes =
            std::collections::BTreeMap::from([("QueueArn".to_owned(), format!("arn:{name}"))]);
        attributes.extend(policy.map(|policy| ("RedrivePolicy".to_owned(), policy.to_owned())));
        QueueEvidence { name: name.to_owned(), url: String::new(), attributes }
    }

    fn verdict(policy: Option<&str>, expected: Option<u32>) -> Verdict {
        judge(&queue("jobs", policy), &queue("dlq", None), expected).verdict
    }

    #[test]
    fn the_right_queue_after_any_or_the_expected_count_passes() {
        let policy = Some(r#"{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":3}"#);
        assert_eq!(verdict(policy, None), Verdict::Pass);
        assert_eq!(verdict(policy, Some(3)), Verdict::Pass);
        let as_text = Some(r#"{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":"3"}"#);
        assert_eq!(verdict(as_text, Some(3)), Verdict::Pass);
    }

    #[test]
    fn no_policy_another_queue_and_another_count_fail() {
        assert_eq!(verdict(None, None), Verdict::Fail);
        assert_eq!(verdict(Some("{}"), None), Verdict::Fail);
        let other = Some(r#"{"deadLetterTargetArn":"arn:other","maxReceiveCount":3}"#);
        assert_eq!(verdict(other, None), Verdict::Fail);
        let policy = Some(r#"{"deadLetterTargetArn":"arn:dlq","maxReceiveCount":4}"#);
        assert_eq!(verdict(policy, Some(3)), Verdict::Fail);
    }
}
