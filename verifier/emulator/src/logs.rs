//! Log groups, streams and events.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use verifier_core::logs::FilterPattern;
use verifier_core::time::Timestamp;

/// Every log group of the emulator.
#[derive(Default)]
pub(crate) struct LogStore(Mutex<BTreeMap<String, LogGroup>>);

/// A log group.
#[derive(Default)]
pub(crate) struct LogGroup {
    pub(crate) created_at: Timestamp,
    pub(crate) bytes: usize,
    /// In the order of their arrival.
    events: Vec<LogEvent>,
}

/// A log event.
#[derive(Clone, Debug)]
pub(crate) struct LogEvent {
    pub(crate) stream: String,
    pub(crate) timestamp: Timestamp,
    pub(crate) message: String,
    /// Unique and ascending within the group.
    pub(crate) number: u64,
}

/// Which events of a group are wanted.
pub(crate) struct EventQuery<'a> {
    pub(crate) pattern: &'a FilterPattern,
    pub(crate) streams: &'a dyn Fn(&str) -> bool,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    /// Where to go on: the number of events that were already looked at.
    pub(crate) skip: usize,
    pub(crate) limit: usize,
}

impl LogStore {
    pub(crate) fn create_group(&self, name: &str, now: Timestamp) {
        self.lock()
            .entry(name.to_owned())
            .or_insert_with(|| LogGroup { created_at: now, ..LogGroup::default() });
    }

    pub(crate) fn delete_group(&self, name: &str) {
        self.lock().remove(name);
    }

    pub(crate) fn append(&self, group: &str, stream: &str, timestamp: Timestamp, message: String) {
        let mut groups = self.lock();
        let group = groups.entry(group.to_owned()).or_default();
        group.bytes += message.len() + 26;
        let number = group.events.len() as u64;
        group.events.push(LogEvent { stream: stream.to_owned(), timestamp, message, number });
    }

    /// The groups whose names have the prefix, in order.
    pub(crate) fn groups(&self, prefix: &str) -> Vec<(String, Timestamp, usize)> {
        let groups = self.lock();
        let found = groups.iter().filter(|(name, _)| name.starts_with(prefix));
        found.map(|(name, group)| (name.clone(), group.created_at, group.bytes)).collect()
    }

    /// The events of a group that a query selects, and where to go on if there are more; `None` if there is no such
    /// group.
    pub(crate) fn events(
        &self,
        group: &str,
        query: &EventQuery<'_>,
    ) -> Option<(Vec<LogEvent>, Option<usize>)> {
        let groups = self.lock();
        let events = &groups.get(group)?.events;
        let mut found = Vec::new();
        for (index, event) in events.iter().enumerate().skip(query.skip) {
            if found.len() == query.limit {
                return Some((found, Some(index)));
            }
            let in_time = query.from.is_none_or(|from| event.timestamp >= from)
                && query.to.is_none_or(|to| event.timestamp <= to);
            if in_time && (query.streams)(&event.stream) && query.pattern.matches(&event.message) {
                found.push(event.clone());
            }
        }
        Some((found, None))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, LogGroup>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
