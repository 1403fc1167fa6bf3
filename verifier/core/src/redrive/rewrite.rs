//! Changing a message on its way: its body by a JSON merge patch, and its attributes.
//!
//! A patch works on the text: whatever it does not name stays byte for byte, so that no number is rounded, and no key or
//! blank moves.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::IgnoredAny;
use serde_json::Value;
use thiserror::Error;

use crate::dead_letters::{Attribute, DeadLetter};

/// How many attributes a message may have.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
const ATTRIBUTES_MAX: usize = 10;

/// A message that cannot be changed as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RewriteError {
    /// Its body is no JSON.
    #[error("its body is no JSON, so that it cannot be patched: {0}")]
    NoJson(String),
    /// Its body is JSON, and no object: a merge patch would take its place.
    #[error(
        "its body is no JSON object but {0}, which a patch would replace as a whole (--patch-non-objects allows that)"
    )]
    NoObject(&'static str),
    /// Its body names a key several times, of which the patch names one.
    #[error(
        "its body has the key {0:?} several times, so that it is not clear which one the patch means"
    )]
    Ambiguous(String),
    /// It would have too many attributes.
    #[error("it would have more than {ATTRIBUTES_MAX} attributes")]
    Attributes,
    /// An attribute that is to be set holds bytes.
    #[error("its attribute {0} is binary, and is not set to a string")]
    Binary(String),
}

/// A JSON merge patch, as it was written.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc7396>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch(String);

/// A text that is no patch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatchError {
    /// It is no JSON.
    #[error("{0}")]
    Malformed(String),
    /// RFC 7396 says that it would take every body's place.
    #[error("expected a JSON object")]
    NoObject,
    /// It names a key several times.
    #[error("the key {0:?} is in it several times")]
    Ambiguous(String),
}

/// What is changed of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is changed in its body.
    pub patch: Option<Patch>,
    /// Whether a body that is JSON and no object may be replaced by the patch.
    pub patch_non_objects: bool,
    /// Attributes to set, or to remove where there is no value.
    pub attributes: BTreeMap<String, Option<String>>,
}

impl Patch {
    /// Reads one.
    pub fn read(text: &str) -> Result<Self, PatchError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| PatchError::Malformed(error.to_string()))?;
        if !value.is_object() {
            return Err(PatchError::NoObject);
        }
        let text = text.trim_matches(is_blank);
        check_keys(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// A body with the patch applied.
    fn apply(&self, body: &str, non_objects: bool) -> Result<String, RewriteError> {
        serde_json::from_str::<IgnoredAny>(body)
            .map_err(|error| RewriteError::NoJson(error.to_string()))?;
        let start = body.len() - body.trim_start_matches(is_blank).len();
        let end = body.trim_end_matches(is_blank).len();
        let value = &body[start..end];
        let patched = match kind(value) {
            "an object" => merge(value, &self.0)?,
            _ if non_objects => merge("{}", &self.0)?,
            other => return Err(RewriteError::NoObject(other)),
        };
        Ok([&body[..start], &patched, &body[end..]].concat())
    }
}

impl Changes {
    /// Whether nothing is changed.
    pub fn is_nothing(&self) -> bool {
        self.patch.is_none() && self.attributes.is_empty()
    }

    /// The message as it is sent.
    pub fn apply(&self, message: &DeadLetter) -> Result<DeadLetter, RewriteError> {
        let mut changed = message.clone();
        if let Some(patch) = &self.patch {
            changed.body = patch.apply(&message.body, self.patch_non_objects)?;
        }
        for (name, value) in &self.attributes {
            let Some(value) = value else {
                changed.attributes.remove(name);
                continue;
            };
            let attribute = changed
                .attributes
                .entry(name.clone())
                .or_insert_with(|| Attribute::text("String", value));
            if attribute.binary_value.is_some() {
                return Err(RewriteError::Binary(name.clone()));
            }
            attribute.string_value = Some(value.clone());
        }
        // One that has more already is not this change's business.
        if changed.attributes.len() > ATTRIBUTES_MAX.max(message.attributes.len()) {
            return Err(RewriteError::Attributes);
        }
        Ok(changed)
    }
}

