//! The catalogue of checks, for people and for programs.

use std::fmt::Write;

use owo_colors::OwoColorize;
use serde::Serialize;
use verifier_core::check::{CHECKS, Check};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CatalogueView {
    schema: &'static str,
    checks: Vec<EntryView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryView {
    id: &'static str,
    severity: &'static str,
    asserts: &'static str,
    why: &'static str,
    fix: &'static str,
    source: &'static str,
    runbook: String,
}

/// A line per check: its id, the worst that it says, and what it asserts.
pub(super) fn list() -> String {
    let mut text = String::new();
    for check in CHECKS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<16} {:<5} {}", check.id, check.severity.as_str(), check.asserts);
    }
    text
}

/// The same as JSON, with all that there is to say of each.
pub(super) fn json() -> String {
    let entry = |check: &Check| EntryView {
        id: check.id,
        severity: check.severity.as_str(),
        asserts: check.asserts,
        why: check.why,
        fix: check.fix,
        source: check.source,
        runbook: check.runbook(),
    };
    let view =
        CatalogueView { schema: "verifier.checks/1", checks: CHECKS.iter().map(entry).collect() };
    crate::report::json::text(&view)
}

/// All that there is to say of a check.
pub(super) fn explanation(check: &Check) -> String {
    let mut text = format!("{}\n", check.id.bold());
    for (name, value) in [
        ("asserts", check.asserts),
        ("severity", check.severity.as_str()),
        ("why", check.why),
        ("fix", check.fix),
        ("AWS", check.source),
        ("runbook", &check.runbook()),
    ] {
        let _ = writeln!(text, "  {} {value}", format!("{name:<8}").dimmed());
    }
    text
}
