//! Comparing values with recordings.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Reads a recording.
pub(crate) fn recording(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Compares values with recordings; what a placeholder stood for once it stands for throughout.
#[derive(Default)]
pub(crate) struct Comparison {
    values: BTreeMap<String, String>,
}

impl Comparison {
    /// Checks a value of ours against the recorded one; `at` says where it stands.
    pub(crate) fn check(&mut self, recorded: &Value, ours: &Value, at: &str) {
        match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => self.check_object(recorded, ours, at),
            (Value::Array(recorded), Value::Array(ours)) => {
                assert_eq!(recorded.len(), ours.len(), "{at}: {ours:?}");
                for (index, (recorded, ours)) in recorded.iter().zip(ours).enumerate() {
                    self.check(recorded, ours, &format!("{at}[{index}]"));
                }
            }
            // A body that is JSON was recorded parsed.
            (Value::Object(_), Value::String(text)) => {
                let ours = serde_json::from_str(text).unwrap_or_else(|_| panic!("{at}: {text}"));
                self.check(recorded, &ours, at);
            }
            (Value::String(recorded), Value::String(ours)) => self.check_text(recorded, ours, at),
            _ => assert_eq!(recorded, ours, "{at}"),
        }
    }

    fn check_object(&mut self, recorded: &Map<String, Value>, ours: &Map<String, Value>, at: &str) {
        let names: BTreeSet<&String> = recorded.keys().chain(ours.keys()).collect();
        for name in names {
            let at = format!("{at}.{name}");
            match (recorded.get(name), ours.get(name)) {
                (Some(recorded), Some(ours)) => self.check(recorded, ours, &at),
                // Some recordings of messages without attributes have this member as null, others not at all.
                (None, Some(Value::Null)) if name == "md5OfMessageAttributes" => {}
                (recorded, ours) => panic!("{at}: recorded {recorded:?}, ours {ours:?}"),
            }
        }
    }

    /// A recorded value with what its placeholders stood for.
    pub(crate) fn fill_in(&self, recorded: &Value) -> Value {
        let text = recorded.to_string();
        let text = self.values.iter().fold(text, |text, (name, value)| text.replace(name, value));
        serde_json::from_str(&text).unwrap()
    }

    fn check_text(&mut self, recorded: &str, ours: &str, at: &str) {
        let is_whole_placeholder =
            recorded.starts_with('<') && recorded.find('>') == Some(recorded.len() - 1);
        if is_whole_placeholder || matches!(recorded, "sender-id" | "sent-timestamp" | "timestamp")
        {
            return self.check_placeholder(recorded, ours, at);
        }
        // Placeholders within a text, and the account, stand for any text without a separator.
        let pattern = recorded.replace("111111111111", "<account>");
        let mut rest = ours;
        for (index, part) in pattern.split('<').enumerate() {
            let literal = if index == 0 { part } else { part.split_once('>').unwrap().1 };
            let found = if index == 0 { rest.strip_prefix(literal) } else { after(rest, literal) };
            rest = found.unwrap_or_else(|| panic!("{at}: recorded {recorded}, ours {ours}"));
        }
        assert!(
            rest.is_empty() || pattern.ends_with('>'),
            "{at}: recorded {recorded}, ours {ours}"
        );
    }

    fn check_placeholder(&mut self, placeholder: &str, ours: &str, at: &str) {
        assert!(!ours.is_empty(), "{at}");
        let Some((kind, _)) = placeholder.split_once(':') else {
            return;
        };
        let kind = format!("{kind}:");
        let known = self.values.get(placeholder);
        assert!(
            known.is_none_or(|known| known == ours),
            "{at}: {placeholder} was {known:?}, ours {ours}"
        );
        let others = self.values.iter().filter(|(name, _)| name.starts_with(&kind));
        for (name, value) in others {
            assert!(
                name == placeholder || value != ours,
                "{at}: {name} and {placeholder} are both {ours}"
            );
        }
        self.values.insert(placeholder.to_owned(), ours.to_owned());
    }
}

/// What follows the first occurrence of the literal, of which something must stand before.
fn after<'t>(text: &'t str, literal: &str) -> Option<&'t str> {
    let first = text.chars().next()?;
    let found = text.get(first.len_utf8()..)?;
    if literal.is_empty() { Some("") } else { found.split_once(literal).map(|(_, rest)| rest) }
}
