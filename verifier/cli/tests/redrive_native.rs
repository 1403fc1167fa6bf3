//! `verifier redrive --native`, as a process: SQS moves the messages itself, and says what became of it.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy allows these in test functions only"
)]

#[path = "support/mod.rs"]
mod support;
#[allow(dead_code, reason = "the tests of the other redrive use the rest of it")]
#[path = "redrive/world.rs"]
mod world;

use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};
use support::Terminal;
use verifier_testkit::wait_until;
use world::{Redriven, Running, World, assert_each_once, body};

const DEAD: &str = "arn:aws:sqs:us-local-1:000000000000:dead";
const TARGET: &str = "arn:aws:sqs:us-local-1:000000000000:target";

impl World {
    fn native_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.verifier();
        command.args(["--native", "--dlq", "dead"]).args(arguments);
        command
    }

    fn native(&self, arguments: &[&str]) -> Redriven {
        Self::end(&mut self.native_command(arguments))
    }

    fn native_in_background(&self, arguments: &[&str]) -> Running {
        self.in_background(&mut self.native_command(arguments))
    }

    /// Starts a task of `dead` to `target` without the verifier.
    fn start_task(&self, rate: u32) {
        let request = json!({"SourceArn": DEAD, "DestinationArn": TARGET, "MaxNumberOfMessagesPerSecond": rate});
        self.call("StartMessageMoveTask", &request);
    }

    /// The newest task of `dead`.
    fn task(&self) -> Value {
        self.call("ListMessageMoveTasks", &json!({"SourceArn": DEAD}))["Results"][0].clone()
    }

    /// Waits until the newest task has a status and has moved so many.
    fn wait_for(&self, status: &str, moved: u64) {
        wait_until("the task", || {
            let task = self.task();
            let has_moved = task["ApproximateNumberOfMessagesMoved"].as_u64()? >= moved;
            (task["Status"] == status && has_moved).then_some(())
        });
    }

    /// Lets so many messages of `source` die.
    fn die(&self, count: usize) {
        self.fill("source", count);
        let request = json!({"QueueUrl": self.queue("source").url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0});
        wait_until("the messages to die", || {
            self.call("ReceiveMessage", &request);
            let dead = self.queue("dead").number("ApproximateNumberOfMessages");
            (dead == Some(count as u64)).then_some(())
        });
    }
}

/// Asserts the exit code, the status and how many were moved.
#[track_caller]
fn assert_ended(redriven: &Redriven, code: i32, status: &str, moved: u64) {
    let Redriven { result, stderr, .. } = redriven;
    assert_eq!(redriven.code, Some(code), "{result:#}\n{stderr}");
    assert_eq!(result["schema"], "verifier.redrive.native/1");
    assert_eq!(result["status"], status, "{result:#}\n{stderr}");
    assert_eq!(result["moved"], moved, "{result:#}\n{stderr}");
}

/// Asserts that it was refused with that code, and that stderr says all of that.
#[track_caller]
fn assert_refused(redriven: &Redriven, code: i32, said: &[&str]) {
    assert_eq!(redriven.code, Some(code), "{}", redriven.stderr);
    assert_eq!(redriven.result, Value::Null);
    for said in said {
        assert!(redriven.stderr.contains(said), "no {said:?} in {}", redriven.stderr);
    }
}

#[test]
fn what_a_consumer_holds_is_left_and_said_to_be() {
    let world = World::start();
    world.die(7);
    let url = world.queue("dead").url;
    let request = json!({"QueueUrl": url, "MaxNumberOfMessages": 5, "VisibilityTimeout": 600});
    let held = world.call("ReceiveMessage", &request)["Messages"].as_array().map_or(0, Vec::len);
    assert_eq!(held, 5);
    let moved = world.native(&["--to", "target", "--yes"]);
    assert_eq!(moved.code, Some(4), "{}", moved.stderr);
    assert_eq!((&moved.result["status"], &moved.result["left"]), (&json!("COMPLETED"), &json!(5)));
    let shown = world.native(&["--dry-run"]);
    assert_eq!((shown.code, &shown.result["left"]), (Some(0), &json!(5)), "{}", shown.stderr);
}

#[test]
fn a_task_moves_everything_and_says_how_many() {
    let world = World::start();
    world.fill("dead", 250);
    let redriven = world.native(&["--to", "target", "--rate", "50", "--yes"]);
    assert_ended(&redriven, 0, "COMPLETED", 250);
    assert_eq!(redriven.result["toMove"], 250);
    assert_eq!(redriven.result["rate"], 50);
    assert_eq!(redriven.result["source"], DEAD);
    assert_eq!(redriven.result["destination"], TARGET);
    assert!(redriven.stderr.contains("moving all messages of dead (account 000000000000, us-local-1) (about 250) to target (account"));
    assert_each_once(&world.bodies("target"), 250);
    // A second one is told from the first, which is still listed.
    world.fill("dead", 3);
    assert_ended(&world.native(&["--to", TARGET, "--yes"]), 0, "COMPLETED", 3);
}

