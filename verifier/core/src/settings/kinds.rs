//! What may stand behind a key of a settings file, where Rust's own types say too little: each reads, writes and describes it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::submit::Submit;

/// A string that is not blank.
pub(super) struct Text;

/// The same, or `false`: there is no such thing.
pub(super) struct TextOrFalse;

/// A whole number within bounds.
pub(super) struct Whole<const LEAST: u64, const MOST: u64>;

/// The same, or `false` for none.
pub(super) struct WholeOrFalse<const LEAST: u64, const MOST: u64>;

impl Text {
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        not_blank(String::deserialize(from)?)
    }

    pub(super) fn serialize<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }
}

impl TextOrFalse {
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<String>, D::Error> {
        OrFalse::<String>::deserialize(from)?.value()?.map(not_blank).transpose()
    }

    #[allow(clippy::ref_option, reason = "serde hands the field over so")]
    pub(super) fn serialize<S: Serializer>(
        text: &Option<String>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        or_false(text.as_ref(), to)
    }
}

impl<const LEAST: u64, const MOST: u64> Whole<LEAST, MOST> {
    pub(super) fn deserialize<'de, D: Deserializer<'de>, N: TryFrom<u64>>(
        from: D,
    ) -> Result<N, D::Error> {
        within(u64::deserialize(from)?, LEAST, MOST)
    }

    pub(super) fn serialize<S: Serializer, N: Serialize>(
        number: &N,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        number.serialize(to)
    }
}

impl<const LEAST: u64, const MOST: u64> WholeOrFalse<LEAST, MOST> {
    pub(super) fn deserialize<'de, D: Deserializer<'de>, N: TryFrom<u64>>(
        from: D,
    ) -> Result<Option<N>, D::Error> {
        let number = OrFalse::<u64>::deserialize(from)?.value()?;
        number.map(|number| within(number, LEAST, MOST)).transpose()
    }

    #[allow(clippy::ref_option, reason = "serde hands the field over so")]
    pub(super) fn serialize<S: Serializer, N: Serialize>(
        number: &Option<N>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        or_false(number.as_ref(), to)
    }
}

fn or_false<S: Serializer, T: Serialize>(value: Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(to),
        None => to.serialize_bool(false),
    }
}

/// A value, or `false` for none.
#[derive(Deserialize)]
#[serde(untagged)]
enum OrFalse<T> {
    Flag(bool),
    Value(T),
}

impl<T> OrFalse<T> {
    fn value<E: Error>(self) -> Result<Option<T>, E> {
        match self {
            Self::Flag(false) => Ok(None),
            Self::Flag(true) => Err(E::invalid_value(Unexpected::Bool(true), &"false")),
            Self::Value(value) => Ok(Some(value)),
        }
    }
}

/// A string, unless it is blank.
fn not_blank<E: Error>(text: String) -> Result<String, E> {
    if text.trim().is_empty() {
        return Err(E::invalid_value(Unexpected::Str(&text), &"a string"));
    }
    Ok(text)
}

/// A number, if it is within bounds.
fn within<E: Error, N: TryFrom<u64>>(number: u64, least: u64, most: u64) -> Result<N, E> {
    let is_within = (least..=most).contains(&number);
    let fitting = N::try_from(number).ok().filter(|_| is_within);
    fitting.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &"a number within bounds"))
}

macro_rules! schema {
    ([$($generics:tt)*] $type:ty, $name:literal, $schema:expr) => {
        impl<$($generics)*> JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema!([] Submit, "Submit", json_schema!({ "type": "string", "enum": ["http", "sqs"] }));
schema!([] Text, "Text", json_schema!({ "type": "string", "pattern": "\\S" }));
schema!([] TextOrFalse, "TextOrFalse", json_schema!({
    "anyOf": [{ "type": "string", "pattern": "\\S" }, { "const": false }]
}));
schema!([const LEAST: u64, const MOST: u64] Whole<LEAST, MOST>, "Whole", json_schema!({
    "type": "integer", "minimum": LEAST, "maximum": MOST
}));
schema!([const LEAST: u64, const MOST: u64] WholeOrFalse<LEAST, MOST>, "WholeOrFalse", json_schema!({
    "anyOf": [{ "type": "integer", "minimum": LEAST, "maximum": MOST }, { "const": false }]
}));
