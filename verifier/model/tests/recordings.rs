//! The models against recordings of AWS.
//!
//! Where the recordings come from, and what their placeholders mean, stands in `recordings/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

mod comparison;

use std::time::Duration;

use comparison::{Comparison, recording};
use serde_json::{Value, json};
use verifier_model::event_source_mapping::{InvocationOutcome, evaluate_batch, sqs_event};
use verifier_model::sqs::{
    AttributeValue, FifoAttributes, MessageAttribute, QueueAttributes, ReceiveMessage,
    ReceivedMessage, RedrivePolicy, SendMessage, Sqs, md5_of_body,
};
use verifier_model::time::Timestamp;

const REGION: &str = "eu-central-1";
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(30);

/// A queue with a dead-letter queue and an event source mapping, driven step by step.
struct Mapping {
    sqs: Sqs,
    now: Timestamp,
    jobs: &'static str,
    dlq: &'static str,
    comparison: Comparison,
}

impl Mapping {
    fn new(max_receive_count: u32) -> Self {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut sqs = Sqs::new(REGION, "000000000000", 11);
        sqs.create_queue("dlq", QueueAttributes::default(), now).unwrap();
        let policy = RedrivePolicy { dead_letter_target_arn: sqs.arn("dlq"), max_receive_count };
        let attributes =
            QueueAttributes { redrive_policy: Some(policy), ..QueueAttributes::default() };
        sqs.create_queue("jobs", attributes, now).unwrap();
        Self { sqs, now, jobs: "jobs", dlq: "dlq", comparison: Comparison::default() }
    }

    /// The same with FIFO queues.
    fn fifo(max_receive_count: u32) -> Self {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut sqs = Sqs::new(REGION, "000000000000", 11);
        let fifo =
            QueueAttributes { fifo: Some(FifoAttributes::default()), ..QueueAttributes::default() };
        sqs.create_queue("dlq.fifo", fifo.clone(), now).unwrap();
        let policy =
            RedrivePolicy { dead_letter_target_arn: sqs.arn("dlq.fifo"), max_receive_count };
        let attributes = QueueAttributes { redrive_policy: Some(policy), ..fifo };
        sqs.create_queue("jobs.fifo", attributes, now).unwrap();
        Self { sqs, now, jobs: "jobs.fifo", dlq: "dlq.fifo", comparison: Comparison::default() }
    }

    fn send(&mut self, body: &str) {
        self.sqs.send("jobs", SendMessage::new(body), self.now).unwrap();
    }

    /// Receives a batch, which must make the recorded event.
    fn receive(&mut self, recorded: &Value) -> Vec<ReceivedMessage> {
        let request =
            ReceiveMessage { max_number_of_messages: Some(10), ..ReceiveMessage::default() };
        let batch = self.sqs.receive(self.jobs, request, self.now).unwrap();
        let event = sqs_event(&batch, &self.sqs.arn(self.jobs), REGION);
        self.comparison.check(recorded, &event, "event");
        batch
    }

    /// Ends an invocation and waits until what failed is visible again.
    fn finish(&mut self, batch: &[ReceivedMessage], outcome: &InvocationOutcome, report: bool) {
        let ids = batch.iter().map(|received| received.message.message_id.as_str()).collect();
        let verdict = evaluate_batch(outcome, &ids, report);
        for received in batch {
            if verdict.deletes(&received.message.message_id) {
                self.sqs.delete(self.jobs, &received.receipt_handle, self.now).unwrap();
            }
        }
        self.now = self.now + VISIBILITY_TIMEOUT;
    }

    /// The next poll returns nothing: every message was deleted or goes to the dead-letter queue.
    fn poll_in_vain(&mut self) {
        let received = self.sqs.receive(self.jobs, ReceiveMessage::default(), self.now).unwrap();
        assert_eq!(received, []);
        assert_eq!(self.sqs.messages(self.jobs).count(), 0);
    }

    /// What a consumer of the dead-letter queue receives must be as recorded.
    fn check_dead_letters(&mut self, recorded: &Value) {
        let request =
            ReceiveMessage { max_number_of_messages: Some(10), ..ReceiveMessage::default() };
        let received = self.sqs.receive(self.dlq, request, self.now).unwrap();
        let messages: Vec<Value> = received
            .iter()
            .map(|received| {
                json!({
                    "Body": received.message.body,
                    "MD5OfBody": md5_of_body(&received.message.body),
                    "MessageId": received.message.message_id,
                    "ReceiptHandle": received.receipt_handle,
                })
            })
            .collect();
        self.comparison.check(recorded, &Value::Array(messages), "dead letters");
    }
}

fn responded(result: &Value) -> InvocationOutcome {
    InvocationOutcome::Responded(result.to_string().into_bytes())
}

fn errored() -> InvocationOutcome {
    InvocationOutcome::Errored("the function raised an exception".to_owned())
}

