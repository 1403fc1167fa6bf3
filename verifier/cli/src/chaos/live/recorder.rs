//! The lines of a history, as they come.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use verifier_core::chaos::{Event, Line, Observed, Watch};
use verifier_core::dead_letters::Letter;
use verifier_core::time::Timestamp;

/// Writes lines with the time at which they come.
pub(super) struct Recorder {
    pub(super) watch: Watch,
    lines: Mutex<Vec<Line>>,
    ops: AtomicU64,
    /// The letters that were told of.
    told: Mutex<BTreeSet<String>>,
    /// How many there were at the last look.
    looked_at: AtomicU64,
}

impl Recorder {
    pub(super) fn new(watch: Watch) -> Self {
        Self {
            watch,
            lines: Mutex::default(),
            ops: AtomicU64::new(0),
            told: Mutex::default(),
            looked_at: AtomicU64::new(0),
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

    /// Whether that many letters are no more than were there at the last look; then the next one would show nothing new.
    pub(super) fn has_seen(&self, dead: u64) -> bool {
        self.looked_at.load(Ordering::SeqCst) == dead
    }

    /// Letters that are seen now; each is told of once.
    pub(super) fn letters(&self, now: Timestamp, letters: Vec<Letter>) {
        self.looked_at.store(letters.len() as u64, Ordering::SeqCst);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let new = letters.into_iter().filter(|letter| told.insert(letter.message_id.clone()));
        let letters = new.map(|letter| (now, letter)).collect();
        let seen = Observed { outcomes: Vec::new(), letters };
        self.lock().extend(self.watch.lines(&seen, false));
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
        Event::Received { .. } => 1,
        Event::Attempt { .. } => 2,
        Event::DeadLettered { .. } => 4,
        Event::Drained { .. } => 5,
        _ => 3,
    }
}
