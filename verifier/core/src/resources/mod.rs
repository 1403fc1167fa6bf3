//! A team's resources: its queues, its worker and its URLs, and by what each of them is known.
//!
//! They come from a stack of CloudFormation, from a file of outputs, or from names alone. Whatever goes on begins with
//! [`Resources`], and does not ask which of these it was. No resource is guessed.

mod by;
mod found;
mod logical_id;
mod outputs_file;
mod pair;
mod role;

pub use by::By;
pub use found::{Found, Located, Named, Resources, Whence};
pub(crate) use logical_id::shortest;
pub use outputs_file::{OutputsFile, OutputsFileError, StacksOutputs, read_json, read_terraform};
pub use pair::only_pair;
pub use role::Role;
