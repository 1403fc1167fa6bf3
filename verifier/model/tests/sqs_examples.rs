//! One example for each rule of SQS standard queues that the model claims to follow.
//!
//! The rules are those of the pages that the model's doc comments cite. A test's name is the rule.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions only, and here helpers fail the test too"
)]

mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use verifier_model::sqs::{MESSAGE_BYTES_MAX, QueueAttributes, SendMessage, SqsError};
use world::{START, World, text};

// Moving to the dead-letter queue.

#[test]
fn the_move_happens_on_the_attempt_after_the_last_receive() {
    let mut world = World::with_dead_letter_queue(3);
    world.send("jobs", "poison");
    for attempt in 1..=3 {
        assert_eq!(world.receive_one("jobs").message.receive_count, attempt);
        assert!(world.receive("jobs", 10).is_empty(), "in flight");
        assert_eq!(world.counts("dlq"), (0, 0, 0), "after receive {attempt}");
        world.wait(60);
    }
    // The last visibility timeout is over, and still nothing moves until somebody asks.
    assert_eq!(world.counts("jobs"), (1, 0, 0));
    assert_eq!(world.counts("dlq"), (0, 0, 0));
    assert_eq!(world.now.since(START), Duration::from_mins(3));
    assert!(world.receive("jobs", 10).is_empty());
    assert_eq!(world.counts("jobs"), (0, 0, 0));
    assert_eq!(world.counts("dlq"), (1, 0, 0));
}

#[test]
fn an_attempt_that_moves_messages_returns_others_in_the_same_response() {
    let mut world = World::with_dead_letter_queue(1);
    world.send("jobs", "poison");
    world.receive_one("jobs");
    world.wait(60);
    world.send("jobs", "healthy");
    let received = world.receive("jobs", 1);
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].message.body, "healthy");
    assert_eq!(world.counts("dlq"), (1, 0, 0));
}

#[test]
fn the_receive_count_continues_in_the_dead_letter_queue() {
    let mut world = World::with_dead_letter_queue(3);
    world.send("jobs", "poison");
    for _ in 0..3 {
        world.receive_for("jobs", 1, 0);
    }
    world.receive("jobs", 1);
    assert_eq!(world.sqs.messages("dlq").next().unwrap().receive_count, 3);
    for look in 4..=6 {
        assert_eq!(world.receive_for("dlq", 1, 0)[0].message.receive_count, look);
    }
}

#[test]
fn the_move_keeps_everything_but_the_source_arn() {
    let mut world = World::with_dead_letter_queue(2);
    let message = SendMessage {
        attributes: [("tenant".to_owned(), text("String", "blue"))].into(),
        trace_header: Some("Root=1-5759e988-bd862e3fe1be46a994272793".to_owned()),
        group_id: Some("fair".to_owned()),
        ..SendMessage::new("poison")
    };
    let sent = world.try_send("jobs", message).unwrap();
    world.wait(5);
    let first_received_at = world.now;
    let mut seen = world.receive_one("jobs").message;
    world.wait(60);
    world.receive_one("jobs");
    world.wait(60);
    assert!(world.receive("jobs", 1).is_empty());
    world.wait(1);
    let dead = world.receive_one("dlq").message;
    assert_eq!(dead.message_id, sent.message_id);
    assert_eq!(dead.sent_at, START);
    assert_eq!(dead.first_received_at, Some(first_received_at));
    assert_eq!(
        dead.dead_letter_queue_source_arn.as_deref(),
        Some("arn:aws:sqs:eu-central-1:000000000000:jobs")
    );
    assert_eq!(seen.dead_letter_queue_source_arn, None);
    seen.dead_letter_queue_source_arn.clone_from(&dead.dead_letter_queue_source_arn);
    seen.receive_count = 3;
    assert_eq!(dead, seen);
}

