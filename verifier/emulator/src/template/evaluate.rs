//! Resolving intrinsic functions.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::document::ParameterDefinition;
use super::identity::{ACCOUNT_ID, PARTITION, URL_SUFFIX};
use super::lookups::{Lookups, OF_SSM};
use super::{ResourceDefinition, Template, TemplateError};

/// How deep functions may nest; also ends references that run in a circle.
const DEPTH_MAX: usize = 50;
/// How many values are resolved at most. A template of some lines can refer to each of its conditions twice, and so to the
/// first of them more often than anybody can wait for.
const VALUES_MAX: usize = 1_000_000;
/// How much is written at most, in all: some lines that put a text into itself again and again would fill the memory.
const BYTES_MAX: usize = 64 << 20;
/// What a value takes besides its text, roughly.
const VALUE_BYTES: usize = 32;

static NO_VALUES: BTreeMap<String, String> = BTreeMap::new();

/// Where in a template something stands, for messages.
#[derive(Clone, Debug)]
pub(crate) struct TemplatePath(String);

impl TemplatePath {
    /// The place of a name at the top of a section.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    pub(super) fn child(&self, name: impl fmt::Display) -> Self {
        Self(format!("{}.{name}", self.0))
    }
}

impl fmt::Display for TemplatePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Resolves the values of one template for one stack.
pub(crate) struct Evaluator<'a> {
    /// The template.
    pub template: &'a Template,
    /// The stack's name.
    pub stack_name: &'a str,
    /// The region.
    pub region: &'a str,
    /// The emulator's endpoint, `http://127.0.0.1:PORT`, where queue URLs point.
    pub endpoint: &'a str,
    /// Values for the template's parameters.
    pub parameters: &'a BTreeMap<String, String>,
    /// Values of what AWS looks up elsewhere, by name.
    values: &'a BTreeMap<String, String>,
    /// Whether the stack's first site is served on the plain host `localhost`, which only one can have.
    pub site_on_localhost: bool,
    depth: Cell<usize>,
    resolved: Cell<usize>,
    bytes: Cell<usize>,
    /// Whether what cannot be resolved becomes a text that names nothing, and whether that has happened.
    pub(super) is_lenient: Cell<bool>,
    pub(super) missed: Cell<bool>,
    /// What had to be looked up elsewhere meanwhile and was not given, by name, with where it is needed.
    pub(super) without_value: RefCell<BTreeMap<String, String>>,
}

impl<'a> Evaluator<'a> {
    /// An evaluator of `template`, whose parameters have the given values or their defaults.
    pub(crate) fn new(
        template: &'a Template,
        stack_name: &'a str,
        region: &'a str,
        endpoint: &'a str,
        parameters: &'a BTreeMap<String, String>,
    ) -> Self {
        let (depth, resolved, bytes) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let (site_on_localhost, values) = (true, &NO_VALUES);
        Self {
            template,
            stack_name,
            region,
            endpoint,
            parameters,
            values,
            site_on_localhost,
            depth,
            resolved,
            bytes,
            is_lenient: Cell::new(false),
            missed: Cell::new(false),
            without_value: RefCell::default(),
        }
    }

    /// The same, with values of what AWS looks up elsewhere.
    pub(crate) fn with_values(self, values: &'a BTreeMap<String, String>) -> Self {
        Self { values, ..self }
    }

    /// The same, with the host `localhost` free for a site or taken.
    pub(crate) fn with_site_on_localhost(self, site_on_localhost: bool) -> Self {
        Self { site_on_localhost, ..self }
    }
}

