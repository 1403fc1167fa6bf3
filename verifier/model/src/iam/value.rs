//! Reading values that may stand alone or in a list, as most elements of a policy may.

use serde_json::Value;

use super::error::PolicyError;

/// The texts of a value that is one, or a list of some.
pub(super) fn texts(value: &Value, place: &str) -> Result<Vec<String>, PolicyError> {
    let all = list(value).into_iter().map(|each| each.as_str().map(str::to_owned));
    let refused =
        || PolicyError::new(place, format!("has to be a string or a list of strings, not {value}"));
    let texts: Vec<String> = all.collect::<Option<_>>().ok_or_else(refused)?;
    if texts.is_empty() { Err(PolicyError::new(place, "is empty")) } else { Ok(texts) }
}

/// The values of a condition, which may be numbers and booleans, too: they are compared as they are written.
pub(super) fn condition_values(value: &Value, place: &str) -> Result<Vec<String>, PolicyError> {
    let text = |each: &Value| match each {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(each.to_string()),
        _ => None,
    };
    let refused = || PolicyError::new(place, format!("{value} is no value of a condition"));
    list(value).into_iter().map(text).collect::<Option<_>>().ok_or_else(refused)
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}
