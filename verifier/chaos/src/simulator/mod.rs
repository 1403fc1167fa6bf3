//! The stack in-process, under virtual time.
//!
//! A discrete-event simulation: an agenda of what happens when, the core's own models of the queues and of the mapping, the
//! rules of a fault plan, and the functions as [`Parts`]. Nothing waits, and nothing is drawn from anywhere but the
//! schedule's seed, so equal schedules give equal histories to the byte.
//!
//! What an invocation does becomes visible when it ends.

mod agenda;
mod changes;
mod competing;
mod core;
mod functions;
mod mapping;
mod parts;
mod redrive;
mod reference;
mod run;
mod submits;

pub use parts::{Answer, Parts, Record, Redriver, Rules, Submit, Work, WorkEffect, Worker};
pub use reference::{ReferenceRedriver, ReferenceRules, ReferenceSubmit, ReferenceWorker};
pub use run::{DRAIN_MILLISECONDS, Limits, simulate, simulate_within};

#[cfg(any(test, feature = "seeded-bugs"))]
pub(crate) use reference::batch_response;
