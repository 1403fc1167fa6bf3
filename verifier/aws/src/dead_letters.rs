//! SQS: taking dead letters in hand, and sending them again.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, SendMessageBatchRequestEntry,
    SendMessageBatchResultEntry,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{Attribute, DeadLetter, Resend, take_source};
use verifier_model::sqs::{AttributeValue, MessageAttribute, md5_of_attributes, md5_of_body};
use verifier_model::time::Timestamp;

use crate::batch_answers::{Told, reason, told_of_each};
use crate::error::failed;
use crate::{Aws, AwsError, Cause, Received};

/// A message that was received, and by which handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The message.
    pub message: DeadLetter,
    /// What ends the receive.
    pub receipt_handle: String,
}

/// What became of one message of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// SQS has it, under this id.
    Confirmed {
        /// The new message's id.
        message_id: String,
        /// Whether it was sent with a trace header that SQS does not say to have.
        trace_lost: bool,
    },
    /// SQS does not have it.
    Refused {
        /// Why.
        why: String,
        /// Whether it may be taken when it is sent again.
        may_be_retried: bool,
    },
    /// SQS may have it or not.
    Unknown {
        /// Why.
        why: String,
    },
}

impl Aws {
    /// Receives up to `most` messages (1 to 10) with everything that a resend needs.
    pub async fn receive_messages(
        &self,
        queue: &QueueEvidence,
        how: Received,
        most: usize,
    ) -> Result<Vec<ReceivedMessage>, AwsError> {
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let answer = self
            .sqs
            .receive_message()
            .queue_url(&queue.url)
            .max_number_of_messages(i32::try_from(most).unwrap_or(10))
            .visibility_timeout(number(how.visibility_timeout_seconds))
            .wait_time_seconds(number(how.wait_seconds))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|error| failed("sqs:ReceiveMessage", &queue.name, &error))?;
        let messages = answer.messages.unwrap_or_default();
        let altered = messages.iter().find_map(|message| Some((message, altered(message)?)));
        if let Some((message, what)) = altered {
            let id = message.message_id().unwrap_or_default();
            let message = format!(
                "the message {id} has come with {what} than its MD5 says: something between here and SQS alters messages. They are left where they are"
            );
            let handles: Vec<(String, u32)> = messages
                .iter()
                .filter_map(|each| Some((each.receipt_handle.clone()?, 0)))
                .collect();
            // What cannot be made visible again comes back by itself.
            let _ = self.change_visibility(queue, &handles).await;
            return Err(AwsError {
                cause: Cause::Other,
                action: "sqs:ReceiveMessage",
                resource: queue.name.clone(),
                code: None,
                message,
            });
        }
        Ok(messages.into_iter().map(in_hand).collect())
    }

    /// Sends up to ten messages; says of each, in their order, what became of it.
    ///
    /// An endpoint that has dropped the trace header of a message in a batch gets those that carry one singly from then on.
    pub async fn resend(&self, queue: &QueueEvidence, batch: &[Resend]) -> Vec<Sent> {
        let has_trace = |resend: &Resend| resend.trace_header.is_some();
        if !self.batches_drop_traces.load(Ordering::SeqCst) || !batch.iter().any(has_trace) {
            let sent = self.resend_batch(queue, batch).await;
            if sent.iter().any(|sent| matches!(sent, Sent::Confirmed { trace_lost: true, .. })) {
                self.batches_drop_traces.store(true, Ordering::SeqCst);
            }
            return sent;
        }
        // One after the other, in their order, which FIFO queues keep.
        let mut sent = Vec::new();
        for resend in batch {
            sent.push(self.resend_one(queue, resend).await);
        }
        sent
    }

    /// Sends one message by a request of its own.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
    async fn resend_one(&self, queue: &QueueEvidence, resend: &Resend) -> Sent {
        let entry = match entry(0, resend) {
            Ok(entry) => entry,
            Err(error) => return Sent::Refused { why: error.to_string(), may_be_retried: false },
        };
        let request = self
            .sqs
            .send_message()
            .queue_url(&queue.url)
            .message_body(&resend.body)
            .set_message_group_id(resend.group_id.clone())
            .set_message_deduplication_id(resend.deduplication_id.clone())
            .set_message_attributes(entry.message_attributes)
            .set_message_system_attributes(entry.message_system_attributes)
            .customize()
            .config_override(Builder::new().retry_config(RetryConfig::disabled()));
        match request.send().await {
            Ok(answer) if answer.md5_of_message_body() == Some(&md5_of_body(&resend.body)) => {
                let has_trace = answer.md5_of_message_system_attributes().is_some();
                Sent::Confirmed {
                    message_id: answer.message_id().unwrap_or_default().to_owned(),
                    trace_lost: resend.trace_header.is_some() && !has_trace,
                }
            }
            Ok(_) => Sent::Unknown { why: "SQS confirmed another body than was sent".to_owned() },
            Err(error) => of_request("sqs:SendMessage", &queue.name, &error),
        }
    }

    /// Sends up to ten messages by one request.
    ///
    /// The SDK does not repeat the request by itself: a message that may have arrived must not be sent again before that
    /// was written down.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
    async fn resend_batch(&self, queue: &QueueEvidence, batch: &[Resend]) -> Vec<Sent> {
        let entries: Result<Vec<_>, _> = batch
            .iter()
            .enumerate()
            .map(|(index, resend)| entry(index, resend).map_err(|error| error.to_string()))
            .collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(why) => {
                return vec![Sent::Refused { why, may_be_retried: false }; batch.len()];
            }
        };
        let request = self
            .sqs
            .send_message_batch()
            .queue_url(&queue.url)
            .set_entries(Some(entries))
            .customize()
            .config_override(Builder::new().retry_config(RetryConfig::disabled()));
        match request.send().await {
            Ok(answer) => each(batch, answer.successful(), answer.failed()),
            Err(error) => vec![of_request("sqs:SendMessage", &queue.name, &error); batch.len()],
        }
    }
}

