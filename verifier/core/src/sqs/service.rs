//! All queues of one account and region, and the operations on them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::queue::{IN_FLIGHT_MAX, Queue, Taken};
use super::{
    Message, QueueAttributes, ReceivedMessage, SendMessage, SentMessage, SqsError,
    md5_of_attributes, md5_of_body,
};
use crate::time::Timestamp;

/// The service: every queue by name.
#[derive(Clone, Debug)]
pub struct Sqs {
    region: String,
    account_id: String,
    queues: BTreeMap<String, Queue>,
    random: fastrand::Rng,
    next_queue_uid: u64,
    changed: BTreeSet<String>,
}

/// The parameters of a receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveMessage {
    /// At most this many messages; 1 to 10, 1 when absent.
    pub max_number_of_messages: Option<u32>,
    /// Overrides the queue's visibility timeout; 0 to 43,200 s.
    pub visibility_timeout_seconds: Option<u32>,
}

/// How many messages a queue holds. The model counts exactly; AWS approximates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `ApproximateNumberOfMessages`: a receive may return them.
    pub visible: usize,
    /// `ApproximateNumberOfMessagesNotVisible`: in flight.
    pub not_visible: usize,
    /// `ApproximateNumberOfMessagesDelayed`.
    pub delayed: usize,
}

impl Sqs {
    /// A service without queues. Equal seeds give equal message ids.
    pub fn new(region: impl Into<String>, account_id: impl Into<String>, seed: u64) -> Self {
        Self {
            region: region.into(),
            account_id: account_id.into(),
            queues: BTreeMap::new(),
            random: fastrand::Rng::with_seed(seed),
            next_queue_uid: 1,
            changed: BTreeSet::new(),
        }
    }

