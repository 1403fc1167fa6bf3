//! One dead letter.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use verifier_model::time::Timestamp;

use super::Written;

/// A message attribute as it can be sent. Lists are reserved and refused by SQS, so there are none.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageAttributeValue.html>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// For example `String`, `Number.int` or `Binary`.
    pub data_type: String,
    /// The value of a text or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value of a binary attribute, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

impl Attribute {
    /// A text or a number.
    pub fn text(data_type: impl Into<String>, value: impl Into<String>) -> Self {
        Self { data_type: data_type.into(), string_value: Some(value.into()), binary_value: None }
    }

    /// Bytes.
    pub fn binary(data_type: impl Into<String>, value: &[u8]) -> Self {
        Self {
            data_type: data_type.into(),
            string_value: None,
            binary_value: Some(STANDARD.encode(value)),
        }
    }

    /// The bytes of a binary attribute; `None` where there are none, or they are not base64.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.binary_value.as_ref()?).ok()
    }

    /// The value as text: that of a binary attribute in base64.
    pub fn shown(&self) -> &str {
        self.string_value.as_deref().or(self.binary_value.as_deref()).unwrap_or_default()
    }

    /// How many bytes of a message it makes up, without its name.
    fn size_bytes(&self) -> usize {
        let value = match &self.string_value {
            Some(text) => text.len(),
            None => self.bytes().map_or(0, |bytes| bytes.len()),
        };
        self.data_type.len() + value
    }
}

/// A message of a dead-letter queue, as it was received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLetter {
    /// Its id, which it had in its first queue too.
    pub message_id: String,
    /// Its body.
    pub body: String,
    /// Its message attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Attribute>,
    /// Its X-Ray trace header, a message system attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_header: Option<String>,
    /// Its message group: order on FIFO queues, fairness on standard ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// What told a repeated send of it, on FIFO queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication_id: Option<String>,
    /// Its place in the order of a FIFO queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
    /// When it was sent to its first queue; on FIFO queues, when it came to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When it was first received from any queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_received_at: Option<Timestamp>,
    /// How often it was received from any queue, the last time included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive_count: Option<u32>,
    /// The queue that its redrive policy took it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_arn: Option<String>,
    /// The id of the job in its body, where that was looked for.
    #[serde(skip)]
    pub job_id: Option<String>,
    /// How many bytes of it are kept elsewhere, since this is its [`DeadLetter::head`].
    #[serde(skip)]
    pub elsewhere_bytes: usize,
    /// What a service has written on it, where this is its [`DeadLetter::head`].
    #[serde(skip)]
    pub written: Option<Box<Written>>,
}

/// The message attributes in which services write why they could not deliver: `EventBridge` and SNS, then Lambda.
const CODES: [&str; 2] = ["ERROR_CODE", "ErrorCode"];
const MESSAGES: [&str; 2] = ["ERROR_MESSAGE", "ErrorMessage"];

/// A message that takes a message's place in another queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resend {
    /// The message's id.
    pub from: String,
    /// The body.
    pub body: String,
    /// The message attributes.
    pub attributes: BTreeMap<String, Attribute>,
    /// The X-Ray trace header.
    pub trace_header: Option<String>,
    /// The message group.
    pub group_id: Option<String>,
    /// On FIFO queues, what tells a repeated send of the same message.
    pub deduplication_id: Option<String>,
}

impl DeadLetter {
    /// How many bytes count towards the limits of queues and batches.
    pub fn size_bytes(&self) -> usize {
        let attributes =
            self.attributes.iter().map(|(name, value)| name.len() + value.size_bytes());
        self.body.len() + attributes.sum::<usize>() + self.elsewhere_bytes
    }

