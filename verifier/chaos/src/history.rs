//! Histories: what clients did and what was observed, one JSON object a line.
//!
//! The first line is the [`Header`]. Operations follow the convention of Jepsen: each begins with *invoke* and ends with
//! *ok* (it took place), *fail* (it provably did not), or *info* (nobody can say, as after a timeout); one that
//! does not end counts as *info*. The other lines are observations. Lines stand in the order of their times.

use std::borrow::Cow;
use std::io::{BufRead, Write};

use contract::Outcome;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use verifier_model::faults::Fault;

use super::anomaly::AnomalySet;
use super::change::Setting;
use super::id::Id;
use super::observation::Observation;

/// The version of the format.
pub const HISTORY_VERSION: u32 = 1;

/// A history.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Its first line.
    pub header: Header,
    /// The lines below the header. The first of them is the history's second line.
    pub lines: Vec<Line>,
}

/// What one has to know to evaluate a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// The version of the format: [`HISTORY_VERSION`].
    pub version: u32,
    /// The seed of what was run.
    pub seed: u64,
    /// What it was run against: `sim`, `local` or a stack.
    pub target: Cow<'static, str>,
    /// What the queue promises.
    pub terms: Terms,
    /// What the target observes without exception.
    pub observes: Cow<'static, [Observation]>,
    /// The anomalies that the experiment allows, besides those that its faults allow.
    #[serde(default)]
    pub allows: AnomalySet,
    /// What the run did not see that has to be for its result to count, each in a clause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_seen: Vec<String>,
}

#[cfg(test)]
impl Header {
    /// The header of an example: three receives, a minute apart, everything observed and nothing allowed.
    pub(super) fn sample() -> Self {
        Self {
            version: HISTORY_VERSION,
            seed: 7,
            target: "sim".into(),
            terms: Terms {
                max_receive_count: 3,
                visibility_timeout_milliseconds: 60_000,
                slack_milliseconds: 30_000,
                told_late_milliseconds: 0,
                changed_late_milliseconds: 0,
            },
            observes: Observation::ALL.into(),
            allows: AnomalySet::NONE,
            not_seen: Vec::new(),
        }
    }
}

/// What the jobs queue promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// How often a message is received before it is dead-lettered.
    pub max_receive_count: u32,
    /// How long a received message stays invisible, in milliseconds.
    pub visibility_timeout_milliseconds: u64,
    /// How much later than it is due something may happen, in milliseconds.
    pub slack_milliseconds: u64,
    /// Upper bound on log lag of a receive, in milliseconds: the worker's line comes after the batching window and the work. 0 where it is seen itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub told_late_milliseconds: u64,
    /// How much longer than it is told a changed setting may be in force, in milliseconds; 0 where a change is at once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub changed_late_milliseconds: u64,
}

// What serde asks takes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

// What serde asks takes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(milliseconds: &u64) -> bool {
    *milliseconds == 0
}

// What serde asks takes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero_rule(rule: &u32) -> bool {
    *rule == 0
}

