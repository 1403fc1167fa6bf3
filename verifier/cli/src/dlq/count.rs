//! What a queue counts, as `verifier dlq watch` shows it.

use std::time::Duration;

use verifier_model::time::Timestamp;

/// What a queue counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) at: Timestamp,
    pub(crate) visible: u64,
    pub(crate) in_flight: u64,
    /// By how much the visible ones have changed.
    pub(crate) change: i64,
    /// How long the oldest has been there, by the last datapoint of CloudWatch, where there is one.
    pub(crate) oldest: Option<Duration>,
}
