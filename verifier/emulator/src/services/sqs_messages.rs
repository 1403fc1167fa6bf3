//! Messages as SQS's JSON protocol carries them: what a sender says of one, and what a receiver is shown.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html> and
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use verifier_model::sqs::{
    AttributeValue, MessageAttribute, MessageAttributes, ReceivedMessage, SendMessage, SentMessage,
    SqsError, md5_of_attributes, md5_of_body,
};

/// A message to send: the whole request, or an entry of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendEntry {
    /// In a request of its own only.
    pub(super) queue_url: Option<String>,
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) message_body: String,
    pub(super) delay_seconds: Option<i64>,
    #[serde(default)]
    pub(super) message_attributes: BTreeMap<String, AttributeWire>,
    #[serde(default)]
    pub(super) message_system_attributes: BTreeMap<String, AttributeWire>,
    pub(super) message_group_id: Option<String>,
    pub(super) message_deduplication_id: Option<String>,
}

/// A message attribute on the wire; binary values travel as base64.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttributeWire {
    #[serde(default)]
    data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveRequest {
    pub(super) queue_url: String,
    pub(super) max_number_of_messages: Option<i64>,
    pub(super) visibility_timeout: Option<i64>,
    pub(super) wait_time_seconds: Option<i64>,
    #[serde(default)]
    pub(super) attribute_names: Vec<String>,
    #[serde(default)]
    pub(super) message_system_attribute_names: Vec<String>,
    #[serde(default)]
    pub(super) message_attribute_names: Vec<String>,
}

impl SendEntry {
    pub(super) fn into_message(self) -> Result<SendMessage, SqsError> {
        let mut trace_header = None;
        for (name, attribute) in self.message_system_attributes {
            match (name.as_str(), attribute.data_type.as_str(), attribute.string_value) {
                ("AWSTraceHeader", "String", Some(value)) => trace_header = Some(value),
                _ => {
                    return Err(SqsError::InvalidParameterValue(format!(
                        "Message system attribute name '{name}' is invalid."
                    )));
                }
            }
        }
        let mut attributes = MessageAttributes::new();
        for (name, attribute) in self.message_attributes {
            let attribute = attribute.into_attribute(&name)?;
            attributes.insert(name, attribute);
        }
        let delay_seconds =
            self.delay_seconds.map(|delay| small_number("DelaySeconds", delay, 900)).transpose()?;
        Ok(SendMessage {
            body: self.message_body,
            attributes,
            trace_header,
            delay_seconds,
            group_id: self.message_group_id,
            deduplication_id: self.message_deduplication_id,
        })
    }
}

impl AttributeWire {
    fn into_attribute(self, name: &str) -> Result<MessageAttribute, SqsError> {
        let invalid = |problem: String| Err(SqsError::InvalidParameterValue(problem));
        let base = self.data_type.split('.').next().unwrap_or_default();
        let value = match (base, self.string_value, self.binary_value) {
            ("String" | "Number", Some(text), None) if !text.is_empty() => {
                AttributeValue::Text(text)
            }
            ("Binary", None, Some(encoded)) if !encoded.is_empty() => match STANDARD
                .decode(&encoded)
            {
                Ok(bytes) => AttributeValue::Binary(bytes),
                Err(_) => {
                    return invalid(format!("The message attribute '{name}' is not valid base64."));
                }
            },
            ("String" | "Number" | "Binary", ..) => {
                return invalid(format!(
                    "Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."
                ));
            }
            _ => {
                return invalid(format!(
                    "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
                ));
            }
        };
        Ok(MessageAttribute { data_type: self.data_type, value })
    }

    fn from_attribute(attribute: &MessageAttribute) -> Self {
        let (string_value, binary_value) = match &attribute.value {
            AttributeValue::Text(text) => (Some(text.clone()), None),
            AttributeValue::Binary(bytes) => (None, Some(STANDARD.encode(bytes))),
        };
        Self { data_type: attribute.data_type.clone(), string_value, binary_value }
    }
}

