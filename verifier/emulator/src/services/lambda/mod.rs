//! Lambda's REST interface: which operation a request is.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/api/>.

mod functions;
mod invoke;
mod mappings;
mod view;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use verifier_model::faults::Caller;

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

impl LambdaService {
    pub(crate) async fn handle(&self, busy: Busy, request: &LambdaRequest<'_>) -> (Busy, Reply) {
        let path = decoded(request.path);
        let route = Route::of(request.method, &path);
        if route.operation == "Invoke" {
            return self.invoke(busy, route.resource, request).await;
        }
        (busy, self.configure(&route, request, &path))
    }

    /// Everything but invoking.
    fn configure(&self, route: &Route<'_>, request: &LambdaRequest<'_>, path: &str) -> Reply {
        let resource = route.resource;
        match route.operation {
            "ListFunctions" => self.list_functions(&request.query),
            "GetFunction" => self.function(resource),
            "GetFunctionConfiguration" => self.configuration(resource),
            "UpdateFunctionConfiguration" => {
                parsed(request.body, |changes| self.update_configuration(resource, changes))
            }
            "GetFunctionConcurrency" => self.concurrency(resource),
            "PutFunctionConcurrency" => {
                parsed(request.body, |reserved| self.put_concurrency(resource, &reserved))
            }
            "DeleteFunctionConcurrency" => self.delete_concurrency(resource),
            "ListFunctionEventInvokeConfigs" => self.list_invoke_configs(resource),
            "ListEventSourceMappings" => self.list_mappings(&request.query),
            "CreateEventSourceMapping" => {
                parsed(request.body, |create| self.create_mapping(&create))
            }
            "GetEventSourceMapping" => self.mapping(resource),
            "UpdateEventSourceMapping" => {
                parsed(request.body, |update| self.update_mapping(resource, &update))
            }
            "DeleteEventSourceMapping" => self.delete_mapping(resource),
            "ListTags" => self.list_tags(resource),
            _ => rest_error(
                501,
                "NotImplementedException",
                &format!("{} {path} is not implemented by the emulator", request.method),
            ),
        }
    }
}

/// The operation that a request is for, and the function that it is about.
pub(crate) fn operation_of(method: &Method, path: &str) -> (&'static str, Option<String>) {
    let path = decoded(path);
    let function = path.strip_prefix("functions/").and_then(|rest| rest.split('/').next());
    (Route::of(method, &path).operation, function.map(|name| function_name(name).to_owned()))
}

fn decoded(path: &str) -> Cow<'_, str> {
    percent_decode_str(path.trim_end_matches('/')).decode_utf8_lossy()
}

/// What a request asks for, by its method and path.
struct Route<'a> {
    /// The operation's name; `Unknown` if there is none.
    operation: &'static str,
    /// The function, mapping or ARN that it is about, as the request gives it; empty if it is about none.
    resource: &'a str,
}

impl<'a> Route<'a> {
    fn of(method: &Method, path: &'a str) -> Self {
        let (collection, rest) = path.split_once('/').unwrap_or((path, ""));
        // A resource's ARN has slashes only where it is all that follows.
        let (resource, part) = match collection {
            "tags" => (rest, ""),
            _ => rest.split_once('/').unwrap_or((rest, "")),
        };
        let operation = match (method.as_str(), collection, resource.is_empty(), part) {
            ("GET", "functions", true, "") => "ListFunctions",
            ("GET", "functions", false, "") => "GetFunction",
            ("GET", "functions", false, "configuration") => "GetFunctionConfiguration",
            ("PUT", "functions", false, "configuration") => "UpdateFunctionConfiguration",
            ("GET", "functions", false, "concurrency") => "GetFunctionConcurrency",
            ("PUT", "functions", false, "concurrency") => "PutFunctionConcurrency",
            ("DELETE", "functions", false, "concurrency") => "DeleteFunctionConcurrency",
            ("POST", "functions", false, "invocations") => "Invoke",
            ("GET", "functions", false, "event-invoke-config/list") => {
                "ListFunctionEventInvokeConfigs"
            }
            ("GET", "event-source-mappings", true, "") => "ListEventSourceMappings",
            ("POST", "event-source-mappings", true, "") => "CreateEventSourceMapping",
            ("GET", "event-source-mappings", false, "") => "GetEventSourceMapping",
            ("PUT", "event-source-mappings", false, "") => "UpdateEventSourceMapping",
            ("DELETE", "event-source-mappings", false, "") => "DeleteEventSourceMapping",
            ("GET", "tags", _, "") => "ListTags",
            _ => "Unknown",
        };
        Self { operation, resource }
    }
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
    fn a_request_is_one_operation_on_one_resource() {
        let arn = "arn:aws:lambda:eu-central-1:000000000000:function:worker";
        let tags = format!("tags/{arn}");
        for (method, path, operation, resource) in [
            (Method::GET, "functions", "ListFunctions", ""),
            (Method::GET, "functions/worker", "GetFunction", "worker"),
            (Method::PUT, "functions/worker/concurrency", "PutFunctionConcurrency", "worker"),
            (Method::POST, "functions/worker:live/invocations", "Invoke", "worker:live"),
            (Method::POST, "event-source-mappings", "CreateEventSourceMapping", ""),
            (
                Method::GET,
                "functions/worker/event-invoke-config/list",
                "ListFunctionEventInvokeConfigs",
                "worker",
            ),
            (Method::DELETE, "event-source-mappings/1-2", "DeleteEventSourceMapping", "1-2"),
            (Method::GET, &tags, "ListTags", arn),
            (Method::POST, "functions", "Unknown", ""),
            (Method::GET, "functions/worker/configuration/more", "Unknown", "worker"),
            (Method::GET, "layers", "Unknown", ""),
        ] {
            let route = Route::of(&method, path);
            assert_eq!((route.operation, route.resource), (operation, resource), "{path}");
        }
        let (operation, function) = operation_of(&Method::GET, "functions/function%3Aworker/");
        assert_eq!((operation, function.as_deref()), ("GetFunction", Some("worker")));
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
