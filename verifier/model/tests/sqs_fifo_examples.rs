//! One example for each rule of SQS FIFO queues that the model claims to follow. A test's name is the rule.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions only, and here helpers fail the test too"
)]

mod world;

use std::time::Duration;

use verifier_model::sqs::{SendMessage, SentMessage, SqsError};
use world::{START, World, bodies, request, text};

/// A world with the FIFO queue `jobs.fifo` with these attributes.
fn fifo(attributes: &[(&str, &str)]) -> World {
    let mut world = World::new();
    create_fifo(&mut world, "jobs.fifo", attributes);
    world
}

fn create_fifo(world: &mut World, name: &str, attributes: &[(&str, &str)]) {
    let all = [&[("FifoQueue", "true")], attributes].concat();
    world.sqs.create_queue_as_requested(name, &request(&all), world.now).unwrap();
}

fn message(group: &str, id: &str, body: &str) -> SendMessage {
    SendMessage {
        group_id: Some(group.to_owned()),
        deduplication_id: Some(id.to_owned()),
        ..SendMessage::new(body)
    }
}

/// Sends a message whose body is also its deduplication id.
fn send(world: &mut World, group: &str, body: &str) -> SentMessage {
    world.try_send("jobs.fifo", message(group, body, body)).unwrap()
}

fn invalid<T>(message: &str) -> Result<T, SqsError> {
    Err(SqsError::InvalidParameterValue(message.to_owned()))
}

// Sending.

#[test]
fn a_message_needs_a_group_and_a_deduplication_id() {
    let mut world = fifo(&[]);
    let no_group = SendMessage { group_id: None, ..message("g", "1", "a") };
    let refused = world.try_send("jobs.fifo", no_group).unwrap_err();
    // As recorded.
    assert_eq!(refused.to_string(), "The request must contain the parameter MessageGroupId.");
    assert_eq!(
        (refused.code(), refused.query_code()),
        ("MissingRequiredParameterException", "MissingParameter")
    );
    let no_id = SendMessage { deduplication_id: None, ..message("g", "1", "a") };
    let refused = world.try_send("jobs.fifo", no_id).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    );
    assert_eq!(
        (refused.code(), refused.query_code()),
        ("InvalidParameterValueException", "InvalidParameterValue")
    );
}

#[test]
fn an_entry_without_group_or_id_refuses_the_whole_batch() {
    let mut world = fifo(&[]);
    let good = ("1".to_owned(), Ok(message("g", "1", "a")));
    let no_group = SendMessage { group_id: None, ..message("g", "2", "b") };
    let no_id = SendMessage { deduplication_id: None, ..message("g", "2", "b") };
    for (bad, refusal) in [
        (no_group, "The request must contain the parameter MessageGroupId."),
        (
            no_id,
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        ),
    ] {
        let entries = vec![good.clone(), ("2".to_owned(), Ok(bad))];
        assert_eq!(world.sqs.send_batch("jobs.fifo", entries, world.now), invalid(refusal));
    }
    assert_eq!(world.counts("jobs.fifo"), (0, 0, 0));
}

#[test]
fn ids_have_128_characters_without_white_space() {
    let mut world = fifo(&[]);
    let longest = "!~aZ".repeat(32);
    world.try_send("jobs.fifo", message(&longest, &longest, "a")).unwrap();
    for bad in ["", "a b", "é", &"x".repeat(129)] {
        assert_eq!(
            world.try_send("jobs.fifo", message(bad, "1", "a")),
            invalid(&format!(
                "Value {bad} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
            ))
        );
        assert_eq!(
            world.try_send("jobs.fifo", message("g", bad, "a")),
            invalid(&format!(
                "Value {bad} for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."
            ))
        );
    }
}

#[test]
fn a_standard_queue_knows_groups_but_no_deduplication() {
    let mut world = World::with_jobs(&[]);
    let sent = SendMessage { group_id: Some("tenant".to_owned()), ..SendMessage::new("a") };
    let sent = world.try_send("jobs", sent).unwrap();
    assert_eq!(sent.sequence_number, None);
    assert_eq!(
        world.try_send("jobs", message("tenant", "1", "a")),
        invalid(
            "Value 1 for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not valid for this queue type."
        )
    );
}

#[test]
fn a_message_has_no_delay_of_its_own_but_zero_is_accepted() {
    let mut world = fifo(&[("DelaySeconds", "10")]);
    let delayed = |seconds| SendMessage { delay_seconds: Some(seconds), ..message("g", "1", "a") };
    assert_eq!(
        world.try_send("jobs.fifo", delayed(2)),
        invalid(
            "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."
        )
    );
    world.try_send("jobs.fifo", delayed(0)).unwrap();
    assert_eq!(world.counts("jobs.fifo"), (0, 0, 1), "the queue's delay holds");
}

