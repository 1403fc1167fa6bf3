//! The two queues of a stack that names neither.

use crate::evidence::QueueEvidence;

/// The jobs queue and its dead-letter queue among all queues of a stack, where they can be no others: exactly one has a redrive policy,
/// and that names one of them.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
pub fn only_pair(queues: &[QueueEvidence]) -> Option<(&QueueEvidence, &QueueEvidence)> {
    let mut sources = queues.iter().filter(|queue| queue.moves_what_is_received());
    let jobs = sources.next().filter(|_| sources.next().is_none())?;
    let target = jobs.redrive_policy()?.dead_letter_target_arn;
    let is_target = |queue: &&QueueEvidence| queue.arn() == target && queue.arn() != jobs.arn();
    queues.iter().find(is_target).map(|dead_letters| (jobs, dead_letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str, target: Option<&str>) -> QueueEvidence {
        let arn = |name: &str| format!("arn:aws:sqs:eu-central-1:111111111111:{name}");
        let policy = |target: &str| {
            format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":3}}"#, arn(target))
        };
        let policy = target.map(|target| ("RedrivePolicy".to_owned(), policy(target)));
        let attributes = [("QueueArn".to_owned(), arn(name))].into_iter().chain(policy).collect();
        QueueEvidence { name: name.to_owned(), url: String::new(), attributes }
    }

    fn pair(queues: &[(&str, Option<&str>)]) -> Option<(String, String)> {
        let queues: Vec<QueueEvidence> =
            queues.iter().map(|(name, target)| queue(name, *target)).collect();
        only_pair(&queues).map(|(jobs, dead)| (jobs.name.clone(), dead.name.clone()))
    }

    #[test]
    fn only_what_can_be_no_other_is_taken() {
        let both = Some(("jobs".to_owned(), "dead".to_owned()));
        assert_eq!(pair(&[("jobs", Some("dead")), ("dead", None)]), both);
        assert_eq!(pair(&[("audit", None), ("dead", None), ("jobs", Some("dead"))]), both);
        for none in [
            vec![],
            vec![("jobs", None), ("dead", None)],
            // Two queues with one dead-letter queue, a chain, one elsewhere, and one that names itself.
            vec![("jobs", Some("dead")), ("mails", Some("dead")), ("dead", None)],
            vec![("jobs", Some("dead")), ("dead", Some("last")), ("last", None)],
            vec![("jobs", Some("elsewhere")), ("dead", None)],
            vec![("jobs", Some("jobs")), ("dead", None)],
        ] {
            assert_eq!(pair(&none), None, "{none:?}");
        }
    }
}
