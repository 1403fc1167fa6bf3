//! A template as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::TemplateError;

/// A CloudFormation template, its intrinsic functions unresolved.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Template {
    /// What the template says of itself.
    pub description: Option<String>,
    /// Its parameters.
    pub parameters: BTreeMap<String, ParameterDefinition>,
    /// Its constant tables.
    pub mappings: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>,
    /// Its named conditions.
    pub conditions: BTreeMap<String, Value>,
    /// Its resources, by logical id.
    pub resources: BTreeMap<String, ResourceDefinition>,
    /// Its outputs.
    pub outputs: BTreeMap<String, OutputDefinition>,
    /// As it was written.
    #[serde(skip)]
    text: String,
}

/// A parameter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ParameterDefinition {
    /// The value where none is given.
    pub default: Option<Value>,
}

/// A resource.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceDefinition {
    /// Its type, for example `AWS::SQS::Queue`.
    #[serde(rename = "Type")]
    pub resource_type: String,
    /// Its properties.
    #[serde(default)]
    pub properties: Map<String, Value>,
    /// Its metadata.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// The name of the condition under which it exists.
    pub condition: Option<String>,
}

/// An output.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OutputDefinition {
    /// Its value.
    pub value: Value,
    /// What it is.
    pub description: Option<String>,
    /// The name of the condition under which it exists.
    pub condition: Option<String>,
}

impl Template {
    /// Reads a template in JSON.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut template: Self = serde_json::from_str(text)
            .map_err(|error| TemplateError::Malformed(error.to_string()))?;
        if template.resources.is_empty() {
            return Err(TemplateError::Malformed("it has no Resources".to_owned()));
        }
        text.clone_into(&mut template.text);
        Ok(template)
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}