#[test]
fn a_new_delay_applies_to_messages_that_still_wait() {
    let mut world = fifo(&[("DelaySeconds", "100")]);
    send(&mut world, "g", "a");
    world.wait(10);
    send(&mut world, "g", "b");
    world.set("jobs.fifo", "DelaySeconds", "20");
    assert_eq!(world.sqs.next_available_at("jobs.fifo"), Some(START + Duration::from_secs(20)));
    world.wait(10);
    assert_eq!(bodies(&world.receive("jobs.fifo", 10)), ["a"]);
    world.set("jobs.fifo", "DelaySeconds", "0");
    assert_eq!(world.counts("jobs.fifo"), (1, 1, 0));
}

#[test]
fn sequence_numbers_have_20_digits_and_ascend() {
    let mut world = fifo(&[]);
    create_fifo(&mut world, "other.fifo", &[]);
    let mut last = None;
    for n in 0..50 {
        let queue = if n % 3 == 0 { "other.fifo" } else { "jobs.fifo" };
        let id = n.to_string();
        let sent = world.try_send(queue, message("g", &id, &id)).unwrap();
        let number = sent.sequence_number.unwrap();
        assert_eq!(number.to_string().len(), 20);
        assert!(last < Some(number));
        last = Some(number);
    }
}

// Deduplication.

#[test]
fn a_repeated_send_is_accepted_with_the_originals_id_and_not_stored() {
    let mut world = fifo(&[]);
    let first = world.try_send("jobs.fifo", message("g", "same", "one")).unwrap();
    world.wait(100);
    let second = world.try_send("jobs.fifo", message("h", "same", "another")).unwrap();
    assert_eq!(second.message_id, first.message_id);
    assert_eq!(second.sequence_number, first.sequence_number);
    // The digest is of what was sent, or clients would take the answer for a broken one.
    assert_eq!(second.md5_of_body, verifier_model::sqs::md5_of_body("another"));
    assert_eq!(bodies(&world.receive("jobs.fifo", 10)), ["one"]);
}

#[test]
fn the_interval_is_five_minutes_from_the_original() {
    let mut world = fifo(&[]);
    let first = send(&mut world, "g", "a");
    // A repetition does not begin the interval again.
    world.wait(200);
    assert_eq!(send(&mut world, "g", "a").message_id, first.message_id);
    world.wait_millis(99_999);
    assert_eq!(send(&mut world, "g", "a").message_id, first.message_id);
    world.wait_millis(1);
    let second = send(&mut world, "g", "a");
    assert_ne!(second.message_id, first.message_id);
    assert!(second.sequence_number > first.sequence_number);
    assert_eq!(world.counts("jobs.fifo"), (2, 0, 0));
}

#[test]
fn resending_under_the_same_id_and_deleting_the_original_loses_the_message() {
    let mut world = fifo(&[]);
    send(&mut world, "g", "a");
    let original = world.receive_one("jobs.fifo");
    let resent = send(&mut world, "g", "a");
    assert_eq!(resent.message_id, original.message.message_id);
    world.delete("jobs.fifo", &original.receipt_handle);
    assert_eq!(world.counts("jobs.fifo"), (0, 0, 0));
    // Also after the deletion the id stays taken.
    send(&mut world, "g", "a");
    assert_eq!(world.counts("jobs.fifo"), (0, 0, 0));
}

