//! The event that a worker receives for a batch.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::sqs::{
    AttributeValue, MessageAttribute, ReceivedMessage, md5_of_attributes, md5_of_body,
};

/// The event for a batch: `{"Records": [...]}`.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>, section "Example standard queue message
/// event"; where the page is silent, recordings of what real workers received.
pub fn sqs_event(batch: &[ReceivedMessage], event_source_arn: &str, region: &str) -> Value {
    let records: Vec<Value> =
        batch.iter().map(|received| record(received, event_source_arn, region)).collect();
    json!({ "Records": records })
}

fn record(received: &ReceivedMessage, event_source_arn: &str, region: &str) -> Value {
    let message = &received.message;
    let mut attributes = Map::new();
    let mut put =
        |name: &str, value: String| attributes.insert(name.to_owned(), Value::String(value));
    put("ApproximateReceiveCount", message.receive_count.to_string());
    put("SentTimestamp", message.sent_at.to_string());
    put("SenderId", message.sender_id.clone());
    let first_received_at = message.first_received_at.unwrap_or(message.sent_at);
    put("ApproximateFirstReceiveTimestamp", first_received_at.to_string());
    if let Some(header) = &message.trace_header {
        put("AWSTraceHeader", header.clone());
    }
    if let Some(arn) = &message.dead_letter_queue_source_arn {
        put("DeadLetterQueueSourceArn", arn.clone());
    }
    if let Some(group) = &message.group_id {
        put("MessageGroupId", group.clone());
    }
    if let Some(id) = &message.deduplication_id {
        put("MessageDeduplicationId", id.clone());
    }
    if let Some(number) = message.sequence_number {
        put("SequenceNumber", number.to_string());
    }
    let message_attributes: Map<String, Value> = message
        .attributes
        .iter()
        .map(|(name, attribute)| (name.clone(), message_attribute(attribute)))
        .collect();
    json!({
        "messageId": message.message_id,
        "receiptHandle": received.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": message_attributes,
        "md5OfMessageAttributes": md5_of_attributes(&message.attributes),
        "md5OfBody": md5_of_body(&message.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": event_source_arn,
        "awsRegion": region,
    })
}

fn message_attribute(attribute: &MessageAttribute) -> Value {
    let mut value = json!({
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": attribute.data_type,
    });
    match &attribute.value {
        AttributeValue::Text(text) => value["stringValue"] = text.clone().into(),
        AttributeValue::Binary(bytes) => value["binaryValue"] = STANDARD.encode(bytes).into(),
    }
    value
}
