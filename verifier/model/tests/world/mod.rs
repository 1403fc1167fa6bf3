//! The service, the time, and shorthands, for examples that read like a script.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_model::sqs::{
    AttributeValue, Counts, MessageAttribute, QueueAttributes, ReceiveMessage, ReceivedMessage,
    RedrivePolicy, SendMessage, SentMessage, Sqs, SqsError,
};
use verifier_model::time::Timestamp;

/// When every world begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// The service, the time, and shorthands that expect success.
pub(crate) struct World {
    pub(crate) sqs: Sqs,
    pub(crate) now: Timestamp,
}

/// The texts of a request for attributes.
pub(crate) fn request(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    attributes.iter().map(owned).collect()
}

/// The bodies of messages, in order.
pub(crate) fn bodies(received: &[ReceivedMessage]) -> Vec<&str> {
    received.iter().map(|received| received.message.body.as_str()).collect()
}

impl World {
    /// A world without queues.
    pub(crate) fn new() -> Self {
        Self { sqs: Sqs::new("eu-central-1", "000000000000", 7), now: START }
    }

    /// A world with a queue `jobs` with the given attributes.
    pub(crate) fn with_jobs(attributes: &[(&str, &str)]) -> Self {
        let mut world = Self::new();
        world.create("jobs", attributes);
        world
    }

    /// A world with `jobs` (visibility timeout 60 s) and its dead-letter queue `dlq`.
    pub(crate) fn with_dead_letter_queue(max_receive_count: u32) -> Self {
        let mut world = Self::new();
        world.create("dlq", &[("MessageRetentionPeriod", "1209600")]);
        world.create("jobs", &[("VisibilityTimeout", "60")]);
        world.redrive("jobs", "dlq", max_receive_count);
        world
    }

    pub(crate) fn create(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let mut queue = QueueAttributes::default();
        for (attribute, value) in attributes {
            queue.set(attribute, value).unwrap();
        }
        self.sqs.create_queue(name, queue, self.now).unwrap();
    }

    pub(crate) fn redrive(&mut self, from: &str, to: &str, max_receive_count: u32) {
        let policy = RedrivePolicy { dead_letter_target_arn: self.sqs.arn(to), max_receive_count };
        self.set(from, "RedrivePolicy", &policy.to_json());
    }

    pub(crate) fn set(&mut self, name: &str, attribute: &str, value: &str) {
        let changes = [(attribute.to_owned(), value.to_owned())].into();
        self.sqs.set_attributes(name, &changes, self.now).unwrap();
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.wait_millis(seconds * 1_000);
    }

    pub(crate) fn wait_millis(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
    }

    pub(crate) fn send(&mut self, name: &str, body: &str) -> SentMessage {
        self.try_send(name, SendMessage::new(body)).unwrap()
    }

    pub(crate) fn try_send(
        &mut self,
        name: &str,
        message: SendMessage,
    ) -> Result<SentMessage, SqsError> {
        self.sqs.send(name, message, self.now)
    }

    pub(crate) fn receive(&mut self, name: &str, max: u32) -> Vec<ReceivedMessage> {
        self.try_receive(name, Some(max), None).unwrap()
    }

    pub(crate) fn receive_one(&mut self, name: &str) -> ReceivedMessage {
        self.receive(name, 1).pop().expect("a message")
    }

    pub(crate) fn receive_for(
        &mut self,
        name: &str,
        max: u32,
        timeout: u32,
    ) -> Vec<ReceivedMessage> {
        self.try_receive(name, Some(max), Some(timeout)).unwrap()
    }

    pub(crate) fn try_receive(
        &mut self,
        name: &str,
        max_number_of_messages: Option<u32>,
        visibility_timeout_seconds: Option<u32>,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        let request = ReceiveMessage { max_number_of_messages, visibility_timeout_seconds };
        self.sqs.receive(name, request, self.now)
    }

    pub(crate) fn change(
        &mut self,
        name: &str,
        handle: &str,
        seconds: u32,
    ) -> Result<(), SqsError> {
        self.sqs.change_visibility(name, handle, seconds, self.now)
    }

    pub(crate) fn delete(&mut self, name: &str, handle: &str) {
        self.sqs.delete(name, handle, self.now).unwrap();
    }

    /// Visible, not visible, delayed.
    pub(crate) fn counts(&mut self, name: &str) -> (usize, usize, usize) {
        let Counts { visible, not_visible, delayed } = self.sqs.counts(name, self.now).unwrap();
        (visible, not_visible, delayed)
    }
}

/// An attribute that is text.
pub(crate) fn text(data_type: &str, value: &str) -> MessageAttribute {
    MessageAttribute {
        data_type: data_type.to_owned(),
        value: AttributeValue::Text(value.to_owned()),
    }
}
