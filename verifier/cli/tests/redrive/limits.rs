//! How fast, how many at once, for how long, and what Ctrl-C leaves.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use verifier_testkit::wait_until;

use crate::support::on_terminal;
use crate::world::{World, assert_each_once};

/// The lines of a journal that are whole, with that event.
fn events(journal: &Path, event: &str) -> Vec<Value> {
    let lines = std::fs::read_to_string(journal).unwrap_or_default();
    let lines = lines.lines().filter_map(|line| serde_json::from_str(line).ok());
    lines.filter(|line: &Value| line["event"] == event).collect()
}

/// How much stack time went by from the first intent to the end, in milliseconds.
fn took(journal: &Path) -> u64 {
    let at = |event: &str| events(journal, event)[0]["at"].as_u64().expect("a time");
    at("ended") - at("intent")
}

#[test]
fn no_more_than_the_rate_are_sent_in_a_second() {
    let world = World::start();
    world.fill("dead", 60);
    world.redrive(&["--rate", "5"]).assert(0, &[("replayed", 60), ("unknown", 60)]);
    let intents = events(&world.path("journal.jsonl"), "intent");
    let first = intents[0]["at"].as_u64().unwrap();
    let mut before = 0;
    for intent in &intents {
        let elapsed = intent["at"].as_u64().unwrap() - first;
        // What is sent now was preceded by no more than fit into the time since the first.
        assert!(before * 1_000 <= (elapsed + 1) * 5, "{before} after {elapsed} ms");
        before += intent["messages"].as_array().unwrap().len() as u64;
    }
    assert_eq!(before, 60);
}

#[test]
fn requests_are_made_at_once_as_often_as_was_allowed() {
    let slow = json!([{"fault": {"kind": "latency", "milliseconds": 500}}]);
    let took: Vec<u64> = ["1", "8"]
        .into_iter()
        .map(|concurrency| {
            let world = World::start();
            world.fill("dead", 160);
            world.faults(&slow);
            let done = world.redrive(&["--concurrency", concurrency]);
            done.assert(0, &[("replayed", 160), ("unknown", 160)]);
            took(&world.path("journal.jsonl"))
        })
        .collect();
    // Sixteen batches of three requests of half a second, and then the last polls, which take as long either way.
    assert!(took[0] >= 16 * 1_500 && took[0] > took[1] + 16_000, "{took:?}");
}

#[test]
fn at_the_deadline_it_stops_and_the_rest_can_be_received() {
    let world = World::start();
    world.fill("dead", 60);
    let stopped = world.redrive(&["--rate", "1", "--deadline", "30s"]);
    assert_eq!(stopped.code, Some(4), "{:#}\n{}", stopped.result, stopped.stderr);
    let why = stopped.result["stopped"].as_str().unwrap_or_default();
    assert!(why.contains("--deadline"), "{why}");
    let replayed = stopped.count("replayed");
    assert!((10..60).contains(&replayed), "{replayed}");
    assert_eq!(stopped.count("left"), 60 - replayed);
    let journal = world.path("journal.jsonl");
    // Nothing is hidden from whoever comes next.
    let visible = world.queue("dead").number("ApproximateNumberOfMessages");
    assert_eq!(visible, Some(60 - replayed));
    world.resume(&journal).assert(0, &[("replayed", 60), ("unknown", 60)]);
    assert_each_once(&world.bodies("target"), 60);
}