impl Evaluator<'_> {
    /// Fails on values for parameters that the template does not have, as `CloudFormation` does.
    pub(crate) fn check_parameters(&self) -> Result<(), TemplateError> {
        let is_unknown = |name: &&String| !self.template.parameters.contains_key(*name);
        let unknown: Vec<&str> =
            self.parameters.keys().filter(is_unknown).map(String::as_str).collect();
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(TemplateError::UnknownParameters(unknown.join(", ")))
        }
    }

    /// The stack's ARN.
    pub(crate) fn stack_id(&self) -> String {
        format!(
            "arn:{PARTITION}:cloudformation:{}:{ACCOUNT_ID}:stack/{}/00000000-0000-0000-0000-000000000000",
            self.region, self.stack_name
        )
    }

    /// The resources that exist: those without a condition, and those whose condition holds.
    pub(crate) fn resources(&self) -> Result<Vec<(&str, &ResourceDefinition)>, TemplateError> {
        let mut existing = Vec::new();
        for (logical_id, resource) in &self.template.resources {
            if self.exists(resource.condition.as_deref(), logical_id)? {
                existing.push((logical_id.as_str(), resource));
            }
        }
        Ok(existing)
    }

    /// Whether something under that condition exists.
    pub(crate) fn exists(
        &self,
        condition: Option<&str>,
        name: &str,
    ) -> Result<bool, TemplateError> {
        condition.map_or(Ok(true), |condition| self.condition(condition, &TemplatePath::new(name)))
    }

    /// A resource's properties, resolved: those that are named leniently only as far as they can be. And whether that is all.
    pub(crate) fn properties(
        &self,
        logical_id: &str,
        resource: &ResourceDefinition,
        lenient: &[&str],
    ) -> Result<(Map<String, Value>, bool), TemplateError> {
        let place = TemplatePath::new(logical_id);
        let (mut properties, mut is_whole) = (Map::new(), true);
        for (name, value) in &resource.properties {
            let place = place.child(name);
            let resolved = if lenient.contains(&name.as_str()) {
                self.leniently(value, &place, &mut is_whole)
            } else {
                let resolved = self.value(value, &place)?;
                resolved.map(|value| self.looked_up(value, &place)).transpose()?
            };
            properties.extend(resolved.map(|value| (name.clone(), value)));
        }
        Ok((properties, is_whole))
    }

    /// A resolved value with the values of what it leaves to AWS to look up.
    pub(crate) fn looked_up(
        &self,
        value: Value,
        place: &TemplatePath,
    ) -> Result<Value, TemplateError> {
        Lookups(self.values).resolved(value, place)
    }

    fn mapped(
        &self,
        [map, first, second]: [&str; 3],
        place: &TemplatePath,
    ) -> Result<Value, TemplateError> {
        let Some(entries) = self.template.mappings.get(map) else {
            return Err(TemplateError::Invalid(format!(
                "{place}: Template error: Mapping named '{map}' is not present in the 'Mappings' section of template."
            )));
        };
        entries.get(first).and_then(|entry| entry.get(second)).cloned().ok_or_else(|| {
            let entry = format!("{map}::{first}::{second}");
            let sentence = format!("{place}: Template error: Unable to get mapping for {entry}");
            TemplateError::Invalid(sentence)
        })
    }

    /// The physical id of a resource.
    pub(crate) fn physical_id(&self, logical_id: &str) -> Result<String, TemplateError> {
        let place = TemplatePath::new(logical_id);
        let resource = self.resource(logical_id, &place)?;
        self.reference(logical_id, resource)
    }

    /// A property that is text; `None` when it is absent.
    pub(super) fn text(
        &self,
        logical_id: &str,
        resource: &ResourceDefinition,
        property: &str,
    ) -> Result<Option<String>, TemplateError> {
        let place = TemplatePath::new(logical_id).child(property);
        let Some(value) = resource.properties.get(property) else {
            return Ok(None);
        };
        let value = self.value(value, &place)?;
        match value.map(|value| self.looked_up(value, &place)).transpose()? {
            None => Ok(None),
            Some(value) => as_text(&value).map(Some).ok_or_else(|| TemplateError::BadProperty {
                place: place.to_string(),
                problem: format!("must be text, found {value}"),
            }),
        }
    }

    /// Resolves a value; `None` is `AWS::NoValue`.
    pub(crate) fn value(
        &self,
        value: &Value,
        place: &TemplatePath,
    ) -> Result<Option<Value>, TemplateError> {
        let depth = self.depth.get();
        self.resolved.set(self.resolved.get() + 1);
        let problem = if depth > DEPTH_MAX {
            "refers to itself or nests too deep".to_owned()
        } else if self.resolved.get() > VALUES_MAX {
            format!("refers to others that refer to others, more than {VALUES_MAX} times in all")
        } else {
            self.depth.set(depth + 1);
            let resolved = self.value_at_depth(value, place);
            self.depth.set(depth);
            return resolved;
        };
        Err(TemplateError::BadFunction {
            place: place.to_string(),
            function: "the value".to_owned(),
            problem,
        })
    }

    /// Counts what is about to be written.
    fn spend(&self, bytes: usize, place: &TemplatePath) -> Result<(), TemplateError> {
        let spent = self.bytes.get().saturating_add(bytes);
        self.bytes.set(spent);
        if spent <= BYTES_MAX {
            return Ok(());
        }
        Err(TemplateError::BadFunction {
            place: place.to_string(),
            function: "the value".to_owned(),
            problem: format!(
                "grows too large: all values together have more than {BYTES_MAX} bytes"
            ),
        })
    }

    fn value_at_depth(
        &self,
        value: &Value,
        place: &TemplatePath,
    ) -> Result<Option<Value>, TemplateError> {
        match value {
            Value::Object(fields) => match single_function(fields) {
                Some((function, argument)) => {
                    let found = self.function(function, argument, place);
                    let found = self.or_unresolved(found)?;
                    self.spend(found.as_ref().map_or(0, size), place)?;
                    Ok(found)
                }
                None => Ok(Some(Value::Object(self.map(fields, place)?))),
            },
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    resolved.extend(self.value(item, &place.child(index))?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            other => {
                self.spend(size(other), place)?;
                Ok(Some(other.clone()))
            }
        }
    }

    fn map(
        &self,
        fields: &Map<String, Value>,
        place: &TemplatePath,
    ) -> Result<Map<String, Value>, TemplateError> {
        let mut resolved = Map::new();
        for (name, value) in fields {
            // It would bring more fields, and is no field itself.
            if name == "Fn::Transform" {
                self.function(name, value, place)?;
            }
            if let Some(value) = self.value(value, &place.child(name))? {
                resolved.insert(name.clone(), value);
            }
        }
        Ok(resolved)
    }

    fn function(
        &self,
        function: &str,
        argument: &Value,
        place: &TemplatePath,
    ) -> Result<Option<Value>, TemplateError> {
        let bad = |problem: &str| TemplateError::BadFunction {
            place: place.to_string(),
            function: function.to_owned(),
            problem: problem.to_owned(),
        };
        let text = |text: String| Ok(Some(Value::String(text)));
        match function {
            "Ref" => {
                // A name may be made by functions, with the transform AWS::LanguageExtensions.
                let name = self.value(argument, place)?;
                let name = name.as_ref().and_then(Value::as_str);
                self.reference_to(name.ok_or_else(|| bad("takes a name"))?, place)
            }
            "Fn::GetAtt" => {
                let (logical_id, attribute) = self.attribute_path(argument, place)?;
                let resource = self.resource(&logical_id, place)?;
                self.attribute(&logical_id, resource, &attribute, place).map(Some)
            }
            "Fn::Join" => {
                let [separator, items] = self.arguments(argument, place)?;
                let separator = separator.as_str().ok_or_else(|| bad("takes a separator"))?;
                let items = items.as_array().ok_or_else(|| bad("takes a list to join"))?;
                self.spend(separator.len().saturating_mul(items.len()), place)?;
                let items: Option<Vec<String>> = items.iter().map(as_text).collect();
                text(items.ok_or_else(|| bad("joins text only"))?.join(separator))
            }
            "Fn::Sub" => text(self.substitute(argument, place)?),
            "Fn::Select" => {
                let [index, items] = self.arguments(argument, place)?;
                let index = as_text(&index).and_then(|index| index.parse::<usize>().ok());
                let item = index.and_then(|index| items.get(index).cloned());
                item.map(Some).ok_or_else(|| bad("takes an index within its list"))
            }
            "Fn::Split" => {
                let [separator, whole] = self.arguments(argument, place)?;
                let (Some(separator), Some(whole)) = (separator.as_str(), whole.as_str()) else {
                    return Err(bad("takes a separator and text"));
                };
                self.spend(whole.matches(separator).count() * VALUE_BYTES, place)?;
                Ok(Some(whole.split(separator).map(Value::from).collect()))
            }
            "Fn::If" => {
                let [Value::String(condition), then, otherwise] =
                    array(argument).ok_or_else(|| bad("takes three arguments"))?
                else {
                    return Err(bad("takes a condition's name and two values"));
                };
                let chosen = if self.condition(condition, place)? { then } else { otherwise };
                self.value(chosen, place)
            }
            "Fn::FindInMap" => {
                let mut argument = array(argument).unwrap_or_default().to_vec();
                let otherwise = if argument.len() == 4 { argument.pop() } else { None };
                let [map, first, second] = self.arguments(&Value::Array(argument), place)?;
                let names = (as_text(&map), as_text(&first), as_text(&second));
                let (Some(map), Some(first), Some(second)) = names else {
                    return Err(bad("takes three names"));
                };
                let default = otherwise.as_ref().and_then(|other| other.get("DefaultValue"));
                match (self.mapped([&map, &first, &second], place), default) {
                    (Err(_), Some(default)) => self.value(default, place),
                    (found, _) => found.map(Some),
                }
            }
            "Fn::Base64" => {
                use base64::Engine;
                let value = self.value(argument, place)?;
                let value = value.as_ref().and_then(as_text).ok_or_else(|| bad("takes text"))?;
                text(base64::engine::general_purpose::STANDARD.encode(value))
            }
            "Fn::ImportValue" => {
                let name = self.value(argument, place)?;
                let name = name.as_ref().and_then(as_text).ok_or_else(|| bad("takes a name"))?;
                text(Lookups(self.values).of(&name, place)?)
            }
            "Fn::GetAZs" => Ok(Some(
                ["a", "b", "c"].iter().map(|zone| format!("{}{zone}", self.region)).collect(),
            )),
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" | "Condition" => {
                self.boolean(function, argument, place).map(|value| Some(Value::Bool(value)))
            }
            _ => self.other_function(function, argument, place),
        }
    }

    fn reference_to(
        &self,
        name: &str,
        place: &TemplatePath,
    ) -> Result<Option<Value>, TemplateError> {
        let pseudo = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::AccountId" => Some(ACCOUNT_ID.to_owned()),
            "AWS::Region" => Some(self.region.to_owned()),
            "AWS::Partition" => Some(PARTITION.to_owned()),
            "AWS::URLSuffix" => Some(URL_SUFFIX.to_owned()),
            "AWS::StackName" => Some(self.stack_name.to_owned()),
            "AWS::StackId" => Some(self.stack_id()),
            "AWS::NotificationARNs" => return Ok(Some(Value::Array(Vec::new()))),
            _ => None,
        };
        if let Some(text) = pseudo {
            return Ok(Some(Value::String(text)));
        }
        if let Some(parameter) = self.template.parameters.get(name) {
            return self.parameter(name, parameter, place).map(Some);
        }
        let resource = self.resource(name, place)?;
        self.reference(name, resource).map(|text| Some(Value::String(text)))
    }

    /// The value of a parameter: of a list its items, and of a name in SSM what is looked up by it.
    fn parameter(
        &self,
        name: &str,
        parameter: &ParameterDefinition,
        place: &TemplatePath,
    ) -> Result<Value, TemplateError> {
        let given = self.parameters.get(name).cloned().map(Value::String);
        let value = given.or_else(|| parameter.default.clone());
        let value = value.ok_or_else(|| TemplateError::BadProperty {
            place: format!("Parameters.{name}"),
            problem: "has no default and no value was given; pass one with --parameter".to_owned(),
        })?;
        let kind = parameter.parameter_type.as_str();
        let (value, kind) = match kind.strip_prefix(OF_SSM) {
            Some(inner) => {
                let name = as_text(&value).unwrap_or_default();
                let found = Lookups(self.values).of(&name, place)?;
                (Value::String(found), inner.trim_end_matches('>'))
            }
            None => (value, kind),
        };
        let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
        match value.as_str().filter(|_| is_list) {
            Some(text) => Ok(text.split(',').map(|item| Value::from(item.trim())).collect()),
            None => Ok(value),
        }
    }

    fn resource(
        &self,
        logical_id: &str,
        place: &TemplatePath,
    ) -> Result<&ResourceDefinition, TemplateError> {
        self.template.resources.get(logical_id).ok_or_else(|| TemplateError::UnknownReference {
            place: place.to_string(),
            target: logical_id.to_owned(),
        })
    }

    /// `["Id", "Attribute"]` or `"Id.Attribute"`.
    fn attribute_path(
        &self,
        argument: &Value,
        place: &TemplatePath,
    ) -> Result<(String, String), TemplateError> {
        let path = match argument {
            Value::String(path) => {
                path.split_once('.').map(|(id, attribute)| (id.to_owned(), attribute.to_owned()))
            }
            list => {
                let list = self.value(list, place)?;
                match list.as_ref().and_then(array) {
                    Some([id, attribute]) => as_text(id).zip(as_text(attribute)),
                    _ => None,
                }
            }
        };
        path.ok_or_else(|| TemplateError::BadFunction {
            place: place.to_string(),
            function: "Fn::GetAtt".to_owned(),
            problem: "takes a logical id and an attribute".to_owned(),
        })
    }

    /// The arguments of a function that takes a fixed number of them, resolved.
    fn arguments<const N: usize>(
        &self,
        argument: &Value,
        place: &TemplatePath,
    ) -> Result<[Value; N], TemplateError> {
        let resolved = self.value(argument, place)?.unwrap_or_default();
        let items = match resolved {
            Value::Array(items) => items,
            _ => Vec::new(),
        };
        items.try_into().map_err(|items: Vec<Value>| TemplateError::BadFunction {
            place: place.to_string(),
            function: "the function".to_owned(),
            problem: format!("takes {N} arguments, found {}", items.len()),
        })
    }

    fn substitute(&self, argument: &Value, place: &TemplatePath) -> Result<String, TemplateError> {
        let bad = |problem: &str| TemplateError::BadFunction {
            place: place.to_string(),
            function: "Fn::Sub".to_owned(),
            problem: problem.to_owned(),
        };
        let (pattern, own) = match argument {
            Value::String(pattern) => (pattern, Map::new()),
            other => match array(other) {
                Some([Value::String(pattern), Value::Object(own)]) => {
                    (pattern, self.map(own, place)?)
                }
                _ => return Err(bad("takes text, or text and a map")),
            },
        };
        let mut result = String::new();
        let mut rest = pattern.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let (name, after) =
                after.split_once('}').ok_or_else(|| bad("has a ${ that is not closed"))?;
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                result.extend(["${", literal, "}"]);
                continue;
            }
            let value = match own.get(name) {
                Some(value) => {
                    self.spend(size(value), place)?;
                    Some(value.clone())
                }
                None if name.contains('.') => {
                    let argument = Value::from(name);
                    self.or_unresolved(self.function("Fn::GetAtt", &argument, place))?
                }
                None => self.or_unresolved(self.reference_to(name, place))?,
            };
            let value = value.as_ref().and_then(as_text);
            let value = value.ok_or_else(|| bad("substitutes text only"))?;
            self.spend(value.len(), place)?;
            result.push_str(&value);
        }
        result.push_str(rest);
        Ok(result)
    }

    fn condition(&self, name: &str, place: &TemplatePath) -> Result<bool, TemplateError> {
        let unknown = || TemplateError::UnknownReference {
            place: place.to_string(),
            target: format!("the condition {name}"),
        };
        let definition = self.template.conditions.get(name).ok_or_else(unknown)?;
        self.truth(definition, place)
    }

    fn truth(&self, value: &Value, place: &TemplatePath) -> Result<bool, TemplateError> {
        let resolved = self.value(value, place)?.unwrap_or_default();
        match resolved {
            Value::Bool(value) => Ok(value),
            Value::String(text) if text == "true" || text == "false" => Ok(text == "true"),
            // SAM's translator puts a condition's name into another object.
            Value::Object(fields) if fields.len() == 1 && fields.contains_key("Condition") => {
                Ok(fields["Condition"] == true)
            }
            other => Err(TemplateError::BadFunction {
                place: place.to_string(),
                function: "the condition".to_owned(),
                problem: format!("must be true or false, found {other}"),
            }),
        }
    }

    fn boolean(
        &self,
        function: &str,
        argument: &Value,
        place: &TemplatePath,
    ) -> Result<bool, TemplateError> {
        if function == "Condition" {
            return self.condition(argument.as_str().unwrap_or_default(), place);
        }
        if function == "Fn::Equals" {
            let [left, right] = self.arguments(argument, place)?;
            // Both are text for AWS: true and "true" are alike.
            let are_texts = as_text(&left).zip(as_text(&right));
            return Ok(are_texts.map_or(left == right, |(left, right)| left == right));
        }
        let items = array(argument).unwrap_or_default();
        let mut truths = Vec::with_capacity(items.len());
        for item in items {
            truths.push(self.truth(item, place)?);
        }
        match (function, truths.as_slice()) {
            ("Fn::Not", [value]) => Ok(!value),
            ("Fn::And", [_, ..]) => Ok(truths.iter().all(|value| *value)),
            ("Fn::Or", [_, ..]) => Ok(truths.iter().any(|value| *value)),
            _ => Err(TemplateError::BadFunction {
                place: place.to_string(),
                function: function.to_owned(),
                problem: "takes a list of conditions".to_owned(),
            }),
        }
    }
}

/// An object with one key that names a function is a call of it.
fn single_function(fields: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = fields.iter().next()?;
    let is_call = match name.as_str() {
        "Ref" => true,
        // A policy statement has a key Condition too, with a map below it.
        "Condition" => argument.is_string(),
        name => name.starts_with("Fn::"),
    };
    (is_call && fields.len() == 1).then_some((name.as_str(), argument))
}

fn array(value: &Value) -> Option<&[Value]> {
    value.as_array().map(Vec::as_slice)
}

/// Text, or what CloudFormation turns into text.
pub(super) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// How much memory a value takes, roughly.
fn size(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + size(value)).sum(),
        _ => 0,
    };
    VALUE_BYTES.saturating_add(inner)
}

#[cfg(test)]
mod tests;
