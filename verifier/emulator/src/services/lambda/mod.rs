//! Lambda's REST interface: which operation a request is.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/api/>.

mod functions;
mod invoke;
mod mappings;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use verifier_core::faults::Caller;

use crate::client::Client;
use crate::clock::Busy;
use crate::reply::aws_json::rest_error;
use crate::reply::{Refusal, Reply};
use crate::world::World;

/// The service.
pub(crate) struct LambdaService {
    pub(crate) world: Arc<World>,
}

/// A request to it.
pub(crate) struct LambdaRequest<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
    /// On whose behalf it is made.
    pub(crate) caller: Caller,
    /// The client that waits for the answer, if it is one of ours.
    pub(crate) client: Option<&'a Client>,
}

/// The resources that Lambda's paths name behind the version.
const RESOURCES: [&str; 3] = ["functions", "event-source-mappings", "tags"];

/// The path behind the version, if it is one of Lambda's: `/2015-03-31/functions/…`.
///
/// Each operation has the version in which it was introduced; here all are taken for all.
pub(crate) fn path_of(path: &str) -> Option<&str> {
    let (version, rest) = path.strip_prefix('/')?.split_once('/')?;
    let is_date = version.len() == 10
        && version.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let resource = rest.split('/').next().unwrap_or_default();
    (is_date && RESOURCES.contains(&resource)).then_some(rest)
}

impl LambdaService {
    pub(crate) async fn handle(&self, busy: Busy, request: &LambdaRequest<'_>) -> (Busy, Reply) {
        let path = percent_decode_str(request.path.trim_end_matches('/')).decode_utf8_lossy();
        // The last segment may be an ARN, which the split leaves whole.
        let segments: Vec<&str> = path.splitn(4, '/').collect();
        if let ("POST", ["functions", name, "invocations"]) =
            (request.method.as_str(), segments.as_slice())
        {
            return self.invoke(busy, name, request).await;
        }
        (busy, self.configure(request, &path, &segments))
    }

    /// Everything but invoking.
    fn configure(&self, request: &LambdaRequest<'_>, path: &str, segments: &[&str]) -> Reply {
        match (request.method.as_str(), segments) {
            ("GET", ["functions"]) => self.list_functions(&request.query),
            ("GET", ["functions", name]) => self.function(name),
            ("GET", ["functions", name, "configuration"]) => self.configuration(name),
            ("PUT", ["functions", name, "configuration"]) => {
                parsed(request.body, |changes| self.update_configuration(name, changes))
            }
            ("GET", ["functions", name, "concurrency"]) => self.concurrency(name),
            ("PUT", ["functions", name, "concurrency"]) => {
                parsed(request.body, |reserved| self.put_concurrency(name, &reserved))
            }
            ("DELETE", ["functions", name, "concurrency"]) => self.delete_concurrency(name),
            ("GET", ["event-source-mappings"]) => self.list_mappings(&request.query),
            ("POST", ["event-source-mappings"]) => {
                parsed(request.body, |create| self.create_mapping(&create))
            }
            ("GET", ["event-source-mappings", uuid]) => self.mapping(uuid),
            ("PUT", ["event-source-mappings", uuid]) => {
                parsed(request.body, |update| self.update_mapping(uuid, &update))
            }
            ("DELETE", ["event-source-mappings", uuid]) => self.delete_mapping(uuid),
            ("GET", ["tags", ..]) => self.list_tags(path.split_once('/').unwrap_or_default().1),
            (method, _) => rest_error(
                501,
                "NotImplementedException",
                &format!("{method} {path} is not implemented by the emulator"),
            ),
        }
    }
}

