//! The queue model against an independent reference, under random sequences of operations.
//!
//! The reference is as naive as possible: one flat list of all messages that were ever sent, looked through from end
//! to end for every question. After every operation both must agree on everything that can be seen. An observer
//! additionally checks, from the responses alone, what no receiver may ever see.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use verifier_model::sqs::{
    Counts, Message, QueueAttributes, ReceiveMessage, RedrivePolicy, SendMessage, Sqs, SqsError,
};
use verifier_model::time::Timestamp;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const NAMES: [&str; 2] = ["jobs", "dlq"];
const JOBS: usize = 0;
const DLQ: usize = 1;

/// An operation. Indices are taken modulo what there is, so that every operation hits something.
#[derive(Clone, Debug)]
enum Operation {
    Send {
        queue: usize,
        delay_seconds: Option<u32>,
    },
    Receive {
        queue: usize,
        max: u32,
        visibility_timeout_seconds: Option<u32>,
    },
    Delete {
        handle: prop::sample::Index,
    },
    ChangeVisibility {
        handle: prop::sample::Index,
        seconds: u32,
    },
    AskTheWrongQueue {
        handle: prop::sample::Index,
    },
    Wait {
        millis: u64,
    },
    /// Waits until just before, exactly, or just after the next message becomes available.
    WaitForNext {
        offset: i64,
    },
    SetVisibilityTimeout {
        queue: usize,
        seconds: u32,
    },
    SetDelay {
        queue: usize,
        seconds: u32,
    },
    SetRetention {
        queue: usize,
        seconds: u32,
    },
    SetMaxReceiveCount {
        count: Option<u32>,
    },
    Purge {
        queue: usize,
    },
    RecreateDeadLetterQueue,
    DeleteDeadLetterQueue,
}

fn operation() -> impl Strategy<Value = Operation> {
    let queue = || prop_oneof![4 => Just(JOBS), 1 => Just(DLQ)];
    let seconds = || prop_oneof![Just(0_u32), Just(1), 0..120_u32];
    let handle = any::<prop::sample::Index>;
    prop_oneof![
        8 => (queue(), prop::option::weighted(0.3, seconds()))
            .prop_map(|(queue, delay_seconds)| Operation::Send { queue, delay_seconds }),
        12 => (queue(), 1..=10_u32, prop::option::of(seconds())).prop_map(
            |(queue, max, visibility_timeout_seconds)| {
                Operation::Receive { queue, max, visibility_timeout_seconds }
            }
        ),
        4 => (Just(DLQ), 1..=10_u32, prop::option::of(seconds())).prop_map(
            |(queue, max, visibility_timeout_seconds)| {
                Operation::Receive { queue, max, visibility_timeout_seconds }
            }
        ),
        3 => handle().prop_map(|handle| Operation::Delete { handle }),
        3 => (handle(), seconds())
            .prop_map(|(handle, seconds)| Operation::ChangeVisibility { handle, seconds }),
        1 => handle().prop_map(|handle| Operation::AskTheWrongQueue { handle }),
        4 => (0..150_000_u64).prop_map(|millis| Operation::Wait { millis }),
        6 => (-1..=1_i64).prop_map(|offset| Operation::WaitForNext { offset }),
        1 => (queue(), seconds())
            .prop_map(|(queue, seconds)| Operation::SetVisibilityTimeout { queue, seconds }),
        1 => (queue(), seconds()).prop_map(|(queue, seconds)| Operation::SetDelay { queue, seconds }),
        1 => (queue(), 60..900_u32)
            .prop_map(|(queue, seconds)| Operation::SetRetention { queue, seconds }),
        1 => prop::option::weighted(0.8, 1..5_u32)
            .prop_map(|count| Operation::SetMaxReceiveCount { count }),
        1 => queue().prop_map(|queue| Operation::Purge { queue }),
        1 => Just(Operation::RecreateDeadLetterQueue),
        1 => Just(Operation::DeleteDeadLetterQueue),
    ]
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// In the queue of this index.
    In(usize),
    Deleted,
    Expired,
    /// Purged, or lost with its queue.
    Dropped,
}

