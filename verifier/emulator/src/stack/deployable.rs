//! What AWS refuses of resources together: each for itself is as it may be.

use std::collections::{BTreeMap, BTreeSet};

use verifier_model::event_source_mapping::check_timeouts;

use super::{FunctionSpec, MappingSpec, Stack};
use crate::template::TemplateError;
use crate::variables::RESERVED;

/// The longest name of a function.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>.
const FUNCTION_NAME_MAX: usize = 64;
/// How much a function's environment may hold, in bytes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const ENVIRONMENT_BYTES_MAX: usize = 4096;
const ARCHITECTURES: [&str; 2] = ["x86_64", "arm64"];

/// Checks the functions of a stack: their names, and what they are given.
pub(crate) fn check_functions(stack: &Stack) -> Result<(), TemplateError> {
    let mut names = BTreeSet::new();
    for function in &stack.functions {
        let refused = if names.insert(&function.name) {
            refused_of(function)
        } else {
            Some(format!("Function already exist: {}", function.name))
        };
        if let Some(sentence) = refused {
            return Err(TemplateError::Refused {
                logical_id: function.logical_id.clone(),
                resource_type: "AWS::Lambda::Function".to_owned(),
                sentence,
            });
        }
    }
    Ok(())
}

fn refused_of(function: &FunctionSpec) -> Option<String> {
    if function.name.len() > FUNCTION_NAME_MAX {
        return Some(format!(
            "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to {FUNCTION_NAME_MAX}",
            function.name
        ));
    }
    if let Some(other) =
        function.architectures.iter().find(|each| !ARCHITECTURES.contains(&each.as_str()))
    {
        return Some(format!(
            "Properties validation failed with message: [#/Architectures/0: {other} is not a valid enum value]"
        ));
    }
    refused_variables(&function.environment)
}

fn refused_variables(environment: &BTreeMap<String, String>) -> Option<String> {
    const CANNOT: &str = "Lambda was unable to configure your environment variables because the environment variables you have provided";
    let reserved: Vec<&str> =
        environment.keys().map(String::as_str).filter(|name| RESERVED.contains(name)).collect();
    if !reserved.is_empty() {
        return Some(format!(
            "{CANNOT} contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        ));
    }
    if let Some(name) = environment.keys().find(|name| !is_variable(name)) {
        return Some(format!(
            "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+], found {name}"
        ));
    }
    let written = serde_json::to_string(environment).unwrap_or_default().len();
    (written > ENVIRONMENT_BYTES_MAX)
        .then(|| format!("{CANNOT} exceeded the 4KB limit. Measured: {written} bytes"))
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.len() > 1
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Checks the mappings of a stack against its functions and the visibility timeouts of queues, in seconds.
pub(crate) fn check_mappings(
    stack: &Stack,
    visibility_timeout_seconds: &dyn Fn(&str) -> Option<u64>,
) -> Result<(), TemplateError> {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for mapping in &stack.mappings {
        let configuration = &mapping.configuration;
        let both = (configuration.queue.as_str(), configuration.function.as_str());
        if let Some(first) = seen.insert(both, &mapping.uuid) {
            return Err(refused_mapping(
                stack,
                mapping,
                format!(
                    "An event source mapping with SQS arn (\" {} \") and function (\" {} \") already exists. Please update or delete the existing mapping with UUID {first}",
                    configuration.event_source_arn, configuration.function
                ),
            ));
        }
        let function = stack.functions.iter().find(|each| each.name == configuration.function);
        let visibility = visibility_timeout_seconds(&configuration.queue);
        if let (Some(function), Some(visibility)) = (function, visibility) {
            check_timeouts(visibility, function.timeout_seconds)
                .map_err(|error| refused_mapping(stack, mapping, error.to_string()))?;
        }
    }
    Ok(())
}

fn refused_mapping(stack: &Stack, mapping: &MappingSpec, sentence: String) -> TemplateError {
    let resource = stack.resources.iter().find(|resource| resource.physical_id == mapping.uuid);
    TemplateError::Refused {
        logical_id: resource.map_or_else(|| mapping.uuid.clone(), |found| found.logical_id.clone()),
        resource_type: "AWS::Lambda::EventSourceMapping".to_owned(),
        sentence,
    }
}