impl ReceiveRequest {
    pub(super) fn show(&self, received: &ReceivedMessage) -> Value {
        let message = &received.message;
        let mut shown = json!({
            "MessageId": message.message_id,
            "ReceiptHandle": received.receipt_handle,
            "MD5OfBody": md5_of_body(&message.body),
            "Body": message.body,
        });
        let wanted = |name: &str| {
            let mut names = self.attribute_names.iter().chain(&self.message_system_attribute_names);
            names.any(|wanted| wanted == "All" || wanted == name)
        };
        let mut attributes = Map::new();
        let first_received_at = message.first_received_at.unwrap_or(message.sent_at);
        for (name, value) in [
            ("SenderId", Some(message.sender_id.clone())),
            ("SentTimestamp", Some(message.sent_at.to_string())),
            ("ApproximateReceiveCount", Some(message.receive_count.to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(first_received_at.to_string())),
            ("AWSTraceHeader", message.trace_header.clone()),
            ("MessageGroupId", message.group_id.clone()),
            ("MessageDeduplicationId", message.deduplication_id.clone()),
            ("SequenceNumber", message.sequence_number.map(|number| number.to_string())),
            ("DeadLetterQueueSourceArn", message.dead_letter_queue_source_arn.clone()),
        ] {
            if let Some(value) = value.filter(|_| wanted(name)) {
                attributes.insert(name.to_owned(), value.into());
            }
        }
        if !attributes.is_empty() {
            shown["Attributes"] = attributes.into();
        }
        let user: MessageAttributes = message
            .attributes
            .iter()
            .filter(|(name, _)| self.wants_attribute(name))
            .map(|(name, attribute)| (name.clone(), attribute.clone()))
            .collect();
        if let Some(digest) = md5_of_attributes(&user) {
            shown["MD5OfMessageAttributes"] = digest.into();
            let user = user
                .iter()
                .map(|(name, attribute)| (name, AttributeWire::from_attribute(attribute)));
            shown["MessageAttributes"] = json!(user.collect::<BTreeMap<_, _>>());
        }
        shown
    }

    /// Names may be given whole, as a prefix `foo.*`, or as `All`, `*` or `.*`.
    fn wants_attribute(&self, name: &str) -> bool {
        self.message_attribute_names.iter().any(|wanted| match wanted.as_str() {
            "All" | "*" | ".*" => true,
            wanted => match wanted.strip_suffix(".*") {
                Some(prefix) => name.starts_with(prefix),
                None => wanted == name,
            },
        })
    }
}

pub(super) fn sent_json(sent: &SentMessage) -> Value {
    let mut body = json!({"MessageId": sent.message_id, "MD5OfMessageBody": sent.md5_of_body});
    if let Some(digest) = &sent.md5_of_attributes {
        body["MD5OfMessageAttributes"] = digest.clone().into();
    }
    if let Some(digest) = &sent.md5_of_system_attributes {
        body["MD5OfMessageSystemAttributes"] = digest.clone().into();
    }
    if let Some(number) = sent.sequence_number {
        body["SequenceNumber"] = number.to_string().into();
    }
    body
}

/// A number that the model checks further; what does not even fit is refused here, in AWS's words.
pub(super) fn small_number(parameter: &str, value: i64, max: u32) -> Result<u32, SqsError> {
    u32::try_from(value).ok().filter(|value| *value <= max).ok_or_else(|| {
        SqsError::InvalidParameterValue(format!(
            "Value {value} for parameter {parameter} is invalid. Reason: Must be >= 0 and <= {max}, if provided."
        ))
    })
}

/// How many messages to receive, which the model checks further. AWS refuses this number in words of its own.
pub(super) fn number_of_messages(value: i64) -> Result<u32, SqsError> {
    u32::try_from(value).map_err(|_| {
        SqsError::InvalidParameterValue(format!(
            "Value {value} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        ))
    })
}
