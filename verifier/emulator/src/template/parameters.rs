//! Values of parameters, and what a template asks of them.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::TemplateError;

/// Types whose values are looked up by AWS, so that their text is only a name.
const LOOKED_UP: &str = "AWS::SSM::Parameter::";

/// Checks the values that were given, and the defaults of the others.
pub(super) fn check(
    template: &Value,
    values: &BTreeMap<String, String>,
) -> Result<(), TemplateError> {
    let parameters = template["Parameters"].as_object();
    let mut missing = Vec::new();
    for (name, definition) in parameters.into_iter().flatten() {
        let Some(kind) = definition["Type"].as_str() else {
            return invalid(
                "Template format error: Every Parameters object must contain a Type member.",
            );
        };
        let value = values.get(name).cloned().or_else(|| text(definition.get("Default")?));
        match value {
            None => missing.push(name.as_str()),
            Some(_) if kind.starts_with(LOOKED_UP) => {}
            Some(value) => check_value(name, kind, definition, &value)?,
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let options: Vec<String> =
        missing.iter().map(|name| format!("--parameter {name}=VALUE")).collect();
    Err(TemplateError::MissingParameters { names: missing.join(", "), options: options.join(" ") })
}

fn check_value(
    name: &str,
    kind: &str,
    definition: &Value,
    value: &str,
) -> Result<(), TemplateError> {
    let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
    let items: Vec<&str> =
        if is_list { value.split(',').map(str::trim).collect() } else { vec![value] };
    for item in items {
        if let Some(problem) = problem(kind, definition, item) {
            let described = definition["ConstraintDescription"].as_str();
            return invalid(match described {
                Some(why) => format!("Parameter '{name}' failed to satisfy constraint: {why}"),
                None => format!("Parameter '{name}' {problem}"),
            });
        }
    }
    Ok(())
}

/// What is wrong with one value, if anything is.
fn problem(kind: &str, definition: &Value, value: &str) -> Option<String> {
    let allowed = definition["AllowedValues"].as_array();
    if allowed
        .is_some_and(|allowed| !allowed.iter().any(|each| text(each).as_deref() == Some(value)))
    {
        return Some("must be one of AllowedValues".to_owned());
    }
    let bound = |name: &str| text(&definition[name])?.parse::<f64>().ok();
    if kind == "Number" || kind == "List<Number>" {
        let Ok(number) = value.parse::<f64>() else {
            return Some("must be a number".to_owned());
        };
        return match (bound("MinValue"), bound("MaxValue")) {
            (Some(min), _) if number < min => Some(format!("must be a number not less than {min}")),
            (_, Some(max)) if number > max => {
                Some(format!("must be a number not greater than {max}"))
            }
            _ => None,
        };
    }
    // A pattern that this engine does not read is one that it cannot judge by.
    let pattern = definition["AllowedPattern"].as_str();
    let whole = pattern.and_then(|pattern| Regex::new(&format!("^(?:{pattern})$")).ok());
    if whole.is_some_and(|whole| !whole.is_match(value)) {
        return pattern.map(|pattern| format!("must match pattern {pattern}"));
    }
    #[expect(clippy::cast_precision_loss, reason = "a parameter has at most 4,096 bytes")]
    let length = value.chars().count() as f64;
    match (bound("MinLength"), bound("MaxLength")) {
        (Some(min), _) if length < min => Some(format!("must contain at least {min} characters")),
        (_, Some(max)) if length > max => Some(format!("must contain at most {max} characters")),
        _ => None,
    }
}

/// A value's text: a number is taken for its digits.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn invalid(sentence: impl Into<String>) -> Result<(), TemplateError> {
    Err(TemplateError::Invalid(sentence.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(definition: &Value, value: Option<&str>) -> Option<String> {
        let template = json!({"Parameters": {"P": definition}});
        let values = value.map(|value| ("P".to_owned(), value.to_owned())).into_iter().collect();
        check(&template, &values).err().map(|error| error.to_string())
    }

    #[test]
    fn each_constraint_refuses_what_is_just_outside_and_nothing_else() {
        for (definition, inside, outside, words) in [
            (
                json!({"Type": "String", "AllowedValues": ["a", 1]}),
                "1",
                "b",
                "'P' must be one of AllowedValues",
            ),
            (
                json!({"Type": "String", "AllowedPattern": "[0-9]+"}),
                "12",
                "12x",
                "must match pattern [0-9]+",
            ),
            (json!({"Type": "Number"}), "1.5", "x", "must be a number"),
            (
                json!({"Type": "Number", "MinValue": "2"}),
                "2",
                "1",
                "must be a number not less than 2",
            ),
            (
                json!({"Type": "Number", "MaxValue": 2}),
                "2",
                "3",
                "must be a number not greater than 2",
            ),
            (
                json!({"Type": "String", "MinLength": 2}),
                "ab",
                "a",
                "must contain at least 2 characters",
            ),
            (
                json!({"Type": "String", "MaxLength": "2"}),
                "ab",
                "abc",
                "must contain at most 2 characters",
            ),
            (
                json!({"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]}),
                "a, b",
                "a,c",
                "AllowedValues",
            ),
            (
                json!({"Type": "String", "MaxLength": 1, "ConstraintDescription": "one letter"}),
                "a",
                "ab",
                "failed to satisfy constraint: one letter",
            ),
        ] {
            assert_eq!(refused(&definition, Some(inside)), None, "{definition}");
            let refused = refused(&definition, Some(outside)).unwrap_or_default();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn a_value_has_to_be_there_and_a_default_is_held_to_the_same() {
        let refused_of = refused(&json!({"Type": "String"}), None).unwrap_or_default();
        assert!(refused_of.contains("Parameters: [P] must have values"), "{refused_of}");
        let default = json!({"Type": "String", "Default": "c", "AllowedValues": ["a"]});
        assert!(refused(&default, None).is_some());
        assert_eq!(refused(&default, Some("a")), None);
        assert!(
            refused(&json!({"Default": "a"}), None).unwrap_or_default().contains("Type member")
        );
        let looked_up = json!({"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a", "AllowedValues": ["b"]});
        assert_eq!(refused(&looked_up, None), None);
    }
}