    /// The queues that operations have changed since this was last asked: whoever waits for a message in one of them
    /// has to look again, also at when [`Sqs::next_available_at`] is.
    pub fn take_changed(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.changed)
    }

    /// The ARN of a queue of that name, whether it exists or not.
    pub fn arn(&self, queue: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{queue}", self.region, self.account_id)
    }

    /// The names of all queues, in order.
    pub fn queue_names(&self) -> impl Iterator<Item = &str> {
        self.queues.keys().map(String::as_str)
    }

    /// Whether there is a queue of that name.
    pub fn has_queue(&self, queue: &str) -> bool {
        self.queues.contains_key(queue)
    }

    /// Creates a queue; creating it again with equal attributes changes nothing.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>.
    pub fn create_queue(
        &mut self,
        name: &str,
        attributes: QueueAttributes,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 80 || !name.chars().all(allowed) {
            return Err(SqsError::InvalidParameterValue(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
                    .to_owned(),
            ));
        }
        if let Some(existing) = self.queues.get(name) {
            let (old, new) = (existing.attributes.to_map(), attributes.to_map());
            let differs = old.keys().chain(new.keys()).find(|key| old.get(*key) != new.get(*key));
            return match differs {
                None => Ok(()),
                Some(key) => Err(SqsError::QueueNameExists { attribute: key.clone() }),
            };
        }
        let uid = self.next_queue_uid;
        self.next_queue_uid += 1;
        self.queues.insert(name.to_owned(), Queue::new(uid, attributes, now));
        Ok(())
    }

    /// Deletes a queue with all its messages.
    pub fn delete_queue(&mut self, name: &str) -> Result<(), SqsError> {
        self.queues.remove(name).ok_or(SqsError::QueueDoesNotExist)?;
        self.changed.insert(name.to_owned());
        Ok(())
    }

    /// A queue's configured attributes.
    pub fn configuration(&self, name: &str) -> Result<&QueueAttributes, SqsError> {
        self.queues.get(name).map(|queue| &queue.attributes).ok_or(SqsError::QueueDoesNotExist)
    }

    /// Changes some of a queue's attributes: all of them or, when one is invalid, none.
    pub fn set_attributes(
        &mut self,
        name: &str,
        changes: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        self.changed.insert(name.to_owned());
        let queue = self.queue_mut(name, now)?;
        let mut attributes = queue.attributes.clone();
        for (attribute, value) in changes {
            attributes.set(attribute, value)?;
        }
        queue.attributes = attributes;
        queue.modified_at = now;
        Ok(())
    }

    /// Every attribute of a queue, configured and computed, as `GetQueueAttributes` shows them.
    pub fn attributes(
        &mut self,
        name: &str,
        now: Timestamp,
    ) -> Result<BTreeMap<String, String>, SqsError> {
        let arn = self.arn(name);
        let counts = self.counts(name, now)?;
        let queue = self.queue_mut(name, now)?;
        let mut map = queue.attributes.to_map();
        map.extend([
            ("QueueArn".to_owned(), arn),
            ("CreatedTimestamp".to_owned(), queue.created_at.as_seconds().to_string()),
            ("LastModifiedTimestamp".to_owned(), queue.modified_at.as_seconds().to_string()),
            ("ApproximateNumberOfMessages".to_owned(), counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible".to_owned(), counts.not_visible.to_string()),
            ("ApproximateNumberOfMessagesDelayed".to_owned(), counts.delayed.to_string()),
        ]);
        Ok(map)
    }

    /// A queue's tags.
    pub fn tags_mut(&mut self, name: &str) -> Result<&mut BTreeMap<String, String>, SqsError> {
        self.queues.get_mut(name).map(|queue| &mut queue.tags).ok_or(SqsError::QueueDoesNotExist)
    }

    /// How many messages a queue holds.
    pub fn counts(&mut self, name: &str, now: Timestamp) -> Result<Counts, SqsError> {
        let queue = self.queue_mut(name, now)?;
        Ok(Counts {
            visible: queue.available_count(),
            not_visible: queue.in_flight_count(),
            delayed: queue.delayed_count(),
        })
    }

    /// When time alone will next make a message of the queue available; `None` if nothing waits.
    pub fn next_available_at(&self, name: &str) -> Option<Timestamp> {
        self.queues.get(name).and_then(Queue::next_available_at)
    }

    /// The messages in a queue, in no particular order. For checking invariants; SQS itself has no such operation.
    pub fn messages(&self, name: &str) -> impl Iterator<Item = &Message> {
        self.queues.get(name).into_iter().flat_map(Queue::messages)
    }

    /// Sends a message.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>.
    pub fn send(
        &mut self,
        name: &str,
        message: SendMessage,
        now: Timestamp,
    ) -> Result<SentMessage, SqsError> {
        let sender_id = self.account_id.clone();
        let message_id = self.new_id();
        let queue = self.queue_mut(name, now)?;
        check_message(&message, &queue.attributes)?;
        let delay = message.delay_seconds.unwrap_or(queue.attributes.delay_seconds);
        let sent = SentMessage {
            message_id: message_id.clone(),
            md5_of_body: md5_of_body(&message.body),
            md5_of_attributes: md5_of_attributes(&message.attributes),
        };
        let message = Message {
            message_id,
            body: message.body,
            attributes: message.attributes,
            trace_header: message.trace_header,
            group_id: message.group_id,
            sender_id,
            sent_at: now,
            first_received_at: None,
            receive_count: 0,
            dead_letter_queue_source_arn: None,
        };
        queue.insert(message, Duration::from_secs(delay.into()), now);
        self.changed.insert(name.to_owned());
        Ok(sent)
    }

    /// Receives messages, moving those that were received too often to the dead-letter queue instead.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.
    pub fn receive(
        &mut self,
        name: &str,
        request: ReceiveMessage,
        now: Timestamp,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        let max = request.max_number_of_messages.unwrap_or(1);
        if !(1..=10).contains(&max) {
            return Err(SqsError::InvalidParameterValue(format!(
                "Value {max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
            )));
        }
        let source_arn = self.arn(name);
        let dead_letter_queue = self.dead_letter_queue_of(name)?;
        let queue = self.queue_mut(name, now)?;
        let default_timeout = queue.attributes.visibility_timeout_seconds;
        let timeout = request.visibility_timeout_seconds.unwrap_or(default_timeout);
        let timeout =
            Duration::from_secs(in_bounds("VisibilityTimeout", timeout, 0, 43_200)?.into());
        let room = IN_FLIGHT_MAX.saturating_sub(queue.in_flight_count());
        if room == 0 {
            return Err(SqsError::OverLimit);
        }
        let wanted = room.min(max as usize);
        let max_receive_count = dead_letter_queue.as_ref().map(|(_, count)| *count);
        let (mut received, mut exhausted) = (Vec::new(), Vec::new());
        while received.len() < wanted {
            match queue.take(max_receive_count, timeout, now) {
                None => break,
                Some(Taken::Received(message)) => received.push(message),
                Some(Taken::Exhausted(message)) => exhausted.push(message),
            }
        }
        // Made available only now: a timeout of zero must not return a message twice in one response.
        queue.settle(now);
        if !received.is_empty() {
            self.changed.insert(name.to_owned());
        }
        if let Some((dead_letter_queue, _)) = dead_letter_queue
            && !exhausted.is_empty()
        {
            for mut message in exhausted {
                message.dead_letter_queue_source_arn = Some(source_arn.clone());
                self.queue_mut(&dead_letter_queue, now)?.insert(message, Duration::ZERO, now);
            }
            self.changed.insert(dead_letter_queue);
        }
        Ok(received)
    }

    /// Deletes a message by the handle of its latest receive.
    pub fn delete(
        &mut self,
        name: &str,
        receipt_handle: &str,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        let queue = self.queue_mut(name, now)?;
        let at_limit = queue.in_flight_count() >= IN_FLIGHT_MAX;
        queue.delete(receipt_handle)?;
        // Below the limit a receive succeeds that did not before.
        if at_limit {
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
        let seconds = in_bounds("VisibilityTimeout", visibility_timeout_seconds, 0, 43_200)?;
        let queue = self.queue_mut(name, now)?;
        queue.change_visibility(receipt_handle, Duration::from_secs(seconds.into()), now)?;
        self.changed.insert(name.to_owned());
        Ok(())
    }

    /// Deletes every message of a queue.
    pub fn purge(&mut self, name: &str, now: Timestamp) -> Result<(), SqsError> {
        self.queue_mut(name, now)?.purge();
        Ok(())
    }

    /// The name and the receive limit of a queue's dead-letter queue; `None` without a policy or when the queue that
    /// it names is gone, in which case messages stay where they are.
    fn dead_letter_queue_of(&self, name: &str) -> Result<Option<(String, u32)>, SqsError> {
        let Some(policy) = &self.configuration(name)?.redrive_policy else {
            return Ok(None);
        };
        let prefix = self.arn("");
        let target = policy.dead_letter_target_arn.strip_prefix(&prefix);
        let target = target.filter(|target| self.has_queue(target));
        Ok(target.map(|target| (target.to_owned(), policy.max_receive_count)))
    }

    fn queue_mut(&mut self, name: &str, now: Timestamp) -> Result<&mut Queue, SqsError> {
        let queue = self.queues.get_mut(name).ok_or(SqsError::QueueDoesNotExist)?;
        queue.settle(now);
        Ok(queue)
    }

    fn new_id(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid().to_string()
    }
}

fn check_message(message: &SendMessage, attributes: &QueueAttributes) -> Result<(), SqsError> {
    if message.body.is_empty() {
        return Err(SqsError::MissingParameter("MessageBody".to_owned()));
    }
    let (size, limit) = (message.size_bytes(), attributes.maximum_message_size_bytes);
    if size > limit {
        return Err(SqsError::InvalidParameterValue(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        )));
    }
    if !message.body.chars().all(is_xml_character) {
        return Err(SqsError::InvalidMessageContents);
    }
    if message.attributes.len() > 10 {
        return Err(SqsError::InvalidParameterValue(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [10].",
            message.attributes.len()
        )));
    }
    in_bounds("DelaySeconds", message.delay_seconds.unwrap_or(0), 0, 900).map(|_| ())
}

/// The characters that a body may hold, as the API reference lists them.
fn is_xml_character(c: char) -> bool {
    matches!(c, '\u{9}' | '\u{A}' | '\u{D}' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

fn in_bounds(parameter: &str, value: u32, min: u32, max: u32) -> Result<u32, SqsError> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    Err(SqsError::InvalidParameterValue(format!(
        "Value {value} for parameter {parameter} is invalid. Reason: Must be >= {min} and <= {max}, if provided."
    )))
}