#[test]
fn without_a_destination_each_message_goes_back_to_where_it_came_from() {
    let world = World::start();
    world.die(12);
    let redriven = world.native(&["--yes"]);
    assert_ended(&redriven, 0, "COMPLETED", 12);
    assert_eq!(redriven.result["destination"], Value::Null);
    assert_each_once(&world.bodies("source"), 12);
}

#[test]
fn a_message_that_was_sent_to_the_dead_letter_queue_has_nowhere_to_go_back_to() {
    let world = World::start();
    world.fill("dead", 2);
    let redriven = world.native(&["--yes"]);
    assert_ended(&redriven, 4, "FAILED", 0);
    assert_eq!(redriven.result["failureReason"], "CouldNotDetermineMessageSource");
    assert!(redriven.result["explanation"].as_str().unwrap().contains("--to"));
    assert_eq!(world.bodies("dead").len(), 2);
}

#[test]
fn what_sqs_knows_nothing_like_is_refused_before_anything_is_asked() {
    let world = World::start();
    world.fill("dead", 2);
    for rate in ["501", "4000"] {
        assert_refused(&world.native(&["--rate", rate, "--yes"]), 2, &["at most 500"]);
    }
    assert_refused(&world.native(&["--rate", "0", "--yes"]), 2, &["--rate"]);
    for arguments in [
        &["--filter", "body.number"][..],
        &["--older-than", "1h"],
        &["--max", "3"],
        &["--canary", "1,2"],
        &["--no-canary"],
        &["--patch", "patch.json"],
        &["--journal", "journal.jsonl"],
        &["--resume", "journal.jsonl"],
    ] {
        let refused = world.native(&[arguments, &["--yes"]].concat());
        assert_refused(&refused, 2, &[arguments[0], "knows no filter", "leave --native out"]);
    }
    assert_refused(&world.native(&["--to", "dead", "--yes"]), 2, &["dead-letter queue itself"]);
    assert_refused(&world.native(&[]), 2, &["stdin is not a terminal", "--dry-run", "--yes"]);
    assert_refused(&world.native(&["--watch", "--cancel"]), 2, &["cannot be used with"]);
    let mut without = world.verifier();
    assert_refused(&World::end(without.args(["--dlq", "dead", "--watch"])), 2, &["--native"]);
    assert_eq!(world.task(), Value::Null);
    assert_eq!(world.bodies("dead").len(), 2);
}

#[test]
fn a_dry_run_says_what_would_be_moved_and_starts_nothing() {
    let world = World::start();
    world.fill("dead", 7);
    let planned = world.native(&["--to", "target", "--dry-run"]);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    assert_eq!(planned.result["toMove"], 7);
    assert_eq!(planned.result["status"], Value::Null);
    assert_eq!(world.task(), Value::Null);
}

#[test]
fn a_second_task_is_refused_and_told_of_the_first() {
    let world = World::start();
    world.fill("dead", 30);
    let _hold = world.hold();
    world.start_task(1);
    let refused = world.native(&["--yes"]);
    let said = ["another task", "one at a time", "to target", "of about 30", "--watch", "--cancel"];
    assert_refused(&refused, 3, &said);
    assert_eq!(world.task()["Status"], "RUNNING");
}

#[test]
fn a_cancelled_task_moves_some_more_and_says_how_many_it_moved() {
    let world = World::start();
    world.fill("dead", 1_000);
    let hold = world.hold();
    world.start_task(1);
    let cancel = world.native_in_background(&["--cancel"]);
    world.wait_for("CANCELLING", 1);
    drop(hold);
    let cancelled = cancel.end();
    let moved = cancelled.result["moved"].as_u64().unwrap();
    assert_ended(&cancelled, 0, "CANCELLED", moved);
    assert!((6..1_000).contains(&moved), "{moved}");
    assert!(cancelled.stderr.contains("asked it to stop"), "{}", cancelled.stderr);
    assert_eq!(world.bodies("target").len() as u64, moved);
    // Whoever looks later is told, and sees that it did not do what it was started for.
    assert_ended(&world.native(&["--watch"]), 4, "CANCELLED", moved);
    let again = world.native(&["--cancel"]);
    assert_refused(&again, 2, &["no move task is active on dead", "CANCELLED"]);
}

