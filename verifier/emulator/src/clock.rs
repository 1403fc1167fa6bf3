//! The emulator's clock, and the accounting that lets it skip idle time.
//!
//! Stack time is wall time plus what was skipped; with [`ClockMode::Still`], it is only what was skipped. Whoever works holds a [`Busy`]; whoever waits gives it up with
//! [`Clock::park`] and gets one back when it is woken. Work that causes work hands its right to be busy over: a timer
//! that fires and a [`Signal`] that is notified wake their waiters with a `Busy` made under the same lock, so between
//! cause and effect there is no moment in which nobody is busy. Hence the rule that is exact, without any settling
//! time: *when nobody is busy, nothing can happen before the next timer*, and the clock may jump to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use verifier_core::time::Timestamp;

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
pub(crate) struct Clock(Arc<Inner>);

struct Inner {
    mode: ClockMode,
    started: Instant,
    base: Timestamp,
    state: Mutex<State>,
    /// Told when the driver has to look again: nobody is busy any more, or there is an earlier timer.
    changed: Notify,
}

#[derive(Default)]
struct State {
    skipped: Duration,
    busy: usize,
    timers: BTreeMap<(Timestamp, u64), Arc<Parked>>,
    next_timer: u64,
}

/// The right to be busy: while one exists, the clock does not jump.
#[must_use = "dropping it at once says that nobody is busy"]
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
struct Parked(Mutex<Option<oneshot::Sender<(Busy, Woken)>>>);

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
    /// Starts a clock at the present wall time. Must be called within a tokio runtime, on which its driver then runs
    /// until the last clone is dropped.
    pub(crate) fn start(mode: ClockMode) -> Self {
        let since_epoch =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let base = Timestamp::default() + since_epoch;
        let clock = Self(Arc::new(Inner {
            mode,
            started: Instant::now(),
            base,
            state: Mutex::default(),
            changed: Notify::new(),
        }));
        tokio::spawn(drive(Arc::downgrade(&clock.0)));
        clock
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

    /// Starts a task that is busy from this moment on, and not only when it first runs: in between, the clock could jump
    /// past what the task is about to wait for.
    pub(crate) fn spawn<F>(&self, tasks: &mut JoinSet<()>, task: impl FnOnce(Busy) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tasks.spawn(task(self.busy()));
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
    fn lock(&self) -> MutexGuard<'_, State> {
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
    fn wake(&self, busy: Busy, why: Woken) {
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
enum Step {
    /// Wake these; they are busy already.
    Wake(Vec<(Arc<Parked>, Busy)>),
    /// Nothing before this much wall time has passed, or before something changes.
    Wait(Option<Duration>),
}

async fn drive(inner: std::sync::Weak<Inner>) {
    while let Some(strong) = inner.upgrade() {
        let clock = Clock(strong);
        match step(&clock) {
            Step::Wake(due) => {
                for (parked, busy) in due {
                    parked.wake(busy, Woken::ByTime);
                }
            }
            Step::Wait(duration) => {
                let changed = clock.0.changed.notified();
                // An idle clock looks up now and then, so that its driver ends with it.
                let duration =
                    duration.unwrap_or(Duration::from_secs(1)).min(Duration::from_secs(1));
                let _ = tokio::time::timeout(duration, changed).await;
            }
        }
    }
}

fn step(clock: &Clock) -> Step {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn after(clock: &Clock, seconds: u64) -> Timestamp {
        clock.now() + Duration::from_secs(seconds)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_idle_clock_jumps_over_hours() {
        let clock = Clock::start(ClockMode::SkipIdle);
        let wall = Instant::now();
        let target = after(&clock, 3600);
        let busy = clock.sleep_until(clock.busy(), target).await;
        assert!(clock.now() >= target && clock.now() < target + Duration::from_mins(1));
        assert!(wall.elapsed() < Duration::from_secs(30));
        drop(busy);
    }

    /// On one thread, where the task cannot run before this test waits.
    #[tokio::test]
    async fn a_task_is_busy_before_it_runs() {
        let clock = Clock::start(ClockMode::SkipIdle);
        let mut tasks = JoinSet::new();
        clock.spawn(&mut tasks, async |busy| drop(busy));
        assert_eq!(clock.0.lock().busy, 1);
        assert!(tasks.join_next().await.is_some_and(|ended| ended.is_ok()));
        assert_eq!(clock.0.lock().busy, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_busy_task_holds_the_clock_for_the_others() {
        let clock = Clock::start(ClockMode::SkipIdle);
        let other = clock.busy();
        let target = after(&clock, 3600);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(clock.busy(), target).await }
        });
        // A short timer passes in wall time and does not let the long one through.
        let short = clock.now() + Duration::from_millis(50);
        let second = clock.sleep_until(clock.busy(), short).await;
        assert!(!sleeper.is_finished());
        assert!(clock.now() < target);
        drop((other, second));
        drop(sleeper.await.unwrap());
        assert!(clock.now() >= target);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn timers_fire_in_order_and_each_holds_the_clock_until_it_is_done() {
        let clock = Clock::start(ClockMode::SkipIdle);
        let starting = clock.busy();
        let start = clock.now();
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [30_u64, 10, 20]
            .into_iter()
            .map(|seconds| {
                let (clock, order) = (clock.clone(), order.clone());
                let busy = clock.busy();
                tokio::spawn(async move {
                    let until = start + Duration::from_secs(seconds);
                    let busy = clock.sleep_until(busy, until).await;
                    let late = clock.now().since(until);
                    order.lock().unwrap().push((seconds, late));
                    drop(busy);
                })
            })
            .collect();
        drop(starting);
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert_eq!(order.iter().map(|(seconds, _)| *seconds).collect::<Vec<_>>(), [10, 20, 30]);
        // Nobody slept past the next timer: each was woken close to its own time.
        assert!(order.iter().all(|(_, late)| *late < Duration::from_secs(5)), "{order:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_notified_waiter_is_busy_before_the_notifier_stops_being_so() {
        for _ in 0..200 {
            let clock = Clock::start(ClockMode::SkipIdle);
            let signal = Arc::new(Signal::default());
            let notifier = clock.busy();
            let hour = after(&clock, 3600);
            let day = after(&clock, 86_400);
            let seen = signal.seen();
            let waiter = tokio::spawn({
                let (clock, signal) = (clock.clone(), signal.clone());
                let busy = clock.busy();
                async move {
                    let woken = clock.park(busy, Some(day), &[(&signal, seen)]).await;
                    (woken.1, clock.now())
                }
            });
            signal.notify(&clock);
            drop(notifier);
            let (why, at) = waiter.await.unwrap();
            assert_eq!(why, Woken::BySignal);
            assert!(at < hour);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_notification_between_looking_and_parking_is_not_lost() {
        let clock = Clock::start(ClockMode::Real);
        let signal = Signal::default();
        let seen = signal.seen();
        signal.notify(&clock);
        let (_busy, why) = clock.park(clock.busy(), None, &[(&signal, seen)]).await;
        assert_eq!(why, Woken::BySignal);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_dropped_waiter_leaves_no_timer_and_no_busy_behind() {
        let clock = Clock::start(ClockMode::SkipIdle);
        let guard = clock.busy();
        let future = clock.sleep_until(clock.busy(), after(&clock, 5));
        let aborted = tokio::time::timeout(Duration::from_millis(20), future).await;
        assert!(aborted.is_err());
        assert!(clock.0.lock().timers.is_empty());
        assert_eq!(clock.0.lock().busy, 1);
        drop(guard);
        assert_eq!(clock.0.lock().busy, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_clock_that_stands_still_moves_only_by_jumps() {
        let clock = Clock::start(ClockMode::Still);
        let started = clock.now();
        let busy = clock.busy();
        let until = started + Duration::from_secs(7);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(clock.busy(), until).await }
        });
        // The wall's time goes by, and the clock's does not.
        let wall = Clock::start(ClockMode::Real);
        drop(wall.sleep_until(wall.busy(), wall.now() + Duration::from_millis(30)).await);
        assert_eq!(clock.now(), started);
        drop(busy);
        drop(sleeper.await.unwrap());
        assert_eq!(clock.now(), until);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_real_clock_does_not_jump() {
        let clock = Clock::start(ClockMode::Real);
        let before = Instant::now();
        let until = clock.now() + Duration::from_millis(120);
        drop(clock.sleep_until(clock.busy(), until).await);
        assert!(before.elapsed() >= Duration::from_millis(115));
        assert_eq!(clock.skipped(), Duration::ZERO);
    }
}
