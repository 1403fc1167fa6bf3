//! Settings together with where each came from.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::error::{Place, SettingsError};
use super::file;
use super::keys::{KEYS, Key};
use super::model::Settings;
use super::validity;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything else.
    Default,
    /// A file.
    File {
        /// The file, as it was named.
        path: String,
        /// Where the key is in it.
        place: Place,
    },
    /// An option of the command line.
    CommandLine(&'static str),
}

/// The settings in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    settings: Settings,
    /// By key; what is not there is a default.
    origins: BTreeMap<String, Origin>,
}

/// A setting, for whoever wants to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its key.
    pub key: &'static str,
    /// Its value, as JSON.
    pub value: Value,
    /// Where that came from.
    pub origin: Origin,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, place } => write!(f, "{path}:{}", place.line),
            Self::CommandLine(option) => f.write_str(option),
        }
    }
}

impl InForce {
    /// The defaults, and instead of them what a file says. `path` is how the file is named to people.
    pub fn read(path: &str, text: &str) -> Result<Self, SettingsError> {
        let given = file::read(path, text)?;
        let origin = |place| Origin::File { path: path.to_owned(), place };
        let origins = given.places.into_iter().map(|(key, place)| (key, origin(place))).collect();
        let in_force = Self { settings: given.settings, origins };
        let values = in_force.values();
        // What a file merely repeats contradicts nothing, so what `config show` prints is a file too.
        let is_changed =
            |name: &str| Key::find(name).is_some_and(|key| *value(&values, key) != key.default);
        validity::check(&in_force.settings, &is_changed).map_err(|(key, problem)| {
            SettingsError { file: path.to_owned(), ..in_force.wrong(key, problem) }
        })?;
        Ok(in_force)
    }

    /// What is wrong with the value of a key, and where that is.
    pub fn wrong(&self, key: &str, problem: String) -> SettingsError {
        let (file, place) = match self.origins.get(key) {
            Some(Origin::File { path, place }) => (path.clone(), Some(*place)),
            Some(other) => (other.to_string(), None),
            None => (String::new(), None),
        };
        SettingsError { file, place, key: key.to_owned(), problem }
    }

    /// Puts a key's value in force that comes from an option; such values are checked by whoever reads the command line.
    pub fn set(&mut self, key: &str, option: &'static str, set: impl FnOnce(&mut Settings)) {
        set(&mut self.settings);
        self.origins.insert(key.to_owned(), Origin::CommandLine(option));
    }

    /// Where the value of a key came from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The settings for a command that posts jobs, for which they have to say where.
    pub fn for_posting(&self) -> Result<&Settings, SettingsError> {
        validity::posting(&self.settings).map_err(|(key, problem)| self.wrong(key, problem))?;
        Ok(&self.settings)
    }

    /// Every setting, in the order of [`KEYS`].
    pub fn shown(&self) -> Vec<Shown> {
        let values = self.values();
        let shown = |key: &'static Key| Shown {
            key: &key.name,
            value: value(&values, key).clone(),
            origin: self.origin(&key.name),
        };
        KEYS.iter().map(shown).collect()
    }

    fn values(&self) -> Value {
        // Every field is a string, a number, a flag, or a list or table of those, which JSON can say.
        serde_json::to_value(&self.settings).unwrap_or_default()
    }
}

/// A key's value among all.
fn value<'a>(values: &'a Value, key: &Key) -> &'a Value {
    let (section, name) = key.parts();
    &values[section][name]
}