#[test]
fn content_based_deduplication_looks_at_the_body_only_and_yields_to_an_explicit_id() {
    let mut world = fifo(&[("ContentBasedDeduplication", "true")]);
    let plain = |body: &str| SendMessage { deduplication_id: None, ..message("g", "", body) };
    let first = world.try_send("jobs.fifo", plain("a")).unwrap();
    let other_attributes =
        SendMessage { attributes: [("n".to_owned(), text("Number", "1"))].into(), ..plain("a") };
    let second = world.try_send("jobs.fifo", other_attributes).unwrap();
    assert_eq!(second.message_id, first.message_id);
    assert_ne!(second.md5_of_attributes, first.md5_of_attributes);
    world.try_send("jobs.fifo", plain("b")).unwrap();
    world.try_send("jobs.fifo", message("g", "explicit", "a")).unwrap();
    let received = world.receive("jobs.fifo", 10);
    assert_eq!(bodies(&received), ["a", "b", "a"]);
    let ids: Vec<Option<&str>> =
        received.iter().map(|received| received.message.deduplication_id.as_deref()).collect();
    assert_eq!(
        ids,
        [
            Some("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
            Some("3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"),
            Some("explicit"),
        ]
    );
}

#[test]
fn the_scope_may_be_the_message_group() {
    let mut world = fifo(&[("DeduplicationScope", "messageGroup")]);
    let one = world.try_send("jobs.fifo", message("g", "same", "a")).unwrap();
    let other = world.try_send("jobs.fifo", message("h", "same", "a")).unwrap();
    assert_ne!(one.message_id, other.message_id);
    let again = world.try_send("jobs.fifo", message("g", "same", "a")).unwrap();
    assert_eq!(again.message_id, one.message_id);
    assert_eq!(world.counts("jobs.fifo"), (2, 0, 0));
}

#[test]
fn purging_does_not_forget_deduplication_ids() {
    let mut world = fifo(&[]);
    send(&mut world, "g", "a");
    world.sqs.purge("jobs.fifo", world.now).unwrap();
    send(&mut world, "g", "a");
    assert_eq!(world.counts("jobs.fifo"), (0, 0, 0));
}

// Order.

#[test]
fn a_receive_takes_as_many_of_one_group_as_it_can_and_then_of_the_next() {
    let mut world = fifo(&[]);
    for (group, body) in [("g", "g1"), ("h", "h1"), ("g", "g2"), ("h", "h2"), ("g", "g3")] {
        send(&mut world, group, body);
    }
    assert_eq!(bodies(&world.receive("jobs.fifo", 2)), ["g1", "g2"]);
    assert_eq!(bodies(&world.receive("jobs.fifo", 10)), ["h1", "h2"], "g waits");
}

#[test]
fn a_group_waits_until_all_of_it_in_flight_is_deleted_or_visible_again() {
    let mut world = fifo(&[]);
    for body in ["1", "2", "3", "4"] {
        send(&mut world, "g", body);
    }
    let batch = world.receive("jobs.fifo", 3);
    world.sqs.take_changed();
    world.delete("jobs.fifo", &batch[0].receipt_handle);
    assert!(world.sqs.take_changed().contains("jobs.fifo"), "who waits is reported");
    assert!(world.receive("jobs.fifo", 10).is_empty());
    world.change("jobs.fifo", &batch[2].receipt_handle, 0).unwrap();
    assert!(world.receive("jobs.fifo", 10).is_empty(), "2 is in flight");
    assert_eq!(world.counts("jobs.fifo"), (2, 1, 0));
    world.wait(30);
    assert_eq!(bodies(&world.receive("jobs.fifo", 10)), ["2", "3", "4"], "in the order sent");
}

#[test]
fn a_message_held_longer_blocks_those_after_it_and_none_before_it() {
    // As in a recording, with each of three messages held longer in turn.
    for (position, expected) in [(0, [""; 0].as_slice()), (1, &["foo"]), (2, &["foo", "bar"])] {
        let mut world = fifo(&[("VisibilityTimeout", "1")]);
        for body in ["foo", "bar", "baz"] {
            send(&mut world, "g", body);
        }
        let received = world.receive("jobs.fifo", 5);
        world.change("jobs.fifo", &received[position].receipt_handle, 4).unwrap();
        world.wait(2);
        assert_eq!(bodies(&world.receive("jobs.fifo", 5)), expected);
    }
}

#[test]
fn a_message_released_at_once_is_next_again() {
    let mut world = fifo(&[]);
    for body in ["1", "2"] {
        send(&mut world, "g", body);
    }
    for count in 1..=3 {
        let received = world.receive_for("jobs.fifo", 1, 0);
        assert_eq!(bodies(&received), ["1"]);
        assert_eq!(received[0].message.receive_count, count);
    }
}

#[test]
fn a_message_that_expires_in_flight_unblocks_its_group() {
    let mut world = fifo(&[("MessageRetentionPeriod", "60"), ("VisibilityTimeout", "900")]);
    send(&mut world, "g", "1");
    world.receive_one("jobs.fifo");
    world.wait(30);
    send(&mut world, "g", "2");
    assert!(world.receive("jobs.fifo", 10).is_empty());
    assert_eq!(world.sqs.next_available_at("jobs.fifo"), Some(START + Duration::from_mins(1)));
    world.wait(30);
    assert_eq!(bodies(&world.receive("jobs.fifo", 10)), ["2"]);
}

#[test]
fn with_120_000_in_flight_a_receive_returns_nothing_and_no_error() {
    let mut world = fifo(&[]);
    for n in 0..12_001 {
        for m in 0..10 {
            let id = format!("{n}-{m}");
            world.try_send("jobs.fifo", message(&n.to_string(), &id, "x")).unwrap();
        }
    }
    let first = world.receive("jobs.fifo", 10);
    for _ in 1..12_000 {
        assert_eq!(world.receive("jobs.fifo", 10).len(), 10);
    }
    assert_eq!(world.counts("jobs.fifo"), (10, 120_000, 0));
    assert_eq!(world.try_receive("jobs.fifo", Some(10), None), Ok(vec![]));
    world.delete("jobs.fifo", &first[0].receipt_handle);
    assert_eq!(world.receive("jobs.fifo", 10).len(), 1);
}

// Receipt handles.

#[test]
fn an_expired_handle_deletes_nothing_and_says_so() {
    let mut world = fifo(&[]);
    send(&mut world, "g", "a");
    let handle = world.receive_one("jobs.fifo").receipt_handle;
    world.wait(30);
    let refused = world.sqs.delete("jobs.fifo", &handle, world.now).unwrap_err();
    // As recorded; in a batch the code and the message are others, from bug reports.
    assert_eq!(
        refused.to_string(),
        format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
        )
    );
    assert_eq!(
        (refused.code(), refused.query_code()),
        ("InvalidParameterValueException", "InvalidParameterValue")
    );
    assert_eq!(
        (refused.entry_code(), refused.entry_message().as_str()),
        ("ReceiptHandleIsInvalid", "The receipt handle has expired")
    );
    assert_eq!(world.counts("jobs.fifo"), (1, 0, 0));
    assert!(matches!(
        world.change("jobs.fifo", &handle, 60),
        Err(SqsError::InvalidParameterValue(_))
    ));
}

