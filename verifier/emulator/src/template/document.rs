//! A template as it is written.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{TemplateError, dependencies, extensions, parameters, sections, shape, yaml};

/// The metadata key that names a function's binary.
pub(crate) const BINARY_KEY: &str = "verifier:binary";

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
    /// Whether the transform `AWS::LanguageExtensions` was done.
    #[serde(skip)]
    is_extended: bool,
    /// The resources that are to be left out, by logical id.
    #[serde(skip)]
    left_out: BTreeSet<String>,
    /// As it was written.
    #[serde(skip)]
    text: String,
    /// The same in JSON, its intrinsic functions by their long names.
    #[serde(skip)]
    written: Value,
}

/// A parameter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ParameterDefinition {
    /// Its type, for example `String`.
    #[serde(rename = "Type")]
    pub parameter_type: String,
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
    /// Reads a template in JSON or YAML.
    ///
    /// # Errors
    ///
    /// What is neither, what is no template, and what has more of something than a stack may have.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Self::of(text, document(text)?)
    }

    /// Reads a template, and does the transform `AWS::LanguageExtensions` with these values of its parameters if it has that.
    ///
    /// # Errors
    ///
    /// Those of [`Self::parse`], parameters of a template with a transform, and loops that cannot be written out.
    pub fn processed(
        text: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let written = document(text)?;
        // A transform decides by the parameters, so that all that have no value are named before it.
        if written.get("Transform").is_some() {
            parameters::check(&written, parameters)?;
        }
        match extensions::expanded(&written, parameters)? {
            Some(expanded) => Ok(Self { is_extended: true, ..Self::of(text, expanded)? }),
            None => Self::of(text, written),
        }
    }

    /// Reads what another transform has made of this template.
    ///
    /// # Errors
    ///
    /// Those of [`Self::parse`].
    pub fn transformed(&self, text: &str) -> Result<Self, TemplateError> {
        Ok(Self { is_extended: self.is_extended, ..Self::parse(text)? })
    }

    fn of(text: &str, written: Value) -> Result<Self, TemplateError> {
        let mut template: Self = serde_path_to_error::deserialize(&written).map_err(|error| {
            // A transform may bring resources that are no objects.
            let transform = sections::check_transforms(&written).err();
            let known = transform
                .or_else(|| unextended(&written).err())
                .or_else(|| untyped_resource(&written));
            known.unwrap_or_else(|| TemplateError::Malformed(problem(&written, &error)))
        })?;
        if template.resources.is_empty() {
            return Err(TemplateError::Malformed("it has no Resources".to_owned()));
        }
        template.is_within_quotas()?;
        text.clone_into(&mut template.text);
        template.written = written;
        Ok(template)
    }

    /// Leaves resources out: they stay in the template, so that what refers to them means the same, and are not there.
    ///
    /// # Errors
    ///
    /// Logical ids that the template does not have.
    pub fn leave_out(
        &mut self,
        logical_ids: impl IntoIterator<Item = String>,
    ) -> Result<(), TemplateError> {
        for logical_id in logical_ids {
            let Some(resource) = self.resources.get(&logical_id) else {
                return Err(TemplateError::NotToLeaveOut(logical_id));
            };
            // A role that is not the template's lets its functions do everything.
            if resource.resource_type.starts_with("AWS::IAM::") {
                return Err(TemplateError::RoleToLeaveOut(logical_id));
            }
            self.left_out.insert(logical_id);
        }
        Ok(())
    }

    pub(crate) fn leaves_out(&self, logical_id: &str) -> bool {
        self.left_out.contains(logical_id)
    }

    /// Whether a stack may have so many of each, in `CloudFormation`'s own words.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>.
    fn is_within_quotas(&self) -> Result<(), TemplateError> {
        let counted = [
            ("parameters", self.parameters.len(), 200),
            ("mappings", self.mappings.len(), 200),
            ("resources", self.resources.len(), 500),
            ("outputs", self.outputs.len(), 200),
        ];
        match counted.into_iter().find(|(_, count, most)| count > most) {
            Some((what, count, most)) => Err(TemplateError::TooMany { what, count, most }),
            None => Ok(()),
        }
    }

    /// Whether `CloudFormation` would take the template, with these values of its parameters.
    ///
    /// # Errors
    ///
    /// Its refusal, in its words.
    pub(crate) fn check(&self, parameters: &BTreeMap<String, String>) -> Result<(), TemplateError> {
        let written = &self.written;
        sections::check(written)?;
        if !self.is_extended {
            unextended(written)?;
        }
        shape::check(written)?;
        dependencies::check(written)?;
        parameters::check(written, parameters)
    }

    /// All that the metadata of the resources say of a key, by logical id.
    pub fn metadata<'t>(&'t self, key: &'t str) -> impl Iterator<Item = (&'t str, &'t Value)> {
        self.resources.iter().filter_map(move |(logical_id, resource)| {
            Some((logical_id.as_str(), resource.metadata.get(key)?))
        })
    }

    /// The template in JSON, its intrinsic functions by their long names.
    pub fn document(&self) -> &Value {
        &self.written
    }

    /// The same in JSON, its intrinsic functions by their long names.
    pub fn written(&self) -> &Value {
        &self.written
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Refuses functions that need a transform.
fn unextended(template: &Value) -> Result<(), TemplateError> {
    match extensions::function_of(template) {
        Some(function) => Err(TemplateError::Invalid(format!(
            "Template format error: Encountered unsupported function: {function}, which needs Transform: {}",
            extensions::TRANSFORM
        ))),
        None => Ok(()),
    }
}

/// What a text says in JSON or in YAML, with functions by their long names. JSON begins with a brace, and its errors are those of JSON then.
///
/// # Errors
///
/// What is neither.
pub fn document(text: &str) -> Result<Value, TemplateError> {
    if !text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        return yaml::parse(text);
    }
    match serde_json::from_str(text) {
        Ok(document) => Ok(document),
        // It may be a mapping of YAML that is written in one line.
        Err(error) => {
            yaml::parse(text).map_err(|_| TemplateError::Malformed(format!("in JSON, {error}")))
        }
    }
}

