//! The ramp: a few first, and no more when they fail again.

use std::process::Command;

use serde_json::{Value, json};
use verifier_testkit::run;

use crate::support::STACK;
use crate::world::{Redriven, World, message};

/// A redrive of the stack's own dead letters.
fn redrive(world: &World, arguments: &[&str]) -> Redriven {
    let mut command = world.verifier();
    command.args(["--stack", STACK, "--yes", "--journal", "journal.jsonl"]).args(arguments);
    World::end(&mut command)
}

fn dead_letter_queue(world: &World) -> String {
    world.text("/outputs/JobsDeadLetterQueueName").to_owned()
}

/// Jobs in the dead-letter queue that fail again, or do not.
fn fill(world: &World, count: usize, fail: bool) {
    let job = |number: usize| {
        let job = json!({"task": "t", "jobId": format!("j-{number}"), "fail": fail});
        message(&job.to_string())
    };
    let messages: Vec<_> = (0..count).map(job).collect();
    world.send(&dead_letter_queue(world), &messages);
}

fn in_the_queue(world: &World) -> u64 {
    let queue = world.queue(&dead_letter_queue(world));
    queue.number("ApproximateNumberOfMessages").unwrap_or_default()
}

#[test]
fn a_worker_that_is_still_broken_stops_it_at_the_first_step() {
    let world = World::start_with(&[]);
    fill(&world, 500, true);
    let stopped = redrive(&world, &[]);
    stopped.assert(4, &[("replayed", 1), ("bounced", 1), ("left", 500)]);
    assert_eq!(in_the_queue(&world), 500);
    let why = stopped.result["stopped"].as_str().unwrap_or_default();
    assert!(why.contains("1 replayed messages failed again"), "{why}");
}

