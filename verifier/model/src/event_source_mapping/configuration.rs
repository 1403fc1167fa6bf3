//! What an event source mapping is configured with, and what Lambda refuses.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>,
//! <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.

use std::ops::RangeInclusive;

use super::MappingError;

/// The bounds of `BatchSize` on a standard queue.
const BATCH_SIZES: RangeInclusive<u32> = 1..=10_000;
/// The largest `BatchSize` on a FIFO queue, and without a batching window.
const BATCH_SIZE_MAX_WITHOUT_WINDOW: u32 = 10;
/// The bounds of `MaximumBatchingWindowInSeconds`.
const BATCHING_WINDOWS_SECONDS: RangeInclusive<u32> = 0..=300;
/// The bounds of `MaximumConcurrency`.
const MAXIMUM_CONCURRENCIES: RangeInclusive<u32> = 2..=1_000;

/// What a mapping is configured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingConfiguration {
    /// The name of the queue that it reads.
    pub queue: String,
    /// The ARN of that queue.
    pub event_source_arn: String,
    /// The name of the function that it invokes.
    pub function: String,
    /// The most messages in a batch; 1 to 10,000, and at most 10 on a FIFO queue or without a window.
    pub batch_size: u32,
    /// How long a batch is gathered; 0 to 300 s, and 0 on a FIFO queue.
    pub maximum_batching_window_seconds: u32,
    /// Whether it polls.
    pub enabled: bool,
    /// Whether the function's response says which messages failed.
    pub report_batch_item_failures: bool,
    /// The most invocations at a time; 2 to 1,000.
    pub maximum_concurrency: Option<u32>,
}

/// What a request changes about a mapping; what it does not name stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingChanges {
    /// The function that it invokes from now on.
    pub function: Option<String>,
    /// See [`MappingConfiguration::batch_size`].
    pub batch_size: Option<u32>,
    /// See [`MappingConfiguration::maximum_batching_window_seconds`].
    pub maximum_batching_window_seconds: Option<u32>,
    /// See [`MappingConfiguration::enabled`].
    pub enabled: Option<bool>,
    /// See [`MappingConfiguration::report_batch_item_failures`].
    pub report_batch_item_failures: Option<bool>,
    /// See [`MappingConfiguration::maximum_concurrency`]; the inner `None` removes the limit.
    pub maximum_concurrency: Option<Option<u32>>,
}

impl MappingConfiguration {
    /// The configuration that Lambda gives a mapping whose creation names nothing else.
    pub fn new(event_source_arn: &str, function: &str) -> Self {
        Self {
            queue: event_source_arn.rsplit(':').next().unwrap_or_default().to_owned(),
            event_source_arn: event_source_arn.to_owned(),
            function: function.to_owned(),
            batch_size: 10,
            maximum_batching_window_seconds: 0,
            enabled: true,
            report_batch_item_failures: false,
            maximum_concurrency: None,
        }
    }

    /// This configuration after a change.
    pub fn changed_by(mut self, changes: &MappingChanges) -> Result<Self, MappingError> {
        let MappingChanges {
            function,
            batch_size,
            maximum_batching_window_seconds,
            enabled,
            report_batch_item_failures,
            maximum_concurrency,
        } = changes.clone();
        replace(&mut self.function, function);
        replace(&mut self.batch_size, batch_size);
        replace(&mut self.maximum_batching_window_seconds, maximum_batching_window_seconds);
        replace(&mut self.enabled, enabled);
        replace(&mut self.report_batch_item_failures, report_batch_item_failures);
        replace(&mut self.maximum_concurrency, maximum_concurrency);
        self.check()?;
        Ok(self)
    }

    /// Whether its queue is a FIFO queue.
    pub fn is_fifo(&self) -> bool {
        has_fifo_suffix(&self.queue)
    }

    fn check(&self) -> Result<(), MappingError> {
        constraint("batchSize", self.batch_size, BATCH_SIZES)?;
        constraint(
            "maximumBatchingWindowInSeconds",
            self.maximum_batching_window_seconds,
            BATCHING_WINDOWS_SECONDS,
        )?;
        if let Some(maximum_concurrency) = self.maximum_concurrency {
            constraint(
                "scalingConfig.maximumConcurrency",
                maximum_concurrency,
                MAXIMUM_CONCURRENCIES,
            )?;
        }
        let is_large = self.batch_size > BATCH_SIZE_MAX_WITHOUT_WINDOW;
        if self.is_fifo() && is_large {
            return Err(MappingError::invalid(
                "Batch size must be between 1 and 10 for SQS FIFO event source mapping",
            ));
        }
        if self.is_fifo() && self.maximum_batching_window_seconds > 0 {
            return Err(MappingError::invalid("Batching window is not supported for FIFO queues."));
        }
        if is_large && self.maximum_batching_window_seconds == 0 {
            return Err(MappingError::invalid(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            ));
        }
        Ok(())
    }
}

