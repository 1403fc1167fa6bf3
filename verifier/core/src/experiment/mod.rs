//! What an experiment changes of a stack, and the lease by which it says so.

mod circumstances;
mod configuration;
mod fields;
mod lease;
mod update;

pub use circumstances::{Changed, Circumstances, changed};
pub use configuration::{MappingState, ResourceConfig, ResourceRef};
pub use fields::{Field, with_max_receive_count};
pub use lease::{LEASE_TAG, Lease};
pub use update::Update;