/// A member of an object, by where it is in the text.
struct Member {
    /// `None` where the key is no text that can be compared.
    key: Option<String>,
    /// From the brace or the comma to the comma or the brace.
    all: Range<usize>,
    key_at: Range<usize>,
    value_at: Range<usize>,
}

/// An object with a patch applied. Both are JSON objects without blanks around them.
fn merge(object: &str, patch: &str) -> Result<String, RewriteError> {
    let members = members(object);
    let mut values: Vec<Option<String>> =
        members.iter().map(|member| Some(object[member.value_at.clone()].to_owned())).collect();
    let mut added = Vec::new();
    for change in self::members(patch) {
        let value = &patch[change.value_at.clone()];
        let named = |member: &&Member| member.key.is_some() && member.key == change.key;
        let at = members.iter().position(|member| named(&member));
        if members.iter().filter(named).count() > 1 {
            return Err(RewriteError::Ambiguous(change.key.unwrap_or_default()));
        }
        let before = at.map(|at| &object[members[at].value_at.clone()]);
        let after = match (kind(value), before) {
            ("null", _) => None,
            ("an object", Some(before)) if kind(before) == "an object" => {
                Some(merge(before, value)?)
            }
            ("an object", _) => Some(merge("{}", value)?),
            _ => Some(value.to_owned()),
        };
        match (at, after) {
            (Some(at), after) => values[at] = after,
            (None, Some(after)) => added.push((&patch[change.key_at.clone()], after)),
            (None, None) => {}
        }
    }
    Ok(written(object, &members, &values, &added))
}

/// The object with those values, and without the members that have none; new ones come last, spaced as the last one is.
fn written(
    object: &str,
    members: &[Member],
    values: &[Option<String>],
    added: &[(&str, String)],
) -> String {
    let blank = |range: Range<usize>| &object[range];
    let last = members.last();
    let lead = last.map_or("", |last| blank(last.all.start..last.key_at.start));
    let colon = last.map_or(":", |last| blank(last.key_at.end..last.value_at.start));
    let trail = last.map_or("", |last| blank(last.value_at.end..last.all.end));
    // On one line, blanks are behind colons and commas.
    let lead =
        if members.len() == 1 && lead.is_empty() && colon.ends_with(' ') { " " } else { lead };
    let kept = members.iter().zip(values).filter_map(|(member, value)| {
        let before = &object[member.all.start..member.value_at.start];
        let after = blank(member.value_at.end..member.all.end);
        value.as_ref().map(|value| (format!("{before}{value}"), after))
    });
    let added = added.iter().map(|(key, value)| (format!("{lead}{key}{colon}{value}"), trail));
    let mut all: Vec<(String, &str)> = kept.chain(added).collect();
    let count = all.len();
    let is_changed_at_the_end = values.last().is_none_or(Option::is_none) || count > members.len();
    for (index, (_, after)) in all.iter_mut().enumerate() {
        // What was before the brace still is, whichever member comes last now.
        if is_changed_at_the_end && index + 1 == count {
            *after = trail;
        } else if is_changed_at_the_end && index + 1 == members.len() {
            *after = "";
        }
    }
    let inner: Vec<String> = all.into_iter().map(|(text, after)| text + after).collect();
    if members.is_empty() && inner.is_empty() {
        return object.to_owned();
    }
    format!("{{{}}}", inner.join(","))
}

/// Refuses an object that has a key several times, at any depth.
fn check_keys(object: &str) -> Result<(), PatchError> {
    let mut seen = std::collections::BTreeSet::new();
    for member in members(object) {
        let key = member.key.unwrap_or_default();
        let value = &object[member.value_at];
        if kind(value) == "an object" {
            check_keys(value)?;
        }
        if !seen.insert(key.clone()) {
            return Err(PatchError::Ambiguous(key));
        }
    }
    Ok(())
}

