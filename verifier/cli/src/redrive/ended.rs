//! How a redrive ended.

use std::collections::BTreeMap;

use verifier_core::redrive::{Accounting, Ledger, Plan, Unwritten};

use crate::shell::failure::Failure;

/// How a redrive ended.
pub(crate) struct Ended {
    /// Why it went no further; `None` when it is done.
    pub(crate) stopped: Option<String>,
    /// What could not be done, if that is why.
    pub(crate) failure: Option<Failure>,
    pub(crate) accounting: Accounting,
    /// What the journal says.
    pub(crate) ledger: Ledger,
    pub(crate) journal: String,
    /// What the journal lacks since it could not be written.
    pub(crate) unwritten: Unwritten,
    /// How often each operation of AWS was called, at either end.
    pub(crate) calls: BTreeMap<String, u32>,
}

/// A redrive that was asked for, and whose question was not answered with yes. It has no journal.
pub(crate) struct Declined {
    /// The ARN of the dead-letter queue.
    pub(crate) from: String,
    /// The ARN of the destination; empty where each message goes to the queue that it came from.
    pub(crate) to: String,
    /// How many messages the plan has.
    pub(crate) planned: u64,
}

impl Declined {
    pub(super) fn of(plan: &Plan) -> Self {
        let (from, to) = (plan.from.arn.clone(), plan.to.arn.clone());
        Self { from, to, planned: plan.messages.len() as u64 }
    }
}
