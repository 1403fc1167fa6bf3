//! What is wrong with a settings file.

use std::fmt;

use thiserror::Error;

/// Something in a settings file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}{}: {}{problem}", at(*.place), of(.key))]
pub struct SettingsError {
    /// The file, as it was named.
    pub file: String,
    /// Where in it; `None` where something is missing, or comes from elsewhere.
    pub place: Option<Place>,
    /// The key with its section, as in `outputs.api_url`; empty when the file is no TOML.
    pub key: String,
    /// What is wrong, and what was expected.
    pub problem: String,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

fn at(place: Option<Place>) -> String {
    place.map(|place| format!(":{place}")).unwrap_or_default()
}

fn of(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("{key}: ") }
}
