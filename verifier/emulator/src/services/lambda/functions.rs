//! Functions: what they are configured with, and their concurrency.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::view::describe_function;
use super::{LambdaService, Page, function_name};
use crate::lambda::FunctionConfiguration;
use crate::reply::aws_json::{rest, rest_error};
use crate::reply::{Reply, reply};
use crate::stack::FunctionSpec;
use crate::variables::forbidden;

/// How many executions an account has at a time, and how many of them no function may reserve.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>.
const ACCOUNT_CONCURRENCY: u32 = 1_000;
const UNRESERVED_CONCURRENCY_MIN: u32 = 100;

/// How many functions a page has.
const FUNCTIONS_PER_PAGE: usize = 50;

/// What `UpdateFunctionConfiguration` changes here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ConfigurationChanges {
    timeout: Option<u64>,
    memory_size: Option<u64>,
    description: Option<String>,
    environment: Option<Environment>,
    role: Option<String>,
    /// What else a request names.
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Reserved {
    reserved_concurrent_executions: u32,
}

impl LambdaService {
    pub(super) fn list_functions(&self, query: &BTreeMap<String, String>) -> Reply {
        let page = match Page::asked_for(query, FUNCTIONS_PER_PAGE) {
            Ok(page) => page,
            Err(refusal) => return refusal.rest(),
        };
        let (functions, next) = page.of(self.world.functions.configurations());
        let functions: Vec<Value> = functions.iter().map(describe_function).collect();
        let mut body = json!({"Functions": functions});
        if let Some(next) = next {
            body["NextMarker"] = next.into();
        }
        rest(200, &body)
    }

    /// How asynchronous invocations of a function are retried and where they end: nothing here is configured so.
    pub(super) fn list_invoke_configs(&self, name: &str) -> Reply {
        self.on_function(name, |_| rest(200, &json!({"FunctionEventInvokeConfigs": []})))
    }

    pub(super) fn configuration(&self, name: &str) -> Reply {
        self.on_function(name, |configuration| rest(200, &describe_function(configuration)))
    }

    pub(super) fn function(&self, name: &str) -> Reply {
        self.on_function(name, |configuration| {
            let mut body = json!({
                "Configuration": describe_function(configuration),
                "Tags": configuration.spec.tags,
            });
            if let Some(reserved) = configuration.reserved_concurrency {
                body["Concurrency"] = json!({"ReservedConcurrentExecutions": reserved});
            }
            rest(200, &body)
        })
    }

    pub(super) fn list_tags(&self, arn: &str) -> Reply {
        self.on_function(arn, |configuration| rest(200, &json!({"Tags": configuration.spec.tags})))
    }

    pub(super) fn update_configuration(&self, name: &str, changes: ConfigurationChanges) -> Reply {
        for (name, value, (min, max)) in [
            ("timeout", changes.timeout, (1, 900)),
            ("memorySize", changes.memory_size, (128, 10_240)),
        ] {
            if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
                return rest_error(
                    400,
                    "ValidationException",
                    &format!(
                        "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must have value between {min} and {max}"
                    ),
                );
            }
        }
        if let Some(other) = changes.unchangeable() {
            let sentence = format!("The emulator does not change a function's {other}");
            return rest_error(501, "NotImplementedException", &sentence);
        }
        if let Some(refusal) = self.forbidden_variable(name, &changes) {
            return refusal;
        }
        let updated = self.world.functions.configure(function_name(name), |configuration| {
            configuration.spec = Arc::new(changes.apply_to(&configuration.spec));
        });
        match updated {
            Some(configuration) => rest(200, &describe_function(&configuration)),
            None => self.not_found(name),
        }
    }

    /// The refusal of a variable that would have the function's process run something else.
    fn forbidden_variable(&self, name: &str, changes: &ConfigurationChanges) -> Option<Reply> {
        let wanted = &changes.environment.as_ref()?.variables;
        let present = self.world.functions.configuration(function_name(name))?;
        let known = self.world.known_variables().clone();
        let variable = forbidden(wanted, &present.spec.environment, &known)?;
        let message = format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {variable}"
        );
        Some(rest_error(400, "InvalidParameterValueException", &message))
    }

    pub(super) fn concurrency(&self, name: &str) -> Reply {
        self.on_function(name, |configuration| match configuration.reserved_concurrency {
            Some(reserved) => rest(200, &json!({"ReservedConcurrentExecutions": reserved})),
            None => rest(200, &json!({})),
        })
    }

    pub(super) fn put_concurrency(&self, name: &str, request: &Reserved) -> Reply {
        let reserved = request.reserved_concurrent_executions;
        let name = function_name(name);
        let others = self.world.functions.configurations();
        let others = others.iter().filter(|other| other.spec.name != name);
        let reserved_by_others: u32 =
            others.filter_map(|other| other.reserved_concurrency).fold(0, u32::saturating_add);
        let unreserved =
            ACCOUNT_CONCURRENCY.saturating_sub(reserved_by_others).saturating_sub(reserved);
        if unreserved < UNRESERVED_CONCURRENCY_MIN {
            return rest_error(
                400,
                "InvalidParameterValueException",
                &format!(
                    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_CONCURRENCY_MIN}]."
                ),
            );
        }
        match self.reserve(name, Some(reserved)) {
            Some(_) => rest(200, &json!({"ReservedConcurrentExecutions": reserved})),
            None => self.not_found(name),
        }
    }

    pub(super) fn delete_concurrency(&self, name: &str) -> Reply {
        match self.reserve(function_name(name), None) {
            Some(_) => reply(204, "application/json", ""),
            None => self.not_found(name),
        }
    }

    pub(super) fn not_found(&self, name: &str) -> Reply {
        let arn = self.world.home().lambda_arn(&format!("function:{}", function_name(name)));
        rest_error(404, "ResourceNotFoundException", &format!("Function not found: {arn}"))
    }

    fn reserve(&self, name: &str, reserved: Option<u32>) -> Option<FunctionConfiguration> {
        self.world.functions.configure(name, |configuration| {
            configuration.reserved_concurrency = reserved;
        })
    }

    fn on_function(&self, name: &str, show: impl FnOnce(&FunctionConfiguration) -> Reply) -> Reply {
        match self.world.functions.configuration(function_name(name)) {
            Some(configuration) => show(&configuration),
            None => self.not_found(name),
        }
    }
}

impl ConfigurationChanges {
    /// What is named besides, and would be ignored.
    fn unchangeable(&self) -> Option<&str> {
        // The first is in the path, too; the second guards against changes in between, of which there are none here.
        const HARMLESS: [&str; 2] = ["FunctionName", "RevisionId"];
        let mut named =
            self.others.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str());
        named.find(|name| !HARMLESS.contains(name))
    }

    fn apply_to(self, spec: &FunctionSpec) -> FunctionSpec {
        let mut spec = spec.clone();
        spec.timeout_seconds = self.timeout.unwrap_or(spec.timeout_seconds);
        spec.memory_mb = self.memory_size.unwrap_or(spec.memory_mb);
        spec.description = self.description.unwrap_or(spec.description);
        if let Some(environment) = self.environment {
            spec.environment = environment.variables;
        }
        spec.role = self.role.unwrap_or(spec.role);
        spec
    }
}