/// A line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// When, in milliseconds since the run began.
    pub at: u64,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// A client begins an operation.
    Invoke {
        /// Names the operation.
        op: u64,
        /// What is to be done.
        operation: Operation,
    },
    /// The operation took place.
    Ok {
        /// The operation.
        op: u64,
        /// The id that the message got, if it was a submit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Id>,
    },
    /// The operation did not take place.
    Fail {
        /// The operation.
        op: u64,
        /// How that is known.
        reason: Cow<'static, str>,
    },
    /// Nobody can say whether the operation took place.
    Info {
        /// The operation.
        op: u64,
        /// What the client saw.
        reason: Cow<'static, str>,
    },
    /// The jobs queue keeps a message.
    Sent {
        /// Its id.
        message: Id,
        /// The job in its body; the message's id if there is none.
        job: Id,
    },
    /// A message was received.
    Received {
        /// From which queue.
        queue: Queue,
        /// The message.
        message: Id,
        /// The job in its body.
        job: Id,
        /// `ApproximateReceiveCount`, this receive included.
        receive_count: u32,
    },
    /// A batch was offered to a function that had no concurrency left.
    Throttled {
        /// Its messages; absent when the target cannot tell which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        messages: Option<Vec<Id>>,
    },
    /// The worker was invoked with a batch.
    Invoked {
        /// Lambda's request id.
        invocation: Id,
        /// The batch.
        messages: Vec<Id>,
    },
    /// An outcome line of the worker became readable. The same line may come twice.
    Attempt {
        /// Lambda's request id.
        invocation: Id,
        /// The message.
        message: Id,
        /// The job in its body.
        job: Id,
        /// How the attempt ended.
        outcome: Outcome,
        /// When it was written, in milliseconds since the run began, by the clock of whoever wrote it.
        logged_at: i64,
    },
    /// A side effect took place.
    Effect {
        /// The job.
        job: Id,
        /// The message that it was done for.
        message: Id,
        /// Which of the job's effects it is: each is to take place once.
        key: Id,
        /// What a store knows it again by: two effects with one token are one. Absent where each line is an effect that took
        /// place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Id>,
    },
    /// An invocation ended.
    Ended {
        /// Lambda's request id.
        invocation: Id,
        /// How.
        how: InvocationEnd,
        /// The messages that its answer named as failed, whether the mapping heeded that or not; absent where that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        named: Option<Vec<Id>>,
    },
    /// The mapping left a message of a batch in the queue, by what the invocation's end or response says.
    Kept {
        /// The invocation.
        invocation: Id,
        /// The message.
        message: Id,
    },
    /// A message left a queue for good.
    Deleted {
        /// From which queue.
        queue: Queue,
        /// The message.
        message: Id,
    },
    /// A message came into the dead-letter queue.
    DeadLettered {
        /// The message.
        message: Id,
        /// The job in its body.
        job: Id,
        /// What it holds.
        content: Content,
    },
    /// A redrive begins.
    RedriveStarted {
        /// The operation.
        op: u64,
        /// How many messages the dead-letter queue has.
        before: u64,
    },
    /// A copy of a dead-lettered message was put into the jobs queue.
    Moved {
        /// The message in the dead-letter queue.
        from: Id,
        /// The message in the jobs queue.
        to: Id,
        /// The job in its body.
        job: Id,
    },
    /// A redrive ended.
    RedriveEnded {
        /// The operation.
        op: u64,
        /// How many messages it says that it moved.
        moved: u64,
        /// How many the dead-letter queue still has.
        remaining: u64,
    },
    /// A fault struck.
    Fault {
        /// The fault.
        fault: Fault,
        /// At which operation.
        operation: Cow<'static, str>,
        /// The messages that it struck, if it struck any: one, or those of an invocation.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        messages: Vec<Id>,
        /// The rule that it was, counted from 1 in the experiment; 0 where that is not told.
        #[serde(default, skip_serializing_if = "is_zero_rule")]
        rule: u32,
    },
    /// A setting of the stack was changed.
    Changed {
        /// The setting, and what it is changed to.
        setting: Setting,
    },
    /// The run was ended before its time.
    Aborted {
        /// The condition that was met.
        condition: Cow<'static, str>,
    },
    /// Something that was changed for the experiment was restored.
    Undo {
        /// What.
        what: Cow<'static, str>,
    },
    /// The wait for everything to be processed ended.
    Drained {
        /// Whether nothing was left: neither in the jobs queue, nor in the hands of the worker, nor on its way to the log.
        complete: bool,
        /// How many messages the jobs queue still had.
        remaining: u64,
    },
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Operation {
    /// Submits a job.
    Submit {
        /// Its id.
        job: Id,
        /// What is to be expected of it.
        nature: Expectation,
        /// What a message with it holds.
        content: Content,
        /// At how many of its first receives a flaky job fails; absent where that is not declared.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fails: Option<u32>,
        /// Whether it may end the invocation that it is attempted in, and with it the others of its batch.
        #[serde(default, skip_serializing_if = "is_false")]
        ends_batch: bool,
    },
    /// Moves messages from the dead-letter queue back to the jobs queue.
    Redrive,
    /// Deletes whatever is in the jobs queue.
    Purge,
}

