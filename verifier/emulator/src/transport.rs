//! Faults between a client and the services: errors, connections that break, and latency.

use std::time::Duration;

use serde_json::{Value, json};
use verifier_model::faults::{Caller, Commit, Fault, Happening, Stage};

use crate::admission::Admitted;
use crate::client::Client;
use crate::clock::{Busy, Clock};
use crate::incoming::{Incoming, form, text};
use crate::lambda::is_of_function;
use crate::paths;
use crate::reply::{Reply, aws_json, aws_query, reply, with_header};
use crate::services::sqs_query::Query;
use crate::services::{cloudformation, cloudwatch_wire, lambda, logs, sqs_wire};
use crate::world::World;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer, on purpose")]
pub(crate) struct Disconnected;

/// A request, as far as faults look at it.
pub(crate) struct Request {
    operation: String,
    protocol: Protocol,
    queue: Option<String>,
    function: Option<String>,
    text: Option<String>,
    caller: Caller,
}

/// In which shape errors come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// The JSON protocol of this version.
    Json(&'static str),
    CloudWatch(cloudwatch_wire::Protocol),
    Query,
    Rest,
    /// The stack's own API or site.
    Http,
}

/// On whose behalf a request is made.
pub(crate) fn caller(access_key: Option<&str>) -> Caller {
    if access_key.is_some_and(is_of_function) { Caller::Function } else { Caller::Client }
}

/// What goes wrong with a request on its way, if anything, and what it is a request for.
pub(crate) fn fault(
    world: &World,
    incoming: &Incoming<'_>,
    access_key: Option<&str>,
) -> Option<(Request, Fault)> {
    if !world.faults.any() {
        return None;
    }
    let request = request_of(world, incoming, caller(access_key))?;
    let mut happening = Happening::new(&request.operation, request.caller);
    happening.queue = request.queue.as_deref();
    happening.function = request.function.as_deref();
    happening.text = request.text.as_deref();
    let fault = world.faults.decide(Stage::Transport, &happening)?;
    Some((request, fault))
}

/// Lets the answer take longer.
pub(crate) async fn delay(
    clock: &Clock,
    busy: Busy,
    client: Option<&Client>,
    milliseconds: u64,
) -> Busy {
    let until = clock.now() + Duration::from_millis(milliseconds);
    let _client_waits = client.map(Client::suspend);
    clock.sleep_until(busy, until).await
}

fn request_of(world: &World, incoming: &Incoming<'_>, caller: Caller) -> Option<Request> {
    let plain = |operation: &str, protocol| Request {
        operation: operation.to_owned(),
        protocol,
        queue: None,
        function: None,
        text: Some(String::from_utf8_lossy(&incoming.body).into_owned()),
        caller,
    };
    if *incoming.admitted == Admitted::HttpApi {
        let rest = incoming.path.strip_prefix(paths::HTTP_APIS)?;
        let route = world.apis.route_of(incoming.method, rest)?;
        let function = Some(route.function);
        return Some(Request { function, ..plain(&route.key, Protocol::Http) });
    }
    if !matches!(incoming.admitted, Admitted::Aws { .. }) {
        return None;
    }
    let target = text(incoming.headers, "x-amz-target").unwrap_or_default();
    if let Some(action) = target.strip_prefix(sqs_wire::TARGET) {
        let (queue, text) = queue_and_bodies(&incoming.body);
        return Some(Request { queue, text, ..plain(action, Protocol::Json("1.0")) });
    }
    if let Some(action) = target.strip_prefix(logs::TARGET) {
        return Some(plain(action, Protocol::Json("1.1")));
    }
    if let Some((action, protocol)) = cloudwatch_wire::recognise(target, incoming.path) {
        return Some(plain(action, Protocol::CloudWatch(protocol)));
    }
    if let Some(path) = paths::of_lambda(incoming.path) {
        let (operation, function) = lambda::operation_of(incoming.method, path);
        return Some(Request { function, ..plain(operation, Protocol::Rest) });
    }
    let mut parameters = form(incoming.query.as_bytes());
    parameters.extend(form(&incoming.body));
    if let Some(Query { action, body }) = Query::recognise(parameters.clone(), incoming.path) {
        let (queue, text) = queue_and_bodies(&body.ok()?);
        return Some(Request { queue, text, ..plain(&action, Protocol::Query) });
    }
    let action = parameters.get("Action")?;
    let is_known = parameters.get("Version").is_some_and(|version| {
        version == cloudformation::VERSION || version == crate::services::sts::VERSION
    });
    is_known.then(|| plain(action, Protocol::Query))
}

