//! One queue: which message is where, and until when.
//!
//! A message is *available* (a receive may return it), *delayed* or *in flight*. Only time moves a message from the
//! last two to the first, so the queue keeps the available ones in one ordered set and the waiting ones in another,
//! ordered by when their wait ends; [`Queue::settle`] brings both up to date before every operation. A FIFO queue
//! additionally keeps its message groups, which decide what a receive may return. All operations are O(log n) in the
//! number of messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::deduplication::Deduplication;
use super::error::invalid_parameter;
use super::groups::{Groups, Standing};
use super::key::Key;
use super::receipt::Receipt;
use super::{Counts, Message, QueueAttributes, ReceiveFault, ReceivedMessage, SqsError};
use crate::time::Timestamp;

/// The most messages that a queue has in flight.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html>.
pub(super) const IN_FLIGHT_MAX: usize = 120_000;

/// The longest that one receive keeps a message invisible, however often its timeout is changed: twelve hours.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
const VISIBILITY_TIMEOUT_MAX: Duration = Duration::from_hours(12);

/// How long a message is deferred at least: if its turn came again at the same moment, whoever waits for it would look
/// again and again, and time would not pass.
const DEFERRAL_MIN: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MessageState {
    Available { since: Timestamp },
    Delayed { until: Timestamp },
    InFlight { until: Timestamp },
}

impl MessageState {
    fn standing(self) -> Standing {
        match self {
            Self::Available { .. } => Standing::Available,
            Self::Delayed { .. } => Standing::Delayed,
            Self::InFlight { .. } => Standing::InFlight,
        }
    }
}

#[derive(Clone, Debug)]
struct Stored {
    message: Message,
    place: MessageState,
    /// The queue's number of the latest receive of this message; 0 before the first.
    latest_receive: u64,
    /// When that was.
    received_at: Timestamp,
    /// When it came into this queue.
    entered_at: Timestamp,
}

/// What only a FIFO queue keeps.
#[derive(Clone, Debug, Default)]
pub(super) struct Fifo {
    groups: Groups,
    pub(super) deduplication: Deduplication,
}

/// A queue with its messages.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// Tells this queue's receipt handles from those of others, also of an earlier queue of the same name.
    uid: u64,
    pub(super) attributes: QueueAttributes,
    pub(super) created_at: Timestamp,
    pub(super) modified_at: Timestamp,
    pub(super) purged_at: Option<Timestamp>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) fifo: Option<Fifo>,
    /// In the order in which they came.
    messages: BTreeMap<Key, Stored>,
    available: BTreeSet<(Timestamp, Key)>,
    waiting: BTreeSet<(Timestamp, Key)>,
    /// By the time they were sent, from which retention counts, also after a move from another queue.
    by_age: BTreeSet<(Timestamp, Key)>,
    delayed: usize,
    next_key: Key,
    receives: u64,
    /// How many messages senders have sent to it.
    pub(super) sent: u64,
}

/// What a receive found.
pub(super) struct Receives {
    /// The messages for the receiver.
    pub(super) received: Vec<ReceivedMessage>,
    /// The messages that were received too often already; they have left the queue.
    pub(super) exhausted: Vec<Message>,
    /// Whether some were put off.
    pub(super) deferred: bool,
}

/// Messages whose turn it is, with what becomes of them.
#[derive(Default)]
struct Turns {
    received: Vec<(Key, ReceiveFault)>,
    exhausted: Vec<(Key, ReceiveFault)>,
    deferred: Vec<(Key, Duration)>,
}

impl Queue {
    pub(super) fn new(uid: u64, attributes: QueueAttributes, now: Timestamp) -> Self {
        Self {
            uid,
            fifo: attributes.fifo.map(|_| Fifo::default()),
            attributes,
            created_at: now,
            modified_at: now,
            purged_at: None,
            tags: BTreeMap::new(),
            messages: BTreeMap::new(),
            available: BTreeSet::new(),
            waiting: BTreeSet::new(),
            by_age: BTreeSet::new(),
            delayed: 0,
            next_key: 0,
            receives: 0,
            sent: 0,
        }
    }

