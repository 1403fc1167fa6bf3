//! Reading a settings file: TOML, in which only the known keys may stand.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_path_to_error::{Path, Segment};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::error::{Place, SettingsError};
use super::keys::{KEYS, Key, sections};
use super::model::Settings;
use crate::nearest::nearest;

/// The settings that a file gives, and where each of its keys is.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) settings: Settings,
    pub(super) places: BTreeMap<String, Place>,
}

/// A file that is being read.
struct File<'a> {
    path: &'a str,
    text: &'a str,
}

/// Reads a file.
pub(super) fn read(path: &str, text: &str) -> Result<Given, SettingsError> {
    let file = File { path, text };
    let document = DeTable::parse(text).map_err(|error| {
        let problem = format!("this is no TOML: {}", error.message());
        file.error(error.span(), String::new(), problem)
    })?;
    let mut places = BTreeMap::new();
    for (section, table) in document.get_ref() {
        for name in table.get_ref().as_table().into_iter().flat_map(DeTable::keys) {
            let key = format!("{}.{}", section.get_ref(), name.get_ref());
            places.insert(key, file.place(name.span().start));
        }
    }
    let settings = serde_path_to_error::deserialize(Deserializer::from(document.clone()))
        .map_err(|error| file.explained(document.get_ref(), error.path()))?;
    Ok(Given { settings, places })
}

impl File<'_> {
    /// What is wrong with the value at a path.
    fn explained(&self, document: &DeTable<'_>, path: &Path) -> SettingsError {
        let steps: Vec<String> = path.iter().map(ToString::to_string).collect();
        let section = steps.first().map(String::as_str).unwrap_or_default();
        let Some((named, table)) = document.get_key_value(section) else {
            return self.error(None, section.to_owned(), "it cannot be read".to_owned());
        };
        if !sections().contains(&section) {
            return self.unknown(named.span(), section, "section", &sections());
        }
        let entries = table.get_ref().as_table();
        let name = steps.get(1).map(String::as_str).unwrap_or_default();
        let Some((named, value)) = entries.and_then(|entries| entries.get_key_value(name)) else {
            let found = described(table.get_ref());
            let problem =
                format!("expected a table, found {found}; write [{section}] above its keys");
            return self.error(Some(table.span()), section.to_owned(), problem);
        };
        let full = format!("{section}.{name}");
        let Some(key) = Key::find(&full) else {
            return self.unknown(named.span(), &full, "key", &names_of(section));
        };
        let inner = path.iter().skip(2).try_fold(value, step);
        let within = match inner.filter(|inner| inner.span() != value.span()) {
            Some(inner) => {
                format!(", in which {} is {}", steps[2..].join("."), described(inner.get_ref()))
            }
            None => String::new(),
        };
        let problem = format!(
            "expected {}, found {}{within}; write for example {}",
            key.is,
            described(value.get_ref()),
            key.line()
        );
        self.error(Some(inner.unwrap_or(value).span()), full, problem)
    }

    fn unknown(
        &self,
        span: Range<usize>,
        name: &str,
        what: &str,
        candidates: &[&str],
    ) -> SettingsError {
        let near = match nearest(name, candidates.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("expected one of {}", candidates.join(", ")),
        };
        self.error(Some(span), name.to_owned(), format!("there is no such {what}; {near}"))
    }

    fn error(&self, span: Option<Range<usize>>, key: String, problem: String) -> SettingsError {
        let place = span.map(|span| self.place(span.start));
        SettingsError { file: self.path.to_owned(), place, key, problem }
    }

    /// Where a position of the text is, for people.
    fn place(&self, position: usize) -> Place {
        let before = self.text.get(..position).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place { line, column }
    }
}

/// The value that a step of a path leads to.
fn step<'a, 'i>(
    value: &'a Spanned<DeValue<'i>>,
    segment: &Segment,
) -> Option<&'a Spanned<DeValue<'i>>> {
    match (value.get_ref(), segment) {
        (DeValue::Array(items), Segment::Seq { index }) => items.get(*index),
        (DeValue::Table(table), Segment::Map { key }) => table.get(key.as_str()),
        _ => None,
    }
}

/// The names of a section's keys.
fn names_of(section: &str) -> Vec<&'static str> {
    let of_section = KEYS.iter().filter(|key| key.parts().0 == section);
    of_section.map(|key| key.name.as_str()).collect()
}

/// A value for people: what it is, and how it is written where that is short.
fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a time".to_owned(),
        DeValue::Array(_) => "another list".to_owned(),
        DeValue::Table(_) => "another table".to_owned(),
    }
}
