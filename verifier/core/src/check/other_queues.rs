//! The stack's other queues, which nothing is seen to read: what is sent there stays there.
//!
//! A submit function may send refused bodies there, and it or the worker copies of the jobs. Their counts veto and never prove: results
//! of the jobs may be there, too, and messages of other senders.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.

use std::collections::BTreeSet;

use super::{Evaluation, MappingEvidence, QueueEvidence, Verdict};

/// A queue that holds more messages than before the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherQueue {
    /// Its name.
    pub name: String,
    /// How many more.
    pub more: u64,
    /// By how many it grew when the bodies were posted once more that have to be refused, where that was tried, and how many those
    /// were.
    pub grown: Option<(u64, usize)>,
}

impl OtherQueue {
    /// Whether the bodies came there that were posted once more.
    pub fn holds_refused(&self) -> bool {
        self.grown.is_some_and(|(grown, posted)| posted > 0 && grown >= posted as u64)
    }

    /// Whether refused bodies may be there: it did not just get a message for each job of the run, or for each good one.
    pub fn may_hold_refused(&self, good: usize, all: usize) -> bool {
        self.more > 0 && self.more != good as u64 && self.more != all as u64
    }

    fn in_words(&self) -> String {
        let Self { name, more, .. } = self;
        let messages = if *more == 1 { "1 message" } else { &format!("{more} messages") };
        format!("{name}, which nothing is seen to read, holds {messages} more than before")
    }
}

/// Those of a stack's queues that nothing is seen to read, other queues' dead-letter queues among them: what comes there during a run
/// may be copies of its jobs, and failed if nothing else. `others` are all but the jobs queue and its dead-letter queue, and `read`
/// the ARNs of those that mappings read; one that is disabled reads nothing.
pub fn unread(others: Vec<QueueEvidence>, mappings: &[MappingEvidence]) -> Vec<QueueEvidence> {
    let reading = mappings.iter().filter(|mapping| mapping.state != "Disabled");
    let read: BTreeSet<&str> = reading.map(|mapping| mapping.event_source_arn.as_str()).collect();
    let mut others = others;
    others.retain(|queue| !read.contains(queue.arn()));
    others
}

/// What shows that refused bodies are in other queues; empty where nothing does.
pub(super) fn refused_in_words(queues: &[OtherQueue]) -> Vec<String> {
    let with_refused = queues.iter().filter(|queue| queue.holds_refused());
    let shown = with_refused.map(|queue| {
        let (grown, posted) = queue.grown.unwrap_or_default();
        let bodies = if posted == 1 { "1 body was" } else { &format!("{posted} bodies were") };
        format!("{}, {grown} of them since {bodies} posted again", queue.in_words())
    });
    shown.collect()
}

/// The same evaluation of good jobs, as a warning where other queues hold more than before and nothing tells of what.
pub(super) fn doubted(queues: &[OtherQueue], evaluation: Evaluation) -> Evaluation {
    let open = queues.iter().filter(|queue| queue.more > 0 && !queue.holds_refused());
    let open: Vec<String> = open.map(OtherQueue::in_words).collect();
    if evaluation.verdict != Verdict::Pass || open.is_empty() {
        return evaluation;
    }
    let shown = open.join("; ");
    let mut doubted = Evaluation::fail(
        format!(
            "{}, but {shown}: results or further work, copies of the jobs, or of another sender",
            evaluation.summary
        ),
        "no message of the run in another queue",
        shown,
    )
    .with_verdict(Verdict::Warn)
    .with_next("look at those messages; where they belong there, allow the warning with expect.allow in verifier.toml");
    doubted.evidence = evaluation.evidence;
    doubted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str, target: Option<&str>) -> QueueEvidence {
        let arn = |name: &str| format!("arn:aws:sqs:eu-central-1:123456789012:{name}");
        let mut attributes = std::collections::BTreeMap::from([("QueueArn".to_owned(), arn(name))]);
        if let Some(target) = target {
            let target = arn(target);
            let policy = format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":3}}"#);
            attributes.insert("RedrivePolicy".to_owned(), policy);
        }
        QueueEvidence { name: name.to_owned(), attributes, ..QueueEvidence::default() }
    }

    #[test]
    fn what_mappings_read_is_left_to_those_and_one_that_is_disabled_reads_nothing() {
        let all = vec![
            queue("results", None),
            queue("audits", Some("audits-dead")),
            queue("audits-dead", None),
        ];
        let mapping = |state: &str| MappingEvidence {
            event_source_arn: "arn:aws:sqs:eu-central-1:123456789012:audits".to_owned(),
            state: state.to_owned(),
            ..MappingEvidence::default()
        };
        let names = |queues: Vec<QueueEvidence>| -> Vec<String> {
            queues.into_iter().map(|queue| queue.name).collect()
        };
        let (on, off) = ([mapping("Enabled")], [mapping("Disabled")]);
        assert_eq!(names(unread(all.clone(), &on)), ["results", "audits-dead"]);
        assert_eq!(names(unread(all.clone(), &off)), ["results", "audits", "audits-dead"]);
        assert_eq!(names(unread(all, &[])), ["results", "audits", "audits-dead"]);
    }

    fn grown(more: u64, grown: Option<(u64, usize)>) -> OtherQueue {
        OtherQueue { name: "results".to_owned(), more, grown }
    }

    #[test]
    fn a_message_for_each_job_is_no_refused_body() {
        let may = |more| grown(more, None).may_hold_refused(4, 6);
        assert_eq!([0, 3, 4, 5, 6, 7].map(may), [false, true, false, true, false, true]);
    }

    #[test]
    fn bodies_are_there_where_as_many_came_when_they_were_posted_again() {
        let of = |again| grown(9, again).holds_refused();
        assert_eq!([of(Some((3, 3))), of(Some((4, 3)))], [true; 2]);
        assert_eq!([of(Some((2, 3))), of(Some((0, 0))), of(None)], [false; 3]);
    }

    #[test]
    fn other_messages_there_make_a_pass_doubtful_and_nothing_else() {
        let of = |queue: OtherQueue, verdict| {
            doubted(&[queue], Evaluation::new(verdict, "4 of 4 succeeded once")).verdict
        };
        assert_eq!(of(grown(4, None), Verdict::Pass), Verdict::Warn);
        assert_eq!(of(grown(4, None), Verdict::Inconclusive), Verdict::Inconclusive);
        assert_eq!(of(grown(0, None), Verdict::Pass), Verdict::Pass);
        // Of those `api.reject` tells.
        assert_eq!(of(grown(3, Some((3, 3))), Verdict::Pass), Verdict::Pass);
    }
}
