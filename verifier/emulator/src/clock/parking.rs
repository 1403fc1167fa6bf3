//! The accounting of who is busy: parking, waking, and what the clock does next.
//!
//! A model checker runs this through many schedules (`tests/schedules`). So it takes its locks from [`crate::sync`], and
//! needs no runtime. It has three kinds of locks: the clock's state, a signal's waiters, and a parked waiter's sender. Each
//! is held alone. Dropping a [`Busy`] locks the clock's state, so none is dropped while any of them is held.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, oneshot};
use verifier_model::time::Timestamp;

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether the clock may jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// Stack time passes as wall time does.
    Real,
    /// When nothing is in flight, the clock jumps to the next timer.
    SkipIdle,
    /// The same, and while something is in flight, time stands still: so when everything happens does not depend on
    /// the machine.
    Still,
}

/// Stack time. Clones are the same clock.
#[derive(Clone)]
pub(crate) struct Clock(pub(super) Arc<Inner>);

pub(super) struct Inner {
    mode: ClockMode,
    started: Instant,
    base: Timestamp,
    state: Mutex<State>,
    /// Evidence when the driver has to look again: nobody is busy any more, or there is an earlier timer.
    pub(super) changed: Notify,
}

#[derive(Default)]
pub(super) struct State {
    skipped: Duration,
    pub(super) busy: usize,
    pub(super) timers: BTreeMap<(Timestamp, u64), Arc<Parked>>,
    next_timer: u64,
}

/// The right to be busy: while one exists, the clock does not jump.
#[must_use = "dropping it at once says that no task is busy"]
pub(crate) struct Busy(Clock);

/// Why a parked task was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The time it waited for has come.
    ByTime,
    /// The signal it waited for was notified.
    BySignal,
}

/// A waiter, reachable from the timers and from a signal; whoever comes first takes the sender.
pub(super) struct Parked(Mutex<Option<oneshot::Sender<(Busy, Woken)>>>);

/// Wakes everyone who waits for a change of some state.
#[derive(Default)]
pub(crate) struct Signal(Mutex<SignalState>);

#[derive(Default)]
struct SignalState {
    generation: u64,
    waiters: Vec<Arc<Parked>>,
}

/// What a waiter had seen of a [`Signal`] when it looked at the state that the signal guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Clock {
    /// A clock at the present wall time, which nobody drives yet.
    pub(super) fn new(mode: ClockMode) -> Self {
        let since_epoch =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let base = Timestamp::default() + since_epoch;
        Self(Arc::new(Inner {
            mode,
            started: Instant::now(),
            base,
            state: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// The present stack time.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.now(&self.0.lock())
    }

    /// How much time was skipped so far.
    pub(crate) fn skipped(&self) -> Duration {
        self.0.lock().skipped
    }

    /// Whether it jumps when nobody is busy; without that, being busy changes nothing.
    pub(crate) fn jumps(&self) -> bool {
        self.0.mode != ClockMode::Real
    }

    /// Declares that somebody is busy.
    pub(crate) fn busy(&self) -> Busy {
        self.0.lock().busy += 1;
        Busy(self.clone())
    }

    /// Waits, not busy, until a point in stack time or until a signal, whichever comes first.
    ///
    /// With each signal comes what [`Signal::seen`] returned *before* the caller looked at the guarded state; a
    /// notification since then wakes at once. Dropping the future while it waits leaves nothing behind.
    pub(crate) async fn park(
        &self,
        busy: Busy,
        until: Option<Timestamp>,
        signals: &[(&Signal, Seen)],
    ) -> (Busy, Woken) {
        let (sender, receiver) = oneshot::channel();
        let parked = Arc::new(Parked(Mutex::new(Some(sender))));
        if !signals.iter().all(|(signal, seen)| signal.register(&parked, *seen)) {
            return (busy, Woken::BySignal);
        }
        let timer = until.map(|until| Timer::set(self, until, parked.clone()));
        // Only now: the wake-up is arranged, so the clock cannot jump past it.
        drop(busy);
        let woken = receiver.await;
        drop(timer);
        // The sender lives in `parked`, which lives here: it cannot be dropped unused while this waits.
        woken.unwrap_or_else(|_| (self.busy(), Woken::BySignal))
    }

    /// Waits, not busy, until a point in stack time.
    pub(crate) async fn sleep_until(&self, busy: Busy, until: Timestamp) -> Busy {
        self.park(busy, Some(until), &[]).await.0
    }
}

impl Inner {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self, state: &State) -> Timestamp {
        let passed = match self.mode {
            ClockMode::Real | ClockMode::SkipIdle => self.started.elapsed(),
            ClockMode::Still => Duration::ZERO,
        };
        self.base + passed + state.skipped
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.busy -= 1;
        // A real clock has nothing to do then, and its driver need not look.
        if state.busy == 0 && self.0.jumps() {
            self.0.0.changed.notify_one();
        }
    }
}

/// An entry among the timers, removed when dropped.
struct Timer<'a> {
    clock: &'a Clock,
    key: (Timestamp, u64),
}

