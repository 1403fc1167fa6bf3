//! SQS: what a queue is configured with, and what is in it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageError;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use verifier_core::check::{DeadLetter, QueueEvidence};
use verifier_model::sqs::BATCH_ENTRIES_MAX;
use verifier_model::time::Timestamp;

use crate::batch_answers::{Told, reason, told_of_each};
use crate::error::failed;
use crate::{Aws, AwsError, Cause};

/// The most messages that one receive brings.
pub const RECEIVED_MAX: usize = 10;
/// How often an entry of a batch is sent at most, and how long the first pause between two times is.
const ENTRY_ATTEMPTS_MAX: u32 = 4;
/// How often a receive is asked for at most.
const RECEIVE_ATTEMPTS_MAX: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How long messages are received for.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// How long they stay invisible to others.
    pub visibility_timeout_seconds: u32,
    /// How long to wait for the first; 0 to 20 s.
    pub wait_seconds: u32,
}

/// What a receive brought.
#[derive(Debug)]
pub struct ReceiveAnswer {
    /// The messages, or why there was no answer in the end.
    pub messages: Result<Vec<DeadLetter>, AwsError>,
    /// How many requests were not answered, and may have been carried out: SQS hides messages for each of those.
    pub unanswered: u32,
}

/// What of a request to delete was not done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotDeleted {
    /// The handles of what could not be deleted, each with the reason.
    pub failed: Vec<(String, String)>,
    /// Whether the caller may not delete from this queue.
    pub is_denied: bool,
}

/// What a request to receive that failed has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReceiveFailure {
    /// Nothing, and it will do nothing.
    Refused,
    /// Nothing: there were too many.
    Throttled,
    /// Nobody knows: SQS may have hidden messages for it.
    Unanswered,
}

impl ReceiveFailure {
    fn of(error: &SdkError<ReceiveMessageError, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let cause = failed("sqs:ReceiveMessage", "", error).cause;
        match (error, status) {
            (SdkError::ConstructionFailure(_), _) => Self::Refused,
            (_, Some(400..=499)) if cause == Cause::Throttled => Self::Throttled,
            (SdkError::ServiceError(_), Some(400..=499)) => Self::Refused,
            // The request was never sent.
            _ if matches!(cause, Cause::Credentials | Cause::NoRegion | Cause::UnknownHost) => {
                Self::Refused
            }
            _ => Self::Unanswered,
        }
    }
}

impl Aws {
    /// The URL of a queue of the caller's account.
    pub async fn queue_url(&self, name: &str) -> Result<String, AwsError> {
        self.queue_url_of(name, None).await
    }

    /// The URL of a queue of that account, or of the caller's where none is given.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html>,
    /// `QueueOwnerAWSAccountId`.
    pub async fn queue_url_of(
        &self,
        name: &str,
        account: Option<&str>,
    ) -> Result<String, AwsError> {
        let request = self.sqs.get_queue_url().queue_name(name);
        let request = request.set_queue_owner_aws_account_id(account.map(str::to_owned));
        let answer = request.send().await;
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

    /// The URLs of all queues of the caller's account and region.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html>: pages come only where
    /// `MaxResults` is set.
    pub async fn queue_urls(&self) -> Result<Vec<String>, AwsError> {
        let mut urls = Vec::new();
        let mut pages = self.sqs.list_queues().max_results(1000).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("sqs:ListQueues", "all queues", &error))?;
            urls.extend(page.queue_urls().iter().cloned());
        }
        Ok(urls)
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

    /// Receives up to ten messages, and asks again where there was no answer. `seen_at` tells the time when they have come.
    ///
    /// The SDK does not repeat the request by itself: SQS may have hidden messages for one that was not answered, and the
    /// caller has to know of that.
    pub async fn receive(
        &self,
        queue: &QueueEvidence,
        how: Received,
        seen_at: impl AsyncFnOnce() -> Timestamp,
    ) -> ReceiveAnswer {
        let (mut unanswered, mut attempt) = (0, 1);
        loop {
            let error = match self.receive_once(queue, how).await {
                Ok(messages) => {
                    let seen_at = seen_at().await;
                    let messages =
                        messages.iter().map(|message| dead_letter(message, seen_at)).collect();
                    return ReceiveAnswer { messages: Ok(messages), unanswered };
                }
                Err(error) => error,
            };
            let failure = ReceiveFailure::of(&error);
            unanswered += u32::from(failure == ReceiveFailure::Unanswered);
            if failure == ReceiveFailure::Refused || attempt >= RECEIVE_ATTEMPTS_MAX {
                let error = failed("sqs:ReceiveMessage", &queue.name, &error);
                return ReceiveAnswer { messages: Err(error), unanswered };
            }
            tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
            attempt += 1;
        }
    }

