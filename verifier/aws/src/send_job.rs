//! Sending jobs to the queue itself, and what SQS answers.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::time::{Duration, Instant};

use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, MessageAttributeValue, SendMessageBatchRequestEntry,
    SendMessageBatchResultEntry,
};
use verifier_core::check::{Answer, Exchange, QueueEvidence, SentJob};

use crate::batch_answers::{Told, reason, told_of_each};
use crate::error::failed;
use crate::{Aws, Cause};

/// The operation by which jobs are sent.
pub const SEND_MESSAGE: &str = "SendMessage";

/// The most jobs that are sent by one request, and the most bytes of them: the least that any endpoint takes.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
const TOGETHER_MAX: usize = 10;
const TOGETHER_BYTES_MAX: usize = 262_144;

impl Aws {
    /// Sends a job by one request, which is not repeated: the caller decides what an answer means.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
    pub async fn send_job(&self, queue: &QueueEvidence, job: &SentJob) -> Exchange {
        let request = self
            .sqs
            .send_message()
            .queue_url(&queue.url)
            .message_body(&job.body)
            .set_message_attributes(Some(attributes(job)))
            .set_message_group_id(job.group_id.clone())
            .set_message_deduplication_id(job.deduplication_id.clone())
            .customize()
            .config_override(Builder::new().retry_config(RetryConfig::disabled()));
        let began = Instant::now();
        let sent = request.send().await;
        let latency = began.elapsed();
        match sent {
            Ok(sent) => {
                let answered = accepted(sent.message_id().unwrap_or_default());
                exchange(queue, latency, Ok(answered), false)
            }
            Err(error) => refused(queue, latency, &error),
        }
    }

    /// Sends jobs by one request, so that they are on the queue at one time and in this order, and gives the answer about each.
    /// The request is not repeated. `None` where they are too many or too large for one.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
    pub async fn send_jobs(
        &self,
        queue: &QueueEvidence,
        jobs: &[SentJob],
    ) -> Option<Vec<Exchange>> {
        let bytes: usize = jobs.iter().map(SentJob::bytes).sum();
        let entries: Vec<_> = (0..).zip(jobs).filter_map(|(id, job)| entry(id, job)).collect();
        if jobs.len() > TOGETHER_MAX || bytes > TOGETHER_BYTES_MAX || entries.len() < jobs.len() {
            return None;
        }
        let request = self.sqs.send_message_batch().queue_url(&queue.url);
        let request = request.set_entries(Some(entries)).customize();
        let request = request.config_override(Builder::new().retry_config(RetryConfig::disabled()));
        let began = Instant::now();
        let sent = request.send().await;
        let latency = began.elapsed();
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => {
                return Some(jobs.iter().map(|_| refused(queue, latency, &error)).collect());
            }
        };
        let (successful, failed) = (sent.successful(), sent.failed());
        let told = told_of_each(jobs.len(), successful, SendMessageBatchResultEntry::id, failed);
        let answers = told.into_iter().map(|told| match told {
            Told::Done(entry) => Ok(accepted(entry.message_id())),
            Told::Failed(entry) => Ok(failed_entry(entry)),
            Told::Untold(why) => Err(why.to_owned()),
        });
        Some(answers.map(|answer| exchange(queue, latency, answer, false)).collect())
    }
}

fn entry(id: usize, job: &SentJob) -> Option<SendMessageBatchRequestEntry> {
    SendMessageBatchRequestEntry::builder()
        .id(id.to_string())
        .message_body(&job.body)
        .set_message_attributes(Some(attributes(job)))
        .set_message_group_id(job.group_id.clone())
        .set_message_deduplication_id(job.deduplication_id.clone())
        .build()
        .ok()
}

fn attributes(job: &SentJob) -> HashMap<String, MessageAttributeValue> {
    let attributes = job.attributes.iter().filter_map(|(name, value)| {
        let text = MessageAttributeValue::builder().data_type("String").string_value(value);
        Some((name.clone(), text.build().ok()?))
    });
    attributes.collect()
}

fn accepted(message_id: &str) -> Answer {
    answer(200, serde_json::json!({ "MessageId": message_id }).to_string())
}

/// What SQS says of an entry that it did not take, as if it had been sent alone.
fn failed_entry(failed: &BatchResultErrorEntry) -> Answer {
    let status = match (failed.sender_fault(), failed.code()) {
        (_, code) if code.contains("Throttl") => 429,
        (true, _) => 400,
        (false, _) => 500,
    };
    answer(status, reason(failed))
}

/// What an error says of every message of its request.
fn refused<E>(
    queue: &QueueEvidence,
    latency: Duration,
    error: &SdkError<E, HttpResponse>,
) -> Exchange
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let is_unsent = matches!(error, SdkError::ConstructionFailure(_));
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default().to_owned();
    let told = failed("sqs:SendMessage", &queue.name, error);
    let answered = match (status, told.cause) {
        // Throttled is what was not carried out.
        (Some(_), Cause::Throttled) => Ok(answer(429, told.to_string())),
        (Some(status), _) => Ok(answer(status, format!("{code}: {told}"))),
        (None, _) => Err(told.to_string()),
    };
    exchange(queue, latency, answered, is_unsent)
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
