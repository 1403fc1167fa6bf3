//! The HTTP APIs of a stack: their routes, what these invoke, and what pages of other origins may do.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::build::{Builder, Resolved, invoked};
use super::openapi::{self, Imported};
use super::properties::Properties;
use super::{ApiSpec, CorsSpec, DEFAULT_ROUTE, FunctionSpec, Organization, RouteSpec};
use crate::template::TemplateError;

/// The integration with a function, in a definition.
const PROXY: &str = "aws_proxy";
/// The only format of events that is made here.
const PAYLOAD_FORMAT: &str = "2.0";
/// What is of an API.
const PARTS: [&str; 4] = [
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Stage",
    "AWS::ApiGatewayV2::Deployment",
];
const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
const MALFORMED_KEY: &str = "The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"";
/// How long an integration may take: as long as it may, where it does not say.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-integration.html>.
const TIMEOUT_MILLISECONDS: RangeInclusive<u64> = 50..=30_000;
/// What has an API invoke with the caller's own credentials.
const OF_CALLER: &str = "arn:aws:iam::*:user/*";

impl Builder<'_> {
    pub(super) fn apis(
        &self,
        functions: &[FunctionSpec],
        organization: &Organization,
    ) -> Result<Vec<ApiSpec>, TemplateError> {
        self.check_parts()?;
        self.of_type("AWS::ApiGatewayV2::Api")
            .map(|api| self.api(api, functions, organization))
            .collect()
    }

    /// Checks that each part of an API is of one that the stack has: of others nothing is known, and it would be left out.
    fn check_parts(&self) -> Result<(), TemplateError> {
        for part in PARTS.iter().flat_map(|part| self.of_type(part)) {
            let id = part.properties().required_text("ApiId")?;
            if !self.of_type("AWS::ApiGatewayV2::Api").any(|api| api.physical_id == id) {
                return Err(
                    part.unsupported(format!("is of the API {id}, which is none of this stack's"))
                );
            }
        }
        Ok(())
    }

    fn api(
        &self,
        api: &Resolved<'_>,
        functions: &[FunctionSpec],
        organization: &Organization,
    ) -> Result<ApiSpec, TemplateError> {
        let properties = api.properties();
        let protocol = properties.text("ProtocolType")?;
        if protocol.as_deref().is_some_and(|protocol| protocol != "HTTP") {
            return Err(api.refused("Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]"));
        }
        if properties.has("BodyS3Location") {
            return Err(api.unsupported(
                "is an imported definition in a bucket (BodyS3Location), which is not on this machine: put it into Body",
            ));
        }
        let body = api.properties.get("Body");
        let mut routes = match body {
            Some(body) => Self::imported(api, body, functions)?,
            None => Vec::new(),
        };
        for route in self.of_type("AWS::ApiGatewayV2::Route") {
            if route.properties().required_text("ApiId")? == api.physical_id {
                let read = self.route(route, functions)?;
                if routes.iter().any(|other: &RouteSpec| other.key == read.key) {
                    return Err(route.refused(format!(
                        "Route with key {} already exists for this API",
                        read.key
                    )));
                }
                routes.push(read);
            }
        }
        routes.extend(Self::quick_route(api, functions)?);
        for required in ["Name", "ProtocolType"] {
            if !properties.has(required) && body.is_none() {
                return Err(
                    api.refused(format!("{required} is required for an API without a definition"))
                );
            }
        }
        let imported = body.and_then(openapi::cors);
        let imported = imported.as_ref().map(|cors| Properties::new(api.logical_id, cors));
        let cors = properties.map("CorsConfiguration").or(imported);
        let cors = cors.map(|cors| self.cors(&cors)).transpose()?;
        // "clients must use a custom domain name to call your API", and there is none here.
        let is_closed = properties.boolean("DisableExecuteApiEndpoint", false)?;
        let stages = if is_closed { Vec::new() } else { self.stages(api)? };
        for route in &mut routes {
            if let Some(function) = functions.iter().find(|each| each.name == route.function) {
                route.permitted_stages =
                    self.permitted_stages(api, &stages, (route, function), organization)?;
            }
        }
        Ok(ApiSpec { id: api.physical_id.clone(), stages, routes, cors })
    }

    /// What "quick create" makes of an API's `Target`: an integration with it, and a route to that, which catches all where
    /// the API has no `RouteKey`.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-api.html>.
    fn quick_route(
        api: &Resolved<'_>,
        functions: &[FunctionSpec],
    ) -> Result<Option<RouteSpec>, TemplateError> {
        let properties = api.properties();
        let Some(target) = properties.text("Target")? else {
            return match ["RouteKey", "CredentialsArn"].iter().find(|name| properties.has(name)) {
                // AWS's page calls it a part of quick create, and says nothing of it alone.
                Some(part) => Err(api.unsupported(format!("has {part} without a Target"))),
                None => Ok(None),
            };
        };
        if target.contains("://") {
            return Err(api.unsupported(format!(
                "has the Target {target}, an HTTP integration, and only functions are invoked here"
            )));
        }
        let function = invoked(api, &target, functions)?;
        let key = properties.text("RouteKey")?.unwrap_or_else(|| DEFAULT_ROUTE.to_owned());
        if !is_route_key(&key) {
            return Err(api.refused(MALFORMED_KEY));
        }
        Ok(Some(RouteSpec {
            key,
            function: function.name.clone(),
            credentials: credentials(api, &properties)?,
            permitted_stages: Vec::new(),
            timeout: Duration::from_millis(*TIMEOUT_MILLISECONDS.end()),
        }))
    }

    /// The routes of an imported definition.
    fn imported(
        api: &Resolved<'_>,
        body: &Value,
        functions: &[FunctionSpec],
    ) -> Result<Vec<RouteSpec>, TemplateError> {
        let imported = openapi::routes(body).map_err(|problem| api.unsupported(problem))?;
        let mut routes = Vec::new();
        for Imported { key, integration } in imported {
            if !is_route_key(&key) {
                return Err(api.refused(MALFORMED_KEY));
            }
            let properties = Properties::new(&format!("{}.{key}", api.logical_id), integration);
            if properties.text("type")?.is_some_and(|kind| !kind.eq_ignore_ascii_case(PROXY)) {
                return Err(api.unsupported(format!(
                    "has another integration than with a function (type of {key}), and only functions are invoked here"
                )));
            }
            if let Some(service) = properties.text("integrationSubtype")? {
                return Err(api.unsupported(format!(
                    "has the integrationSubtype {service} of {key}, and only functions are invoked here"
                )));
            }
            if properties.text("payloadFormatVersion")?.as_deref() != Some(PAYLOAD_FORMAT) {
                return Err(api.unsupported(format!(
                    "has another payload format than {PAYLOAD_FORMAT} (payloadFormatVersion of {key})"
                )));
            }
            let function = invoked(api, &properties.required_text("uri")?, functions)?;
            let longest = *TIMEOUT_MILLISECONDS.end();
            let milliseconds =
                properties.number("timeoutInMillis", longest, TIMEOUT_MILLISECONDS)?;
            routes.push(RouteSpec {
                key,
                function: function.name.clone(),
                credentials: properties.text("credentials")?,
                permitted_stages: Vec::new(),
                timeout: Duration::from_millis(milliseconds),
            });
        }
        Ok(routes)
    }

    fn route(
        &self,
        route: &Resolved<'_>,
        functions: &[FunctionSpec],
    ) -> Result<RouteSpec, TemplateError> {
        let properties = route.properties();
        let key = properties.required_text("RouteKey")?;
        if !is_route_key(&key) {
            return Err(route.refused(MALFORMED_KEY));
        }
        if let Some(kind) = properties.text("AuthorizationType")?.filter(|kind| kind != "NONE") {
            return Err(route.unsupported(format!(
                "asks for authorization ({kind}), which the emulator does not do: every caller would be let in"
            )));
        }
        let target = properties.required_text("Target")?;
        let integration_id = target.strip_prefix("integrations/").unwrap_or(&target);
        let integration = self
            .of_type("AWS::ApiGatewayV2::Integration")
            .find(|integration| integration.physical_id == integration_id)
            .ok_or_else(|| route.unsupported(format!("has no integration {integration_id}")))?;
        let properties = integration.properties();
        if properties.text("ApiId")? != route.properties().text("ApiId")? {
            return Err(route.unsupported(format!("has no integration {integration_id}")));
        }
        if let Some(other) = other_service(&properties)? {
            return Err(integration
                .unsupported(format!("has the {other}, and only functions are invoked here")));
        }
        if properties.text("PayloadFormatVersion")?.as_deref() != Some(PAYLOAD_FORMAT) {
            return Err(integration.unsupported(format!(
                "has another payload format than {PAYLOAD_FORMAT} (PayloadFormatVersion)"
            )));
        }
        let uri = properties.required_text("IntegrationUri")?;
        let function = invoked(integration, &uri, functions)?;
        Ok(RouteSpec {
            key,
            function: function.name.clone(),
            credentials: credentials(integration, &properties)?,
            permitted_stages: Vec::new(),
            timeout: Duration::from_millis(properties.number(
                "TimeoutInMillis",
                *TIMEOUT_MILLISECONDS.end(),
                TIMEOUT_MILLISECONDS,
            )?),
        })
    }

    fn cors(&self, cors: &Properties<'_>) -> Result<CorsSpec, TemplateError> {
        let origins = cors.texts("AllowOrigins")?;
        Ok(CorsSpec {
            allow_origins: origins.iter().map(|origin| self.localise(origin)).collect(),
            allow_methods: cors.texts("AllowMethods")?,
            allow_headers: cors.texts("AllowHeaders")?,
            expose_headers: cors.texts("ExposeHeaders")?,
            max_age_seconds: if cors.has("MaxAge") {
                Some(cors.number("MaxAge", 0, 0..=86_400)?)
            } else {
                None
            },
            allow_credentials: cors.boolean("AllowCredentials", false)?,
        })
    }
}

