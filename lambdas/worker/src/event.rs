//! The event that Lambda's event source mapping sends, read leniently.
//!
//! The event types of `aws_lambda_events` reject the whole event when one message carries an attribute they do
//! not expect, for example a binary value that is not base64 or a `null` where a list belongs. Lambda would then
//! count every message of the batch as failed. Nothing in a record may have that power over its mates, so
//! only the parts that the worker uses are read, and a part of an unexpected shape counts as missing.

use serde::Deserialize;
use serde_json::Value;

/// A batch of messages, as the event source mapping delivers it.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Batch {
    /// One record per message.
    ///
    /// An event without `Records` is none of SQS's: it is an error, and Lambda keeps whatever it stands for.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// One received message, as far as the worker needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Value")]
pub struct Record {
    /// The SQS message id, which names the message in the batch response. Never empty.
    pub message_id: Option<String>,
    /// The message's body.
    pub body: Option<String>,
    /// `ApproximateReceiveCount`: 1 for the first attempt, 0 where the record does not say.
    pub receive_count: u32,
}

impl From<Value> for Record {
    fn from(record: Value) -> Self {
        let text = |field: &str| record.get(field)?.as_str().map(str::to_owned);
        let receive_count = record
            .get("attributes")
            .and_then(|attributes| attributes.get("ApproximateReceiveCount"))
            .and_then(|count| match count {
                Value::String(digits) => digits.parse().ok(),
                other => u32::try_from(other.as_u64()?).ok(),
            });
        Self {
            message_id: text("messageId").filter(|id| !id.is_empty()),
            body: text("body"),
            receive_count: receive_count.unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A record in full, as AWS sends it.
    fn full_record() -> Value {
        json!({
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": "{\"task\":\"a\"}",
            "attributes": {
                "ApproximateReceiveCount": "2",
                "AWSTraceHeader": "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c",
                "SentTimestamp": "1545082649183",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185"
            },
            "messageAttributes": {
                "colour": {
                    "stringValue": "red",
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": "String"
                }
            },
            "md5OfMessageAttributes": null,
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
            "awsRegion": "us-east-2"
        })
    }

    fn read(record: &Value) -> Record {
        let batch: Batch = serde_json::from_value(json!({ "Records": [record] })).unwrap();
        batch.records[0].clone()
    }

    #[test]
    fn a_full_record_is_read() {
        let expected = Record {
            message_id: Some("059f36b4-87a3-44ab-83d2-661975830a7d".to_owned()),
            body: Some(r#"{"task":"a"}"#.to_owned()),
            receive_count: 2,
        };
        assert_eq!(read(&full_record()), expected);
    }

    #[test]
    fn odd_attributes_never_cost_more_than_themselves() {
        for (pointer, odd) in [
            ("/messageAttributes", json!(null)),
            ("/messageAttributes", json!([1])),
            ("/messageAttributes/colour/stringListValues", json!(null)),
            (
                "/messageAttributes/colour",
                json!({"binaryValue": "not base64!", "dataType": "Binary"}),
            ),
            ("/attributes/SenderId", json!(7)),
            ("/md5OfBody", json!({})),
        ] {
            let mut record = full_record();
            *record.pointer_mut(pointer).unwrap() = odd;
            assert_eq!(read(&record), read(&full_record()), "{pointer}");
        }
    }

    #[test]
    fn a_receive_count_that_cannot_be_read_is_zero() {
        for attributes in [
            json!(null),
            json!({}),
            json!("1"),
            json!({ "ApproximateReceiveCount": null }),
            json!({ "ApproximateReceiveCount": "" }),
            json!({ "ApproximateReceiveCount": "-1" }),
            json!({ "ApproximateReceiveCount": "4294967296" }),
            json!({ "ApproximateReceiveCount": 4_294_967_296_u64 }),
        ] {
            let mut record = full_record();
            record["attributes"] = attributes;
            assert_eq!(read(&record), Record { receive_count: 0, ..read(&full_record()) });
        }
        let mut record = full_record();
        record["attributes"]["ApproximateReceiveCount"] = json!(3);
        assert_eq!(read(&record).receive_count, 3);
    }

    #[test]
    fn missing_and_mistyped_parts_are_absent() {
        for record in [
            json!(null),
            json!(1),
            json!("text"),
            json!([]),
            json!({}),
            json!({ "messageId": null, "body": null }),
            json!({ "messageId": "", "body": { "task": "a" } }),
            json!({ "messageId": 7, "body": 7 }),
        ] {
            assert_eq!(read(&record), Record::default(), "{record}");
        }
    }

    #[test]
    fn an_event_that_is_not_a_batch_is_an_error() {
        for event in [json!({}), json!([]), json!(null), json!({ "Records": null })] {
            assert!(serde_json::from_value::<Batch>(event.clone()).is_err(), "{event}");
        }
        let empty: Batch = serde_json::from_value(json!({ "Records": [] })).unwrap();
        assert_eq!(empty.records, []);
    }
}
