//! What a look at a queue did not reach: messages that others hold, that are delayed, or that are behind others of their group.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{DeadLetter, FifoGroups};
use crate::evidence::QueueEvidence;

/// How many groups are named.
const NAMED: usize = 5;

/// What a queue counts, approximately.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that a receive may bring.
    pub visible: u64,
    /// Messages that were received and are neither deleted nor visible again.
    pub in_flight: u64,
    /// Messages that were sent with a delay.
    pub delayed: u64,
}

impl Depth {
    /// What a queue counts, as far as it was asked for.
    pub fn of(queue: &QueueEvidence) -> Self {
        let count = |attribute| queue.number(attribute).unwrap_or_default();
        Self {
            visible: count("ApproximateNumberOfMessages"),
            in_flight: count("ApproximateNumberOfMessagesNotVisible"),
            delayed: count("ApproximateNumberOfMessagesDelayed"),
        }
    }

    /// All messages.
    pub fn total(self) -> u64 {
        self.visible.saturating_add(self.in_flight).saturating_add(self.delayed)
    }
}

/// Messages that were not reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreached {
    /// How many others hold.
    pub in_flight: u64,
    /// How many are delayed.
    pub delayed: u64,
    /// How many are visible and were brought by no receive: on FIFO queues, they are behind others of their group.
    pub behind: u64,
    /// On FIFO queues, the messages in hand that others of their group may be behind, by the group.
    pub blocked_by: BTreeMap<String, Vec<String>>,
    /// Whether it is a FIFO queue.
    pub is_fifo: bool,
    /// How long messages stay in flight unless that is extended, where the queue tells.
    pub visibility_timeout: Option<Duration>,
}

impl Unreached {
    /// What a queue of that depth holds beside the messages in one's own hand, when receives bring nothing more.
    pub fn of(depth: Depth, own: u64, is_fifo: bool) -> Self {
        Self {
            in_flight: depth.in_flight.saturating_sub(own),
            delayed: depth.delayed,
            behind: depth.visible,
            is_fifo,
            ..Self::default()
        }
    }

