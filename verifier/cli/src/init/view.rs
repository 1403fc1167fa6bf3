//! The views of what was proposed.

use std::path::Path;

use owo_colors::OwoColorize;
use serde_json::{Value, json};
use verifier_core::init::Unsure;

use crate::check::Report;
use crate::report::json::text;
use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::output::print;

/// Says what was written.
pub(super) fn written(path: &Path, stack: &str, unsure: &[Unsure]) -> Result<(), Failure> {
    let path = path.display().to_string();
    print(|out| {
        let path = clean::line(&path);
        writeln!(out, "{} the settings for {}", format!("{path}:").bold(), clean::line(stack))?;
        for Unsure { key, line, why } in unsure {
            writeln!(out, "  {} line {line}, {key}: {}", "?".yellow(), clean::line(why))?;
        }
        if unsure.is_empty() {
            writeln!(out, "  every line is by what was seen")?;
        }
        writeln!(out)
    })
}

/// `verifier.init/1`.
pub(super) fn json(
    path: &Path,
    stack: &str,
    unsure: &[Unsure],
    report: &Report,
) -> Result<(), Failure> {
    let unsure: Vec<Value> = unsure
        .iter()
        .map(|Unsure { key, line, why }| json!({"key": key, "line": line, "why": why}))
        .collect();
    let checks = report
        .checks
        .iter()
        .map(|settled| (settled.check.id.to_owned(), json!(settled.evaluation.verdict)));
    let checks: serde_json::Map<String, Value> = checks.collect();
    let document = json!({
        "schema": "verifier.init/1",
        "file": path.display().to_string(),
        "stack": stack,
        "unsure": unsure,
        "verdict": report.overall,
        "checks": checks,
    });
    print(|out| out.write_all(text(&document).as_bytes()))
}
