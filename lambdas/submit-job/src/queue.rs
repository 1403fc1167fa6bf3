//! What the handler needs of a queue.

use std::future::Future;

/// The id that the queue gave to a message that it keeps. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId(pub String);

/// Why a message is not known to be on the queue.
///
/// None of these proves that it is *not* there: an answer may get lost after the queue kept the message. No
/// variant holds the message's body, because errors are logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue refused the message, could not be reached, or did not answer in time.
    #[error("the message could not be sent: {0}")]
    Failed(String),
    /// The queue answered without naming the message.
    #[error("the queue's answer carries no message id")]
    Unconfirmed,
}

/// A queue that takes jobs.
pub trait JobsQueue {
    /// Puts one message on the queue. An `Ok` promises that the queue keeps it.
    fn send(&self, body: String) -> impl Future<Output = Result<MessageId, SendError>> + Send;
}
