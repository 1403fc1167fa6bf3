//! The emulator's clock, and the accounting that lets it skip idle time.
//!
//! Stack time is wall time plus what was skipped; with [`ClockMode::Still`], it is only what was skipped. Whoever works holds a [`Busy`]; whoever waits gives it up with
//! [`Clock::park`] and gets one back when it is woken. Work that causes work hands its right to be busy over: a timer
//! that fires and a [`Signal`] that is notified wake their waiters with a `Busy` made under the same lock, so between
//! cause and effect there is no moment in which no task is busy. Hence the rule that is exact, without any settling
//! time: *when no task is busy, nothing can happen before the next timer*, and the clock may jump to it.

mod parking;
#[cfg(test)]
mod tests;

use std::sync::Weak;
use std::time::Duration;

use tokio::task::JoinSet;

pub use parking::ClockMode;
pub(crate) use parking::{Busy, Clock, Seen, Signal, Woken};
use parking::{Inner, Step, step};

impl Clock {
    /// Starts a clock at the present wall time. Must be called within a tokio runtime, on which its driver then runs
    /// until the last clone is dropped.
    pub(crate) fn start(mode: ClockMode) -> Self {
        let clock = Self::new(mode);
        tokio::spawn(drive(std::sync::Arc::downgrade(&clock.0)));
        clock
    }

    /// Starts a task that is busy from this moment on, and not only when it first runs: in between, the clock could jump
    /// past what the task is about to wait for.
    pub(crate) fn spawn<F>(&self, tasks: &mut JoinSet<()>, task: impl FnOnce(Busy) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tasks.spawn(task(self.busy()));
    }
}

async fn drive(inner: Weak<Inner>) {
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
