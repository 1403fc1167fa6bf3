//! The JSON Schema of a settings file, by which editors complete it.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::model::Settings;

/// The sections and the keys of each, in the order of the types' fields, which JSON objects do not keep.
pub(super) fn in_order() -> Vec<(String, Vec<String>)> {
    // What is written has every field, so a schema of that requires all, in their order.
    let schema = schema_of(SchemaSettings::draft2020_12().for_serialize());
    let names = |schema: &Value| -> Vec<String> {
        let required = schema["required"].as_array().into_iter().flatten();
        required.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let sections = names(&schema).into_iter();
    sections.map(|name| (name.clone(), names(&schema["properties"][&name]))).collect()
}

fn schema_of(settings: SchemaSettings) -> Value {
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Settings>().to_value()
}

/// The JSON Schema of `verifier.toml`: a description, bounds, examples and the default of each key.
pub fn schema() -> Value {
    let mut schema = schema_of(SchemaSettings::draft2020_12());
    schema["title"] = json!("verifier.toml");
    tidy(&mut schema);
    let defaults = serde_json::to_value(Settings::default()).unwrap_or_default();
    for (section, keys) in defaults.as_object().into_iter().flatten() {
        for (key, default) in keys.as_object().into_iter().flatten() {
            schema["properties"][section]["properties"][key]["default"] = default.clone();
        }
    }
    schema
}

/// Leaves out what only Rust needs to know, and the line breaks of descriptions.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("format");
            fields.remove("default");
            if let Some(Value::String(text)) = fields.get_mut("description") {
                // What follows the first paragraph is about the type.
                *text = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