/// What is wrong with the shape of a document, without what it holds: it may be any file, which is no template.
fn problem(written: &Value, error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    if !written.is_object() {
        return "it is no mapping with Resources".to_owned();
    }
    let text = error.inner().to_string();
    // The value stands between the kind that was found and the one that was expected.
    let (found, expected) = text.split_once(", expected ").unwrap_or((&text, "another"));
    let kind = found.split([' ', '`', '"']).take(3).collect::<Vec<_>>().join(" ");
    format!("{}: {kind}, expected {expected}", error.path())
}

/// The refusal of a template with a resource that says nothing of its type.
fn untyped_resource(template: &Value) -> Option<TemplateError> {
    let resources = template.get("Resources")?.as_object()?;
    let is_untyped = |resource: &Value| resource.is_object() && resource.get("Type").is_none();
    let (logical_id, _) = resources.iter().find(|(_, resource)| is_untyped(resource))?;
    Some(TemplateError::Invalid(format!(
        "Template format error: [/Resources/{logical_id}] Every Resources object must contain a Type member."
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(section: &str, count: usize) -> Result<Template, TemplateError> {
        let of_one = |index: usize| {
            let definition = match section {
                "Parameters" => json!({"Type": "String"}),
                "Mappings" => json!({}),
                "Outputs" => json!({"Value": "v"}),
                _ => json!({"Type": "AWS::SQS::Queue"}),
            };
            (format!("X{index}"), definition)
        };
        let mut template = json!({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}});
        template[section] = (0..count).map(of_one).collect::<Map<_, _>>().into();
        Template::parse(&template.to_string())
    }

    #[test]
    fn a_template_has_as_many_as_a_stack_may_have() {
        for (section, most) in
            [("Parameters", 200), ("Mappings", 200), ("Resources", 500), ("Outputs", 200)]
        {
            assert!(with(section, most).is_ok(), "{section}");
            let refused = with(section, most + 1).expect_err(section).to_string();
            let words = format!(
                "Number of {}, {}, is greater than maximum allowed, {most}",
                section.to_lowercase(),
                most + 1
            );
            assert!(refused.contains(&words), "{refused}");
        }
    }
}