#[test]
fn a_report_tells_the_ramp_and_each_message() {
    let world = World::start_with(&[]);
    fill(&world, 30, false);
    fill(&world, 1, true);
    let report = world.path("report.html");
    let stopped = redrive(&world, &["--canary", "5", "--report", "report.html"]);
    assert_eq!(stopped.code, Some(4), "{}", stopped.stderr);
    let page = std::fs::read_to_string(&report).unwrap();
    for part in
        ["<!doctype html>", "What the ramp did", "When they were sent", "<rect", ">stopped<"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (sent, bounced) = (stopped.count("replayed"), stopped.count("bounced"));
    assert_eq!(page.matches("confirmed as ").count() as u64, sent);
    assert_eq!(page.matches("failed again</span></summary>").count() as u64, bounced);
    // It is no place for a journal.
    let same = redrive(&world, &["--report", "journal.jsonl"]);
    assert_eq!(same.code, Some(2), "{}", same.stderr);
    // Why those failed that are left.
    let explain = ["dlq", "explain", "--stack", STACK, "--report", "explain.html"];
    let explained = World::end(&mut world.verifier_with(&explain));
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    let page = std::fs::read_to_string(world.path("explain.html")).unwrap();
    let count = explained.result["messageCount"].as_u64().unwrap();
    assert_eq!(page.matches("<details>").count() as u64, count);
    for part in ["Why they failed", "the job asked to fail", "<rect"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("&quot;task&quot;") && !page.contains("\"task\""), "no bodies: {page}");
}

#[test]
fn a_worker_that_is_fixed_gets_everything() {
    let world = World::start_with(&[]);
    fill(&world, 500, false);
    redrive(&world, &[]).assert(0, &[("replayed", 500), ("succeeded", 500)]);
    assert_eq!(in_the_queue(&world), 0);
}

/// The sizes of the steps that a journal tells.
fn sizes(world: &World) -> Vec<u64> {
    let journal = std::fs::read_to_string(world.path("journal.jsonl")).expect("a journal");
    let entries = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter(|entry| entry["event"] == "step").filter_map(|e| e["size"].as_u64()).collect()
}

#[test]
fn steps_grow_by_success_alone() {
    let world = World::start_with(&[]);
    fill(&world, 10, true);
    let stopped = redrive(&world, &[]);
    let journal = world.path("journal.jsonl");
    for (replayed, ended) in (1..).zip([stopped, world.resume(&journal), world.resume(&journal)]) {
        assert_eq!((ended.code, ended.count("replayed")), (Some(4), replayed), "{}", ended.stderr);
    }
    assert_eq!(sizes(&world), [1, 1, 1]);
    // Of a fixed worker each step is larger than the one before.
    world.drain(&dead_letter_queue(&world));
    std::fs::remove_file(&journal).expect("a journal");
    fill(&world, 28, false);
    redrive(&world, &[]).assert(0, &[("replayed", 28), ("succeeded", 28)]);
    assert!(sizes(&world).starts_with(&[1, 2, 5, 20]), "{:?}", sizes(&world));
}

#[test]
fn one_reason_among_others_stops_it_at_the_step_that_meets_it() {
    let world = World::start_with(&[]);
    fill(&world, 30, false);
    fill(&world, 1, true);
    let stopped = redrive(&world, &["--canary", "5"]);
    assert_eq!(stopped.code, Some(4), "{:#}\n{}", stopped.result, stopped.stderr);
    assert_eq!(stopped.count("bounced"), 1);
    assert_eq!(stopped.count("succeeded") + 1, stopped.count("replayed"));
    assert_eq!(stopped.count("left"), 31 - stopped.count("replayed") + 1);
    // More bounces may be allowed.
    let journal = world.path("journal.jsonl");
    std::fs::remove_file(journal).expect("a journal");
    let rest = stopped.count("left");
    let done = redrive(&world, &["--stop-after", "2"]);
    assert_eq!(done.code, Some(4), "{:#}", done.result);
    // The log has reported its first failure; it is on its way back.
    done.assert(4, &[("replayed", rest), ("succeeded", rest - 1), ("bounced", 1)]);
}

#[test]
fn the_old_reason_stops_it_at_once_without_waiting_for_the_bounce() {
    let world = World::start_with(&[]);
    let url = world.text("/outputs/JobUrl").to_owned();
    for number in 0..3 {
        let job = json!({"task": "t", "jobId": format!("j-{number}"), "fail": true});
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--header", "content-type: application/json"]);
        assert!(run(curl.args(["--data", &job.to_string(), &url])).status.success());
    }
    world.sleep(400);
    assert_eq!(in_the_queue(&world), 3);
    let stopped = redrive(&world, &[]);
    // It is not dead again yet: its first failure was enough.
    stopped.assert(4, &[("replayed", 1), ("bounced", 1), ("left", 2)]);
}

#[test]
fn a_bounce_is_attributed_to_the_message_that_its_message_took_the_place_of() {
    let world = World::start_with(&[]);
    fill(&world, 4, false);
    fill(&world, 1, true);
    let stopped = redrive(&world, &["--canary", "5"]);
    assert_eq!(stopped.code, Some(4), "{:#}\n{}", stopped.result, stopped.stderr);
    let [bounce] = stopped.result["bounced"].as_array().expect("bounces").as_slice() else {
        panic!("{:#}", stopped.result);
    };
    // The new message is what is dead now, and the message is gone.
    let dead = world.drain(&dead_letter_queue(&world));
    let [dead] = dead.as_slice() else { panic!("{dead:?}") };
    assert_eq!(bounce["to"], dead.message_id);
    assert_ne!(bounce["from"], dead.message_id);
    assert!(dead.body.contains("\"fail\":true"));
}

#[test]
fn a_failure_for_another_reason_than_before_is_told_from_one_for_the_same() {
    let world = World::start_with(&[]);
    let url = world.text("/outputs/JobUrl").to_owned();
    let job = json!({"task": "t", "fail": true}).to_string();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--header", "content-type: application/json"]);
    assert!(run(curl.args(["--data", &job, &url])).status.success());
    world.sleep(400);
    assert_eq!(in_the_queue(&world), 1);
    // Whoever thinks that it is fixed so has broken something else.
    let patch = world.path("patch.json");
    std::fs::write(&patch, r#"{"fail": null, "task": 7}"#).expect("a patch");
    let stopped = redrive(&world, &["--patch", patch.to_str().expect("a path")]);
    stopped.assert(4, &[("replayed", 1), ("bounced", 1), ("left", 1)]);
    let bounce = &stopped.result["bounced"][0];
    assert_eq!(
        (&bounce["failing"], &bounce["oldReason"]),
        (&json!("new-cause"), &json!("the job asked to fail"))
    );
    assert_ne!(bounce["reason"], bounce["oldReason"]);
    // One failure for another reason was a warning yet: it stopped when the message was dead.
    assert!(stopped.stderr.contains("of which 1 failed once"), "{}", stopped.stderr);
    let journal = world.path("journal.jsonl");
    std::fs::remove_file(journal).expect("a journal");
    let again = redrive(&world, &[]);
    assert_eq!(again.result["bounced"][0]["failing"], "same-cause", "{:#}", again.result);
}

#[test]
fn without_a_log_only_the_time_of_a_bounce_tells() {
    let world = World::start_with(&[]);
    fill(&world, 12, false);
    world.faults(&json!([{"operation": "FilterLogEvents",
        "fault": {"kind": "error", "status": 400, "code": "AccessDeniedException", "commit": "before"}}]));
    let done = redrive(&world, &["--canary", "4"]);
    done.assert(0, &[("replayed", 12), ("succeeded", 12), ("succeededByAbsence", 12)]);
}

#[test]
fn without_a_log_a_bounce_is_found_in_the_dead_letter_queue() {
    let world = World::start_with(&[]);
    fill(&world, 12, true);
    world.faults(&json!([{"operation": "FilterLogEvents",
        "fault": {"kind": "error", "status": 400, "code": "AccessDeniedException", "commit": "before"}}]));
    let stopped = redrive(&world, &["--canary", "4"]);
    stopped.assert(4, &[("replayed", 4), ("bounced", 4), ("left", 12)]);
}

#[test]
fn what_was_stopped_goes_on_when_the_worker_is_fixed() {
    let world = World::start_with(&[]);
    fill(&world, 20, false);
    let broken: Value =
        json!([{"function": "*orker*", "fault": {"kind": "crash", "at": "before-effect"}}]);
    world.faults(&broken);
    let stopped = redrive(&world, &[]);
    assert_eq!(stopped.code, Some(4), "{:#}\n{}", stopped.result, stopped.stderr);
    assert_eq!(stopped.count("replayed"), 1);
    world.faults(&json!([]));
    let journal = world.path("journal.jsonl");
    let done = world.resume(&journal);
    assert_eq!(done.count("replayed"), 20, "{:#}\n{}", done.result, done.stderr);
}

#[test]
fn a_step_that_takes_long_is_evaluated_from_its_beginning() {
    let world = World::start_with(&[]);
    fill(&world, 150, false);
    let done = redrive(&world, &["--canary", "150", "--rate", "1"]);
    done.assert(0, &[("replayed", 150), ("succeeded", 150)]);
}

#[test]
fn no_ramp_begins_whose_steps_nobody_could_evaluate() {
    let world = World::start();
    world.fill("dead", 3);
    let mut command = world.verifier();
    let refused = World::end(command.args(["--dlq", "dead", "--to", "target", "--yes"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--no-canary"), "{}", refused.stderr);
    assert!(world.bodies("target").is_empty());
    // What fails at the source comes back, and that is enough, as long as somebody reads it.
    let consumer = world.consumer("source");
    let mut command = world.verifier();
    let done = World::end(command.args(["--dlq", "dead", "--yes"]));
    done.assert(0, &[("replayed", 3), ("succeeded", 3), ("succeededByAbsence", 3)]);
    assert_eq!(consumer.stop().len(), 3);
}

#[test]
fn what_has_bounced_is_sent_again_when_that_is_asked_for() {
    let world = World::start();
    world.fill("dead", 12);
    let broken = world.broken_consumer("source");
    let mut command = world.verifier();
    command.args(["--dlq", "dead", "--yes", "--canary", "3", "--journal", "j.jsonl"]);
    let stopped = World::end(&mut command);
    broken.stop();
    stopped.assert(4, &[("replayed", 3), ("bounced", 3), ("left", 12)]);
    let _consumer = world.consumer("source");
    let resume = ["--resume", "j.jsonl"];
    let without = World::end(world.verifier().args(resume));
    // What has bounced stays where it is.
    without.assert(
        4,
        &[
            ("replayed", 12),
            ("succeeded", 9),
            ("succeededByAbsence", 9),
            ("bounced", 3),
            ("left", 3),
        ],
    );
    let with = World::end(world.verifier().args(resume).arg("--retry-bounced"));
    with.assert(0, &[("replayed", 12), ("succeeded", 12), ("succeededByAbsence", 12)]);
    let refused = World::end(world.verifier().args(["--dlq", "dead", "--retry-bounced", "--yes"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}