#[test]
fn a_stale_handle_is_refused_while_the_message_is_with_another_receiver() {
    let mut world = fifo(&[]);
    send(&mut world, "g", "a");
    let stale = world.receive_for("jobs.fifo", 1, 0).pop().unwrap().receipt_handle;
    let fresh = world.receive_one("jobs.fifo").receipt_handle;
    assert!(matches!(
        world.sqs.delete("jobs.fifo", &stale, world.now),
        Err(SqsError::ReceiptHandleHasExpired(_))
    ));
    world.delete("jobs.fifo", &fresh);
    world.delete("jobs.fifo", &fresh);
    assert_eq!(world.counts("jobs.fifo"), (0, 0, 0));
}

// The dead-letter queue.

/// A world with `jobs.fifo` and its dead-letter queue `dlq.fifo`.
fn fifo_with_dead_letter_queue(max_receive_count: u32) -> World {
    let mut world = fifo(&[("VisibilityTimeout", "60")]);
    create_fifo(&mut world, "dlq.fifo", &[("MessageRetentionPeriod", "3600")]);
    world.redrive("jobs.fifo", "dlq.fifo", max_receive_count);
    world
}

#[test]
fn the_dead_letter_queue_must_be_fifo_too() {
    let mut world = fifo(&[]);
    world.create("standard", &[]);
    for (source, target) in [("jobs.fifo", "standard"), ("standard", "jobs.fifo")] {
        let policy =
            format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":3}}"#, world.sqs.arn(target));
        let changes = request(&[("RedrivePolicy", &policy)]);
        assert_eq!(
            world.sqs.set_attributes(source, &changes, world.now),
            invalid(&format!(
                "Value {policy} for parameter RedrivePolicy is invalid. Reason: Dead-letter queue must be same type of queue as the source."
            ))
        );
    }
}

#[test]
fn the_move_keeps_id_and_group_and_replaces_deduplication_id_and_sequence_number() {
    let mut world = fifo_with_dead_letter_queue(1);
    let sent = send(&mut world, "g", "poison");
    world.receive_one("jobs.fifo");
    world.wait(60);
    assert!(world.receive("jobs.fifo", 10).is_empty());
    let dead = world.receive_one("dlq.fifo").message;
    assert_eq!(dead.message_id, sent.message_id);
    assert_eq!(dead.body, "poison");
    assert_eq!(dead.group_id.as_deref(), Some("g"));
    assert_eq!(dead.deduplication_id, Some(sent.message_id));
    assert!(dead.sequence_number > sent.sequence_number);
    assert_eq!(dead.receive_count, 2);
    assert_eq!(dead.dead_letter_queue_source_arn, Some(world.sqs.arn("jobs.fifo")));
}

#[test]
fn retention_restarts_in_the_dead_letter_queue() {
    let mut world = fifo_with_dead_letter_queue(1);
    send(&mut world, "g", "poison");
    world.wait(3_000);
    world.receive_one("jobs.fifo");
    world.wait(60);
    world.receive("jobs.fifo", 1);
    world.wait(3_599);
    assert_eq!(world.counts("dlq.fifo"), (1, 0, 0));
    world.wait(1);
    assert_eq!(world.counts("dlq.fifo"), (0, 0, 0));
}

