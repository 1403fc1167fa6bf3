use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use verifier_model::time::Timestamp;

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
