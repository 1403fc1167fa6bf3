//! A job as it is sent to the queue itself.

use std::collections::BTreeMap;

use crate::settings::{Filling, Jobs};

/// A job as it is sent to the queue itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentJob {
    /// The message's body.
    pub body: String,
    /// Its attributes, all of the type String.
    pub attributes: BTreeMap<String, String>,
    /// Its group, where the queue is a FIFO queue.
    pub group_id: Option<String>,
    /// By what SQS tells it from others, where the queue is a FIFO queue.
    pub deduplication_id: Option<String>,
}

impl SentJob {
    /// The message of a job by the settings. A group would make a standard queue a fair one, which is another queue than the team's.
    pub fn of(jobs: &Jobs, filling: &Filling<'_>, body: String, is_fifo: bool) -> Self {
        let fill = |text: &String| filling.fill(text);
        let of_fifo = |text: &Option<String>| text.as_ref().filter(|_| is_fifo).map(fill);
        let attributes = jobs.message_attributes.iter();
        Self {
            body,
            attributes: attributes.map(|(name, value)| (name.clone(), fill(value))).collect(),
            group_id: of_fifo(&jobs.message_group_id),
            deduplication_id: of_fifo(&jobs.message_deduplication_id),
        }
    }

    /// How many bytes SQS counts of it at least: its body, and the names, types and values of its attributes.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
    pub fn bytes(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(name, value)| name.len() + "String".len() + value.len());
        self.body.len() + attributes.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_has_a_group_of_its_own_unless_said_otherwise_and_none_on_a_standard_queue() {
        let filling = Filling { job_id: "r-good-1", run_id: "r", name: "good-1", padding_bytes: 0 };
        let of = |jobs: &Jobs, is_fifo| SentJob::of(jobs, &filling, String::new(), is_fifo);
        let mut jobs = Jobs::default();
        jobs.message_attributes.insert("trace".to_owned(), "{run_id}/{name}".to_owned());
        let fifo = of(&jobs, true);
        assert_eq!(fifo.group_id.as_deref(), Some("r-good-1"));
        assert_eq!(fifo.deduplication_id.as_deref(), Some("r-good-1"));
        assert_eq!(fifo.attributes["trace"], "r/good-1");
        assert!(!jobs.are_one_group());
        let standard = of(&jobs, false);
        assert_eq!((standard.group_id, standard.deduplication_id), (None, None));
        jobs.message_group_id = Some("all-of-{run_id}".to_owned());
        assert!(jobs.are_one_group());
        assert_eq!(of(&jobs, true).group_id.as_deref(), Some("all-of-r"));
    }
}
