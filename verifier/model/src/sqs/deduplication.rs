//! Deduplication: which sends to a FIFO queue repeat an earlier one.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html>.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{DeduplicationScope, SequenceNumber};
use crate::time::Timestamp;

/// For how long a deduplication id is remembered, counted from the send that was not a repetition.
pub(super) const DEDUPLICATION_INTERVAL: Duration = Duration::from_mins(5);

/// What the answer to a repeated send repeats of the first one's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Original {
    pub(super) message_id: String,
    pub(super) sequence_number: SequenceNumber,
}

/// A deduplication id within its scope: of one group, or of the whole queue.
type ScopedId = (Option<String>, String);

/// The deduplication ids that a queue remembers, also of messages that are deleted already.
#[derive(Clone, Debug, Default)]
pub(super) struct Deduplication {
    originals: HashMap<ScopedId, Original>,
    /// In the order in which they are forgotten, which is that in which they came.
    by_age: VecDeque<(Timestamp, ScopedId)>,
}

impl Deduplication {
    /// The send that one with this id repeats.
    pub(super) fn find(&self, id: &ScopedId) -> Option<&Original> {
        self.originals.get(id)
    }

    /// Remembers a send.
    pub(super) fn remember(&mut self, id: ScopedId, original: Original, now: Timestamp) {
        self.by_age.push_back((now, id.clone()));
        self.originals.insert(id, original);
    }

    /// Forgets what is older than the interval.
    pub(super) fn settle(&mut self, now: Timestamp) {
        while let Some((sent_at, id)) = self.by_age.front() {
            if *sent_at + DEDUPLICATION_INTERVAL > now {
                break;
            }
            self.originals.remove(id);
            self.by_age.pop_front();
        }
    }
}

/// A deduplication id within the queue's scope.
pub(super) fn scoped(scope: DeduplicationScope, group_id: &str, id: &str) -> ScopedId {
    let group = match scope {
        DeduplicationScope::Queue => None,
        DeduplicationScope::MessageGroup => Some(group_id.to_owned()),
    };
    (group, id.to_owned())
}

/// The deduplication id that content-based deduplication gives: the SHA-256 of the body, not of the attributes.
pub(super) fn id_from_content(body: &str) -> String {
    Sha256::digest(body.as_bytes()).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_gives_its_sha_256() {
        // The digest that FIPS 180-4 gives as its example.
        assert_eq!(
            id_from_content("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn an_id_is_remembered_for_five_minutes() {
        let start = Timestamp::from_millis(1_000);
        let id = scoped(DeduplicationScope::Queue, "group", "id");
        let original =
            Original { message_id: "m".to_owned(), sequence_number: SequenceNumber::FIRST };
        let mut deduplication = Deduplication::default();
        deduplication.remember(id.clone(), original.clone(), start);
        deduplication.settle(start + Duration::from_millis(299_999));
        assert_eq!(deduplication.find(&id), Some(&original));
        deduplication.settle(start + DEDUPLICATION_INTERVAL);
        assert_eq!(deduplication.find(&id), None);
    }

    #[test]
    fn the_scope_tells_groups_apart_or_not() {
        let of = |scope, group| scoped(scope, group, "id");
        let (queue, group) = (DeduplicationScope::Queue, DeduplicationScope::MessageGroup);
        assert_eq!(of(queue, "a"), of(queue, "b"));
        assert_ne!(of(group, "a"), of(group, "b"));
        assert_ne!(of(queue, "a"), of(group, "a"));
    }
}
