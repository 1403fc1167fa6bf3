//! Errors of the CloudWatch Logs API, with the codes and messages that AWS uses.

use thiserror::Error;

/// An error that CloudWatch Logs answers to a request.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_Operations.html>, and bug reports
/// for the messages.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LogsError {
    /// There is no log group of that name.
    #[error("The specified log group does not exist.")]
    GroupDoesNotExist,
    /// There is no log stream of that name in the group.
    #[error("The specified log stream does not exist.")]
    StreamDoesNotExist,
    /// A log group of that name exists.
    #[error("The specified log group already exists")]
    GroupExists,
    /// A log stream of that name exists in the group.
    #[error("The specified log stream already exists")]
    StreamExists,
    /// A parameter is missing, out of bounds, or does not go with another.
    #[error("{0}")]
    InvalidParameter(String),
}

impl LogsError {
    /// The error's shape name in the JSON protocol.
    pub fn code(&self) -> &'static str {
        match self {
            Self::GroupDoesNotExist | Self::StreamDoesNotExist => "ResourceNotFoundException",
            Self::GroupExists | Self::StreamExists => "ResourceAlreadyExistsException",
            Self::InvalidParameter(_) => "InvalidParameterException",
        }
    }
}

/// The refusal of a value that breaks a constraint of the API's model, in the words of AWS's own validation.
pub(super) fn constraint(value: &str, member: &str, constraint: &str) -> LogsError {
    LogsError::InvalidParameter(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {constraint}"
    ))
}

/// The refusal of a token that this service did not give out.
pub(super) fn invalid_token() -> LogsError {
    LogsError::InvalidParameter("The specified nextToken is invalid.".to_owned())
}
