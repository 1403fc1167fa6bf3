//! SQS: what a queue is configured with, and what is in it.

use std::collections::BTreeMap;

use aws_sdk_sqs::operation::change_message_visibility_batch::ChangeMessageVisibilityBatchOutput;
use aws_sdk_sqs::operation::delete_message_batch::DeleteMessageBatchOutput;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use verifier_core::check::{DeadLetter, QueueEvidence};
use verifier_core::sqs::BATCH_ENTRIES_MAX;
use verifier_core::time::Timestamp;

use crate::error::failed;
use crate::{Aws, AwsError};

/// The most messages that one receive brings.
pub const RECEIVED_MAX: usize = 10;

/// How long messages are received for.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// How long they stay invisible to others.
    pub visibility_timeout_seconds: u32,
    /// How long to wait for the first; 0 to 20 s.
    pub wait_seconds: u32,
}

impl Aws {
    /// The URL of a queue.
    pub async fn queue_url(&self, name: &str) -> Result<String, AwsError> {
        let answer = self.sqs.get_queue_url().queue_name(name).send().await;
        let answer = answer.map_err(|error| failed("sqs:GetQueueUrl", name, &error))?;
        Ok(answer.queue_url().unwrap_or_default().to_owned())
    }

    /// A queue with all its attributes.
    pub async fn queue(&self, name: &str, url: &str) -> Result<QueueEvidence, AwsError> {
        let answer = self
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|error| failed("sqs:GetQueueAttributes", name, &error))?;
        let attributes: BTreeMap<String, String> = answer
            .attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
            .collect();
        Ok(QueueEvidence { name: name.to_owned(), url: url.to_owned(), attributes })
    }

    /// The URLs of the queues whose redrive policies name a dead-letter queue.
    pub async fn dead_letter_sources(
        &self,
        queue: &QueueEvidence,
    ) -> Result<Vec<String>, AwsError> {
        let mut urls = Vec::new();
        let request = self.sqs.list_dead_letter_source_queues().queue_url(&queue.url);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(|error| failed("sqs:ListDeadLetterSourceQueues", &queue.name, &error))?;
            urls.extend(page.queue_urls().iter().cloned());
        }
        Ok(urls)
    }

    /// Receives up to ten messages. `seen_at` tells the time when they have come.
    pub async fn receive(
        &self,
        queue: &QueueEvidence,
        how: Received,
        seen_at: impl AsyncFnOnce() -> Timestamp,
    ) -> Result<Vec<DeadLetter>, AwsError> {
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let answer = self
            .sqs
            .receive_message()
            .queue_url(&queue.url)
            .max_number_of_messages(10)
            .visibility_timeout(number(how.visibility_timeout_seconds))
            .wait_time_seconds(number(how.wait_seconds))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .map_err(|error| failed("sqs:ReceiveMessage", &queue.name, &error))?;
        let seen_at = seen_at().await;
        Ok(answer.messages().iter().map(|message| dead_letter(message, seen_at)).collect())
    }

    /// Deletes whatever is in a queue, within a minute; what is sent meanwhile may be deleted, too.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>.
    pub async fn purge(&self, queue: &QueueEvidence) -> Result<(), AwsError> {
        let answer = self.sqs.purge_queue().queue_url(&queue.url).send().await;
        answer.map(drop).map_err(|error| failed("sqs:PurgeQueue", &queue.name, &error))
    }

    /// Deletes messages by their receipt handles; what could not be deleted comes back, each with the reason.
    pub async fn delete(&self, queue: &QueueEvidence, handles: &[String]) -> Vec<(String, String)> {
        let mut not_done = Vec::new();
        for chunk in handles.chunks(BATCH_ENTRIES_MAX) {
            let entries = chunk.iter().enumerate().filter_map(|(index, handle)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(handle)
                    .build()
                    .ok()
            });
            let request = self
                .sqs
                .delete_message_batch()
                .queue_url(&queue.url)
                .set_entries(Some(entries.collect()));
            let answer = request.send().await;
            let answer = answer.as_ref().map(DeleteMessageBatchOutput::failed);
            let answer = answer.map_err(|error| failed("sqs:DeleteMessage", &queue.name, error));
            not_done.extend(left_undone(chunk, answer));
        }
        not_done
    }

    /// Sets how long messages stay invisible from now on, each by its receipt handle; 0 hands a message back at once. What
    /// could not be done comes back, each with the reason.
    pub async fn change_visibility(
        &self,
        queue: &QueueEvidence,
        seconds_by_handle: &[(String, u32)],
    ) -> Vec<(String, String)> {
        let mut not_done = Vec::new();
        for chunk in seconds_by_handle.chunks(BATCH_ENTRIES_MAX) {
            let entries = chunk.iter().enumerate().filter_map(|(index, (handle, seconds))| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(handle)
                    .visibility_timeout(i32::try_from(*seconds).unwrap_or(i32::MAX))
                    .build()
                    .ok()
            });
            let request = self
                .sqs
                .change_message_visibility_batch()
                .queue_url(&queue.url)
                .set_entries(Some(entries.collect()));
            let answer = request.send().await;
            let answer = answer.as_ref().map(ChangeMessageVisibilityBatchOutput::failed);
            let answer =
                answer.map_err(|error| failed("sqs:ChangeMessageVisibility", &queue.name, error));
            let handles: Vec<String> = chunk.iter().map(|(handle, _)| handle.clone()).collect();
            not_done.extend(left_undone(&handles, answer));
        }
        not_done
    }
}

/// The receipt handles of a batch's entries that were not done, each with the reason.
fn left_undone(
    chunk: &[String],
    answer: Result<&[BatchResultErrorEntry], AwsError>,
) -> Vec<(String, String)> {
    let handle_of = |id: &str| id.parse::<usize>().ok().and_then(|index| chunk.get(index)).cloned();
    match answer {
        Ok(entries) => entries
            .iter()
            .map(|entry| {
                let message = entry.message().unwrap_or("no message");
                (handle_of(entry.id()).unwrap_or_default(), format!("{}: {message}", entry.code()))
            })
            .collect(),
        Err(error) => chunk.iter().map(|handle| (handle.clone(), error.to_string())).collect(),
    }
}

fn dead_letter(message: &Message, seen_at: Timestamp) -> DeadLetter {
    let attribute =
        |name: MessageSystemAttributeName| message.attributes()?.get(&name).map(String::as_str);
    let time = |name| attribute(name)?.parse().ok().map(Timestamp::from_millis);
    DeadLetter {
        message_id: message.message_id().unwrap_or_default().to_owned(),
        body: message.body().unwrap_or_default().to_owned(),
        sent_at: time(MessageSystemAttributeName::SentTimestamp),
        first_received_at: time(MessageSystemAttributeName::ApproximateFirstReceiveTimestamp),
        receive_count: attribute(MessageSystemAttributeName::ApproximateReceiveCount)
            .and_then(|count| count.parse().ok()),
        source_arn: attribute(MessageSystemAttributeName::DeadLetterQueueSourceArn)
            .map(str::to_owned),
        seen_at,
        receipt_handle: message.receipt_handle().unwrap_or_default().to_owned(),
    }
}
