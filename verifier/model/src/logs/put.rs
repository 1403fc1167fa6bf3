//! Which events `PutLogEvents` accepts.

use std::ops::Range;
use std::time::Duration;

use super::LogsError;
use super::error::constraint;
use crate::time::Timestamp;

/// The most events in a batch.
pub const EVENTS_IN_BATCH_MAX: usize = 10_000;
/// The most bytes of a batch: its messages, and [`EVENT_OVERHEAD_BYTES`] for each.
pub const BATCH_BYTES_MAX: usize = 1_048_576;
/// What every event counts for beyond its message.
pub const EVENT_OVERHEAD_BYTES: usize = 26;
/// The longest time between the first and the last event of a batch.
const SPAN_MAX: Duration = Duration::from_hours(24);
/// How old an event may be.
const AGE_MAX: Duration = Duration::from_hours(14 * 24);
/// How far in the future an event may be.
const AHEAD_MAX: Duration = Duration::from_hours(2);

/// An event as a writer hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputLogEvent {
    /// When it was written.
    pub timestamp: Timestamp,
    /// What was written; at least one byte.
    pub message: String,
}

/// Which events of a batch were not accepted, by their places in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectedLogEvents {
    /// From this event on, all lie more than two hours in the future.
    pub too_new_start_index: Option<usize>,
    /// All before this event are older than 14 days.
    pub too_old_end_index: Option<usize>,
    /// All before this event are older than the group's retention period.
    pub expired_end_index: Option<usize>,
}

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The events that are stored.
    pub accepted: Range<usize>,
    /// Why others are not.
    pub rejected: RejectedLogEvents,
}

/// Evaluates a batch: an error refuses all of it, while events outside of the allowed time are left out one by one.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>.
pub fn check_put(
    events: &[InputLogEvent],
    retention: Option<Duration>,
    now: Timestamp,
) -> Result<Acceptance, LogsError> {
    check_batch(events)?;
    let first_at = |limit: Timestamp| events.partition_point(|event| event.timestamp < limit);
    let too_old = first_at(now - AGE_MAX);
    let expired = retention.map_or(0, |retention| first_at(now - retention));
    let too_new = first_at(now + AHEAD_MAX + Duration::from_millis(1));
    let start = too_old.max(expired);
    Ok(Acceptance {
        accepted: start..too_new.max(start),
        rejected: RejectedLogEvents {
            too_new_start_index: Some(too_new).filter(|index| *index < events.len()),
            too_old_end_index: Some(too_old).filter(|index| *index > 0),
            expired_end_index: Some(expired).filter(|index| *index > 0),
        },
    })
}

fn check_batch(events: &[InputLogEvent]) -> Result<(), LogsError> {
    let member = "logEvents";
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return Err(constraint("[]", member, "have length greater than or equal to 1"));
    };
    if events.len() > EVENTS_IN_BATCH_MAX {
        let rule = format!("have length less than or equal to {EVENTS_IN_BATCH_MAX}");
        return Err(constraint("[...]", member, &rule));
    }
    if let Some(empty) = events.iter().position(|event| event.message.is_empty()) {
        let member = format!("logEvents.{}.member.message", empty + 1);
        return Err(constraint("", &member, "have length greater than or equal to 1"));
    }
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD_BYTES).sum();
    let refusal = if bytes > BATCH_BYTES_MAX {
        format!("Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES_MAX}")
    } else if !events.is_sorted_by_key(|event| event.timestamp) {
        "Log events in a single PutLogEvents request must be in chronological order.".to_owned()
    } else if last.timestamp.since(first.timestamp) > SPAN_MAX {
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
            .to_owned()
    } else {
        return Ok(());
    };
    Err(LogsError::InvalidParameter(refusal))
}
