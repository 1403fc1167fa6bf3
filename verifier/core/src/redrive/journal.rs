//! What a redrive writes down: one JSON document a line, in the order in which things happen.
//!
//! A message goes through intent, sent and deleted. The intent is on the disk before the message is sent, and its new id
//! before the message is deleted, so that whenever the process ends, what may have happened is written down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use verifier_model::time::Timestamp;

use super::{Accounting, Bounce, Planned, QueueName, Terms};
use crate::dead_letters::DeadLetter;

/// The schema of a journal, which its first line names.
pub const SCHEMA: &str = "verifier.redrive.journal/1";

/// A message that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intended {
    /// The message's id.
    pub id: String,
    /// The message itself where something else is sent in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<DeadLetter>,
    /// How often it was redriven with this, where it has no room for the attribute that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrives: Option<u32>,
}

/// A message and the message that took its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The message's id.
    pub from: String,
    /// The message's id.
    pub to: String,
    /// The ARN of the queue that the message was sent to, where each goes to the queue that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Entry {
    /// The redrive began.
    Started {
        /// [`SCHEMA`].
        schema: String,
        /// Names the redrive.
        redrive: String,
        /// When.
        at: Timestamp,
        /// Who asked for it, by STS or else by the system's user name.
        who: String,
        /// Why, in the words of whoever asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// The dead-letter queue.
        from: QueueName,
        /// Where messages are sent; without a name where each is sent to the queue that it came from ([`Terms::sources`]).
        to: QueueName,
        /// How.
        terms: Box<Terms>,
    },
    /// Messages that are meant, where a plan names them.
    Planned {
        /// The messages.
        messages: Vec<Planned>,
    },
    /// The redrive was taken up again.
    Resumed {
        /// When.
        at: Timestamp,
        /// By whom.
        who: String,
        /// Whether what has bounced is sent again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        retry_bounced: bool,
    },
    /// A step of the ramp began.
    Step {
        /// Its number, from 1.
        number: usize,
        /// How many messages it may take.
        size: u64,
    },
    /// Messages are about to be sent.
    Intent {
        /// When.
        at: Timestamp,
        /// The messages.
        messages: Vec<Intended>,
    },
    /// Messages may have arrived or not, and the messages are sent again.
    Ambiguous {
        /// The messages' ids.
        ids: Vec<String>,
        /// Why it is not known.
        why: String,
    },
    /// Messages were offered to SQS until it was given up, and no answer said what became of them: they may have arrived up to
    /// that many times. The messages stay where they are.
    Unconfirmed {
        /// How often each was offered without an answer, by the messages' ids.
        messages: BTreeMap<String, u32>,
        /// Why it is not known.
        why: String,
    },
    /// SQS has confirmed messages.
    Sent {
        /// Which message became which message.
        messages: Vec<Pair>,
    },
    /// Messages were not sent, and stay where they are.
    NotSent {
        /// Their ids, each with the reason.
        messages: BTreeMap<String, String>,
    },
    /// Messages of FIFO queues were sent though one before them of their group was not.
    OutOfOrder {
        /// The messages' ids.
        ids: Vec<String>,
    },
    /// Messages were sent with a trace header that SQS did not say to have.
    TraceLost {
        /// The messages' ids.
        ids: Vec<String>,
    },
    /// Messages are not what was planned, and stay.
    Changed {
        /// Their ids.
        ids: Vec<String>,
    },
    /// Messages of a plan were looked for until all that was there had come, and were not among it.
    Missing {
        /// Their ids.
        ids: Vec<String>,
    },
    /// Messages of this redrive were found in the dead-letter queue that no step of a ramp has evaluated: they failed again.
    CameBack {
        /// The messages.
        bounced: Vec<Bounce>,
    },
    /// Messages that were sent are deleted, or were seen to be gone.
    Deleted {
        /// Their ids.
        ids: Vec<String>,
    },
    /// What has become of the messages of a step.
    Evaluated {
        /// The step's number.
        number: usize,
        /// How many succeeded.
        succeeded: u64,
        /// Of those, how many of which only that is known: they did not come back.
        #[serde(default)]
        by_absence: u64,
        /// Those that failed again.
        bounced: Vec<Bounce>,
        /// How many of which it is not known.
        unknown: u64,
    },
    /// The redrive is over, or stopped.
    Ended {
        /// When.
        at: Timestamp,
        /// Why it went no further; absent when it is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped: Option<String>,
        /// What became of everything.
        accounting: Accounting,
    },
}

/// How many bytes of a journal are whole lines. What is behind them was being written when the process ended.
pub fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}
