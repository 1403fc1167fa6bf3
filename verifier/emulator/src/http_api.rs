//! The HTTP API: stages, routes, CORS and the payload format 2.0.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html> and
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>.

mod event;
mod stage;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::http::{Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use verifier_model::event_source_mapping::InvocationOutcome;
use verifier_model::faults::Caller;

pub(crate) use self::event::ApiRequest;
use self::event::{Taken, event, request_id};
use self::stage::{Served, served};
use crate::access::Access;
use crate::admission::Refused;
use crate::clock::Busy;
use crate::lambda::{Functions, Invocation, SYNCHRONOUS_BYTES_MAX};
use crate::reply::{Reply, reply, with_header};
use crate::stack::{API_GATEWAY, ApiSpec, CorsSpec, RouteSpec};

/// The HTTP APIs of all stacks.
pub(crate) struct HttpApis {
    apis: Mutex<Vec<Arc<ApiSpec>>>,
    functions: Arc<Functions>,
    access: Arc<Access>,
    region: String,
}

impl HttpApis {
    pub(crate) fn new(functions: Arc<Functions>, access: Arc<Access>, region: String) -> Self {
        Self { apis: Mutex::default(), functions, access, region }
    }

    pub(crate) fn add(&self, apis: &[ApiSpec]) {
        self.lock().extend(apis.iter().cloned().map(Arc::new));
    }

