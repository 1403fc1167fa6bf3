//! The clock that a run goes by: the wall's, or an emulator's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;
use verifier_aws::plain_http_client;
use verifier_core::time::Timestamp;
use verifier_emulator::Client;

/// A clock.
#[derive(Clone)]
pub(crate) enum RunClock {
    /// Wall time.
    Wall,
    /// The stack time of an emulator in this process.
    Emulated(Client),
    /// The stack time of an emulator in another process.
    Remote(RemoteClock),
}

impl RunClock {
    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Wall => wall(),
            Self::Emulated(client) => client.now(),
            Self::Remote(clock) => clock.now(),
        }
    }

    /// Sleeps until a point in time; returns at once if it has passed.
    pub(crate) async fn sleep_until(&self, until: Timestamp) {
        match self {
            Self::Wall => tokio::time::sleep(until.since(self.now())).await,
            Self::Emulated(client) => client.sleep_until(until).await,
            Self::Remote(clock) => clock.sleep_until(until).await,
        }
    }

    /// Sleeps for a while.
    pub(crate) async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }

    /// By what name an emulator knows this process; `None` where there is no emulator.
    pub(crate) fn client(&self) -> Option<&str> {
        match self {
            Self::Wall => None,
            Self::Emulated(client) => Some(client.access_key_id()),
            Self::Remote(clock) => Some(clock.access_key_id()),
        }
    }

    /// Says that so many more tasks of this process sleep, poll or work at once from now on, or fewer: an emulator skips time
    /// only while all of them wait. At first it is one. A difference, since what several tasks say arrives in any order.
    pub(crate) async fn change_tasks(&self, by: isize) {
        match self {
            Self::Wall => {}
            Self::Emulated(client) => client.change_tasks(by),
            Self::Remote(clock) => clock.change_tasks(by).await,
        }
    }

    /// To be called after a long poll, during which an emulator may have skipped time.
    pub(crate) async fn has_waited(&self) {
        if let Self::Remote(clock) = self {
            clock.read().await;
        }
    }
}

fn wall() -> Timestamp {
    Timestamp::default()
        + SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// The clock of an emulator in another process.
///
/// This process is registered there as a client, so stack time runs on as wall time does except while it sleeps or
/// waits for a long poll; between those, what was read once can be carried on.
#[derive(Clone)]
pub(crate) struct RemoteClock(Arc<Remote>);

struct Remote {
    http: reqwest::Client,
    endpoint: String,
    access_key_id: String,
    /// Stack time as it was read, and when.
    read: Mutex<(Timestamp, Instant)>,
    /// The registration lives as long as this connection.
    _registration: reqwest::Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    access_key_id: String,
    now: Timestamp,
}

#[derive(Deserialize)]
struct Time {
    now: Timestamp,
}

/// How long an endpoint may take to say that it is an emulator.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

impl RemoteClock {
    /// Registers with the emulator at an endpoint; `None` if there is none of ours.
    pub(crate) async fn register(endpoint: &str) -> Option<Self> {
        let http = plain_http_client().ok()?;
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let hello = async {
            let mut response =
                http.get(format!("{endpoint}/_emulator/client")).send().await.ok()?;
            let first = response.chunk().await.ok()??;
            let registered: Registered = serde_json::from_slice(&first).ok()?;
            Some((response, registered))
        };
        let (response, registered) = tokio::time::timeout(ANSWER_TIMEOUT, hello).await.ok()??;
        Some(Self(Arc::new(Remote {
            http,
            endpoint,
            access_key_id: registered.access_key_id,
            read: Mutex::new((registered.now, Instant::now())),
            _registration: response,
        })))
    }

    /// The access key by which the emulator recognises this process's requests.
    pub(crate) fn access_key_id(&self) -> &str {
        &self.0.access_key_id
    }

    fn now(&self) -> Timestamp {
        let (time, read_at) = *self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        time + read_at.elapsed()
    }

    async fn read(&self) {
        let url = format!("{}/_emulator/clock", self.0.endpoint);
        self.take(self.0.http.get(url)).await;
    }

    async fn sleep_until(&self, until: Timestamp) {
        let Remote { endpoint, access_key_id, http, .. } = &*self.0;
        let url = format!("{endpoint}/_emulator/client/{access_key_id}/sleep?until={until}");
        self.take(http.post(url)).await;
    }

    async fn change_tasks(&self, by: isize) {
        let Remote { endpoint, access_key_id, http, .. } = &*self.0;
        let url = format!("{endpoint}/_emulator/client/{access_key_id}/tasks?by={by}");
        self.take(http.post(url)).await;
    }

    /// An emulator that has gone away is noticed by the next request to AWS, which says so.
    async fn take(&self, request: reqwest::RequestBuilder) {
        // By its key this process is known to hold the clock by itself; after a stranger's request the clock is held for a
        // while.
        let key = format!("AWS4-HMAC-SHA256 Credential={}/clock", self.0.access_key_id);
        let Ok(response) = request.header(reqwest::header::AUTHORIZATION, key).send().await else {
            return;
        };
        if let Ok(time) = response.json::<Time>().await {
            let mut read = self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
            // Answers to several tasks may come in another order than that of their times.
            if time.now > read.0 + read.1.elapsed() {
                *read = (time.now, Instant::now());
            }
        }
    }
}