/// A message as the reference remembers it, indefinitely.
#[derive(Clone, Debug)]
struct Entry {
    message: Message,
    fate: Fate,
    /// From when on a receive may return it.
    visible_at: Timestamp,
    /// Whether it waits because it was received, and not because it was delayed.
    received: bool,
    /// When it came to its present queue, as a running number.
    arrival: u64,
    /// The handle of the latest receive from its present queue.
    handle: Option<String>,
}

/// A queue's configuration as the reference keeps it.
#[derive(Clone, Copy, Debug)]
struct Settings {
    exists: bool,
    visibility_timeout_seconds: u32,
    delay_seconds: u32,
    retention_seconds: u32,
    purged_at: Option<Timestamp>,
}

/// The reference.
struct Reference {
    entries: Vec<Entry>,
    settings: [Settings; 2],
    max_receive_count: Option<u32>,
    arrivals: u64,
}

impl Reference {
    fn new() -> Self {
        let settings = Settings {
            exists: true,
            visibility_timeout_seconds: 30,
            delay_seconds: 0,
            retention_seconds: 345_600,
            purged_at: None,
        };
        Self {
            entries: Vec::new(),
            settings: [settings; 2],
            max_receive_count: Some(3),
            arrivals: 0,
        }
    }

    fn arrive(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// Lets messages expire.
    fn age(&mut self, now: Timestamp) {
        for entry in &mut self.entries {
            if let Fate::In(queue) = entry.fate {
                let retention = Duration::from_secs(self.settings[queue].retention_seconds.into());
                if now >= entry.message.sent_at + retention {
                    entry.fate = Fate::Expired;
                }
            }
        }
    }

    fn present(&self, queue: usize) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.fate == Fate::In(queue))
    }

    fn counts(&self, queue: usize, now: Timestamp) -> Counts {
        let count = |condition: &dyn Fn(&Entry) -> bool| {
            self.present(queue).filter(|entry| condition(entry)).count()
        };
        Counts {
            visible: count(&|entry| entry.visible_at <= now),
            not_visible: count(&|entry| entry.visible_at > now && entry.received),
            delayed: count(&|entry| entry.visible_at > now && !entry.received),
        }
    }

    fn next_available_at(&self, queue: usize, now: Timestamp) -> Option<Timestamp> {
        self.present(queue).map(|entry| entry.visible_at).filter(|at| *at > now).min()
    }

    /// The ids that a receive returns, in order; moves those that were received too often.
    fn receive(&mut self, queue: usize, max: usize, seconds: u32, now: Timestamp) -> Vec<String> {
        let limit = match queue {
            JOBS if self.settings[DLQ].exists => self.max_receive_count,
            _ => None,
        };
        let mut candidates: Vec<usize> = (0..self.entries.len())
            .filter(|&index| {
                let entry = &self.entries[index];
                entry.fate == Fate::In(queue) && entry.visible_at <= now
            })
            .collect();
        candidates
            .sort_by_key(|&index| (self.entries[index].visible_at, self.entries[index].arrival));
        let mut returned = Vec::new();
        for index in candidates {
            if returned.len() == max {
                break;
            }
            let entry = &mut self.entries[index];
            if limit.is_some_and(|limit| entry.message.receive_count >= limit) {
                entry.fate = Fate::In(DLQ);
                entry.visible_at = now;
                entry.handle = None;
                entry.message.dead_letter_queue_source_arn =
                    Some("arn:aws:sqs:eu-central-1:000000000000:jobs".to_owned());
                self.arrivals += 1;
                entry.arrival = self.arrivals;
            } else {
                entry.message.receive_count += 1;
                entry.message.first_received_at = entry.message.first_received_at.or(Some(now));
                entry.visible_at = now + Duration::from_secs(seconds.into());
                entry.received = true;
                returned.push(entry.message.message_id.clone());
            }
        }
        returned
    }

    fn drop_all(&mut self, queue: usize) {
        for entry in &mut self.entries {
            if entry.fate == Fate::In(queue) {
                entry.fate = Fate::Dropped;
            }
        }
    }

    fn entry_mut(&mut self, message_id: &str) -> &mut Entry {
        let found = self.entries.iter_mut().find(|entry| entry.message.message_id == message_id);
        found.expect("a message that was sent")
    }
}

