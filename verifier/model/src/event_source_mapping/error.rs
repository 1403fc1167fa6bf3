//! Errors of Lambda's API on mappings, with the codes and messages that AWS uses.

use thiserror::Error;

/// An error that Lambda answers to a request about a mapping.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MappingError {
    /// A parameter's value is not possible, alone or with others.
    #[error("{0}")]
    InvalidParameterValue(String),
    /// A parameter's value is out of its bounds.
    #[error("{0}")]
    Validation(String),
    /// There is a mapping of that queue to that function already.
    #[error(
        "An event source mapping with SQS arn (\" {event_source_arn} \") and function (\" {function} \") already exists. Please update or delete the existing mapping with UUID {uuid}"
    )]
    ResourceConflict {
        /// The queue's ARN.
        event_source_arn: String,
        /// The function's name.
        function: String,
        /// The mapping that exists.
        uuid: String,
    },
    /// There is no such mapping.
    #[error("The resource you requested does not exist.")]
    ResourceNotFound,
    /// There is no such function; its ARN.
    #[error("Function not found: {0}")]
    FunctionNotFound(String),
    /// The mapping is between two states and cannot be changed now.
    #[error("Cannot {operation} the event source mapping because it is in use.")]
    ResourceInUse {
        /// `update` or `delete`.
        operation: &'static str,
    },
}

impl MappingError {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidParameterValue(message.into())
    }

    /// The refusal of a queue that does not exist, as Lambda's poller meets it.
    pub fn no_such_queue() -> Self {
        Self::invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.",
        )
    }

    /// The error's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidParameterValue(_) => "InvalidParameterValueException",
            Self::Validation(_) => "ValidationException",
            Self::ResourceConflict { .. } => "ResourceConflictException",
            Self::ResourceNotFound | Self::FunctionNotFound(_) => "ResourceNotFoundException",
            Self::ResourceInUse { .. } => "ResourceInUseException",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidParameterValue(_) | Self::Validation(_) | Self::ResourceInUse { .. } => {
                400
            }
            Self::ResourceConflict { .. } => 409,
            Self::ResourceNotFound | Self::FunctionNotFound(_) => 404,
        }
    }
}
