//! Clients of the emulator within its own process, whose work holds the clock.

use std::sync::{Arc, Mutex, PoisonError};

use verifier_model::time::Timestamp;

use crate::clock::{Busy, Clock};

/// A client in the emulator's own process.
///
/// It counts as busy all the time, except while each of its tasks sleeps by [`Client::sleep_until`] or waits for a long
/// poll that the emulator parks. It has one task, unless it says by [`Client::add_waiters`] that it has more; each does one
/// such thing at a time. The emulator knows the client by its access key, so it has to sign its requests with
/// [`Client::access_key_id`].
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    access_key_id: String,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    tasks: usize,
    /// How many of them wait.
    waiting: usize,
    busy: Option<Busy>,
}

impl Client {
    /// A client that is busy from now on.
    pub(crate) fn new(access_key_id: String, clock: Clock) -> Self {
        let state = State { tasks: 1, waiting: 0, busy: Some(clock.busy()) };
        Self(Arc::new(Inner { access_key_id, clock, state: Mutex::new(state) }))
    }

    /// The access key by which the emulator recognises this client's requests. Any secret will do.
    pub fn access_key_id(&self) -> &str {
        &self.0.access_key_id
    }

    /// The present stack time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Sleeps until a point in stack time.
    pub async fn sleep_until(&self, until: Timestamp) {
        // Parking needs the right to be busy; the client's own is given up meanwhile.
        let busy = self.0.clock.busy();
        let suspended = self.suspend();
        let busy = self.0.clock.sleep_until(busy, until).await;
        drop(suspended);
        drop(busy);
    }

    /// Says that it has so many more tasks from now on, or fewer. Those that wait are among them.
    pub fn add_waiters(&self, by: isize) {
        self.change(|state| state.tasks = state.tasks.saturating_add_signed(by));
    }

    /// One of its tasks waits, until the returned value is dropped.
    pub(crate) fn suspend(&self) -> Suspended<'_> {
        self.change(|state| state.waiting += 1);
        Suspended(self)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let is_busy = state.waiting < state.tasks;
        if is_busy && state.busy.is_none() {
            state.busy = Some(self.0.clock.busy());
        }
        // Given up outside of the lock: the clock may go on at once.
        let given_up = if is_busy { None } else { state.busy.take() };
        drop(state);
        drop(given_up);
    }
}

/// While it lives, a task of the client waits.
pub(crate) struct Suspended<'a>(&'a Client);

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.waiting = state.waiting.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ClockMode;

    #[tokio::test(flavor = "multi_thread")]
    async fn time_is_skipped_only_while_all_of_a_clients_tasks_wait() {
        // It stands still while anybody is busy, so that what is seen does not depend on the machine.
        let clock = Clock::start(ClockMode::Still);
        let client = Client::new("key".to_owned(), clock.clone());
        client.add_waiters(1);
        let began_at = client.now();
        let sleeper = client.clone();
        let asleep = tokio::spawn(async move {
            sleeper.sleep_until(began_at + Duration::from_hours(1)).await;
            // The other one waits yet, and does not keep the clock from going on.
            sleeper.sleep_until(began_at + Duration::from_hours(2)).await;
            assert_eq!(sleeper.now(), began_at + Duration::from_hours(2));
            sleeper.add_waiters(-1);
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
            assert_eq!(client.now(), began_at, "one task works");
        }
        client.sleep_until(began_at + Duration::from_hours(3)).await;
        assert_eq!(client.now(), began_at + Duration::from_hours(3));
        // Its last step lets this one go on, and may end after it has.
        asleep.await.unwrap();
    }
}