/// The members of an object, whose text is JSON.
fn members(object: &str) -> Vec<Member> {
    let bytes = object.as_bytes();
    let mut members = Vec::new();
    let mut start = 1;
    while start < bytes.len() {
        let key_start = skip_blanks(bytes, start);
        if bytes.get(key_start) != Some(&b'"') {
            break;
        }
        let key_end = skip_value(bytes, key_start);
        let value_start = skip_blanks(bytes, skip_blanks(bytes, key_end) + 1);
        let value_end = skip_value(bytes, value_start);
        let end = skip_blanks(bytes, value_end);
        members.push(Member {
            key: serde_json::from_str(&object[key_start..key_end]).ok(),
            all: start..end,
            key_at: key_start..key_end,
            value_at: value_start..value_end,
        });
        start = end + 1;
        if bytes.get(end) != Some(&b',') {
            break;
        }
    }
    members
}

/// The value of an object's member as it is written; `None` where there is none of that key, or several are, or the text is no
/// JSON object without blanks around it.
pub(super) fn member_of<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    serde_json::from_str::<IgnoredAny>(object).ok().filter(|_| kind(object) == "an object")?;
    let members = members(object);
    let mut named = members.iter().filter(|member| member.key.as_deref() == Some(key));
    let value_at = named.next()?.value_at.clone();
    named.next().is_none().then(|| &object[value_at])
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| is_blank(char::from(*byte))) {
        at += 1;
    }
    at
}

/// Where the value ends that begins there.
fn skip_value(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = skip_string(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            // Behind the value of a member.
            b',' | b'}' | b']' | b':' if depth == 0 => return at,
            byte if depth == 0 && is_blank(char::from(*byte)) => return at,
            _ => at += 1,
        }
        let ends = depth == 0 && matches!(byte, b'"' | b'}' | b']');
        if ends {
            return at;
        }
    }
    at
}

