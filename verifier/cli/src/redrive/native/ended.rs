//! How watching a move task ended.

use std::collections::BTreeMap;

use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::Depth;
use verifier_core::redrive::{NativeStatus, NativeTask};

use crate::shell::exit::Exit;

/// Why a task is not watched any more though it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// By Ctrl-C.
    Interrupted,
    /// The deadline has come.
    Deadline,
}

/// A task that was asked for, and whose question was not answered with yes.
pub(crate) struct Declined {
    /// The dead-letter queue.
    pub(crate) source: QueueEvidence,
    /// The ARN of the destination, where one was named.
    pub(crate) destination: Option<String>,
    pub(crate) rate: Option<u32>,
}

/// A move task when it was last looked at.
pub(crate) struct Native {
    /// The dead-letter queue.
    pub(crate) source: QueueEvidence,
    /// `None` when SQS has not listed it yet.
    pub(crate) task: Option<NativeTask>,
    /// Whether it was to be cancelled.
    pub(crate) is_cancelled: bool,
    /// How many messages may be left in the dead-letter queue, by its counts after a task that is over.
    pub(crate) rest: Option<Depth>,
    /// Set when it goes on unwatched.
    pub(crate) left: Option<Left>,
    /// How often each operation of AWS was called.
    pub(crate) calls: BTreeMap<String, u32>,
}

impl Native {
    /// Whether a task that SQS calls completed may have left messages where they were.
    pub(crate) fn is_something_left(&self) -> bool {
        self.rest.is_some_and(|rest| rest.total() > 0)
    }

    /// How the process ends. Who asked for the cancellation got what was asked for.
    pub(crate) fn exit(&self) -> Exit {
        let status = self.task.as_ref().map(|task| &task.status);
        match (self.left, status) {
            (Some(Left::Interrupted), _) => Exit::Interrupted,
            (None, None) => Exit::Inconclusive,
            (None, Some(NativeStatus::Completed)) if self.is_something_left() => Exit::Stopped,
            (None, Some(NativeStatus::Completed)) => Exit::Passed,
            (None, Some(NativeStatus::Cancelled)) if self.is_cancelled => Exit::Passed,
            (Some(Left::Deadline), _) | (None, Some(_)) => Exit::Stopped,
        }
    }
}
