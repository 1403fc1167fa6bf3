//! Message move tasks: every recording of AWS, the documented rules, and random runs.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions only, and here helpers fail the test too"
)]

mod comparison;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use comparison::{Comparison, recording};
use proptest::prelude::*;
use serde_json::{Value, json};
use verifier_model::sqs::{
    CANCELLATION_TAKES, MOVE_RATE_MAX, MoveTask, MoveTaskStatus, SendMessage, SqsError,
    StartMoveTask,
};
use world::{World, bodies, request, text};

/// A world with `jobs`, its dead-letter queue `dlq` (moved to on the second attempt) and `destination`.
fn pipe() -> World {
    let mut world = World::new();
    world.create("dlq", &[]);
    world.create("jobs", &[]);
    world.create("destination", &[]);
    world.redrive("jobs", "dlq", 1);
    world
}

/// Sends messages to a queue and receives them until they are in its dead-letter queue.
fn dead_letter(world: &mut World, name: &str, count: usize) {
    for n in 0..count {
        world.send(name, &format!("{name}-{n}"));
    }
    for _ in 0..2 * count {
        world.receive_for(name, 1, 0);
    }
    assert_eq!(world.sqs.messages(name).count(), 0);
}

/// A request to empty `dlq`.
fn from_dlq(world: &World, destination: Option<&str>, rate: Option<u32>) -> StartMoveTask {
    StartMoveTask {
        source_arn: world.sqs.arn("dlq"),
        destination_arn: destination.map(|name| world.sqs.arn(name)),
        max_number_of_messages_per_second: rate,
    }
}

fn start(world: &mut World, destination: Option<&str>, rate: Option<u32>) -> String {
    let request = from_dlq(world, destination, rate);
    world.sqs.start_move_task(request, world.now).unwrap()
}

fn list(world: &mut World, max: Option<u32>) -> Vec<MoveTask> {
    let arn = world.sqs.arn("dlq");
    world.sqs.move_tasks(&arn, max, world.now).unwrap()
}

fn latest(world: &mut World) -> MoveTask {
    list(world, None).remove(0)
}

/// Lets time pass from timer to timer until no task has anything to do.
fn run_to_the_end(world: &mut World) {
    while let Some(due) = world.sqs.next_due() {
        world.now = world.now.max(due);
        world.sqs.advance(world.now);
    }
}

fn in_queue(world: &World, name: &str) -> BTreeSet<String> {
    world.sqs.messages(name).map(|message| message.body.clone()).collect()
}

// Recordings.

fn recorded(case: &str) -> Value {
    recording(include_str!("recordings/message_move_tasks.json"))[case].clone()
}

/// Tasks as `ListMessageMoveTasks` answers them.
fn results(tasks: &[MoveTask]) -> Value {
    let shown = tasks.iter().map(|task| {
        let mut shown = json!({
            "ApproximateNumberOfMessagesMoved": task.approximate_number_of_messages_moved,
            "ApproximateNumberOfMessagesToMove": task.approximate_number_of_messages_to_move,
            "SourceArn": task.source_arn,
            "StartedTimestamp": task.started_at.to_string(),
            "Status": task.status.as_str(),
        });
        for (name, value) in [
            ("DestinationArn", json!(task.destination_arn)),
            ("FailureReason", json!(task.failure_reason)),
            ("MaxNumberOfMessagesPerSecond", json!(task.max_number_of_messages_per_second)),
            ("TaskHandle", json!(task.task_handle())),
        ] {
            if !value.is_null() {
                shown[name] = value;
            }
        }
        shown
    });
    json!({"ResponseMetadata": {"HTTPStatusCode": 200}, "Results": shown.collect::<Vec<_>>()})
}

fn check_error(case: &str, error: &SqsError) {
    let mut ours = json!({
        "Error": {
            "Code": error.query_code(),
            "Message": error.to_string(),
            "QueryErrorCode": error.code(),
            "Type": "Sender",
        },
        "ResponseMetadata": {"HTTPStatusCode": error.status()},
    });
    let recorded = &recorded(case)["error"];
    // Errors of newer shapes repeat their message.
    if recorded.get("message").is_some() {
        ours["message"] = error.to_string().into();
    }
    Comparison::default().check(recorded, &ours, case);
}

