//! The emulator's own endpoint: time for clients of other processes, and faults.
//!
//! `PUT /_emulator/observed` begins to keep what happens to messages and in the invocations of mappings, `GET` shows it, and
//! `DELETE` ends it.
//! `GET /_emulator/faults` shows the fault rules and what they did, `PUT` replaces and `DELETE` removes them.
//! `GET /_emulator/client` registers a client for as long as the connection lives: its work then holds the clock as
//! that of a client in this process does. `POST /_emulator/client/KEY/sleep?until=MILLIS` is its sleep, and
//! `POST /_emulator/client/KEY/tasks?by=NUMBER` says that it does so many more things at once, or fewer.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures::StreamExt;
use futures::stream::{once, pending};
use serde_json::{Value, json};
use verifier_model::faults::{FaultRules, RuleReport};
use verifier_model::time::Timestamp;

use crate::client::Client;
use crate::clients::Clients;
use crate::clock::{Busy, Clock};
use crate::faults::Strike;
use crate::incoming::{Incoming, form};
use crate::paths;
use crate::reply::{Reply, aws_json, reply};
use crate::world::World;

/// What the endpoint works on.
pub(crate) struct Admin {
    pub(crate) clock: Clock,
    pub(crate) clients: Arc<Clients>,
    pub(crate) world: Arc<World>,
}

impl Admin {
    /// Answers a request to the emulator itself.
    pub(crate) async fn handle(&self, incoming: &Incoming<'_>, busy: Busy) -> (Busy, Reply) {
        let path = incoming.path.strip_prefix(paths::ADMIN).unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        match (incoming.method.as_str(), segments.as_slice()) {
            ("GET", ["client"]) => (busy, self.register()),
            ("POST", ["client", key, "sleep"]) => {
                let until = form(incoming.query.as_bytes())
                    .get("until")
                    .and_then(|until| until.parse().ok());
                match (self.clients.find(key), until) {
                    (Some(client), Some(until)) => self.sleep(&client, busy, until).await,
                    (None, _) => (busy, reply(404, "text/plain", "There is no such client.\n")),
                    (_, None) => {
                        (busy, reply(400, "text/plain", "Expected ?until=MILLISECONDS.\n"))
                    }
                }
            }
            ("POST", ["client", key, "tasks"]) => {
                let by = form(incoming.query.as_bytes()).get("by").and_then(|by| by.parse().ok());
                match (self.clients.find(key), by) {
                    (Some(client), Some(by)) => {
                        client.add_waiters(by);
                        (busy, self.time())
                    }
                    (None, _) => (busy, reply(404, "text/plain", "There is no such client.\n")),
                    (_, None) => (busy, reply(400, "text/plain", "Expected ?by=NUMBER.\n")),
                }
            }
            ("GET", ["clock"]) => (busy, self.time()),
            ("GET", ["faults"]) => (busy, self.show_faults()),
            ("PUT", ["faults"]) => (busy, self.put_faults(&incoming.body)),
            ("GET", ["observed"]) => {
                let kept = self.world.sqs.observer().kept();
                (busy, aws_json::rest(200, &json!(kept)))
            }
            ("PUT", ["observed"]) => {
                self.world.sqs.look_on(true);
                (busy, self.time())
            }
            ("DELETE", ["observed"]) => {
                self.world.sqs.look_on(false);
                (busy, self.time())
            }
            ("DELETE", ["faults"]) => (busy, self.put_faults(b"{}")),
            _ => (busy, reply(404, "text/plain", "The emulator has no such operation.\n")),
        }
    }

    fn time(&self) -> Reply {
        aws_json::rest(200, &json!({"now": self.clock.now()}))
    }

    /// Each rule, with how many happenings it was about and how many it struck; and each strike, in their order.
    fn show_faults(&self) -> Reply {
        let rules: Vec<Value> = self
            .world
            .faults
            .report()
            .into_iter()
            .map(|RuleReport { rule, matched, struck }| {
                json!({"rule": rule, "matched": matched, "struck": struck})
            })
            .collect();
        let strikes = self.world.faults.strikes().into_iter();
        let strikes: Vec<Value> = strikes
            .map(|Strike { at, fault, operation, messages, rule }| {
                json!({
                    "at": at,
                    "fault": fault,
                    "operation": operation,
                    "messages": messages,
                    "rule": rule,
                })
            })
            .collect();
        aws_json::rest(200, &json!({"rules": rules, "strikes": strikes}))
    }

    fn put_faults(&self, body: &[u8]) -> Reply {
        let installed = FaultRules::parse(body).and_then(|rules| self.world.set_faults(rules));
        match installed {
            Ok(()) => self.show_faults(),
            Err(problem) => reply(400, "text/plain", format!("{problem}\n")),
        }
    }

    /// The answer never ends; when the client is gone, its connection is, and with it the registration.
    fn register(&self) -> Reply {
        let registration =
            Registration { client: self.clients.add(), clients: self.clients.clone() };
        let hello = json!({
            "accessKeyId": registration.client.access_key_id(),
            "now": self.clock.now(),
        });
        let first = once(async move { Ok::<_, std::io::Error>(Bytes::from(format!("{hello}\n"))) });
        let held = pending().map(move |bytes| {
            let _ = &registration;
            bytes
        });
        reply(200, "application/x-ndjson", Body::from_stream(first.chain(held)))
    }

    async fn sleep(&self, client: &Client, busy: Busy, until: u64) -> (Busy, Reply) {
        let suspended = client.suspend();
        let busy = self.clock.sleep_until(busy, Timestamp::from_millis(until)).await;
        drop(suspended);
        (busy, self.time())
    }
}

/// A client that is forgotten when this is dropped.
struct Registration {
    client: Client,
    clients: Arc<Clients>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.clients.forget(&self.client);
    }
}
