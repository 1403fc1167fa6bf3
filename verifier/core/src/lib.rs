//! The pure heart of verifier: queue model, event-source-mapping model, judgements.
//!
//! Architecture invariant: nothing here does I/O, knows tokio or the AWS SDK, or reads a clock. Time enters as a
//! [`time::Timestamp`], randomness as a seed. Every decision that can be wrong lives here and is tested here.

pub mod account;
pub mod chaos;
pub mod check;
pub mod clock_offset;
pub mod cloudwatch;
pub mod dead_letters;
pub mod event_source_mapping;
pub mod faults;
pub mod iam;
pub mod logs;
pub mod paging;
pub mod redrive;
pub mod settings;
pub mod sqs;
pub mod time;