/// A receive that was answered.
#[derive(Clone, Debug)]
struct Issued {
    queue: usize,
    /// Which queue of that name: the dead-letter queue may be deleted and created again.
    generation: u32,
    message_id: String,
    handle: String,
    received_at: Timestamp,
}

/// What can be said from the responses alone.
#[derive(Default)]
struct Observer {
    receives: BTreeMap<String, u32>,
    /// Until when the receiver was promised to be alone with a message.
    hidden_until: BTreeMap<String, Timestamp>,
    handles: BTreeSet<String>,
}

struct Run {
    sqs: Sqs,
    now: Timestamp,
    reference: Reference,
    observer: Observer,
    issued: Vec<Issued>,
    generation: u32,
}

impl Run {
    fn new() -> Self {
        let mut sqs = Sqs::new("eu-central-1", "000000000000", 1);
        for name in NAMES {
            sqs.create_queue(name, QueueAttributes::default(), START).unwrap();
        }
        let mut run = Self {
            sqs,
            now: START,
            reference: Reference::new(),
            observer: Observer::default(),
            issued: Vec::new(),
            generation: 0,
        };
        run.set_max_receive_count(Some(3));
        run
    }

    fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::Send { queue, delay_seconds } => self.send(*queue, *delay_seconds),
            Operation::Receive { queue, max, visibility_timeout_seconds } => {
                self.receive(*queue, *max, *visibility_timeout_seconds);
            }
            Operation::Delete { handle } => self.with_issued(*handle, Self::delete),
            Operation::ChangeVisibility { handle, seconds } => {
                self.with_issued(*handle, |run, issued| run.change_visibility(issued, *seconds));
            }
            Operation::AskTheWrongQueue { handle } => {
                self.with_issued(*handle, Self::ask_the_wrong_queue);
            }
            Operation::Wait { millis } => self.now = self.now + Duration::from_millis(*millis),
            Operation::WaitForNext { offset } => self.wait_for_next(*offset),
            Operation::SetVisibilityTimeout { queue, seconds } => {
                self.reference.settings[*queue].visibility_timeout_seconds = *seconds;
                self.set(*queue, "VisibilityTimeout", &seconds.to_string());
            }
            Operation::SetDelay { queue, seconds } => {
                self.reference.settings[*queue].delay_seconds = *seconds;
                self.set(*queue, "DelaySeconds", &seconds.to_string());
            }
            Operation::SetRetention { queue, seconds } => {
                self.reference.age(self.now);
                self.reference.settings[*queue].retention_seconds = *seconds;
                self.set(*queue, "MessageRetentionPeriod", &seconds.to_string());
            }
            Operation::SetMaxReceiveCount { count } => self.set_max_receive_count(*count),
            Operation::Purge { queue } => self.purge(*queue),
            Operation::RecreateDeadLetterQueue => self.recreate_dead_letter_queue(),
            Operation::DeleteDeadLetterQueue => self.delete_dead_letter_queue(),
        }
        self.reference.age(self.now);
        self.compare();
    }

    fn send(&mut self, queue: usize, delay_seconds: Option<u32>) {
        let body = format!("message {}", self.reference.entries.len());
        let message = SendMessage { delay_seconds, ..SendMessage::new(&body) };
        let sent = self.sqs.send(NAMES[queue], message, self.now);
        let settings = self.reference.settings[queue];
        if !settings.exists {
            assert_eq!(sent, Err(SqsError::QueueDoesNotExist));
            return;
        }
        let delay = delay_seconds.unwrap_or(settings.delay_seconds);
        let arrival = self.reference.arrive();
        self.reference.entries.push(Entry {
            message: Message {
                message_id: sent.unwrap().message_id,
                sent_at: self.now,
                sender_id: "000000000000".to_owned(),
                ..expected_message(body)
            },
            fate: Fate::In(queue),
            visible_at: self.now + Duration::from_secs(delay.into()),
            received: false,
            arrival,
            handle: None,
        });
    }

    fn receive(&mut self, queue: usize, max: u32, visibility_timeout_seconds: Option<u32>) {
        let request =
            ReceiveMessage { max_number_of_messages: Some(max), visibility_timeout_seconds };
        let received = self.sqs.receive(NAMES[queue], request, self.now);
        let settings = self.reference.settings[queue];
        if !settings.exists {
            assert_eq!(received, Err(SqsError::QueueDoesNotExist));
            return;
        }
        let received = received.unwrap();
        self.reference.age(self.now);
        let seconds = visibility_timeout_seconds.unwrap_or(settings.visibility_timeout_seconds);
        let limit =
            self.reference.max_receive_count.filter(|_| self.reference.settings[DLQ].exists);
        let expected = self.reference.receive(queue, max as usize, seconds, self.now);
        let ids: Vec<String> =
            received.iter().map(|received| received.message.message_id.clone()).collect();
        assert_eq!(ids, expected);
        for received in received {
            let message = received.message;
            assert_eq!(received.visibility_timeout, Duration::from_secs(seconds.into()));
            self.observer.see(&message, &received.receipt_handle, self.now, seconds);
            if queue == JOBS {
                assert!(
                    limit.is_none_or(|limit| message.receive_count <= limit),
                    "should have moved"
                );
            }
            let entry = self.reference.entry_mut(&message.message_id);
            assert_eq!(entry.message, message);
            entry.handle = Some(received.receipt_handle.clone());
            self.issued.push(Issued {
                queue,
                generation: self.generation,
                message_id: message.message_id,
                handle: received.receipt_handle,
                received_at: self.now,
            });
        }
    }

    fn with_issued(&mut self, index: prop::sample::Index, operation: impl Fn(&mut Self, &Issued)) {
        if !self.issued.is_empty() {
            let issued = index.get(&self.issued).clone();
            operation(self, &issued);
        }
    }

    /// Whether the queue that issued the handle is still there; its successor is another queue.
    fn issuer_exists(&self, issued: &Issued) -> bool {
        issued.queue == JOBS
            || (self.reference.settings[DLQ].exists && issued.generation == self.generation)
    }

    fn refusal(&self, issued: &Issued) -> SqsError {
        if self.reference.settings[issued.queue].exists {
            SqsError::ReceiptHandleIsInvalid(issued.handle.clone())
        } else {
            SqsError::QueueDoesNotExist
        }
    }

    fn delete(&mut self, issued: &Issued) {
        let result = self.sqs.delete(NAMES[issued.queue], &issued.handle, self.now);
        if !self.issuer_exists(issued) {
            assert_eq!(result, Err(self.refusal(issued)));
            return;
        }
        assert_eq!(result, Ok(()));
        self.reference.age(self.now);
        let entry = self.reference.entry_mut(&issued.message_id);
        if entry.fate == Fate::In(issued.queue) && entry.handle.as_ref() == Some(&issued.handle) {
            entry.fate = Fate::Deleted;
        }
    }

    fn change_visibility(&mut self, issued: &Issued, seconds: u32) {
        let name = NAMES[issued.queue];
        let result = self.sqs.change_visibility(name, &issued.handle, seconds, self.now);
        if !self.issuer_exists(issued) {
            assert_eq!(result, Err(self.refusal(issued)));
            return;
        }
        self.reference.age(self.now);
        let now = self.now;
        let entry = self.reference.entry_mut(&issued.message_id);
        if entry.fate != Fate::In(issued.queue) {
            assert!(matches!(result, Err(SqsError::InvalidParameterValue(_))), "{result:?}");
            return;
        }
        if entry.handle.as_ref() != Some(&issued.handle) || entry.visible_at <= now {
            assert_eq!(result, Ok(()), "without effect");
            return;
        }
        let until = now + Duration::from_secs(seconds.into());
        if until.since(issued.received_at) > Duration::from_hours(12) {
            assert!(matches!(result, Err(SqsError::InvalidParameterValue(_))), "{result:?}");
            return;
        }
        assert_eq!(result, Ok(()));
        entry.visible_at = until;
        self.observer.hidden_until.insert(issued.message_id.clone(), until);
    }

    fn ask_the_wrong_queue(&mut self, issued: &Issued) {
        let wrong = 1 - issued.queue;
        let refusal = if self.reference.settings[wrong].exists {
            SqsError::ReceiptHandleIsInvalid(issued.handle.clone())
        } else {
            SqsError::QueueDoesNotExist
        };
        let (name, handle) = (NAMES[wrong], &issued.handle);
        assert_eq!(self.sqs.delete(name, handle, self.now), Err(refusal.clone()));
        assert_eq!(self.sqs.change_visibility(name, handle, 0, self.now), Err(refusal));
    }

    fn wait_for_next(&mut self, offset: i64) {
        let next =
            (0..2).filter_map(|queue| self.reference.next_available_at(queue, self.now)).min();
        if let Some(next) = next {
            let then = Timestamp::from_millis(next.as_millis().saturating_add_signed(offset));
            self.now = self.now.max(then);
        }
    }

    fn set(&mut self, queue: usize, attribute: &str, value: &str) {
        let changes = [(attribute.to_owned(), value.to_owned())].into();
        let result = self.sqs.set_attributes(NAMES[queue], &changes, self.now);
        assert_eq!(result.is_ok(), self.reference.settings[queue].exists, "{result:?}");
    }

    fn set_max_receive_count(&mut self, count: Option<u32>) {
        // AWS does not accept a policy that names a queue that does not exist.
        if count.is_some() && !self.reference.settings[DLQ].exists {
            return;
        }
        self.reference.max_receive_count = count;
        let policy = count.map(|max_receive_count| {
            RedrivePolicy { dead_letter_target_arn: self.sqs.arn("dlq"), max_receive_count }
                .to_json()
        });
        self.set(JOBS, "RedrivePolicy", &policy.unwrap_or_default());
    }

    fn purge(&mut self, queue: usize) {
        let result = self.sqs.purge(NAMES[queue], self.now);
        self.reference.age(self.now);
        let settings = &mut self.reference.settings[queue];
        let too_soon =
            settings.purged_at.is_some_and(|at| self.now.since(at) < Duration::from_mins(1));
        assert_eq!(result.is_ok(), settings.exists && !too_soon, "{result:?}");
        if result.is_ok() {
            settings.purged_at = Some(self.now);
            self.reference.drop_all(queue);
        }
    }

    fn delete_dead_letter_queue(&mut self) {
        let existed = self.reference.settings[DLQ].exists;
        assert_eq!(self.sqs.delete_queue("dlq", self.now).is_ok(), existed);
        self.reference.age(self.now);
        self.reference.drop_all(DLQ);
        self.reference.settings[DLQ].exists = false;
    }

    fn recreate_dead_letter_queue(&mut self) {
        self.delete_dead_letter_queue();
        self.sqs.create_queue("dlq", QueueAttributes::default(), self.now).unwrap();
        self.reference.settings[DLQ] = Reference::new().settings[DLQ];
        self.generation += 1;
    }

    /// Both agree on everything that can be seen, and no message was lost or doubled.
    fn compare(&mut self) {
        let mut present = 0;
        for (queue, name) in NAMES.into_iter().enumerate() {
            if !self.reference.settings[queue].exists {
                assert_eq!(self.sqs.counts(name, self.now), Err(SqsError::QueueDoesNotExist));
                assert_eq!(self.sqs.messages(name).count(), 0);
                assert_eq!(self.reference.present(queue).count(), 0);
                continue;
            }
            let counts = self.sqs.counts(name, self.now).unwrap();
            assert_eq!(counts, self.reference.counts(queue, self.now), "{name}");
            assert_eq!(
                self.sqs.next_available_at(name),
                self.reference.next_available_at(queue, self.now),
                "{name}"
            );
            let by_id =
                |messages: &mut dyn Iterator<Item = &Message>| -> BTreeMap<String, Message> {
                    messages.map(|message| (message.message_id.clone(), message.clone())).collect()
                };
            let ours = by_id(&mut self.sqs.messages(name));
            let theirs = by_id(&mut self.reference.present(queue).map(|entry| &entry.message));
            assert_eq!(ours, theirs, "{name}");
            // As many messages as ids: none is there twice.
            assert_eq!(self.sqs.messages(name).count(), ours.len());
            assert_eq!(counts.visible + counts.not_visible + counts.delayed, ours.len());
            present += ours.len();
        }
        let with_fate =
            |fate: Fate| self.reference.entries.iter().filter(|entry| entry.fate == fate).count();
        let gone = with_fate(Fate::Deleted) + with_fate(Fate::Expired) + with_fate(Fate::Dropped);
        assert_eq!(present + gone, self.reference.entries.len());
    }
}

