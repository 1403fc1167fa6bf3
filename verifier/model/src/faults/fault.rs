//! What can go wrong.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::sqs::ReceiveFault;

/// A fault. Times are stack time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The request is answered with an error of AWS's.
    Error {
        /// The HTTP status; 400 to 599.
        status: u16,
        /// The error's code, for example `RequestThrottled`.
        code: String,
        /// The error's message.
        #[serde(default)]
        message: String,
        /// Whether the operation is carried out all the same.
        commit: Commit,
    },
    /// The connection is closed without an answer: to the client, a timeout.
    Disconnect {
        /// Whether the operation is carried out all the same.
        commit: Commit,
    },
    /// The answer takes longer.
    Latency {
        /// By how much.
        milliseconds: u64,
    },
    /// An entry of a batch is in `Failed`.
    FailEntry {
        /// The entry's error code.
        code: String,
        /// Whether the entry is carried out all the same.
        commit: Commit,
        /// Whether the entry blames the sender.
        #[serde(default)]
        sender_fault: bool,
    },
    /// A message becomes available later than it should; on standard queues, at most 900 s.
    DelayedDelivery {
        /// By how much.
        milliseconds: u64,
    },
    /// A receive does not find the message, as if it asked servers that do not have it.
    EmptyReceive {
        /// How long receives do not find it.
        milliseconds: u64,
    },
    /// A message that came later overtakes this one.
    Reorder,
    /// A second copy of the message, with the same id, stays in the queue.
    DuplicateDelivery,
    /// The message becomes visible again while its receiver still holds it.
    VisibilityExpires {
        /// How long after the receive.
        milliseconds: u64,
    },
    /// SQS counts receives that no consumer saw.
    ReceiveCountDrift {
        /// How many; 1 or more.
        by: u32,
    },
    /// The message goes to the dead-letter queue before it was received often enough.
    EarlyMove,
    /// The message is received once more although it should go to the dead-letter queue.
    LateMove,
    /// A delete is answered as if it had succeeded, and the message stays.
    DeleteLost,
    /// The counts among a queue's attributes are old.
    StaleCounts {
        /// How old at most.
        milliseconds: u64,
    },
    /// The times that messages and log events show are off.
    ClockSkew {
        /// By how much; behind, if negative.
        milliseconds: i64,
    },
    /// Lambda has no concurrency left for the function.
    Throttle,
    /// The function's process is killed.
    Crash {
        /// When.
        at: CrashPoint,
    },
    /// The function's process is stopped when it has received the invocation, and goes on later.
    Freeze {
        /// How long it is stopped.
        milliseconds: u64,
    },
    /// No warm environment is used, and a new one takes longer to start.
    ColdStart {
        /// By how much longer.
        milliseconds: u64,
    },
    /// The function runs, and another answer arrives than it gave.
    Answer {
        /// What arrives, as text; need not be JSON.
        payload: String,
    },
    /// A log event becomes readable later.
    LogLate {
        /// By how much.
        milliseconds: u64,
    },
    /// A log event never becomes readable.
    LogLost,
    /// A log event is there twice.
    LogDoubled,
    /// Only the beginning of a log event is kept.
    LogTruncated {
        /// How many bytes of it.
        bytes: usize,
    },
}

/// Whether an operation whose answer is lost or wrong was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Commit {
    /// It was not: the fault came before.
    Before,
    /// It was: the fault came after.
    After,
}

/// When a function's process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrashPoint {
    /// Before the function sees the invocation.
    BeforeEffect,
    /// When it has done its work, and its answer is lost.
    AfterEffect,
    /// When its answer has arrived.
    AfterResponse,
}

/// At which boundary a fault strikes. One rule decides at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Between a client and a service or API.
    Transport,
    /// At one entry of a batch.
    Entry,
    /// When a message enters a queue.
    Send,
    /// When it is a message's turn in a receive.
    Delivery,
    /// When a message is deleted.
    Delete,
    /// When a queue's counts are asked for.
    Counts,
    /// When a message or a log event is shown.
    Clock,
    /// When a function is invoked.
    Invocation,
    /// When a log event is written.
    Log,
}

impl Fault {
    /// Reads a fault, and refuses what it does not know. The derived reader does not, at the kinds without fields.
    pub(super) fn deserialize_strictly<'de, D>(deserializer: D) -> Result<Self, D::Error>
    where
        D: Deserializer<'de>,
    {
        let given = Map::deserialize(deserializer)?;
        let fault: Self =
            serde_json::from_value(Value::Object(given.clone())).map_err(D::Error::custom)?;
        let known = serde_json::to_value(&fault).map_err(D::Error::custom)?;
        match given.keys().find(|name| known.get(name.as_str()).is_none()) {
            Some(name) => Err(D::Error::custom(format_args!("unknown field `{name}`"))),
            None => Ok(fault),
        }
    }

