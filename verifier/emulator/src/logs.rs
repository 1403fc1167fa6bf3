//! Log groups, streams and events: the model, and the settings of how it delivers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use verifier_core::logs::{LogGroups, LogsError};
use verifier_core::time::Timestamp;

/// Every log group of the emulator.
#[derive(Default)]
pub struct LogStore(Mutex<LogGroups>);

impl LogStore {
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

    /// Creates a group of the stack.
    pub(crate) fn create_group(
        &self,
        name: &str,
        retention_days: Option<u32>,
        tags: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), LogsError> {
        let mut groups = self.lock();
        groups.create_group(name, tags, now)?;
        groups.set_retention(name, retention_days)
    }

    /// Stores a line of a function's or of Lambda's own.
    pub(crate) fn append(&self, group: &str, stream: &str, timestamp: Timestamp, message: String) {
        self.lock().append(group, stream, message, timestamp);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, LogGroups> {
        // The model's operations do not panic half way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
