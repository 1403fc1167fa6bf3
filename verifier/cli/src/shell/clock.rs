//! The clock that a run goes by: the wall's, or an emulator's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use verifier_aws::ServerClock;
use verifier_emulator::Client;
use verifier_model::time::Timestamp;

use crate::shell::admin::{Admin, TOKEN_VARIABLE};
use crate::shell::failure::Failure;

/// A clock.
#[derive(Clone)]
pub(crate) enum RunClock {
    /// Wall time, as AWS has it.
    Wall(ServerClock),
    /// The stack time of an emulator in this process.
    Emulated(Client),
    /// The stack time of an emulator in another process.
    Remote(RemoteClock),
}

impl RunClock {
    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Wall(clock) => clock.now(),
            Self::Emulated(client) => client.now(),
            Self::Remote(clock) => clock.now(),
        }
    }

    /// Sleeps until a point in time; returns at once if it has passed.
    pub(crate) async fn sleep_until(&self, until: Timestamp) {
        match self {
            Self::Wall(_) => tokio::time::sleep(until.since(self.now())).await,
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
            Self::Wall(_) => None,
            Self::Emulated(client) => Some(client.access_key_id()),
            Self::Remote(clock) => Some(clock.access_key_id()),
        }
    }

    /// The emulator itself, where it is in another process.
    pub(crate) fn admin(&self) -> Option<&Admin> {
        match self {
            Self::Wall(_) | Self::Emulated(_) => None,
            Self::Remote(clock) => Some(&clock.0.admin),
        }
    }

    /// Says that so many more tasks of this process sleep, poll or work at once from now on, or fewer: an emulator skips time
    /// only while all of them wait. At first it is one. A difference, since what several tasks say arrives in any order.
    pub(crate) async fn add_waiters(&self, by: isize) {
        match self {
            Self::Wall(_) => {}
            Self::Emulated(client) => client.add_waiters(by),
            Self::Remote(clock) => clock.add_waiters(by).await,
        }
    }

    /// To be called after a long poll, during which an emulator may have skipped time.
    pub(crate) async fn has_waited(&self) {
        if let Self::Remote(clock) = self {
            clock.read().await;
        }
    }
}

/// The clock of an emulator in another process.
///
/// This process is registered there as a client, so stack time runs on as wall time does except while it sleeps or
/// waits for a long poll; between those, what was read once can be carried on.
#[derive(Clone)]
pub(crate) struct RemoteClock(Arc<Remote>);

struct Remote {
    admin: Admin,
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
/// What an emulator of ours calls itself in each answer.
const SERVER: &str = "verifier-emulator";

impl RemoteClock {
    /// Registers with the emulator at an endpoint, if there is one of ours. One that refuses is an error: without its clock,
    /// every wait would be the wall's.
    pub(crate) async fn register(
        endpoint: &str,
        token: Option<String>,
    ) -> Result<Option<Self>, Failure> {
        let Some(admin) = Admin::at(endpoint, token) else { return Ok(None) };
        let hello = async {
            let mut response = admin.request(Method::GET, "client").send().await.ok()?;
            let is_ours = response.headers().get("server").is_some_and(|server| server == SERVER);
            if is_ours && !response.status().is_success() {
                return Some(Err(refused(endpoint, admin.has_token(), response.status())));
            }
            let first = response.chunk().await.ok()??;
            let registered: Registered = serde_json::from_slice(&first).ok()?;
            Some(Ok((response, registered)))
        };
        let answered = tokio::time::timeout(ANSWER_TIMEOUT, hello).await.ok().flatten();
        let Some((response, registered)) = answered.transpose()? else { return Ok(None) };
        Ok(Some(Self(Arc::new(Remote {
            admin,
            access_key_id: registered.access_key_id,
            read: Mutex::new((registered.now, Instant::now())),
            _registration: response,
        }))))
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
        self.take(self.0.admin.request(Method::GET, "clock")).await;
    }

    async fn sleep_until(&self, until: Timestamp) {
        let Remote { admin, access_key_id, .. } = &*self.0;
        let path = format!("client/{access_key_id}/sleep?until={until}");
        self.take(admin.request(Method::POST, &path)).await;
    }

    async fn add_waiters(&self, by: isize) {
        let Remote { admin, access_key_id, .. } = &*self.0;
        let path = format!("client/{access_key_id}/tasks?by={by}");
        self.take(admin.request(Method::POST, &path)).await;
    }

    /// An emulator that has gone away is noticed by the next request to AWS, which says so.
    async fn take(&self, request: RequestBuilder) {
        // By its key this process is known to hold the clock by itself; after another sender's request the clock is held for a
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

/// Why an emulator does not take this process for a client of its user's.
fn refused(endpoint: &str, has_token: bool, status: StatusCode) -> Failure {
    let what = match (status, has_token) {
        (StatusCode::UNAUTHORIZED, false) => {
            format!(
                "the emulator at {endpoint} answers no request without its token, and {TOKEN_VARIABLE} is not set"
            )
        }
        (StatusCode::UNAUTHORIZED, true) => {
            format!("the token in {TOKEN_VARIABLE} is not that of the emulator at {endpoint}")
        }
        _ => format!(
            "the emulator at {endpoint} refuses this client with status {status}; it may be of another version"
        ),
    };
    Failure {
        next: Some(format!(
            "set {TOKEN_VARIABLE} to what `verifier local` printed when it came up, or to what `environment` has in its ready file"
        )),
        ..Failure::usage(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::exit::Exit;
    use crate::shell::stand::Stand;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_emulator_is_joined_with_its_token_only_and_never_taken_for_none() {
        let stand = Stand::start().await;
        let endpoint = stand.emulator.endpoint();
        let token = stand.emulator.token().to_owned();
        let joined = RemoteClock::register(endpoint, Some(token.clone())).await;
        assert!(joined.is_ok_and(|clock| clock.is_some()));
        let by_name = endpoint.replace("127.0.0.1", "localhost");
        assert!(
            RemoteClock::register(&by_name, Some(token)).await.is_ok_and(|clock| clock.is_some())
        );
        for (token, said) in [(None, "is not set"), (Some("other"), "is not that of")] {
            let refused = RemoteClock::register(endpoint, token.map(str::to_owned)).await;
            let refused = refused.err().unwrap();
            assert_eq!(refused.exit, Exit::Usage);
            assert!(
                refused.what.contains(said) && refused.what.contains(TOKEN_VARIABLE),
                "{refused}"
            );
        }
        stand.emulator.shut_down().await;
    }

    #[tokio::test]
    async fn where_nothing_listens_there_is_no_emulator() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        assert!(RemoteClock::register(&endpoint, None).await.is_ok_and(|clock| clock.is_none()));
    }
}