#[test]
fn recorded_basic_move_task_workflow() {
    let recorded = recorded("test_basic_move_task_workflow");
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 2);
    start(&mut world, Some("destination"), None);
    run_to_the_end(&mut world);
    let received = world.receive("destination", 10);
    assert_eq!(bodies(&received), ["jobs-0", "jobs-1"]);
    let ours = results(&list(&mut world, None));
    Comparison::default().check(&recorded["list-message-move-task-response"], &ours, "list");
    assert!(world.receive("dlq", 10).is_empty());
}

#[test]
fn whoever_changes_permissions_meanwhile_makes_no_difference_to_a_task() {
    type Change = fn(&mut World);
    let changes: [Change; 2] = [
        |world| {
            let all = ["*".to_owned()];
            world.sqs.add_permission("dlq", "b", &all, &all, world.now).unwrap();
        },
        |world| world.sqs.remove_permission("dlq", "a", world.now).unwrap(),
    ];
    for change in changes {
        let mut world = pipe();
        let all = ["*".to_owned()];
        world.sqs.add_permission("dlq", "a", &all, &all, world.now).unwrap();
        dead_letter(&mut world, "jobs", 2);
        start(&mut world, Some("destination"), Some(1));
        world.sqs.advance(world.now);
        assert_eq!(world.receive_for("dlq", 1, 2).len(), 1);
        // When the second is to be moved, it is in flight, and so the task is done.
        world.wait(2);
        change(&mut world);
        let task = latest(&mut world);
        let moved = task.approximate_number_of_messages_moved;
        assert_eq!((task.status, moved), (MoveTaskStatus::Completed, 1));
    }
}

#[test]
fn recorded_cancel_with_invalid_task_handle() {
    let mut world = pipe();
    let error = world.sqs.cancel_move_task("foobared", world.now).unwrap_err();
    check_error("test_cancel_with_invalid_task_handle", &error);
}

/// A handle in the form of AWS's.
fn handle(task_id: &str, source_arn: &str) -> String {
    STANDARD.encode(json!({"taskId": task_id, "sourceArn": source_arn}).to_string())
}

#[test]
fn recorded_cancel_with_invalid_source_arn_in_task_handle() {
    let mut world = pipe();
    let source = "arn:aws:sqs:us-east-1:878966065785:test-queue-doesnt-exist-123456";
    let handle = handle("10f57157-fc38-4da9-a113-4de7e12d05dd", source);
    let error = world.sqs.cancel_move_task(&handle, world.now).unwrap_err();
    check_error("test_cancel_with_invalid_source_arn_in_task_handle", &error);
}

#[test]
fn recorded_cancel_with_invalid_task_id_in_task_handle() {
    let mut world = pipe();
    let handle = handle("10f57157-fc38-4da9-a113-4de7e12d05aa", &world.sqs.arn("jobs"));
    let error = world.sqs.cancel_move_task(&handle, world.now).unwrap_err();
    check_error("test_cancel_with_invalid_task_id_in_task_handle", &error);
}

#[test]
fn recorded_source_needs_redrive_policy() {
    let mut world = pipe();
    let request = StartMoveTask {
        source_arn: world.sqs.arn("jobs"),
        destination_arn: Some(world.sqs.arn("destination")),
        ..StartMoveTask::default()
    };
    let error = world.sqs.start_move_task(request, world.now).unwrap_err();
    check_error("test_source_needs_redrive_policy", &error);
}

#[test]
fn recorded_destination_needs_to_exist() {
    let mut world = pipe();
    let request = from_dlq(&world, Some("destinationdoesntexist"), None);
    let error = world.sqs.start_move_task(request, world.now).unwrap_err();
    check_error("test_destination_needs_to_exist", &error);
}

#[test]
fn recorded_start_multiple_move_tasks() {
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 10);
    start(&mut world, Some("destination"), Some(1));
    let request = from_dlq(&world, Some("destination"), Some(1));
    let error = world.sqs.start_move_task(request, world.now).unwrap_err();
    check_error("test_start_multiple_move_tasks", &error);
}

