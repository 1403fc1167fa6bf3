//! A redrive from its first step to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use verifier_core::dead_letters::{
    AttemptLog, DeadLetter, Depth, EmptyDetector, FifoGroups, Filter, Unreached,
};
use verifier_core::redrive::{
    Accounting, Decision, Entry, Ledger, Pacer, Ramp, Room, Terms, Unwritten,
};
use verifier_model::time::Timestamp;

use super::destination::Destination;
use super::ended::Ended;
use super::expected::expected;
use super::originals::Rewrite;
use crate::dlq::{DlqTarget, Hold, extend_visibility, release};
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::journal::JournalFile;
use crate::shell::progress::Progress;

/// How often messages that stay are held for longer.
const KEEP: Duration = Duration::from_secs(Hold::SECONDS as u64 / 2);
/// How many bytes of messages are in hand at once. The SDK has them twice, and the journal and a patch once more.
const ROOM_BYTES: usize = 24 * 1_048_576;
/// How much longer than its visibility timeout a message may be away that somebody was handed.
const REAPPEARS: Duration = Duration::from_secs(Hold::SECONDS as u64 + 10);

/// What ends a redrive before it is done.
pub(crate) struct Guards<'a> {
    /// Ctrl-C.
    pub(crate) interrupt: &'a Interrupt,
    /// When it has to be over.
    pub(crate) deadline: Option<Timestamp>,
    /// How long messages that others hold are waited for, if it is longer than the redrive's own receives may hide them.
    pub(crate) wait: Duration,
    /// What it does not do of what was asked for, when it has done the rest.
    pub(crate) shortfall: Option<String>,
}

/// A redrive under way.
pub(crate) struct Engine<'a> {
    pub(super) place: &'a DlqTarget,
    /// Where messages are sent: one queue, or those that messages came from, in the order of the terms.
    pub(super) to: &'a [Destination],
    pub(super) journal: JournalFile,
    pub(super) ledger: Mutex<Ledger>,
    pub(super) terms: Terms,
    pub(super) filter: Filter,
    pub(super) rewrite: Rewrite,
    /// Names the redrive, also in the deduplication ids of FIFO queues.
    pub(super) name: String,
    pub(super) guards: Guards<'a>,
    pub(super) progress: &'a Progress,
    /// Messages that stay, by id, and the handles by which they are held.
    pub(super) held: Mutex<BTreeMap<String, String>>,
    /// The groups of those, on FIFO queues.
    pub(super) groups: Mutex<BTreeMap<String, String>>,
    /// Of which groups more may be behind those that were brought.
    pub(super) open_groups: Mutex<FifoGroups>,
    /// What was not reached when the last step was over.
    pub(super) unreached: Mutex<Unreached>,
    /// The heads of messages of this redrive that were seen in the dead-letter queue, by the ids that the journal has for them.
    pub(super) dead: Mutex<BTreeMap<String, DeadLetter>>,
    /// The heads of messages that a small step sends.
    pub(super) sent_heads: Mutex<BTreeMap<String, DeadLetter>>,
    /// Messages that are being sent, by id, and the handles by which they are held.
    pub(super) in_hand: Mutex<BTreeMap<String, String>>,
    /// What polls have brought last, whoever has polled: each long poll asks all of the queue's servers.
    pub(super) empty_detector: Mutex<EmptyDetector>,
    /// How many bodies may be in memory, and who waits for those that leave.
    pub(super) room: Mutex<Room>,
    pub(super) left_room: Notify,
    /// How many messages the step takes in all.
    pub(super) step_size: AtomicU64,
    /// How many messages the step may still take.
    pub(super) quota: AtomicU64,
    /// Why messages of the step died, by the log.
    pub(super) reasons: Mutex<BTreeMap<String, String>>,
    pub(super) began_at: Timestamp,
    pub(super) pacer: Mutex<Pacer>,
    /// How many messages it is going to send in all, where that is known.
    pub(super) expected: Option<u64>,
    /// How many were sent before it was taken up again.
    pub(super) replayed_before: u64,
    /// Whether a message has been deleted: until then nothing says that this may be done.
    pub(super) can_delete: AtomicBool,
    /// The logs that could not be read, of which that was said.
    pub(super) unreadable: Mutex<BTreeSet<String>>,
    /// Why no message may be deleted.
    pub(super) denied: Mutex<Option<String>>,
}