#[test]
fn an_event_has_the_recorded_shape() {
    let recording = recording(include_str!("recordings/event_plain.json"));
    let mut mapping = Mapping::new(3);
    mapping.send(r#"{"foo": "bar"}"#);
    mapping.receive(&recording["event"]);
}

#[test]
fn message_attributes_are_passed_as_recorded() {
    let recording = recording(include_str!("recordings/event_with_attributes.json"));
    let attribute = |data_type: &str, text: &str| MessageAttribute {
        data_type: data_type.to_owned(),
        value: AttributeValue::Text(text.to_owned()),
    };
    let mut mapping = Mapping::new(3);
    let message = SendMessage {
        attributes: [
            ("Title".to_owned(), attribute("String", "The Whistler")),
            ("Author".to_owned(), attribute("String", "John Grisham")),
            ("WeeksOn".to_owned(), attribute("Number", "6")),
        ]
        .into(),
        ..SendMessage::new(r#"{"destination": "https://queue", "fail_attempts": 0}"#)
    };
    mapping.sqs.send("jobs", message, mapping.now).unwrap();
    mapping.receive(&recording["event"]);
}

#[test]
fn a_failed_message_is_received_again_after_the_visibility_timeout() {
    let recording = recording(include_str!("recordings/retry_after_visibility_timeout.json"));
    let mut mapping = Mapping::new(3);
    mapping.send(r#"{"destination": "https://queue", "fail_attempts": 1}"#);
    let batch = mapping.receive(&recording["first_attempt"]);
    mapping.finish(&batch, &errored(), false);
    let batch = mapping.receive(&recording["second_attempt"]);
    mapping.finish(&batch, &responded(&Value::Null), false);
    mapping.poll_in_vain();
    mapping.check_dead_letters(&json!([]));
}

#[test]
fn a_message_that_fails_too_often_keeps_id_and_body_in_the_dead_letter_queue() {
    let recording = recording(include_str!("recordings/redrive_policy.json"));
    let mut mapping = Mapping::new(2);
    mapping.send(r#"{"destination": "https://queue", "fail_attempts": 2}"#);
    for attempt in ["first_attempt", "second_attempt"] {
        let batch = mapping.receive(&recording[attempt]);
        mapping.finish(&batch, &errored(), false);
    }
    mapping.poll_in_vain();
    mapping.check_dead_letters(&recording["dead_letters"]);
}

#[test]
fn an_empty_batch_response_deletes_the_batch() {
    let recording = recording(include_str!("recordings/batch_empty_response.json"));
    let mut mapping = Mapping::new(2);
    mapping.send(r#"{"message": 1, "fail_attempts": 0}"#);
    let batch = mapping.receive(&recording["event"]);
    mapping.finish(&batch, &responded(&recording["result"]), true);
    mapping.poll_in_vain();
    mapping.check_dead_letters(&json!([]));
}

#[test]
fn a_batch_response_with_a_wrong_key_fails_the_batch() {
    let recording = recording(include_str!("recordings/batch_invalid_response.json"));
    let mut mapping = Mapping::new(2);
    mapping.send(r#"{"message": 1, "fail_attempts": 0}"#);
    for invocation in ["first_invocation", "second_invocation"] {
        let batch = mapping.receive(&recording[invocation]["event"]);
        mapping.finish(&batch, &responded(&recording[invocation]["result"]), true);
    }
    mapping.poll_in_vain();
    mapping.check_dead_letters(&recording["dead_letters"]);
}

#[test]
fn an_error_of_the_function_fails_the_batch_with_its_healthy_messages() {
    let recording = recording(include_str!("recordings/batch_function_error.json"));
    let mut mapping = Mapping::new(1);
    mapping.send("{not a json body");
    mapping.send(r#"{"message": 2, "fail_attempts": 0}"#);
    let request = ReceiveMessage { max_number_of_messages: Some(10), ..ReceiveMessage::default() };
    let batch = mapping.sqs.receive("jobs", request, mapping.now).unwrap();
    assert_eq!(batch.len(), 2);
    mapping.finish(&batch, &errored(), true);
    mapping.poll_in_vain();
    mapping.check_dead_letters(&recording["dead_letters"]);
}

#[test]
fn a_fifo_batch_is_retried_in_order_and_ends_in_the_dead_letter_queue() {
    let recording = recording(include_str!("recordings/fifo_batch_item_failures.json"));
    let mut mapping = Mapping::fifo(2);
    let entries = [(1, 0), (2, 1), (3, 1), (4, 2)].map(|(number, fail_attempts)| {
        let message = SendMessage {
            group_id: Some("1".to_owned()),
            deduplication_id: Some(format!("dedup-{number}")),
            ..SendMessage::new(
                json!({"message": number, "fail_attempts": fail_attempts}).to_string(),
            )
        };
        (format!("message-{number}"), Ok(message))
    });
    let sent = mapping.sqs.send_batch("jobs.fifo", entries.to_vec(), mapping.now).unwrap();
    let sent = sent.into_iter().map(|(id, sent)| {
        let sent = sent.unwrap();
        json!({
            "Id": id,
            "MD5OfMessageBody": sent.md5_of_body,
            "MessageId": sent.message_id,
            "SequenceNumber": sent.sequence_number.unwrap().to_string(),
        })
    });
    mapping.comparison.check(&recording["sent"], &sent.collect(), "sent");
    for invocation in ["first_invocation", "second_invocation"] {
        let invocation = &recording[invocation];
        let batch = mapping.receive(&invocation["event"]);
        let result = mapping.comparison.fill_in(&invocation["result"]);
        mapping.finish(&batch, &responded(&result), true);
    }
    mapping.poll_in_vain();
    mapping.check_dead_letters(&recording["dead_letters"]);
}