#[test]
fn recorded_move_task_cancel() {
    let recorded = recorded("test_move_task_cancel");
    let mut comparison = Comparison::default();
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 10);
    let handle = start(&mut world, Some("destination"), Some(1));
    world.wait_millis(1_500);
    assert_eq!(world.receive("destination", 10).len(), 2);
    comparison.check(&recorded["list-while"], &results(&list(&mut world, None)), "list-while");
    let moved = world.sqs.cancel_move_task(&handle, world.now).unwrap();
    assert_eq!(recorded["cancel"]["ApproximateNumberOfMessagesMoved"], moved);
    assert_eq!(latest(&mut world).status, MoveTaskStatus::Cancelling);
    run_to_the_end(&mut world);
    // As many were moved after the cancellation as in the recording.
    comparison.check(&recorded["list-after"], &results(&list(&mut world, None)), "list-after");
    assert_eq!(world.receive("dlq", 10).len(), 2);
}

#[test]
fn recorded_move_task_delete_destination_queue_while_running() {
    let recorded = recorded("test_move_task_delete_destination_queue_while_running");
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 10);
    start(&mut world, Some("destination"), Some(1));
    // In the recording it took a while until the deletion was effective.
    world.wait_millis(2_500);
    world.sqs.advance(world.now);
    world.sqs.delete_queue("destination", world.now).unwrap();
    run_to_the_end(&mut world);
    let ours = results(&list(&mut world, None));
    Comparison::default().check(&recorded["list"], &ours, "list");
    assert_eq!(world.receive("dlq", 10).len(), 7, "what was not moved is still there");
}

#[test]
fn recorded_move_task_with_throughput_limit() {
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 4);
    let started = world.now;
    start(&mut world, Some("destination"), Some(1));
    while world.sqs.messages("destination").count() < 4 {
        world.now = world.now.max(world.sqs.next_due().unwrap());
        world.sqs.advance(world.now);
    }
    // The test that made the recording waits for at least three seconds, too.
    assert_eq!(world.now.since(started), Duration::from_secs(3));
}

#[test]
fn recorded_move_task_workflow_with_default_destination() {
    let recorded = recorded("test_move_task_workflow_with_default_destination");
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 2);
    start(&mut world, None, None);
    run_to_the_end(&mut world);
    assert_eq!(in_queue(&world, "jobs").len(), 2);
    let ours = results(&list(&mut world, None));
    Comparison::default().check(&recorded["list-message-move-task-response"], &ours, "list");
}

#[test]
fn recorded_move_task_workflow_with_multiple_sources_as_default_destination() {
    let recorded = recorded("test_move_task_workflow_with_multiple_sources_as_default_destination");
    let mut world = pipe();
    world.create("other", &[]);
    world.redrive("other", "dlq", 1);
    dead_letter(&mut world, "jobs", 2);
    dead_letter(&mut world, "other", 2);
    start(&mut world, None, None);
    run_to_the_end(&mut world);
    let of = |name: &str| BTreeSet::from([format!("{name}-0"), format!("{name}-1")]);
    assert_eq!(in_queue(&world, "jobs"), of("jobs"));
    assert_eq!(in_queue(&world, "other"), of("other"));
    let ours = results(&list(&mut world, None));
    Comparison::default().check(&recorded["list-message-move-task-response"], &ours, "list");
}

// Rules.

#[test]
fn what_arrives_is_a_new_message_with_the_old_content() {
    let mut world = pipe();
    let sent = SendMessage {
        attributes: [("tenant".to_owned(), text("String", "blue"))].into(),
        trace_header: Some("Root=1".to_owned()),
        group_id: Some("fair".to_owned()),
        ..SendMessage::new("poison")
    };
    let sent_id = world.try_send("jobs", sent.clone()).unwrap().message_id;
    world.receive_for("jobs", 1, 0);
    world.receive("jobs", 1);
    world.wait(100);
    start(&mut world, None, None);
    run_to_the_end(&mut world);
    let moved_at = world.now - Duration::from_millis(100);
    let moved = world.receive_one("jobs").message;
    assert_ne!(moved.message_id, sent_id);
    assert_eq!(moved.sent_at, moved_at, "retention begins again");
    assert_eq!(moved.receive_count, 1);
    assert_eq!(moved.first_received_at, Some(world.now));
    assert_eq!(moved.dead_letter_queue_source_arn, None);
    assert_eq!(moved.body, sent.body);
    assert_eq!(moved.attributes, sent.attributes);
    assert_eq!(moved.trace_header, sent.trace_header);
    assert_eq!(moved.group_id, sent.group_id);
}

