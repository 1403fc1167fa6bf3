//! The values that settings have in a file.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde_json::json;

/// What may stand behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text that is not empty.
    Text,
    /// The same, or `false`: there is no such thing.
    TextOrFalse,
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds, or `false` for none.
    NumberOrFalse(u64, u64),
    /// A whole number within bounds.
    Number(u64, u64),
    /// A list of texts.
    Texts,
    /// A table from names to texts.
    Pairs,
    /// A list of tables, each with exactly these texts.
    Tables(&'static [&'static str]),
}

/// What stands behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `false` where something else may stand: there is none.
    Absent,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(u64),
    /// A text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// A table from names to texts.
    Pairs(BTreeMap<String, String>),
    /// A list of tables.
    Tables(Vec<BTreeMap<String, String>>),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a string"),
            Self::TextOrFalse => f.write_str("a string, or false"),
            Self::Flag => f.write_str("true or false"),
            Self::Number(least, most) => write!(f, "a whole number from {least} to {most}"),
            Self::NumberOrFalse(least, most) => {
                write!(f, "a whole number from {least} to {most}, or false")
            }
            Self::Texts => f.write_str("a list of strings"),
            Self::Pairs => f.write_str("a table of strings"),
            Self::Tables(fields) => {
                write!(f, "a list of tables, each with {}", fields.join(" and "))
            }
        }
    }
}

/// The value as TOML, as it could stand in a file.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = |pairs: &BTreeMap<String, String>| {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(name, text)| format!("{} = {}", bare(name), quoted(text)))
                .collect();
            if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
        };
        match self {
            Self::Absent => f.write_str("false"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Texts(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
                write!(f, "[{}]", texts.join(", "))
            }
            Self::Pairs(pairs) => f.write_str(&table(pairs)),
            Self::Tables(tables) => {
                let tables: Vec<String> = tables.iter().map(table).collect();
                write!(f, "[{}]", tables.join(", "))
            }
        }
    }
}

/// A name as a TOML key: bare where its characters allow.
fn bare(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// A TOML string: a literal one where that spares escapes.
///
/// Source: <https://toml.io/en/v1.0.0#string>.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c != '\'' && (c == '\t' || !c.is_control());
    if text.contains(['"', '\\']) && text.chars().all(is_plain) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

impl Value {
    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Absent => json!(false),
            Self::Flag(flag) => json!(flag),
            Self::Number(number) => json!(number),
            Self::Text(text) => json!(text),
            Self::Texts(texts) => json!(texts),
            Self::Pairs(pairs) => json!(pairs),
            Self::Tables(tables) => json!(tables),
        }
    }

    pub(super) fn text(self) -> String {
        self.optional_text().unwrap_or_default()
    }

    pub(super) fn optional_text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn flag(&self) -> bool {
        matches!(self, Self::Flag(true))
    }

    pub(super) fn number<N: TryFrom<u64>>(&self) -> Option<N> {
        if let Self::Number(number) = self { N::try_from(*number).ok() } else { None }
    }

    pub(super) fn texts(self) -> Vec<String> {
        if let Self::Texts(texts) = self { texts } else { Vec::new() }
    }

    pub(super) fn pairs(self) -> BTreeMap<String, String> {
        if let Self::Pairs(pairs) = self { pairs } else { BTreeMap::new() }
    }

    pub(super) fn tables(self) -> Vec<BTreeMap<String, String>> {
        if let Self::Tables(tables) = self { tables } else { Vec::new() }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&Option<String>> for Value {
    fn from(text: &Option<String>) -> Self {
        text.clone().map_or(Self::Absent, Self::Text)
    }
}

impl From<Option<u64>> for Value {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::Absent, Self::Number)
    }
}

impl From<&Vec<String>> for Value {
    fn from(texts: &Vec<String>) -> Self {
        Self::Texts(texts.clone())
    }
}

impl From<&BTreeMap<String, String>> for Value {
    fn from(pairs: &BTreeMap<String, String>) -> Self {
        Self::Pairs(pairs.clone())
    }
}
