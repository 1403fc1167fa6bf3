//! The operations on messages: send, receive, delete, change visibility, purge.

use std::time::Duration;

use super::deduplication::{Original, id_from_content, scoped};
use super::event::QueueEventKind;
use super::queue::{IN_FLIGHT_MAX, Queue};
use super::send_rules::{check_fifo_batch, check_message, in_bounds};
use super::{
    MESSAGE_BYTES_MAX, Message, ReceiveFault, ReceivedMessage, SendMessage, SentMessage,
    SequenceNumber, Sqs, SqsError, check_batch, md5_of_attributes, md5_of_body,
    md5_of_trace_header,
};
use crate::time::Timestamp;

/// How long a queue must not be purged again.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);

/// The parameters of a receive.
///
/// There is no receive request attempt id: a receive over the model is never lost, so a repeated one may be answered
/// as a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveMessage {
    /// At most this many messages; 1 to 10, 1 when absent.
    pub max_number_of_messages: Option<u32>,
    /// Overrides the queue's visibility timeout; 0 to 43,200 s.
    pub visibility_timeout_seconds: Option<u32>,
}

/// What became of the entries of a batch, each with its id.
pub type BatchOutcomes = Vec<(String, Result<SentMessage, SqsError>)>;

impl Sqs {
    /// Sends a message.
    ///
    /// A message that repeats one sent to the same FIFO queue in the last five minutes is accepted, answered with the
    /// id and the sequence number of the first, and not stored.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
    pub fn send(
        &mut self,
        name: &str,
        message: SendMessage,
        now: Timestamp,
    ) -> Result<SentMessage, SqsError> {
        self.advance(now);
        check_message(&message, &self.queue_mut(name, now)?.attributes)?;
        let message_id = self.new_id();
        let sender_id = self.account_id.clone();
        let original = Original { message_id, sequence_number: self.sequence_number };
        let queue = self.queue_mut(name, now)?;
        let sent = SentMessage {
            message_id: original.message_id.clone(),
            md5_of_body: md5_of_body(&message.body),
            md5_of_attributes: md5_of_attributes(&message.attributes),
            md5_of_system_attributes: message.trace_header.as_deref().map(md5_of_trace_header),
            sequence_number: queue.fifo.as_ref().map(|_| original.sequence_number),
        };
        let deduplication_id = match deduplicate(queue, &message, &original, now) {
            Acceptance::Repeats(earlier) => {
                return Ok(SentMessage {
                    message_id: earlier.message_id,
                    sequence_number: Some(earlier.sequence_number),
                    ..sent
                });
            }
            Acceptance::New(deduplication_id) => deduplication_id,
        };
        let own_delay = message.delay_seconds.filter(|_| queue.fifo.is_none());
        let own_delay = own_delay.map(|delay| Duration::from_secs(delay.into()));
        let delay = own_delay.unwrap_or(queue.attributes.delay());
        let message = Message {
            message_id: original.message_id,
            body: message.body,
            attributes: message.attributes,
            trace_header: message.trace_header,
            group_id: message.group_id,
            deduplication_id,
            sequence_number: sent.sequence_number,
            sender_id,
            sent_at: now,
            first_received_at: None,
            receive_count: 0,
            dead_letter_queue_source_arn: None,
        };
        let (id, body) = (message.message_id.clone(), self.noted_body(&message));
        let queue = self.queue_mut(name, now)?;
        queue.insert(message, delay, now);
        queue.sent += 1;
        self.note(name, &id, || QueueEventKind::Sent { body });
        self.sequence_number = original.sequence_number.next();
        self.changed.insert(name.to_owned());
        Ok(sent)
    }

