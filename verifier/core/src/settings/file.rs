//! Reading a settings file: TOML, in which only the known keys may stand.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::error::SettingsError;
use super::keys::{KEYS, Key, sections};
use super::value::{Kind, Value};
use crate::nearest::nearest;

/// A value that a file gives.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: &'static Key,
    pub(super) value: Value,
    /// The line that the value begins at, counted from 1.
    pub(super) line: usize,
}

/// A file that is being read.
struct File<'a> {
    path: &'a str,
    text: &'a str,
}

/// Reads every value of a file.
pub(super) fn read(path: &str, text: &str) -> Result<Vec<Found>, SettingsError> {
    let file = File { path, text };
    let document = DeTable::parse(text).map_err(|error| {
        let problem = format!("this is no TOML: {}", error.message());
        file.error(error.span(), "", problem)
    })?;
    let mut all = Vec::new();
    for (section, table) in document.get_ref() {
        let name = section.get_ref();
        if !sections().contains(&name.as_ref()) {
            return Err(file.unknown(section.span(), name, "section", &sections()));
        }
        let DeValue::Table(table) = table.get_ref() else {
            let problem = format!("expected a table, found {}", described(table.get_ref()));
            return Err(file.error(Some(table.span()), name, problem));
        };
        all.extend(file.section(name, table)?);
    }
    Ok(all)
}

impl File<'_> {
    fn section(&self, section: &str, table: &DeTable<'_>) -> Result<Vec<Found>, SettingsError> {
        let mut all = Vec::new();
        for (name, value) in table {
            let full = format!("{section}.{}", name.get_ref());
            let Some(key) = Key::find(&full) else {
                return Err(self.unknown(name.span(), &full, "key", &names_of(section)));
            };
            let Some(read) = value_of(key.kind, value.get_ref()) else {
                let problem =
                    format!("expected {}, found {}", key.kind, described(value.get_ref()));
                return Err(self.error(Some(value.span()), &full, problem));
            };
            // A table below a header of its own begins at that header, which is where its key stands.
            let line = self.line(name.span().start);
            all.push(Found { key, value: read, line });
        }
        Ok(all)
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
        self.error(Some(span), name, format!("there is no such {what}; {near}"))
    }

    fn error(&self, span: Option<Range<usize>>, key: &str, problem: String) -> SettingsError {
        SettingsError {
            file: self.path.to_owned(),
            line: span.map(|span| self.line(span.start)),
            key: key.to_owned(),
            problem,
        }
    }

    fn line(&self, position: usize) -> usize {
        let before = self.text.as_bytes().iter().take(position);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}

/// The names of a section's keys.
fn names_of(section: &str) -> Vec<&'static str> {
    KEYS.iter().filter(|key| key.parts().0 == section).map(|key| key.name).collect()
}

/// The value, if it is of that kind.
fn value_of(kind: Kind, value: &DeValue<'_>) -> Option<Value> {
    let within = |least: u64, most: u64| {
        let number = number_of(value)?;
        (least..=most).contains(&number).then_some(Value::Number(number))
    };
    if let DeValue::Boolean(false) = value
        && matches!(kind, Kind::TextOrFalse | Kind::NumberOrFalse(..))
    {
        return Some(Value::Absent);
    }
    match kind {
        Kind::Text | Kind::TextOrFalse => {
            text_of(value).filter(|text| !text.trim().is_empty()).map(Value::Text)
        }
        Kind::Flag => {
            if let DeValue::Boolean(flag) = value {
                Some(Value::Flag(*flag))
            } else {
                None
            }
        }
        Kind::Number(least, most) | Kind::NumberOrFalse(least, most) => within(least, most),
        Kind::Texts => items(value, text_of).map(Value::Texts),
        Kind::Pairs => pairs_of(value).map(Value::Pairs),
        Kind::Tables(fields) => {
            let table = |item: &DeValue<'_>| {
                let pairs = pairs_of(item)?;
                let all = fields
                    .iter()
                    .all(|field| pairs.get(*field).is_some_and(|text| !text.trim().is_empty()));
                (all && pairs.len() == fields.len()).then_some(pairs)
            };
            items(value, table).map(Value::Tables)
        }
    }
}

fn items<T>(value: &DeValue<'_>, item: impl Fn(&DeValue<'_>) -> Option<T>) -> Option<Vec<T>> {
    let DeValue::Array(items) = value else { return None };
    items.iter().map(|each| item(each.get_ref())).collect()
}

fn text_of(value: &DeValue<'_>) -> Option<String> {
    if let DeValue::String(text) = value { Some(text.clone().into_owned()) } else { None }
}

fn number_of(value: &DeValue<'_>) -> Option<u64> {
    let DeValue::Integer(number) = value else { return None };
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn pairs_of(value: &DeValue<'_>) -> Option<BTreeMap<String, String>> {
    let DeValue::Table(table) = value else { return None };
    let pair = |(name, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = name.get_ref();
        Some((name.clone().into_owned(), text_of(value.get_ref())?))
    };
    table.iter().map(pair).collect()
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
