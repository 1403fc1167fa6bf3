//! The AWS services of the emulator, one module each.

pub(crate) mod cloudformation;
pub(crate) mod cloudfront;
pub(crate) mod cloudwatch;
mod cloudwatch_metrics;
mod cloudwatch_request;
pub(crate) mod cloudwatch_wire;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod s3;
mod sqs_dead_letters;
mod sqs_faults;
mod sqs_messages;
pub(crate) mod sqs_query;
pub(crate) mod sqs_wire;
pub(crate) mod sts;
