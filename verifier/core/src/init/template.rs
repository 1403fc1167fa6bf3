//! What a template says of a stack that its outputs and resources do not: routes, and what refers to what.

use std::collections::BTreeSet;

use serde_json::Value;

/// A route of an HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its method, in capitals; `ANY` for all.
    pub method: String,
    /// Its path, as in `/orders/{id}`.
    pub path: String,
    /// The logical ids of what it leads to.
    pub leads_to: BTreeSet<String>,
}

/// A template, of which CloudFormation has carried out the transforms.
#[derive(Clone, Copy, Debug)]
pub struct TemplateView<'a>(pub &'a Value);

/// What refers to another resource.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>.
const REFERENCES: [&str; 3] = ["Ref", "Fn::GetAtt", "Fn::Sub"];

impl<'a> TemplateView<'a> {
    /// The type of the resource of that logical id.
    pub fn type_of(self, logical_id: &str) -> Option<&'a str> {
        self.0["Resources"][logical_id]["Type"].as_str()
    }

    /// The logical ids of the resources that an output's value refers to.
    pub fn of_output(self, name: &str) -> BTreeSet<String> {
        self.referred(&self.0["Outputs"][name]["Value"])
    }

    /// The logical ids of the resources that a resource's properties refer to.
    pub fn of_resource(self, logical_id: &str) -> BTreeSet<String> {
        self.referred(&self.0["Resources"][logical_id]["Properties"])
    }

    /// The resources of a type, by their logical ids.
    fn of_type(self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let all = self.0["Resources"].as_object().into_iter().flatten();
        all.filter(move |(_, resource)| resource["Type"] == kind)
            .map(|(_, resource)| &resource["Properties"])
    }

    /// The routes of its APIs: HTTP APIs' own and those of their `OpenAPI` definitions, and the methods of REST APIs.
    pub fn routes(self) -> Vec<Route> {
        let mut routes = Vec::new();
        for route in self.of_type("AWS::ApiGatewayV2::Route") {
            if let Some((method, path)) =
                route["RouteKey"].as_str().and_then(|key| key.split_once(' '))
            {
                routes.push(self.route(method, path.to_owned(), &route["Target"]));
            }
        }
        for kind in ["AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi"] {
            for api in self.of_type(kind) {
                for (path, item) in api["Body"]["paths"].as_object().into_iter().flatten() {
                    for (method, operation) in item.as_object().into_iter().flatten() {
                        routes.extend(method_of(method).map(|method| {
                            let integration = &operation["x-amazon-apigateway-integration"];
                            self.route(method, path.clone(), integration)
                        }));
                    }
                }
            }
        }
        for method in self.of_type("AWS::ApiGateway::Method") {
            if let (Some(verb), Some(path)) =
                (method["HttpMethod"].as_str(), self.path_of(&method["ResourceId"]))
            {
                routes.push(self.route(verb, path, &method["Integration"]));
            }
        }
        routes.retain(|route| route.method != "OPTIONS");
        routes
    }

    fn route(self, method: &str, path: String, target: &Value) -> Route {
        let mut leads_to = self.referred(target);
        let integrations: Vec<String> = leads_to
            .iter()
            .filter(|id| self.type_of(id) == Some("AWS::ApiGatewayV2::Integration"))
            .cloned()
            .collect();
        for integration in integrations {
            leads_to.extend(self.of_resource(&integration));
        }
        Route { method: method.to_ascii_uppercase(), path, leads_to }
    }

    /// The path of a REST API's resource: its parts from the root on.
    fn path_of(self, resource: &Value) -> Option<String> {
        /// How deep resources are nested at most here; a circle has no end.
        const DEPTH_MAX: usize = 30;
        let mut parts = Vec::new();
        let mut at = resource.clone();
        for _ in 0..DEPTH_MAX {
            let Some(id) = at["Ref"].as_str() else {
                // The root is an attribute of the API.
                at.get("Fn::GetAtt")?;
                parts.reverse();
                return Some(format!("/{}", parts.join("/")));
            };
            let properties = &self.0["Resources"][id]["Properties"];
            parts.push(properties["PathPart"].as_str()?.to_owned());
            at = properties["ParentId"].clone();
        }
        None
    }

    /// The logical ids of the resources that a value refers to at any place.
    fn referred(self, value: &Value) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        gather(value, &mut found);
        found.retain(|id| self.type_of(id).is_some());
        found
    }
}

