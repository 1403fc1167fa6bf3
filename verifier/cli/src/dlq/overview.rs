//! The dead-letter queues of an account and region.

use std::collections::BTreeMap;

use verifier_core::dead_letters::{DeadLetterQueue, Expiry};
use verifier_model::time::Timestamp;

/// A row of the table.
pub(crate) struct Row {
    pub(crate) queue: DeadLetterQueue,
    pub(crate) expiry: Expiry,
    /// The names of its alarms; `None` where they cannot be asked for.
    pub(crate) alarms: Option<Vec<String>>,
    /// Why the queue itself could not be asked: whether it is there, and what is in it, is not known.
    pub(crate) not_asked: Option<String>,
    /// Why its messages were not looked at, where that was asked for.
    pub(crate) not_looked_at: Option<String>,
}

/// The dead-letter queues of an account and region.
pub(crate) struct Overview {
    pub(crate) account: Option<String>,
    pub(crate) region: String,
    pub(crate) at: Timestamp,
    /// How many queues there are in all.
    pub(crate) queues: usize,
    pub(crate) rows: Vec<Row>,
    /// Queues that could not be asked, each with the reason.
    pub(crate) not_asked: Vec<(String, String)>,
    /// Why it is not known of all queues which alarms watch them.
    pub(crate) alarms_not_asked: Option<String>,
    /// Why it is not known of all functions where they put what they have failed.
    pub(crate) functions_not_asked: Option<String>,
    pub(crate) calls: BTreeMap<String, u32>,
}
