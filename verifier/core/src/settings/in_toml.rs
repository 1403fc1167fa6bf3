//! Values of settings as TOML.

use std::fmt::Write;

use serde_json::Value;

use crate::harmful::is_harmful;

/// A value as TOML, as it could stand behind a key on one line.
pub fn in_toml(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(in_toml).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let pairs =
                fields.iter().map(|(name, each)| format!("{} = {}", bare(name), in_toml(each)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A name as a TOML key: bare where its characters allow.
fn bare(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// A TOML string: a literal one where that spares escapes. What is not to be shown as it is stands there as an escape.
///
/// Source: <https://toml.io/en/v1.0.0#string>.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c != '\'' && (c == '\t' || !is_harmful(c));
    if text.contains(['"', '\\']) && text.chars().all(is_plain) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            // Writing to a String cannot fail.
            c if is_harmful(c) && u32::from(c) > 0xffff => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c if is_harmful(c) => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
