//! A redrive that is killed and taken up again.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};
use verifier_testkit::{Background, is_running, wait_until};

use crate::world::{Consumer, World, body};

/// How many messages are redriven.
const MESSAGES: usize = 200;

/// How many points there are: more by `cargo xtask soak redrive-kill`.
fn points() -> usize {
    std::env::var("VERIFIER_KILL_POINTS").ok().and_then(|text| text.parse().ok()).unwrap_or(30)
}

/// A redrive's journal, and since when there is something in it.
struct Begun<'a> {
    journal: &'a Path,
    at: Cell<Option<Instant>>,
}

impl<'a> Begun<'a> {
    fn new(journal: &'a Path) -> Self {
        Self { journal, at: Cell::default() }
    }

    /// For how long it is that the redrive has begun.
    fn since(&self) -> Option<Duration> {
        if self.at.get().is_none() && is_begun(self.journal) {
            self.at.set(Some(Instant::now()));
        }
        self.at.get().map(|at| at.elapsed())
    }
}

fn is_begun(journal: &Path) -> bool {
    journal.metadata().is_ok_and(|file| file.len() > 0)
}

/// Waits until a redrive ends, or is due by another condition; whether it has ended.
fn has_ended(process: &Background, is_due: impl Fn() -> bool) -> bool {
    while is_running(process.id()) {
        if is_due() {
            return false;
        }
        // A moment, which the redrive has the processor in.
        thread::sleep(Duration::from_micros(100));
    }
    true
}

/// Kills a redrive when a condition on its journal is met, and takes it up again; whether it had ended before.
fn killed(world: &World, journal: &Path, is_due: impl Fn() -> bool) -> bool {
    world.fill("dead", MESSAGES);
    let mut command = world.command(journal);
    command.args(["--concurrency", "4"]).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Background::start(&mut command);
    let has_ended = has_ended(&process, is_due);
    // Which kills with a signal that cannot be caught.
    drop(process);
    if is_begun(journal) {
        let redriven = world.resume(journal);
        let named = redriven.result["ambiguous"].as_array().cloned().unwrap_or_default();
        assert_eq!(redriven.count("left"), 0, "{:#}", redriven.result);
        assert_eq!(redriven.code, Some(0), "{:#}\n{}", redriven.result, redriven.stderr);
        assert_accounted(world, &named.iter().filter_map(|id| id.as_str()).collect());
    } else {
        // It had not begun: everything is where it was, once what it may hold comes back.
        let fresh = world.path("fresh.jsonl");
        let redriven = World::end(&mut world.command(&fresh));
        assert_eq!(redriven.count("replayed"), MESSAGES as u64, "{:#}", redriven.result);
        assert_accounted(world, &BTreeSet::new());
        let _ = std::fs::remove_file(fresh);
    }
    let _ = std::fs::remove_file(journal);
    has_ended
}

/// Nothing is lost, and nothing is there twice but what the journal has named.
fn assert_accounted(world: &World, named: &BTreeSet<&str>) {
    let bodies = world.bodies("target");
    for number in 0..MESSAGES {
        assert!(bodies.contains_key(&body(number)), "{number} is lost");
    }
    assert_eq!(bodies.len(), MESSAGES);
    let extra: usize = bodies.values().map(|count| count - 1).sum();
    assert!(extra <= named.len(), "{extra} duplicates, and {} named", named.len());
    assert!(world.bodies("dead").is_empty());
}

#[test]
fn killed_at_any_moment_nothing_is_lost_and_every_duplicate_was_named() {
    let world = World::start();
    let mut chance = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    // How long one takes, from when it has begun, that is left alone.
    let journal = world.path("whole.jsonl");
    let begun = Begun::new(&journal);
    let lasted = Cell::new(Duration::ZERO);
    let is_due = || {
        lasted.set(begun.since().unwrap_or_default());
        false
    };
    assert!(killed(&world, &journal, is_due), "nothing kills it");
    let mut lasts = lasted.get();
    let mut in_time = 0;
    for point in 0..points() {
        let journal = world.path(&format!("{point}.jsonl"));
        let begun = Begun::new(&journal);
        let after = lasts.mul_f64(f64::from(chance.next_u32()) / f64::from(u32::MAX));
        if killed(&world, &journal, || begun.since().is_some_and(|since| since >= after)) {
            // The first one was slower, as on a machine that had more to do then.
            lasts = lasts.min(after);
        } else {
            in_time += 1;
        }
    }
    assert!(in_time >= points() / 2, "{in_time} of {} were killed in time", points());
}

#[test]
fn killed_after_any_line_of_its_journal_nothing_is_lost() {
    let world = World::start();
    let lines = |journal: &Path| {
        let text = std::fs::read_to_string(journal).unwrap_or_default();
        text.matches('\n').count()
    };
    // Of each batch there are three lines, so that these are all states of the first few, and the last ones.
    for line in (0..12).chain([30, 58, 60, 61]) {
        let journal = world.path(&format!("{line}.jsonl"));
        killed(&world, &journal, || lines(&journal) >= line);
    }
}

