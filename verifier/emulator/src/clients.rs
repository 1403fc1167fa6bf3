//! The clients that hold the clock by themselves, by their access keys.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::client::Client;
use crate::clock::Clock;

/// Every client that is registered.
pub(crate) struct Clients {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    present: Vec<Client>,
    registered: u64,
}

impl Clients {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Registers a client, which is busy from now on.
    pub(crate) fn add(&self) -> Client {
        let mut state = self.lock();
        state.registered += 1;
        let key = format!("AKIAEMULATEDCLIENT{}", state.registered);
        let client = Client::new(key, self.clock.clone());
        state.present.push(client.clone());
        client
    }

    /// Forgets a client.
    pub(crate) fn forget(&self, client: &Client) {
        let key = client.access_key_id();
        self.lock().present.retain(|present| present.access_key_id() != key);
    }

    /// The client with that access key.
    pub(crate) fn find(&self, access_key: &str) -> Option<Client> {
        self.lock().present.iter().find(|client| client.access_key_id() == access_key).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
