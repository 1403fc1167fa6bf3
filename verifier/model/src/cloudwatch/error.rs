//! Errors of the CloudWatch API, with the codes that AWS uses.

use thiserror::Error;

/// An error that CloudWatch answers to a request.
///
/// The codes are AWS's. Where its documentation gives no message, the words are our own.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Operations.html>.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CloudWatchError {
    /// A token that no page ended with.
    #[error("The next token specified is invalid.")]
    InvalidNextToken,
    /// There is no alarm of that name.
    #[error("There is no alarm with the name {0}.")]
    AlarmNotFound(String),
    /// There is no resource with that ARN.
    #[error("There is no resource with the ARN {0}.")]
    ResourceNotFound(String),
    /// A value is out of bounds.
    #[error("{0}")]
    InvalidParameterValue(String),
    /// Two parameters do not go together.
    #[error("{0}")]
    InvalidParameterCombination(String),
    /// A required parameter is missing.
    #[error("The parameter {0} is required.")]
    MissingParameter(&'static str),
    /// A value breaks a constraint.
    #[error("{0}")]
    Validation(String),
}

impl CloudWatchError {
    /// The error's shape name, by which the JSON and the CBOR protocol name it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidNextToken => "InvalidNextToken",
            Self::AlarmNotFound(_) => "ResourceNotFound",
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::InvalidParameterValue(_) => "InvalidParameterValueException",
            Self::InvalidParameterCombination(_) => "InvalidParameterCombinationException",
            Self::MissingParameter(_) => "MissingRequiredParameterException",
            Self::Validation(_) => "ValidationError",
        }
    }

    /// The code of the older query protocol, which AWS repeats in the header `x-amzn-query-error`.
    pub fn query_code(&self) -> &'static str {
        match self {
            Self::InvalidParameterValue(_) => "InvalidParameterValue",
            Self::InvalidParameterCombination(_) => "InvalidParameterCombination",
            Self::MissingParameter(_) => "MissingParameter",
            other => other.code(),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::AlarmNotFound(_) | Self::ResourceNotFound(_) => 404,
            _ => 400,
        }
    }
}
