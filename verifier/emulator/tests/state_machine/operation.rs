//! The operations, of which random sequences are made.
//!
//! They name queues, messages and tasks by number; what a number means is looked up among those that there are, so
//! nearly every operation hits something, however a sequence is shortened.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// An operation.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    CreateQueue {
        name: &'static str,
        attributes: Vec<(&'static str, &'static str)>,
    },
    DeleteQueue {
        queue: Index,
    },
    GetQueueUrl {
        queue: Index,
    },
    ListQueues {
        prefix: &'static str,
        max_results: Option<u32>,
    },
    GetQueueAttributes {
        queue: Index,
        names: Vec<&'static str>,
    },
    SetQueueAttributes {
        queue: Index,
        attribute: (&'static str, &'static str),
    },
    SetRedrivePolicy {
        name: &'static str,
        target: &'static str,
        max_receive_count: u32,
    },
    PurgeQueue {
        queue: Index,
    },
    TagQueue {
        queue: Index,
        key: &'static str,
    },
    UntagQueue {
        queue: Index,
        key: &'static str,
    },
    ListQueueTags {
        queue: Index,
    },
    AddPermission {
        queue: Index,
        label: &'static str,
    },
    RemovePermission {
        queue: Index,
        label: &'static str,
    },
    SendMessage {
        queue: Index,
        message: Sent,
    },
    SendMessageBatch {
        name: &'static str,
        messages: Vec<Sent>,
    },
    ReceiveMessage {
        queue: Index,
        max: i64,
        visibility_timeout: Option<i64>,
        wait: i64,
    },
    DeleteMessage {
        receipt: Index,
    },
    DeleteMessageBatch {
        receipts: Vec<Index>,
    },
    ChangeMessageVisibility {
        receipt: Index,
        seconds: i64,
    },
    ChangeMessageVisibilityBatch {
        receipts: Vec<Index>,
        seconds: i64,
    },
    ListDeadLetterSourceQueues {
        queue: Index,
    },
    StartMessageMoveTask {
        source: &'static str,
        destination: Option<&'static str>,
        rate: Option<u32>,
    },
    ListMessageMoveTasks {
        source: &'static str,
    },
    CancelMessageMoveTask {
        task: Index,
    },
    Wait {
        seconds: u32,
    },
}

/// A message to send.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) body: &'static str,
    pub(crate) delay: Option<i64>,
    pub(crate) group: Option<&'static str>,
    pub(crate) deduplication_id: Option<&'static str>,
    pub(crate) attribute: Option<&'static str>,
    /// Whether it is made fit for its queue, so that it is accepted.
    pub(crate) fits: bool,
}

/// The names of queues; few, so that they meet again.
pub(crate) const NAMES: [&str; 5] = ["jobs", "dead", "other", "jobs.fifo", "dead.fifo"];

/// Sequences of up to `longest` operations. They begin with queues whose messages soon become dead letters, since
/// without any there is little to do.
pub(crate) fn operations(longest: usize) -> impl Strategy<Value = Vec<Operation>> {
    vec(scene(), 1..longest).prop_map(|scenes| {
        let rest = scenes.into_iter().flatten();
        let create = |name| {
            let soon = [("VisibilityTimeout", "2")];
            Operation::CreateQueue {
                name,
                attributes: kind(name).into_iter().chain(soon).collect(),
            }
        };
        let redrive =
            |name, target| Operation::SetRedrivePolicy { name, target, max_receive_count: 1 };
        let begin = ["dead", "jobs", "dead.fifo", "jobs.fifo"].map(create).into_iter();
        let begin = begin.chain([redrive("jobs", "dead"), redrive("jobs.fifo", "dead.fifo")]);
        begin.chain(rest).collect()
    })
}

/// An operation, or a few that seldom come together by chance.
fn scene() -> impl Strategy<Value = Vec<Operation>> {
    let queue = any::<Index>;
    prop_oneof![
        20 => operation().prop_map(|operation| vec![operation]),
        1 => (queue(), select(&["one", "two"][..])).prop_map(|(queue, label)| {
            vec![Operation::AddPermission { queue, label }, Operation::RemovePermission { queue, label }]
        }),
        1 => (select(&[("dead", "jobs"), ("dead.fifo", "jobs.fifo")][..]), any::<Index>()).prop_map(
            |((source, destination), task)| {
                let message = |deduplication_id| Sent {
                    body: "a",
                    delay: None,
                    group: Some("g"),
                    deduplication_id: Some(deduplication_id),
                    attribute: None,
                    fits: true,
                };
                let messages = vec![message("1"), message("2"), message("3")];
                let send = Operation::SendMessageBatch { name: source, messages };
                let destination = Some(destination);
                let start = Operation::StartMessageMoveTask { source, destination, rate: Some(1) };
                vec![send, start, Operation::CancelMessageMoveTask { task }]
            },
        ),
    ]
}

fn kind(name: &str) -> Vec<(&'static str, &'static str)> {
    if name.strip_suffix(".fifo").is_some() { vec![("FifoQueue", "true")] } else { Vec::new() }
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => queue_operation(),
        2 => configuration(),
        8 => message_operation(),
        4 => receipt_operation(),
        3 => move_task(),
        2 => select(&[1, 1, 2, 2, 3, 31, 61, 301][..]).prop_map(|seconds| Operation::Wait { seconds }),
    ]
}