/// What became of each message of a batch that was answered.
fn each(
    batch: &[Resend],
    successful: &[SendMessageBatchResultEntry],
    failed: &[BatchResultErrorEntry],
) -> Vec<Sent> {
    let told = told_of_each(batch.len(), successful, SendMessageBatchResultEntry::id, failed);
    let of = |(resend, told): (&Resend, Told<'_, SendMessageBatchResultEntry>)| match told {
        Told::Done(entry) if entry.md5_of_message_body() == md5_of_body(&resend.body) => {
            let has_trace = entry.md5_of_message_system_attributes().is_some();
            let trace_lost = resend.trace_header.is_some() && !has_trace;
            Sent::Confirmed { message_id: entry.message_id().to_owned(), trace_lost }
        }
        Told::Done(_) => {
            Sent::Unknown { why: "SQS confirmed another body than was sent".to_owned() }
        }
        Told::Failed(entry) => of_entry(entry),
        Told::Untold(why) => Sent::Unknown { why: why.to_owned() },
    };
    batch.iter().zip(told).map(of).collect()
}

fn of_entry(entry: &BatchResultErrorEntry) -> Sent {
    let why = reason(entry);
    if entry.sender_fault() {
        Sent::Refused { why, may_be_retried: false }
    } else if entry.code().contains("Throttl") {
        Sent::Refused { why, may_be_retried: true }
    } else {
        // A fault of SQS's own may have struck after the message was stored.
        Sent::Unknown { why }
    }
}

/// What became of what a request was to send that was not answered as it should be.
pub(crate) fn of_request<E>(
    action: &'static str,
    to: &str,
    error: &SdkError<E, HttpResponse>,
) -> Sent
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let explained = failed(action, to, error);
    let why = explained.to_string();
    match (error, status) {
        (SdkError::ConstructionFailure(_), _) => Sent::Refused { why, may_be_retried: false },
        (SdkError::ServiceError(_), Some(400..=499)) => {
            let may_be_retried = explained.cause == Cause::Throttled;
            Sent::Refused { why, may_be_retried }
        }
        _ => Sent::Unknown { why },
    }
}

fn entry(
    index: usize,
    resend: &Resend,
) -> Result<SendMessageBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&resend.body)
        .set_message_group_id(resend.group_id.clone())
        .set_message_deduplication_id(resend.deduplication_id.clone());
    for (name, attribute) in &resend.attributes {
        let value = MessageAttributeValue::builder()
            .data_type(&attribute.data_type)
            .set_string_value(attribute.string_value.clone())
            .set_binary_value(attribute.bytes().map(Blob::new));
        entry = entry.message_attributes(name, value.build()?);
    }
    if let Some(header) = &resend.trace_header {
        // It is the one system attribute that may be sent.
        let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header);
        let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
        entry = entry.message_system_attributes(name, value.build()?);
    }
    entry.build()
}