/// What is to be expected of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// The first attempt succeeds.
    Healthy,
    /// The first attempts fail, the others succeed.
    Flaky,
    /// Every attempt fails.
    Poison,
}

/// What a message holds, as SQS's own digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Content {
    /// `MD5OfMessageBody`; empty where it is not known what the message has to hold.
    pub md5_of_body: Id,
    /// `MD5OfMessageAttributes`; absent without attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5_of_attributes: Option<Id>,
}

impl Content {
    /// That of a message of which it is not known what it has to hold, as where a stack puts jobs into an envelope.
    pub fn unknown() -> Self {
        Self { md5_of_body: Id::from(""), md5_of_attributes: None }
    }

    /// Whether it is known.
    pub fn is_known(&self) -> bool {
        !self.md5_of_body.is_empty()
    }
}

/// One of the two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Queue {
    /// The queue that jobs are sent to.
    Jobs,
    /// Its dead-letter queue.
    DeadLetter,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvocationEnd {
    /// The function answered.
    Responded,
    /// The function reported an error.
    Errored,
    /// The function took longer than its timeout.
    TimedOut,
    /// The function's process ended.
    Crashed,
}

/// Why a history cannot be read. Lines are counted from 1, the header included.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// There is no line at all.
    #[error("the history is empty: its first line must be its header")]
    Empty,
    /// The first line is no header.
    #[error("line 1 of the history is not a header: {0}")]
    Header(serde_json::Error),
    /// A version that this program does not know.
    #[error("the history has version {0}, and only version {HISTORY_VERSION} can be read")]
    Version(u32),
    /// A line is not what it should be.
    #[error("line {line} of the history cannot be read: {problem}")]
    Line {
        /// Which.
        line: usize,
        /// What is wrong with it.
        problem: serde_json::Error,
    },
    /// A line is earlier than the one before it.
    #[error("line {line} of the history is at {at} ms, before the line above it at {before} ms")]
    Order {
        /// Which.
        line: usize,
        /// Its time.
        at: u64,
        /// The time of the line above it.
        before: u64,
    },
    /// The text could not be read or written.
    #[error("the history cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
}

impl History {
    /// The number of the line at that place in `lines`, as editors count.
    pub const fn line_number(index: usize) -> usize {
        index + 2
    }

    /// Reads a history. A blank line is refused like any other that is not one of a history.
    pub fn read(reader: impl BufRead) -> Result<Self, HistoryError> {
        let mut header = None;
        let mut lines: Vec<Line> = Vec::new();
        for (index, text) in reader.lines().enumerate() {
            let text = text?;
            if header.is_none() {
                header = Some(Self::read_header(&text)?);
                continue;
            }
            let number = index + 1;
            let line: Line = serde_json::from_str(&text)
                .map_err(|problem| HistoryError::Line { line: number, problem })?;
            let before = lines.last().map_or(0, |line| line.at);
            if line.at < before {
                return Err(HistoryError::Order { line: number, at: line.at, before });
            }
            lines.push(line);
        }
        header.map(|header| Self { header, lines }).ok_or(HistoryError::Empty)
    }

    /// The version is read first, so that a history of another version is told from a broken one.
    fn read_header(text: &str) -> Result<Header, HistoryError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_str(text).map_err(HistoryError::Header)?;
        if version != HISTORY_VERSION {
            return Err(HistoryError::Version(version));
        }
        serde_json::from_str(text).map_err(HistoryError::Header)
    }

    /// Writes the history, one line after another.
    pub fn write(&self, mut writer: impl Write) -> Result<(), HistoryError> {
        let into_io = |error: serde_json::Error| HistoryError::Io(error.into());
        serde_json::to_writer(&mut writer, &self.header).map_err(into_io)?;
        writer.write_all(b"\n")?;
        for line in &self.lines {
            serde_json::to_writer(&mut writer, line).map_err(into_io)?;
            writer.write_all(b"\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
