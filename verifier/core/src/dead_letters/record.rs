//! Dead letters in a file: one JSON document a line, and a last line that says how many there are.
//!
//! Each line has a checksum, and the last one counts, so that neither a changed line nor a file that was cut off is taken
//! for what was exported.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::DeadLetter;
use super::dead_letter::hex;

/// The schema of a line with a message.
pub const SCHEMA: &str = "verifier.dead-letter/1";
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

/// Reads lines one after the other, so that a file need not fit into memory.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    lines: u64,
    count: u64,
    end: Option<u64>,
}

impl Reader {
    /// The message of the next line; `None` for an empty line and for the last one.
    pub fn read(&mut self, text: &str) -> Result<Option<DeadLetter>, RecordError> {
        self.lines += 1;
        let line = self.lines;
        let malformed = |problem: String| RecordError::Malformed { line, problem };
        if text.trim().is_empty() {
            return Ok(None);
        }
        if self.end.is_some() {
            return Err(malformed("it stands behind the last line".to_owned()));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        match value.get("schema").and_then(Value::as_str) {
            Some(SCHEMA) => {}
            Some(END_SCHEMA) => {
                let end: End =
                    serde_json::from_value(value).map_err(|error| malformed(error.to_string()))?;
                self.end = Some(end.count);
                return Ok(None);
            }
            other => {
                let other = other.unwrap_or("none");
                return Err(malformed(format!("expected the schema {SCHEMA}, found {other}")));
            }
        }
        let found: Line =
            serde_json::from_value(value).map_err(|error| malformed(error.to_string()))?;
        if checksum(&found.message) != found.sha256 {
            return Err(RecordError::Changed { line });
        }
        self.count += 1;
        Ok(Some(found.message))
    }

    /// That all was read which was written; says how many messages.
    pub fn finish(self) -> Result<u64, RecordError> {
        match self.end {
            None => Err(RecordError::CutOff { count: self.count }),
            Some(expected) if expected != self.count => {
                Err(RecordError::Count { expected, found: self.count })
            }
            Some(count) => Ok(count),
        }
    }
}
