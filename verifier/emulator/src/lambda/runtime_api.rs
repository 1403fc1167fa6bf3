//! The Lambda Runtime API of one execution environment.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::admission::{Listener, Refused, admit};
use crate::body::Bodies;
use crate::listener::{Bounds, PortPlaces, accept};

/// The largest response of a function, and the largest event of a synchronous invocation.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The largest body that is read: a response that is a little too large is refused with its size.
const BODY_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 1024 * 1024;

/// How long a body may take: as long as the longest invocation.
const BODY_TIMEOUT: Duration = Duration::from_mins(15);

/// How many connections an environment has at a time. A runtime needs two: one on which it waits for an invocation, and one to
/// answer on.
pub(super) const CONNECTIONS_MAX: usize = 16;

/// A runtime may keep a connection for as long as an invocation takes, and then answer on it: closed at that moment, its
/// answer would be lost. The largest head is hyper's own.
const BOUNDS: Bounds = Bounds {
    first_head: Duration::from_secs(30),
    head: Duration::from_mins(16),
    head_bytes: 408 * 1024,
};

/// Closes the connection behind an answer to what is no request of a runtime's: it would keep one of the few places, until the
/// runtime's own connection had to make room.
fn closing_if_refused(mut answer: Response) -> Response {
    if answer.status().is_client_error() {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// What the runtime in an execution environment asks for or tells.
pub(super) enum RuntimeCall {
    /// `next`: it is ready for an invocation.
    Next(oneshot::Sender<Delivery>),
    /// `response`: the invocation of that id ended with this payload.
    Response(String, Bytes, oneshot::Sender<bool>),
    /// `error`: the invocation of that id failed.
    Error(String, RuntimeError, oneshot::Sender<bool>),
    /// `init/error`: the function could not be initialised.
    InitError(RuntimeError),
}

/// An invocation on its way to the runtime.
pub(super) struct Delivery {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) timeout: Duration,
    pub(super) function_arn: String,
}

/// An error that a runtime reported.
#[derive(Clone, Debug)]
pub(super) struct RuntimeError {
    /// The header `Lambda-Runtime-Function-Error-Type`, or what the body says.
    pub(super) error_type: String,
    /// The body, `{"errorMessage": …, "errorType": …}`.
    pub(super) body: Bytes,
}

/// A Runtime API that is being served.
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    pub(super) calls: mpsc::Receiver<RuntimeCall>,
    server: AbortHandle,
}

impl RuntimeApi {
    /// Starts one on a free port, with its places among all connections.
    pub(super) async fn start(places: PortPlaces) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (sender, calls) = mpsc::channel(4);
        // A runtime says one thing at a time; two, where it gave up on the first.
        let bodies = Bodies::new(2 * BODY_BYTES_MAX, BODY_BYTES_MAX, BODY_TIMEOUT);
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .route_layer(middleware::from_fn_with_state(Arc::new(bodies), guard))
            .with_state(sender);
        let router = TowerToHyperService::new(router);
        let answer = move |request: Request| {
            let answered = router.call(request);
            async move {
                let answered = answered.await.unwrap_or_else(|never| match never {});
                Ok::<_, Infallible>(closing_if_refused(answered))
            }
        };
        let server = tokio::spawn(accept(listener, places, BOUNDS, answer));
        Ok(Self { address, calls, server: server.abort_handle() })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Calls = State<mpsc::Sender<RuntimeCall>>;

/// Lets nobody near but runtimes, and their requests whole or not at all.
async fn guard(State(bodies): State<Arc<Bodies>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let read = match admit(&head, &Listener::RuntimeApi) {
        Ok(_) => bodies.read(body).await,
        Err(refused) => Err(refused),
    };
    match read {
        Ok(kept) => next.run(Request::from_parts(head, Body::from(kept.bytes.clone()))).await,
        Err(Refused { status, code, sentence }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
            failure(status, code, &sentence)
        }
    }
}

async fn next(State(calls): Calls) -> Response {
    let (sender, receiver) = oneshot::channel();
    if calls.send(RuntimeCall::Next(sender)).await.is_err() {
        return gone();
    }
    let Ok(delivery) = receiver.await else {
        return gone();
    };
    // The function compares the deadline with its own clock, which is the wall's.
    let deadline = SystemTime::now() + delivery.timeout;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let trace =
        format!("Root=1-00000000-{:0>24};Sampled=0", &delivery.request_id.replace('-', "")[..24]);
    let headers = [
        ("lambda-runtime-aws-request-id", delivery.request_id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", delivery.function_arn),
        ("lambda-runtime-trace-id", trace),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, delivery.payload).into_response()
}

async fn response(State(calls): Calls, Path(id): Path<String>, body: Bytes) -> Response {
    let (sender, receiver) = oneshot::channel();
    if body.len() > PAYLOAD_BYTES_MAX {
        let size = body.len();
        let message = format!("Exceeded maximum allowed payload size ({PAYLOAD_BYTES_MAX} bytes).");
        let error = RuntimeError {
            error_type: "Function.ResponseSizeTooLarge".to_owned(),
            body: Bytes::from(json!({"errorMessage": format!("Response payload size ({size} bytes) exceeded maximum allowed payload size ({PAYLOAD_BYTES_MAX} bytes)."), "errorType": "Function.ResponseSizeTooLarge"}).to_string()),
        };
        let _ = calls.send(RuntimeCall::Error(id, error, sender)).await;
        return failure(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message);
    }
    if calls.send(RuntimeCall::Response(id, body, sender)).await.is_err() {
        return gone();
    }
    accepted(receiver.await.ok())
}

async fn error(
    State(calls): Calls,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (sender, receiver) = oneshot::channel();
    let error = runtime_error(&headers, body);
    if calls.send(RuntimeCall::Error(id, error, sender)).await.is_err() {
        return gone();
    }
    accepted(receiver.await.ok())
}

async fn init_error(State(calls): Calls, headers: HeaderMap, body: Bytes) -> Response {
    let _ = calls.send(RuntimeCall::InitError(runtime_error(&headers, body))).await;
    accepted(Some(true))
}

fn runtime_error(headers: &HeaderMap, body: Bytes) -> RuntimeError {
    let header =
        headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    let from_body = || {
        let value: serde_json::Value = serde_json::from_slice(&body).ok()?;
        value.get("errorType")?.as_str().map(str::to_owned)
    };
    let error_type =
        header.map(str::to_owned).or_else(from_body).unwrap_or_else(|| "Unknown".to_owned());
    RuntimeError { error_type, body }
}

/// `None`: nobody listens any more.
fn accepted(matched: Option<bool>) -> Response {
    match matched {
        Some(true) => (StatusCode::ACCEPTED, axum::Json(json!({"status": "OK"}))).into_response(),
        Some(false) => failure(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
        None => gone(),
    }
}

/// The environment is being torn down.
fn gone() -> Response {
    failure(StatusCode::GONE, "SandboxClosed", "the execution environment is closing")
}

fn failure(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, axum::Json(json!({"errorType": kind, "errorMessage": message}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_gives_its_place_back_and_what_is_served_keeps_it() {
        let closes = |status: StatusCode| {
            let answer = closing_if_refused(status.into_response());
            answer.headers().get(CONNECTION).is_some_and(|value| value == "close")
        };
        assert!(closes(StatusCode::FORBIDDEN) && closes(StatusCode::NOT_FOUND));
        assert!(!closes(StatusCode::OK) && !closes(StatusCode::ACCEPTED));
    }
}
