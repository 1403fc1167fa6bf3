//! The clock that a run goes by: the wall's, or the emulator's.

use std::time::{Duration, SystemTime};

use verifier_core::time::Timestamp;
use verifier_emulator::Client;

/// A clock.
#[derive(Clone)]
pub(crate) enum RunClock {
    /// Wall time.
    Wall,
    /// The emulator's stack time.
    Emulated(Client),
}

impl RunClock {
    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Wall => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                Timestamp::default() + since.unwrap_or_default()
            }
            Self::Emulated(client) => client.now(),
        }
    }

    /// Sleeps until a point in time; returns at once if it has passed.
    pub(crate) async fn sleep_until(&self, until: Timestamp) {
        match self {
            Self::Wall => tokio::time::sleep(until.since(self.now())).await,
            Self::Emulated(client) => client.sleep_until(until).await,
        }
    }

    /// Sleeps for a while.
    pub(crate) async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }
}