#[test]
fn a_message_sent_straight_to_the_dead_letter_queue_has_no_origin() {
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 1);
    world.wait(1);
    world.send("dlq", "direct");
    start(&mut world, None, None);
    run_to_the_end(&mut world);
    let task = latest(&mut world);
    assert_eq!(task.status, MoveTaskStatus::Failed);
    assert_eq!(task.failure_reason, Some("CouldNotDetermineMessageSource"));
    assert_eq!(task.approximate_number_of_messages_moved, 1);
    assert_eq!(in_queue(&world, "dlq"), ["direct".to_owned()].into());
    // With a destination it can be moved.
    start(&mut world, Some("destination"), None);
    run_to_the_end(&mut world);
    assert_eq!(in_queue(&world, "destination"), ["direct".to_owned()].into());
}

#[test]
fn an_origin_that_is_gone_fails_the_task() {
    let mut world = pipe();
    world.create("other", &[]);
    world.redrive("other", "dlq", 1);
    dead_letter(&mut world, "jobs", 1);
    world.sqs.delete_queue("jobs", world.now).unwrap();
    start(&mut world, None, None);
    run_to_the_end(&mut world);
    assert_eq!(latest(&mut world).failure_reason, Some("AWS.SimpleQueueService.NonExistentQueue"));
    assert_eq!(world.counts("dlq"), (1, 0, 0));
}

#[test]
fn messages_in_flight_are_not_moved() {
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 3);
    let held = world.receive_one("dlq").message.body;
    start(&mut world, Some("destination"), None);
    run_to_the_end(&mut world);
    let task = latest(&mut world);
    assert_eq!(task.status, MoveTaskStatus::Completed);
    assert_eq!(task.approximate_number_of_messages_to_move, 2);
    assert_eq!(task.approximate_number_of_messages_moved, 2);
    assert_eq!(in_queue(&world, "dlq"), [held].into());
}

#[test]
fn the_destinations_delay_holds() {
    let mut world = pipe();
    world.set("destination", "DelaySeconds", "10");
    dead_letter(&mut world, "jobs", 1);
    start(&mut world, Some("destination"), None);
    world.sqs.advance(world.now);
    assert_eq!(world.counts("destination"), (0, 0, 1));
}

#[test]
fn every_operation_first_moves_what_is_due() {
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 10);
    start(&mut world, Some("destination"), Some(1));
    world.wait(2);
    assert_eq!(world.counts("destination"), (3, 0, 0));
    world.wait(1);
    assert_eq!(world.receive("destination", 10).len(), 4);
    assert_eq!(world.sqs.next_due(), Some(world.now + Duration::from_secs(1)));
    world.sqs.take_changed();
    world.wait(1);
    world.sqs.advance(world.now);
    let changed = world.sqs.take_changed();
    assert!(changed.contains("destination") && changed.contains("dlq"), "who waits is reported");
}

#[test]
fn it_makes_no_difference_when_somebody_looks() {
    let run = |looks_every: u64| {
        let mut world = pipe();
        world.create("other-dlq", &[]);
        world.create("other", &[]);
        world.redrive("other", "other-dlq", 1);
        dead_letter(&mut world, "jobs", 4);
        dead_letter(&mut world, "other", 4);
        start(&mut world, Some("destination"), Some(1));
        let mut second = from_dlq(&world, Some("destination"), Some(3));
        second.source_arn = world.sqs.arn("other-dlq");
        world.sqs.start_move_task(second, world.now).unwrap();
        let end = world.now + Duration::from_secs(10);
        while world.now < end {
            world.wait_millis(looks_every);
            world.counts("jobs");
        }
        let mut moved: Vec<_> = world.sqs.messages("destination").cloned().collect();
        moved.sort_by_key(|message| message.sent_at);
        moved
    };
    let eagerly = run(50);
    assert_eq!(eagerly.len(), 8);
    assert_eq!(eagerly, run(10_000));
}

#[test]
fn without_a_rate_the_largest_one_is_used() {
    let mut world = pipe();
    for _ in 0..1_000 {
        world.send("dlq", "x");
    }
    start(&mut world, Some("destination"), None);
    world.wait(1);
    assert_eq!(latest(&mut world).approximate_number_of_messages_moved, 501);
    world.wait(1);
    assert_eq!(latest(&mut world).status, MoveTaskStatus::Completed);
}

