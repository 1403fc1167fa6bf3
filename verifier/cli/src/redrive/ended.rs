//! How a redrive ended.

use std::collections::BTreeMap;

use verifier_core::redrive::{Accounting, Ledger};

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
    /// How often each operation of AWS was called, at either end.
    pub(crate) calls: BTreeMap<String, u32>,
}
