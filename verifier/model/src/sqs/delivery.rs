//! What a receive does with a message whose turn it is.

use std::time::Duration;

/// What becomes of a message whose turn it is. All but [`ReceiveFault::Regular`] are faults on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiveFault {
    /// What the queue's rules say.
    #[default]
    Regular,
    /// It is not found, and its turn comes again after this time, a millisecond at least, behind those that are there then.
    Deferred(Duration),
    /// It goes to the dead-letter queue, if there is one, however rarely it was received.
    MovedEarly,
    /// It is received, however often it was.
    MovedLate,
    /// SQS has counted this many receives more than anybody saw.
    Miscounted(u32),
    /// It is received, and a second copy of it stays available.
    Duplicated,
    /// It is received, and visible again after this time, whatever the visibility timeout.
    VisibleAfter(Duration),
}

impl ReceiveFault {
    /// Whether a message that was received so often goes to the dead-letter queue instead of to its receiver.
    pub(super) fn is_last(self, receive_count: u32, max_receive_count: Option<u32>) -> bool {
        max_receive_count.is_some_and(|max| match self {
            Self::MovedEarly => true,
            Self::MovedLate => false,
            _ => receive_count.saturating_add(self.unseen_receives()) >= max,
        })
    }

    /// How many receives are counted besides the one that is seen.
    pub(super) fn unseen_receives(self) -> u32 {
        match self {
            Self::Miscounted(by) => by,
            _ => 0,
        }
    }

    /// How long the message really stays invisible.
    pub(super) fn invisible_for(self, visibility_timeout: Duration) -> Duration {
        match self {
            Self::VisibleAfter(duration) => duration.min(visibility_timeout),
            _ => visibility_timeout,
        }
    }
}
