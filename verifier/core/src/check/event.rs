//! The events of a run: the one stream that every view is made from.

use verifier_model::time::Timestamp;

use super::{Check, Evaluation, JobTrace};

/// Something that happened during a run.
#[derive(Clone, Debug)]
pub enum CheckEvent {
    /// The run began.
    Started {
        /// The stack's name.
        stack: String,
        /// The run's id.
        run_id: String,
        /// When.
        at: Timestamp,
    },
    /// The run waits.
    Waiting(Wait),
    /// What has become of the run's jobs by now. It comes before the checks that evaluate them.
    Traced(Vec<JobTrace>),
    /// A check came to its verdict.
    Settled(Settled),
}

/// A wait: what for, when it is due, until when at most, and why that long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What is waited for.
    pub what: String,
    /// When it is expected.
    pub due_at: Timestamp,
    /// When waiting ends in any case.
    pub bound_at: Timestamp,
    /// Where the times come from.
    pub why: String,
    /// When the wait began.
    pub since: Timestamp,
}

/// A check with its verdict.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The check.
    pub check: &'static Check,
    /// What was concluded.
    pub evaluation: Evaluation,
    /// When.
    pub at: Timestamp,
}
