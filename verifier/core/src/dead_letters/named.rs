//! Which messages a line is about, and which it merely mentions.
//!
//! A line of JSON says by its fields what it is about. In free text an id may be that of another message: of the one that is
//! waited for, that is answered, or that is a duplicate. So text alone tells no reason of a message.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::settings::OutcomeReader;

/// Fields of a message's id, as loggers name them: in small letters, without what joins words.
const MESSAGE_FIELDS: [&str; 2] = ["messageid", "sqsmessageid"];
/// Fields of a job's id.
const JOB_FIELDS: [&str; 1] = ["jobid"];
/// Below which fields loggers put those of a line.
const NESTED: [&str; 5] = ["fields", "message", "context", "extra", "record"];
/// Fields with the words of a line.
const WORDS: [&str; 5] = ["message", "msg", "errorMessage", "error", "err"];

/// Which of the messages that are asked about a line names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Those that it is about, by fields of its own.
    pub(super) own: BTreeSet<String>,
    /// Those that it mentions besides.
    pub(super) mentioned: BTreeSet<String>,
    /// The ids of others that it is about.
    pub(super) others: BTreeSet<String>,
}

/// The ids that stand in a line's own fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnIds {
    pub(super) messages: BTreeSet<String>,
    pub(super) jobs: BTreeSet<String>,
}

impl OwnIds {
    /// Those of a line; `None` for text, and for JSON that has no such field. Those that the settings name count, too. An event
    /// that is written as it was handed over names its records.
    pub(super) fn of(line: &str, reader: &OutcomeReader) -> Option<Self> {
        let at = line.find('{')?;
        // What stands before it is columns, and no words.
        let columns = &line[..at];
        (columns.trim().is_empty() || columns.contains('\t')).then_some(())?;
        let mut values = serde_json::Deserializer::from_str(&line[at..]).into_iter::<Value>();
        let value = values.next()?.ok()?;
        let root = value.as_object()?;
        let written: Option<Value> = root
            .get("message")
            .and_then(Value::as_str)
            .and_then(|text| serde_json::from_str(text.trim()).ok());
        let nested = NESTED.into_iter().filter_map(|name| root.get(name));
        let mut own = Self::default();
        for record in nested.chain(&written).filter_map(Value::as_object).chain([root]) {
            own.take(record, reader);
        }
        (own != Self::default()).then_some(own)
    }

    fn take(&mut self, record: &Map<String, Value>, reader: &OutcomeReader) {
        let (message_field, job_field) = reader.id_fields();
        let is = |name: &str, known: &[&str], field: Option<&str>| {
            known.contains(&plain(name).as_str()) || field == Some(name)
        };
        for (name, value) in record {
            let text = match value {
                Value::String(text) if !text.is_empty() => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => continue,
            };
            if is(name, &MESSAGE_FIELDS, message_field) {
                self.messages.insert(text);
            } else if is(name, &JOB_FIELDS, job_field) {
                self.jobs.insert(text);
            }
        }
        let records = record.get("Records").and_then(Value::as_array);
        let ids = records.into_iter().flatten().filter_map(|each| each.get("messageId")?.as_str());
        self.messages.extend(ids.map(str::to_owned));
    }
}

/// The words of a line, in which it may mention messages: what else stands in JSON relates to something that its field names.
pub(super) fn words_of(line: &str) -> Cow<'_, str> {
    let record: Option<Map<String, Value>> =
        line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten();
    match record {
        None => Cow::Borrowed(line),
        Some(record) => {
            let words = WORDS.into_iter().filter_map(|name| record.get(name)?.as_str());
            Cow::Owned(words.collect::<Vec<_>>().join(" "))
        }
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn a_line_is_about_what_its_own_fields_name() {
        let reader = Settings::default().outcomes.reader().unwrap();
        let of = |line: &str| {
            let own = OwnIds::of(line, &reader)?;
            Some((own.messages.into_iter().collect::<Vec<_>>(), own.jobs.into_iter().collect()))
        };
        let ids = |messages: &[&str], jobs: &[&str]| {
            let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
            Some((texts(messages), texts(jobs)))
        };
        for (line, expected) in [
            (r#"{"messageId":"b","relatedMessageId":"a"}"#, ids(&["b"], &[])),
            (r#"{"message_id":"b","jobId":7}"#, ids(&["b"], &["7"])),
            (r#"{"level":"INFO","fields":{"jobId":"j"}}"#, ids(&[], &["j"])),
            (r#"{"message":"{\"messageId\":\"b\"}"}"#, ids(&["b"], &[])),
            ("t\tr\tERROR\t{\"messageId\":\"b\"}", ids(&["b"], &[])),
            (r#"{"Records":[{"messageId":"b"},{"messageId":"c"}]}"#, ids(&["b", "c"], &[])),
            (r#"{"level":"ERROR","message":"bad","inReplyTo":"a"}"#, None),
            (r#"{"level":"ERROR","message":"bad","context":{"messageId":"b"}}"#, ids(&["b"], &[])),
            (r#"{"level":"ERROR","message":"bad","parent":{"messageId":"a"}}"#, None),
            (r#"cannot answer {"messageId":"a"}"#, None),
            ("[ERROR] a: no such customer", None),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
    }
}