#[test]
fn ctrl_c_finishes_the_batch_in_hand_and_releases_the_rest() {
    let world = World::start();
    world.fill("dead", 200);
    // Time goes by as in real time, so that it is not over before it is interrupted.
    let hold = world.hold();
    let journal = world.path("journal.jsonl");
    let running = world.in_background(world.command(&journal).args(["--rate", "20"]));
    wait_until("something to be sent", || (!events(&journal, "sent").is_empty()).then_some(()));
    running.process.signal(Signal::INT);
    let stopped = running.end();
    drop(hold);
    assert_eq!(stopped.code, Some(130), "{:#}\n{}", stopped.result, stopped.stderr);
    assert_eq!(stopped.result["stopped"], "it was interrupted");
    let replayed = stopped.count("replayed");
    assert!((1..200).contains(&replayed), "{replayed}");
    assert_eq!((stopped.count("left"), stopped.count("ambiguous")), (200 - replayed, 0));
    let visible = world.queue("dead").number("ApproximateNumberOfMessages");
    assert_eq!(visible, Some(200 - replayed));
    world.resume(&journal).assert(0, &[("replayed", 200), ("unknown", 200)]);
    assert_each_once(&world.bodies("target"), 200);
}

#[test]
fn messages_whose_answer_was_under_way_at_ctrl_c_are_released() {
    let world = World::start();
    world.fill("dead", 10);
    let hold = world.hold();
    // A receive takes messages long before it is answered.
    world.faults(&json!([{"operation": "ReceiveMessage",
        "fault": {"kind": "latency", "milliseconds": 2_000}}]));
    let journal = world.path("journal.jsonl");
    let running = world.in_background(&mut world.command(&journal));
    let visible = || world.queue("dead").number("ApproximateNumberOfMessages");
    wait_until("messages to be taken", || (visible() == Some(0)).then_some(()));
    running.process.signal(Signal::INT);
    let stopped = running.end();
    drop(hold);
    stopped.assert(130, &[("left", 10)]);
    assert_eq!(visible(), Some(10), "{}", stopped.stderr);
}

#[test]
fn a_second_ctrl_c_leaves_at_once_and_the_journal_tells_the_truth() {
    let world = World::start();
    world.fill("dead", 20);
    let hold = world.hold();
    // Nothing that is sent is answered for a long time.
    world.faults(&json!([{"operation": "SendMessageBatch",
        "fault": {"kind": "latency", "milliseconds": 25_000}}]));
    let journal = world.path("journal.jsonl");
    let running = world.in_background(&mut world.command(&journal));
    wait_until("an intent", || (!events(&journal, "intent").is_empty()).then_some(()));
    running.process.signal(Signal::INT);
    let said = world.path("stderr");
    wait_until("it to take notice", || {
        std::fs::read_to_string(&said).ok()?.contains("again").then_some(())
    });
    running.process.signal(Signal::INT);
    assert_eq!(running.end().code, Some(130));
    assert!(events(&journal, "ended").is_empty(), "it did not wait for what was under way");
    drop(hold);
    world.faults(&json!([]));
    let done = world.resume(&journal);
    let ambiguous = done.count("ambiguous");
    assert!((1..=20).contains(&ambiguous), "{:#}", done.result);
    done.assert(0, &[("replayed", 20), ("unknown", 20), ("ambiguous", ambiguous)]);
    let bodies = world.bodies("target");
    assert_eq!(bodies.len(), 20, "{bodies:?}");
    let twice = bodies.values().filter(|count| **count > 1).count() as u64;
    assert!(twice <= ambiguous, "{twice} are there twice, and {ambiguous} were named");
}

#[test]
fn by_default_the_plan_is_shown_and_somebody_is_asked() {
    let world = World::start();
    for (typed, code, sent) in [("n\n", 4, 0), ("\n", 4, 0), ("y\n", 0, 12)] {
        world.fill("dead", if sent > 0 { 12 } else { 6 });
        let mut command = world.verifier();
        command.args(["--dlq", "dead", "--to", "target", "--no-canary"]);
        let (exit, printed) = on_terminal(&mut command, typed);
        assert_eq!(exit, Some(code), "{typed:?}: {printed}");
        assert!(printed.contains("verifier.redrive.plan/1"), "{printed}");
        let is_declined = printed.contains("it was not confirmed; nothing was sent");
        assert_eq!(is_declined, sent == 0, "{typed:?}: {printed}");
        let expected = if sent > 0 { 24 } else { 0 };
        assert_eq!(world.bodies("target").values().sum::<usize>(), expected, "{typed:?}");
    }
}