impl<'a> Timer<'a> {
    fn set(clock: &'a Clock, until: Timestamp, parked: Arc<Parked>) -> Self {
        let mut state = clock.0.lock();
        let key = (until, state.next_timer);
        state.next_timer += 1;
        let earliest = state.timers.first_key_value().is_none_or(|(first, _)| key < *first);
        state.timers.insert(key, parked);
        if earliest {
            clock.0.changed.notify_one();
        }
        Self { clock, key }
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.clock.0.lock().timers.remove(&self.key);
    }
}

impl Parked {
    pub(super) fn wake(&self, busy: Busy, why: Woken) {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // A waiter that is gone hands its `Busy` back through the error, which drops it.
            let _ = sender.send((busy, why));
        }
    }
}

impl Signal {
    /// To be called before looking at the guarded state, and passed to [`Clock::park`].
    pub(crate) fn seen(&self) -> Seen {
        Seen(self.lock().generation)
    }

    /// Wakes every waiter; each is busy from this moment on.
    pub(crate) fn notify(&self, clock: &Clock) {
        let waiters = {
            let mut state = self.lock();
            state.generation += 1;
            std::mem::take(&mut state.waiters)
        };
        for waiter in waiters {
            waiter.wake(clock.busy(), Woken::BySignal);
        }
    }

    fn register(&self, parked: &Arc<Parked>, seen: Seen) -> bool {
        let mut state = self.lock();
        if state.generation != seen.0 {
            return false;
        }
        // Waiters that time has woken, or that were dropped, are swept here, so the list stays short.
        state.waiters.retain(|waiter| Arc::strong_count(waiter) > 1);
        state.waiters.push(parked.clone());
        true
    }

    fn lock(&self) -> MutexGuard<'_, SignalState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the driver does next.
pub(super) enum Step {
    /// Wake these; they are busy already.
    Wake(Vec<(Arc<Parked>, Busy)>),
    /// Nothing before this much wall time has passed, or before something changes.
    Wait(Option<Duration>),
}

pub(super) fn step(clock: &Clock) -> Step {
    let mut state = clock.0.lock();
    let Some((&(first, _), _)) = state.timers.first_key_value() else {
        return Step::Wait(None);
    };
    let mut now = clock.0.now(&state);
    if first > now && clock.jumps() && state.busy == 0 {
        state.skipped += first.since(now);
        now = clock.0.now(&state).max(first);
    }
    if first > now {
        // A clock that stands still goes on only when nobody is busy, of which the driver is told.
        let wait = (clock.0.mode != ClockMode::Still).then(|| first.since(now));
        return Step::Wait(wait);
    }
    let mut due = Vec::new();
    while let Some(entry) = state.timers.first_entry() {
        if entry.key().0 > now {
            break;
        }
        let parked = entry.remove();
        state.busy += 1;
        due.push((parked, Busy(clock.clone())));
    }
    Step::Wake(due)
}
