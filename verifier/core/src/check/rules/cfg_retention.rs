//! `cfg.retention`.

use crate::check::{Check, Judgement, QueueEvidence, Severity, age_in_words};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "cfg.retention",
    asserts: "the dead-letter queue keeps messages longer than the jobs queue does",
    severity: Severity::Fail,
    why: "on a standard queue a message's age goes on from its first enqueue, so one that was retried for long expires as soon as it is dead-lettered, before anybody has looked",
    fix: "raise the dead-letter queue's MessageRetentionPeriod above the jobs queue's; the most is 14 days",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html",
    must_be_exercised: true,
};

/// Judges how long the two queues keep messages.
pub fn judge(jobs: &QueueEvidence, dead_letters: &QueueEvidence) -> Judgement {
    let (Some(source), Some(target)) = (jobs.retention(), dead_letters.retention()) else {
        return Judgement::inconclusive(format!(
            "the retention of {} or of {} is not known",
            jobs.name, dead_letters.name
        ));
    };
    let (kept, dead) = (age_in_words(source), age_in_words(target));
    let judgement = if jobs.is_fifo() {
        // A FIFO queue's messages begin a new life in the dead-letter queue.
        Judgement::pass(format!("{dead}, counted anew when a FIFO queue's message arrives"))
    } else if target > source {
        Judgement::pass(format!("{dead} in the dead-letter queue, {kept} in the jobs queue"))
    } else {
        Judgement::fail(
            format!(
                "the dead-letter queue keeps messages for {dead}, and the jobs queue for {kept}"
            ),
            format!("more than {} s", source.as_secs()),
            format!("{} s", target.as_secs()),
        )
        .with_next(format!("raise MessageRetentionPeriod of {}", dead_letters.name))
    };
    judgement
        .with_evidence("jobsRetentionSeconds", source.as_secs())
        .with_evidence("deadLetterRetentionSeconds", target.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    fn queue(name: &str, seconds: &str) -> QueueEvidence {
        QueueEvidence {
            name: name.to_owned(),
            attributes: [("MessageRetentionPeriod".to_owned(), seconds.to_owned())].into(),
            ..QueueEvidence::default()
        }
    }

    fn verdict(jobs: &str, dead_letters: &str) -> Verdict {
        judge(&queue("jobs", jobs), &queue("dlq", dead_letters)).verdict
    }

    #[test]
    fn longer_passes_and_as_long_fails() {
        assert_eq!(verdict("345600", "1209600"), Verdict::Pass);
        assert_eq!(verdict("345600", "345601"), Verdict::Pass);
        assert_eq!(verdict("345600", "345600"), Verdict::Fail);
        assert_eq!(verdict("345600", "60"), Verdict::Fail);
        assert_eq!(verdict("345600", ""), Verdict::Inconclusive);
    }

    #[test]
    fn a_fifo_queues_messages_begin_anew() {
        let judgement = judge(&queue("jobs.fifo", "345600"), &queue("dlq.fifo", "345600"));
        assert_eq!(judgement.verdict, Verdict::Pass);
    }
}