/// What of a message is not what its sender's MD5 says: its body or its attributes. Endpoints that send no MD5 are believed.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Message.html>, `MD5OfBody` and
/// `MD5OfMessageAttributes`.
fn altered(message: &Message) -> Option<&'static str> {
    let body = message.body().unwrap_or_default();
    if message.md5_of_body().is_some_and(|md5| md5 != md5_of_body(body)) {
        return Some("another body");
    }
    let md5 = message.md5_of_message_attributes()?;
    let attributes = message.message_attributes().into_iter().flatten();
    let attributes = attributes.map(|(name, value)| {
        let data_type = value.data_type().to_owned();
        let value = match value.binary_value() {
            Some(bytes) => AttributeValue::Binary(bytes.as_ref().to_vec()),
            None => AttributeValue::Text(value.string_value().unwrap_or_default().to_owned()),
        };
        (name.clone(), MessageAttribute { data_type, value })
    });
    let is_same = md5_of_attributes(&attributes.collect()).is_none_or(|own| own == md5);
    (!is_same).then_some("other attributes")
}

fn in_hand(received: Message) -> ReceivedMessage {
    let system = received.attributes.unwrap_or_default();
    let text = |name: MessageSystemAttributeName| system.get(&name).cloned();
    let time = |name| text(name)?.parse().ok().map(Timestamp::from_millis);
    let attributes = received.message_attributes.unwrap_or_default();
    let attributes: BTreeMap<String, Attribute> =
        attributes.into_iter().map(|(name, value)| (name, attribute(value))).collect();
    let mut message = DeadLetter {
        message_id: received.message_id.unwrap_or_default(),
        body: received.body.unwrap_or_default(),
        attributes,
        trace_header: text(MessageSystemAttributeName::AwsTraceHeader),
        group_id: text(MessageSystemAttributeName::MessageGroupId),
        deduplication_id: text(MessageSystemAttributeName::MessageDeduplicationId),
        sequence_number: text(MessageSystemAttributeName::SequenceNumber),
        sent_at: time(MessageSystemAttributeName::SentTimestamp),
        first_received_at: time(MessageSystemAttributeName::ApproximateFirstReceiveTimestamp),
        receive_count: text(MessageSystemAttributeName::ApproximateReceiveCount)
            .and_then(|count| count.parse().ok()),
        source_arn: text(MessageSystemAttributeName::DeadLetterQueueSourceArn),
        job_id: None,
        elsewhere_bytes: 0,
        written: None,
    };
    take_source(&mut message);
    ReceivedMessage { message, receipt_handle: received.receipt_handle.unwrap_or_default() }
}

fn attribute(value: MessageAttributeValue) -> Attribute {
    match value.binary_value {
        Some(bytes) => Attribute::binary(value.data_type, bytes.as_ref()),
        None => Attribute::text(value.data_type, value.string_value.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of an answer to a message with that trace header.
    fn trace_lost(header: Option<&str>, md5: Option<&str>) -> Option<bool> {
        let resend = Resend {
            body: "b".to_owned(),
            trace_header: header.map(str::to_owned),
            ..Resend::default()
        };
        let entry = SendMessageBatchResultEntry::builder()
            .id("0")
            .message_id("m")
            .md5_of_message_body(md5_of_body("b"))
            .set_md5_of_message_system_attributes(md5.map(str::to_owned));
        match each(&[resend], &[entry.build().ok()?], &[]).first() {
            Some(Sent::Confirmed { trace_lost, .. }) => Some(*trace_lost),
            _ => None,
        }
    }

    #[test]
    fn a_message_that_was_altered_on_its_way_is_noticed() {
        let value = |text: &str| {
            MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap()
        };
        let attribute = MessageAttribute {
            data_type: "String".to_owned(),
            value: AttributeValue::Text("x".to_owned()),
        };
        let md5 = md5_of_attributes(&[("a".to_owned(), attribute)].into()).unwrap();
        let received = |body: &str, text: &str| {
            Message::builder()
                .body(body)
                .md5_of_body(md5_of_body("b"))
                .message_attributes("a", value(text))
                .md5_of_message_attributes(&md5)
                .build()
        };
        assert_eq!(altered(&received("b", "x")), None);
        assert_eq!(altered(&received("c", "x")), Some("another body"));
        assert_eq!(altered(&received("b", "y")), Some("other attributes"));
        assert_eq!(altered(&Message::builder().body("b").build()), None);
    }

    #[test]
    fn a_trace_header_without_a_digest_in_the_answer_is_lost() {
        assert_eq!(trace_lost(Some("Root=1"), None), Some(true));
        assert_eq!(trace_lost(Some("Root=1"), Some("0")), Some(false));
        assert_eq!(trace_lost(None, None), Some(false));
    }
}
