//! A proxy that alters what passes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use verifier_conformance::Front;

/// More than any request or answer of a case.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
const QUERY_ERROR: &str = "x-amzn-query-error";

/// A request, and what it was answered with.
pub(crate) struct Exchange {
    /// Which request it is; no two have the same number.
    pub(crate) number: usize,
    /// The operation.
    pub(crate) action: String,
    /// What was asked.
    pub(crate) request: Value,
    /// What is sent on, as long as it is not answered.
    pub(crate) forwarded: Value,
    /// Whether it was answered: an alteration is called once before, and once after.
    pub(crate) is_answered: bool,
    /// The answer's status.
    pub(crate) status: u16,
    /// The answer's header for older clients.
    pub(crate) query_error: Option<String>,
    /// The answer.
    pub(crate) answer: Value,
}

impl Exchange {
    /// The answer's code, without its namespace; empty for a success.
    pub(crate) fn code(&self) -> &str {
        let code = self.answer["__type"].as_str().unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default()
    }
}

/// What is wrong with the endpoint.
pub(crate) trait Alteration: Fn(&mut Exchange) + Send + Sync + 'static {}
impl<T: Fn(&mut Exchange) + Send + Sync + 'static> Alteration for T {}

/// Puts a proxy with an alteration before whatever it is given the URL of.
pub(crate) fn front(alteration: impl Alteration) -> Front {
    let alteration: Arc<dyn Alteration> = Arc::new(alteration);
    let numbers = Arc::new(AtomicUsize::new(0));
    let http = verifier_aws::plain_http_client().expect("a client");
    Arc::new(move |behind: String| {
        let (alteration, numbers, http) = (alteration.clone(), numbers.clone(), http.clone());
        Box::pin(async move {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
            let address = listener.local_addr().expect("an address");
            let router = Router::new().fallback(move |request: Request| {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                pass_on(behind.clone(), http.clone(), alteration.clone(), number, request)
            });
            tokio::spawn(async move { axum::serve(listener, router).await });
            format!("http://{address}")
        })
    })
}

async fn pass_on(
    behind: String,
    http: reqwest::Client,
    alteration: Arc<dyn Alteration>,
    number: usize,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.expect("a body");
    let target = text(&head.headers, "x-amz-target").unwrap_or_default();
    let request = read(&body);
    let mut exchange = Exchange {
        number,
        action: target.rsplit('.').next().unwrap_or_default().to_owned(),
        forwarded: request.clone(),
        request,
        is_answered: false,
        status: 0,
        query_error: None,
        answer: Value::Null,
    };
    alteration(&mut exchange);
    let forwarded = written(&exchange.forwarded, exchange.forwarded != exchange.request, body);
    let mut forward = http.post(behind).body(forwarded);
    for name in ["authorization", "x-amz-target", "content-type"] {
        if let Some(value) = head.headers.get(name) {
            forward = forward.header(name, value);
        }
    }
    let answer = forward.send().await.expect("an answer");
    exchange.is_answered = true;
    exchange.status = answer.status().as_u16();
    exchange.query_error = text(answer.headers(), QUERY_ERROR);
    let body = answer.bytes().await.expect("a body");
    exchange.answer = read(&body);
    let before = exchange.answer.clone();
    alteration(&mut exchange);
    let response = Response::builder().status(exchange.status);
    let response = match exchange.query_error {
        Some(query_error) => response.header(QUERY_ERROR, query_error),
        None => response,
    };
    let body = Body::from(written(&exchange.answer, exchange.answer != before, body));
    response.header("content-type", "application/x-amz-json-1.0").body(body).expect("a response")
}

/// A body that an alteration may look at. Large ones, which are slow to read, only pass through.
fn read(body: &Bytes) -> Value {
    if body.len() > 64 * 1024 {
        return Value::Null;
    }
    serde_json::from_slice(body).expect("JSON")
}

/// A body as it is sent on.
fn written(value: &Value, is_altered: bool, body: Bytes) -> Bytes {
    if is_altered { value.to_string().into() } else { body }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