/// Why a step went no further.
pub(super) enum Stop {
    Interrupted,
    Deadline,
    /// What is sent may not be deleted from the dead-letter queue, and why.
    Denied(String),
}

impl Stop {
    /// In words.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Interrupted => "it was interrupted".to_owned(),
            Self::Deadline => "its time is over (--deadline)".to_owned(),
            Self::Denied(why) => format!(
                "what it has sent cannot be deleted from the dead-letter queue, and nothing more was sent: {why}"
            ),
        }
    }
}

impl<'a> Engine<'a> {
    pub(crate) fn new(
        place: &'a DlqTarget,
        to: &'a [Destination],
        journal: JournalFile,
        ledger: Ledger,
        guards: Guards<'a>,
        progress: &'a Progress,
    ) -> Result<Self, Failure> {
        let Some(Entry::Started { terms, redrive, .. }) = ledger.started().cloned() else {
            return Err(Failure::usage("the journal does not say how the redrive began"));
        };
        let filter = terms.filter.filter().map_err(|error| Failure::usage(error.to_string()))?;
        let rewrite = Rewrite::of(&terms)?;
        let pacer = Mutex::new(Pacer::new(terms.rate));
        Ok(Self {
            expected: expected(place, &ledger, &terms),
            replayed_before: ledger.replayed(),
            reasons: Mutex::new(ledger.planned_reasons().clone()),
            place,
            to,
            journal,
            ledger: Mutex::new(ledger),
            terms: *terms,
            filter,
            rewrite,
            name: redrive,
            guards,
            progress,
            held: Mutex::default(),
            groups: Mutex::default(),
            open_groups: Mutex::default(),
            unreached: Mutex::default(),
            dead: Mutex::default(),
            sent_heads: Mutex::default(),
            in_hand: Mutex::default(),
            empty_detector: Mutex::default(),
            room: Mutex::new(Room::new(ROOM_BYTES)),
            left_room: Notify::new(),
            step_size: AtomicU64::new(0),
            quota: AtomicU64::new(0),
            began_at: place.clock.now(),
            pacer,
            can_delete: AtomicBool::new(false),
            unreadable: Mutex::default(),
            denied: Mutex::default(),
        })
    }

    /// Carries it out, or goes on with it by that entry. Messages that stay are made visible again in any case.
    pub(crate) async fn run(self, resumed: Option<Entry>) -> Result<Ended, Failure> {
        // The steps, and what holds messages meanwhile.
        self.place.clock.add_waiters(1).await;
        let outcome = tokio::select! {
            outcome = self.all(resumed) => outcome,
            never = self.keep() => match never {},
            never = self.tell_of_an_interrupt() => match never {},
        };
        self.place.clock.add_waiters(-1).await;
        let handles: Vec<String> = lock(&self.held).values().cloned().collect();
        // What cannot be made visible again comes back by itself.
        let _ = release(&self.place.aws, &self.place.dead_letters, &handles).await;
        // What was done until then is told, whatever came in between.
        let (stopped, failure) = match outcome {
            Ok(stopped) => (stopped, None),
            Err(failure) => (Some(failure.what.clone()), Some(failure)),
        };
        let noted = if failure.is_none() { self.note_those_back().await } else { Ok(()) };
        self.end(stopped, failure.or(noted.err())).await
    }

    async fn all(&self, resumed: Option<Entry>) -> Result<Option<String>, Failure> {
        if let Some(entry) = resumed {
            self.take_up(&entry).await?;
        }
        self.steps().await
    }