impl Observer {
    fn see(&mut self, message: &Message, handle: &str, now: Timestamp, seconds: u32) {
        assert!(self.handles.insert(handle.to_owned()), "a handle was issued twice");
        let id = &message.message_id;
        let receives = self.receives.entry(id.clone()).or_default();
        *receives += 1;
        // The count continues across the move to the dead-letter queue.
        assert_eq!(message.receive_count, *receives);
        let hidden_until =
            self.hidden_until.insert(id.clone(), now + Duration::from_secs(seconds.into()));
        assert!(hidden_until.is_none_or(|until| until <= now), "visible too early");
    }
}

fn expected_message(body: String) -> Message {
    Message {
        message_id: String::new(),
        body,
        attributes: BTreeMap::default(),
        trace_header: None,
        group_id: None,
        deduplication_id: None,
        sequence_number: None,
        sender_id: String::new(),
        sent_at: START,
        first_received_at: None,
        receive_count: 0,
        dead_letter_queue_source_arn: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 320, ..ProptestConfig::default() })]

    #[test]
    fn the_model_agrees_with_the_reference(operations in prop::collection::vec(operation(), 1..80)) {
        let mut run = Run::new();
        for operation in &operations {
            run.perform(operation);
        }
    }

    #[test]
    fn polled_often_enough_every_message_ends_in_the_dead_letter_queue(
        messages in 1..30_usize,
        max_receive_count in 1..6_u32,
        batch in 1..=10_u32,
    ) {
        let mut run = Run::new();
        run.set_max_receive_count(Some(max_receive_count));
        for _ in 0..messages {
            run.perform(&Operation::Send { queue: JOBS, delay_seconds: None });
        }
        // Each attempt empties the queue of what is visible; the attempt after the last receive moves everything.
        for attempt in 1..=max_receive_count + 1 {
            prop_assert_eq!(run.sqs.messages("dlq").count(), 0, "before attempt {}", attempt);
            let receive = Operation::Receive { queue: JOBS, max: batch, visibility_timeout_seconds: Some(30) };
            for _ in 0..=messages {
                run.perform(&receive);
            }
            run.perform(&Operation::Wait { millis: 30_000 });
        }
        prop_assert_eq!(run.sqs.messages("jobs").count(), 0);
        prop_assert_eq!(run.sqs.messages("dlq").count(), messages);
    }
}