#[test]
fn rates_are_1_to_500_and_results_1_to_10() {
    let mut world = pipe();
    for rate in [0, MOVE_RATE_MAX + 1] {
        let request = from_dlq(&world, None, Some(rate));
        assert!(matches!(
            world.sqs.start_move_task(request, world.now),
            Err(SqsError::InvalidParameterValue(_))
        ));
    }
    let arn = world.sqs.arn("dlq");
    for max in [0, 11] {
        assert!(world.sqs.move_tasks(&arn, Some(max), world.now).is_err());
    }
    assert_eq!(world.sqs.move_tasks(&arn, Some(10), world.now), Ok(vec![]));
    let none = world.sqs.arn("none");
    let refused = world.sqs.move_tasks(&none, None, world.now).unwrap_err();
    assert_eq!(refused.code(), "ResourceNotFoundException");
    let request = StartMoveTask { source_arn: none, ..StartMoveTask::default() };
    assert_eq!(world.sqs.start_move_task(request, world.now), Err(refused));
}

#[test]
fn tasks_are_listed_from_the_most_recent_one_by_default() {
    let mut world = pipe();
    let mut started = Vec::new();
    for _ in 0..12 {
        started.insert(0, world.now);
        start(&mut world, None, None);
        run_to_the_end(&mut world);
        world.wait(1);
    }
    let listed = list(&mut world, Some(10));
    let times: Vec<_> = listed.iter().map(|task| task.started_at).collect();
    assert_eq!(times, started[..10]);
    assert_eq!(list(&mut world, None), listed[..1]);
    assert_eq!(list(&mut world, Some(3)), listed[..3]);
}

#[test]
fn only_a_running_task_has_a_handle_and_can_be_cancelled() {
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 10);
    let handle = start(&mut world, Some("destination"), Some(1));
    assert_eq!(latest(&mut world).task_handle().as_ref(), Some(&handle));
    world.sqs.cancel_move_task(&handle, world.now).unwrap();
    let cancel = |world: &mut World| world.sqs.cancel_move_task(&handle, world.now);
    assert!(matches!(cancel(&mut world), Err(SqsError::UnsupportedOperation(_))), "cancelling");
    assert_eq!(latest(&mut world).task_handle(), None);
    // Until it has stopped, it is in the way of another.
    let request = from_dlq(&world, None, None);
    assert!(world.sqs.start_move_task(request, world.now).is_err());
    world.now = world.now + CANCELLATION_TAKES;
    assert_eq!(latest(&mut world).status, MoveTaskStatus::Cancelled);
    assert!(matches!(cancel(&mut world), Err(SqsError::UnsupportedOperation(_))), "cancelled");
    start(&mut world, None, None);
    run_to_the_end(&mut world);
    assert_eq!(latest(&mut world).status, MoveTaskStatus::Completed);
}

#[test]
fn a_cancelled_task_that_finds_nothing_left_is_cancelled_all_the_same() {
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 2);
    let handle = start(&mut world, Some("destination"), Some(1));
    world.sqs.cancel_move_task(&handle, world.now).unwrap();
    run_to_the_end(&mut world);
    assert_eq!(latest(&mut world).status, MoveTaskStatus::Cancelled);
    assert_eq!(world.counts("destination"), (2, 0, 0));
}

#[test]
fn a_source_that_is_deleted_ends_its_task() {
    let mut world = pipe();
    dead_letter(&mut world, "jobs", 5);
    start(&mut world, Some("destination"), Some(1));
    world.sqs.advance(world.now);
    world.sqs.delete_queue("dlq", world.now).unwrap();
    run_to_the_end(&mut world);
    assert_eq!(world.counts("destination"), (1, 0, 0));
    let arn = world.sqs.arn("dlq");
    assert!(world.sqs.move_tasks(&arn, None, world.now).is_err());
}

#[test]
fn source_and_destination_are_two_queues_of_one_kind() {
    let mut world = pipe();
    let fifo = request(&[("FifoQueue", "true")]);
    world.sqs.create_queue_as_requested("other.fifo", &fifo, world.now).unwrap();
    for destination in ["dlq", "other.fifo"] {
        let request = from_dlq(&world, Some(destination), None);
        assert!(matches!(
            world.sqs.start_move_task(request, world.now),
            Err(SqsError::InvalidParameterValue(_))
        ));
    }
}