/// What an integration is with that is no function, as it says it.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services.html>.
fn other_service(integration: &Properties<'_>) -> Result<Option<String>, TemplateError> {
    if let Some(subtype) = integration.text("IntegrationSubtype")? {
        return Ok(Some(format!("IntegrationSubtype {subtype}")));
    }
    let kind = integration.text("IntegrationType")?;
    let other = kind.filter(|kind| !kind.eq_ignore_ascii_case(PROXY));
    Ok(other.map(|kind| format!("IntegrationType {kind}")))
}

/// The role with which an API invokes a function, where it is not itself that does.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-integration.html>.
fn credentials(
    resource: &Resolved<'_>,
    properties: &Properties<'_>,
) -> Result<Option<String>, TemplateError> {
    let arn = properties.text("CredentialsArn")?;
    if arn.as_deref() == Some(OF_CALLER) {
        return Err(resource
            .unsupported("invokes with its callers' credentials, which are not looked at here"));
    }
    Ok(arn)
}

/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>.
fn is_route_key(key: &str) -> bool {
    key == DEFAULT_ROUTE
        || key.split_once(' ').is_some_and(|(method, path)| {
            METHODS.contains(&method)
                && path.starts_with('/')
                && !path.contains(char::is_whitespace)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_key_is_a_method_and_a_path_or_the_default() {
        for key in ["$default", "GET /", "ANY /{proxy+}", "POST /jobs/{id}"] {
            assert!(is_route_key(key), "{key}");
        }
        for key in [
            "",
            "/jobs",
            "POST jobs",
            "FETCH /jobs",
            "get /jobs",
            "GET  /jobs",
            "$connect",
            "GET /a b",
        ] {
            assert!(!is_route_key(key), "{key}");
        }
    }
}