    /// At which boundary it strikes.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Error { .. } | Self::Disconnect { .. } | Self::Latency { .. } => Stage::Transport,
            Self::FailEntry { .. } => Stage::Entry,
            Self::DelayedDelivery { .. } => Stage::Send,
            Self::EmptyReceive { .. }
            | Self::Reorder
            | Self::DuplicateDelivery
            | Self::VisibilityExpires { .. }
            | Self::ReceiveCountDrift { .. }
            | Self::EarlyMove
            | Self::LateMove => Stage::Delivery,
            Self::DeleteLost => Stage::Delete,
            Self::StaleCounts { .. } => Stage::Counts,
            Self::ClockSkew { .. } => Stage::Clock,
            Self::Throttle
            | Self::Crash { .. }
            | Self::Freeze { .. }
            | Self::ColdStart { .. }
            | Self::Answer { .. } => Stage::Invocation,
            Self::LogLate { .. } | Self::LogLost | Self::LogDoubled | Self::LogTruncated { .. } => {
                Stage::Log
            }
        }
    }

    /// How long it goes on once it has struck, in milliseconds; 0 where it is over at once.
    pub const fn lasts_milliseconds(&self) -> u64 {
        match self {
            Self::Latency { milliseconds }
            | Self::DelayedDelivery { milliseconds }
            | Self::EmptyReceive { milliseconds }
            | Self::VisibilityExpires { milliseconds }
            | Self::StaleCounts { milliseconds }
            | Self::Freeze { milliseconds }
            | Self::ColdStart { milliseconds }
            | Self::LogLate { milliseconds } => *milliseconds,
            _ => 0,
        }
    }

    /// What it does to a message whose turn it is in a receive.
    pub fn delivery(&self) -> ReceiveFault {
        match self {
            Self::EmptyReceive { milliseconds } => {
                ReceiveFault::Deferred(Duration::from_millis(*milliseconds))
            }
            // Just behind all that came until now.
            Self::Reorder => ReceiveFault::Deferred(Duration::from_millis(1)),
            Self::DuplicateDelivery => ReceiveFault::Duplicated,
            Self::VisibilityExpires { milliseconds } => {
                ReceiveFault::VisibleAfter(Duration::from_millis(*milliseconds))
            }
            Self::ReceiveCountDrift { by } => ReceiveFault::Miscounted(*by),
            Self::EarlyMove => ReceiveFault::MovedEarly,
            Self::LateMove => ReceiveFault::MovedLate,
            _ => ReceiveFault::Regular,
        }
    }

    /// What is wrong with its figures, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        let longest = Duration::from_hours(24 * 14);
        match self {
            Self::Error { status, .. } if !(400..=599).contains(status) => {
                Some(format!("an error has a status from 400 to 599, found {status}"))
            }
            Self::ReceiveCountDrift { by: 0 } => Some("a drift by 0 is none".to_owned()),
            _ if Duration::from_millis(self.lasts_milliseconds()) > longest => {
                Some(format!("{} ms are more than 14 days", self.lasts_milliseconds()))
            }
            _ => None,
        }
    }
}

/// Names the kinds of faults.
macro_rules! kinds {
    ($($variant:ident = $kind:literal,)+) => {
        impl Fault {
            /// Every kind, by its name in files.
            pub const KINDS: &[&str] = &[$($kind),+];

            /// Its kind, by its name in files.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $kind,)+
                }
            }
        }
    };
}

kinds! {
    Error = "error",
    Disconnect = "disconnect",
    Latency = "latency",
    FailEntry = "fail-entry",
    DelayedDelivery = "delayed-delivery",
    EmptyReceive = "empty-receive",
    Reorder = "reorder",
    DuplicateDelivery = "duplicate-delivery",
    VisibilityExpires = "visibility-expires",
    ReceiveCountDrift = "receive-count-drift",
    EarlyMove = "early-move",
    LateMove = "late-move",
    DeleteLost = "delete-lost",
    StaleCounts = "stale-counts",
    ClockSkew = "clock-skew",
    Throttle = "throttle",
    Crash = "crash",
    Freeze = "freeze",
    ColdStart = "cold-start",
    Answer = "answer",
    LogLate = "log-late",
    LogLost = "log-lost",
    LogDoubled = "log-doubled",
    LogTruncated = "log-truncated",
}

impl Stage {
    /// The operations at which it comes up; `None` if it is every one.
    pub fn operations(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Transport => None,
            Self::Entry => {
                Some(&["SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"])
            }
            Self::Send => Some(&["SendMessage", "SendMessageBatch"]),
            Self::Delivery => Some(&["ReceiveMessage"]),
            Self::Delete => Some(&["DeleteMessage", "DeleteMessageBatch"]),
            Self::Counts => Some(&["GetQueueAttributes"]),
            Self::Clock => Some(&["ReceiveMessage", "PutLogEvents"]),
            Self::Invocation => Some(&["Invoke"]),
            Self::Log => Some(&["PutLogEvents"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_the_names_in_files() {
        for text in [
            r#"{"kind":"error","status":500,"code":"x","commit":"after"}"#,
            r#"{"kind":"disconnect","commit":"before"}"#,
            r#"{"kind":"latency","milliseconds":1}"#,
            r#"{"kind":"fail-entry","code":"x","commit":"after"}"#,
            r#"{"kind":"delayed-delivery","milliseconds":1}"#,
            r#"{"kind":"empty-receive","milliseconds":1}"#,
            r#"{"kind":"reorder"}"#,
            r#"{"kind":"duplicate-delivery"}"#,
            r#"{"kind":"visibility-expires","milliseconds":1}"#,
            r#"{"kind":"receive-count-drift","by":1}"#,
            r#"{"kind":"early-move"}"#,
            r#"{"kind":"late-move"}"#,
            r#"{"kind":"delete-lost"}"#,
            r#"{"kind":"stale-counts","milliseconds":1}"#,
            r#"{"kind":"clock-skew","milliseconds":1}"#,
            r#"{"kind":"throttle"}"#,
            r#"{"kind":"crash","at":"before-effect"}"#,
            r#"{"kind":"freeze","milliseconds":1}"#,
            r#"{"kind":"cold-start","milliseconds":1}"#,
            r#"{"kind":"answer","payload":""}"#,
            r#"{"kind":"log-late","milliseconds":1}"#,
            r#"{"kind":"log-lost"}"#,
            r#"{"kind":"log-doubled"}"#,
            r#"{"kind":"log-truncated","bytes":1}"#,
        ] {
            let fault: Fault = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_value(&fault).unwrap()["kind"], fault.kind());
        }
    }
}
