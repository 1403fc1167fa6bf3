//! What a template leaves to AWS to look up: parameters of SSM, secrets, and what other stacks export. None of it is on this
//! machine, so the user gives its values.
//!
//! Sources: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html>,
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html>,
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-importvalue.html>.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{TemplateError, TemplatePath};

/// What a dynamic reference begins with.
const REFERENCE: &str = "{{resolve:";
/// Types of parameters whose value is the name of a parameter of SSM.
pub(super) const OF_SSM: &str = "AWS::SSM::Parameter::Value<";

/// The values that the user gave, by the names of what is looked up.
pub(super) struct Lookups<'a>(pub(super) &'a BTreeMap<String, String>);

impl Lookups<'_> {
    /// The value of that name.
    ///
    /// # Errors
    ///
    /// That none was given.
    pub(super) fn of(&self, name: &str, place: &TemplatePath) -> Result<String, TemplateError> {
        self.0.get(name).cloned().ok_or_else(|| TemplateError::NoValue {
            place: place.to_string(),
            name: name.to_owned(),
        })
    }

    /// A value with what its dynamic references stand for in their place: none is passed on as text.
    ///
    /// # Errors
    ///
    /// That no value was given for one of them.
    pub(super) fn resolved(
        &self,
        value: Value,
        place: &TemplatePath,
    ) -> Result<Value, TemplateError> {
        Ok(match value {
            Value::String(text) if text.contains(REFERENCE) => {
                Value::String(self.substituted(&text, place)?)
            }
            Value::Array(items) => {
                let items = items.into_iter().map(|item| self.resolved(item, place));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let resolved = fields.into_iter().map(|(name, value)| {
                    let value = self.resolved(value, &place.child(&name))?;
                    Ok((name, value))
                });
                Value::Object(resolved.collect::<Result<_, TemplateError>>()?)
            }
            other => other,
        })
    }

    fn substituted(&self, text: &str, place: &TemplatePath) -> Result<String, TemplateError> {
        let mut written = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(REFERENCE) {
            written.push_str(before);
            let Some((reference, after)) = after.split_once("}}") else {
                // Without an end it is none, and AWS takes it for text.
                written.push_str(REFERENCE);
                rest = after;
                continue;
            };
            let names = names_of(reference);
            let known = names.iter().find_map(|name| self.0.get(*name));
            match known {
                Some(value) => written.push_str(value),
                None => self.of(names.last().copied().unwrap_or(reference), place).map(drop)?,
            }
            rest = after;
        }
        written.push_str(rest);
        Ok(written)
    }
}

/// The names by which a value may be given for a reference: the whole of it, or what it names, without the service and the
/// version.
fn names_of(reference: &str) -> Vec<&str> {
    let mut names = vec![reference];
    if let Some((service, name)) = reference.split_once(':') {
        names.push(name);
        if service.starts_with("ssm")
            && let Some((name, _version)) = name.rsplit_once(':')
        {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolved(value: &Value, given: &[(&str, &str)]) -> Result<Value, String> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let given = given.collect();
        let resolved = Lookups(&given).resolved(value.clone(), &TemplatePath::new("Here"));
        resolved.map_err(|error| error.to_string())
    }

    #[test]
    fn a_reference_is_what_was_given_for_it() {
        for (text, given, expected) in [
            ("{{resolve:ssm:/a/b}}", ("/a/b", "1"), "1"),
            ("{{resolve:ssm:/a/b:3}}", ("/a/b", "1"), "1"),
            ("{{resolve:ssm:/a/b:3}}", ("ssm:/a/b:3", "1"), "1"),
            ("{{resolve:ssm-secure:/a}}", ("/a", "1"), "1"),
            ("x-{{resolve:secretsmanager:S:SecretString:p}}-y", ("S:SecretString:p", "1"), "x-1-y"),
            ("{{resolve:ssm:/a}}{{resolve:ssm:/a}}", ("/a", "1"), "11"),
            ("no reference", ("/a", "1"), "no reference"),
            ("{{resolve:open", ("/a", "1"), "{{resolve:open"),
        ] {
            assert_eq!(resolved(&json!({"A": [text]}), &[given]), Ok(json!({"A": [expected]})));
        }
    }

    #[test]
    fn one_without_a_value_is_refused_by_its_place_and_name() {
        for (text, words) in [
            ("{{resolve:ssm:/a/b:3}}", "Here.A needs the value of /a/b,"),
            ("{{resolve:secretsmanager:S}}", "--value 'S=VALUE'"),
            ("{{resolve:}}", "Here.A needs"),
        ] {
            let refused = resolved(&json!({"A": text}), &[("other", "1")]).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }
}
