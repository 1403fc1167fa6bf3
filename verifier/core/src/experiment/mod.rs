//! What an experiment changes of a stack, and the lease by which it says so.

mod configuration;
mod fields;
mod lease;

pub use configuration::{Configuration, MappingState, Part};
pub use fields::{Field, with_max_receive_count};
pub use lease::{LEASE_TAG, Lease};