    /// Names the messages in hand that others of their group may be behind: those of the groups that may have more.
    #[must_use]
    pub fn with_blocking<'a>(
        mut self,
        held: impl IntoIterator<Item = &'a DeadLetter>,
        groups: &FifoGroups,
    ) -> Self {
        if !self.is_fifo || self.behind == 0 {
            return self;
        }
        for message in held {
            if let Some(group) =
                message.group_id.as_ref().filter(|group| groups.may_have_more(group))
            {
                self.blocked_by.entry(group.clone()).or_default().push(message.message_id.clone());
            }
        }
        self
    }

    /// Whether everything was reached.
    pub fn is_nothing(&self) -> bool {
        self.in_flight == 0 && self.delayed == 0 && self.behind == 0
    }

    /// Whether messages may come up by waiting alone.
    pub fn may_come(&self) -> bool {
        self.in_flight > 0 || self.delayed > 0
    }

    /// What was not reached, in words; `None` where everything was.
    ///
    /// Sources: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html> for the
    /// 12 hours, <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>
    /// for groups.
    pub fn why(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.in_flight > 0 {
            let timeout = self
                .visibility_timeout
                .map_or(String::new(), |timeout| format!(" ({} s)", timeout.as_secs()));
            parts.push(format!(
                "{} in flight; visible again within the queue's timeout{timeout} unless extended, 12 h at most",
                self.in_flight
            ));
        }
        if self.delayed > 0 {
            parts.push(format!("{} delayed; visible within 15 min", self.delayed));
        }
        if self.behind > 0 {
            parts.push(self.those_behind());
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    fn those_behind(&self) -> String {
        let count = self.behind;
        if !self.is_fifo {
            return format!("the queue counts {count} more, which no poll has brought");
        }
        let mut groups: Vec<String> = self
            .blocked_by
            .iter()
            .take(NAMED)
            .map(|(group, ids)| {
                let first = ids.first().map_or("", String::as_str);
                match ids.len() {
                    1 => format!("{first} (group {group})"),
                    count => format!("{first} and {} more (group {group})", count - 1),
                }
            })
            .collect();
        if self.blocked_by.len() > NAMED {
            groups.push(format!("those of {} more groups", self.blocked_by.len() - NAMED));
        }
        if self.in_flight > 0 {
            groups.push("those in flight".to_owned());
        }
        let behind =
            if groups.is_empty() { "the ones before them".to_owned() } else { groups.join(", ") };
        format!(
            "the queue counts {count} more, and shows those of a group only when the ones before them are gone: not reachable behind {behind}"
        )
    }
}

/// What receives from a dead-letter queue with a redrive policy of its own have done beside what was asked for: they have moved
/// messages on, by how many messages the next queue has counted before and since. `None` where it has not become more.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
pub fn moved_on(next: &str, before: Option<u64>, since: Option<u64>) -> Option<String> {
    let next_step = format!("look there with `verifier dlq list --dlq {next}`");
    let (Some(before), Some(since)) = (before, since) else {
        return Some(format!(
            "receives may have moved messages to {next}, whose counts cannot be read: {next_step}"
        ));
    };
    let count = since.checked_sub(before).filter(|count| *count > 0)?;
    Some(format!(
        "about {count} messages were moved to {next} while this command received, as the redrive policy of the dead-letter queue says: {next_step}, and send them on from there"
    ))
}

/// How many messages of which only that is known, that they did not come back, may still be where they were sent: the queue
/// holds so many more than before, at the least that it was seen to hold since. Without a depth from before all that it
/// holds may be.
pub fn unread(before: Option<u64>, least_since: u64, absent: u64) -> u64 {
    least_since.saturating_sub(before.unwrap_or_default()).min(absent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_receives_have_moved_on_is_told_with_where_it_is() {
        let told = moved_on("q2", Some(1), Some(7)).unwrap();
        assert!(told.contains("about 6 messages were moved to q2"), "{told}");
        assert!(told.contains("verifier dlq list --dlq q2"), "{told}");
        assert_eq!(moved_on("q2", Some(7), Some(7)), None);
        assert_eq!(moved_on("q2", Some(7), Some(3)), None);
        assert!(moved_on("q2", None, Some(3)).unwrap().contains("may have moved"));
    }

    #[test]
    fn what_others_hold_is_told_with_how_long_it_may_take() {
        let depth = Depth { visible: 0, in_flight: 60, delayed: 0 };
        let unreached = Unreached {
            visibility_timeout: Some(Duration::from_secs(30)),
            ..Unreached::of(depth, 30, false)
        };
        let expected = "30 in flight; visible again within the queue's timeout (30 s) unless extended, 12 h at most";
        assert_eq!(unreached.why().as_deref(), Some(expected));
        assert!(unreached.may_come() && !unreached.is_nothing());
        // Counts may be old.
        let own = Unreached::of(depth, 61, false);
        assert!(own.is_nothing() && own.why().is_none() && !own.may_come());
        let delayed = Unreached::of(Depth { delayed: 2, ..Depth::default() }, 0, false);
        assert!(delayed.may_come() && delayed.why().unwrap().starts_with("2 delayed"));
    }

    #[test]
    fn those_behind_others_of_their_group_are_counted_and_the_others_named() {
        let message = |id: &str, group: &str| DeadLetter {
            message_id: id.to_owned(),
            group_id: Some(group.to_owned()),
            ..DeadLetter::default()
        };
        let held = [message("m-1", "a"), message("m-2", "a"), message("m-3", "b")];
        let depth = Depth { visible: 30, in_flight: 3, delayed: 0 };
        let mut groups = FifoGroups::default();
        groups.received(2, [Some("a"); 2]);
        groups.received(1, [Some("b")]);
        let fifo = Unreached::of(depth, 3, true).with_blocking(&held, &groups);
        let why = fifo.why().unwrap();
        assert!(why.contains("counts 30 more"), "{why}");
        assert!(why.ends_with("behind m-1 and 1 more (group a), m-3 (group b)"), "{why}");
        assert!(!fifo.may_come(), "waiting alone brings none of them");
        let standard = Unreached::of(depth, 3, false).with_blocking(&held, &groups);
        assert!(standard.blocked_by.is_empty() && standard.why().unwrap().contains("no poll"));
    }

    #[test]
    fn messages_of_groups_that_were_brought_whole_block_nothing() {
        let message = |id: &str, group: &str| DeadLetter {
            message_id: id.to_owned(),
            group_id: Some(group.to_owned()),
            ..DeadLetter::default()
        };
        let held = [message("m-1", "a"), message("m-2", "b")];
        let mut groups = FifoGroups::default();
        groups.received(10, [Some("a"), Some("b")]);
        // Another consumer holds one of a third group, and there are more of it.
        let depth = Depth { visible: 30, in_flight: 3, delayed: 0 };
        let fifo = Unreached::of(depth, 2, true).with_blocking(&held, &groups);
        assert!(fifo.blocked_by.is_empty(), "{fifo:?}");
        let why = fifo.why().unwrap();
        assert!(why.ends_with("not reachable behind those in flight"), "{why}");
        let alone = Unreached::of(depth, 3, true).with_blocking(&held, &groups);
        assert!(alone.why().unwrap().ends_with("behind the ones before them"), "{alone:?}");
    }

    #[test]
    fn a_queue_that_holds_more_than_before_may_be_read_by_nobody() {
        assert_eq!(unread(Some(0), 1, 1), 1);
        assert_eq!(unread(Some(7), 10, 20), 3);
        assert_eq!(unread(Some(7), 7, 20), 0);
        assert_eq!(unread(Some(9), 7, 20), 0);
        assert_eq!(unread(None, 4, 20), 4);
        assert_eq!(unread(Some(0), 40, 20), 20);
    }
}
