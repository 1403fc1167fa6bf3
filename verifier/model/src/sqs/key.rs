//! Which message of a queue.

/// Names a message within its queue. Keys ascend in the order in which messages came.
pub(super) type Key = u64;
