//! What is decided: settings, the account of messages, checks, dead letters, redrive, and the permissions needed for each.
//!
//! Architecture invariant: nothing here does I/O, knows tokio or the AWS SDK, or reads a clock. Time enters as a
//! [`verifier_model::time::Timestamp`], randomness as a seed. Every decision that can be wrong lives here and is tested here.

pub mod account;
pub mod check;
pub mod clock_offset;
pub mod command;
pub mod dead_letters;
pub mod evidence;
pub mod experiment;
pub mod harmful;
pub mod iam;
pub mod init;
pub mod nearest;
pub mod redrive;
pub mod resources;
pub mod run_id;
pub mod settings;
mod unfolded;
