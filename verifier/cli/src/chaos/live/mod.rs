//! A stack that is really there: deployed, or on an emulator.
//!
//! What an experiment does to it, anybody can do through AWS's ordinary APIs, and what is seen of it is what it shows outside.

mod breaking;
mod competing;
mod faults;
mod lease;
mod load;
mod observing;
mod preparing;
mod recorder;
mod redriving;
mod run;
pub(crate) mod stack;
mod steady;
mod tasks;
pub(crate) mod undo;
mod witness;

pub(crate) use run::{Guarded, is_named_after};
pub(crate) use stack::{Live, Where};