#[test]
fn a_fifo_task_keeps_the_order() {
    let mut world = World::new();
    for name in ["dlq.fifo", "jobs.fifo"] {
        let fifo = request(&[("FifoQueue", "true")]);
        world.sqs.create_queue_as_requested(name, &fifo, world.now).unwrap();
    }
    world.redrive("jobs.fifo", "dlq.fifo", 1);
    for n in 0..5 {
        let message = SendMessage {
            group_id: Some("g".to_owned()),
            deduplication_id: Some(n.to_string()),
            ..SendMessage::new(n.to_string())
        };
        world.try_send("jobs.fifo", message).unwrap();
    }
    world.receive_for("jobs.fifo", 5, 0);
    assert!(world.receive("jobs.fifo", 10).is_empty());
    let request = StartMoveTask {
        source_arn: world.sqs.arn("dlq.fifo"),
        max_number_of_messages_per_second: Some(2),
        ..StartMoveTask::default()
    };
    world.sqs.start_move_task(request, world.now).unwrap();
    run_to_the_end(&mut world);
    let received = world.receive("jobs.fifo", 10);
    assert_eq!(bodies(&received), ["0", "1", "2", "3", "4"]);
    let numbers = received.iter().map(|received| received.message.sequence_number);
    assert!(numbers.is_sorted_by(|one, next| one < next));
}

// Random runs.

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    WaitForTimer,
    Start { to_destination: bool, rate: Option<u32> },
    Cancel,
    DeadLetter { from_other: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_000_u64).prop_map(Step::Wait),
        5 => Just(Step::WaitForTimer),
        2 => (any::<bool>(), prop::option::of(1..6_u32))
            .prop_map(|(to_destination, rate)| Step::Start { to_destination, rate }),
        1 => Just(Step::Cancel),
        4 => any::<bool>().prop_map(|from_other| Step::DeadLetter { from_other }),
    ]
}

/// Where every message is, by body.
fn places(world: &World) -> BTreeMap<String, Vec<&'static str>> {
    let mut places: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for name in ["jobs", "other", "dlq", "destination"] {
        for message in world.sqs.messages(name) {
            places.entry(message.body.clone()).or_default().push(name);
        }
    }
    places
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_message_is_lost_doubled_moved_too_fast_or_to_the_wrong_queue(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = pipe();
        world.create("other", &[]);
        world.redrive("other", "dlq", 1);
        let (mut sent, mut handle) = (0, None);
        for step in steps {
            match step {
                Step::Wait(millis) => world.wait_millis(millis),
                Step::WaitForTimer => world.now = world.now.max(world.sqs.next_due().unwrap_or_default()),
                Step::Start { to_destination, rate } => {
                    let request = from_dlq(&world, to_destination.then_some("destination"), rate);
                    handle = world.sqs.start_move_task(request, world.now).ok().or(handle);
                }
                Step::Cancel => {
                    let _ = handle.take().map(|handle| world.sqs.cancel_move_task(&handle, world.now));
                }
                Step::DeadLetter { from_other } => {
                    let name = if from_other { "other" } else { "jobs" };
                    world.send(name, &format!("{name} {sent}"));
                    sent += 1;
                    // Whatever is there goes: new messages and those that were moved back.
                    while !world.receive_for(name, 10, 0).is_empty() {}
                }
            }
            world.sqs.advance(world.now);
            let places = places(&world);
            prop_assert_eq!(places.len(), sent, "every message is somewhere");
            for (body, places) in places {
                prop_assert_eq!(places.len(), 1, "{} is in {:?}", body, places);
                let wrong = if body.starts_with("jobs") { "other" } else { "jobs" };
                prop_assert_ne!(places[0], wrong);
            }
            let tasks = list(&mut world, Some(10));
            let older = tasks.split_first().map_or(&[][..], |(_, older)| older);
            prop_assert!(older.iter().all(|task| task.task_handle().is_none()));
            for task in &tasks {
                let moved = task.approximate_number_of_messages_moved;
                let rate = u64::from(task.max_number_of_messages_per_second.unwrap_or(MOVE_RATE_MAX));
                let seconds = world.now.since(task.started_at).as_secs() + 1;
                prop_assert!(moved <= 1 + rate * seconds);
            }
            prop_assert!(world.sqs.next_due().is_none_or(|due| due > world.now));
        }
        run_to_the_end(&mut world);
        prop_assert!(list(&mut world, Some(10)).iter().all(|task| !matches!(
            task.status,
            MoveTaskStatus::Running | MoveTaskStatus::Cancelling | MoveTaskStatus::Failed
        )));
    }
}
