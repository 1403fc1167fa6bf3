//! One standard queue: which message is where, and until when.
//!
//! A message is *available* (a receive may return it), *delayed* or *in flight*. Only time moves a message from the
//! last two to the first, so the queue keeps the available ones in one ordered set and the waiting ones in another,
//! ordered by when their wait ends; [`Queue::settle`] brings both up to date before every operation. All operations
//! are O(log n) in the number of messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::receipt::Receipt;
use super::{Message, QueueAttributes, ReceivedMessage, SqsError};
use crate::time::Timestamp;

/// Names a message within its queue.
pub(super) type Key = u64;

/// The most messages that a standard queue has in flight.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>.
pub(super) const IN_FLIGHT_MAX: usize = 120_000;

/// The longest that one receive keeps a message invisible, however often its timeout is changed: twelve hours.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
const VISIBILITY_TIMEOUT_MAX: Duration = Duration::from_hours(12);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Available { since: Timestamp },
    Delayed { until: Timestamp },
    InFlight { until: Timestamp },
}

#[derive(Clone, Debug)]
struct Stored {
    message: Message,
    place: Place,
    /// The queue's number of the latest receive of this message; 0 before the first.
    latest_receive: u64,
    /// When that was.
    received_at: Timestamp,
}

/// A queue with its messages.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// Tells this queue's receipt handles from those of others, also of an earlier queue of the same name.
    uid: u64,
    pub(super) attributes: QueueAttributes,
    pub(super) created_at: Timestamp,
    pub(super) modified_at: Timestamp,
    pub(super) tags: BTreeMap<String, String>,
    messages: HashMap<Key, Stored>,
    available: BTreeSet<(Timestamp, Key)>,
    waiting: BTreeSet<(Timestamp, Key)>,
    /// By the time they were sent, from which retention counts, also after a move from another queue.
    by_age: BTreeSet<(Timestamp, Key)>,
    delayed: usize,
    next_key: Key,
    receives: u64,
}

/// What a receive found at the head of the queue.
pub(super) enum Taken {
    /// A message for the receiver.
    Received(ReceivedMessage),
    /// A message that was received too often already; it has left the queue.
    Exhausted(Message),
}

impl Queue {
    pub(super) fn new(uid: u64, attributes: QueueAttributes, now: Timestamp) -> Self {
        Self {
            uid,
            attributes,
            created_at: now,
            modified_at: now,
            tags: BTreeMap::new(),
            messages: HashMap::new(),
            available: BTreeSet::new(),
            waiting: BTreeSet::new(),
            by_age: BTreeSet::new(),
            delayed: 0,
            next_key: 0,
            receives: 0,
        }
    }

    /// Applies what the passing of time does: delays and visibility timeouts end, old messages expire.
    pub(super) fn settle(&mut self, now: Timestamp) {
        while let Some(&(until, key)) = self.waiting.first() {
            if until > now {
                break;
            }
            self.waiting.pop_first();
            if let Some(stored) = self.messages.get_mut(&key) {
                if matches!(stored.place, Place::Delayed { .. }) {
                    self.delayed -= 1;
                }
                stored.place = Place::Available { since: until };
                self.available.insert((until, key));
            }
        }
        let retention = self.attributes.retention();
        while let Some(&(sent_at, key)) = self.by_age.first() {
            if sent_at + retention > now {
                break;
            }
            self.remove(key);
        }
    }

    /// When time alone will next make a message available; `None` if nothing waits.
    pub(super) fn next_available_at(&self) -> Option<Timestamp> {
        self.waiting.first().map(|&(until, _)| until)
    }

    pub(super) fn available_count(&self) -> usize {
        self.available.len()
    }

    pub(super) fn delayed_count(&self) -> usize {
        self.delayed
    }

    pub(super) fn in_flight_count(&self) -> usize {
        self.waiting.len() - self.delayed
    }

    /// Puts a message in, available after `delay`.
    pub(super) fn insert(&mut self, message: Message, delay: Duration, now: Timestamp) {
        let key = self.next_key;
        self.next_key += 1;
        self.by_age.insert((message.sent_at, key));
        let place = if delay.is_zero() {
            self.available.insert((now, key));
            Place::Available { since: now }
        } else {
            self.delayed += 1;
            self.waiting.insert((now + delay, key));
            Place::Delayed { until: now + delay }
        };
        self.messages.insert(key, Stored { message, place, latest_receive: 0, received_at: now });
    }