    pub(crate) fn remove(&self, apis: &[ApiSpec]) {
        self.lock().retain(|api| apis.iter().all(|gone| gone.id != api.id));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<ApiSpec>>> {
        self.apis.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request to the API of that id.
    pub(crate) async fn handle(
        &self,
        busy: Busy,
        id: &str,
        request: ApiRequest<'_>,
    ) -> (Busy, Reply) {
        let api = self.lock().iter().find(|api| api.id == id).cloned();
        let Some(api) = api else {
            return (busy, message(404, "Not Found"));
        };
        // "To create a functional API, you must have at least one route, integration, stage, and deployment."
        // Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop.html>.
        let Some(served) = served(&api.stages, request.path) else {
            let stages = &api.stages;
            tracing::warn!(api = id, path = request.path, ?stages, "no deployed stage serves this");
            return (busy, message(404, "Not Found"));
        };
        let origin = request.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        if let Some(cors) = &api.cors
            && is_preflight(&request)
        {
            return (busy, allow(reply(204, "text/plain", ""), cors, origin, true));
        }
        let (busy, answer) = self.route(busy, &api, served, &request).await;
        let answer = match &api.cors {
            // CORS configured on the API overrides what the function returns.
            Some(cors) => allow(without_cors(answer), cors, origin, false),
            None => answer,
        };
        (busy, answer)
    }

    /// The route that a request to `ID/path` takes, if there is one.
    pub(crate) fn route_of(&self, method: &Method, rest: &str) -> Option<RouteSpec> {
        let (id, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let api = self.lock().iter().find(|api| api.id == id).cloned()?;
        let keys = api.routes.iter().map(|route| route.key.as_str());
        let served = served(&api.stages, if path.is_empty() { "/" } else { path })?;
        let (index, _) = best_route(keys, method.as_str(), served.path)?;
        api.routes.get(index).cloned()
    }

    async fn route(
        &self,
        busy: Busy,
        api: &ApiSpec,
        served: Served<'_>,
        request: &ApiRequest<'_>,
    ) -> (Busy, Reply) {
        let keys = api.routes.iter().map(|route| route.key.as_str());
        let Some((index, parameters)) = best_route(keys, request.method.as_str(), served.path)
        else {
            return (busy, message(404, "Not Found"));
        };
        let route = &api.routes[index];
        let request_id = request_id();
        if self.access.is_on() && !route.permitted_stages.iter().any(|stage| stage == served.stage)
        {
            let RouteSpec { key, function, .. } = route;
            self.access.note(format!(
                "the route {key} may not invoke the function {function} (no AWS::Lambda::Permission of it allows {API_GATEWAY} to, for this route)"
            ));
            return (busy, message(500, "Internal Server Error"));
        }
        let taken = Taken {
            api_id: &api.id,
            region: &self.region,
            stage: served.stage,
            route_key: &route.key,
            parameters: &parameters,
            request_id: &request_id,
        };
        let event = event(&taken, request);
        let payload = Bytes::from(event.to_string());
        if payload.len() > SYNCHRONOUS_BYTES_MAX {
            tracing::warn!(
                route = route.key,
                "the event has {} bytes, and Lambda takes {SYNCHRONOUS_BYTES_MAX}",
                payload.len()
            );
            return (busy, message(500, "Internal Server Error"));
        }
        let invocation = Invocation {
            function: &route.function,
            payload,
            caller: Caller::Client,
            client: request.client,
            request_id: None,
        };
        let clock = self.functions.clock();
        let asked_at = clock.now();
        let (busy, invoked) = self.functions.invoke(busy, invocation).await;
        // The function's end is waited for here all the same: only then is its time over by the stack's clock.
        let is_late = clock.now().since(asked_at) > route.timeout;
        let answer = match invoked.outcome {
            _ if is_late => message(503, "Service Unavailable"),
            InvocationOutcome::Responded(payload) => answer(&payload),
            InvocationOutcome::Errored(reason) => {
                tracing::warn!(route = route.key, "{reason}");
                message(500, "Internal Server Error")
            }
            // That an HTTP API answers 503 to throttling is from bug reports; no page of AWS says so.
            InvocationOutcome::Throttled => message(503, "Service Unavailable"),
        };
        (busy, with_header(answer, "apigw-requestid", &request_id))
    }
}

/// The answer that a function describes, in the format 2.0 or as a bare value.
fn answer(payload: &[u8]) -> Reply {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Described {
        status_code: u16,
        #[serde(default)]
        headers: Option<Map<String, Value>>,
        #[serde(default)]
        cookies: Option<Vec<String>>,
        #[serde(default)]
        body: Option<String>,
        #[serde(default)]
        is_base64_encoded: Option<bool>,
    }
    let Ok(value) = serde_json::from_slice::<Value>(payload) else {
        return message(500, "Internal Server Error");
    };
    if value.get("statusCode").is_none() {
        // Without a status code, API Gateway takes the whole value for the body of a success.
        let body = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return reply(200, "application/json", body);
    }
    let Ok(described) = serde_json::from_value::<Described>(value) else {
        return message(500, "Internal Server Error");
    };
    let body = described.body.unwrap_or_default();
    let body = match described.is_base64_encoded {
        Some(true) => match STANDARD.decode(&body) {
            Ok(bytes) => bytes,
            Err(_) => return message(500, "Internal Server Error"),
        },
        _ => body.into_bytes(),
    };
    if !(200..600).contains(&described.status_code) {
        return message(500, "Internal Server Error");
    }
    let mut response = reply(described.status_code, "text/plain", body);
    for (name, value) in described.headers.into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = header::HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, value.parse())
            && !is_framing(&name)
        {
            response.headers_mut().insert(name, value);
        }
    }
    for cookie in described.cookies.into_iter().flatten() {
        if let Ok(value) = cookie.parse() {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

/// Whether a header says how an answer is framed on its connection, which is the server's to say: API Gateway sets these again.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc9110#name-connection>.
fn is_framing(name: &header::HeaderName) -> bool {
    const NAMES: [&str; 8] = [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.contains(&name.as_str())
}

/// What an API answers where a request's body is refused.
pub(crate) fn refusal(refused: &Refused) -> Reply {
    let text = match refused.status {
        400 => "Bad Request",
        413 => "Request Entity Too Large",
        408 => "Request Timeout",
        _ => "Service Unavailable",
    };
    message(refused.status, text)
}

fn message(status: u16, text: &str) -> Reply {
    reply(status, "application/json", json!({ "message": text }).to_string())
}

/// The most specific of the routes that match, and the path's parameters.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>.
fn best_route<'a>(
    keys: impl Iterator<Item = &'a str>,
    method: &str,
    path: &str,
) -> Option<(usize, BTreeMap<String, String>)> {
    keys.enumerate()
        .filter_map(|(index, key)| {
            let (score, parameters) = match_route(key, method, path)?;
            Some((score, index, parameters))
        })
        .max_by_key(|(score, index, _)| (*score, std::cmp::Reverse(*index)))
        .map(|(_, index, parameters)| (index, parameters))
}

/// How specific a match is: literal segments, then parameters, then a greedy parameter, then the method.
type Score = (u8, usize, bool);

fn match_route(key: &str, method: &str, path: &str) -> Option<(Score, BTreeMap<String, String>)> {
    if key == "$default" {
        return Some(((0, 0, false), BTreeMap::new()));
    }
    let (route_method, pattern) = key.split_once(' ')?;
    if route_method != "ANY" && route_method != method {
        return None;
    }
    let mut parameters = BTreeMap::new();
    let mut literal = 0;
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        let name = wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        if let Some(name) = name.and_then(|name| name.strip_suffix('+')) {
            let rest: Vec<&str> = segments.collect();
            if rest.is_empty() {
                return None;
            }
            parameters.insert(name.to_owned(), decoded(&rest.join("/")));
            return Some(((1, literal, route_method != "ANY"), parameters));
        }
        let segment = segments.next()?;
        match name {
            Some(name) if !segment.is_empty() => {
                parameters.insert(name.to_owned(), decoded(segment));
            }
            None if wanted == segment => literal += 1,
            _ => return None,
        }
    }
    segments.next().is_none().then_some(((2, literal, route_method != "ANY"), parameters))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn is_preflight(request: &ApiRequest<'_>) -> bool {
    *request.method == Method::OPTIONS
        && request.headers.contains_key(header::ORIGIN)
        && request.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn without_cors(mut response: Reply) -> Reply {
    let names: Vec<_> = response
        .headers()
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .cloned()
        .collect();
    for name in names {
        response.headers_mut().remove(name);
    }
    response
}

/// Adds the CORS headers for an origin that is allowed, and none for another.
fn allow(mut response: Reply, cors: &CorsSpec, origin: Option<&str>, preflight: bool) -> Reply {
    let Some(origin) = origin else {
        return response;
    };
    let any = cors.allow_origins.iter().any(|allowed| allowed == "*");
    if !any && !cors.allow_origins.iter().any(|allowed| origin_matches(allowed, origin)) {
        return response;
    }
    let shown = if any && !cors.allow_credentials { "*" } else { origin };
    response = with_header(response, "access-control-allow-origin", shown);
    if !any {
        response = with_header(response, "vary", "Origin");
    }
    if cors.allow_credentials {
        response = with_header(response, "access-control-allow-credentials", "true");
    }
    if !cors.expose_headers.is_empty() {
        response =
            with_header(response, "access-control-expose-headers", &cors.expose_headers.join(","));
    }
    if preflight {
        response =
            with_header(response, "access-control-allow-methods", &cors.allow_methods.join(","));
        response =
            with_header(response, "access-control-allow-headers", &cors.allow_headers.join(","));
        if let Some(seconds) = cors.max_age_seconds {
            response = with_header(response, "access-control-max-age", &seconds.to_string());
        }
    }
    response
}

fn origin_matches(allowed: &str, origin: &str) -> bool {
    match allowed {
        "https://*" => origin.starts_with("https://"),
        "http://*" => origin.starts_with("http://"),
        allowed => allowed.eq_ignore_ascii_case(origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(keys: &[&str], method: &str, path: &str) -> Option<(usize, BTreeMap<String, String>)> {
        best_route(keys.iter().copied(), method, path)
    }

    #[test]
    fn the_most_specific_route_wins() {
        let keys = [
            "$default",
            "ANY /{proxy+}",
            "GET /a/{id}",
            "ANY /a/{id}",
            "GET /a/b",
            "GET /a/{rest+}",
        ];
        let chosen = |method, path| route(&keys, method, path).map(|(index, _)| index);
        assert_eq!(chosen("GET", "/a/b"), Some(4));
        assert_eq!(chosen("GET", "/a/c"), Some(2));
        assert_eq!(chosen("PUT", "/a/c"), Some(3));
        assert_eq!(chosen("GET", "/a/c/d"), Some(5));
        assert_eq!(chosen("GET", "/z"), Some(1));
        assert_eq!(route(&["$default"], "GET", "/x").map(|(index, _)| index), Some(0));
        assert_eq!(route(&["GET /hello"], "POST", "/hello"), None);
        assert_eq!(route(&["GET /hello"], "GET", "/hello/"), None);
        assert_eq!(route(&["GET /{id}"], "GET", "/"), None);
    }

    #[test]
    fn parameters_are_decoded() {
        let (_, parameters) = route(&["GET /a/{id}/{rest+}"], "GET", "/a/x%20y/1/2").unwrap();
        assert_eq!(parameters["id"], "x y");
        assert_eq!(parameters["rest"], "1/2");
    }

    #[test]
    fn a_function_does_not_say_how_its_answer_is_framed() {
        let payload = json!({
            "statusCode": 200,
            "headers": {"Content-Length": "5", "transfer-encoding": "chunked", "connection": "close", "x-own": "1"},
            "body": "a longer body",
        });
        let answer = answer(payload.to_string().as_bytes());
        let names: Vec<&str> = answer.headers().keys().map(header::HeaderName::as_str).collect();
        assert_eq!(names, ["content-type", "x-own"]);
        for status in [0, 101, 600] {
            let payload = json!({"statusCode": status, "body": ""}).to_string();
            assert_eq!(super::answer(payload.as_bytes()).status().as_u16(), 500, "{status}");
        }
    }

    #[test]
    fn a_other_origin_gets_no_cors_headers() {
        let cors =
            CorsSpec { allow_origins: vec!["https://a.example".to_owned()], ..CorsSpec::default() };
        let allowed = |origin| {
            let answer = allow(message(200, ""), &cors, Some(origin), true);
            answer.headers().contains_key("access-control-allow-origin")
        };
        assert!(allowed("https://a.example"));
        assert!(!allowed("https://b.example"));
        assert!(!allowed("null"));
    }
}
