//! The routes of an HTTP API that is an imported definition.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html> and the page
//! `api-gateway-swagger-extensions.html` beside it.

use serde_json::{Map, Value};

use super::DEFAULT_ROUTE;

/// What a path may have that is a route, with the method of its key.
const METHODS: [(&str, &str); 8] = [
    ("delete", "DELETE"),
    ("get", "GET"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
    ("patch", "PATCH"),
    ("post", "POST"),
    ("put", "PUT"),
    ("x-amazon-apigateway-any-method", "ANY"),
];
const INTEGRATION: &str = "x-amazon-apigateway-integration";
const INTEGRATIONS: &str = "#/components/x-amazon-apigateway-integrations/";
/// What browsers of other origins may do.
const CORS: &str = "x-amazon-apigateway-cors";
/// The properties of `CorsConfiguration`, and what the definition calls them.
const OF_CORS: [(&str, &str); 6] = [
    ("AllowCredentials", "allowCredentials"),
    ("AllowHeaders", "allowHeaders"),
    ("AllowMethods", "allowMethods"),
    ("AllowOrigins", "allowOrigins"),
    ("ExposeHeaders", "exposeHeaders"),
    ("MaxAge", "maxAge"),
];
/// What SAM calls the absence of an authorizer.
const NO_AUTHORIZER: &str = "NONE";

/// A route of a definition.
#[derive(Debug, PartialEq)]
pub(super) struct Imported<'a> {
    pub(super) key: String,
    /// Its integration, with the definition's names.
    pub(super) integration: &'a Map<String, Value>,
}

/// The routes of a definition.
///
/// # Errors
///
/// What of it is not read here: a route that was left out would be missed without a word.
pub(super) fn routes(body: &Value) -> Result<Vec<Imported<'_>>, String> {
    let Some(paths) = body.get("paths").and_then(Value::as_object) else {
        return Err("has a Body without paths".to_owned());
    };
    let mut routes = Vec::new();
    for (path, item) in paths {
        if item.get("$ref").is_some() {
            return Err(format!("has the path {path} by a $ref, which is not followed here"));
        }
        for (name, operation) in item.as_object().into_iter().flatten() {
            let Some((_, method)) = METHODS.iter().find(|(known, _)| known == name) else {
                if name == "trace" {
                    return Err(format!("has the method {name} of {path}, which no route has"));
                }
                continue;
            };
            let key = key_of(method, path);
            if let Some(authorizer) = authorizer(body, operation) {
                return Err(format!(
                    "asks for authorization (security {authorizer} of {key}), which the emulator does not do: every caller would be let in"
                ));
            }
            let integration = integration(body, operation)
                .ok_or_else(|| format!("has the route {key} without an {INTEGRATION}"))?;
            routes.push(Imported { key, integration });
        }
    }
    Ok(routes)
}

/// What a definition says of CORS, as `CorsConfiguration` has it.
pub(super) fn cors(body: &Value) -> Option<Map<String, Value>> {
    let given = body.get(CORS)?.as_object()?;
    let named = OF_CORS
        .iter()
        .filter_map(|(property, name)| Some(((*property).to_owned(), given.get(*name)?.clone())));
    Some(named.collect())
}

fn key_of(method: &str, path: &str) -> String {
    match path.trim_start_matches('/') {
        DEFAULT_ROUTE => DEFAULT_ROUTE.to_owned(),
        _ => format!("{method} {path}"),
    }
}

/// Who has to let a caller in, by the operation or else by the whole definition.
fn authorizer<'a>(body: &'a Value, operation: &'a Value) -> Option<&'a str> {
    let security = operation.get("security").or_else(|| body.get("security"));
    let schemes = security.and_then(Value::as_array);
    let mut names = schemes.into_iter().flatten().filter_map(Value::as_object).flatten();
    names.find(|(name, _)| *name != NO_AUTHORIZER).map(|(name, _)| name.as_str())
}

/// An operation's integration, itself or by reference.
fn integration<'a>(body: &'a Value, operation: &'a Value) -> Option<&'a Map<String, Value>> {
    let own = operation.get(INTEGRATION)?;
    let reference = own.get("$ref").and_then(Value::as_str);
    match reference.map(|reference| reference.strip_prefix(INTEGRATIONS)) {
        None => own.as_object(),
        Some(name) => {
            body.get("components")?.get("x-amazon-apigateway-integrations")?.get(name?)?.as_object()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(paths: &Value) -> Value {
        json!({"openapi": "3.0.1", "paths": paths, "components": {
            "x-amazon-apigateway-integrations": {"shared": {"uri": "s"}},
        }})
    }

    #[test]
    fn each_method_of_a_path_is_a_route() {
        let own = |uri: &str| json!({INTEGRATION: {"uri": uri}});
        let body = definition(&json!({
            "/jobs/{id}": {"get": own("a"), "x-amazon-apigateway-any-method": own("b"), "parameters": []},
            "/$default": {"x-amazon-apigateway-any-method": own("c")},
            "/shared": {"post": {INTEGRATION: {"$ref": format!("{INTEGRATIONS}shared")}}},
        }));
        let routes = routes(&body).unwrap();
        let mut read: Vec<(&str, &str)> = routes
            .iter()
            .map(|route| (route.key.as_str(), route.integration["uri"].as_str().unwrap()))
            .collect();
        read.sort_unstable();
        let expected = [
            ("$default", "c"),
            ("ANY /jobs/{id}", "b"),
            ("GET /jobs/{id}", "a"),
            ("POST /shared", "s"),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_not_read_is_named() {
        let own = json!({"uri": "a"});
        for (paths, words) in [
            (json!({"/a": {"get": {}}}), "the route GET /a without an x-amazon"),
            (json!({"/a": {"$ref": "b"}}), "the path /a by a $ref"),
            (json!({"/a": {"trace": {INTEGRATION: own}}}), "the method trace of /a"),
            (
                json!({"/a": {"get": {INTEGRATION: own, "security": [{"jwt": []}]}}}),
                "security jwt of GET /a",
            ),
            (json!({"/a": {"get": {INTEGRATION: {"$ref": "#/other"}}}}), "GET /a without"),
        ] {
            let refused = routes(&definition(&paths)).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
        assert!(routes(&json!({})).is_err());
        let open = json!({"/a": {"get": {INTEGRATION: own, "security": [{"NONE": []}]}}});
        assert!(routes(&definition(&open)).is_ok());
        let mut all = definition(&json!({"/a": {"get": {INTEGRATION: own}}}));
        all["security"] = json!([{"all": []}]);
        assert!(routes(&all).unwrap_err().contains("security all"));
    }

    #[test]
    fn cors_is_read_by_the_names_of_the_definition() {
        let body = json!({CORS: {"allowOrigins": ["*"], "maxAge": 5, "other": 1}});
        let expected = json!({"AllowOrigins": ["*"], "MaxAge": 5});
        assert_eq!(cors(&body).map(Value::Object), Some(expected));
        assert_eq!(cors(&json!({})), None);
    }
}