fn skip_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// What a JSON value is, by how it begins.
fn kind(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    fn patched(body: &str, patch: &str) -> Result<String, RewriteError> {
        let changes = Changes { patch: Some(Patch::read(patch).unwrap()), ..Changes::default() };
        let message = DeadLetter { body: body.to_owned(), ..DeadLetter::default() };
        changes.apply(&message).map(|message| message.body)
    }

    #[test]
    fn what_is_not_named_stays_byte_for_byte() {
        for (body, patch, expected) in [
            (
                r#"{"z": 12345678901234567890123, "price": 1.10, "a": {"k": 1E+2}}"#,
                r#"{"fixed": true}"#,
                r#"{"z": 12345678901234567890123, "price": 1.10, "a": {"k": 1E+2}, "fixed": true}"#,
            ),
            (r#"{"a":1,"b":{"c":2}}"#, r#"{"a":null,"b":{"d":3}}"#, r#"{"b":{"c":2,"d":3}}"#),
            (r#"{"a": 1}"#, r#"{"b": 1.10}"#, r#"{"a": 1, "b": 1.10}"#),
            ("{\n  \"a\": 1\n}\n", r#"{"b":2}"#, "{\n  \"a\": 1,\n  \"b\": 2\n}\n"),
            ("{\n  \"a\": 1,\n  \"b\": 2\n}", r#"{"b":null}"#, "{\n  \"a\": 1\n}"),
            (
                r#" { "a" : "}\"," , "b":[{"a":1}] } "#,
                r#"{"a":"x"}"#,
                r#" { "a" : "x" , "b":[{"a":1}] } "#,
            ),
            ("{ }", "{}", "{ }"),
            ("{ }", r#"{"a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1}"#, r#"{"a":null}"#, "{}"),
            (r#"{"\u0061":1.0,"b":2}"#, r#"{"a":3}"#, r#"{"\u0061":3,"b":2}"#),
            (r#"{"a":[1, 2]}"#, r#"{"a":{"b":null,"c":{"d":null}}}"#, r#"{"a":{"c":{}}}"#),
            (r#"{"a":"\ud800"}"#, r#"{"b":1e999}"#, ""),
        ] {
            if expected.is_empty() {
                // A number that no reader takes is refused in a patch, and left alone in a body.
                assert!(Patch::read(patch).is_err());
                assert!(patched(body, r#"{"b":1}"#).unwrap().starts_with(&body[..9]));
                continue;
            }
            assert_eq!(patched(body, patch).unwrap(), expected, "{body} {patch}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused_unless_it_was_asked_for() {
        for (body, kind) in
            [("[1,2]", "an array"), ("\"text\"", "a string"), ("7", "a number"), ("null", "null")]
        {
            let refused = patched(body, r#"{"a":1}"#).unwrap_err();
            assert_eq!(refused, RewriteError::NoObject(kind));
            let changes = Changes {
                patch: Some(Patch::read(r#"{"a":1}"#).unwrap()),
                patch_non_objects: true,
                ..Changes::default()
            };
            let message = DeadLetter { body: body.to_owned(), ..DeadLetter::default() };
            assert_eq!(changes.apply(&message).unwrap().body, r#"{"a":1}"#);
            let text = DeadLetter { body: "no JSON".to_owned(), ..DeadLetter::default() };
            assert!(matches!(changes.apply(&text), Err(RewriteError::NoJson(_))));
        }
    }

    #[test]
    fn a_key_that_is_there_twice_is_not_guessed_at() {
        let twice = r#"{"a":1,"b":2,"a":3}"#;
        assert_eq!(patched(twice, r#"{"a":4}"#), Err(RewriteError::Ambiguous("a".to_owned())));
        assert_eq!(patched(twice, r#"{"b":4}"#).unwrap(), r#"{"a":1,"b":4,"a":3}"#);
        assert!(matches!(Patch::read(twice), Err(PatchError::Ambiguous(key)) if key == "a"));
        assert_eq!(Patch::read("[]"), Err(PatchError::NoObject));
        assert!(matches!(Patch::read("{"), Err(PatchError::Malformed(_))));
    }

    #[test]
    fn attributes_are_set_removed_and_counted() {
        let message = DeadLetter {
            attributes: BTreeMap::from([
                ("n".to_owned(), Attribute::text("Number.int", "1")),
                ("b".to_owned(), Attribute::binary("Binary", &[1])),
                ("old".to_owned(), Attribute::text("String", "x")),
            ]),
            body: "text".to_owned(),
            ..DeadLetter::default()
        };
        let change = |name: &str, value: Option<&str>| Changes {
            attributes: BTreeMap::from([(name.to_owned(), value.map(str::to_owned))]),
            ..Changes::default()
        };
        let set = change("n", Some("2")).apply(&message).unwrap();
        assert_eq!(set.attributes["n"], Attribute::text("Number.int", "2"));
        assert_eq!(set.body, message.body);
        let new = change("new", Some("2")).apply(&message).unwrap();
        assert_eq!(new.attributes["new"], Attribute::text("String", "2"));
        assert_eq!(change("old", None).apply(&message).unwrap().attributes.len(), 2);
        let binary = change("b", Some("2")).apply(&message).unwrap_err();
        assert_eq!(binary, RewriteError::Binary("b".to_owned()));
        let mut full = message;
        for number in full.attributes.len()..ATTRIBUTES_MAX {
            full.attributes.insert(format!("a{number}"), Attribute::text("String", "v"));
        }
        assert_eq!(change("one-more", Some("x")).apply(&full), Err(RewriteError::Attributes));
        assert!(change("n", Some("3")).apply(&full).is_ok());
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c\"\\\\{},:ü ]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Value::Object(Map::from_iter(map))),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[a-c]", value(), 0..4)
            .prop_map(|map| Value::Object(Map::from_iter(map)))
    }

    proptest! {
        #[test]
        fn it_means_what_the_rfc_says(body in object(), patch in object(), is_pretty in any::<bool>()) {
            let text = if is_pretty {
                serde_json::to_string_pretty(&body).unwrap()
            } else {
                body.to_string()
            };
            let found: Value = serde_json::from_str(&patched(&text, &patch.to_string()).unwrap()).unwrap();
            let mut expected = body;
            json_patch::merge(&mut expected, &patch);
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn a_patch_of_nothing_changes_nothing(body in object()) {
            let text = serde_json::to_string_pretty(&body).unwrap();
            prop_assert_eq!(patched(&text, "{}").unwrap(), text.clone());
            let absent = json!({"absent": null}).to_string();
            prop_assert_eq!(patched(&text, &absent).unwrap(), text);
        }
    }
}