    /// Applies what the passing of time does: delays and visibility timeouts end, old messages expire.
    pub(super) fn settle(&mut self, now: Timestamp) {
        while let Some(&(until, key)) = self.waiting.first() {
            if until > now {
                break;
            }
            self.waiting.pop_first();
            self.move_to(key, MessageState::Available { since: until });
        }
        while let Some(&(sent_at, key)) = self.by_age.first() {
            if sent_at + self.attributes.retention() > now {
                break;
            }
            self.by_age.pop_first();
            self.remove(key);
        }
        if let Some(fifo) = &mut self.fifo {
            fifo.deduplication.settle(now);
        }
    }

    /// When time alone will next make a message available; `None` if nothing waits.
    pub(super) fn next_available_at(&self) -> Option<Timestamp> {
        if self.fifo.as_ref().is_some_and(|fifo| fifo.groups.any_waits()) {
            // A message that expires in flight no longer blocks its group.
            return self.next_change_at();
        }
        self.waiting.first().map(|&(until, _)| until)
    }

    /// When time alone will next change how many messages are visible, delayed or in flight; `None` if nothing waits.
    pub(super) fn next_change_at(&self) -> Option<Timestamp> {
        let wait_ends = self.waiting.first().map(|&(until, _)| until);
        let expires =
            self.by_age.first().map(|&(sent_at, _)| sent_at + self.attributes.retention());
        wait_ends.into_iter().chain(expires).min()
    }

    /// When the message came that has been in this queue longest.
    pub(super) fn oldest_entered_at(&self) -> Option<Timestamp> {
        self.messages.first_key_value().map(|(_, stored)| stored.entered_at)
    }

