//! What looking at messages cost them.

/// How often messages had been received before a look, and how often they have been after it.
///
/// Each receive counts, also one that only looks: a queue with a redrive policy moves a message away when it was received too
/// often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveCounts {
    /// The most often that a message had been received before; `None` without a message that tells.
    pub most_before: Option<u32>,
    /// The most often that a message has been received since.
    pub most_after: Option<u32>,
}

impl ReceiveCounts {
    /// Takes a message's receive count, as a receive of the look showed it.
    pub fn take(&mut self, count: u32, is_first_time: bool) {
        if is_first_time {
            self.most_before = self.most_before.max(Some(count.saturating_sub(1)));
        }
        self.most_after = self.most_after.max(Some(count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_looks_own_receives_are_not_counted_as_before_it() {
        let mut counts = ReceiveCounts::default();
        counts.take(4, true);
        counts.take(1, true);
        assert_eq!((counts.most_before, counts.most_after), (Some(3), Some(4)));
        // It comes up a second time.
        counts.take(5, false);
        assert_eq!((counts.most_before, counts.most_after), (Some(3), Some(5)));
    }

    #[test]
    fn without_messages_nothing_is_said() {
        assert_eq!(ReceiveCounts::default().most_before, None);
    }
}
