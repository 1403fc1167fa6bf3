//! FIFO queues against an independent reference, under random sequences of operations.
//!
//! As in `sqs_properties.rs` the reference is one flat list of all messages, looked through from end to end for every
//! question. An observer checks the promises of FIFO queues from the responses alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use verifier_model::sqs::{
    Counts, DeduplicationScope, FifoAttributes, Message, QueueAttributes, ReceiveMessage,
    RedrivePolicy, SendMessage, SequenceNumber, Sqs, SqsError,
};
use verifier_model::time::Timestamp;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const JOBS: &str = "jobs.fifo";
const DLQ: &str = "dlq.fifo";
const MAX_RECEIVE_COUNT: u32 = 3;

/// An operation. Indices are taken modulo what there is, so that every operation hits something.
#[derive(Clone, Debug)]
enum Operation {
    Send { group: u8, id: u8 },
    Receive { max: u32, seconds: Option<u32> },
    Delete { handle: prop::sample::Index },
    ChangeVisibility { handle: prop::sample::Index, seconds: u32 },
    Wait { millis: u64 },
    WaitForNext { offset: i64 },
    SetDelay { seconds: u32 },
    SetRetention { seconds: u32 },
    Purge,
}

fn operation() -> impl Strategy<Value = Operation> {
    let seconds = || prop_oneof![Just(0_u32), Just(1), 0..90_u32];
    let handle = any::<prop::sample::Index>;
    prop_oneof![
        10 => (0..3_u8, 0..40_u8).prop_map(|(group, id)| Operation::Send { group, id }),
        12 => (1..=10_u32, prop::option::of(seconds()))
            .prop_map(|(max, seconds)| Operation::Receive { max, seconds }),
        6 => handle().prop_map(|handle| Operation::Delete { handle }),
        3 => (handle(), seconds())
            .prop_map(|(handle, seconds)| Operation::ChangeVisibility { handle, seconds }),
        4 => (0..120_000_u64).prop_map(|millis| Operation::Wait { millis }),
        6 => (-1..=1_i64).prop_map(|offset| Operation::WaitForNext { offset }),
        1 => seconds().prop_map(|seconds| Operation::SetDelay { seconds }),
        1 => (60..900_u32).prop_map(|seconds| Operation::SetRetention { seconds }),
        1 => Just(Operation::Purge),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Here,
    DeadLetter,
    Gone,
}

/// A message as the reference remembers it, indefinitely, in the order of sending.
#[derive(Clone, Debug)]
struct Entry {
    message_id: String,
    sequence_number: SequenceNumber,
    group: String,
    scoped_id: String,
    sent_at: Timestamp,
    visible_at: Timestamp,
    receive_count: u32,
    fate: Fate,
    handle: Option<String>,
}

struct Reference {
    entries: Vec<Entry>,
    delay: Duration,
    retention: Duration,
    purged_at: Option<Timestamp>,
}

impl Reference {
    fn age(&mut self, now: Timestamp) {
        for entry in &mut self.entries {
            if entry.fate == Fate::Here && now >= entry.sent_at + self.retention {
                entry.fate = Fate::Gone;
            }
        }
    }

    fn here(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.fate == Fate::Here)
    }

    /// The send of the last five minutes that one with this id repeats.
    fn original(&self, scoped_id: &str, now: Timestamp) -> Option<&Entry> {
        self.entries.iter().find(|entry| {
            entry.scoped_id == scoped_id && now.since(entry.sent_at) < Duration::from_mins(5)
        })
    }

    fn is_in_flight(entry: &Entry, now: Timestamp) -> bool {
        entry.visible_at > now && entry.receive_count > 0
    }

    /// The indices that a receive returns, in order; moves what was received too often.
    fn receive(&mut self, max: usize, seconds: u32, now: Timestamp) -> Vec<usize> {
        let here: Vec<usize> =
            (0..self.entries.len()).filter(|&i| self.entries[i].fate == Fate::Here).collect();
        let mut groups: Vec<String> = Vec::new();
        for &index in &here {
            let entry = &self.entries[index];
            if !groups.contains(&entry.group) {
                groups.push(entry.group.clone());
            }
        }
        let mut returned = Vec::new();
        for group in groups {
            for &index in &here {
                let entry = &mut self.entries[index];
                if entry.group != group {
                    continue;
                }
                if entry.visible_at > now || returned.len() == max {
                    break;
                }
                if entry.receive_count >= MAX_RECEIVE_COUNT {
                    entry.fate = Fate::DeadLetter;
                } else {
                    entry.receive_count += 1;
                    entry.visible_at = now + Duration::from_secs(seconds.into());
                    returned.push(index);
                }
            }
        }
        returned
    }

    fn counts(&self, now: Timestamp) -> Counts {
        let count =
            |condition: &dyn Fn(&Entry) -> bool| self.here().filter(|e| condition(e)).count();
        Counts {
            visible: count(&|entry| entry.visible_at <= now),
            not_visible: count(&|entry| Self::is_in_flight(entry, now)),
            delayed: count(&|entry| entry.visible_at > now && entry.receive_count == 0),
        }
    }
}