    async fn receive_once(
        &self,
        queue: &QueueEvidence,
        how: Received,
    ) -> Result<Vec<Message>, SdkError<ReceiveMessageError, HttpResponse>> {
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let request = self
            .sqs
            .receive_message()
            .queue_url(&queue.url)
            .max_number_of_messages(10)
            .visibility_timeout(number(how.visibility_timeout_seconds))
            .wait_time_seconds(number(how.wait_seconds))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .customize()
            .config_override(Builder::new().retry_config(RetryConfig::disabled()));
        Ok(request.send().await?.messages.unwrap_or_default())
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
        self.delete_or_denied(queue, handles).await.failed
    }

    /// The same, and whether it was denied.
    pub async fn delete_or_denied(&self, queue: &QueueEvidence, handles: &[String]) -> NotDeleted {
        let is_denied = AtomicBool::new(false);
        let send = async |handles: &[&String]| {
            let entries = handles.iter().enumerate().filter_map(|(index, handle)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(*handle)
                    .build()
                    .ok()
            });
            let request = self
                .sqs
                .delete_message_batch()
                .queue_url(&queue.url)
                .set_entries(Some(entries.collect()));
            let answer = request.send().await;
            let answer = answer.map(|answer| {
                undone(handles.len(), &answer.successful, |done| &done.id, &answer.failed)
            });
            answer.map_err(|error| {
                let error = failed("sqs:DeleteMessage", &queue.name, &error);
                is_denied.fetch_or(error.cause == Cause::Denied, Ordering::SeqCst);
                error
            })
        };
        let undone = in_batches(handles, send).await.into_iter();
        let failed = undone.map(|(handle, reason)| (handle.clone(), reason)).collect();
        NotDeleted { failed, is_denied: is_denied.into_inner() }
    }

    /// Sets how long messages stay invisible from now on, each by its receipt handle; 0 hands a message back at once. What
    /// could not be done comes back, each with the reason.
    pub async fn change_visibility(
        &self,
        queue: &QueueEvidence,
        seconds_by_handle: &[(String, u32)],
    ) -> Vec<(String, String)> {
        let send = async |seconds_by_handle: &[&(String, u32)]| {
            let entries =
                seconds_by_handle.iter().enumerate().filter_map(|(index, (handle, seconds))| {
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
            let asked = seconds_by_handle.len();
            let answer = answer
                .map(|answer| undone(asked, &answer.successful, |done| &done.id, &answer.failed));
            answer.map_err(|error| failed("sqs:ChangeMessageVisibility", &queue.name, &error))
        };
        let undone = in_batches(seconds_by_handle, send).await.into_iter();
        undone.map(|((handle, _), reason)| (handle.clone(), reason)).collect()
    }
}

/// An entry of a batch that was not done.
#[derive(Debug)]
struct Undone {
    /// Its number in the batch.
    index: usize,
    why: String,
    /// Whether it may be done when it is sent again: the sender is not at fault.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_BatchResultErrorEntry.html>, `SenderFault`.
    may_be_retried: bool,
}

/// What an answer does not say to be done of a batch of that size. To delete or to hide what is deleted or hidden already does no
/// harm, so that what is not reported is asked for again.
fn undone<S>(
    size: usize,
    successful: &[S],
    id_of: impl Fn(&S) -> &str,
    failed: &[BatchResultErrorEntry],
) -> Vec<Undone> {
    let told = told_of_each(size, successful, id_of, failed).into_iter().enumerate();
    told.filter_map(|(index, told)| match told {
        Told::Done(_) => None,
        Told::Failed(entry) => {
            Some(Undone { index, why: reason(entry), may_be_retried: !entry.sender_fault() })
        }
        Told::Untold(why) => Some(Undone { index, why: why.to_owned(), may_be_retried: true }),
    })
    .collect()
}

/// Sends entries in batches; what was not done comes back, each with the reason. Entries that failed through a fault of SQS's
/// own, were throttled or are not reported are sent again, a few times.
async fn in_batches<'a, T>(
    entries: &'a [T],
    send: impl AsyncFn(&[&T]) -> Result<Vec<Undone>, AwsError>,
) -> Vec<(&'a T, String)> {
    let mut undone = Vec::new();
    for chunk in entries.chunks(BATCH_ENTRIES_MAX) {
        let mut pending: Vec<&T> = chunk.iter().collect();
        let mut attempt = 1;
        while !pending.is_empty() {
            let failed = match send(&pending).await {
                Ok(failed) => failed,
                Err(error) => {
                    undone.extend(pending.iter().map(|entry| (*entry, error.to_string())));
                    break;
                }
            };
            let mut again = Vec::new();
            for Undone { index, why, may_be_retried } in failed {
                let Some(entry) = pending.get(index).copied() else { continue };
                if may_be_retried && attempt < ENTRY_ATTEMPTS_MAX {
                    again.push(entry);
                } else {
                    undone.push((entry, why));
                }
            }
            if !again.is_empty() {
                tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(attempt - 1)).await;
            }
            pending = again;
            attempt += 1;
        }
    }
    undone
}

