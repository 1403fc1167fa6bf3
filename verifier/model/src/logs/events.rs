//! The events of one log group.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use super::LogsError;
use super::error::invalid_token;
use crate::time::Timestamp;

/// A log event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// The stream that it was written to.
    pub stream: String,
    /// When it was written.
    pub timestamp: Timestamp,
    /// When it became visible to readers.
    pub ingestion_time: Timestamp,
    /// What was written.
    pub message: String,
    /// Ascends in the order in which events came.
    pub(super) number: u64,
}

impl LogEvent {
    /// The event's id, which no other event has: by it, readers that poll tell what they have seen.
    pub fn event_id(&self) -> String {
        format!("{:056}", self.number)
    }
}

/// A place between events in the order of their timestamps, events of the same time in the order in which they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gap {
    timestamp: Timestamp,
    number: u64,
}

impl Gap {
    /// Before every event of that time.
    pub(super) fn at(timestamp: Timestamp) -> Self {
        Self { timestamp, number: 0 }
    }

    pub(super) fn before(event: &LogEvent) -> Self {
        Self { timestamp: event.timestamp, number: event.number }
    }

    pub(super) fn after(event: &LogEvent) -> Self {
        Self { timestamp: event.timestamp, number: event.number + 1 }
    }

    /// The gap as a token; the direction tells the kinds of tokens apart.
    pub(super) fn token(self, direction: char) -> String {
        format!("{direction}/{:020}{:036}", self.timestamp.as_millis(), self.number)
    }

    pub(super) fn of_token(token: &str, direction: char) -> Result<Self, LogsError> {
        let digits = token.strip_prefix(direction).and_then(|rest| rest.strip_prefix('/'));
        let digits = digits.filter(|digits| digits.len() == 56 && digits.is_ascii());
        let (timestamp, number) = digits.ok_or_else(invalid_token)?.split_at(20);
        let number_of = |digits: &str| digits.parse().map_err(|_| invalid_token());
        let timestamp = Timestamp::from_millis(number_of(timestamp)?);
        Ok(Self { timestamp, number: number_of(number)? })
    }
}

/// Events by time.
#[derive(Clone, Debug, Default)]
pub(super) struct Events(BTreeMap<Gap, LogEvent>);

impl Events {
    pub(super) fn insert(&mut self, event: LogEvent) {
        self.0.insert(Gap::before(&event), event);
    }

    pub(super) fn forget_stream(&mut self, stream: &str) {
        self.0.retain(|_, event| event.stream != stream);
    }

    /// The events from one gap to another that a reader sees at `now`: those that have arrived and that retention has
    /// not taken yet.
    ///
    /// AWS deletes within 72 hours of when retention ends; here it takes effect at once.
    pub(super) fn visible(
        &self,
        from: Gap,
        to: Option<Gap>,
        retention: Option<Duration>,
        now: Timestamp,
    ) -> impl DoubleEndedIterator<Item = &LogEvent> {
        // A range that ends before it begins holds nothing.
        let to = to.map_or(Bound::Unbounded, |to| Bound::Excluded(to.max(from)));
        let range = self.0.range((Bound::Included(from), to));
        range.map(|(_, event)| event).filter(move |event| {
            let expired = retention.is_some_and(|retention| event.timestamp + retention <= now);
            event.ingestion_time <= now && !expired
        })
    }
}
