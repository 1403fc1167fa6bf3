//! How many batches a mapping works on at a time.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>, section "Backoff strategy for failed
//! invocations". AWS documents the directions and the first number, and no others: halving and single steps are ours.

use std::time::Duration;

/// With how many pollers, and so batches at a time, Lambda starts on a queue.
pub const INITIAL_CONCURRENCY: u32 = 5;
/// The most batches at a time of a mapping on a standard queue.
const CONCURRENCY_MAX: u32 = 1_250;
/// How long Lambda waits before it offers a throttled batch again: first, and at most.
const THROTTLE_BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How an invocation of a batch ended, as far as the pace goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The function answered.
    Answered,
    /// The function failed: an exception, a timeout, a crash.
    Failed,
    /// Lambda had no concurrency left for the function.
    Throttled,
}

/// The number of batches at a time, which grows while batches succeed and shrinks when they fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaling {
    concurrency: u32,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { concurrency: INITIAL_CONCURRENCY }
    }
}

impl Scaling {
    /// How many batches may be in hand at a time.
    pub fn limit(self, maximum_concurrency: Option<u32>) -> u32 {
        self.concurrency.min(maximum_concurrency.unwrap_or(CONCURRENCY_MAX))
    }

    /// Learns how a batch ended.
    ///
    /// With `ReportBatchItemFailures`, failures of the function do not slow the mapping down; throttling does.
    #[must_use]
    pub fn after(self, pace: Pace, report_batch_item_failures: bool) -> Self {
        let concurrency = match pace {
            Pace::Answered => (self.concurrency + 1).min(CONCURRENCY_MAX),
            Pace::Failed if report_batch_item_failures => self.concurrency,
            Pace::Failed | Pace::Throttled => (self.concurrency / 2).max(1),
        };
        Self { concurrency }
    }
}

/// How long Lambda waits before it offers a batch to a throttled function again: twice as long each time.
///
/// It goes on until the batch's visibility timeout is over, and then drops it.
pub fn throttle_backoff(attempt: u32) -> Duration {
    let (first, most) = THROTTLE_BACKOFF;
    first.saturating_mul(1 << attempt.min(10)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_slow_a_mapping_down_unless_it_reports_items() {
        let start = Scaling::default();
        assert_eq!(start.limit(None), 5);
        assert_eq!(start.after(Pace::Failed, false).limit(None), 2);
        assert_eq!(start.after(Pace::Failed, true).limit(None), 5);
        assert_eq!(start.after(Pace::Throttled, true).limit(None), 2);
        assert_eq!(start.after(Pace::Answered, false).limit(None), 6);
    }

    #[test]
    fn it_never_stops_and_never_passes_its_maximum() {
        let mut scaling = Scaling::default();
        for _ in 0..20 {
            scaling = scaling.after(Pace::Throttled, false);
        }
        assert_eq!(scaling.limit(Some(2)), 1);
        for _ in 0..5_000 {
            scaling = scaling.after(Pace::Answered, false);
        }
        assert_eq!(scaling.limit(Some(2)), 2);
        assert_eq!(scaling.limit(None), CONCURRENCY_MAX);
    }

    #[test]
    fn a_throttled_batch_is_offered_ever_more_rarely() {
        let waits: Vec<u64> = (0..7).map(|attempt| throttle_backoff(attempt).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(throttle_backoff(u32::MAX), Duration::from_secs(30));
    }
}