/// A receive that was answered.
#[derive(Clone, Debug)]
struct Issued {
    index: usize,
    handle: String,
    received_at: Timestamp,
}

/// What can be said from the responses alone.
#[derive(Default)]
struct Observer {
    handles: BTreeSet<String>,
    /// Of each group, what is with a receiver, its place in the order, and until when.
    in_flight: BTreeMap<String, BTreeMap<String, (SequenceNumber, Timestamp)>>,
    /// Of each group, the greatest sequence number that was received.
    greatest: BTreeMap<String, SequenceNumber>,
    receives: BTreeMap<String, u32>,
}

impl Observer {
    /// Before a response is looked at: from where on in which groups nothing may be in it.
    fn blocked(&self, now: Timestamp) -> BTreeMap<String, SequenceNumber> {
        let first = |messages: &BTreeMap<String, (SequenceNumber, Timestamp)>| {
            let in_flight = messages.values().filter(|(_, until)| *until > now);
            in_flight.map(|(number, _)| *number).min()
        };
        let groups = self.in_flight.iter();
        groups.filter_map(|(group, messages)| Some((group.clone(), first(messages)?))).collect()
    }

    fn see(
        &mut self,
        message: &Message,
        handle: &str,
        until: Timestamp,
        blocked: &BTreeMap<String, SequenceNumber>,
    ) {
        let group = message.group_id.clone().unwrap();
        let number = message.sequence_number.unwrap();
        let is_blocked = blocked.get(&group).is_some_and(|first| number >= *first);
        assert!(!is_blocked, "an earlier message of the group {group} is in flight");
        assert!(self.handles.insert(handle.to_owned()), "a handle was issued twice");
        let first_time = message.receive_count == 1;
        let greatest = self.greatest.entry(group.clone()).or_insert(number);
        // A message that was not received before never comes after a later one of its group.
        assert!(!first_time || number >= *greatest, "out of order");
        *greatest = number.max(*greatest);
        let receives = self.receives.entry(message.message_id.clone()).or_default();
        *receives += 1;
        assert_eq!(message.receive_count, *receives);
        self.in_flight
            .entry(group)
            .or_default()
            .insert(message.message_id.clone(), (number, until));
    }

    fn forget(&mut self, message_id: &str) {
        for messages in self.in_flight.values_mut() {
            messages.remove(message_id);
        }
    }
}

struct Run {
    sqs: Sqs,
    now: Timestamp,
    scope: DeduplicationScope,
    reference: Reference,
    observer: Observer,
    issued: Vec<Issued>,
}

impl Run {
    fn new(scope: DeduplicationScope) -> Self {
        let mut sqs = Sqs::new("eu-central-1", "000000000000", 1);
        let fifo = FifoAttributes { deduplication_scope: scope, ..FifoAttributes::default() };
        let attributes = QueueAttributes { fifo: Some(fifo), ..QueueAttributes::default() };
        sqs.create_queue(DLQ, attributes.clone(), START).unwrap();
        let policy = RedrivePolicy {
            dead_letter_target_arn: sqs.arn(DLQ),
            max_receive_count: MAX_RECEIVE_COUNT,
        };
        let attributes = QueueAttributes { redrive_policy: Some(policy), ..attributes };
        sqs.create_queue(JOBS, attributes, START).unwrap();
        let reference = Reference {
            entries: Vec::new(),
            delay: Duration::ZERO,
            retention: Duration::from_hours(96),
            purged_at: None,
        };
        Self {
            sqs,
            now: START,
            scope,
            reference,
            observer: Observer::default(),
            issued: Vec::new(),
        }
    }

    fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::Send { group, id } => self.send(*group, *id),
            Operation::Receive { max, seconds } => self.receive(*max, *seconds),
            Operation::Delete { handle } => self.with_issued(*handle, Self::delete),
            Operation::ChangeVisibility { handle, seconds } => {
                self.with_issued(*handle, |run, issued| run.change_visibility(issued, *seconds));
            }
            Operation::Wait { millis } => self.now = self.now + Duration::from_millis(*millis),
            Operation::WaitForNext { offset } => self.wait_for_next(*offset),
            Operation::SetDelay { seconds } => self.set_delay(*seconds),
            Operation::SetRetention { seconds } => {
                self.reference.age(self.now);
                self.reference.retention = Duration::from_secs((*seconds).into());
                self.set("MessageRetentionPeriod", *seconds);
            }
            Operation::Purge => self.purge(),
        }
        self.reference.age(self.now);
        self.compare();
    }

    fn send(&mut self, group: u8, id: u8) {
        let (group, id) = (format!("group {group}").replace(' ', "-"), id.to_string());
        let scoped_id = match self.scope {
            DeduplicationScope::Queue => id.clone(),
            DeduplicationScope::MessageGroup => format!("{group}/{id}"),
        };
        let message = SendMessage {
            group_id: Some(group.clone()),
            deduplication_id: Some(id),
            ..SendMessage::new("x")
        };
        let sent = self.sqs.send(JOBS, message, self.now).unwrap();
        let number = sent.sequence_number.unwrap();
        if let Some(original) = self.reference.original(&scoped_id, self.now) {
            assert_eq!(
                (sent.message_id, number),
                (original.message_id.clone(), original.sequence_number)
            );
            return;
        }
        let last = self.reference.entries.last();
        assert!(last.is_none_or(|last| last.sequence_number < number));
        self.reference.entries.push(Entry {
            message_id: sent.message_id,
            sequence_number: number,
            group,
            scoped_id,
            sent_at: self.now,
            visible_at: self.now + self.reference.delay,
            receive_count: 0,
            fate: Fate::Here,
            handle: None,
        });
    }

    fn receive(&mut self, max: u32, seconds: Option<u32>) {
        let request = ReceiveMessage {
            max_number_of_messages: Some(max),
            visibility_timeout_seconds: seconds,
        };
        let received = self.sqs.receive(JOBS, request, self.now).unwrap();
        self.reference.age(self.now);
        let seconds = seconds.unwrap_or(30);
        let blocked = self.observer.blocked(self.now);
        let expected = self.reference.receive(max as usize, seconds, self.now);
        let id = |index: &usize| self.reference.entries[*index].message_id.clone();
        let expected_ids: Vec<String> = expected.iter().map(id).collect();
        let ids: Vec<String> =
            received.iter().map(|received| received.message.message_id.clone()).collect();
        assert_eq!(ids, expected_ids);
        for (index, received) in expected.into_iter().zip(received) {
            let until = self.now + Duration::from_secs(seconds.into());
            self.observer.see(&received.message, &received.receipt_handle, until, &blocked);
            let entry = &mut self.reference.entries[index];
            assert_eq!(received.message.receive_count, entry.receive_count);
            entry.handle = Some(received.receipt_handle.clone());
            self.issued.push(Issued {
                index,
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

    fn delete(&mut self, issued: &Issued) {
        let result = self.sqs.delete(JOBS, &issued.handle, self.now);
        self.reference.age(self.now);
        let entry = &mut self.reference.entries[issued.index];
        let current = entry.handle.as_ref() == Some(&issued.handle) && entry.visible_at > self.now;
        match (entry.fate, current) {
            (Fate::Here, true) => {
                assert_eq!(result, Ok(()));
                entry.fate = Fate::Gone;
                self.observer.forget(&entry.message_id);
            }
            (Fate::Here, false) => {
                let expired = SqsError::ReceiptHandleHasExpired(issued.handle.clone());
                assert_eq!(result, Err(expired));
            }
            _ => assert_eq!(result, Ok(())),
        }
    }

    fn change_visibility(&mut self, issued: &Issued, seconds: u32) {
        let result = self.sqs.change_visibility(JOBS, &issued.handle, seconds, self.now);
        self.reference.age(self.now);
        let entry = &mut self.reference.entries[issued.index];
        let until = self.now + Duration::from_secs(seconds.into());
        let current = entry.fate == Fate::Here
            && entry.handle.as_ref() == Some(&issued.handle)
            && entry.visible_at > self.now
            && until.since(issued.received_at) <= Duration::from_hours(12);
        if current {
            assert_eq!(result, Ok(()));
            entry.visible_at = until;
            let in_flight = self.observer.in_flight.get_mut(&entry.group).unwrap();
            in_flight.insert(entry.message_id.clone(), (entry.sequence_number, until));
        } else {
            assert!(matches!(result, Err(SqsError::InvalidParameterValue(_))), "{result:?}");
        }
    }

    fn wait_for_next(&mut self, offset: i64) {
        let next =
            self.reference.here().map(|entry| entry.visible_at).filter(|at| *at > self.now).min();
        if let Some(next) = next {
            let then = Timestamp::from_millis(next.as_millis().saturating_add_signed(offset));
            self.now = self.now.max(then);
        }
    }

    fn set_delay(&mut self, seconds: u32) {
        self.reference.age(self.now);
        self.reference.delay = Duration::from_secs(seconds.into());
        for entry in &mut self.reference.entries {
            if entry.receive_count == 0 && entry.visible_at > self.now {
                entry.visible_at = entry.sent_at + self.reference.delay;
            }
        }
        self.set("DelaySeconds", seconds);
    }

    fn set(&mut self, attribute: &str, value: u32) {
        let changes = [(attribute.to_owned(), value.to_string())].into();
        self.sqs.set_attributes(JOBS, &changes, self.now).unwrap();
    }

    fn purge(&mut self) {
        let result = self.sqs.purge(JOBS, self.now);
        self.reference.age(self.now);
        let purged_at = self.reference.purged_at;
        let too_soon = purged_at.is_some_and(|at| self.now.since(at) < Duration::from_mins(1));
        assert_eq!(result.is_err(), too_soon);
        if !too_soon {
            self.reference.purged_at = Some(self.now);
            for entry in self.reference.entries.iter_mut().filter(|entry| entry.fate == Fate::Here)
            {
                entry.fate = Fate::Gone;
                self.observer.forget(&entry.message_id);
            }
        }
    }

    fn compare(&mut self) {
        let counts = self.sqs.counts(JOBS, self.now).unwrap();
        assert_eq!(counts, self.reference.counts(self.now));
        for entry in self.reference.entries.iter().filter(|entry| entry.fate == Fate::Gone) {
            // What expired no longer blocks its group.
            self.observer.forget(&entry.message_id);
        }
        for (queue, fate) in [(JOBS, Fate::Here), (DLQ, Fate::DeadLetter)] {
            let mut ours: Vec<&str> =
                self.sqs.messages(queue).map(|message| message.message_id.as_str()).collect();
            let with_fate = self.reference.entries.iter().filter(|entry| entry.fate == fate);
            let mut theirs: Vec<&str> = with_fate.map(|entry| entry.message_id.as_str()).collect();
            ours.sort_unstable();
            theirs.sort_unstable();
            assert_eq!(ours, theirs, "{queue}");
        }
        // A wait that ends makes the queue worth another look, at the latest then.
        let waits = self.reference.here().map(|entry| entry.visible_at).filter(|at| *at > self.now);
        if let Some(next) = waits.min() {
            let announced = self.sqs.next_available_at(JOBS).expect("something waits");
            assert!(announced <= next && announced > self.now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_model_agrees_with_the_reference(
        by_group: bool,
        operations in prop::collection::vec(operation(), 1..80),
    ) {
        let scope = if by_group { DeduplicationScope::MessageGroup } else { DeduplicationScope::Queue };
        let mut run = Run::new(scope);
        for operation in &operations {
            run.perform(operation);
        }
    }

    #[test]
    fn a_consumer_that_fails_at_random_sees_every_group_in_order(
        messages in prop::collection::vec(0..4_u8, 1..40),
        fails in prop::collection::vec(prop::bool::weighted(0.3), 1..40),
        batch in 1..=10_u32,
    ) {
        let mut run = Run::new(DeduplicationScope::Queue);
        let policy = [("RedrivePolicy".to_owned(), String::new())].into();
        run.sqs.set_attributes(JOBS, &policy, START).unwrap();
        for (n, group) in messages.iter().enumerate() {
            let message = SendMessage {
                group_id: Some(group.to_string()),
                deduplication_id: Some(n.to_string()),
                ..SendMessage::new(n.to_string())
            };
            run.sqs.send(JOBS, message, START).unwrap();
        }
        let mut done: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut fails = fails.into_iter().chain(std::iter::repeat(false));
        while run.sqs.messages(JOBS).count() > 0 {
            let request =
                ReceiveMessage { max_number_of_messages: Some(batch), ..ReceiveMessage::default() };
            let mut failed = BTreeSet::new();
            for received in run.sqs.receive(JOBS, request, run.now).unwrap() {
                let group = received.message.group_id.clone().unwrap();
                // As a consumer of a FIFO queue must: after a failure it leaves the rest of the group alone.
                if failed.contains(&group) || fails.next().unwrap_or(false) {
                    failed.insert(group);
                    continue;
                }
                run.sqs.delete(JOBS, &received.receipt_handle, run.now).unwrap();
                done.entry(group).or_default().push(received.message.body.parse().unwrap());
            }
            run.now = run.now + Duration::from_secs(30);
        }
        prop_assert_eq!(done.values().map(Vec::len).sum::<usize>(), messages.len());
        for numbers in done.values() {
            prop_assert!(numbers.is_sorted(), "{:?}", numbers);
        }
    }
}