    /// Sends the messages of a batch, each with its entry's id; entries that could not be read come with their error.
    ///
    /// The whole batch is refused when its ids or its size are wrong and, as recordings show, when on a FIFO queue an
    /// entry has neither group nor deduplication id where one is needed.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
    pub fn send_batch(
        &mut self,
        name: &str,
        entries: Vec<(String, Result<SendMessage, SqsError>)>,
        now: Timestamp,
    ) -> Result<BatchOutcomes, SqsError> {
        let attributes = self.configuration(name)?;
        check_batch("SendMessageBatchRequestEntry", entries.iter().map(|(id, _)| id.as_str()))?;
        let messages = || entries.iter().filter_map(|(_, message)| message.as_ref().ok());
        let bytes: usize = messages().map(SendMessage::size_bytes).sum();
        if bytes > MESSAGE_BYTES_MAX {
            return Err(SqsError::BatchRequestTooLong(bytes));
        }
        if let Some(fifo) = attributes.fifo {
            check_fifo_batch(messages(), fifo)?;
        }
        let send = |(id, message): (String, Result<SendMessage, SqsError>)| {
            (id, message.and_then(|message| self.send(name, message, now)))
        };
        Ok(entries.into_iter().map(send).collect())
    }

    /// Receives messages, moving those that were received too often to the dead-letter queue instead.
    ///
    /// With too many messages in flight a standard queue answers [`SqsError::OverLimit`], a FIFO queue nothing.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.
    pub fn receive(
        &mut self,
        name: &str,
        request: ReceiveMessage,
        now: Timestamp,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        self.receive_with(name, request, now, &mut |_| ReceiveFault::Regular)
    }

    /// Receives messages as [`Sqs::receive`] does, but for what `deliver` says of each message whose turn it is: for
    /// faults on purpose.
    pub fn receive_with(
        &mut self,
        name: &str,
        request: ReceiveMessage,
        now: Timestamp,
        deliver: &mut dyn FnMut(&Message) -> ReceiveFault,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        self.advance(now);
        let max = request.max_number_of_messages.unwrap_or(1);
        let dead_letter_queue = self.dead_letter_queue_of(name)?;
        let max_receive_count = dead_letter_queue.as_ref().map(|(_, count)| *count);
        let queue = self.queue_mut(name, now)?;
        if !(1..=10).contains(&max) {
            return Err(SqsError::InvalidParameterValue(format!(
                "Value {max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
            )));
        }
        let default_timeout = queue.attributes.visibility_timeout_seconds;
        let timeout = request.visibility_timeout_seconds.unwrap_or(default_timeout);
        let timeout =
            Duration::from_secs(in_bounds("VisibilityTimeout", timeout, 0, 43_200)?.into());
        let room = IN_FLIGHT_MAX.saturating_sub(queue.in_flight_count());
        if room == 0 && queue.fifo.is_none() {
            return Err(SqsError::OverLimit);
        }
        let max = room.min(max as usize);
        let received = queue.receive(max, max_receive_count, timeout, now, deliver);
        if !received.received.is_empty() || received.deferred {
            self.changed.insert(name.to_owned());
        }
        for ReceivedMessage { message, .. } in &received.received {
            let receive_count = message.receive_count;
            self.note(name, &message.message_id, || QueueEventKind::Received { receive_count });
        }
        if let Some((dead_letter_queue, _)) = dead_letter_queue {
            for message in received.exhausted {
                self.dead_letter(message, name, &dead_letter_queue, now)?;
            }
        }
        Ok(received.received)
    }

    /// Puts a message into a dead-letter queue.
    ///
    /// A FIFO queue gives it a new place in its order, its message id as deduplication id, and counts its retention
    /// from now.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html> and
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>.
    fn dead_letter(
        &mut self,
        mut message: Message,
        from: &str,
        to: &str,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        message.dead_letter_queue_source_arn = Some(self.arn(from));
        if self.queue_mut(to, now)?.fifo.is_some() {
            message.deduplication_id = Some(message.message_id.clone());
            message.sequence_number = Some(self.next_sequence_number());
            message.sent_at = now;
        }
        let id = message.message_id.clone();
        let body = self.noted_body(&message);
        self.queue_mut(to, now)?.insert(message, Duration::ZERO, now);
        self.note(to, &id, || QueueEventKind::DeadLettered { body });
        // A queue that is its own dead-letter queue never hands the message out; whoever waits there and were told
        // would move it again and again.
        if to != from {
            self.changed.insert(to.to_owned());
        }
        Ok(())
    }