fn gather(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, each) in fields {
                if REFERENCES.contains(&name.as_str()) {
                    found.extend(names_in(each));
                }
                gather(each, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|each| gather(each, found)),
        _ => {}
    }
}

/// The names that a reference holds: the whole text, the first part of `Id.Attribute` or of a list, or those in `${…}`.
fn names_in(reference: &Value) -> Vec<String> {
    let text = match reference {
        Value::Array(items) => items.first().and_then(Value::as_str).unwrap_or_default(),
        other => other.as_str().unwrap_or_default(),
    };
    let first = |text: &str| text.split('.').next().unwrap_or_default().to_owned();
    let in_braces = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
    [first(text)].into_iter().chain(in_braces.map(first)).collect()
}

/// The method that a key of an `OpenAPI` path item is, if it is one.
///
/// Source: <https://spec.openapis.org/oas/v3.0.3#path-item-object>, and API Gateway's extension for any.
fn method_of(key: &str) -> Option<&'static str> {
    match key.to_ascii_lowercase().as_str() {
        "get" => Some("GET"),
        "post" => Some("POST"),
        "put" => Some("PUT"),
        "patch" => Some("PATCH"),
        "delete" => Some("DELETE"),
        "x-amazon-apigateway-any-method" => Some("ANY"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(template: &Value) -> Vec<String> {
        let routes = TemplateView(template).routes();
        routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect()
    }

    #[test]
    fn routes_of_http_apis_lead_to_their_functions() {
        let template = json!({"Resources": {
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {}},
            "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {
                "RouteKey": "POST /orders",
                "Target": {"Fn::Join": ["", ["integrations/", {"Ref": "Integration"}]]}}},
            "Default": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"RouteKey": "$default"}},
            "Integration": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {
                "IntegrationUri": {"Fn::GetAtt": ["Submit", "Arn"]}}},
            "Submit": {"Type": "AWS::Lambda::Function", "Properties": {
                "Environment": {"Variables": {"QUEUE": {"Ref": "Queue"}}}}},
            "Queue": {"Type": "AWS::SQS::Queue"},
        }});
        let view = TemplateView(&template);
        assert_eq!(keys(&template), ["POST /orders"]);
        assert!(view.routes()[0].leads_to.contains("Submit"));
        assert!(view.of_resource("Submit").contains("Queue"));
    }

    #[test]
    fn routes_stand_in_a_definition_too() {
        let template = json!({"Resources": {"Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": {"paths": {
            "/a": {"post": {"x-amazon-apigateway-integration": {"uri": {"Fn::Sub":
                "arn:aws:apigateway:${AWS::Region}:lambda:path/functions/${F.Arn}/invocations"}}},
                "options": {}, "parameters": []},
            "/b/{proxy+}": {"x-amazon-apigateway-any-method": {}},
        }}}}, "F": {"Type": "AWS::Lambda::Function"}}});
        assert_eq!(keys(&template), ["POST /a", "ANY /b/{proxy+}"]);
        assert!(TemplateView(&template).routes()[0].leads_to.contains("F"));
    }

    #[test]
    fn methods_of_rest_apis_have_the_path_of_their_resource() {
        let template = json!({"Resources": {
            "Api": {"Type": "AWS::ApiGateway::RestApi"},
            "V1": {"Type": "AWS::ApiGateway::Resource", "Properties": {
                "PathPart": "v1", "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]}}},
            "Jobs": {"Type": "AWS::ApiGateway::Resource", "Properties": {
                "PathPart": "jobs", "ParentId": {"Ref": "V1"}}},
            "Post": {"Type": "AWS::ApiGateway::Method", "Properties": {
                "HttpMethod": "POST", "ResourceId": {"Ref": "Jobs"}}},
            "Root": {"Type": "AWS::ApiGateway::Method", "Properties": {
                "HttpMethod": "GET", "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]}}},
            "Circle": {"Type": "AWS::ApiGateway::Resource", "Properties": {
                "PathPart": "c", "ParentId": {"Ref": "Circle"}}},
            "Endless": {"Type": "AWS::ApiGateway::Method", "Properties": {
                "HttpMethod": "GET", "ResourceId": {"Ref": "Circle"}}},
        }});
        let mut found = keys(&template);
        found.sort();
        assert_eq!(found, ["GET /", "POST /v1/jobs"]);
    }
}