#[test]
fn retention_counts_from_the_original_enqueue_also_in_the_dead_letter_queue() {
    let mut world = World::with_dead_letter_queue(1);
    world.set("dlq", "MessageRetentionPeriod", "3600");
    world.send("jobs", "poison");
    world.wait(3_000);
    world.receive_one("jobs");
    world.wait(60);
    world.receive("jobs", 1);
    assert_eq!(world.counts("dlq"), (1, 0, 0));
    world.wait_millis(540_000 - 1);
    assert_eq!(world.counts("dlq"), (1, 0, 0));
    world.wait_millis(1);
    assert_eq!(world.counts("dlq"), (0, 0, 0));
}

#[test]
fn a_message_older_than_the_dead_letter_queue_keeps_is_lost_by_the_move() {
    let mut world = World::with_dead_letter_queue(1);
    world.set("dlq", "MessageRetentionPeriod", "60");
    world.send("jobs", "poison");
    world.receive_one("jobs");
    world.wait(60);
    world.receive("jobs", 1);
    assert_eq!(world.counts("jobs"), (0, 0, 0));
    assert_eq!(world.counts("dlq"), (0, 0, 0));
}

#[test]
fn without_the_queue_that_the_policy_names_messages_stay_where_they_are() {
    let mut world = World::with_dead_letter_queue(1);
    world.sqs.delete_queue("dlq", world.now).unwrap();
    world.send("jobs", "poison");
    for attempt in 1..=5 {
        assert_eq!(world.receive_for("jobs", 1, 0)[0].message.receive_count, attempt);
    }
    assert_eq!(world.counts("jobs"), (1, 0, 0));
    // It moves as soon as there is a queue of that name again.
    world.create("dlq", &[]);
    assert!(world.receive("jobs", 1).is_empty());
    assert_eq!(world.counts("dlq"), (1, 0, 0));
}

#[test]
fn a_lower_receive_limit_applies_to_messages_that_were_received_before() {
    let mut world = World::with_dead_letter_queue(10);
    world.send("jobs", "poison");
    for _ in 0..4 {
        world.receive_for("jobs", 1, 0);
    }
    world.redrive("jobs", "dlq", 4);
    assert!(world.receive("jobs", 1).is_empty());
    assert_eq!(world.counts("dlq"), (1, 0, 0));
}

#[test]
fn looking_at_a_dead_letter_queue_with_its_own_policy_evicts() {
    let mut world = World::with_dead_letter_queue(1);
    world.create("graveyard", &[]);
    world.redrive("dlq", "graveyard", 3);
    world.send("jobs", "poison");
    world.receive_for("jobs", 1, 0);
    world.receive("jobs", 1);
    for look in 2..=3 {
        assert_eq!(world.receive_for("dlq", 1, 0)[0].message.receive_count, look);
    }
    assert!(world.receive("dlq", 1).is_empty());
    let evicted = world.receive_one("graveyard").message;
    assert_eq!(evicted.dead_letter_queue_source_arn, Some(world.sqs.arn("dlq")));
}

// Retention.

#[test]
fn messages_expire_after_the_retention_period_wherever_they_are() {
    let mut world =
        World::with_jobs(&[("MessageRetentionPeriod", "60"), ("VisibilityTimeout", "900")]);
    world.send("jobs", "in flight");
    let handle = world.receive_one("jobs").receipt_handle;
    world.send("jobs", "visible");
    world
        .try_send("jobs", SendMessage { delay_seconds: Some(900), ..SendMessage::new("delayed") })
        .unwrap();
    assert_eq!(world.counts("jobs"), (1, 1, 1));
    world.wait_millis(59_999);
    assert_eq!(world.counts("jobs"), (1, 1, 1));
    world.wait_millis(1);
    assert_eq!(world.counts("jobs"), (0, 0, 0));
    world.delete("jobs", &handle);
    assert_eq!(world.change("jobs", &handle, 0), Err(gone(&handle)));
}

#[test]
fn a_shorter_retention_period_applies_to_messages_already_there() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "old");
    world.wait(100);
    world.send("jobs", "new");
    world.set("jobs", "MessageRetentionPeriod", "60");
    assert_eq!(world.receive("jobs", 10).len(), 1);
    assert_eq!(world.sqs.messages("jobs").next().unwrap().body, "new");
}

// Receipt handles.

