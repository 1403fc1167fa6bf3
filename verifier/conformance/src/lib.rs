//! Whether an endpoint behaves as AWS does: one set of cases, run through the AWS SDK against any endpoint.
//!
//! A [`Case`] asserts one thing that AWS documents, or that was recorded from it. The same cases run against the
//! emulator, against other emulators and against a real account, so a deviation of ours is seen by the same means as one
//! of others. A case makes its own queues and removes them, whatever comes of it.

mod answered;
pub mod bench;
mod case;
mod cases;
mod endpoint;
mod known;
mod one_at_a_time;
mod outcome;
mod problem;
mod refusal;
mod refused;
mod report;
mod run;
mod stand;

pub use case::{Case, Source};
pub use cases::cases;
pub use endpoint::{Endpoint, Front, serve};
pub use known::Known;
pub use outcome::Outcome;
pub use problem::{Problem, Verdict};
pub use report::{Column, Report};
pub use run::{Options, run};
pub use stand::Stand;
