//! The model of Amazon SQS.
//!
//! [`Sqs`] holds every queue of one account and region and answers the operations of the SQS API as a pure state
//! machine: the time enters as an argument, ids come from a seeded generator. The emulator serves it over HTTP, the
//! simulator drives it under virtual time and tests use it as the reference; there is no second implementation.

mod attributes;
mod batch;
mod counts;
mod deduplication;
mod delivery;
mod digest;
mod error;
mod event;
mod fifo;
mod groups;
mod key;
mod message;
mod messages;
mod move_task;
mod move_tasks;
mod permission;
mod queue;
mod receipt;
mod redrive_policy;
mod send_rules;
mod service;

pub use attributes::QueueAttributes;
pub use batch::{BATCH_ENTRIES_MAX, check_batch};
pub use counts::Counts;
pub use delivery::ReceiveFault;
pub use digest::{md5_of_attributes, md5_of_body, md5_of_trace_header};
pub use error::SqsError;
pub use event::{QueueEvent, QueueEventKind};
pub use fifo::{DeduplicationScope, FifoAttributes, FifoThroughputLimit};
pub use message::{
    AttributeValue, Message, MessageAttribute, MessageAttributes, ReceivedMessage, SendMessage,
    SentMessage, SequenceNumber,
};
pub use messages::{BatchOutcomes, ReceiveMessage};
pub use move_task::{CANCELLATION_TAKES, MOVE_RATE_MAX, MoveTask, MoveTaskStatus};
pub use move_tasks::StartMoveTask;
pub use redrive_policy::{RedriveAllowPolicy, RedrivePolicy};
pub use service::{QueueActivity, Sqs, check_tags};

/// The most bytes that one message, and one whole batch, may have: body and attributes together.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
pub const MESSAGE_BYTES_MAX: usize = 1_048_576;
