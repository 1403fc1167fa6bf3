//! What is wrong with a settings file.

use thiserror::Error;

/// Something in a settings file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}{}: {}{problem}", at(*.line), of(.key))]
pub struct SettingsError {
    /// The file, as it was named.
    pub file: String,
    /// The line, counted from 1; `None` where something is missing, or comes from elsewhere.
    pub line: Option<usize>,
    /// The key with its section, as in `outputs.api_url`; empty when the file is no TOML.
    pub key: String,
    /// What is wrong, and what was expected.
    pub problem: String,
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}

fn of(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("{key}: ") }
}