/// A request that is not answered for a long time, so that whoever waits for it can be killed at leisure.
fn stalled(operation: &str, from: u64) -> Value {
    json!({"operation": operation, "queue": "dead", "nth": {"from": from},
        "fault": {"kind": "latency", "milliseconds": 25_000}})
}

/// The same of sends, which go to another queue.
fn stalled_send() -> Value {
    json!({"operation": "SendMessageBatch", "fault": {"kind": "latency", "milliseconds": 25_000}})
}

/// The event of a journal's last whole line.
fn last_event(journal: &Path) -> Option<String> {
    let text = std::fs::read_to_string(journal).ok()?;
    let line: Value = serde_json::from_str(text.lines().last()?).ok()?;
    line["event"].as_str().map(str::to_owned)
}

/// Kills a redrive when its journal's last line is that event, where its next request has stalled.
fn kill_at(world: &World, command: &mut Command, journal: &Path, event: &str) {
    let process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    wait_until(event, || {
        assert!(is_running(process.id()), "it has ended before {event}");
        (last_event(journal).as_deref() == Some(event)).then_some(())
    });
    // Which kills with a signal that cannot be caught.
    drop(process);
    assert_eq!(last_event(journal).as_deref(), Some(event));
    world.faults(&json!([]));
}

#[test]
fn killed_between_any_two_states_of_its_journal_nothing_is_lost() {
    let disconnected = json!({"operation": "SendMessageBatch", "nth": 1,
        "fault": {"kind": "disconnect", "commit": "after"}});
    let refused = json!({"operation": "SendMessageBatch", "contains": "\"number\":0}",
        "fault": {"kind": "fail-entry", "code": "InvalidMessageContents", "commit": "before", "sender_fault": true}});
    // What stalls, after which line, and whether a ramp goes on.
    let places: [(Value, &str, bool); 9] = [
        (json!([stalled("ReceiveMessage", 1)]), "started", false),
        (json!([stalled_send()]), "intent", false),
        (json!([disconnected, stalled_send()]), "ambiguous", false),
        (json!([refused, stalled("DeleteMessageBatch", 1)]), "sent", false),
        (json!([stalled("DeleteMessageBatch", 1)]), "sent", false),
        (json!([stalled("ReceiveMessage", 2)]), "deleted", false),
        // All of them are gone, and it is about to find that out.
        (json!([stalled("ReceiveMessage", 4)]), "deleted", false),
        (json!([stalled("ReceiveMessage", 1)]), "step", true),
        // It waits for what becomes of its first step.
        (json!([]), "deleted", true),
    ];
    for (number, (rules, event, has_ramp)) in places.iter().enumerate() {
        let world = World::start();
        world.fill("dead", 25);
        let hold = world.hold();
        world.faults(rules);
        let journal = world.path("journal.jsonl");
        let mut command = world.verifier();
        let (to, canary) =
            if *has_ramp { ("source", "--canary=5") } else { ("target", "--no-canary") };
        command.args(["--dlq", "dead", "--to", to, canary, "--yes", "--concurrency", "1"]);
        command.arg("--journal").arg(&journal);
        kill_at(&world, &mut command, &journal, event);
        // It can be killed again where it goes on.
        world.faults(&json!([stalled("ReceiveMessage", 1)]));
        if !*has_ramp {
            let mut again = world.verifier();
            kill_at(&world, again.arg("--resume").arg(&journal), &journal, "resumed");
        }
        world.faults(&json!([]));
        drop(hold);
        // A ramp goes on only where somebody reads what is sent.
        let consumer = has_ramp.then(|| world.consumer(to));
        let done = world.resume(&journal);
        assert_eq!(done.code, Some(0), "{number} {event}: {:#}\n{}", done.result, done.stderr);
        assert_eq!((done.count("replayed"), done.count("left")), (25, 0), "{number} {event}");
        let mut bodies = consumer.map(Consumer::stop).unwrap_or_default();
        for (body, count) in world.bodies(to) {
            *bodies.entry(body).or_default() += count;
        }
        assert_eq!(bodies.len(), 25, "{number} {event}");
        let twice = bodies.values().map(|count| count - 1).sum::<usize>() as u64;
        assert!(twice <= done.count("ambiguous"), "{number} {event}: {twice} {:#}", done.result);
    }
}

#[test]
fn two_redrives_do_not_write_to_one_journal() {
    let world = World::start();
    world.fill("dead", 30);
    let journal = world.path("journal.jsonl");
    let mut command = world.command(&journal);
    command.args(["--rate", "1"]).stdout(Stdio::null()).stderr(Stdio::null());
    let _first = Background::start(&mut command);
    let deadline = Instant::now() + Duration::from_secs(30);
    while journal.metadata().map_or(0, |file| file.len()) == 0 {
        assert!(Instant::now() < deadline, "it does not begin");
        thread::yield_now();
    }
    let second = world.resume(&journal);
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    assert!(second.stderr.contains("another process is writing to"), "{}", second.stderr);
}
