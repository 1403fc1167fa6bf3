//! Dead letters: everything that a resend needs, which of them are meant, why they failed, and how they are kept in files.
//!
//! A [`DeadLetter`] is a message of a dead-letter queue as it was received, with all that a resend has to carry along. A
//! [`Filter`] says which messages are meant, [`record`] how they are written to a file and read back.

mod attempt;
mod batches;
mod cause;
mod consumers;
mod cost;
mod dead_letter;
mod delivery;
mod document;
mod empty_detector;
mod exact;
mod failures;
mod fifo_groups;
mod filter;
mod functions;
mod groups;
mod histogram;
mod invocations;
mod log_patterns;
mod named;
mod nesting;
mod queue_ref;
mod queues;
mod reach;
mod reason;
pub mod record;
mod requests;
mod service;
mod shape;
mod sources;
mod story;
mod terms;
mod written;

pub use attempt::Attempt;
pub use batches::batches;
pub use cause::Cause;
pub use consumers::{Asked, Consumer, Consumers, Inquiry};
pub use cost::ReceiveCounts;
pub use dead_letter::{Attribute, DeadLetter, Resend};
pub use delivery::Delivery;
pub use empty_detector::EmptyDetector;
pub use fifo_groups::FifoGroups;
pub use filter::{Filter, FilterError, NESTING_MAX, NotEvaluable, Selects};
pub use groups::{Group, groups};
pub use histogram::{Bucket, histogram};
pub use log_patterns::{invocations_pattern, log_pattern};
pub use queue_ref::{QueueArn, QueueRef, QueueRefError, queue_label};
pub use queues::{DeadLetterQueue, EXPIRES_SOON, Expiry, dead_letter_queues};
pub use reach::{Depth, Unreached, moved_on, unread};
pub use requests::RequestLog;
pub use service::{Service, Written};
pub use shape::shape;
pub use sources::{NoRoom, SOURCE_ATTRIBUTE, Sources, source_counts, take_source, with_source};
pub use story::AttemptLog;
pub use terms::{parse_duration, parse_receives};
pub(crate) use written::RECORD_CONTEXT;
pub use written::service_counts;