    pub(super) fn available_count(&self) -> usize {
        self.available.len()
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            visible: self.available.len(),
            not_visible: self.in_flight_count(),
            delayed: self.delayed,
        }
    }

    pub(super) fn in_flight_count(&self) -> usize {
        self.waiting.len() - self.delayed
    }

    /// Gives the queue other attributes.
    ///
    /// A new delay applies to messages already there on FIFO queues only.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html>.
    pub(super) fn reconfigure(&mut self, attributes: QueueAttributes, now: Timestamp) {
        let delay = attributes.delay();
        let changed = delay != self.attributes.delay();
        self.attributes = attributes;
        self.modified_at = now;
        if self.fifo.is_some() && changed {
            let delayed = |(key, stored): (&Key, &Stored)| match stored.place {
                MessageState::Delayed { .. } => Some((*key, stored.message.sent_at + delay)),
                _ => None,
            };
            let delayed: Vec<(Key, Timestamp)> = self.messages.iter().filter_map(delayed).collect();
            for (key, until) in delayed {
                self.move_to(key, MessageState::Delayed { until });
            }
        }
        self.settle(now);
    }

    /// Puts a message in, available after `delay`.
    pub(super) fn insert(&mut self, message: Message, delay: Duration, now: Timestamp) {
        let key = self.next_key;
        self.next_key += 1;
        self.by_age.insert((message.sent_at, key));
        let place = if delay.is_zero() {
            MessageState::Available { since: now }
        } else {
            MessageState::Delayed { until: now + delay }
        };
        let stored =
            Stored { message, place, latest_receive: 0, received_at: now, entered_at: now };
        self.messages.insert(key, stored);
        self.list(key, place);
        self.regroup(key, None, Some(place));
    }

    /// Receives up to `max` messages: those that have been available longest, on a FIFO queue as its groups allow.
    ///
    /// With `max_receive_count`, messages that were received that often leave the queue instead: SQS moves them at the
    /// receive *attempt after* the last allowed one.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
    pub(super) fn receive(
        &mut self,
        max: usize,
        max_receive_count: Option<u32>,
        visibility_timeout: Duration,
        now: Timestamp,
        deliver: &mut dyn FnMut(&Message) -> ReceiveFault,
    ) -> Receives {
        let turns = self.next_turns(max, max_receive_count, deliver);
        let deferred = !turns.deferred.is_empty();
        for (key, duration) in turns.deferred {
            let until = now + duration.max(DEFERRAL_MIN);
            self.move_to(key, MessageState::Delayed { until });
        }
        let received = turns
            .received
            .into_iter()
            .filter_map(|(key, delivery)| self.hand_out(key, delivery, visibility_timeout, now))
            .collect();
        let exhausted = turns.exhausted.into_iter();
        let exhausted = exhausted.filter_map(|(key, delivery)| self.exhaust(key, delivery));
        let exhausted = exhausted.collect();
        // Made available only now: a timeout of zero must not return a message twice in one response.
        self.settle(now);
        Receives { received, exhausted, deferred }
    }

    /// Whose turn it is: up to `max` messages, and those between them that were received too often.
    fn next_turns(
        &self,
        max: usize,
        max_receive_count: Option<u32>,
        deliver: &mut dyn FnMut(&Message) -> ReceiveFault,
    ) -> Turns {
        let mut turns = Turns::default();
        for key in self.receivable() {
            if turns.received.len() >= max {
                break;
            }
            let Some(stored) = self.messages.get(&key) else {
                continue;
            };
            let delivery = deliver(&stored.message);
            if let ReceiveFault::Deferred(duration) = delivery {
                turns.deferred.push((key, duration));
            } else if delivery.is_last(stored.message.receive_count, max_receive_count) {
                turns.exhausted.push((key, delivery));
            } else {
                turns.received.push((key, delivery));
            }
        }
        turns
    }

    /// What a receive may return, in order.
    fn receivable(&self) -> Box<dyn Iterator<Item = Key> + '_> {
        match &self.fifo {
            Some(fifo) => Box::new(fifo.groups.receivable()),
            None => Box::new(self.available.iter().map(|&(_, key)| key)),
        }
    }

    /// Takes out a message that was received too often, with the receives that nobody saw, which count there, too.
    fn exhaust(&mut self, key: Key, delivery: ReceiveFault) -> Option<Message> {
        let mut message = self.remove(key)?;
        message.receive_count = message.receive_count.saturating_add(delivery.unseen_receives());
        Some(message)
    }

    fn hand_out(
        &mut self,
        key: Key,
        delivery: ReceiveFault,
        visibility_timeout: Duration,
        now: Timestamp,
    ) -> Option<ReceivedMessage> {
        if delivery == ReceiveFault::Duplicated {
            let copy = self.messages.get(&key)?.message.clone();
            self.insert(copy, Duration::ZERO, now);
        }
        self.receives += 1;
        let receive = self.receives;
        let stored = self.messages.get_mut(&key)?;
        stored.latest_receive = receive;
        stored.received_at = now;
        let receives = delivery.unseen_receives().saturating_add(1);
        stored.message.receive_count = stored.message.receive_count.saturating_add(receives);
        stored.message.first_received_at.get_or_insert(now);
        let message = stored.message.clone();
        let invisible = delivery.invisible_for(visibility_timeout);
        self.move_to(key, MessageState::InFlight { until: now + invisible });
        let receipt_handle = Receipt { queue: self.uid, key, receive }.encode();
        Some(ReceivedMessage { message, receipt_handle, visibility_timeout })
    }

    /// The message that a message move task takes next.
    pub(super) fn peek(&self) -> Option<&Message> {
        let key = self.receivable().next()?;
        self.messages.get(&key).map(|stored| &stored.message)
    }

    /// Takes out the message that [`Queue::peek`] shows.
    pub(super) fn pop(&mut self) -> Option<Message> {
        let key = self.receivable().next()?;
        self.remove(key)
    }

    /// Deletes a message.
    ///
    /// On a standard queue a handle of an earlier receive succeeds without effect, as on AWS: "the request succeeds,
    /// but the message might not be deleted". A FIFO queue refuses a handle whose visibility timeout is over. Handles of
    /// a message that is gone succeed on both.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html>; that a
    /// standard queue refuses a handle after twelve hours is from bug reports.
    pub(super) fn delete(&mut self, receipt_handle: &str, now: Timestamp) -> Result<(), SqsError> {
        let receipt = self.decode(receipt_handle)?;
        let Some(stored) = self.messages.get(&receipt.key) else {
            return Ok(());
        };
        let is_latest = stored.latest_receive == receipt.receive;
        let in_flight = matches!(stored.place, MessageState::InFlight { .. });
        let too_old = now.since(stored.received_at) > VISIBILITY_TIMEOUT_MAX;
        let has_expired =
            if self.fifo.is_some() { !is_latest || !in_flight } else { is_latest && too_old };
        if has_expired {
            return Err(SqsError::ReceiptHandleHasExpired(receipt_handle.to_owned()));
        }
        if is_latest {
            self.remove(receipt.key);
        }
        Ok(())
    }

    /// Gives a message in flight another visibility timeout, counted from now; zero hands it back.
    ///
    /// On a standard queue a handle whose visibility timeout is over succeeds without effect, as recordings of AWS
    /// show; so does one of an earlier receive. A FIFO queue refuses both, and once a message is gone, every queue
    /// refuses its handles.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
    pub(super) fn change_visibility(
        &mut self,
        receipt_handle: &str,
        visibility_timeout: Duration,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        let receipt = self.decode(receipt_handle)?;
        let stored = self.messages.get(&receipt.key);
        let current = stored.filter(|stored| {
            matches!(stored.place, MessageState::InFlight { .. })
                && stored.latest_receive == receipt.receive
        });
        let Some(current) = current else {
            if stored.is_some() && self.fifo.is_none() {
                return Ok(());
            }
            return Err(invalid_parameter(
                "ReceiptHandle",
                receipt_handle,
                "Message does not exist or is not available for visibility timeout change.",
            ));
        };
        if now.since(current.received_at) + visibility_timeout > VISIBILITY_TIMEOUT_MAX {
            return Err(invalid_parameter(
                "VisibilityTimeout",
                &visibility_timeout.as_secs().to_string(),
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
            ));
        }
        let place = if visibility_timeout.is_zero() {
            MessageState::Available { since: now }
        } else {
            MessageState::InFlight { until: now + visibility_timeout }
        };
        self.move_to(receipt.key, place);
        Ok(())
    }

    /// Deletes every message, those in flight too. Deduplication ids stay remembered.
    pub(super) fn purge(&mut self) {
        self.messages.clear();
        self.available.clear();
        self.waiting.clear();
        self.by_age.clear();
        self.delayed = 0;
        if let Some(fifo) = &mut self.fifo {
            fifo.groups.clear();
        }
    }

    /// The messages in the queue, in no particular order.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values().map(|stored| &stored.message)
    }

    /// The message of a receipt handle, if it is still there.
    pub(super) fn message_of_receipt(&self, receipt_handle: &str) -> Option<&Message> {
        let receipt = self.decode(receipt_handle).ok()?;
        self.messages.get(&receipt.key).map(|stored| &stored.message)
    }

    fn decode(&self, receipt_handle: &str) -> Result<Receipt, SqsError> {
        Receipt::decode(receipt_handle)
            .filter(|receipt| receipt.queue == self.uid)
            .ok_or_else(|| SqsError::ReceiptHandleIsInvalid(receipt_handle.to_owned()))
    }

    fn move_to(&mut self, key: Key, place: MessageState) {
        let from = self.unlist(key);
        if let Some(stored) = self.messages.get_mut(&key) {
            stored.place = place;
        }
        self.list(key, place);
        self.regroup(key, from, Some(place));
    }

    fn remove(&mut self, key: Key) -> Option<Message> {
        let from = self.unlist(key);
        self.regroup(key, from, None);
        let stored = self.messages.remove(&key)?;
        self.by_age.remove(&(stored.message.sent_at, key));
        Some(stored.message)
    }

    /// Enters a message into the set that its place stands for.
    fn list(&mut self, key: Key, place: MessageState) {
        match place {
            MessageState::Available { since } => self.available.insert((since, key)),
            MessageState::Delayed { until } => {
                self.delayed += 1;
                self.waiting.insert((until, key))
            }
            MessageState::InFlight { until } => self.waiting.insert((until, key)),
        };
    }

    /// Takes a message out of the set that its place stands for, and tells the place.
    fn unlist(&mut self, key: Key) -> Option<MessageState> {
        let place = self.messages.get(&key)?.place;
        match place {
            MessageState::Available { since } => self.available.remove(&(since, key)),
            MessageState::Delayed { until } => {
                self.delayed -= 1;
                self.waiting.remove(&(until, key))
            }
            MessageState::InFlight { until } => self.waiting.remove(&(until, key)),
        };
        Some(place)
    }

    /// Tells a FIFO queue's groups that a message of theirs stands elsewhere now.
    fn regroup(&mut self, key: Key, from: Option<MessageState>, to: Option<MessageState>) {
        let Some(fifo) = &mut self.fifo else {
            return;
        };
        let group = self.messages.get(&key).and_then(|stored| stored.message.group_id.as_deref());
        let (from, to) = (from.map(MessageState::standing), to.map(MessageState::standing));
        fifo.groups.place(group.unwrap_or_default(), key, from, to);
    }
}