    /// What is known of it without its content: everything but the body, and of the attributes those in which services write
    /// reasons. It has the size of the whole.
    #[must_use]
    pub fn head(&self) -> Self {
        let is_reason = |name: &str| CODES.contains(&name) || MESSAGES.contains(&name);
        let attributes: BTreeMap<String, Attribute> = self
            .attributes
            .iter()
            .filter(|(name, _)| is_reason(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut head = Self {
            message_id: self.message_id.clone(),
            body: String::new(),
            attributes,
            trace_header: None,
            group_id: self.group_id.clone(),
            deduplication_id: None,
            sequence_number: self.sequence_number.clone(),
            sent_at: self.sent_at,
            first_received_at: self.first_received_at,
            receive_count: self.receive_count,
            source_arn: self.source_arn.clone(),
            job_id: self.job_id.clone(),
            elsewhere_bytes: 0,
            written: self.written().map(Box::new),
        };
        head.elsewhere_bytes = self.size_bytes() - head.size_bytes();
        head
    }

    /// What messages are sorted by: when they were sent, and on FIFO queues their order there.
    pub fn order(&self) -> (Option<Timestamp>, usize, Option<&str>, &str) {
        // They are whole numbers without leading zeros, too long for any type.
        let number = self.sequence_number.as_deref();
        (self.sent_at, number.map_or(0, str::len), number, &self.message_id)
    }

    /// How long ago it was sent.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        self.sent_at.map(|sent_at| now.since(sent_at))
    }

    /// How long it stays until its queue drops it: retention counts from when it was sent, not from when it died.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
    pub fn time_to_expiry(&self, now: Timestamp, retention: Duration) -> Option<Duration> {
        self.sent_at.map(|sent_at| (sent_at + retention).since(now))
    }

    /// What a plan remembers of what would be sent again: everything but ids, times and counts.
    pub fn content_sha256(&self) -> String {
        let content = json!([self.body, self.attributes, self.trace_header, self.group_id]);
        hex(&Sha256::digest(content.to_string()))
    }

    /// The message that takes its place in a queue.
    ///
    /// A deduplication id that was used within five minutes makes SQS accept a message and drop it, so on a FIFO queue the
    /// message's own is not used again. The one that is used instead is made of the message and of what the resend belongs
    /// to, so that it stays the same when that resend is repeated.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html>.
    pub fn resend(&self, occasion: &str, is_fifo: bool) -> Resend {
        // A queue that is not FIFO has given the message no group, and FIFO queues take none without.
        let group_id = match &self.group_id {
            None if is_fifo => Some(self.message_id.clone()),
            group_id => group_id.clone(),
        };
        Resend {
            from: self.message_id.clone(),
            body: self.body.clone(),
            attributes: self.attributes.clone(),
            trace_header: self.trace_header.clone(),
            group_id,
            deduplication_id: is_fifo
                .then(|| hex(&Sha256::digest(format!("{occasion}\n{}", self.message_id)))),
        }
    }

    /// Why a service could not deliver it, as that service has written on it: `EventBridge`, SNS or Lambda, when it was invoked
    /// asynchronously.
    ///
    /// Sources: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>,
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html> and
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>. `None` for one that came from a queue.
    pub fn written_reason(&self) -> Option<String> {
        // SQS has moved it here: the attributes are of a failure before that, or its sender's.
        if self.source_arn.is_some() {
            return None;
        }
        if let Some(reason) = self.written().and_then(|written| written.reason) {
            return Some(reason);
        }
        let text = |names: [&str; 2]| {
            let found = names.iter().find_map(|name| self.attributes.get(*name));
            found.and_then(|value| value.string_value.as_deref()).filter(|text| !text.is_empty())
        };
        let code = text(CODES);
        let message = text(MESSAGES);
        match (code, message) {
            (Some(code), Some(message)) => Some(format!("{code}: {message}")),
            (code, message) => code.or(message).map(str::to_owned),
        }
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> DeadLetter {
        DeadLetter {
            message_id: "m-1".to_owned(),
            body: "{\"task\":7}".to_owned(),
            ..DeadLetter::default()
        }
    }

    #[test]
    fn a_resend_carries_everything_along() {
        let message = DeadLetter {
            attributes: BTreeMap::from([("n".to_owned(), Attribute::binary("Binary", &[0, 255]))]),
            trace_header: Some("Root=1".to_owned()),
            group_id: Some("g".to_owned()),
            ..message()
        };
        let resend = message.resend("occasion", false);
        assert_eq!((resend.from, resend.body), (message.message_id.clone(), message.body.clone()));
        assert_eq!(resend.attributes, message.attributes);
        assert_eq!(
            (resend.trace_header, resend.group_id),
            (message.trace_header, message.group_id)
        );
        assert_eq!(resend.deduplication_id, None);
    }

    #[test]
    fn a_fifo_resend_is_told_from_the_message_and_from_another_occasion_only() {
        let message = DeadLetter { deduplication_id: Some("d".to_owned()), ..message() };
        let id = |occasion| message.resend(occasion, true).deduplication_id.unwrap();
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
        assert_ne!(id("a"), "d");
        assert!(id("a").len() <= 128);
        // Without a group of its own it is ordered with nothing else.
        assert_eq!(message.resend("a", true).group_id.as_deref(), Some("m-1"));
    }

    #[test]
    fn the_content_is_what_would_be_sent_again() {
        let of = |change: fn(&mut DeadLetter)| {
            let mut message = message();
            change(&mut message);
            message.content_sha256()
        };
        let same = of(|_| {});
        assert_eq!(of(|message| message.receive_count = Some(9)), same);
        assert_ne!(of(|message| message.body.push(' ')), same);
        assert_ne!(of(|message| message.group_id = Some("g".to_owned())), same);
        assert_ne!(
            of(|message| drop(
                message.attributes.insert("a".to_owned(), Attribute::text("String", "b"))
            )),
            same
        );
    }

    #[test]
    fn fifo_messages_of_one_moment_keep_their_order() {
        let of = |id: &str, number: &str| DeadLetter {
            message_id: id.to_owned(),
            sequence_number: Some(number.to_owned()),
            ..message()
        };
        let (first, second) = (of("z", "99"), of("a", "100"));
        assert!(first.order() < second.order());
        let older = DeadLetter { sent_at: Some(Timestamp::from_millis(1)), ..message() };
        let newer = DeadLetter { sent_at: Some(Timestamp::from_millis(2)), ..message() };
        assert!(older.order() < newer.order());
    }

    #[test]
    fn what_a_service_has_written_is_a_reason() {
        let with = |attributes: &[(&str, &str)]| DeadLetter {
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Attribute::text("String", *value)))
                .collect(),
            ..message()
        };
        let of = |attributes: &[(&str, &str)]| with(attributes).written_reason();
        let event_bridge = [("ERROR_CODE", "NO_PERMISSIONS"), ("ERROR_MESSAGE", "not authorized")];
        assert_eq!(of(&event_bridge).as_deref(), Some("NO_PERMISSIONS: not authorized"));
        let lambda = [("ErrorCode", "200"), ("ErrorMessage", "boom"), ("RequestID", "r")];
        assert_eq!(of(&lambda).as_deref(), Some("200: boom"));
        assert_eq!(of(&[("ErrorMessage", "boom")]).as_deref(), Some("boom"));
        assert_eq!(of(&[("Other", "boom")]), None);
    }

    #[test]
    fn a_head_has_the_size_and_the_reason_of_the_whole() {
        let whole = DeadLetter {
            attributes: BTreeMap::from([
                ("ERROR_CODE".to_owned(), Attribute::text("String", "NO_PERMISSIONS")),
                ("payload".to_owned(), Attribute::text("String", "x".repeat(900))),
            ]),
            sent_at: Some(Timestamp::from_millis(7)),
            ..message()
        };
        let head = whole.head();
        assert_eq!(head.size_bytes(), whole.size_bytes());
        assert_eq!((head.order(), head.written_reason()), (whole.order(), whole.written_reason()));
        assert!(head.body.is_empty() && !head.attributes.contains_key("payload"));
        assert_eq!(head.head(), head);
    }

    #[test]
    fn it_expires_by_when_it_was_sent() {
        let sent_at = Timestamp::from_millis(1_000_000);
        let message = DeadLetter { sent_at: Some(sent_at), ..message() };
        let now = sent_at + Duration::from_secs(50);
        let left = |retention| message.time_to_expiry(now, Duration::from_secs(retention));
        assert_eq!(left(60), Some(Duration::from_secs(10)));
        assert_eq!(left(40), Some(Duration::ZERO));
    }
}