fn dead_letter(message: &Message, seen_at: Timestamp) -> DeadLetter {
    let attribute =
        |name: MessageSystemAttributeName| message.attributes()?.get(&name).map(String::as_str);
    let time = |name| attribute(name)?.parse().ok().map(Timestamp::from_millis);
    DeadLetter {
        message_id: message.message_id().unwrap_or_default().to_owned(),
        body: message.body().unwrap_or_default().to_owned(),
        attributes: attribute_texts(message),
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

/// The texts of a message's attributes. What is binary is read as text as far as it is one.
fn attribute_texts(message: &Message) -> Vec<String> {
    let values = message.message_attributes().into_iter().flat_map(HashMap::values);
    let text = |value: &MessageAttributeValue| {
        let binary = || Some(String::from_utf8_lossy(value.binary_value()?.as_ref()).into_owned());
        value.string_value().map(str::to_owned).or_else(binary)
    };
    values.filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Sends two entries, of which the second fails so often; says what was not done, and how many entries each batch had.
    async fn sent(fails: u32, sender_fault: bool) -> (Vec<&'static str>, Vec<usize>) {
        let sizes = Mutex::new(Vec::new());
        let send = async |batch: &[&&'static str]| {
            let mut sizes = sizes.lock().unwrap();
            sizes.push(batch.len());
            let again = u32::try_from(sizes.len()).unwrap() <= fails;
            let at = batch.iter().position(|entry| **entry == "b").filter(|_| again);
            let failure =
                |index| Undone { index, why: String::new(), may_be_retried: !sender_fault };
            Ok(at.map(failure).into_iter().collect())
        };
        let undone = in_batches(&["a", "b"], send).await;
        (undone.into_iter().map(|(entry, _)| *entry).collect(), sizes.into_inner().unwrap())
    }

    #[tokio::test]
    async fn an_entry_that_failed_through_no_fault_of_the_sender_is_sent_again_within_bounds() {
        assert_eq!(sent(0, false).await, (vec![], vec![2]));
        assert_eq!(sent(2, false).await, (vec![], vec![2, 1, 1]));
        assert_eq!(sent(9, false).await, (vec!["b"], vec![2, 1, 1, 1]));
        assert_eq!(sent(1, true).await, (vec!["b"], vec![2]));
    }

    #[tokio::test]
    async fn what_an_answer_leaves_out_is_asked_for_again_and_not_done_in_the_end() {
        let sizes = Mutex::new(Vec::new());
        let first_only = async |batch: &[&u8]| {
            sizes.lock().unwrap().push(batch.len());
            Ok(undone(batch.len(), &["0"], |id| id, &[]))
        };
        assert_eq!(in_batches(&[1, 2, 3], first_only).await, []);
        assert_eq!(*sizes.lock().unwrap(), [3, 2, 1]);
        let none = async |batch: &[&u8]| Ok(undone(batch.len(), &["9"], |id| id, &[]));
        let left: Vec<u8> =
            in_batches(&[1, 2], none).await.into_iter().map(|each| *each.0).collect();
        assert_eq!(left, [1, 2]);
    }

    #[tokio::test]
    async fn a_batch_that_is_refused_is_undone_as_a_whole() {
        let send = async |_: &[&u8]| Err(AwsError::no_region());
        assert_eq!(in_batches(&[1, 2], send).await.len(), 2);
    }
}
