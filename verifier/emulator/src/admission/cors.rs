//! What browsers are reported pages that may use AWS's services.
//!
//! Source: <https://fetch.spec.whatwg.org/#http-cors-protocol>.

use axum::http::{HeaderMap, header};

use crate::reply::{Reply, reply, with_header};

/// How long a browser may remember what a preflight was answered with.
const MAX_AGE_SECONDS: &str = "600";
/// By what a browser asks whether a page from the internet may ask this machine.
///
/// Source: <https://wicg.github.io/private-network-access/#cors-preflight>.
const REQUEST_PRIVATE_NETWORK: &str = "access-control-request-private-network";

/// The answer to a preflight of a page of an allowed origin.
pub(crate) fn preflight(headers: &HeaderMap, origin: &str) -> Reply {
    let answer = allow(reply(204, "text/plain", ""), origin);
    let answer =
        with_header(answer, "access-control-allow-methods", "GET, HEAD, POST, PUT, DELETE");
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    // `*` would not stand for Authorization.
    let asked = asked.and_then(|asked| asked.to_str().ok()).unwrap_or("authorization");
    let answer = with_header(answer, "access-control-allow-headers", asked);
    let answer = with_header(answer, "access-control-max-age", MAX_AGE_SECONDS);
    if headers.contains_key(REQUEST_PRIVATE_NETWORK) {
        return with_header(answer, "access-control-allow-private-network", "true");
    }
    answer
}

/// Lets a page of an allowed origin read an answer.
pub(crate) fn allow(answer: Reply, origin: &str) -> Reply {
    let answer = with_header(answer, "access-control-allow-origin", origin);
    let answer = with_header(answer, "access-control-expose-headers", "*");
    with_header(answer, "vary", "origin")
}
