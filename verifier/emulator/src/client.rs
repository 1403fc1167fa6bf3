//! Clients of the emulator within its own process, whose work holds the clock.

use std::sync::{Arc, Mutex, PoisonError};

use verifier_core::time::Timestamp;

use crate::clock::{Busy, Clock};

/// A client in the emulator's own process.
///
/// It counts as busy all the time, except while it sleeps by [`Client::sleep_until`] and while the emulator parks a
/// long poll of it. The emulator knows it by its access key, so it has to sign its requests with
/// [`Client::access_key_id`] and must do one such thing at a time.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    access_key_id: String,
    clock: Clock,
    busy: Mutex<Option<Busy>>,
}

impl Client {
    /// A client that is busy from now on.
    pub(crate) fn new(access_key_id: String, clock: Clock) -> Self {
        let busy = Mutex::new(Some(clock.busy()));
        Self(Arc::new(Inner { access_key_id, clock, busy }))
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

    /// The client waits, until the returned value is dropped.
    pub(crate) fn suspend(&self) -> Suspended<'_> {
        let given_up = self.replace(None);
        drop(given_up);
        Suspended(self)
    }

    fn replace(&self, busy: Option<Busy>) -> Option<Busy> {
        let mut held = self.0.busy.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *held, busy)
    }
}

/// While it lives, the client is not busy.
pub(crate) struct Suspended<'a>(&'a Client);

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        let busy = self.0.0.clock.busy();
        drop(self.0.replace(Some(busy)));
    }
}