#[test]
fn the_group_goes_on_without_the_message_that_was_moved() {
    let mut world = fifo_with_dead_letter_queue(1);
    for body in ["1", "2"] {
        send(&mut world, "g", body);
    }
    world.receive_for("jobs.fifo", 1, 0);
    assert_eq!(bodies(&world.receive("jobs.fifo", 1)), ["2"]);
    assert_eq!(world.counts("dlq.fifo"), (1, 0, 0));
}

// The queue.

#[test]
fn names_end_in_fifo_if_and_only_if_the_queue_is_one() {
    let mut world = World::new();
    let mut create = |name: &str, attributes: &[(&str, &str)]| {
        world.sqs.create_queue_as_requested(name, &request(attributes), START)
    };
    let longest = format!("{}.fifo", "x".repeat(75));
    assert_eq!(create(&longest, &[("FifoQueue", "true")]), Ok(true));
    let rule = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.";
    for bad in ["jobs", ".fifo", "a.b.fifo", &format!("x{longest}")] {
        assert_eq!(create(bad, &[("FifoQueue", "true")]), invalid(rule), "{bad}");
    }
    assert_eq!(
        create("jobs.fifo", &[]),
        invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    );
}

#[test]
fn attributes_are_shown_as_recorded() {
    let mut world = fifo(&[("ContentBasedDeduplication", "true")]);
    let shown = |world: &mut World| world.sqs.attributes("jobs.fifo", world.now).unwrap();
    let names: Vec<String> = shown(&mut world).into_keys().collect();
    assert_eq!(
        names,
        [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "ContentBasedDeduplication",
            "CreatedTimestamp",
            "DeduplicationScope",
            "DelaySeconds",
            "FifoQueue",
            "FifoThroughputLimit",
            "LastModifiedTimestamp",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "QueueArn",
            "ReceiveMessageWaitTimeSeconds",
            "SqsManagedSseEnabled",
            "VisibilityTimeout",
        ]
    );
    world.set("jobs.fifo", "ContentBasedDeduplication", "false");
    let attributes = shown(&mut world);
    for (name, value) in [
        ("FifoQueue", "true"),
        ("ContentBasedDeduplication", "false"),
        ("DeduplicationScope", "queue"),
        ("FifoThroughputLimit", "perQueue"),
    ] {
        assert_eq!(attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn the_kind_of_a_queue_cannot_be_changed() {
    let mut world = fifo(&[]);
    world.create("standard", &[]);
    let mut set = |name: &str, attribute: &str, value: &str| {
        world.sqs.set_attributes(name, &request(&[(attribute, value)]), START)
    };
    let unknown = |name: &str| Err(SqsError::InvalidAttributeName(name.to_owned()));
    // As recorded: the first two are "Unknown Attribute FifoQueue."
    assert_eq!(set("standard", "FifoQueue", "true"), unknown("FifoQueue"));
    assert_eq!(set("standard", "FifoQueue", "false"), unknown("FifoQueue"));
    assert_eq!(set("jobs.fifo", "FifoQueue", "true"), Ok(()));
    assert_eq!(
        set("jobs.fifo", "FifoQueue", "false").unwrap_err().to_string(),
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
    );
    for attribute in ["ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"] {
        let refused = set("standard", attribute, "true");
        if attribute == "ContentBasedDeduplication" {
            assert_eq!(refused, unknown(attribute));
        } else {
            // As recorded for the creation of a queue.
            assert_eq!(
                refused.unwrap_err().to_string(),
                format!("You can specify the {attribute} only when FifoQueue is set to true.")
            );
        }
        assert_eq!(
            set("jobs.fifo", attribute, "maybe"),
            Err(SqsError::InvalidAttributeValue(attribute.to_owned()))
        );
    }
}

#[test]
fn throughput_by_group_needs_deduplication_by_group() {
    let mut world = fifo(&[]);
    let mut set = |attributes: &[(&str, &str)]| {
        world.sqs.set_attributes("jobs.fifo", &request(attributes), START)
    };
    let by_group = ("FifoThroughputLimit", "perMessageGroupId");
    assert!(matches!(set(&[by_group]), Err(SqsError::InvalidAttributeValue(_))));
    assert_eq!(set(&[by_group, ("DeduplicationScope", "messageGroup")]), Ok(()));
    assert!(set(&[("DeduplicationScope", "queue")]).is_err());
}
