//! Messages: as they are sent, as a queue holds them, and as they are received.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::time::Timestamp;

/// The value of one message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// Text; also how numbers travel.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// One message attribute: a data type with an optional label (`String`, `Number.int`, `Binary`), and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAttribute {
    /// The data type.
    pub data_type: String,
    /// The value.
    pub value: AttributeValue,
}

/// The place of a message in the order of a FIFO queue: 20 digits, ascending, with gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceNumber(u128);

impl SequenceNumber {
    /// The first one. AWS says only that they are 128 bits wide and not consecutive; its own have 20 digits.
    pub(super) const FIRST: Self = Self(18_800_000_000_000_000_000);

    /// The one that is given out after this one.
    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(256))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Message attributes by name.
pub type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// What a sender hands over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendMessage {
    /// The body: 1 to 1,048,576 bytes of XML 1.0 characters, less where the queue says so.
    pub body: String,
    /// The attributes.
    pub attributes: MessageAttributes,
    /// The X-Ray trace header, a message *system* attribute; it does not count towards the size.
    pub trace_header: Option<String>,
    /// Overrides the queue's delay; 0 to 900 s.
    pub delay_seconds: Option<u32>,
    /// The message group, which FIFO queues require; on standard queues for fairness only.
    pub group_id: Option<String>,
    /// What tells a repeated send from a new message; on FIFO queues only.
    pub deduplication_id: Option<String>,
}

impl SendMessage {
    /// A message with a body only.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// How many bytes count towards the queue's limit.
    pub fn size_bytes(&self) -> usize {
        let attributes: usize = self
            .attributes
            .iter()
            .map(|(name, attribute)| {
                let value = match &attribute.value {
                    AttributeValue::Text(text) => text.len(),
                    AttributeValue::Binary(bytes) => bytes.len(),
                };
                name.len() + attribute.data_type.len() + value
            })
            .sum();
        self.body.len() + attributes
    }
}

/// What SQS confirms of a sent message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// The message's id.
    pub message_id: String,
    /// The MD5 of the body.
    pub md5_of_body: String,
    /// The MD5 of the attributes, where there are any.
    pub md5_of_attributes: Option<String>,
    /// The MD5 of the system attributes, where there are any: the trace header is the only one that is sent.
    pub md5_of_system_attributes: Option<String>,
    /// The message's place in the order of a FIFO queue.
    pub sequence_number: Option<SequenceNumber>,
}

/// A message as a queue holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The id, kept when the message is moved to a dead-letter queue.
    pub message_id: String,
    /// The body.
    pub body: String,
    /// The attributes.
    pub attributes: MessageAttributes,
    /// The X-Ray trace header.
    pub trace_header: Option<String>,
    /// The message group.
    pub group_id: Option<String>,
    /// What told a repeated send from this message, on FIFO queues.
    pub deduplication_id: Option<String>,
    /// The message's place in the order of its FIFO queue.
    pub sequence_number: Option<SequenceNumber>,
    /// Who sent it.
    pub sender_id: String,
    /// When it was sent, kept when the message is moved to a standard dead-letter queue. Retention counts from it.
    pub sent_at: Timestamp,
    /// When it was first received, from any queue.
    pub first_received_at: Option<Timestamp>,
    /// How often it was received, counted on across a move to a dead-letter queue.
    pub receive_count: u32,
    /// The queue it was moved from by a redrive policy, which is also where a message move task returns it to.
    pub dead_letter_queue_source_arn: Option<String>,
}

/// A message as a receiver gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The message, its counts already including this receive.
    pub message: Message,
    /// The handle by which this receive can be ended.
    pub receipt_handle: String,
    /// How long it stays invisible.
    pub visibility_timeout: Duration,
}
