//! Sending a job to the queue itself, and what SQS answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::MessageAttributeValue;
use verifier_core::check::{Answer, Exchange, QueueEvidence, SentJob};

use crate::error::failed;
use crate::{Aws, Cause};

/// The operation by which jobs are sent.
pub const SEND_MESSAGE: &str = "SendMessage";

impl Aws {
    /// Sends a job by one request, which is not repeated: the caller decides what an answer means.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
    pub async fn send_job(&self, queue: &QueueEvidence, job: &SentJob) -> Exchange {
        let attributes = job.attributes.iter().filter_map(|(name, value)| {
            let text = MessageAttributeValue::builder().data_type("String").string_value(value);
            Some((name.clone(), text.build().ok()?))
        });
        let request = self
            .sqs
            .send_message()
            .queue_url(&queue.url)
            .message_body(&job.body)
            .set_message_attributes(Some(attributes.collect()))
            .set_message_group_id(job.group_id.clone())
            .set_message_deduplication_id(job.deduplication_id.clone())
            .customize()
            .config_override(Builder::new().retry_config(RetryConfig::disabled()));
        let began = Instant::now();
        let sent = request.send().await;
        let latency = began.elapsed();
        match sent {
            Ok(sent) => {
                let id = sent.message_id().unwrap_or_default();
                let body = serde_json::json!({ "MessageId": id }).to_string();
                exchange(queue, latency, Ok(answer(200, body)), false)
            }
            Err(error) => {
                let is_unsent = matches!(error, SdkError::ConstructionFailure(_));
                let status = error.raw_response().map(|response| response.status().as_u16());
                let code = error.code().unwrap_or_default().to_owned();
                let told = failed("sqs:SendMessage", &queue.name, &error);
                let answered = match (status, told.cause) {
                    // Throttled is what was not carried out.
                    (Some(_), Cause::Throttled) => Ok(answer(429, told.to_string())),
                    (Some(status), _) => Ok(answer(status, format!("{code}: {told}"))),
                    (None, _) => Err(told.to_string()),
                };
                exchange(queue, latency, answered, is_unsent)
            }
        }
    }
}

fn answer(status: u16, body: String) -> Answer {
    Answer { status, content_type: "application/json".to_owned(), body, headers: BTreeMap::new() }
}

fn exchange(
    queue: &QueueEvidence,
    latency: Duration,
    answer: Result<Answer, String>,
    is_unsent: bool,
) -> Exchange {
    Exchange { method: SEND_MESSAGE, url: queue.url.clone(), latency, answer, is_unsent }
}
