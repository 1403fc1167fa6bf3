//! Putting a stack back as it was.
//!
//! Whatever an experiment changes about a stack is a [`verifier_core::experiment::ResourceRef`] of it with a [`verifier_core::experiment::ResourceConfig`]. Before the first change of a part,
//! how it was is written down, so that whoever reads the journal later, after whatever has happened, can restore it. What a
//! part has to be while settings are changed follows from how it was and from the settings, not from the order in which they
//! came and went. What somebody else has changed meanwhile is left: see [`merge()`].

mod desired;
mod journal;
mod lease;
mod merge;
mod parts;
mod rollback;

pub use desired::{desired, is_changed};
pub use journal::{Saved, Started, UNDO_SCHEMA, UndoEntry, UndoError, UndoLedger};
pub use lease::{
    ClaimReadings, Claimed, Held, HeldReadings, LEASE_EVERY, LEASE_LOST_AFTER, LEASE_READS_WITHIN,
    LEASE_SETTLES,
};
pub use merge::{Difference, Merged, merge, still_set};
pub use parts::Parts as StackParts;
pub use rollback::{Found, Refusal, Standing, Way, way};
