//! Log groups, streams and events: the model, and the settings of how it delivers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use verifier_model::faults::{Caller, Fault, Happening, Stage};
use verifier_model::logs::{InputLogEvent, LogGroups, LogsError};
use verifier_model::time::Timestamp;

use crate::faults::{Faults, skewed};

/// Where a line comes from, and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct LogSource {
    pub(crate) function: String,
    pub(crate) group: String,
    pub(crate) stream: String,
}

/// Every log group of the emulator.
pub struct LogStore {
    groups: Mutex<LogGroups>,
    faults: Faults,
}

impl LogStore {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { groups: Mutex::default(), faults }
    }

    /// Lets events that are written from now on become visible so much later than they are written.
    ///
    /// On AWS that takes seconds and sometimes minutes. Readers poll, so nothing is woken when the delay is over.
    pub fn set_delivery_delay(&self, delay: Duration) {
        self.lock().delivery_delay = delay;
    }

    /// Lets a page of `FilterLogEvents` look at so many events at most, so that pages may be empty although more
    /// follow, as on AWS; `None` lets every page be as full as it can be.
    pub fn set_events_searched_max(&self, events: Option<usize>) {
        self.lock().events_searched_max = events;
    }

    /// Creates a group of the stack, all of it or nothing.
    pub(crate) fn create_group(
        &self,
        name: &str,
        retention_days: Option<u32>,
        tags: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), LogsError> {
        let mut groups = self.lock();
        groups.create_group(name, tags, now)?;
        let kept = groups.set_retention(name, retention_days);
        if kept.is_err() {
            groups.delete_group(name)?;
        }
        kept
    }

    /// Stores a line of a function's or of Lambda's own about it, with whatever goes wrong with it.
    pub(crate) fn append(&self, source: &LogSource, mut message: String, now: Timestamp) {
        let LogSource { function, group, stream } = source;
        let at = Happening::new("PutLogEvents", Caller::Function).of_function(function);
        let at = at.with_text(&message);
        let (fault, skew) =
            (self.faults.decide(Stage::Log, &at), self.faults.decide(Stage::Clock, &at));
        let timestamp = match skew {
            Some(Fault::ClockSkew { milliseconds }) => skewed(now, milliseconds),
            _ => now,
        };
        let (mut copies, mut late) = (1, Duration::ZERO);
        match fault {
            Some(Fault::LogLost) => copies = 0,
            Some(Fault::LogDoubled) => copies = 2,
            Some(Fault::LogLate { milliseconds }) => late = Duration::from_millis(milliseconds),
            Some(Fault::LogTruncated { bytes }) => {
                message.truncate(message.floor_char_boundary(bytes));
            }
            _ => {}
        }
        let mut groups = self.lock();
        for _ in 0..copies {
            let event = InputLogEvent { timestamp, message: message.clone() };
            groups.append(group, stream, event, late, now);
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, LogGroups> {
        // The model's operations do not panic half way through a change.
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