/// The operation that a request is for, and the function that it is about.
pub(crate) fn operation_of(method: &Method, path: &str) -> (&'static str, Option<String>) {
    let path = percent_decode_str(path.trim_end_matches('/')).decode_utf8_lossy();
    let segments: Vec<&str> = path.splitn(4, '/').collect();
    let function = match segments.as_slice() {
        ["functions", name, ..] => Some(function_name(name).to_owned()),
        _ => None,
    };
    let operation = match (method.as_str(), segments.as_slice()) {
        ("GET", ["functions"]) => "ListFunctions",
        ("GET", ["functions", _]) => "GetFunction",
        ("GET", ["functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("PUT", ["functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("GET", ["functions", _, "concurrency"]) => "GetFunctionConcurrency",
        ("PUT", ["functions", _, "concurrency"]) => "PutFunctionConcurrency",
        ("DELETE", ["functions", _, "concurrency"]) => "DeleteFunctionConcurrency",
        ("POST", ["functions", _, "invocations"]) => "Invoke",
        ("GET", ["event-source-mappings"]) => "ListEventSourceMappings",
        ("POST", ["event-source-mappings"]) => "CreateEventSourceMapping",
        ("GET", ["event-source-mappings", _]) => "GetEventSourceMapping",
        ("PUT", ["event-source-mappings", _]) => "UpdateEventSourceMapping",
        ("DELETE", ["event-source-mappings", _]) => "DeleteEventSourceMapping",
        ("GET", ["tags", ..]) => "ListTags",
        _ => "Unknown",
    };
    (operation, function)
}

/// The name of a function that a request gives by name, ARN or partial ARN, with or without a qualifier.
fn function_name(reference: &str) -> &str {
    let name = match reference.split_once("function:") {
        Some((_, name)) => name,
        None => reference,
    };
    name.split(':').next().unwrap_or(name)
}

fn parsed<T: DeserializeOwned>(body: &[u8], then: impl FnOnce(T) -> Reply) -> Reply {
    match serde_json::from_slice(body) {
        Ok(request) => then(request),
        Err(problem) => rest_error(
            400,
            "InvalidRequestContentException",
            &format!("Could not parse request body into json: {problem}"),
        ),
    }
}

/// A page of a list: where it ends is where the next begins.
struct Page {
    start: usize,
    length: usize,
}

impl Page {
    /// The page that `Marker` and `MaxItems` ask for.
    fn asked_for(query: &BTreeMap<String, String>, most: usize) -> Result<Self, Refusal> {
        let number = |name: &str| query.get(name).map(|text| text.parse::<usize>()).transpose();
        let bad = |problem| Refusal::new("InvalidParameterValueException", problem);
        let start = number("Marker").map_err(|_| bad("Invalid Marker"))?.unwrap_or(0);
        let length = number("MaxItems").map_err(|_| bad("Invalid MaxItems"))?.unwrap_or(most);
        Ok(Self { start, length: length.clamp(1, most) })
    }

    /// Its items, and the marker of the next page if there is one.
    fn of<T>(&self, items: Vec<T>) -> (Vec<T>, Option<String>) {
        let end = self.start.saturating_add(self.length);
        let next = (end < items.len()).then(|| end.to_string());
        (items.into_iter().skip(self.start).take(self.length).collect(), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_every_version_are_lambdas() {
        for (path, rest) in [
            ("/2015-03-31/functions/f/configuration", Some("functions/f/configuration")),
            ("/2017-10-31/functions/f/concurrency", Some("functions/f/concurrency")),
            ("/2015-03-31/event-source-mappings/", Some("event-source-mappings/")),
            ("/2015-03-31/buckets", None),
            ("/2015-3-31/functions", None),
            ("/functions", None),
            ("/", None),
        ] {
            assert_eq!(path_of(path), rest, "{path}");
        }
    }

    #[test]
    fn a_function_is_found_by_every_way_of_naming_it() {
        for reference in [
            "worker",
            "worker:live",
            "function:worker",
            "000000000000:function:worker",
            "arn:aws:lambda:eu-central-1:000000000000:function:worker",
            "arn:aws:lambda:eu-central-1:000000000000:function:worker:$LATEST",
        ] {
            assert_eq!(function_name(reference), "worker", "{reference}");
        }
    }

    #[test]
    fn pages_join_to_the_whole() {
        let mut marker = None;
        let mut seen = Vec::new();
        loop {
            let mut query = BTreeMap::from([("MaxItems".to_owned(), "3".to_owned())]);
            query.extend(marker.map(|marker| ("Marker".to_owned(), marker)));
            let page = Page::asked_for(&query, 100).unwrap_or(Page { start: 0, length: 0 });
            let (items, next) = page.of((0..10).collect());
            assert!(items.len() <= 3);
            seen.extend(items);
            marker = next;
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..10).collect::<Vec<i32>>());
    }
}
