//! The clock's parking and waking.

use std::time::Duration;

use futures::future::{Either, select};
use shuttle::future::{JoinHandle, block_on, spawn};
use tokio::sync::Notify;
use verifier_model::time::Timestamp;

use crate::check;
use crate::clock::{Busy, Clock, ClockMode, Signal, Step, Woken, step};
use crate::sync::Arc;

/// The clock's driver, as `src/clock.rs` has it, without the wall's time. It ends when it is told.
fn drive(clock: &Clock) -> (JoinHandle<()>, Arc<Notify>) {
    let (clock, ended) = (clock.clone(), Arc::new(Notify::new()));
    let told = ended.clone();
    let driver = spawn(async move {
        let mut told = Box::pin(told.notified());
        loop {
            match step(&clock) {
                Step::Wake(due) => {
                    for (parked, busy) in due {
                        parked.wake(busy, Woken::ByTime);
                    }
                }
                Step::Wait(_) => {
                    let changed = Box::pin(clock.0.changed.notified());
                    let Either::Left(_) = select(changed, &mut told).await else {
                        return;
                    };
                }
            }
        }
    });
    (driver, ended)
}

/// Runs a test with a clock that is driven. In the end nobody may be busy, and no timer may be left.
async fn with_clock<F: Future<Output = ()>>(test: impl FnOnce(Clock) -> F) {
    let clock = Clock::new(ClockMode::Still);
    let (driver, ended) = drive(&clock);
    test(clock.clone()).await;
    ended.notify_one();
    let outcome = driver.await;
    assert!(outcome.is_ok(), "the driver ends");
    let state = clock.0.lock();
    assert_eq!((state.busy, state.timers.len()), (0, 0));
}

fn after(clock: &Clock, seconds: u64) -> Timestamp {
    clock.now() + Duration::from_secs(seconds)
}

/// Sleeps, and is awake at that time and no other: while somebody is busy, a clock that stands still does not move.
async fn sleep(clock: Clock, busy: Busy, until: Timestamp) {
    let busy = clock.sleep_until(busy, until).await;
    assert_eq!(clock.now(), until);
    drop(busy);
}

#[test]
fn everybody_is_awake_at_the_time_for_which_they_slept() {
    check(|| {
        block_on(with_clock(async |clock| {
            let starting = clock.busy();
            let sleepers: Vec<_> = [30, 10, 20]
                .map(|seconds| {
                    let until = after(&clock, seconds);
                    spawn(sleep(clock.clone(), clock.busy(), until))
                })
                .into();
            drop(starting);
            for sleeper in sleepers {
                sleeper.await.unwrap();
            }
        }));
    });
}

#[test]
fn the_clock_does_not_jump_between_a_cause_and_its_effect() {
    check(|| {
        block_on(with_clock(async |clock| {
            let signal = Arc::new(Signal::default());
            let (start, day) = (clock.now(), after(&clock, 86_400));
            let (seen, cause, effect) = (signal.seen(), clock.busy(), clock.busy());
            let waiter = spawn({
                let (clock, signal) = (clock.clone(), signal.clone());
                async move {
                    let (busy, why) = clock.park(effect, Some(day), &[(&signal, seen)]).await;
                    assert_eq!((why, clock.now()), (Woken::BySignal, start));
                    drop(busy);
                }
            });
            signal.notify(&clock);
            drop(cause);
            waiter.await.unwrap();
        }));
    });
}

#[test]
fn a_chain_of_causes_over_two_signals_takes_no_time() {
    check(|| {
        block_on(with_clock(async |clock| {
            let signals = Arc::new((Signal::default(), Signal::default()));
            let start = clock.now();
            let (first, second) = (signals.0.seen(), signals.1.seen());
            let (cause, effect) = (clock.busy(), clock.busy());
            let middle = spawn({
                let (clock, signals) = (clock.clone(), signals.clone());
                async move {
                    let (busy, _) = clock.park(effect, None, &[(&signals.0, first)]).await;
                    signals.1.notify(&clock);
                    drop(busy);
                }
            });
            signals.0.notify(&clock);
            let hour = after(&clock, 3_600);
            let (busy, why) = clock.park(cause, Some(hour), &[(&signals.1, second)]).await;
            assert_eq!((why, clock.now()), (Woken::BySignal, start));
            drop(busy);
            middle.await.unwrap();
        }));
    });
}

#[test]
fn a_waiter_that_is_ended_while_it_is_woken_leaves_nobody_busy() {
    check(|| {
        block_on(with_clock(async |clock| {
            let signal = Arc::new(Signal::default());
            let (seen, until) = (signal.seen(), after(&clock, 5));
            let busy = clock.busy();
            let waiter = spawn({
                let (clock, signal) = (clock.clone(), signal.clone());
                async move {
                    drop(clock.park(busy, Some(until), &[(&signal, seen)]).await);
                }
            });
            let notifier = spawn({
                let (clock, signal) = (clock.clone(), signal.clone());
                async move { signal.notify(&clock) }
            });
            waiter.abort();
            // Whether it was still woken or not is all the same.
            let _ = waiter.await;
            notifier.await.unwrap();
        }));
    });
}
