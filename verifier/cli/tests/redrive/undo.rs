//! `verifier redrive undo`: the originals take the place of changed copies that have come back, and of nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;
use verifier_core::dead_letters::{Attribute, Resend};

use crate::support::STACK;
use crate::world::{Redriven, World, message};

const PATCH: &str = r#"{"task": 7, "amount": 12345678901234567890123}"#;

fn dead_letter_queue(world: &World) -> String {
    world.text("/outputs/JobsDeadLetterQueueName").to_owned()
}

/// A job that succeeds as it is, with blanks and digits that a parser would change.
fn job(number: usize) -> Resend {
    let note = Attribute::text("Number", "1.10");
    Resend {
        body: format!("{{ \"jobId\":\"j-{number}\",  \"task\":\"t\", \"n\":1.10 }}"),
        attributes: BTreeMap::from([("note".to_owned(), note)]),
        ..Resend::default()
    }
}

/// Sends `count` jobs with a patch that no worker takes, so that all come back changed. The journal of that.
fn changed(world: &World, count: usize) -> PathBuf {
    let jobs: Vec<Resend> = (0..count).map(job).collect();
    world.send(&dead_letter_queue(world), &jobs);
    let patch = world.path("patch.json");
    std::fs::write(&patch, PATCH).expect("a patch");
    let journal = world.path("journal.jsonl");
    let size = count.to_string();
    let mut command = world.verifier();
    command.args(["--stack", STACK, "--yes", "--canary", &size, "--stop-after", &size]);
    command.args(["--remove-attribute", "note", "--patch"]).arg(patch);
    let sent = World::end(command.arg("--journal").arg(&journal));
    let all = count as u64;
    sent.assert(4, &[("replayed", all), ("bounced", all), ("left", all)]);
    journal
}

fn undo(world: &World, journal: &PathBuf, arguments: &[&str]) -> Redriven {
    let mut command = world.verifier_with(&["redrive", "undo"]);
    World::end(command.arg(journal).args(arguments))
}

