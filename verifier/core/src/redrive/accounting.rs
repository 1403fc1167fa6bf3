//! What became of every message of a redrive.

use serde::{Deserialize, Serialize};

/// How many messages ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Accounting {
    /// Those that were sent, each once or more.
    pub replayed: u64,
    /// Of those, the ones that are known to have succeeded.
    pub succeeded: u64,
    /// Of those that succeeded, the ones of which only that is known: they did not come back.
    pub succeeded_by_absence: u64,
    /// Of those that were sent, the ones that failed again.
    pub bounced: u64,
    /// Of those that were sent, the ones of which nothing is known.
    pub unknown: u64,
    /// Of those that were sent, the ones that may have been sent twice.
    pub ambiguous: u64,
    /// Of those that were sent, the ones that are still in the dead-letter queue, as far as is known.
    pub not_deleted: u64,
    /// Those of which no answer said whether they arrived: they may have, and are still in the dead-letter queue.
    pub unconfirmed: u64,
    /// Those that could not be sent.
    pub not_sent: u64,
    /// Those of a plan that had changed, and were not sent.
    pub changed: u64,
    /// Of those that were sent, the ones that overtook one of their message group on a FIFO queue.
    pub out_of_order: u64,
    /// Those of a plan that were not there any more.
    pub missing: u64,
    /// Messages in the dead-letter queue at the end, by its count.
    pub left: u64,
}

impl Accounting {
    /// Whether everything that was to be sent is sent in its order, and gone from the dead-letter queue.
    pub fn is_clean(&self) -> bool {
        self.not_sent == 0
            && self.unconfirmed == 0
            && self.not_deleted == 0
            && self.changed == 0
            && self.out_of_order == 0
    }
}
