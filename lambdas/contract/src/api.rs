//! What the HTTP API answers.

use serde::{Deserialize, Serialize};

/// The answer of `GET /hello`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HelloResponse {
    /// A greeting for people.
    pub message: String,
    /// The pull request this preview belongs to, for example `123`.
    pub pr: String,
    /// The version of the deployed code: a commit, or the package version where none was given.
    pub version: String,
}

/// The answer `202 Accepted` of `POST /jobs`: the job is on the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubmitResponse {
    /// The job's id: the caller's own, or a new one.
    pub job_id: String,
    /// The id that SQS gave the message.
    pub message_id: String,
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// What went wrong.
    pub error: ApiErrorDetail,
}

/// What went wrong, for programs (`code`, `field`) and for people (`message`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiErrorDetail {
    /// A stable code.
    pub code: ErrorCode,
    /// What was expected, in a sentence.
    pub message: String,
    /// The field of the job that is at fault, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl ApiError {
    /// An error that concerns the request as a whole.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { error: ApiErrorDetail { code, message: message.into(), field: None } }
    }

    /// An error that concerns one field of the job.
    pub fn in_field(code: ErrorCode, field: &str, message: impl Into<String>) -> Self {
        Self {
            error: ApiErrorDetail { code, message: message.into(), field: Some(field.to_owned()) },
        }
    }

    /// The HTTP status that goes with this error.
    pub fn status(&self) -> u16 {
        self.error.code.status()
    }
}

/// The stable error codes of `POST /jobs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The body is not JSON.
    InvalidJson,
    /// The body is JSON, but not an object.
    NotAnObject,
    /// A required field is missing.
    MissingField,
    /// A field has the wrong type, or a value out of bounds.
    InvalidField,
    /// API Gateway said that the body is base64, and it is not.
    InvalidBase64,
    /// The message would be larger than the queue accepts.
    PayloadTooLarge,
    /// The content type is not `application/json`.
    UnsupportedMediaType,
    /// SQS did not confirm the message. It may be sent again after `Retry-After`.
    QueueUnavailable,
}

impl ErrorCode {
    /// The HTTP status that goes with this code.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidJson
            | Self::NotAnObject
            | Self::MissingField
            | Self::InvalidField
            | Self::InvalidBase64 => 400,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::QueueUnavailable => 503,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_body_has_the_documented_shape() {
        let error = ApiError::in_field(ErrorCode::MissingField, "task", "a job needs a task");
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"error":{"code":"missing_field","message":"a job needs a task","field":"task"}}"#
        );
        let error = ApiError::new(ErrorCode::InvalidJson, "not JSON");
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"error":{"code":"invalid_json","message":"not JSON"}}"#
        );
        assert_eq!(error.status(), 400);
    }
}
