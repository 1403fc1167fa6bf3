//! What CloudFormation asks of parameters, mappings and outputs, and of transforms what is not done here.
//!
//! Sources: the pages of the sections below
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>.

use serde_json::{Map, Value};

use super::TemplateError;

/// Sections whose names are letters and digits, with what CloudFormation calls one of them.
const NAMED: [(&str, &str); 3] =
    [("Parameters", "Parameter name"), ("Mappings", "Mappings name"), ("Outputs", "Output name")];
const OF_PARAMETERS: [&str; 11] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];
const OF_OUTPUTS: [&str; 4] = ["Condition", "Description", "Export", "Value"];
const TYPES: [&str; 4] = ["String", "Number", "List<Number>", "CommaDelimitedList"];
const DESCRIPTION_BYTES_MAX: usize = 1024;
/// What changes nothing of what is emulated.
const WITHOUT_EFFECT: [&str; 2] = ["AWS::CodeDeployBlueGreen", "AWS::SecretsManager"];

/// Checks the sections of a template as it was written.
pub(super) fn check(template: &Value) -> Result<(), TemplateError> {
    check_transforms(template)?;
    for (section, what) in NAMED {
        for name in section_of(template, section).keys() {
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return invalid(format!(
                    "Template format error: {what} {name} is non alphanumeric."
                ));
            }
        }
    }
    for definition in section_of(template, "Parameters").values() {
        check_parameter(definition)?;
    }
    for output in section_of(template, "Outputs").values() {
        if let Some(other) = other_than(output, &OF_OUTPUTS) {
            return invalid(format!("Invalid template outputs property '{other}'"));
        }
    }
    let description = template.get("Description").and_then(Value::as_str).unwrap_or_default();
    if description.len() > DESCRIPTION_BYTES_MAX {
        return invalid(format!(
            "Template format error: 'Description' length is greater than {DESCRIPTION_BYTES_MAX}."
        ));
    }
    Ok(())
}

/// What a transform makes of a template is not known here, so that a stack without it would be another.
pub(super) fn check_transforms(template: &Value) -> Result<(), TemplateError> {
    let given = match template.get("Transform") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
    };
    let name_of = |transform: &Value| {
        let name = transform.get("Name").unwrap_or(transform);
        name.as_str().map_or_else(|| name.to_string(), str::to_owned)
    };
    let has_effect = |name: &String| !WITHOUT_EFFECT.iter().any(|known| name.starts_with(known));
    match given.iter().map(name_of).find(has_effect) {
        Some(name) => Err(TemplateError::Transform(name)),
        None => Ok(()),
    }
}

fn check_parameter(definition: &Value) -> Result<(), TemplateError> {
    if let Some(other) = other_than(definition, &OF_PARAMETERS) {
        return invalid(format!("Invalid template parameter property '{other}'"));
    }
    let kind = definition["Type"].as_str().unwrap_or_default();
    let is_known = kind.is_empty()
        || TYPES.contains(&kind)
        || ["AWS::", "List<AWS::"].iter().any(|begin| kind.starts_with(begin))
        || kind == "List<String>";
    if is_known {
        return Ok(());
    }
    invalid(format!("Template format error: Unrecognized parameter type: {kind}"))
}

fn other_than<'v>(value: &'v Value, known: &[&str]) -> Option<&'v String> {
    value.as_object()?.keys().find(|name| !known.contains(&name.as_str()))
}

fn section_of<'v>(template: &'v Value, name: &str) -> &'v Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    template.get(name).and_then(Value::as_object).unwrap_or(&NONE)
}

fn invalid(sentence: impl Into<String>) -> Result<(), TemplateError> {
    Err(TemplateError::Invalid(sentence.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_sections_may_not_have_is_named_and_what_they_may_have_is_not() {
        for (template, words) in [
            (json!({"Outputs": {"Queue-Url": {"Value": "a"}}}), "Output name Queue-Url is non"),
            (json!({"Parameters": {"a_b": {"Type": "String"}}}), "Parameter name a_b is non"),
            (json!({"Mappings": {"a.b": {}}}), "Mappings name a.b is non alphanumeric"),
            (json!({"Parameters": {"A": {"Type": "Text"}}}), "Unrecognized parameter type: Text"),
            (
                json!({"Parameters": {"A": {"Type": "String", "Defaults": "a"}}}),
                "Invalid template parameter property 'Defaults'",
            ),
            (
                json!({"Outputs": {"A": {"Value": "a", "Exports": {}}}}),
                "Invalid template outputs property 'Exports'",
            ),
            (json!({"Description": "x".repeat(1025)}), "length is greater than 1024"),
            (json!({"Transform": "AWS::Serverless-2016-10-31"}), "AWS::Serverless-2016-10-31"),
            (json!({"Transform": [{"Name": "AWS::Include"}]}), "AWS::Include"),
        ] {
            let refused = check(&template).err().map(|error| error.to_string());
            assert!(refused.as_ref().is_some_and(|refused| refused.contains(words)), "{refused:?}");
        }
        for template in [
            json!({"Parameters": {"A1": {"Type": "AWS::SSM::Parameter::Value<String>", "NoEcho": true}}}),
            json!({"Parameters": {"A": {"Type": "List<AWS::EC2::Subnet::Id>"}}}),
            json!({"Outputs": {"A1": {"Value": "a", "Export": {"Name": "a-b"}, "Condition": "C"}}}),
            json!({"Mappings": {"M": {"eu-central-1": {"a": 1}}}, "Description": "x".repeat(1024)}),
            json!({"Transform": ["AWS::SecretsManager-2020-07-23"]}),
        ] {
            assert_eq!(check(&template), Ok(()), "{template}");
        }
    }
}
