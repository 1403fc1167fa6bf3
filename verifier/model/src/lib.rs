//! What AWS does: queues, event source mappings, logs, metrics and alarms, and what may go wrong with each.
//!
//! Architecture invariant: nothing here does I/O, knows tokio or the AWS SDK, or reads a clock. Time enters as a
//! [`time::Timestamp`], randomness as a seed. What is decided about a stack is in `verifier-core`, which uses this.

pub mod cloudwatch;
pub mod event_source_mapping;
pub mod faults;
pub mod iam;
pub mod logs;
pub mod owners;
pub mod paging;
pub mod sqs;
pub mod time;