    async fn end(
        self,
        stopped: Option<String>,
        failure: Option<Failure>,
    ) -> Result<Ended, Failure> {
        let left = match self.left().await {
            Ok(left) => left,
            // Whoever could not be asked before need not be now.
            Err(_) if failure.is_some() => 0,
            Err(error) => return Err(error),
        };
        let accounting = lock(&self.ledger).accounting(left);
        let stopped = stopped.or_else(|| self.shortfall(&accounting));
        let moved_on = self.place.moved_on().await;
        let stopped = match (stopped, moved_on) {
            (Some(stopped), Some(moved_on)) => Some(format!("{stopped}; {moved_on}")),
            (stopped, moved_on) => stopped.or(moved_on),
        };
        let entry =
            Entry::Ended { at: self.place.clock.now(), stopped: stopped.clone(), accounting };
        // What was done is told also where it cannot be written down.
        let failure = failure.or(self.note_durably(&entry).await.err());
        let journal = self.journal.path().to_owned();
        let unwritten = Unwritten::of(self.journal.unwritten().iter().map(String::as_str));
        let ledger = self.ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Several destinations are all asked by the same client.
        let calls = match self.to.first() {
            Some(to) => self.place.aws.calls().counts_with(to.aws.calls()),
            None => self.place.aws.calls().counts(),
        };
        Ok(Ended { stopped, failure, accounting, ledger, journal, unwritten, calls })
    }

    /// What was not done of what was asked for, by a redrive that nothing has stopped.
    fn shortfall(&self, accounting: &Accounting) -> Option<String> {
        let not_undone = self.rewrite.not_undone(|copy| lock(&self.ledger).is_sent(copy));
        if not_undone.is_some() {
            return not_undone;
        }
        if self.guards.shortfall.is_some() {
            return self.guards.shortfall.clone();
        }
        accounting.shortfall(self.place.dead_letters.arn())
    }

    /// All steps; says why there were no more, if it was not for want of messages.
    async fn steps(&self) -> Result<Option<String>, Failure> {
        let ramp = match self.terms.steps.as_slice() {
            [] => None,
            steps => {
                let ramp = Ramp::new(steps.to_vec());
                Some(ramp.map_err(|error| Failure::usage(error.to_string()))?)
            }
        };
        // What a redrive that was killed has sent is evaluated before anything else is sent.
        if let Some(stopped) = self.evaluate_the_rest(ramp.is_some()).await? {
            return Ok(Some(stopped));
        }
        loop {
            let (number, rung) = {
                let ledger = lock(&self.ledger);
                (ledger.steps(), ledger.rung())
            };
            let size = ramp.as_ref().map_or(u64::MAX, |ramp| ramp.size(rung));
            let allowed = lock(&self.ledger).allowed();
            if allowed == 0 {
                return Ok(None);
            }
            if ramp.is_some() {
                self.note(&Entry::Step { number: number + 1, size });
                self.progress.detail(&format!("step {}: up to {size} messages", number + 1));
            }
            let (before, began_at) = (lock(&self.ledger).sends(), self.place.clock.now());
            let depths = if ramp.is_some() { self.depths().await? } else { BTreeMap::new() };
            let stop = self.step(size.min(allowed)).await?;
            let sent = lock(&self.ledger).sends() - before;
            if let Some(stop) = stop {
                return Ok(Some(stop.why()));
            }
            if ramp.is_some()
                && sent > 0
                && let Decision::Stop { why } = self.evaluate(number + 1, began_at, &depths).await?
            {
                return Ok(Some(why));
            }
            if sent < size.min(allowed) {
                // There were no more of them, as far as they could be reached.
                let unreached = lock(&self.unreached).why();
                if unreached.is_none() {
                    self.note_those_missing();
                }
                return Ok(unreached);
            }
            if ramp.is_none() {
                return Ok(None);
            }
        }
    }

    async fn evaluate_the_rest(&self, has_ramp: bool) -> Result<Option<String>, Failure> {
        if !has_ramp || lock(&self.ledger).unevaluated().is_empty() {
            return Ok(None);
        }
        let number = lock(&self.ledger).steps();
        // They were sent at some time since then.
        let since = match lock(&self.ledger).started() {
            Some(Entry::Started { at, .. }) => *at,
            _ => Timestamp::default(),
        };
        match self.evaluate(number, since, &BTreeMap::new()).await? {
            Decision::GoOn => Ok(None),
            Decision::Stop { why } => Ok(Some(why)),
        }
    }

