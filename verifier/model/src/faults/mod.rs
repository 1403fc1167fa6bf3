//! Faults on purpose: what may go wrong at which boundary, and the rules that say when.
//!
//! A [`FaultPlan`] is a list of rules and a seed. At every boundary the emulator and the simulator describe what is
//! about to happen as a [`Happening`] and ask the plan; the first rule that matches decides. Equal plans decide equal
//! sequences of happenings equally, so a run with faults can be repeated.

mod fault;
mod happening;
mod plan;
mod rule;

pub use fault::{Commit, CrashPoint, Fault, Stage};
pub use happening::{Caller, Happening};
pub use plan::{FaultPlan, RuleReport};
pub use rule::{CountBy, FaultPlanError, FaultRule, FaultRules, Nth};
