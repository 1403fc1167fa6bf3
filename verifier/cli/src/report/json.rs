//! JSON, as results are printed.

use std::io::{self, Write};

use serde::Serialize;

use crate::shell::clean;

/// Writes a value as one JSON document.
pub(crate) fn pretty(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", clean::json(&serde_json::to_string_pretty(value)?))
}

/// Writes a value as JSON on one line.
pub(crate) fn line(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", clean::json(&serde_json::to_string(value)?))
}

/// A value as one JSON document.
pub(crate) fn text(value: &impl Serialize) -> String {
    // What has texts for keys cannot fail.
    clean::json(&serde_json::to_string_pretty(value).unwrap_or_default()) + "\n"
}