    /// Whether something asks to stop.
    pub(super) fn stop(&self) -> Option<Stop> {
        if self.guards.interrupt.is_asked() {
            return Some(Stop::Interrupted);
        }
        if let Some(why) = &*lock(&self.denied) {
            return Some(Stop::Denied(why.clone()));
        }
        let deadline = self.guards.deadline?;
        (self.place.clock.now() >= deadline).then_some(Stop::Deadline)
    }

    /// Holds messages for longer, again and again: those that stay, so that they do not come up, and those that are being
    /// sent, so that nobody else gets them.
    async fn keep(&self) -> Infallible {
        loop {
            self.place.clock.sleep(KEEP).await;
            let mut handles: Vec<String> = lock(&self.held).values().cloned().collect();
            handles.extend(lock(&self.in_hand).values().cloned());
            // One that cannot be kept comes up again, and is hidden for longer.
            let _ = extend_visibility(&self.place.aws, &self.place.dead_letters, &handles).await;
        }
    }

    /// How many messages there are in the dead-letter queue, by its count.
    async fn left(&self) -> Result<u64, Failure> {
        let queue = &self.place.dead_letters;
        let queue = self.place.aws.queue(&queue.name, &queue.url).await?;
        let count = |name| queue.number(name).unwrap_or_default();
        Ok(count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible"))
    }

    /// What is not reached, by the queue's counts.
    pub(super) async fn away(&self) -> Result<Unreached, Failure> {
        let queue = &self.place.dead_letters;
        let queue = self.place.aws.queue(&queue.name, &queue.url).await?;
        let mut unreached = {
            let held = lock(&self.held);
            let own = held.len() as u64;
            let unreached = Unreached::of(Depth::of(&queue), own, queue.is_fifo());
            let groups = lock(&self.groups);
            let blocking: Vec<DeadLetter> = held
                .keys()
                .filter_map(|id| {
                    let group_id = Some(groups.get(id)?.clone());
                    Some(DeadLetter { message_id: id.clone(), group_id, ..DeadLetter::default() })
                })
                .collect();
            unreached.with_blocking(&blocking, &lock(&self.open_groups))
        };
        unreached.visibility_timeout = queue.visibility_timeout();
        Ok(unreached)
    }

    /// Until when a message that is away may come up again.
    pub(super) fn reappears_until(&self) -> Timestamp {
        (self.began_at + self.guards.wait).max(self.place.clock.now() + REAPPEARS)
    }

    /// Writes down what happened.
    pub(super) fn note(&self, entry: &Entry) {
        // Under one lock, so that the lines have the order of the ledger.
        let mut ledger = lock(&self.ledger);
        ledger.apply(entry);
        self.journal.append(entry);
    }

    /// Writes down what happened, and goes on when that is on the disk.
    pub(super) async fn note_durably(&self, entry: &Entry) -> Result<(), Failure> {
        let written = {
            let mut ledger = lock(&self.ledger);
            ledger.apply(entry);
            self.journal.append_durably(entry)
        };
        written.await
    }

    /// Waits until so many more messages may be sent; false when something asks to stop before it is their turn.
    pub(super) async fn pace(&self, count: usize) -> bool {
        let now = self.place.clock.now();
        let at = lock(&self.pacer).turn(count, now);
        if at > now {
            let until = self.guards.deadline.map_or(at, |deadline| at.min(deadline));
            tokio::select! {
                () = self.place.clock.sleep_until(until) => {}
                () = self.guards.interrupt.asked() => {}
            }
        }
        at <= now || self.stop().is_none()
    }

    /// Says what happens now, and what would if somebody was in more of a hurry.
    async fn tell_of_an_interrupt(&self) -> Infallible {
        self.guards.interrupt.asked().await;
        self.progress
            .say("stopping: what is in hand is finished first; Ctrl-C again leaves at once");
        std::future::pending().await
    }

    /// Remembers why messages failed.
    pub(super) fn remember(&self, ids: &[String], attempt_log: &AttemptLog) {
        let mut reasons = lock(&self.reasons);
        for id in ids {
            if let Some(reason) = attempt_log.reason(id) {
                reasons.insert(id.clone(), reason.to_owned());
            }
        }
    }
}

/// What is behind a lock, also after a panic of somebody who held it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
