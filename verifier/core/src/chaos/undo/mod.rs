//! Putting a stack back as it was.
//!
//! Whatever an experiment changes about a stack is a [`Part`] of it with a [`Configuration`]. Before the first change of a part,
//! how it was is written down, so that whoever reads the journal later, after whatever has happened, can put it back. What a
//! part has to be while settings are changed follows from how it was and from the settings, not from the order in which they
//! came and went. What somebody else has changed meanwhile is left: see [`merge`].

mod configuration;
mod fields;
mod journal;
mod lease;
mod rollback;

pub use configuration::{Configuration, MappingState, Part, Parts as StackParts, desired};
pub use fields::{Difference, Field, Merged, merge};
pub use journal::{Saved, Started, UNDO_SCHEMA, UndoEntry, UndoError, UndoLedger};
pub use lease::{LEASE_TAG, Lease};
pub use rollback::{Found, Refusal, Standing, Way, way};