#[test]
fn a_stale_handle_deletes_without_an_error_and_without_effect() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "twice");
    let stale = world.receive_for("jobs", 1, 0).pop().unwrap().receipt_handle;
    let fresh = world.receive_one("jobs").receipt_handle;
    assert_ne!(stale, fresh);
    world.delete("jobs", &stale);
    assert_eq!(world.counts("jobs"), (0, 1, 0));
    world.delete("jobs", &fresh);
    assert_eq!(world.counts("jobs"), (0, 0, 0));
    world.delete("jobs", &fresh);
}

#[test]
fn the_latest_handle_deletes_also_after_its_visibility_timeout() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "slow");
    let handle = world.receive_one("jobs").receipt_handle;
    world.wait(31);
    assert_eq!(world.counts("jobs"), (1, 0, 0));
    world.delete("jobs", &handle);
    assert_eq!(world.counts("jobs"), (0, 0, 0));
}

#[test]
fn a_handle_from_before_the_move_does_not_reach_the_dead_letter_queue() {
    let mut world = World::with_dead_letter_queue(1);
    world.send("jobs", "poison");
    let handle = world.receive_one("jobs").receipt_handle;
    world.wait(60);
    world.receive("jobs", 1);
    world.delete("jobs", &handle);
    assert_eq!(world.counts("dlq"), (1, 0, 0));
    assert_eq!(
        world.sqs.delete("dlq", &handle, world.now),
        Err(SqsError::ReceiptHandleIsInvalid(handle.clone()))
    );
}

#[test]
fn handles_of_others_are_refused() {
    let mut world = World::with_jobs(&[]);
    world.create("other", &[]);
    world.send("other", "theirs");
    let other = world.receive_one("other").receipt_handle;
    for handle in [other.as_str(), "", "garbage", "AQEB+/=="] {
        let refused = Err(SqsError::ReceiptHandleIsInvalid(handle.to_owned()));
        assert_eq!(world.sqs.delete("jobs", handle, world.now), refused);
        assert_eq!(world.change("jobs", handle, 0), refused);
    }
    assert_eq!(world.counts("other"), (0, 1, 0));
}

#[test]
fn a_queue_created_again_under_the_same_name_refuses_old_handles() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "before");
    let handle = world.receive_one("jobs").receipt_handle;
    world.sqs.delete_queue("jobs", world.now).unwrap();
    assert_eq!(world.sqs.delete("jobs", &handle, world.now), Err(SqsError::QueueDoesNotExist));
    world.create("jobs", &[]);
    world.send("jobs", "after");
    world.receive_one("jobs");
    assert_eq!(
        world.sqs.delete("jobs", &handle, world.now),
        Err(SqsError::ReceiptHandleIsInvalid(handle.clone()))
    );
    assert_eq!(world.counts("jobs"), (0, 1, 0));
}

// Visibility.

#[test]
fn a_received_message_is_invisible_until_exactly_its_timeout() {
    let mut world = World::with_jobs(&[("VisibilityTimeout", "60")]);
    world.send("jobs", "a");
    let received = world.receive_one("jobs");
    assert_eq!(received.visibility_timeout, Duration::from_mins(1));
    assert_eq!(world.sqs.next_available_at("jobs"), Some(START + Duration::from_mins(1)));
    world.wait_millis(59_999);
    assert!(world.receive("jobs", 10).is_empty());
    world.wait_millis(1);
    assert_eq!(world.receive_one("jobs").message.receive_count, 2);
}

#[test]
fn a_receive_may_override_the_visibility_timeout() {
    let mut world = World::with_jobs(&[("VisibilityTimeout", "60")]);
    world.send("jobs", "a");
    assert_eq!(world.receive_for("jobs", 1, 5)[0].visibility_timeout, Duration::from_secs(5));
    world.wait(5);
    assert_eq!(world.receive("jobs", 1).len(), 1);
}

#[test]
fn a_new_visibility_timeout_of_the_queue_leaves_messages_in_flight_alone() {
    let mut world = World::with_jobs(&[("VisibilityTimeout", "60")]);
    world.send("jobs", "a");
    world.receive_one("jobs");
    world.set("jobs", "VisibilityTimeout", "1");
    world.wait(59);
    assert!(world.receive("jobs", 1).is_empty());
    world.wait(1);
    world.receive_one("jobs");
    world.wait(1);
    world.receive_one("jobs");
}