/// Checks what Lambda checks of a mapping's queue and function together.
///
/// # Errors
///
/// If a message would become visible again before the function's timeout is over.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.
pub fn check_timeouts(
    visibility_timeout_seconds: u64,
    function_timeout_seconds: u64,
) -> Result<(), MappingError> {
    if function_timeout_seconds <= visibility_timeout_seconds {
        return Ok(());
    }
    Err(MappingError::invalid(format!(
        "Queue visibility timeout: {visibility_timeout_seconds} seconds is less than Function timeout: {function_timeout_seconds} seconds"
    )))
}

// A queue's name is not a file's, so its case matters.
fn has_fifo_suffix(queue: &str) -> bool {
    queue.strip_suffix(".fifo").is_some()
}

fn replace<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn constraint(name: &str, value: u32, bounds: RangeInclusive<u32>) -> Result<(), MappingError> {
    let (min, max) = (*bounds.start(), *bounds.end());
    let rule = if value < min {
        format!("Member must have value greater than or equal to {min}")
    } else if value > max {
        format!("Member must have value less than or equal to {max}")
    } else {
        return Ok(());
    };
    Err(MappingError::Validation(format!(
        "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {rule}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-central-1:000000000000:jobs";

    fn changed(arn: &str, changes: &MappingChanges) -> Result<MappingConfiguration, String> {
        MappingConfiguration::new(arn, "worker")
            .changed_by(changes)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_change_leaves_alone_what_it_does_not_name() {
        let changes = MappingChanges { batch_size: Some(5), ..MappingChanges::default() };
        let expected =
            MappingConfiguration { batch_size: 5, ..MappingConfiguration::new(QUEUE, "worker") };
        assert_eq!(changed(QUEUE, &changes).unwrap(), expected);
        assert_eq!(expected.queue, "jobs");
    }

    #[test]
    fn a_batch_of_more_than_ten_needs_a_window() {
        let large = MappingChanges { batch_size: Some(11), ..MappingChanges::default() };
        assert_eq!(
            changed(QUEUE, &large).unwrap_err(),
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        );
        let with_window = MappingChanges { maximum_batching_window_seconds: Some(1), ..large };
        assert_eq!(changed(QUEUE, &with_window).unwrap().batch_size, 11);
    }

    #[test]
    fn a_fifo_queue_has_neither_large_batches_nor_a_window() {
        let fifo = format!("{QUEUE}.fifo");
        let window = MappingChanges {
            maximum_batching_window_seconds: Some(1),
            ..MappingChanges::default()
        };
        let large = MappingChanges { batch_size: Some(11), ..window.clone() };
        assert!(changed(&fifo, &large).unwrap_err().starts_with("Batch size"));
        assert!(changed(&fifo, &window).unwrap_err().starts_with("Batching window"));
        assert!(changed(&fifo, &MappingChanges::default()).is_ok());
    }

    #[test]
    fn every_number_has_bounds() {
        let none = MappingChanges::default();
        let batch = |size| MappingChanges {
            batch_size: Some(size),
            maximum_batching_window_seconds: Some(1),
            ..none.clone()
        };
        let window = |seconds| MappingChanges {
            maximum_batching_window_seconds: Some(seconds),
            ..none.clone()
        };
        let concurrency =
            |most| MappingChanges { maximum_concurrency: Some(Some(most)), ..none.clone() };
        for changes in [batch(0), batch(10_001), window(301), concurrency(1), concurrency(1_001)] {
            let refused = changed(QUEUE, &changes).unwrap_err();
            assert!(refused.starts_with("1 validation error detected: Value '"), "{refused}");
        }
        for changes in [batch(1), batch(10_000), window(300), concurrency(2), concurrency(1_000)] {
            assert!(changed(QUEUE, &changes).is_ok(), "{changes:?}");
        }
    }
}
