//! What can go wrong between the verifier and SQS: none of it loses a message, and each has its final accounting.

use std::process::Stdio;

use serde_json::{Value, json};
use verifier_testkit::{Background, is_running, wait_until};

use crate::world::{World, assert_each_once, redrive_policy};

/// A world with so many messages in which something goes wrong.
fn with(count: usize, rules: &Value) -> World {
    let world = World::start();
    world.fill("dead", count);
    world.faults(rules);
    world
}

#[test]
fn a_send_whose_answer_is_lost_is_named_and_sent_again() {
    let rule = json!([{"operation": "SendMessageBatch", "queue": "target", "nth": 1,
        "fault": {"kind": "disconnect", "commit": "after"}}]);
    let world = with(30, &rule);
    let redriven = world.redrive(&["--concurrency", "1"]);
    let left = 10;
    redriven.assert(0, &[("replayed", 30), ("unknown", 30), ("ambiguous", left)]);
    let named = redriven.result["ambiguous"].as_array().unwrap().len();
    let bodies = world.bodies("target");
    assert_eq!(bodies.len(), 30);
    // Those ten are there twice, and they alone.
    assert_eq!(bodies.values().filter(|count| **count == 2).count(), named);
    assert_eq!(bodies.values().sum::<usize>(), 40);
}

#[test]
fn a_deletion_that_is_lost_is_made_again_and_nothing_is_sent_twice() {
    let rule =
        json!([{"queue": "dead", "nth": {"from": 1, "to": 5}, "fault": {"kind": "delete-lost"}}]);
    let world = with(30, &rule);
    let redriven = world.redrive(&[]);
    redriven.assert(0, &[("replayed", 30), ("unknown", 30)]);
    assert_each_once(&world.bodies("target"), 30);
    assert!(world.bodies("dead").is_empty());
}

#[test]
fn an_entry_that_is_refused_stays_and_is_named() {
    let rule = json!([{"operation": "SendMessageBatch", "queue": "target", "contains": "\"number\":7,",
        "fault": {"kind": "fail-entry", "code": "InvalidMessageContents", "commit": "before", "sender_fault": true}}]);
    let world = with(30, &rule);
    let redriven = world.redrive(&[]);
    redriven.assert(4, &[("replayed", 29), ("unknown", 29), ("notSent", 1), ("left", 1)]);
    let why: Vec<&str> = redriven.result["notSent"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_str)
        .collect();
    assert!(why[0].contains("InvalidMessageContents"), "{why:?}");
    world.faults(&json!([]));
    assert_eq!(world.bodies("target").len(), 29);
    assert_eq!(world.bodies("dead").len(), 1);
}

#[test]
fn an_entry_that_fails_for_sqs_own_reasons_is_sent_again() {
    let rule = json!([{"operation": "SendMessageBatch", "queue": "target", "nth": {"from": 1, "to": 4},
        "fault": {"kind": "fail-entry", "code": "InternalError", "commit": "before"}}]);
    let world = with(30, &rule);
    // SQS does not say whether it has such a message, so they are named.
    let redriven = world.redrive(&["--concurrency", "1"]);
    redriven.assert(
        0,
        &[("replayed", 30), ("unknown", 30), ("ambiguous", redriven.count("ambiguous"))],
    );
    assert!((1..=4).contains(&redriven.count("ambiguous")), "{:#}", redriven.result);
    assert_each_once(&world.bodies("target"), 30);
}

#[test]
fn throttling_is_waited_out() {
    let rule = json!([{"operation": "SendMessageBatch", "queue": "target", "nth": {"from": 1, "to": 3},
        "fault": {"kind": "error", "status": 400, "code": "RequestThrottled", "commit": "before"}}]);
    let world = with(30, &rule);
    world.redrive(&["--concurrency", "1"]).assert(0, &[("replayed", 30), ("unknown", 30)]);
    assert_each_once(&world.bodies("target"), 30);
}

#[test]
fn receives_that_bring_nothing_do_not_end_it() {
    let rule = json!([{"queue": "dead", "probability": 0.5, "fault": {"kind": "empty-receive", "milliseconds": 3000}}]);
    let world = with(60, &rule);
    world.redrive(&[]).assert(0, &[("replayed", 60), ("unknown", 60)]);
    assert_each_once(&world.bodies("target"), 60);
}

#[test]
fn a_message_that_becomes_visible_in_hand_is_not_sent_twice() {
    let rule = json!([{"queue": "dead", "probability": 0.5, "fault": {"kind": "visibility-expires", "milliseconds": 1}}]);
    let world = with(60, &rule);
    let redriven = world.redrive(&["--concurrency", "8"]);
    redriven.assert(0, &[("replayed", 60), ("unknown", 60)]);
    world.faults(&json!([]));
    assert_each_once(&world.bodies("target"), 60);
    assert!(world.bodies("dead").is_empty());
}

#[test]
fn a_message_that_is_received_twice_is_not_sent_twice() {
    let rule =
        json!([{"queue": "dead", "probability": 0.5, "fault": {"kind": "duplicate-delivery"}}]);
    let world = with(60, &rule);
    let redriven = world.redrive(&["--concurrency", "8"]);
    redriven.assert(0, &[("replayed", 60), ("unknown", 60)]);
    world.faults(&json!([]));
    assert_each_once(&world.bodies("target"), 60);
}

#[test]
fn what_another_consumer_holds_is_waited_for() {
    let world = World::start();
    world.fill("dead", 30);
    let url = world.queue("dead").url;
    let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 60});
    let held = world.call("ReceiveMessage", &receive);
    assert_eq!(held["Messages"].as_array().map(Vec::len), Some(10));
    world.redrive(&[]).assert(0, &[("replayed", 30), ("unknown", 30)]);
    assert_each_once(&world.bodies("target"), 30);
}