#[test]
fn visibility_zero_returns_a_message_once_a_response_and_again_in_the_next() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "a");
    world.send("jobs", "b");
    for count in 1..=3 {
        let received = world.receive_for("jobs", 10, 0);
        let ids: BTreeSet<&str> =
            received.iter().map(|received| received.message.message_id.as_str()).collect();
        assert_eq!((received.len(), ids.len()), (2, 2));
        assert!(received.iter().all(|received| received.message.receive_count == count));
        assert_eq!(world.counts("jobs"), (2, 0, 0));
    }
}

#[test]
fn changing_visibility_counts_from_now_and_zero_releases() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "a");
    let handle = world.receive_one("jobs").receipt_handle;
    world.wait(20);
    world.change("jobs", &handle, 30).unwrap();
    world.wait(29);
    assert!(world.receive("jobs", 1).is_empty());
    world.change("jobs", &handle, 0).unwrap();
    assert_eq!(world.counts("jobs"), (1, 0, 0));
    assert_eq!(world.receive_one("jobs").message.receive_count, 2);
}

#[test]
fn changing_visibility_with_an_expired_or_stale_handle_succeeds_without_effect() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "a");
    let first = world.receive_one("jobs").receipt_handle;
    world.wait(30);
    world.change("jobs", &first, 600).unwrap();
    assert_eq!(world.counts("jobs"), (1, 0, 0), "expired");
    world.receive_one("jobs");
    world.change("jobs", &first, 600).unwrap();
    world.wait(30);
    assert_eq!(world.counts("jobs"), (1, 0, 0), "stale");
}

#[test]
fn visibility_cannot_be_changed_of_a_message_that_is_gone() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "a");
    let handle = world.receive_one("jobs").receipt_handle;
    world.delete("jobs", &handle);
    assert_eq!(world.change("jobs", &handle, 60), Err(gone(&handle)));
}

/// What AWS answers when the visibility timeout of a message that is gone shall be changed.
fn gone(handle: &str) -> SqsError {
    SqsError::InvalidParameterValue(format!(
        "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
    ))
}

#[test]
fn visibility_timeouts_have_bounds() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "a");
    let handle = world.receive_one("jobs").receipt_handle;
    world.change("jobs", &handle, 43_200).unwrap();
    let refused = SqsError::InvalidParameterValue(
        "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided."
            .to_owned(),
    );
    assert_eq!(world.change("jobs", &handle, 43_201), Err(refused.clone()));
    assert_eq!(world.try_receive("jobs", None, Some(43_201)), Err(refused));
}

#[test]
fn a_message_is_invisible_for_at_most_twelve_hours_from_its_receive() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "a");
    world.receive_for("jobs", 1, 0);
    world.wait(1_000);
    let handle = world.receive_one("jobs").receipt_handle;
    world.wait(10);
    // The twelve hours begin with the latest receive.
    let refused = SqsError::InvalidParameterValue(
        "Value 43191 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
            .to_owned(),
    );
    assert_eq!(world.change("jobs", &handle, 43_191), Err(refused));
    world.change("jobs", &handle, 43_190).unwrap();
}

// Delays.

#[test]
fn the_queues_delay_holds_unless_the_message_has_its_own() {
    let mut world = World::with_jobs(&[("DelaySeconds", "10")]);
    world.send("jobs", "queue's");
    world
        .try_send("jobs", SendMessage { delay_seconds: Some(0), ..SendMessage::new("none") })
        .unwrap();
    world
        .try_send("jobs", SendMessage { delay_seconds: Some(900), ..SendMessage::new("own") })
        .unwrap();
    assert_eq!(world.counts("jobs"), (1, 0, 2));
    assert_eq!(world.receive_one("jobs").message.body, "none");
    world.wait_millis(9_999);
    assert!(world.receive("jobs", 10).is_empty());
    world.wait_millis(1);
    assert_eq!(world.receive_one("jobs").message.body, "queue's");
    world.wait(890);
    let bodies: BTreeSet<String> =
        world.receive("jobs", 10).into_iter().map(|received| received.message.body).collect();
    assert!(bodies.contains("own"));
    let refused =
        world.try_send("jobs", SendMessage { delay_seconds: Some(901), ..SendMessage::new("x") });
    assert!(matches!(refused, Err(SqsError::InvalidParameterValue(_))));
}

