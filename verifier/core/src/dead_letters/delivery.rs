//! How messages come to a function: what its invocations can tell of a message that none of their lines names.

use std::time::Duration;

use verifier_model::time::Timestamp;

use crate::evidence::MappingEvidence;

/// The longest batching window.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>,
/// `MaximumBatchingWindowInSeconds`.
const WINDOW_MAX: Duration = Duration::from_mins(5);

/// How an event source mapping hands messages to its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whether an invocation that succeeds may have reported single messages as failed. Without that, its whole batch is
    /// deleted, and it held no message that is dead.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
    pub partial_responses: bool,
    /// The most messages of a batch, where that is known.
    pub batch_size: Option<u32>,
    /// How long a batch is gathered at most.
    pub batching_window: Duration,
    /// Since when that is so; of messages that were received before, nothing of it is known.
    pub since: Option<Timestamp>,
}

impl Delivery {
    /// Where nothing is known of it.
    pub const UNKNOWN: Self = Self {
        partial_responses: true,
        batch_size: None,
        batching_window: WINDOW_MAX,
        since: None,
    };

    /// By a mapping.
    pub fn of(mapping: &MappingEvidence) -> Self {
        Self {
            partial_responses: mapping.reports_batch_item_failures(),
            batch_size: Some(mapping.batch_size).filter(|size| *size > 0),
            batching_window: mapping.batching_window,
            since: mapping.last_modified,
        }
    }

    /// What was so at a time.
    #[must_use]
    pub fn at(self, time: Timestamp) -> Self {
        if self.since.is_some_and(|since| time < since) { Self::UNKNOWN } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mapping_says_counts_from_its_last_change_on() {
        let at = Timestamp::from_millis;
        let mapping = MappingEvidence {
            batch_size: 1,
            last_modified: Some(at(10)),
            ..MappingEvidence::default()
        };
        let delivery = Delivery::of(&mapping);
        assert!(!delivery.partial_responses);
        assert_eq!(delivery.at(at(10)), delivery);
        assert_eq!(delivery.at(at(9)), Delivery::UNKNOWN);
        let always = Delivery { since: None, ..delivery };
        assert_eq!(always.at(at(0)), always);
    }
}