fn queue_operation() -> impl Strategy<Value = Operation> {
    let queue = any::<Index>;
    prop_oneof![
        (select(&NAMES[..]), proptest::option::of(attribute())).prop_map(|(name, attribute)| {
            let attributes = kind(name).into_iter().chain(attribute).collect();
            Operation::CreateQueue { name, attributes }
        }),
        queue().prop_map(|queue| Operation::DeleteQueue { queue }),
        queue().prop_map(|queue| Operation::GetQueueUrl { queue }),
        (select(&["", "jobs", "d", "none"][..]), proptest::option::of(1..4_u32))
            .prop_map(|(prefix, max_results)| Operation::ListQueues { prefix, max_results }),
        queue().prop_map(|queue| Operation::PurgeQueue { queue }),
        queue().prop_map(|queue| Operation::ListDeadLetterSourceQueues { queue }),
    ]
}

fn configuration() -> impl Strategy<Value = Operation> {
    let queue = any::<Index>;
    let label = || select(&["one", "two"][..]);
    prop_oneof![
        2 => (queue(), vec(select(&["All", "VisibilityTimeout", "RedrivePolicy", "ApproximateNumberOfMessages", "NoSuch"][..]), 0..3))
            .prop_map(|(queue, names)| Operation::GetQueueAttributes { queue, names }),
        2 => (queue(), attribute())
            .prop_map(|(queue, attribute)| Operation::SetQueueAttributes { queue, attribute }),
        3 => (select(&NAMES[..]), select(&NAMES[..]), 1..4_u32).prop_map(
            |(name, target, max_receive_count)| Operation::SetRedrivePolicy { name, target, max_receive_count }
        ),
        1 => (queue(), label()).prop_map(|(queue, key)| Operation::TagQueue { queue, key }),
        1 => (queue(), label()).prop_map(|(queue, key)| Operation::UntagQueue { queue, key }),
        1 => queue().prop_map(|queue| Operation::ListQueueTags { queue }),
        1 => (queue(), label()).prop_map(|(queue, label)| Operation::AddPermission { queue, label }),
        1 => (queue(), label()).prop_map(|(queue, label)| Operation::RemovePermission { queue, label }),
    ]
}

fn attribute() -> impl Strategy<Value = (&'static str, &'static str)> {
    select(
        &[
            ("VisibilityTimeout", "0"),
            ("VisibilityTimeout", "2"),
            ("VisibilityTimeout", "60"),
            ("VisibilityTimeout", "43201"),
            ("DelaySeconds", "0"),
            ("DelaySeconds", "5"),
            ("MessageRetentionPeriod", "60"),
            ("MessageRetentionPeriod", "59"),
            ("MaximumMessageSize", "1024"),
            ("ReceiveMessageWaitTimeSeconds", "1"),
            ("ContentBasedDeduplication", "true"),
            ("NoSuchAttribute", "1"),
        ][..],
    )
}

fn message_operation() -> impl Strategy<Value = Operation> {
    let queue = any::<Index>;
    prop_oneof![
        4 => (queue(), message()).prop_map(|(queue, message)| Operation::SendMessage { queue, message }),
        1 => (select(&NAMES[..]), vec(message(), 0..12))
            .prop_map(|(name, messages)| Operation::SendMessageBatch { name, messages }),
        4 => (
            queue(),
            select(&[1, 1, 1, 3, 10, 10, 10, 10, 0, 11][..]),
            proptest::option::of(select(&[0, 1, 30, 30, 50_000][..])),
            select(&[0, 0, 1, 1, 20, 21][..]),
        )
            .prop_map(|(queue, max, visibility_timeout, wait)| Operation::ReceiveMessage {
                queue,
                max,
                visibility_timeout,
                wait,
            }),
    ]
}

fn message() -> impl Strategy<Value = Sent> {
    (
        select(&["a", "b", "c", "", "\u{1}"][..]),
        proptest::option::weighted(0.2, select(&[0, 3, 901][..])),
        proptest::option::weighted(0.6, select(&["g", "h"][..])),
        proptest::option::weighted(0.6, select(&["x", "y", "z"][..])),
        proptest::option::weighted(0.3, select(&["some", ""][..])),
        proptest::bool::weighted(0.9),
    )
        .prop_map(|(body, delay, group, deduplication_id, attribute, fits)| Sent {
            body,
            delay,
            group,
            deduplication_id,
            attribute,
            fits,
        })
}

fn receipt_operation() -> impl Strategy<Value = Operation> {
    let receipt = any::<Index>;
    let seconds = || select(&[0, 0, 1, 60, 43_200, 43_201][..]);
    prop_oneof![
        receipt().prop_map(|receipt| Operation::DeleteMessage { receipt }),
        vec(receipt(), 0..12).prop_map(|receipts| Operation::DeleteMessageBatch { receipts }),
        (receipt(), seconds())
            .prop_map(|(receipt, seconds)| Operation::ChangeMessageVisibility { receipt, seconds }),
        (vec(receipt(), 0..4), seconds()).prop_map(|(receipts, seconds)| {
            Operation::ChangeMessageVisibilityBatch { receipts, seconds }
        }),
    ]
}

fn move_task() -> impl Strategy<Value = Operation> {
    let index = any::<Index>;
    let source = || select(&["dead", "dead", "dead.fifo", "dead.fifo", "jobs"][..]);
    prop_oneof![
        2 => (source(), proptest::option::weighted(0.3, select(&NAMES[..])), proptest::option::weighted(0.8, select(&[1, 1, 1, 500, 501][..])))
            .prop_map(|(source, destination, rate)| Operation::StartMessageMoveTask {
                source,
                destination,
                rate,
            }),
        1 => source().prop_map(|source| Operation::ListMessageMoveTasks { source }),
        2 => index().prop_map(|task| Operation::CancelMessageMoveTask { task }),
    ]
}