#[test]
fn a_new_delay_of_a_standard_queue_leaves_messages_already_there_alone() {
    let mut world = World::with_jobs(&[("DelaySeconds", "100")]);
    world.send("jobs", "a");
    world.set("jobs", "DelaySeconds", "0");
    world.wait(99);
    assert!(world.receive("jobs", 1).is_empty());
    world.wait(1);
    world.receive_one("jobs");
}

// Limits.

#[test]
fn at_most_120_000_messages_are_in_flight() {
    const LIMIT: usize = 120_000;
    let mut world = World::with_jobs(&[("VisibilityTimeout", "60")]);
    for _ in 0..LIMIT + 5 {
        world.send("jobs", "x");
    }
    let mut in_flight = world.receive("jobs", 5);
    while in_flight.len() < LIMIT - 5 {
        in_flight.extend(world.receive("jobs", 10));
    }
    // A request for more than the limit leaves room for is cut short.
    in_flight.extend(world.receive("jobs", 10));
    assert_eq!(in_flight.len(), LIMIT);
    assert_eq!(world.counts("jobs"), (5, LIMIT, 0));
    assert_eq!(world.try_receive("jobs", None, None), Err(SqsError::OverLimit));
    assert_eq!(SqsError::OverLimit.status(), 403);
    // Room for one again; whoever waits has to be told.
    world.sqs.take_changed();
    world.delete("jobs", &in_flight[0].receipt_handle);
    assert!(world.sqs.take_changed().contains("jobs"));
    assert_eq!(world.receive("jobs", 10).len(), 1);
    assert_eq!(world.try_receive("jobs", None, None), Err(SqsError::OverLimit));
    world.wait(60);
    assert_eq!(world.receive("jobs", 10).len(), 10);
}

