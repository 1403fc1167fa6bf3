//! Settings together with where each came from.

use std::collections::BTreeMap;
use std::fmt;

use super::error::SettingsError;
use super::file;
use super::keys::{KEYS, Key};
use super::model::Settings;
use super::validity;
use super::value::Value;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything else.
    Default,
    /// A line of a file, counted from 1.
    File {
        /// The file, as it was named.
        path: String,
        /// The line.
        line: usize,
    },
    /// An option of the command line.
    CommandLine(&'static str),
}

/// The settings in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    settings: Settings,
    /// By key; what is not there is a default.
    origins: BTreeMap<&'static str, Origin>,
}

/// A setting, for whoever wants to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its key.
    pub key: &'static str,
    /// Its value.
    pub value: Value,
    /// Where that came from.
    pub origin: Origin,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::CommandLine(option) => f.write_str(option),
        }
    }
}

impl InForce {
    /// The defaults, and instead of them what a file says. `path` is how the file is named to people.
    pub fn read(path: &str, text: &str) -> Result<Self, SettingsError> {
        let mut in_force = Self::default();
        for found in file::read(path, text)? {
            (found.key.write)(&mut in_force.settings, found.value);
            let origin = Origin::File { path: path.to_owned(), line: found.line };
            in_force.origins.insert(found.key.name, origin);
        }
        let defaults = Settings::default();
        // What a file merely repeats contradicts nothing, so what `config show` prints is a file too.
        let is_changed = |name: &str| {
            Key::find(name)
                .is_some_and(|key| (key.read)(&in_force.settings) != (key.read)(&defaults))
        };
        validity::check(&in_force.settings, &is_changed).map_err(|(key, problem)| {
            SettingsError { file: path.to_owned(), ..in_force.wrong(key, problem) }
        })?;
        Ok(in_force)
    }

    /// What is wrong with the value of a key, and where that is.
    pub fn wrong(&self, key: &str, problem: String) -> SettingsError {
        let (file, line) = match self.origins.get(key) {
            Some(Origin::File { path, line }) => (path.clone(), Some(*line)),
            Some(other) => (other.to_string(), None),
            None => (String::new(), None),
        };
        SettingsError { file, line, key: key.to_owned(), problem }
    }

    /// Puts a value in force that comes from an option; such values are checked by whoever reads the command line.
    pub fn set(&mut self, key: &str, value: Value, option: &'static str) {
        if let Some(key) = Key::find(key) {
            (key.write)(&mut self.settings, value);
            self.origins.insert(key.name, Origin::CommandLine(option));
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Every setting, in the order of [`KEYS`].
    pub fn shown(&self) -> Vec<Shown> {
        let shown = |key: &Key| Shown {
            key: key.name,
            value: (key.read)(&self.settings),
            origin: self.origins.get(key.name).cloned().unwrap_or(Origin::Default),
        };
        KEYS.iter().map(shown).collect()
    }
}
