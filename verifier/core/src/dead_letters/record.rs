//! Dead letters in a file: one JSON document a line, and a last line that says how many there are.
//!
//! Each line has a checksum, and the last one counts, so that neither a changed line nor a file that was cut off is taken
//! for what was exported.
//!
//! A file that grows has a line behind each portion that counts so far. What it counts is on the disk; what stands behind
//! the last of them was being written when the process ended, and is left out. Without a last line such a file is readable,
//! and known not to be finished.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::DeadLetter;
use super::dead_letter::hex;

/// The schema of a line with a message.
pub const SCHEMA: &str = "verifier.dead-letter/1";
/// The schema of the line behind a portion.
pub const PORTION_SCHEMA: &str = "verifier.dead-letters.portion/1";
/// The schema of the last line.
pub const END_SCHEMA: &str = "verifier.dead-letters.end/1";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    schema: String,
    /// Of the message, as the JSON that stands in the line.
    sha256: String,
    message: DeadLetter,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    schema: String,
    count: u64,
}

/// A file of messages that cannot be taken for what was exported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A line is no JSON of that shape.
    #[error("line {line} is no dead letter: {problem}")]
    Malformed {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// A line is not what was written.
    #[error("line {line} was changed: its checksum is of something else")]
    Changed {
        /// The number of the line, from 1.
        line: u64,
    },
    /// The last line is not there.
    #[error(
        "the file is cut off after {count} messages: its last line, which counts them, is missing"
    )]
    CutOff {
        /// How many messages there are.
        count: u64,
    },
    /// The last line counts other than there are.
    #[error("the file holds {found} messages, and was written with {expected}")]
    Count {
        /// How many the last line says.
        expected: u64,
        /// How many there are.
        found: u64,
    },
}

/// A message's line, without the line feed.
pub fn line(message: &DeadLetter) -> String {
    let sha256 = checksum(message);
    to_json(&Line { schema: SCHEMA.to_owned(), sha256, message: message.clone() })
}

/// The line behind a portion of a file that holds so many messages then, without the line feed.
pub fn portion(count: u64) -> String {
    to_json(&End { schema: PORTION_SCHEMA.to_owned(), count })
}

/// The last line, without the line feed.
pub fn end(count: u64) -> String {
    to_json(&End { schema: END_SCHEMA.to_owned(), count })
}

fn to_json(value: &impl Serialize) -> String {
    // Maps have texts for keys and nothing else can fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn checksum(message: &DeadLetter) -> String {
    hex(&Sha256::digest(to_json(message)))
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// How many messages, from its beginning on.
    pub count: u64,
    /// Whether whoever wrote it came to the end. Without that, the process was ended, or the file was cut behind a portion.
    pub is_finished: bool,
}

/// Reads lines one after the other, so that a file need not fit into memory.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    lines: u64,
    count: u64,
    /// What the last portion's line counts.
    portion: Option<u64>,
    end: Option<u64>,
    /// What is wrong behind a portion. It matters only if more follows than what a process leaves that is ended.
    broken: Option<RecordError>,
}

/// A line.
enum Read {
    Message(Box<DeadLetter>),
    Portion(u64),
    End(u64),
}

impl Reader {
    /// The message of the next line; `None` for an empty line, and for one that counts.
    pub fn read(&mut self, text: &str) -> Result<Option<DeadLetter>, RecordError> {
        self.lines += 1;
        let line = self.lines;
        if text.trim().is_empty() {
            return Ok(None);
        }
        if self.end.is_some() {
            let problem = "it stands behind the last line".to_owned();
            return Err(RecordError::Malformed { line, problem });
        }
        // What was being written when the process ended has nothing behind it.
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        match read_line(line, text) {
            Ok(Read::Message(message)) => {
                self.count += 1;
                Ok(Some(*message))
            }
            Ok(Read::Portion(expected) | Read::End(expected)) if expected != self.count => {
                Err(RecordError::Count { expected, found: self.count })
            }
            Ok(Read::Portion(count)) => {
                self.portion = Some(count);
                Ok(None)
            }
            Ok(Read::End(count)) => {
                self.end = Some(count);
                Ok(None)
            }
            Err(error) if self.portion.is_some() => {
                self.broken = Some(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What the file holds; or that it is not what was written.
    pub fn finish(self) -> Result<Held, RecordError> {
        match (self.end, self.portion) {
            (Some(count), _) => Ok(Held { count, is_finished: true }),
            (None, Some(count)) => Ok(Held { count, is_finished: false }),
            (None, None) => Err(RecordError::CutOff { count: self.count }),
        }
    }
}

fn read_line(line: u64, text: &str) -> Result<Read, RecordError> {
    let malformed = |problem: String| RecordError::Malformed { line, problem };
    let value: Value = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
    let schema = value.get("schema").and_then(Value::as_str).unwrap_or("none").to_owned();
    let counted = |value: Value| {
        let end: Result<End, _> = serde_json::from_value(value);
        end.map(|end| end.count).map_err(|error| malformed(error.to_string()))
    };
    match schema.as_str() {
        SCHEMA => {}
        PORTION_SCHEMA => return counted(value).map(Read::Portion),
        END_SCHEMA => return counted(value).map(Read::End),
        other => {
            return Err(malformed(format!("expected the schema {SCHEMA}, found {other}")));
        }
    }
    let found: Line =
        serde_json::from_value(value).map_err(|error| malformed(error.to_string()))?;
    if checksum(&found.message) != found.sha256 {
        return Err(RecordError::Changed { line });
    }
    Ok(Read::Message(Box::new(found.message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str) -> String {
        line(&DeadLetter { message_id: id.to_owned(), ..DeadLetter::default() })
    }

    fn read(lines: &[String]) -> Result<(Vec<String>, Held), RecordError> {
        let mut reader = Reader::default();
        let mut ids = Vec::new();
        for line in lines {
            ids.extend(reader.read(line)?.map(|message| message.message_id));
        }
        Ok((ids, reader.finish()?))
    }

    #[test]
    fn what_stands_behind_the_last_portion_is_no_error_and_is_not_counted() {
        let whole = [message("a"), portion(1), message("b"), portion(2), end(2)];
        assert_eq!(read(&whole).unwrap().1, Held { count: 2, is_finished: true });
        // Killed at any place behind the first portion: also in the middle of a line.
        let torn = message("b")[..40].to_owned();
        for tail in [vec![], vec![message("b")], vec![torn.clone()], vec![message("b"), torn]] {
            let lines: Vec<String> = [message("a"), portion(1)].into_iter().chain(tail).collect();
            assert_eq!(read(&lines).unwrap().1, Held { count: 1, is_finished: false });
        }
    }

    #[test]
    fn what_was_changed_or_lost_before_the_last_portion_is_an_error() {
        let changed = message("b").replace("\"b\"", "\"c\"");
        let lines = [message("a"), portion(1), changed, portion(2)];
        assert_eq!(read(&lines), Err(RecordError::Changed { line: 3 }));
        let lost = [message("a"), portion(1), portion(2)];
        assert_eq!(read(&lost), Err(RecordError::Count { expected: 2, found: 1 }));
        let behind = [message("a"), end(1), portion(1)];
        assert!(matches!(read(&behind), Err(RecordError::Malformed { line: 3, .. })));
        assert_eq!(read(&[message("a")]), Err(RecordError::CutOff { count: 1 }));
    }
}
