//! Deliveries that go wrong on purpose.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions only, and here helpers fail the test too"
)]

mod world;

use std::time::Duration;

use verifier_model::sqs::{ReceiveFault, ReceiveMessage, ReceivedMessage};
use world::World;

/// A queue `jobs` with the messages `a` and `b`, and three receives until `dlq`.
fn world() -> World {
    let mut world = World::with_dead_letter_queue(3);
    world.send("jobs", "a");
    world.wait_millis(1);
    world.send("jobs", "b");
    world
}

/// Receives up to `max` messages, the message `a` in the given way.
fn receive(world: &mut World, max: u32, a: ReceiveFault) -> Vec<ReceivedMessage> {
    let request = ReceiveMessage { max_number_of_messages: Some(max), ..ReceiveMessage::default() };
    let mut deliver = |message: &verifier_model::sqs::Message| {
        if message.body == "a" { a } else { ReceiveFault::Regular }
    };
    world.sqs.receive_with("jobs", request, world.now, &mut deliver).unwrap()
}

fn bodies(received: &[ReceivedMessage]) -> Vec<&str> {
    received.iter().map(|received| received.message.body.as_str()).collect()
}

#[test]
fn a_deferred_message_comes_later_and_behind_the_others() {
    let mut world = world();
    let received = receive(&mut world, 1, ReceiveFault::Deferred(Duration::from_secs(5)));
    assert_eq!(bodies(&received), ["b"]);
    assert_eq!(receive(&mut world, 1, ReceiveFault::Regular), []);
    assert_eq!(world.sqs.next_available_at("jobs"), Some(world.now + Duration::from_secs(5)));
    world.wait_millis(5_000);
    let received = receive(&mut world, 1, ReceiveFault::Regular);
    assert_eq!(bodies(&received), ["a"]);
    assert_eq!(received[0].message.receive_count, 1, "nobody received it before");
}

#[test]
fn a_message_that_is_deferred_by_no_time_at_all_is_not_found_at_the_same_moment() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "a");
    world.sqs.take_changed();
    assert_eq!(receive(&mut world, 1, ReceiveFault::Deferred(Duration::ZERO)), []);
    assert_eq!(world.sqs.take_changed().len(), 1, "whoever waits looks again");
    let next = world.sqs.next_available_at("jobs");
    assert_eq!(next, Some(world.now + Duration::from_millis(1)), "and finds out when");
    assert_eq!(receive(&mut world, 1, ReceiveFault::Deferred(Duration::ZERO)), []);
    assert!(world.sqs.take_changed().is_empty(), "so it does not look again and again");
    world.wait_millis(1);
    assert_eq!(bodies(&receive(&mut world, 1, ReceiveFault::Regular)), ["a"]);
}

#[test]
fn a_message_moves_early_only_where_there_is_a_dead_letter_queue() {
    let mut world = world();
    assert_eq!(bodies(&receive(&mut world, 10, ReceiveFault::MovedEarly)), ["b"]);
    let dead: Vec<_> = world.sqs.messages("dlq").cloned().collect();
    assert_eq!((dead[0].body.as_str(), dead[0].receive_count), ("a", 0));
    assert!(dead[0].dead_letter_queue_source_arn.is_some());
    let mut without = World::with_jobs(&[]);
    without.send("jobs", "a");
    assert_eq!(bodies(&receive(&mut without, 10, ReceiveFault::MovedEarly)), ["a"]);
}

#[test]
fn a_message_that_moves_late_is_received_once_more() {
    let mut world = world();
    for count in 1..=4 {
        let how = if count == 4 { ReceiveFault::MovedLate } else { ReceiveFault::Regular };
        let received = receive(&mut world, 1, how);
        assert_eq!((bodies(&received), received[0].message.receive_count), (vec!["a"], count));
        let handle = &received[0].receipt_handle;
        world.sqs.change_visibility("jobs", handle, 0, world.now).unwrap();
        // Handed back, it stands behind the other message; which is taken out of its way once.
        if count == 1 {
            let other = receive(&mut world, 10, ReceiveFault::Deferred(Duration::ZERO));
            world.sqs.delete("jobs", &other[0].receipt_handle, world.now).unwrap();
            world.wait_millis(1);
        }
    }
    assert_eq!(receive(&mut world, 10, ReceiveFault::Regular), []);
    assert_eq!(world.sqs.messages("dlq").count(), 1);
}

#[test]
fn receives_that_nobody_saw_count() {
    let mut world = world();
    let received = receive(&mut world, 1, ReceiveFault::Miscounted(1));
    assert_eq!(received[0].message.receive_count, 2);
    let handle = &received[0].receipt_handle;
    world.sqs.change_visibility("jobs", handle, 0, world.now).unwrap();
    // Two were counted, one more was not seen: so this is the attempt after the third.
    assert_eq!(bodies(&receive(&mut world, 10, ReceiveFault::Miscounted(1))), ["b"]);
    let counts: Vec<u32> = world.sqs.messages("dlq").map(|message| message.receive_count).collect();
    assert_eq!(counts, [3]);
}

#[test]
fn a_receive_count_has_an_end() {
    let mut world = World::with_jobs(&[]);
    world.send("jobs", "a");
    for _ in 0..2 {
        let received = receive(&mut world, 1, ReceiveFault::Miscounted(u32::MAX));
        assert_eq!(received[0].message.receive_count, u32::MAX);
        let handle = &received[0].receipt_handle;
        world.sqs.change_visibility("jobs", handle, 0, world.now).unwrap();
    }
}

#[test]
fn a_duplicate_has_the_same_id_and_a_life_of_its_own() {
    let mut world = world();
    let first = receive(&mut world, 1, ReceiveFault::Duplicated);
    let both = receive(&mut world, 10, ReceiveFault::Regular);
    let copy = both.iter().find(|received| received.message.body == "a").unwrap();
    assert_eq!(copy.message.message_id, first[0].message.message_id);
    assert_eq!(copy.message.receive_count, 1);
    world.sqs.delete("jobs", &first[0].receipt_handle, world.now).unwrap();
    let left = world.sqs.messages("jobs").filter(|message| message.body == "a").count();
    assert_eq!(left, 1, "the other copy is still there");
}

#[test]
fn a_message_can_become_visible_in_its_receivers_hands() {
    let mut world = world();
    let how = ReceiveFault::VisibleAfter(Duration::from_secs(2));
    let received = receive(&mut world, 1, how);
    assert_eq!(received[0].visibility_timeout, Duration::from_mins(1), "so it was reported");
    let other = receive(&mut world, 1, ReceiveFault::Regular);
    assert_eq!(bodies(&other), ["b"]);
    world.wait_millis(2_000);
    let again = receive(&mut world, 10, ReceiveFault::Regular);
    assert_eq!((bodies(&again), again[0].message.receive_count), (vec!["a"], 2));
    // A fault never makes it invisible for longer.
    world.wait_millis(60_000);
    let longer = ReceiveFault::VisibleAfter(Duration::from_secs(99));
    receive(&mut world, 10, longer);
    world.wait_millis(60_000);
    assert_eq!(world.sqs.counts("jobs", world.now).unwrap().visible, 2);
}
