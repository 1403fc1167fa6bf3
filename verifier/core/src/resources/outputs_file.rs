//! A file of outputs: what `terraform output -json` prints, plain JSON, and what CDK writes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use thiserror::Error;

use super::role::Role;
use crate::nearest::nearest;
use crate::settings::lookup;

/// How many names an error lists.
const NAMES_SHOWN: usize = 20;

/// The outputs of a file, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputsFile {
    /// The file, as it was named.
    pub path: String,
    values: Map<String, Value>,
    /// Those that no report may show.
    sensitive: Vec<String>,
}

/// The outputs of stacks of CloudFormation, by the stacks' names.
pub type StacksOutputs = BTreeMap<String, BTreeMap<String, String>>;

/// What is wrong with a file of outputs, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the outputs {path} cannot be used: {problem}")]
pub struct OutputsFileError {
    /// The file, as it was named.
    pub path: String,
    /// What is wrong with it, and what was expected.
    pub problem: String,
    /// The one thing to do next.
    pub next: Option<String>,
}

/// Reads what `terraform output -json` prints: for each output an object with its `value`, its `type`, and whether it is `sensitive`.
///
/// Source: <https://developer.hashicorp.com/terraform/cli/commands/output>.
pub fn read_terraform(path: &str, text: &str) -> Result<OutputsFile, OutputsFileError> {
    let all = object(path, text, "what `terraform output -json` prints: an object of outputs")?;
    let (mut values, mut sensitive) = (Map::new(), Vec::new());
    for (name, output) in all {
        let Some(value) = output.get("value") else {
            let problem = format!(
                "expected what `terraform output -json` prints, and {name} has no value in it"
            );
            let next = "write it again with `terraform output -json`, or pass other JSON by --json-outputs";
            return Err(error(path, problem, Some(next)));
        };
        // What is not said to be open is not shown.
        if output.get("sensitive").is_some_and(|sensitive| *sensitive != Value::Bool(false)) {
            sensitive.push(name.clone());
        }
        values.insert(name, value.clone());
    }
    if values.is_empty() {
        let next = "apply the configuration first, or add the outputs to its root module: those of other modules are not printed";
        return Err(error(path, "it holds no outputs".to_owned(), Some(next)));
    }
    Ok(OutputsFile { path: path.to_owned(), values, sensitive })
}

/// Reads other JSON: outputs by name, or stacks with their outputs as `cdk deploy --outputs-file` writes them. Such a file is one of
/// stacks, unless `queue`, the name of the jobs queue's output, leads to a string in it from the top.
///
/// Sources: <https://docs.aws.amazon.com/cdk/v2/guide/ref-cli-cmd-deploy.html>, `--outputs-file`, and
/// <https://sst.dev/docs/reference/cli/>, `.sst/outputs.json`.
pub fn read_json(
    path: &str,
    text: &str,
    queue: &str,
) -> Result<Result<OutputsFile, StacksOutputs>, OutputsFileError> {
    let all = object(path, text, "outputs by name, or stacks with their outputs")?;
    if all.is_empty() {
        return Err(error(path, "there is no stack in it, and no output".to_owned(), None));
    }
    let all = Value::Object(all);
    let is_of_stacks = lookup(&all, queue).and_then(Value::as_str).is_none();
    if let Some(stacks) = serde_json::from_value(all.clone()).ok().filter(|_| is_of_stacks) {
        return Ok(Err(stacks));
    }
    let values = match all {
        Value::Object(values) => values,
        _ => Map::new(),
    };
    let is_terraforms = |output: &Value| {
        output.get("value").is_some() && output.get("sensitive").is_some_and(Value::is_boolean)
    };
    if values.values().all(is_terraforms) {
        let next = "pass it by --terraform-outputs";
        return Err(error(path, "`terraform output -json` wrote it".to_owned(), Some(next)));
    }
    Ok(Ok(OutputsFile { path: path.to_owned(), values, sensitive: Vec::new() }))
}

impl OutputsFile {
    /// The value of an output, which is named by itself or by a path of names with dots between; `None` where there is none.
    pub fn get(&self, output: &str) -> Result<Option<String>, OutputsFileError> {
        let Some((name, value)) = self.find(output) else { return Ok(None) };
        if self.sensitive.contains(name) {
            let next = "let Terraform print it as what it is (`value = nonsensitive(…)`), or name the resource itself: --queue, --dlq, --api, or [resources] in verifier.toml";
            let problem = format!("the output {name} is sensitive, and reports would show it");
            return Err(error(&self.path, problem, Some(next)));
        }
        match value {
            Value::String(text) if !text.trim().is_empty() => Ok(Some(text.clone())),
            other => {
                let problem =
                    format!("the output {output} is {}, expected a string", described(other));
                Err(OutputsFileError {
                    path: self.path.clone(),
                    problem,
                    next: within(output, other),
                })
            }
        }
    }

    /// The error that the output of a resource is not there.
    pub(super) fn missing(&self, role: Role, output: &str) -> OutputsFileError {
        let names = self.names();
        let near = nearest(output, names.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("did you mean {near}? Else "));
        let option = role.option().map_or_else(String::new, |option| format!(", or pass {option}"));
        let key = role.output_key().unwrap_or_default();
        OutputsFileError {
            path: self.path.clone(),
            problem: format!(
                "there is no output {output}, by which the {} is found; there are {}",
                role.as_str(),
                listed(&names)
            ),
            next: Some(format!(
                "{near}say in verifier.toml which of them it is: {key} = \"…\"{option}"
            )),
        }
    }

    /// The value that a name or a path leads to, and the name of the output that it is in.
    fn find(&self, output: &str) -> Option<(&String, &Value)> {
        if let Some(found) = self.values.get_key_value(output) {
            return Some(found);
        }
        // A name that has dots itself is found by its longest part.
        let ends = output.rmatch_indices('.').map(|(end, _)| end);
        ends.filter_map(|end| {
            Some((self.values.get_key_value(&output[..end])?, &output[end + 1..]))
        })
        .find_map(|((name, value), rest)| Some((name, lookup(value, rest)?)))
    }

    /// The names of all strings in it.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, value) in &self.values {
            leaves(name, value, &mut names);
        }
        names
    }
}

/// What to name instead of an object or a list.
fn within(output: &str, value: &Value) -> Option<String> {
    let mut names = Vec::new();
    leaves(output, value, &mut names);
    (!names.is_empty()).then(|| format!("name a string in it: {}", listed(&names)))
}

/// The paths of the strings in a value.
fn leaves(path: &str, value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| leaves(&format!("{path}.{name}"), value, names));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(at, value)| leaves(&format!("{path}.{at}"), value, names));
        }
        Value::String(_) => names.push(path.to_owned()),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none that are strings".to_owned(),
        _ if names.len() <= NAMES_SHOWN => names.join(", "),
        _ => format!("{}, and {} more", names[..NAMES_SHOWN].join(", "), names.len() - NAMES_SHOWN),
    }
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "empty",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn object(path: &str, text: &str, expected: &str) -> Result<Map<String, Value>, OutputsFileError> {
    if text.trim().is_empty() {
        return Err(error(path, format!("it is empty; expected {expected}"), None));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => {
            Err(error(path, format!("expected {expected}, found {}", described(&other)), None))
        }
        Err(problem) => {
            Err(error(path, format!("expected {expected}, and this is no JSON: {problem}"), None))
        }
    }
}

fn error(path: &str, problem: String, next: Option<&str>) -> OutputsFileError {
    OutputsFileError { path: path.to_owned(), problem, next: next.map(str::to_owned) }
}

#[cfg(test)]
mod tests;