#[test]
fn a_dead_letter_queue_with_a_redrive_policy_of_its_own_is_refused() {
    let world = World::start();
    world.create("grave", &json!({}));
    let mut attributes = json!({"QueueUrl": world.queue("dead").url});
    attributes["Attributes"] = redrive_policy("grave");
    world.call("SetQueueAttributes", &attributes);
    world.fill("dead", 12);
    let refused = world.redrive(&[]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("grave") && refused.stderr.contains("--allow-moves"));
    world.redrive(&["--allow-moves"]).assert(0, &[("replayed", 12), ("unknown", 12)]);
    assert_each_once(&world.bodies("target"), 12);
}

#[test]
fn what_cannot_be_asked_any_more_ends_it_with_what_was_done() {
    let rule = json!([{"operation": "ReceiveMessage", "queue": "dead", "nth": {"from": 3, "to": 100_000},
        "fault": {"kind": "error", "status": 403, "code": "AccessDenied", "commit": "before"}}]);
    let world = with(30, &rule);
    let redriven = world.redrive(&["--concurrency", "1"]);
    redriven.assert(3, &[("replayed", 20), ("unknown", 20), ("left", 10)]);
    assert!(
        redriven.stderr.contains("sqs:ReceiveMessage on dead is denied"),
        "{}",
        redriven.stderr
    );
    world.faults(&json!([]));
    let done = world.resume(&world.path("journal.jsonl"));
    done.assert(0, &[("replayed", 30), ("unknown", 30)]);
    assert_each_once(&world.bodies("target"), 30);
}

#[test]
fn a_filter_by_reason_does_not_take_an_unreadable_log_for_no_reason() {
    let rule = json!([{"operation": "FilterLogEvents",
        "fault": {"kind": "error", "status": 400, "code": "AccessDeniedException", "commit": "before"}}]);
    let world = with(12, &rule);
    for how in ["--yes", "--dry-run"] {
        let mut command = world.verifier();
        command.args(["--dlq", "dead", "--to", "target", "--no-canary", "--reason", "full", how]);
        let failed = World::end(command.args(["--log-group", "/of/a/consumer"]));
        assert_eq!(failed.code, Some(3), "{how}: {}", failed.stderr);
        assert!(failed.stderr.contains("needs to know why messages failed"), "{}", failed.stderr);
    }
    assert!(world.bodies("target").is_empty());
}

#[test]
fn messages_that_wait_for_a_slow_rate_are_not_hidden_from_others() {
    let world = World::start();
    world.fill("dead", 300);
    let journal = world.path("journal.jsonl");
    let mut command = world.command(&journal);
    command.args(["--rate", "1"]).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Background::start(&mut command);
    let lines = || std::fs::read_to_string(&journal).unwrap_or_default().lines().count();
    wait_until("the first messages to be sent", || (lines() > 3).then_some(()));
    // It is asked while it still sends.
    let clock = world.hold_the_clock();
    clock.sleep(30);
    let dead = world.queue("dead");
    let count = |name| dead.number(name).unwrap_or_default();
    let hidden = count("ApproximateNumberOfMessagesNotVisible");
    assert!(hidden <= 10, "{hidden}: one handful is in hand");
    assert!(count("ApproximateNumberOfMessages") > 200);
    drop((process, clock));
}

#[test]
fn nobody_else_gets_a_message_that_stays_while_it_is_waited_for_the_others() {
    let world = World::start();
    world.fill("dead", 30);
    let journal = world.path("journal.jsonl");
    // Or time is skipped between two lines of this test, and the redrive ends meanwhile.
    let clock = world.hold_the_clock();
    let mut command = world.verifier();
    // Nobody reads the source, so what becomes of the five is known only when they could be back.
    command.args(["--dlq", "dead", "--to", "source", "--canary", "5", "--yes"]);
    command.args(["--filter", "body.number >= `25`", "--journal"]).arg(&journal);
    let process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    wait_until("the messages to be sent", || {
        std::fs::read_to_string(&journal).ok()?.contains("deleted").then_some(())
    });
    // The others are in hand for longer than they were received for.
    clock.sleep(130);
    assert!(is_running(process.id()), "it has not waited");
    let receive = json!({"QueueUrl": world.queue("dead").url, "MaxNumberOfMessages": 10});
    let taken = world.call("ReceiveMessage", &receive);
    assert_eq!(taken["Messages"].as_array().map_or(0, Vec::len), 0, "{taken}");
    drop((process, clock));
}

#[test]
fn what_was_never_answered_may_have_arrived_and_is_not_called_not_sent() {
    let lost = json!([{"operation": "SendMessageBatch", "queue": "target",
        "fault": {"kind": "disconnect", "commit": "after"}}]);
    let world = with(4, &lost);
    let redriven = world.redrive(&[]);
    redriven.assert(4, &[("unconfirmed", 4), ("left", 4)]);
    let named = redriven.result["unconfirmed"].as_object().unwrap();
    assert!(named.len() == 4 && named.values().all(|times| times == 5), "{:#}", redriven.result);
    assert!(redriven.result["notSent"].as_object().unwrap().is_empty());
    // It is true: each has arrived that often.
    assert!(world.bodies("target").values().all(|count| *count == 5));
    world.faults(&json!([]));
    let done = world.resume(&world.path("journal.jsonl"));
    done.assert(0, &[("replayed", 4), ("unknown", 4), ("ambiguous", 4)]);
}
