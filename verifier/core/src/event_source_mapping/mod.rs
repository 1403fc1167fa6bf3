//! The model of a Lambda event source mapping on an SQS queue.

mod batch_response;
mod event;

pub use batch_response::{BatchVerdict, InvocationOutcome, judge_batch};
pub use event::sqs_event;
