//! When a queue may be taken for empty.

/// How many long polls in a row have to bring nothing when the queue's count says so too.
const POLLS_WITH_COUNT: u32 = 2;
/// How many have to when the count says otherwise, or is not known. It is approximate, and may be a minute old.
const POLLS_WITHOUT_COUNT: u32 = 6;

/// What long polls say of whether there is anything left to receive.
///
/// One poll that brings nothing proves nothing, and neither does a count alone: both are approximate on standard queues.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmptyDetector {
    empty_polls: u32,
}

impl EmptyDetector {
    /// A long poll has brought so many messages.
    pub fn polled(&mut self, count: usize) {
        self.empty_polls = if count == 0 { self.empty_polls + 1 } else { 0 };
    }

    /// Whether it is worth to ask for the count.
    pub fn is_likely(&self) -> bool {
        self.empty_polls >= POLLS_WITH_COUNT
    }

    /// Whether the queue is empty, where it says to hold `visible` messages.
    pub fn is_certain(&self, visible: Option<u64>) -> bool {
        let needed = if visible == Some(0) { POLLS_WITH_COUNT } else { POLLS_WITHOUT_COUNT };
        self.empty_polls >= needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(polls: &[usize]) -> EmptyDetector {
        let mut empty_detector = EmptyDetector::default();
        for count in polls {
            empty_detector.polled(*count);
        }
        empty_detector
    }

    #[test]
    fn neither_one_poll_nor_a_count_alone_proves_it() {
        assert!(!after(&[0]).is_certain(Some(0)));
        assert!(!after(&[]).is_certain(Some(0)));
        assert!(after(&[0, 0]).is_certain(Some(0)));
        assert!(!after(&[0, 0]).is_certain(Some(3)));
        assert!(!after(&[0, 0]).is_certain(None));
        // A count that stays wrong does not keep anybody indefinitely.
        assert!(after(&[0; 6]).is_certain(Some(3)));
        assert!(after(&[0; 6]).is_certain(None));
    }

    #[test]
    fn a_message_begins_it_anew() {
        assert!(!after(&[0, 0, 1]).is_certain(Some(0)));
        assert!(!after(&[0, 1, 0]).is_certain(Some(0)));
    }
}
