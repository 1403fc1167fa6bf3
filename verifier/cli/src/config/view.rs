//! The views of the settings in force.

use std::fmt::Write;

use owo_colors::OwoColorize;
use serde_json::json;
use verifier_core::settings::{InForce, in_toml, schema};

use crate::report::json::text;
use crate::shell::args::Format;
use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::output::print;

/// Shows the settings in force.
pub(crate) fn print_settings(settings: &InForce, format: Format) -> Result<(), Failure> {
    let text = match format {
        Format::Human => human(settings),
        Format::Json => json(settings),
    };
    print(|out| out.write_all(text.as_bytes()))
}

/// Shows the JSON Schema of a settings file.
pub(crate) fn print_schema() -> Result<(), Failure> {
    print(|out| out.write_all(text(&schema()).as_bytes()))
}

/// The settings as a file could say them, each with where it comes from.
fn human(settings: &InForce) -> String {
    let mut text = String::new();
    let mut last = "";
    for shown in settings.shown() {
        let (section, name) = shown.key.split_once('.').unwrap_or(("", shown.key));
        if section != last {
            let gap = if last.is_empty() { "" } else { "\n" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{gap}{}", format!("[{section}]").bold());
            last = section;
        }
        let origin = format!("# {}", clean::line(&shown.origin.to_string()));
        let _ =
            writeln!(text, "{name} = {}  {}", clean::line(&in_toml(&shown.value)), origin.dimmed());
    }
    text
}

/// `verifier.config/1`.
fn json(settings: &InForce) -> String {
    let shown = settings.shown();
    let values: Vec<serde_json::Value> = shown
        .iter()
        .map(|shown| {
            json!({
                "key": shown.key,
                "value": shown.value,
                "origin": shown.origin.to_string(),
            })
        })
        .collect();
    let document = json!({"schema": "verifier.config/1", "values": values});
    text(&document)
}