/// AWS's refusal of a request that is not allowed, in the shape of its protocol.
pub(crate) fn access_denied(world: &World, incoming: &Incoming<'_>, sentence: &str) -> Reply {
    match request_of(world, incoming, Caller::Function) {
        Some(request) => {
            let code = match request.protocol {
                // REST and the later JSON protocol name the exception.
                Protocol::Rest | Protocol::Json("1.1") => "AccessDeniedException",
                _ => "AccessDenied",
            };
            request.refuse(403, code, sentence)
        }
        None => aws_query::error(403, "http://verifier.emulator/refused", "AccessDenied", sentence),
    }
}

/// SQS's refusal of a request that is not allowed.
pub(crate) fn access_denied_by_sqs(sentence: &str) -> Reply {
    let code = "com.amazon.coral.service#AccessDeniedException";
    let refusal = aws_json::error("1.0", 403, code, sentence);
    with_header(refusal, "x-amzn-query-error", "AccessDenied;Sender")
}

impl Request {
    /// The error that a fault answers with.
    pub(crate) fn refuse(&self, status: u16, code: &str, message: &str) -> Reply {
        match self.protocol {
            Protocol::Json("1.0") => {
                let refusal =
                    aws_json::error("1.0", status, &format!("com.amazonaws.sqs#{code}"), message);
                let blame = if status < 500 { "Sender" } else { "Receiver" };
                with_header(refusal, "x-amzn-query-error", &format!("{code};{blame}"))
            }
            Protocol::Json(version) => aws_json::error(version, status, code, message),
            Protocol::CloudWatch(protocol) => {
                cloudwatch_wire::error(protocol, status, code, message)
            }
            Protocol::Query => {
                aws_query::error(status, "http://verifier.emulator/faults", code, message)
            }
            Protocol::Rest => aws_json::rest_error(status, code, message),
            Protocol::Http => {
                let body = json!({"message": if message.is_empty() { code } else { message }});
                reply(status, "application/json", body.to_string())
            }
        }
    }
}

/// Whether a fault comes before the operation, in whose place it then stands.
pub(crate) fn comes_first(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Error { commit: Commit::Before, .. } | Fault::Disconnect { commit: Commit::Before }
    )
}

/// The queue that a request of SQS is about, and the bodies of its messages, a line each.
fn queue_and_bodies(body: &[u8]) -> (Option<String>, Option<String>) {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let queue = request["QueueUrl"].as_str().or_else(|| request["QueueName"].as_str());
    let queue = queue.and_then(|url| url.rsplit('/').next()).map(str::to_owned);
    let entries = request["Entries"].as_array().into_iter().flatten();
    let bodies: Vec<&str> =
        entries.chain([&request]).filter_map(|entry| entry["MessageBody"].as_str()).collect();
    (queue, (!bodies.is_empty()).then(|| bodies.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_and_the_bodies_are_found_in_single_requests_and_batches() {
        let single = json!({"QueueUrl": "http://x/0/jobs", "MessageBody": "a"});
        let batch = json!({"QueueUrl": "http://x/0/jobs", "Entries": [{"MessageBody": "a"}, {"MessageBody": "b"}]});
        let found = |request: &Value| queue_and_bodies(request.to_string().as_bytes());
        assert_eq!(found(&single), (Some("jobs".to_owned()), Some("a".to_owned())));
        assert_eq!(found(&batch), (Some("jobs".to_owned()), Some("a\nb".to_owned())));
        assert_eq!(queue_and_bodies(b"nonsense"), (None, None));
    }
}