#[test]
fn the_originals_succeed_and_no_copy_is_left() {
    let world = World::start_with(&[]);
    let journal = changed(&world, 4);
    // Another message came meanwhile, and one that was not changed.
    world.send(&dead_letter_queue(&world), &[message("of another sender")]);
    let shown = undo(&world, &journal, &["--dry-run"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert_eq!(shown.result["messages"].as_array().map(Vec::len), Some(4), "{:#}", shown.result);
    let preview = &shown.result["preview"][0];
    assert!(
        preview["before"].as_str().is_some_and(|body| body.contains("\"task\":7")),
        "{preview:#}"
    );
    assert!(
        preview["after"].as_str().is_some_and(|body| body.ends_with("\"n\":1.10 }")),
        "{preview:#}"
    );
    let undone = undo(&world, &journal, &["--yes", "--journal", "undo.jsonl"]);
    undone.assert(0, &[("replayed", 4), ("succeeded", 4), ("left", 1)]);
    assert!(undone.stderr.contains("knows 4 messages that were sent changed"), "{}", undone.stderr);
    let left = world.drain(&dead_letter_queue(&world));
    assert_eq!(
        left.iter().map(|left| left.body.as_str()).collect::<Vec<_>>(),
        ["of another sender"]
    );
    // There is nothing more to undo, and it is not said that something was.
    let again = undo(&world, &journal, &["--yes", "--journal", "again.jsonl"]);
    again.assert(4, &[("replayed", 0), ("left", 0)]);
}

#[test]
fn copies_that_still_wait_elsewhere_are_named_and_not_called_done() {
    let world = World::start();
    world.fill("dead", 3);
    let patch = world.path("patch.json");
    std::fs::write(&patch, PATCH).expect("a patch");
    let journal = world.path("waits.jsonl");
    let mut command = world.verifier();
    command.args(["--dlq", "dead", "--to", "source", "--no-canary", "--yes", "--patch"]).arg(patch);
    World::end(command.arg("--journal").arg(&journal))
        .assert(0, &[("replayed", 3), ("unknown", 3)]);
    let ends = [&["--yes", "--no-canary"] as &[&str], &["--dry-run"]]
        .map(|arguments| undo(&world, &journal, arguments));
    let copies = world.drain("source");
    assert_eq!(copies.len(), 3);
    for undone in ends {
        let said = format!("{:#}\n{}", undone.result, undone.stderr);
        assert_eq!(undone.code, Some(4), "{said}");
        assert!(said.contains("3 of 3 changed copies are not undone: "), "{said}");
        assert!(copies.iter().all(|copy| said.contains(&copy.message_id)), "{said}");
    }
}

#[test]
fn the_originals_are_sent_as_they_were() {
    let world = World::start_with(&[]);
    let journal = changed(&world, 2);
    // The worker fails whatever it gets, so that what was sent can be looked at.
    world.faults(
        &json!([{"function": "*orker*", "fault": {"kind": "crash", "at": "before-effect"}}]),
    );
    let undone = undo(&world, &journal, &["--yes", "--canary", "2", "--stop-after", "2"]);
    undone.assert(4, &[("replayed", 2), ("bounced", 2), ("left", 2)]);
    let mut dead = world.drain(&dead_letter_queue(&world));
    dead.sort_by(|one, other| one.body.cmp(&other.body));
    let dead: Vec<_> = dead.into_iter().map(|dead| (dead.body, dead.attributes)).collect();
    let jobs: Vec<_> = (0..2).map(job).map(|job| (job.body, job.attributes)).collect();
    assert_eq!(dead, jobs);
}

#[test]
fn an_undo_that_was_interrupted_goes_on_from_its_journal() {
    let world = World::start_with(&[]);
    let journal = changed(&world, 4);
    let stopped = undo(
        &world,
        &journal,
        &["--yes", "--journal", "undo.jsonl", "--deadline", "1s", "--rate", "1"],
    );
    assert_eq!(stopped.code, Some(4), "{:#}\n{}", stopped.result, stopped.stderr);
    assert!(stopped.count("replayed") < 4, "{:#}", stopped.result);
    let moved = world.path("elsewhere.jsonl");
    std::fs::rename(&journal, &moved).expect("a journal");
    let lost = world.resume(&world.path("undo.jsonl"));
    assert_eq!(lost.code, Some(2), "{}", lost.stderr);
    assert!(lost.stderr.contains("journal.jsonl"), "{}", lost.stderr);
    std::fs::rename(&moved, &journal).expect("a journal");
    let done = world.resume(&world.path("undo.jsonl"));
    // What became of what was sent before the end is not known where that came first.
    assert_eq!(
        (done.code, done.count("replayed"), done.count("left")),
        (Some(0), 4, 0),
        "{:#}",
        done.result
    );
    assert_eq!(done.count("succeeded") + done.count("unknown"), 4, "{:#}", done.result);
    assert!(world.drain(&dead_letter_queue(&world)).is_empty());
}

#[test]
fn what_was_sent_unchanged_has_nothing_to_undo() {
    let world = World::start();
    world.fill("dead", 2);
    world.redrive(&[]).assert(0, &[("replayed", 2), ("unknown", 2)]);
    let refused = undo(&world, &world.path("journal.jsonl"), &["--yes"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("nothing to undo"), "{}", refused.stderr);
    // Nor has what was sent to where nothing comes back from.
    world.fill("dead", 2);
    let patch = world.path("patch.json");
    std::fs::write(&patch, PATCH).expect("a patch");
    let elsewhere = world.path("elsewhere.jsonl");
    let mut command = world.command(&elsewhere);
    World::end(command.arg("--patch").arg(patch)).assert(0, &[("replayed", 2), ("unknown", 2)]);
    let refused = undo(&world, &elsewhere, &["--yes"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("does not come back to"), "{}", refused.stderr);
    assert_eq!(world.bodies("target").len(), 4);
}
