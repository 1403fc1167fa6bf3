//! Every key that a settings file may have, by the schema of the types that it is read into.

use std::fmt::Write;
use std::sync::LazyLock;

use serde_json::Value;

use super::in_toml::in_toml;
use super::schema::{in_order, schema};

/// A key of a settings file.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its section and its name, as in `outputs.api_url`.
    pub name: String,
    /// What it says.
    pub about: String,
    /// What may stand behind it, as in `a string, or false`.
    pub is: String,
    /// Its default, as JSON.
    pub default: Value,
    /// A value that tells more than the default, as JSON.
    example: Option<Value>,
}

/// All keys, by section, in the order of the types' fields.
pub static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let schema = schema();
    let mut keys = Vec::new();
    for (section, names) in in_order() {
        for name in names {
            let key = &schema["properties"][&section]["properties"][&name];
            keys.push(Key {
                name: format!("{section}.{name}"),
                about: about(key),
                is: is(key),
                default: key["default"].clone(),
                example: key["examples"].get(0).cloned(),
            });
        }
    }
    keys
});

impl Key {
    /// The key of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The section and the name in it.
    pub fn parts(&self) -> (&str, &str) {
        self.name.split_once('.').unwrap_or(("", &self.name))
    }

    /// A line that a file could hold, as in `api_url = "ApiUrl"`.
    pub(super) fn line(&self) -> String {
        let value = self.example.as_ref().unwrap_or(&self.default);
        format!("{} = {}", self.parts().1, in_toml(value))
    }
}

/// The names of the sections, in their order.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = KEYS.iter().map(|key| key.parts().0).collect();
    sections.dedup();
    sections
}

/// The reference of all keys: a table in Markdown.
pub fn reference() -> String {
    let mut text = String::from("| key | what it says | it is | default |\n|---|---|---|---|\n");
    for Key { name, about, is, default, .. } in KEYS.iter() {
        // A bar would end the cell.
        let default = in_toml(default).replace('|', "\\|");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{name}` | {about} | {is} | `{default}` |");
    }
    text
}

/// A field's sentence as a part of one.
fn about(key: &Value) -> String {
    let text = key["description"].as_str().unwrap_or_default().trim_end_matches('.');
    let mut rest = text.chars();
    rest.next().map(|first| first.to_lowercase().chain(rest).collect()).unwrap_or_default()
}

/// What a schema admits, in words.
fn is(schema: &Value) -> String {
    if let Some(either) = schema["anyOf"].as_array() {
        return either.iter().map(is).collect::<Vec<_>>().join(", or ");
    }
    let fields = || schema["items"]["required"].as_array().into_iter().flatten();
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(in_toml).collect::<Vec<_>>().join(" or ");
    }
    match schema["type"].as_str().unwrap_or_default() {
        "string" => "a string".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => {
            format!("a whole number from {} to {}", schema["minimum"], schema["maximum"])
        }
        "array" if fields().next().is_some() => {
            let fields: Vec<&str> = fields().filter_map(Value::as_str).collect();
            format!("a list of tables, each with {}", fields.join(" and "))
        }
        "array" => "a list of strings".to_owned(),
        "object" => "a table of strings".to_owned(),
        _ => schema["const"].to_string(),
    }
}
