//! What a run found, for the views.

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_core::check::{JobTrace, Overall, Settled, Verdict};
use verifier_model::time::Timestamp;

use crate::shell::failure::Failure;

/// The result of a run.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) stack: String,
    pub(crate) region: Option<String>,
    pub(crate) run_id: String,
    pub(crate) overall: Overall,
    pub(crate) strict: bool,
    /// Every check of the catalogue, in its order.
    pub(crate) checks: Vec<Settled>,
    /// What became of each job.
    pub(crate) jobs: Vec<JobTrace>,
    pub(crate) started_at: Timestamp,
    pub(crate) wall: Duration,
    /// How much time passed for the stack; more than in real time when idle time was skipped.
    pub(crate) stack_time: Duration,
    pub(crate) calls: BTreeMap<String, u32>,
    /// How often AWS may be asked about a sound stack, by operation.
    pub(crate) call_budget: BTreeMap<&'static str, u32>,
    /// What may still be in the stack.
    pub(crate) left_behind: Vec<String>,
    /// Why the run ended early.
    pub(crate) stopped: Option<Failure>,
}

impl Report {
    /// How many checks have that verdict.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|settled| settled.evaluation.verdict == verdict).count()
    }

    /// How many requests AWS was sent.
    pub(crate) fn call_count(&self) -> u32 {
        self.calls.values().sum()
    }
}