    /// Deletes a message by the handle of its latest receive.
    pub fn delete(
        &mut self,
        name: &str,
        receipt_handle: &str,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        self.advance(now);
        let queue = self.queue_mut(name, now)?;
        let at_limit = queue.in_flight_count() >= IN_FLIGHT_MAX;
        let is_fifo = queue.fifo.is_some();
        let there = |sqs: &Self| {
            let is_watched = sqs.events.is_some();
            let message =
                is_watched.then(|| sqs.message_of_receipt(name, receipt_handle)).flatten();
            message.map(|message| message.message_id.clone())
        };
        let before = there(self);
        self.queue_mut(name, now)?.delete(receipt_handle, now)?;
        if let (Some(id), None) = (before, there(self)) {
            self.note(name, &id, || QueueEventKind::Deleted);
        }
        // Below the limit a receive succeeds that did not before, and the message's group is no longer blocked.
        if at_limit || is_fifo {
            self.changed.insert(name.to_owned());
        }
        Ok(())
    }

    /// Gives a message in flight another visibility timeout, counted from now; 0 to 43,200 s, 0 hands it back.
    pub fn change_visibility(
        &mut self,
        name: &str,
        receipt_handle: &str,
        visibility_timeout_seconds: u32,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        self.advance(now);
        let queue = self.queue_mut(name, now)?;
        let seconds = in_bounds("VisibilityTimeout", visibility_timeout_seconds, 0, 43_200)?;
        queue.change_visibility(receipt_handle, Duration::from_secs(seconds.into()), now)?;
        self.changed.insert(name.to_owned());
        Ok(())
    }

    /// Deletes every message of a queue; at most once a minute.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html>.
    pub fn purge(&mut self, name: &str, now: Timestamp) -> Result<(), SqsError> {
        self.advance(now);
        let queue = self.queue_mut(name, now)?;
        if queue.purged_at.is_some_and(|purged_at| purged_at + PURGE_INTERVAL > now) {
            return Err(SqsError::PurgeQueueInProgress(name.to_owned()));
        }
        let ids = self.noted_ids(name);
        let queue = self.queue_mut(name, now)?;
        queue.purge();
        queue.purged_at = Some(now);
        for id in ids {
            self.note(name, &id, || QueueEventKind::Purged);
        }
        self.changed.insert(name.to_owned());
        Ok(())
    }

    /// The name and the receive limit of a queue's dead-letter queue; `None` without a policy or when the queue that
    /// it names is gone, in which case messages stay where they are.
    fn dead_letter_queue_of(&self, name: &str) -> Result<Option<(String, u32)>, SqsError> {
        let Some(policy) = &self.configuration(name)?.redrive_policy else {
            return Ok(None);
        };
        let target = self.queue_of_arn(&policy.dead_letter_target_arn);
        Ok(target.map(|target| (target.to_owned(), policy.max_receive_count)))
    }

    /// Gives out the next place in the order of FIFO queues.
    pub(super) fn next_sequence_number(&mut self) -> SequenceNumber {
        let next = self.sequence_number;
        self.sequence_number = next.next();
        next
    }
}

/// Whether a send puts a message into a queue.
enum Acceptance {
    /// It does, on a FIFO queue under this deduplication id.
    New(Option<String>),
    /// It does not, because of this earlier one.
    Repeats(Original),
}

fn deduplicate(
    queue: &mut Queue,
    message: &SendMessage,
    original: &Original,
    now: Timestamp,
) -> Acceptance {
    let (Some(fifo), Some(attributes)) = (&mut queue.fifo, queue.attributes.fifo) else {
        return Acceptance::New(None);
    };
    let given = message.deduplication_id.clone();
    let id = given.unwrap_or_else(|| id_from_content(&message.body));
    let group_id = message.group_id.as_deref().unwrap_or_default();
    let key = scoped(attributes.deduplication_scope, group_id, &id);
    if let Some(earlier) = fifo.deduplication.find(&key) {
        return Acceptance::Repeats(earlier.clone());
    }
    fifo.deduplication.remember(key, original.clone(), now);
    Acceptance::New(Some(id))
}
