//! The event that a function gets of a request: the payload format 2.0.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use verifier_model::time::Timestamp;

use crate::client::Client;
use crate::template::ACCOUNT_ID;

/// Where a request comes from: whoever asks is on this machine.
const SOURCE_IP: &str = "127.0.0.1";
/// Headers that are about the connection to API Gateway, which hands none of them on.
const OF_CONNECTION: [&str; 4] = ["connection", "keep-alive", "proxy-connection", "upgrade"];

/// A request, as far as an API looks at it.
pub(crate) struct ApiRequest<'a> {
    pub(crate) method: &'a Method,
    /// The path below the API, beginning with a slash.
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) now: Timestamp,
    /// The client that waits for the answer, if it is one of ours.
    pub(crate) client: Option<&'a Client>,
}

/// The route that a request has taken.
pub(super) struct Taken<'a> {
    pub(super) api_id: &'a str,
    pub(super) region: &'a str,
    pub(super) stage: &'a str,
    pub(super) route_key: &'a str,
    pub(super) parameters: &'a BTreeMap<String, String>,
    pub(super) request_id: &'a str,
}

/// An id such as API Gateway gives each request: 15 characters and `=`.
pub(super) fn request_id() -> String {
    let bytes: [u8; 11] = std::array::from_fn(|_| fastrand::u8(..));
    STANDARD.encode(bytes)
}

/// The event. A named stage is a part of its paths; no page of AWS says so, but every library that reads them does, such as
/// <https://github.com/aws-powertools/powertools-lambda-python/issues/621>.
pub(super) fn event(taken: &Taken<'_>, request: &ApiRequest<'_>) -> Value {
    let Taken { api_id, region, stage, route_key, parameters, request_id } = taken;
    let (headers, cookies) = headers_of(request.headers, request.now, request.body.len());
    let content_type = headers.get("content-type").map(String::as_str).unwrap_or_default();
    let (body, is_base64) = encode_body(&request.body, content_type);
    let query = query_of(request.query);
    let millis = i64::try_from(request.now.as_millis()).unwrap_or_default();
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    let user_agent = headers.get("user-agent").cloned().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": api_id,
            "domainName": format!("{api_id}.execute-api.{region}.amazonaws.com"),
            "domainPrefix": api_id,
            "http": {
                "method": request.method.as_str(),
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": SOURCE_IP,
                "userAgent": user_agent,
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": stage,
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": request.now,
        },
        "isBase64Encoded": is_base64,
    });
    if let Some(body) = body {
        event["body"] = body.into();
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(query);
    }
    if !parameters.is_empty() {
        event["pathParameters"] = json!(parameters);
    }
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    event
}

/// The headers as API Gateway hands them on, with those that it adds, and the cookies, which are apart. As in policies, the
/// loopback counts as TLS.
fn headers_of(
    given: &HeaderMap,
    now: Timestamp,
    body_bytes: usize,
) -> (BTreeMap<String, String>, Vec<String>) {
    let mut headers = BTreeMap::<String, String>::new();
    let mut cookies = Vec::new();
    for (name, value) in given {
        let value = String::from_utf8_lossy(value.as_bytes());
        if name == header::COOKIE {
            cookies.extend(value.split(';').map(|cookie| cookie.trim().to_owned()));
            continue;
        }
        if OF_CONNECTION.contains(&name.as_str()) {
            continue;
        }
        joined(&mut headers, name.as_str(), &value);
    }
    headers.entry("content-length".to_owned()).or_insert_with(|| body_bytes.to_string());
    headers.entry("x-amzn-trace-id".to_owned()).or_insert_with(|| trace_id(now));
    // "a client, proxy 1, …": API Gateway appends whom it was asked by.
    match headers.get_mut("x-forwarded-for") {
        Some(others) => *others = format!("{others}, {SOURCE_IP}"),
        None => drop(headers.insert("x-forwarded-for".to_owned(), SOURCE_IP.to_owned())),
    }
    headers.insert("x-forwarded-port".to_owned(), "443".to_owned());
    headers.insert("x-forwarded-proto".to_owned(), "https".to_owned());
    (headers, cookies)
}

/// A trace's id, where the request has none.
///
/// Source: <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-traceids>.
fn trace_id(now: Timestamp) -> String {
    let seconds = now.as_millis() / 1000;
    let drawn = fastrand::u128(..) >> 32;
    format!("Root=1-{seconds:08x}-{drawn:024x}")
}

/// The parameters of a query; those that are there more than once are joined.
fn query_of(query: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    for (name, value) in &pairs {
        joined(&mut parameters, name, value);
    }
    parameters
}

fn joined(all: &mut BTreeMap<String, String>, name: &str, value: &str) {
    all.entry(name.to_owned())
        .and_modify(|joined| {
            joined.push(',');
            joined.push_str(value);
        })
        .or_insert_with(|| value.to_owned());
}

/// API Gateway passes text on as it is, and everything else as base64.
fn encode_body(body: &[u8], content_type: &str) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_text = kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(
            kind.as_str(),
            "application/json" | "application/javascript" | "application/xml"
        );
    match std::str::from_utf8(body) {
        Ok(text) if is_text => (Some(text.to_owned()), false),
        _ => (Some(STANDARD.encode(body)), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(headers: &[(&'static str, &'static str)]) -> BTreeMap<String, String> {
        let map = headers.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))
        });
        let now = Timestamp::from_millis(1_700_000_000_000);
        headers_of(&map.collect::<HeaderMap>(), now, 0).0
    }

    #[test]
    fn headers_are_handed_on_with_those_that_api_gateway_adds() {
        let headers = given(&[("accept", "*/*"), ("connection", "keep-alive"), ("accept", "a")]);
        let (names, values): (Vec<&str>, Vec<&str>) =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).unzip();
        let expected = [
            "accept",
            "content-length",
            "x-amzn-trace-id",
            "x-forwarded-for",
            "x-forwarded-port",
            "x-forwarded-proto",
        ];
        assert_eq!(names, expected);
        assert_eq!((values[0], values[1]), ("*/*,a", "0"));
        assert_eq!(values[3..], ["127.0.0.1", "443", "https"]);
        let (root, rest) = values[2].split_at("Root=1-6553f100-".len());
        assert_eq!(root, "Root=1-6553f100-");
        assert!(rest.len() == 24 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{rest}");
    }

    #[test]
    fn what_a_client_says_of_itself_is_kept_and_what_api_gateway_knows_is_not_believed() {
        let headers = given(&[
            ("x-amzn-trace-id", "Root=1-2-3"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-proto", "http"),
            ("content-length", "7"),
        ]);
        assert_eq!(headers["x-amzn-trace-id"], "Root=1-2-3");
        assert_eq!(headers["x-forwarded-for"], "10.0.0.1, 127.0.0.1");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["content-length"], "7");
    }

    #[test]
    fn each_request_has_an_id_of_its_own() {
        let (one, other) = (request_id(), request_id());
        assert_ne!(one, other);
        assert!(one.len() == 16 && one.ends_with('='), "{one}");
    }

    #[test]
    fn bodies_that_are_not_text_travel_as_base64() {
        assert_eq!(encode_body(b"", "application/json"), (None, false));
        assert_eq!(
            encode_body(b"{}", "Application/JSON; charset=utf-8"),
            (Some("{}".to_owned()), false)
        );
        assert_eq!(encode_body(b"{}", "application/octet-stream"), (Some("e30=".to_owned()), true));
        assert_eq!(encode_body(b"{}", ""), (Some("e30=".to_owned()), true));
        assert_eq!(encode_body(b"\xff", "text/plain"), (Some("/w==".to_owned()), true));
    }
}