    /// Takes the message that has been available longest, or `None` when there is none.
    ///
    /// With `max_receive_count`, a message that was received that often leaves the queue instead: SQS moves it at the
    /// receive *attempt after* the last allowed one.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
    pub(super) fn take(
        &mut self,
        max_receive_count: Option<u32>,
        visibility_timeout: Duration,
        now: Timestamp,
    ) -> Option<Taken> {
        let &(_, key) = self.available.first()?;
        let received_often = self.messages.get(&key)?.message.receive_count;
        if max_receive_count.is_some_and(|max| received_often >= max) {
            return self.remove(key).map(Taken::Exhausted);
        }
        self.receives += 1;
        let receive = self.receives;
        let stored = self.messages.get_mut(&key)?;
        stored.latest_receive = receive;
        stored.received_at = now;
        stored.message.receive_count += 1;
        stored.message.first_received_at.get_or_insert(now);
        let message = stored.message.clone();
        self.move_to(key, Place::InFlight { until: now + visibility_timeout });
        // A visibility timeout of zero leaves the message available to the next receive.
        let receipt_handle = Receipt { queue: self.uid, key, receive }.encode();
        Some(Taken::Received(ReceivedMessage { message, receipt_handle, visibility_timeout }))
    }

    /// Deletes a message.
    ///
    /// A handle of an earlier receive, and one whose message is gone, succeed without effect, as on AWS: "the request
    /// succeeds, but the message might not be deleted".
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>.
    pub(super) fn delete(&mut self, receipt_handle: &str) -> Result<(), SqsError> {
        let receipt = self.decode(receipt_handle)?;
        if self.is_latest(receipt) {
            self.remove(receipt.key);
        }
        Ok(())
    }

    /// Gives a message in flight another visibility timeout, counted from now; zero hands it back.
    ///
    /// A handle whose visibility timeout is over succeeds without effect, as recordings of AWS show; so does one of an
    /// earlier receive. Once the message is gone, its handles are refused.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
    pub(super) fn change_visibility(
        &mut self,
        receipt_handle: &str,
        visibility_timeout: Duration,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        let receipt = self.decode(receipt_handle)?;
        let Some(stored) = self.messages.get(&receipt.key) else {
            return Err(SqsError::InvalidParameterValue(format!(
                "Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
            )));
        };
        let in_flight = matches!(stored.place, Place::InFlight { .. });
        if !in_flight || stored.latest_receive != receipt.receive {
            return Ok(());
        }
        if now.since(stored.received_at) + visibility_timeout > VISIBILITY_TIMEOUT_MAX {
            return Err(SqsError::InvalidParameterValue(format!(
                "Value {} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [{} seconds]",
                visibility_timeout.as_secs(),
                VISIBILITY_TIMEOUT_MAX.as_secs()
            )));
        }
        let place = if visibility_timeout.is_zero() {
            Place::Available { since: now }
        } else {
            Place::InFlight { until: now + visibility_timeout }
        };
        self.move_to(receipt.key, place);
        Ok(())
    }

    /// Deletes every message, those in flight too.
    pub(super) fn purge(&mut self) {
        self.messages.clear();
        self.available.clear();
        self.waiting.clear();
        self.by_age.clear();
        self.delayed = 0;
    }

    /// The messages in the queue, in no particular order.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values().map(|stored| &stored.message)
    }

    fn decode(&self, receipt_handle: &str) -> Result<Receipt, SqsError> {
        Receipt::decode(receipt_handle)
            .filter(|receipt| receipt.queue == self.uid)
            .ok_or_else(|| SqsError::ReceiptHandleIsInvalid(receipt_handle.to_owned()))
    }

    fn is_latest(&self, receipt: Receipt) -> bool {
        self.messages
            .get(&receipt.key)
            .is_some_and(|stored| stored.latest_receive == receipt.receive)
    }

    fn move_to(&mut self, key: Key, place: Place) {
        self.unlist(key);
        if let Some(stored) = self.messages.get_mut(&key) {
            stored.place = place;
        }
        match place {
            Place::Available { since } => self.available.insert((since, key)),
            Place::Delayed { until } => {
                self.delayed += 1;
                self.waiting.insert((until, key))
            }
            Place::InFlight { until } => self.waiting.insert((until, key)),
        };
    }

    fn remove(&mut self, key: Key) -> Option<Message> {
        self.unlist(key);
        let stored = self.messages.remove(&key)?;
        self.by_age.remove(&(stored.message.sent_at, key));
        Some(stored.message)
    }

    /// Takes a message out of the set that its place stands for.
    fn unlist(&mut self, key: Key) {
        match self.messages.get(&key).map(|stored| stored.place) {
            Some(Place::Available { since }) => {
                self.available.remove(&(since, key));
            }
            Some(Place::Delayed { until }) => {
                self.delayed -= 1;
                self.waiting.remove(&(until, key));
            }
            Some(Place::InFlight { until }) => {
                self.waiting.remove(&(until, key));
            }
            None => {}
        }
    }
}