#[test]
fn a_receive_asks_for_one_to_ten() {
    let mut world = World::with_jobs(&[]);
    for n in 0..12 {
        world.send("jobs", &n.to_string());
    }
    for max in [0, 11] {
        let refused = SqsError::InvalidParameterValue(format!(
            "Value {max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        ));
        assert_eq!(world.try_receive("jobs", Some(max), None), Err(refused));
    }
    assert_eq!(world.try_receive("jobs", None, None).unwrap().len(), 1);
    assert_eq!(world.receive("jobs", 10).len(), 10);
}

#[test]
fn body_and_attributes_together_may_have_exactly_the_limit() {
    let attribute = || ("name".to_owned(), text("String", "value"));
    let attribute_bytes = "name".len() + "String".len() + "value".len();
    for (limit, name) in [(MESSAGE_BYTES_MAX, "large"), (1_024, "small")] {
        let mut world = World::with_jobs(&[]);
        world.create(name, &[("MaximumMessageSize", &limit.to_string())]);
        let message = |bytes: usize| SendMessage {
            attributes: [attribute()].into(),
            // System attributes do not count.
            trace_header: Some("Root=1".to_owned()),
            ..SendMessage::new("x".repeat(bytes - attribute_bytes))
        };
        assert_eq!(message(limit).size_bytes(), limit);
        world.try_send(name, message(limit)).unwrap();
        let refused = world.try_send(name, message(limit + 1)).unwrap_err();
        let reason = format!("Reason: Message must be shorter than {limit} bytes.");
        // As recorded: an entry of a batch is refused in other words.
        assert_eq!(refused.to_string(), format!("One or more parameters are invalid. {reason}"));
        assert_eq!(
            refused.entry_message(),
            format!("One or more parameters cannot be validated. {reason}")
        );
        assert_eq!(world.counts(name), (1, 0, 0));
    }
}

#[test]
fn size_is_counted_in_bytes_not_characters() {
    let mut world = World::with_jobs(&[("MaximumMessageSize", "1024")]);
    world.try_send("jobs", SendMessage::new("é".repeat(512))).unwrap();
    assert!(world.try_send("jobs", SendMessage::new("é".repeat(513))).is_err());
}

#[test]
fn a_body_has_only_xml_characters_and_at_least_one() {
    let mut world = World::with_jobs(&[]);
    for good in ["\t\n\r", " ", "\u{D7FF}\u{E000}\u{FFFD}\u{10000}\u{10FFFF}"] {
        world.try_send("jobs", SendMessage::new(good)).unwrap();
    }
    for bad in ["\0", "a\u{1}", "\u{B}", "\u{1F}b", "\u{FFFE}", "\u{FFFF}"] {
        assert_eq!(
            world.try_send("jobs", SendMessage::new(bad)),
            Err(SqsError::InvalidMessageContents),
            "{bad:?}"
        );
    }
    assert!(matches!(
        world.try_send("jobs", SendMessage::new("")),
        Err(SqsError::MissingParameter(_))
    ));
    assert_eq!(world.counts("jobs"), (3, 0, 0));
}

#[test]
fn a_message_has_at_most_ten_attributes() {
    let mut world = World::with_jobs(&[]);
    let message = |count: usize| SendMessage {
        attributes: (0..count).map(|n| (format!("a{n}"), text("Number", "1"))).collect(),
        ..SendMessage::new("x")
    };
    world.try_send("jobs", message(10)).unwrap();
    assert!(matches!(world.try_send("jobs", message(11)), Err(SqsError::InvalidParameterValue(_))));
}

// Queues.

#[test]
fn purging_removes_messages_in_every_state() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "in flight");
    let handle = world.receive_one("jobs").receipt_handle;
    world.send("jobs", "visible");
    world
        .try_send("jobs", SendMessage { delay_seconds: Some(9), ..SendMessage::new("delayed") })
        .unwrap();
    assert_eq!(world.counts("jobs"), (1, 1, 1));
    world.sqs.purge("jobs", world.now).unwrap();
    assert_eq!(world.counts("jobs"), (0, 0, 0));
    assert_eq!(world.sqs.next_available_at("jobs"), None);
    world.delete("jobs", &handle);
    world.wait(100);
    assert!(world.receive("jobs", 10).is_empty());
    world.send("jobs", "after");
    assert_eq!(world.receive_one("jobs").message.body, "after");
}

#[test]
fn an_operation_on_a_queue_that_is_not_there_says_so() {
    let mut world = World::with_jobs(&[]);
    let gone = SqsError::QueueDoesNotExist;
    let now = world.now;
    assert_eq!(world.try_send("none", SendMessage::new("x")), Err(gone.clone()));
    assert_eq!(world.try_receive("none", None, None), Err(gone.clone()));
    assert_eq!(world.change("none", "x", 0), Err(gone.clone()));
    assert_eq!(world.sqs.delete("none", "x", now), Err(gone.clone()));
    assert_eq!(world.sqs.purge("none", now), Err(gone.clone()));
    assert_eq!(world.sqs.delete_queue("none", world.now), Err(gone.clone()));
    assert_eq!(world.sqs.counts("none", now), Err(gone.clone()));
    assert_eq!(world.sqs.attributes("none", now), Err(gone.clone()));
    assert_eq!(world.sqs.set_attributes("none", &[].into(), now), Err(gone));
}

#[test]
fn creating_a_queue_again_changes_nothing_or_names_the_difference() {
    let mut world = World::with_jobs(&[("VisibilityTimeout", "60")]);
    world.send("jobs", "kept");
    world.create("jobs", &[("VisibilityTimeout", "60")]);
    assert_eq!(world.counts("jobs"), (1, 0, 0));
    let different = QueueAttributes::default();
    assert_eq!(
        world.sqs.create_queue("jobs", different, world.now),
        Err(SqsError::QueueNameExists { attribute: "VisibilityTimeout".to_owned() })
    );
}