#[test]
fn a_task_whose_destination_is_deleted_meanwhile_fails_and_says_why() {
    let world = World::start();
    world.fill("dead", 1_000);
    let hold = world.hold();
    let native = world.native_in_background(&["--to", "target", "--rate", "2", "--yes"]);
    world.wait_for("RUNNING", 2);
    world.call("DeleteQueue", &json!({"QueueUrl": world.queue("target").url}));
    drop(hold);
    let failed = native.end();
    let moved = failed.result["moved"].as_u64().unwrap();
    assert_ended(&failed, 4, "FAILED", moved);
    assert_eq!(failed.result["failureReason"], "AWS.SimpleQueueService.NonExistentQueue");
    let explanation = failed.result["explanation"].as_str().unwrap();
    assert!(explanation.contains(TARGET) && explanation.contains("does not exist any more"));
    assert_eq!(world.bodies("dead").len() as u64, 1_000 - moved);
}

#[test]
fn ctrl_c_ends_the_watching_and_not_the_task() {
    let world = World::start();
    world.fill("dead", 100);
    let hold = world.hold();
    let native = world.native_in_background(&["--to", "target", "--rate", "1", "--yes"]);
    world.wait_for("RUNNING", 1);
    native.process.signal(Signal::INT);
    let interrupted = native.end();
    assert_eq!(interrupted.code, Some(130), "{}", interrupted.stderr);
    for said in ["the task goes on", "--dlq dead --watch", "--dlq dead --cancel"] {
        assert!(interrupted.stderr.contains(said), "{}", interrupted.stderr);
    }
    assert_eq!(interrupted.result["goesOn"], true);
    assert_eq!(world.task()["Status"], "RUNNING");
    // Somebody else may watch it, for a while or to its end.
    drop(hold);
    let watched = world.native(&["--watch"]);
    assert_ended(&watched, 0, "COMPLETED", 100);
    assert_eq!(world.bodies("target").get(&body(99)), Some(&1));
}

#[test]
fn the_deadline_ends_the_watching_and_not_the_task() {
    let world = World::start();
    world.fill("dead", 500);
    let redriven = world.native(&["--to", "target", "--rate", "1", "--yes", "--deadline", "90s"]);
    let moved = redriven.result["moved"].as_u64().unwrap();
    assert_ended(&redriven, 4, "RUNNING", moved);
    assert!((89..120).contains(&moved), "{moved}");
    assert!(redriven.stderr.contains("the deadline has come, but the task goes on"));
}

#[test]
fn watching_without_a_task_says_so() {
    let world = World::start();
    world.fill("dead", 2);
    for option in ["--watch", "--cancel"] {
        let said = ["no move task is active on dead", "SQS lists none"];
        assert_refused(&world.native(&[option]), 2, &said);
    }
    assert_eq!(world.bodies("dead").len(), 2);
}

#[test]
fn queues_that_sqs_does_not_move_from_or_to_are_explained() {
    let world = World::start();
    world.fill("target", 2);
    let mut command = world.verifier();
    command.args(["--native", "--dlq", "target", "--to", "source", "--yes"]);
    let said = ["target is the dead-letter queue of no SQS queue", "leave --native out"];
    assert_refused(&World::end(&mut command), 2, &said);
    let nowhere = "arn:aws:sqs:us-local-1:000000000000:nowhere";
    let said = [nowhere, "does not exist", "name another with --to"];
    assert_refused(&world.native(&["--to", nowhere, "--yes"]), 2, &said);
}

#[test]
fn people_get_a_table() {
    let world = World::start();
    world.fill("dead", 3);
    let mut command = Command::new(support::VERIFIER);
    command.args(["redrive", "--native", "--dlq", "dead", "--to", "target", "--yes"]);
    command.args(["--endpoint-url", world.endpoint()]).stdin(Stdio::null());
    command.env(support::TOKEN_VARIABLE, world.token());
    let output = verifier_testkit::run(&mut command);
    let text = String::from_utf8_lossy(&output.stdout);
    for line in [
        "dead (account 000000000000, us-local-1), to target (account 000000000000, us-local-1)\n",
        "  status      COMPLETED\n",
        "  moved       3\n",
        "  to move     3\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn at_a_no_nothing_is_moved_and_that_is_said() {
    let world = World::start();
    world.fill("dead", 3);
    for (typed, code) in [("n\n", 4), ("\u{4}", 4), ("\u{3}", 130)] {
        let mut terminal = Terminal::start(&world.native_command(&["--to", "target"]));
        terminal.wait_for("[y/N] ");
        terminal.type_in(typed);
        let (exit, printed) = terminal.end();
        assert_eq!(exit, Some(code), "{typed:?}: {printed}");
        let document: Value = serde_json::from_str(&printed).expect("a document");
        support::assert_valid("redrive-native.1", &document);
        let explanation = document["explanation"].as_str().unwrap_or_default();
        assert!(explanation.starts_with("nothing was moved"), "{document:#}");
        assert!(document["status"].is_null() && document["moved"] == 0, "{document:#}");
    }
    assert_eq!(world.task(), Value::Null);
    assert_eq!(world.bodies("dead").len(), 3);
}
