//! The functions of a stack, and which of them something of the stack invokes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::build::{Builder, Resolved, function_name, optional_number};
use super::{BINARY_KEY, FunctionSpec, InvokedBy, NOT_NEEDED, openapi, tags_of};
use crate::template::TemplateError;

/// The type of functions.
const FUNCTION: &str = "AWS::Lambda::Function";

impl Builder<'_> {
    /// The functions that name a program, and those that something of the stack invokes. Of others, which clients may invoke,
    /// those that can be read.
    pub(super) fn functions(&self) -> Result<Vec<FunctionSpec>, TemplateError> {
        let invoked = self.invoked_names()?;
        let mut functions = Vec::new();
        for resource in self.of_type(FUNCTION) {
            let invoked_by = self.invoked_by(resource, &invoked);
            match self.function(resource) {
                Ok(function) => functions.push(FunctionSpec { invoked_by, ..function }),
                Err(error) if invoked_by == InvokedBy::Stack => return Err(error),
                // Why is said where it is listed.
                Err(_) => {}
            }
        }
        Ok(functions)
    }

    fn invoked_by(&self, function: &Resolved<'_>, invoked: &BTreeSet<String>) -> InvokedBy {
        let is_of_custom = |resource: &Resolved<'_>| {
            let token = resource.properties.get("ServiceToken").and_then(Value::as_str);
            token.is_some_and(|token| function_name(token) == function.physical_id)
        };
        if function.definition.metadata.contains_key(BINARY_KEY)
            || invoked.contains(&function.physical_id)
        {
            InvokedBy::Stack
        } else if self.present().any(is_of_custom) {
            InvokedBy::CustomResources
        } else {
            InvokedBy::Clients
        }
    }

    /// Why a function is not run that clients might invoke.
    pub(super) fn not_run(&self, function: &Resolved<'_>) -> Option<String> {
        let is_function = function.definition.resource_type == FUNCTION;
        let invoked_by = self.invoked_by(function, &BTreeSet::new());
        if !is_function || invoked_by == InvokedBy::CustomResources {
            return None;
        }
        let problem = self.function(function).err()?;
        Some(format!("{NOT_NEEDED}: {problem}"))
    }

    /// The names of the functions that mappings and APIs invoke.
    fn invoked_names(&self) -> Result<BTreeSet<String>, TemplateError> {
        const INVOKERS: [(&str, &str); 3] = [
            ("AWS::Lambda::EventSourceMapping", "FunctionName"),
            ("AWS::ApiGatewayV2::Integration", "IntegrationUri"),
            ("AWS::ApiGatewayV2::Api", "Target"),
        ];
        let mut names = BTreeSet::new();
        for (resource_type, property) in INVOKERS {
            for resource in self.of_type(resource_type) {
                let target = resource.properties().text(property)?;
                names.extend(target.map(|target| function_name(&target).to_owned()));
            }
        }
        for api in self.of_type("AWS::ApiGatewayV2::Api") {
            // What cannot be read is refused where the routes are.
            let imported = api.properties.get("Body").and_then(|body| openapi::routes(body).ok());
            let uris = imported.iter().flatten().filter_map(|route| route.integration.get("uri"));
            let uris = uris.filter_map(Value::as_str);
            names.extend(uris.map(|uri| function_name(uri).to_owned()));
        }
        Ok(names)
    }

    pub(super) fn function(&self, resource: &Resolved<'_>) -> Result<FunctionSpec, TemplateError> {
        let properties = resource.properties();
        let name = resource.physical_id.clone();
        let variables =
            properties.map("Environment").and_then(|environment| environment.map("Variables"));
        let mut environment = BTreeMap::new();
        if let Some(variables) = variables {
            for variable in variables.fields().keys() {
                environment
                    .insert(variable.clone(), self.localise(&variables.required_text(variable)?));
            }
        }
        let logging = properties.map("LoggingConfig");
        let logging = |name: &str| logging.as_ref().map_or(Ok(None), |logging| logging.text(name));
        let log_format = logging("LogFormat")?.unwrap_or_else(|| "Text".to_owned());
        let mut architectures = properties.texts("Architectures")?;
        if architectures.is_empty() {
            architectures.push("x86_64".to_owned());
        }
        Ok(FunctionSpec {
            logical_id: resource.logical_id.to_owned(),
            invoked_by: InvokedBy::Stack,
            arn: self.function_arn(&name),
            program: self.program(resource)?,
            timeout_seconds: properties.number("Timeout", 3, 1..=900)?,
            memory_mb: properties.number("MemorySize", 128, 128..=10_240)?,
            environment,
            log_group: logging("LogGroup")?.unwrap_or_else(|| format!("/aws/lambda/{name}")),
            application_log_level: log_level(
                resource,
                &log_format,
                logging("ApplicationLogLevel")?,
            )?,
            log_format,
            runtime: properties.text("Runtime")?.unwrap_or_default(),
            handler: properties.text("Handler")?.unwrap_or_default(),
            architectures,
            description: properties.text("Description")?.unwrap_or_default(),
            role: properties.text("Role")?.unwrap_or_default(),
            reserved_concurrency: optional_number(
                &properties,
                "ReservedConcurrentExecutions",
                0..=1_000,
            )?,
            dead_letter_target_arn: match properties.map("DeadLetterConfig") {
                Some(config) => config.text("TargetArn")?,
                None => None,
            },
            tags: tags_of(&resource.properties),
            name,
        })
    }
}

/// From which level on a function logs. Lambda takes one for JSON alone, and `INFO` without one.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>.
fn log_level(
    resource: &Resolved<'_>,
    format: &str,
    level: Option<String>,
) -> Result<Option<String>, TemplateError> {
    const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    match level {
        None if format == "JSON" => Ok(Some("INFO".to_owned())),
        None => Ok(None),
        Some(level) if format != "JSON" => Err(resource.unsupported(format!(
            "is refused by Lambda: ApplicationLogLevel {level} needs the log format JSON"
        ))),
        Some(level) if !LEVELS.contains(&level.as_str()) => Err(resource.unsupported(format!(
            "is refused by Lambda: ApplicationLogLevel {level} is none of {}",
            LEVELS.join(", ")
        ))),
        level => Ok(level),
    }
}
