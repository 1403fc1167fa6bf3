//! `POST /jobs`: validates a job and puts it on the queue.
//!
//! A `202` promises that the queue has the job, so it is only answered with the message id that the queue gave.
//! [`prepare`] decides everything that can be decided without the queue and is pure; [`handle`] adds the queue
//! and the log; `main.rs` the runtime and the real queue.

mod queue;
mod settings;
#[cfg(feature = "runtime")]
mod sqs;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use contract::{ApiError, ErrorCode, Job, SubmitResponse};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

pub use queue::{JobsQueue, MessageId, SendError};
pub use settings::{
    DEFAULT_MAX_MESSAGE_BYTES, JOBS_MAX_MESSAGE_BYTES, QUEUE_URL, Settings, SettingsError,
};
#[cfg(feature = "runtime")]
pub use sqs::SqsQueue;

/// When a caller may try again after a 503, in seconds.
pub const RETRY_AFTER_SECONDS: u16 = 5;

/// A job that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The job's id: the caller's own, or a new one.
    pub job_id: String,
    /// The run that the job belongs to, where the caller named one.
    pub run_id: Option<String>,
    /// The message's body: the job as JSON, with its id.
    pub body: String,
}

/// Makes the id of a job whose caller gave none.
pub fn new_job_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Answers one request.
///
/// `new_job_id` is called when the caller gave no id. The only error is an answer that cannot be written as JSON,
/// which would be a defect of this crate.
pub async fn handle<Q: JobsQueue>(
    queue: &Q,
    max_message_bytes: usize,
    new_job_id: impl FnOnce() -> String,
    request: &ApiGatewayV2httpRequest,
) -> Result<ApiGatewayV2httpResponse, serde_json::Error> {
    let answer = match prepare(request, max_message_bytes, new_job_id) {
        Ok(message) => send(queue, message).await,
        Err(error) => {
            let detail = &error.error;
            tracing::info!(
                code = ?detail.code,
                field = detail.field.as_deref(),
                status = error.status(),
                "job rejected"
            );
            Err(error)
        }
    };
    match answer {
        Ok(accepted) => Ok(json_response(202, serde_json::to_string(&accepted)?)),
        Err(error) => {
            let mut response = json_response(error.status(), serde_json::to_string(&error)?);
            if error.error.code == ErrorCode::QueueUnavailable {
                response.headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
            }
            Ok(response)
        }
    }
}

/// Turns a request into the message to send, or says why it is rejected.
///
/// `max_message_bytes` bounds the message's body as it is sent, which is what the queue measures.
pub fn prepare(
    request: &ApiGatewayV2httpRequest,
    max_message_bytes: usize,
    new_job_id: impl FnOnce() -> String,
) -> Result<Message, ApiError> {
    require_json(&request.headers)?;
    let mut job = match (request.body.as_deref().unwrap_or_default(), request.is_base64_encoded) {
        (text, false) => Job::parse(text.as_bytes())?,
        (encoded, true) => Job::parse(&decode(encoded)?)?,
    };
    let job_id = job.job_id.get_or_insert_with(new_job_id).clone();
    let body = message_body(&job)?;
    if body.len() > max_message_bytes {
        return Err(ApiError::new(
            ErrorCode::PayloadTooLarge,
            format!(
                "the job takes {} bytes on the queue, which accepts at most {max_message_bytes}",
                body.len()
            ),
        ));
    }
    Ok(Message { job_id, run_id: job.run_id, body })
}

async fn send<Q: JobsQueue>(queue: &Q, message: Message) -> Result<SubmitResponse, ApiError> {
    let Message { job_id, run_id, body } = message;
    let (job, run) = (job_id.as_str(), run_id.as_deref());
    match queue.send(body).await {
        Ok(MessageId(message_id)) => {
            tracing::info!(runId = run, jobId = job, messageId = message_id, "job accepted");
            Ok(SubmitResponse { job_id, message_id })
        }
        Err(error) => {
            tracing::error!(runId = run, jobId = job, %error, "job not confirmed by the queue");
            Err(ApiError::new(
                ErrorCode::QueueUnavailable,
                "the queue did not confirm the job; send it again after the time in Retry-After",
            ))
        }
    }
}

/// Media types are compared without their parameters and without regard to case (RFC 9110, section 8.3.1).
fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if media_type.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, "the content type must be application/json"))
}

/// API Gateway encodes bodies that it does not take for text.
fn decode(encoded: &str) -> Result<Vec<u8>, ApiError> {
    BASE64_STANDARD.decode(encoded).map_err(|error| {
        ApiError::new(ErrorCode::InvalidBase64, format!("the body is not base64: {error}"))
    })
}

/// Writes the job as JSON that SQS keeps unchanged.
///
/// SQS does not take U+FFFE and U+FFFF, and either refuses a message with one of them or replaces it
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>). In JSON they
/// can only stand within a string, where the escaped form means the same. The control characters that SQS does
/// not take either are always escaped.
fn message_body(job: &Job) -> Result<String, ApiError> {
    let body = serde_json::to_string(job).map_err(|error| {
        ApiError::new(ErrorCode::InvalidJson, format!("the job cannot be written as JSON: {error}"))
    })?;
    Ok(body.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff"))
}

fn json_response(status: u16, body: String) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = status.into();
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.body = Some(body.into());
    response
}

#[cfg(test)]
mod tests;
