//! The three counts of a queue.

use std::collections::BTreeMap;
use std::fmt;

/// How many messages a queue holds, as SQS counts them.
///
/// The counts lag, by a minute at times, so they veto and never prove: a queue that seems to hold more than before holds
/// something, and one that seems empty may not be.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// `ApproximateNumberOfMessages`.
    pub visible: u64,
    /// `ApproximateNumberOfMessagesNotVisible`.
    pub in_flight: u64,
    /// `ApproximateNumberOfMessagesDelayed`.
    pub delayed: u64,
}

impl QueueCounts {
    /// The counts in a queue's attributes; `None` unless all three are there.
    pub fn of(attributes: &BTreeMap<String, String>) -> Option<Self> {
        let count = |name: &str| attributes.get(name)?.parse().ok();
        Some(Self {
            visible: count("ApproximateNumberOfMessages")?,
            in_flight: count("ApproximateNumberOfMessagesNotVisible")?,
            delayed: count("ApproximateNumberOfMessagesDelayed")?,
        })
    }

    /// All messages.
    pub fn total(self) -> u64 {
        self.visible.saturating_add(self.in_flight).saturating_add(self.delayed)
    }
}

impl fmt::Display for QueueCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} visible, {} in flight, {} delayed",
            self.visible, self.in_flight, self.delayed
        )
    }
}

/// How many messages more a queue holds than before a run; `None` where either was not counted.
pub fn surplus(before: Option<QueueCounts>, after: Option<QueueCounts>) -> Option<u64> {
    Some(after?.total().saturating_sub(before?.total()))
}

/// How many messages of the dead-letter queue nothing explains, by its counts; `None` where either was not read.
///
/// What was there before the run may be there still, except what the run deleted of it; so may every message of others that
/// was seen there. The run's own were deleted. What is more than that hides from the run: in flight, delayed, or not yet seen.
pub fn unexplained(
    before: Option<QueueCounts>,
    after: Option<QueueCounts>,
    deleted_of_before: usize,
    others_seen: usize,
) -> Option<u64> {
    let stayed = before?.total().saturating_sub(deleted_of_before as u64);
    Some(after?.total().saturating_sub(stayed.max(others_seen as u64)))
}

/// What a queue holds once so many messages in flight have left it, where those are all that it holds beside what was there before;
/// `None` where it holds more or fewer. It shows that none of them has left it yet, and that nothing else came.
pub fn once_gone(before: QueueCounts, now: QueueCounts, in_flight: u64) -> Option<QueueCounts> {
    let is_all = now.total() == before.total() + in_flight;
    let left = now.in_flight.checked_sub(in_flight)?;
    is_all.then_some(QueueCounts { in_flight: left, ..now })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_known_only_where_just_those_in_flight_came() {
        let of = |visible, in_flight, delayed| QueueCounts { visible, in_flight, delayed };
        assert_eq!(once_gone(of(0, 0, 0), of(0, 2, 0), 2), Some(of(0, 0, 0)));
        assert_eq!(once_gone(of(1, 0, 3), of(1, 2, 3), 2), Some(of(1, 0, 3)));
        // One more, one fewer, or another than those.
        for now in [of(0, 3, 0), of(0, 2, 1), of(0, 1, 0), of(1, 1, 0)] {
            assert_eq!(once_gone(of(0, 0, 0), now, 2), None, "{now}");
        }
    }

    #[test]
    fn messages_that_neither_were_there_nor_were_seen_are_unexplained() {
        let counts = |in_flight| Some(QueueCounts { in_flight, ..QueueCounts::default() });
        let of = |before, after, deleted, others| {
            unexplained(counts(before), counts(after), deleted, others)
        };
        assert_eq!(of(0, 0, 0, 0), Some(0));
        assert_eq!(of(0, 1, 0, 0), Some(1));
        // Those of others that were there before explain no more than themselves.
        assert_eq!(of(3, 4, 0, 3), Some(1));
        assert_eq!(of(3, 4, 0, 4), Some(0));
        assert_eq!(of(3, 3, 1, 2), Some(1));
        assert_eq!(of(3, 1, 0, 3), Some(0));
        assert_eq!(unexplained(None, counts(1), 0, 0), None);
        assert_eq!(unexplained(counts(1), None, 0, 0), None);
    }

    #[test]
    fn all_three_counts_are_read_or_none() {
        let mut attributes: BTreeMap<String, String> = [
            ("ApproximateNumberOfMessages", "1"),
            ("ApproximateNumberOfMessagesNotVisible", "2"),
            ("ApproximateNumberOfMessagesDelayed", "3"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let counts = QueueCounts { visible: 1, in_flight: 2, delayed: 3 };
        assert_eq!(QueueCounts::of(&attributes), Some(counts));
        assert_eq!(counts.total(), 6);
        assert_eq!(counts.to_string(), "1 visible, 2 in flight, 3 delayed");
        attributes.remove("ApproximateNumberOfMessagesDelayed");
        assert_eq!(QueueCounts::of(&attributes), None);
    }

    #[test]
    fn a_surplus_is_what_came_and_nothing_is_known_without_both_counts() {
        let counts = |visible| Some(QueueCounts { visible, ..QueueCounts::default() });
        assert_eq!(surplus(counts(1), counts(3)), Some(2));
        assert_eq!(surplus(counts(3), counts(1)), Some(0));
        assert_eq!(surplus(None, counts(3)), None);
        assert_eq!(surplus(counts(3), None), None);
    }
}
