//! Errors of the SQS API, with the codes and messages that AWS uses.

use thiserror::Error;

/// An error that SQS answers to a request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SqsError {
    /// There is no queue of that name or URL.
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    /// A queue of that name exists with other attributes.
    #[error(
        "A queue already exists with the same name and a different value for attribute {attribute}"
    )]
    QueueNameExists {
        /// The attribute whose value differs.
        attribute: String,
    },
    /// A queue of that name was deleted less than a minute ago.
    #[error(
        "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    )]
    QueueDeletedRecently,
    /// The queue of this name was purged less than a minute ago.
    #[error("Only one PurgeQueue operation on {0} is allowed every 60 seconds.")]
    PurgeQueueInProgress(String),
    /// The receipt handle was not issued by this queue.
    #[error("The input receipt handle \"{0}\" is not a valid receipt handle.")]
    ReceiptHandleIsInvalid(String),
    /// The receipt handle may no longer be used to delete its message.
    #[error(
        "Value {0} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    )]
    ReceiptHandleHasExpired(String),
    /// Too many messages are in flight.
    #[error("Too many messages are in flight in this queue.")]
    OverLimit,
    /// A permission names too many actions.
    #[error("{0} Actions were found, maximum allowed is 7.")]
    TooManyActions(usize),
    /// An attribute that SQS does not know, or not for this kind of queue.
    #[error("Unknown Attribute {0}.")]
    InvalidAttributeName(String),
    /// An attribute of FIFO queues, given to another queue, that SQS refuses in words of its own.
    #[error("You can specify the {0} only when FifoQueue is set to true.")]
    OnlyForFifo(String),
    /// A message is longer than its queue allows: the limit in bytes.
    #[error("One or more parameters are invalid. Reason: Message must be shorter than {0} bytes.")]
    MessageTooLong(usize),
    /// Two kinds of server-side encryption at once.
    #[error(
        "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."
    )]
    ConflictingEncryption,
    /// An attribute's value is out of bounds: its name, and a reason where AWS gives one.
    #[error("Invalid value for the parameter {0}.")]
    InvalidAttributeValue(String),
    /// A parameter's value is out of bounds.
    #[error("{0}")]
    InvalidParameterValue(String),
    /// A required parameter is missing.
    #[error("The request must contain the parameter {0}.")]
    MissingParameter(String),
    /// The message body holds characters outside of the XML 1.0 set.
    #[error(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )]
    InvalidMessageContents,
    /// A batch without entries.
    #[error("There should be at least one {0} in the request.")]
    EmptyBatchRequest(&'static str),
    /// A batch of more than ten entries.
    #[error("Maximum number of entries per request are 10. You have sent {0}.")]
    TooManyEntriesInBatchRequest(usize),
    /// Two entries share an id.
    #[error("Id {0} repeated.")]
    BatchEntryIdsNotDistinct(String),
    /// An entry's id is too long or has other characters.
    #[error(
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 messages long."
    )]
    InvalidBatchEntryId,
    /// The entries together are too large.
    #[error("Batch requests cannot be longer than 1048576 bytes. You have sent {0} bytes.")]
    BatchRequestTooLong(usize),
    /// A queue or a message move task that a request names is not there.
    #[error("{0}")]
    ResourceNotFound(String),
    /// An operation that the queue's kind does not support.
    #[error("{0}")]
    UnsupportedOperation(String),
}

impl SqsError {
    /// The error's shape name in the JSON protocol.
    pub fn code(&self) -> &'static str {
        match self {
            Self::QueueDoesNotExist => "QueueDoesNotExist",
            Self::QueueNameExists { .. } => "QueueNameExists",
            Self::QueueDeletedRecently => "QueueDeletedRecently",
            Self::PurgeQueueInProgress(_) => "PurgeQueueInProgress",
            Self::ReceiptHandleIsInvalid(_) => "ReceiptHandleIsInvalid",
            Self::OverLimit | Self::TooManyActions(_) => "OverLimit",
            Self::InvalidAttributeName(_) | Self::OnlyForFifo(_) | Self::ConflictingEncryption => {
                "InvalidAttributeName"
            }
            Self::InvalidAttributeValue(_) => "InvalidAttributeValue",
            Self::InvalidParameterValue(_)
            | Self::MessageTooLong(_)
            | Self::ReceiptHandleHasExpired(_) => "InvalidParameterValueException",
            Self::MissingParameter(_) => "MissingRequiredParameterException",
            Self::InvalidMessageContents => "InvalidMessageContents",
            Self::EmptyBatchRequest(_) => "EmptyBatchRequest",
            Self::TooManyEntriesInBatchRequest(_) => "TooManyEntriesInBatchRequest",
            Self::BatchEntryIdsNotDistinct(_) => "BatchEntryIdsNotDistinct",
            Self::InvalidBatchEntryId => "InvalidBatchEntryId",
            Self::BatchRequestTooLong(_) => "BatchRequestTooLong",
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::UnsupportedOperation(_) => "UnsupportedOperation",
        }
    }

    /// The code of the older query protocol, which SQS repeats in the header `x-amzn-query-error`.
    ///
    /// Clients that knew SQS before its JSON protocol still look for these codes.
    pub fn query_code(&self) -> &'static str {
        match self {
            Self::QueueDoesNotExist => "AWS.SimpleQueueService.NonExistentQueue",
            Self::QueueNameExists { .. } => "QueueAlreadyExists",
            Self::QueueDeletedRecently => "AWS.SimpleQueueService.QueueDeletedRecently",
            Self::PurgeQueueInProgress(_) => "AWS.SimpleQueueService.PurgeQueueInProgress",
            Self::InvalidParameterValue(_)
            | Self::MessageTooLong(_)
            | Self::ReceiptHandleHasExpired(_) => "InvalidParameterValue",
            Self::MissingParameter(_) => "MissingParameter",
            Self::EmptyBatchRequest(_) => "AWS.SimpleQueueService.EmptyBatchRequest",
            Self::TooManyEntriesInBatchRequest(_) => {
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"
            }
            Self::BatchEntryIdsNotDistinct(_) => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            Self::InvalidBatchEntryId => "AWS.SimpleQueueService.InvalidBatchEntryId",
            Self::BatchRequestTooLong(_) => "AWS.SimpleQueueService.BatchRequestTooLong",
            Self::UnsupportedOperation(_) => "AWS.SimpleQueueService.UnsupportedOperation",
            other => other.code(),
        }
    }

    /// The code of a batch entry that failed for this reason.
    pub fn entry_code(&self) -> &'static str {
        match self {
            Self::ReceiptHandleHasExpired(_) => "ReceiptHandleIsInvalid",
            other => other.query_code(),
        }
    }

    /// The message of a batch entry that failed for this reason.
    pub fn entry_message(&self) -> String {
        match self {
            Self::ReceiptHandleHasExpired(_) => "The receipt handle has expired".to_owned(),
            // As recorded; the words for a single message are other ones.
            Self::MessageTooLong(limit) => format!(
                "One or more parameters cannot be validated. Reason: Message must be shorter than {limit} bytes."
            ),
            other => other.to_string(),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::OverLimit | Self::TooManyActions(_) | Self::PurgeQueueInProgress(_) => 403,
            Self::ResourceNotFound(_) => 404,
            _ => 400,
        }
    }
}

/// The refusal of a parameter's value, in AWS's words.
pub(super) fn invalid_parameter(parameter: &str, value: &str, reason: &str) -> SqsError {
    SqsError::InvalidParameterValue(format!(
        "Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    ))
}