#[test]
fn queue_names_have_80_characters_of_a_small_set() {
    let mut world = World::with_jobs(&[]);
    let mut create = |name: &str| world.sqs.create_queue(name, QueueAttributes::default(), START);
    create("A-z_09").unwrap();
    create(&"x".repeat(80)).unwrap();
    for bad in ["", "a b", "a.b", "é", &"x".repeat(81)] {
        assert!(matches!(create(bad), Err(SqsError::InvalidParameterValue(_))), "{bad}");
    }
}

#[test]
fn setting_attributes_is_all_or_nothing() {
    let mut world = World::with_jobs(&[]);
    let changes = [
        ("DelaySeconds".to_owned(), "5".to_owned()),
        ("VisibilityTimeout".to_owned(), "43201".to_owned()),
    ];
    assert!(world.sqs.set_attributes("jobs", &changes.into(), world.now).is_err());
    assert_eq!(world.sqs.configuration("jobs").unwrap(), &QueueAttributes::default());
}

#[test]
fn attributes_show_configuration_counts_and_times() {
    let mut world = World::with_dead_letter_queue(3);
    world.wait(5);
    world.set("jobs", "DelaySeconds", "1");
    world.send("jobs", "delayed");
    let attributes = world.sqs.attributes("jobs", world.now).unwrap();
    for (name, value) in [
        ("QueueArn", "arn:aws:sqs:eu-central-1:000000000000:jobs"),
        ("VisibilityTimeout", "60"),
        ("DelaySeconds", "1"),
        ("MessageRetentionPeriod", "345600"),
        ("MaximumMessageSize", "1048576"),
        ("ReceiveMessageWaitTimeSeconds", "0"),
        ("SqsManagedSseEnabled", "true"),
        ("ApproximateNumberOfMessages", "0"),
        ("ApproximateNumberOfMessagesNotVisible", "0"),
        ("ApproximateNumberOfMessagesDelayed", "1"),
        ("CreatedTimestamp", "1700000000"),
        ("LastModifiedTimestamp", "1700000005"),
        (
            "RedrivePolicy",
            r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:000000000000:dlq","maxReceiveCount":3}"#,
        ),
    ] {
        assert_eq!(attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!attributes.contains_key("FifoQueue"));
    assert!(!attributes.contains_key("Policy"));
}

// Waking who waits.

#[test]
fn operations_that_make_messages_available_mark_the_queue_as_changed() {
    let mut world = World::with_dead_letter_queue(1);
    let changed = |world: &mut World| world.sqs.take_changed();
    changed(&mut world);
    world.send("jobs", "a");
    assert!(changed(&mut world).contains("jobs"));
    let handle = world.receive_one("jobs").receipt_handle;
    // The next visibility timeout to end is another one now.
    assert!(changed(&mut world).contains("jobs"));
    world.change("jobs", &handle, 0).unwrap();
    assert!(changed(&mut world).contains("jobs"));
    world.receive("jobs", 1);
    assert!(changed(&mut world).contains("dlq"));
    world.set("jobs", "VisibilityTimeout", "1");
    assert!(changed(&mut world).contains("jobs"));
    world.sqs.delete_queue("jobs", world.now).unwrap();
    assert!(changed(&mut world).contains("jobs"));
    assert!(changed(&mut world).is_empty());
}

#[test]
fn equal_seeds_give_equal_ids_and_ids_differ() {
    let mut ids = BTreeSet::new();
    let mut worlds = [World::with_jobs(&[]), World::with_jobs(&[])];
    for _ in 0..100 {
        let [one, other] = worlds.each_mut().map(|world| world.send("jobs", "x").message_id);
        assert_eq!(one, other);
        assert!(ids.insert(one));
    }
}

#[test]
fn a_queue_that_is_its_own_dead_letter_queue_does_not_wake_its_receivers() {
    let mut world = World::with_jobs(&[("VisibilityTimeout", "0")]);
    world.redrive("jobs", "jobs", 1);
    world.send("jobs", "a");
    assert_eq!(world.receive("jobs", 10).len(), 1);
    world.sqs.take_changed();
    assert_eq!(world.receive("jobs", 10), []);
    assert!(world.sqs.take_changed().is_empty());
    assert_eq!(world.sqs.messages("jobs").count(), 1);
}
