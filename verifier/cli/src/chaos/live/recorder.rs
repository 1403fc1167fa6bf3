//! The lines of a history, as they come.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use verifier_chaos::{Event, Id, Line, Observed, Operation, Queue, SentMessage, Watch};
use verifier_core::dead_letters::DeadLetter;
use verifier_model::time::Timestamp;

/// Writes lines with the time at which they come.
pub(super) struct Recorder {
    pub(super) watch: Watch,
    lines: Mutex<Vec<Line>>,
    ops: AtomicU64,
    /// The messages that were reported, by id, each with when.
    told: Mutex<BTreeMap<String, (Timestamp, DeadLetter)>>,
    /// How many there were at the last look.
    looked_at: AtomicU64,
    /// What does not let the run go on, once it was met by what a client does.
    met: OnceLock<&'static str>,
}

impl Recorder {
    pub(super) fn new(watch: Watch) -> Self {
        Self {
            watch,
            lines: Mutex::default(),
            ops: AtomicU64::new(0),
            told: Mutex::default(),
            looked_at: AtomicU64::new(0),
            met: OnceLock::new(),
        }
    }

    /// A name for the next operation.
    pub(super) fn new_op(&self) -> u64 {
        self.ops.fetch_add(1, Ordering::SeqCst)
    }

    /// Something happens at a time.
    pub(super) fn write(&self, at: Timestamp, event: Event) {
        let at = self.watch.since(at);
        self.lock().push(Line { at, event });
    }

    /// Whether that many messages are no more than were there at the last look; then the next one would show nothing new.
    pub(super) fn has_seen(&self, dead: u64) -> bool {
        self.looked_at.load(Ordering::SeqCst) == dead
    }

    /// Messages that are seen now; each is reported once.
    pub(super) fn messages(&self, now: Timestamp, messages: Vec<DeadLetter>) {
        self.looked_at.store(messages.len() as u64, Ordering::SeqCst);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for message in messages {
            if let Entry::Vacant(vacant) = told.entry(message.message_id.clone()) {
                vacant.insert((now, message.clone()));
                new.push((now, message));
            }
        }
        let seen = Observed { messages: new, ..Observed::default() };
        self.lock().extend(self.watch.lines(&seen, false));
    }

    /// Every message that was reported, whether it is still there or not, each with when.
    pub(super) fn all_messages(&self) -> Vec<(Timestamp, DeadLetter)> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A condition that does not let the run go on is met; the first counts.
    pub(super) fn meet(&self, condition: &'static str) {
        let _ = self.met.set(condition);
    }

    /// The condition that was met, if one was.
    pub(super) fn met(&self) -> Option<&'static str> {
        self.met.get().copied()
    }

    /// The ids of the messages that are known to hold the run's jobs.
    pub(super) fn own_messages(&self) -> BTreeSet<String> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = told.values().map(|(_, message)| message);
        let own = messages.filter(|message| !self.watch.is_of_others(message));
        let mut ids: BTreeSet<String> = own.map(|message| message.message_id.clone()).collect();
        ids.extend(self.lock().iter().filter_map(|line| match &line.event {
            Event::Ok { message: Some(id), .. } | Event::Moved { to: id, .. } => {
                Some(id.to_string())
            }
            _ => None,
        }));
        ids
    }

    /// The messages of the run's jobs, by what clients and redrives were told of them.
    pub(super) fn sent(&self) -> Vec<SentMessage> {
        let lines = self.lock();
        let jobs: BTreeMap<u64, &Id> = lines
            .iter()
            .filter_map(|line| match &line.event {
                Event::Invoke { op, operation: Operation::Submit { job, .. } } => Some((*op, job)),
                _ => None,
            })
            .collect();
        let sent = lines.iter().filter_map(|line| {
            let (job, message) = match &line.event {
                Event::Ok { op, message: Some(message) } => (*jobs.get(op)?, message),
                Event::Moved { to, job, .. } => (job, to),
                _ => return None,
            };
            Some(SentMessage {
                at: self.watch.began_at + Duration::from_millis(line.at),
                job: job.to_string(),
                message: message.to_string(),
            })
        });
        sent.collect()
    }

    /// Forgets what is told from inside as well: when messages were seen in the dead-letter queue, and what another consumer has
    /// received.
    pub(super) fn forget_messages(&self) {
        let is_told = |event: &Event| {
            matches!(event, Event::DeadLettered { .. } | Event::Received { queue: Queue::Jobs, .. })
        };
        self.lock().retain(|line| !is_told(&line.event));
    }

    /// All lines, in the order of their times; those of one time in the order in which they came.
    pub(super) fn finish(&self, more: Vec<Line>) -> Vec<Line> {
        let mut lines = std::mem::take(&mut *self.lock());
        lines.extend(more);
        lines.sort_by_key(|line| (line.at, rank(&line.event)));
        lines
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes first of what has one time: a job is submitted before it is received, and everything before the end of the drain.
fn rank(event: &Event) -> u8 {
    match event {
        Event::Invoke { .. } | Event::Changed { .. } | Event::Fault { .. } => 0,
        Event::Sent { .. } => 1,
        Event::Received { .. } | Event::Throttled { .. } => 2,
        Event::Invoked { .. } => 3,
        Event::Attempt { .. } | Event::Effect { .. } => 4,
        Event::Ended { .. } => 5,
        // Before the redrive whose look has found it.
        Event::DeadLettered { .. } => 6,
        Event::Drained { .. } => 8,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use verifier_core::settings::MessageIds;

    use super::*;

    #[test]
    fn a_message_that_a_redrive_finds_first_came_before_it() {
        let now = Timestamp::from_millis(5);
        let ids = MessageIds::default();
        let watch = Watch {
            prefix: "r-".to_owned(),
            ids,
            began_at: Timestamp::default(),
            message_is_body: true,
        };
        let recorder = Recorder::new(watch);
        let message = DeadLetter {
            message_id: "m".to_owned(),
            body: r#"{"task":"t","jobId":"r-a"}"#.to_owned(),
            ..DeadLetter::default()
        };
        recorder.write(now, Event::Invoke { op: 0, operation: Operation::Redrive });
        recorder.write(now, Event::RedriveStarted { op: 0, before: 1 });
        recorder.write(now, Event::Deleted { queue: Queue::DeadLetter, message: Id::from("m") });
        recorder.messages(now, vec![message.clone()]);
        recorder.messages(now, vec![message]);
        assert_eq!(recorder.all_messages().len(), 1, "it is reported of once");
        let events: Vec<Event> =
            recorder.finish(Vec::new()).into_iter().map(|line| line.event).collect();
        assert!(matches!(
            events.as_slice(),
            [
                Event::Invoke { .. },
                Event::DeadLettered { .. },
                Event::RedriveStarted { .. },
                Event::Deleted { .. }
            ]
        ));
    }
}
