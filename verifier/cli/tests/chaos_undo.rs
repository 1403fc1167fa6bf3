//! `verifier chaos rollback` where others are about: another stack of the same name, somebody who changes the stack meanwhile,
//! parts that are gone, and journals that are not whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

mod support;
#[path = "support/world.rs"]
mod world;

use std::fs::File;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Printed, STACK};
use verifier_core::experiment::LEASE_TAG;
use verifier_testkit::{Background, wait_until};
use world::{SET, World};

fn roll_back(world: &World, journal: &str) -> Printed {
    world.chaos(&["rollback", "--journal", journal])
}

#[test]
fn another_stack_of_the_same_name_is_left_alone_and_the_right_one_is_restored() {
    let (broken, other) = (World::in_real_time(), World::in_real_time());
    broken.set_mapping(&json!({"BatchSize": 9}));
    let (before, untouched) = (broken.configuration(), other.configuration());
    broken.break_and_kill("undo.jsonl");
    let journal = std::fs::read_to_string(broken.path("undo.jsonl")).unwrap();
    std::fs::write(other.path("undo.jsonl"), &journal).unwrap();
    let refused = roll_back(&other, "undo.jsonl");
    let said = &refused.assert(2).stderr;
    assert!(said.contains(broken.local.text("/endpoint")), "{said}");
    assert!(!said.contains("go on"), "{said}");
    assert_eq!(other.configuration(), untouched);
    assert_eq!(std::fs::read_to_string(other.path("undo.jsonl")).unwrap(), journal);
    // AWS itself is not asked.
    let mut command = verifier_testkit::scrubbed(support::VERIFIER);
    command.current_dir(broken.folder.path());
    let nowhere = Printed::of(command.args(["chaos", "rollback", "--journal", "undo.jsonl"]));
    let said = &nowhere.assert(2).stderr;
    let option = format!("--endpoint-url {}", broken.local.text("/endpoint"));
    assert!(said.contains(&option), "{said}");
    let elsewhere = broken.chaos(&["rollback", "--journal", "undo.jsonl", "--region", "eu-west-1"]);
    let said = &elsewhere.assert(2).stderr;
    assert!(said.contains("us-local-1") && said.contains("eu-west-1"), "{said}");
    roll_back(&broken, "undo.jsonl").assert(0);
    assert_eq!(broken.configuration(), before);
}

#[test]
fn the_lease_has_to_be_its_own() {
    let world = World::in_real_time();
    let before = world.configuration();
    world.break_and_kill("undo.jsonl");
    let url = world.queue_url("JobsQueueName");
    let lease = world.lease().as_str().expect("a lease").to_owned();
    let set =
        |value: &str| world.sqs("TagQueue", &json!({"QueueUrl": url, "Tags": {LEASE_TAG: value}}));
    set("vrf-9-9 until 99999999999999");
    let taken = roll_back(&world, "undo.jsonl");
    assert!(taken.assert(4).stderr.contains("vrf-9-9"), "{}", taken.stderr);
    world.sqs("UntagQueue", &json!({"QueueUrl": url, "TagKeys": [LEASE_TAG]}));
    let unleased = roll_back(&world, "undo.jsonl");
    assert!(unleased.assert(4).stderr.contains(&lease), "{}", unleased.stderr);
    world.wait_until_broken();
    set(&lease);
    roll_back(&world, "undo.jsonl").assert(0);
    assert_eq!(world.configuration(), before);
    // By the journal all is restored; the tag says that something is not.
    set(&lease);
    let used_up = roll_back(&world, "undo.jsonl");
    assert!(used_up.assert(4).stderr.contains("untag-queue"), "{}", used_up.stderr);
}

#[test]
fn a_stack_that_has_lost_its_tag_of_a_preview_is_restored_by_its_lease() {
    let world = World::start();
    let template = json!({
        "Resources": {"Jobs": {"Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": "once-a-preview", "VisibilityTimeout": 30}}},
    });
    world.local.create_stack("Once", &template);
    let url = format!("{}/000000000000/once-a-preview", world.local.text("/endpoint"));
    let all = json!({"QueueUrl": url, "AttributeNames": ["VisibilityTimeout"]});
    wait_until("the stack", || {
        let found = world.sqs("GetQueueAttributes", &all);
        (found["Attributes"]["VisibilityTimeout"] == "30").then_some(())
    });
    let tag = json!({"queue-tag": {"queueUrl": url, "key": LEASE_TAG}});
    let queue = json!({"queue": {"queueUrl": url}});
    let before = json!({"visibilityTimeoutSeconds": 60, "redrivePolicy": null});
    let journal = [
        json!({"event": "started", "schema": "verifier.chaos.undo/1", "run": "vrf-1-1", "stack": "Once",
            "stackId": "any", "region": "us-local-1", "endpoint": null, "parts": [tag, queue],
            "at": 0}),
        json!({"event": "saved", "part": tag, "before": {"queue-tag": {"value": null}}, "settings": []}),
        json!({"event": "saved", "part": queue, "before": {"queue": before},
            "settings": [{"visibility-timeout": {"seconds": 30}}]}),
    ];
    let journal = journal.map(|line| line.to_string()).join("\n");
    std::fs::write(world.path("undo.jsonl"), journal).unwrap();
    let tags = |run: &str| json!({"QueueUrl": url, "Tags": {LEASE_TAG: format!("{run} until 5")}});
    world.sqs("TagQueue", &tags("vrf-2-2"));
    roll_back(&world, "undo.jsonl").assert(2);
    world.sqs("TagQueue", &tags("vrf-1-1"));
    roll_back(&world, "undo.jsonl").assert(0);
    let found = world.sqs("GetQueueAttributes", &all);
    assert_eq!(found["Attributes"]["VisibilityTimeout"], "60");
    assert_eq!(world.sqs("ListQueueTags", &json!({"QueueUrl": url}))["Tags"], Value::Null);
}

#[test]
fn a_cut_journal_is_refused_and_one_without_its_last_end_is_whole() {
    let world = World::in_real_time();
    let before = world.configuration();
    world.break_and_kill("undo.jsonl");
    let journal = std::fs::read_to_string(world.path("undo.jsonl")).unwrap();
    let lines: Vec<&str> = journal.split_inclusive('\n').collect();
    // Started, four parts, and the lease.
    assert_eq!(lines.len(), 6, "{journal}");
    let torn = format!("{}{}", lines[..4].concat(), &lines[4][..20]);
    let without_lease = lines[..4].concat() + lines[5];
    for (name, cut) in
        [("short.jsonl", lines[..3].concat()), ("torn.jsonl", torn), ("holed.jsonl", without_lease)]
    {
        std::fs::write(world.path(name), cut).unwrap();
        let refused = roll_back(&world, name);
        // What it covers is told, and no more is done than that.
        assert!(refused.assert(2).stderr.contains(LEASE_TAG), "{}", refused.stderr);
        assert!(world.lease().is_string());
        world.wait_until_broken();
    }
    std::fs::write(world.path("undo.jsonl"), journal.trim_end()).unwrap();
    roll_back(&world, "undo.jsonl").assert(0);
    assert_eq!(world.configuration(), before);
    roll_back(&world, "undo.jsonl").assert(0);
}

#[test]
fn a_journal_that_was_never_begun_has_nothing_to_restore() {
    let world = World::start();
    let half = r#"{"event":"started","schema":"verifier.chaos.undo/1","run":"x""#;
    for (text, code) in [("", 0), (half, 0), ("notes\n", 2), ("{}\n", 2)] {
        std::fs::write(world.path("undo.jsonl"), text).unwrap();
        let printed = roll_back(&world, "undo.jsonl");
        let told = printed.assert(code).stdout.contains("nothing was changed");
        assert_eq!(told, code == 0, "{}", printed.stdout);
    }
}

#[test]
fn what_somebody_changed_after_a_kill_is_left_and_named() {
    let world = World::in_real_time();
    world.break_and_kill("undo.jsonl");
    world.set_mapping(&json!({"BatchSize": 7}));
    world.set_worker(&json!({"MemorySize": 512}));
    let done = world.chaos(&["rollback", "--journal", "undo.jsonl", "--format", "json"]);
    let left = done.assert(0).json()["left"].to_string();
    assert!(left.contains("BatchSize is 7") && left.contains("MemorySize is 512"), "{left}");
    let worker = world.worker();
    assert_eq!(worker["MemorySize"], 512);
    assert_ne!(worker["Timeout"], SET.1);
    let enabled = wait_until("the mapping to settle", || {
        let mapping = world.mapping();
        (mapping["State"] == "Enabled").then_some(mapping)
    });
    assert_eq!(enabled["BatchSize"], 7);
    assert_eq!(world.lease(), Value::Null);
}

#[test]
fn what_somebody_set_that_the_experiment_had_set_is_contested() {
    let world = World::in_real_time();
    world.break_and_kill("undo.jsonl");
    world.set_worker(&json!({"Timeout": 20}));
    let done = world.chaos(&["rollback", "--journal", "undo.jsonl", "--format", "json"]);
    let not_restored = done.assert(4).json()["notRestored"].to_string();
    assert!(not_restored.contains("Timeout is 20"), "{not_restored}");
    assert_eq!(world.worker()["Timeout"], 20);
    assert_ne!(world.visibility_timeout(), SET.0.to_string());
    // Nothing is left that a rollback could do.
    assert_eq!(world.lease(), Value::Null);
    let again = roll_back(&world, "undo.jsonl");
    assert!(again.assert(0).stdout.contains("Timeout is 20"), "{}", again.stdout);
}

/// Runs an experiment, does something to the stack in the middle of it, and gives how the run ends, and what it says.
fn met(world: &World, experiment: &str, meet: impl FnOnce(&World)) -> (Option<i32>, String) {
    let (stdout, stderr) = (world.path("stdout"), world.path("stderr"));
    let mut command = world.breaking(experiment, "undo.jsonl");
    command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
    let mut process = Background::start(&mut command);
    meet(world);
    let code = process.wait().code();
    let said = |path| std::fs::read_to_string(path).unwrap();
    (code, said(&stdout) + &said(&stderr))
}

/// The same with an experiment that is met when all is broken, and fails.
fn disturbed(world: &World, disturb: impl Fn(&World)) -> String {
    let (code, said) = met(world, &world.short_experiment(15), |world| {
        world.wait_until_broken();
        disturb(world);
    });
    assert_eq!(code, Some(3), "{said}");
    said
}

/// Writes an experiment.
fn write_experiment(world: &World, load: &Value, changes: &Value, undo_at_seconds: u64) -> String {
    let experiment = json!({
        "schema": "verifier.chaos.experiment/1", "name": "x",
        "steadyState": {"checks": ["cfg.experiment"]},
        "load": load, "changes": changes, "undoAtMilliseconds": undo_at_seconds * 1000,
    });
    std::fs::write(world.path("x.json"), experiment.to_string()).unwrap();
    "x.json".to_owned()
}

#[test]
fn what_somebody_changes_while_it_runs_is_left_and_the_run_does_not_pass() {
    let world = World::in_real_time();
    let said = disturbed(&world, |world| {
        world.set_mapping(&json!({"BatchSize": 7}));
        world.set_worker(&json!({"MemorySize": 512}));
    });
    assert!(said.contains("another actor has changed it"), "{said}");
    assert!(said.contains("BatchSize") && said.contains("MemorySize"), "{said}");
    assert_eq!(world.mapping()["BatchSize"], 7);
    assert_eq!(world.worker()["MemorySize"], 512);
    assert_ne!(world.worker()["Timeout"], SET.1);
    assert_eq!(world.lease(), Value::Null);
}

/// What somebody does to a stack.
type Meeting = fn(&World);

#[test]
fn what_somebody_restores_while_it_runs_does_not_pass_either() {
    let undoes: [(Meeting, &str); 2] = [
        (
            |world| world.set_mapping(&json!({"Enabled": true})),
            "another actor has changed meanwhile",
        ),
        (untag, "the experiment lock of vrf-"),
    ];
    for (undo, expected) in undoes {
        let world = World::in_real_time();
        let before = world.configuration();
        let said = disturbed(&world, undo);
        assert!(said.contains(expected), "{said}");
        assert_eq!(world.configuration(), before);
    }
}

/// Somebody removes the tag.
fn untag(world: &World) {
    let url = world.queue_url("JobsQueueName");
    world.sqs("UntagQueue", &json!({"QueueUrl": url, "TagKeys": [LEASE_TAG]}));
}

#[test]
fn parts_that_are_gone_end_a_rollback_and_those_of_others_are_not_broken() {
    let world = World::in_real_time();
    world.break_and_kill("undo.jsonl");
    let mapping = world.mapping();
    let path = format!("2015-03-31/event-source-mappings/{}", mapping["UUID"].as_str().unwrap());
    world.change("DELETE", &path, &json!({}));
    let done = roll_back(&world, "undo.jsonl");
    assert!(done.assert(0).stdout.contains("it is gone"), "{}", done.stdout);
    assert_eq!(world.lease(), Value::Null);
    assert_ne!(world.worker()["Timeout"], SET.1);
    // One that somebody has made by hand is not the stack's.
    let by_hand = json!({
        "EventSourceArn": mapping["EventSourceArn"], "FunctionName": mapping["FunctionArn"],
        "BatchSize": 5, "FunctionResponseTypes": ["ReportBatchItemFailures"],
    });
    world.change("POST", "2015-03-31/event-source-mappings/", &by_hand);
    let before = world.configuration();
    let experiment = world.short_experiment(300);
    let refused = Printed::of(&mut world.breaking(&experiment, "again.jsonl"));
    let said = &refused.assert(2).stderr;
    assert!(said.contains("is no resource of the stack"), "{said}");
    assert_eq!(world.configuration(), before);
    assert!(!world.path("again.jsonl").exists(), "nothing was begun");
}

#[test]
fn whoever_ends_it_at_once_is_told_how_to_put_it_back() {
    let world = World::in_real_time();
    let before = world.configuration();
    let experiment = world.short_experiment(300);
    let stderr = world.path("stderr");
    // Without --journal, nobody knows what it is called.
    let mut command = world.command(&["run", &experiment, "--stack", STACK, "--yes"]);
    command.stdout(Stdio::null()).stderr(File::create(&stderr).unwrap());
    let mut process = Background::start(&mut command);
    world.wait_until_broken();
    let said = || std::fs::read_to_string(&stderr).unwrap();
    let count =
        |text: String| text.matches("verifier chaos rollback --journal chaos-short-").count();
    assert_eq!(count(said()), 1, "{}", said());
    process.signal(Signal::INT);
    wait_until("the first signal to be taken", || {
        said().contains("restoring everything").then_some(())
    });
    process.signal(Signal::INT);
    assert_eq!(process.wait().code(), Some(130), "{}", said());
    let text = said();
    let hint = text.lines().rfind(|line| line.contains("rollback")).expect("a hint");
    let hint = hint.split("verifier chaos ").nth(1).expect("a command");
    if world.lease().is_string() {
        assert_eq!(count(text.clone()), 2, "{text}");
    }
    // It is followed as it is printed, which names the endpoint, too.
    assert!(hint.contains(world.local.text("/endpoint")), "{hint}");
    let words = shlex::split(hint).expect("words");
    let mut command = verifier_testkit::scrubbed(support::VERIFIER);
    command.arg("chaos").args(&words).current_dir(world.folder.path());
    command.env(support::TOKEN_VARIABLE, world.local.token());
    Printed::of(&mut command).assert(0);
    assert_eq!(world.configuration(), before);
}

#[test]
fn a_run_without_its_lease_makes_no_further_change_and_nobody_builds_on_it() {
    let world = World::in_real_time();
    let before = world.configuration();
    let (visibility, timeout) = SET;
    let change = |setting: Value, from: u64| json!({"setting": setting, "fromMilliseconds": from, "untilMilliseconds": 40_000});
    let changes = json!([
        change(json!({"worker-timeout": {"seconds": timeout}}), 0),
        change(json!({"visibility-timeout": {"seconds": visibility}}), 12_000),
    ]);
    let experiment = write_experiment(&world, &json!([]), &changes, 40);
    let (code, said) = met(&world, &experiment, |world| {
        wait_until("the stack to be broken", || {
            (world.worker()["Timeout"] == timeout).then_some(())
        });
        untag(world);
        // Another one is begun at once, and takes what it finds for how the stack was.
        let other = world.short_experiment(5);
        let other = Printed::of(&mut world.breaking(&other, "other.jsonl"));
        assert!(other.stderr.contains("another actor"), "{}", other.stderr);
        other.assert(3);
    });
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("the experiment lock of vrf-") && said.contains("nothing more was changed"),
        "{said}"
    );
    assert!(!said.contains("visibility-timeout"), "{said}");
    assert_eq!(world.configuration(), before);
    assert_eq!(world.lease(), Value::Null);
}

#[test]
fn a_journal_by_which_all_is_back_tells_of_what_is_as_the_run_sets_it() {
    let world = World::in_real_time();
    world.break_and_kill("undo.jsonl");
    std::fs::copy(world.path("undo.jsonl"), world.path("copy.jsonl")).unwrap();
    let back = roll_back(&world, "copy.jsonl");
    back.assert(0);
    roll_back(&world, "copy.jsonl").assert(0);
    // As the run, had it lived on.
    world.set_worker(&json!({"Timeout": SET.1}));
    let again = world.chaos(&["rollback", "--journal", "copy.jsonl", "--format", "json"]);
    let not_restored = again.assert(4).json()["notRestored"].to_string();
    assert!(not_restored.contains("Timeout is 5, and was 9 before"), "{not_restored}");
    assert_eq!(world.worker()["Timeout"], SET.1, "it is somebody's own, for all that is known");
    // What nobody of the run has ever set is nobody's business.
    world.set_worker(&json!({"Timeout": 20}));
    roll_back(&world, "copy.jsonl").assert(0);
}

#[test]
fn what_an_experiment_does_not_change_is_compared_all_the_same() {
    let world = World::in_real_time();
    let changes = json!([{"setting": {"visibility-timeout": {"seconds": 30}},
        "fromMilliseconds": 0, "untilMilliseconds": 5_000}]);
    let experiment = write_experiment(&world, &json!([]), &changes, 5);
    let (code, said) = met(&world, &experiment, |world| {
        wait_until("the stack to be broken", || (world.visibility_timeout() == "30").then_some(()));
        let url = world.queue_url("JobsQueueName");
        let delay = json!({"QueueUrl": url, "Attributes": {"DelaySeconds": "5"}});
        world.sqs("SetQueueAttributes", &delay);
        world.set_mapping(&json!({"BatchSize": 7}));
    });
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("DelaySeconds of ") && said.contains("is 5, and was 0 before"), "{said}");
    assert!(said.contains("BatchSize of the event source mapping"), "{said}");
    assert_eq!(world.mapping()["BatchSize"], 7, "it is left");
    assert_ne!(world.visibility_timeout(), "30");
}

#[test]
fn jobs_of_others_end_a_run_that_does_not_pass() {
    let world = World::in_real_time();
    let changes = json!([{"setting": {"visibility-timeout": {"seconds": 30}},
        "fromMilliseconds": 0, "untilMilliseconds": 60_000}]);
    let load = json!([{"submit": {"name": "own", "atMilliseconds": 0, "job": "good"}}]);
    let experiment = write_experiment(&world, &load, &changes, 60);
    let mut message = String::new();
    let (code, said) = met(&world, &experiment, |world| {
        wait_until("the stack to be broken", || (world.visibility_timeout() == "30").then_some(()));
        message = world.send("JobsQueueName", r#"{"jobId": "somebodys", "task": "hello"}"#);
    });
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("other-traffic") && said.contains("somebodys"), "{said}");
    assert_ne!(world.visibility_timeout(), "30");
}

#[test]
fn messages_of_others_end_a_run_and_no_redrive_moves_them() {
    for by in [Some("client"), Some("move-task"), None] {
        let world = World::in_real_time();
        let mut load = vec![json!({"submit": {"name": "own", "atMilliseconds": 0, "job": "good"}})];
        load.extend(by.map(|by| json!({"redrive": {"atMilliseconds": 8_000, "by": by}})));
        let experiment = write_experiment(&world, &json!(load), &json!([]), 12);
        let (code, said) = met(&world, &experiment, |world| {
            world.wait_until_claimed();
            world.send("JobsDeadLetterQueueName", r#"{"jobId": "somebodys", "task": "hello"}"#);
        });
        assert_eq!(code, Some(4), "{by:?}: {said}");
        assert!(said.contains("other-traffic"), "{by:?}: {said}");
        assert_eq!(world.depth("JobsDeadLetterQueueName"), 1, "{by:?}: {said}");
    }
}

#[test]
fn a_stderr_that_nobody_reads_holds_nothing_up() {
    use std::io::Write;
    let world = World::in_real_time();
    let before = world.configuration();
    for signals in [1, 2] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        // As much as a pipe holds: see pipe(7).
        writer.write_all(&vec![b'x'; 65_536]).unwrap();
        let journal = format!("undo-{signals}.jsonl");
        let experiment = world.short_experiment(300);
        let mut command = world.breaking(&experiment, &journal);
        let mut process = Background::start(command.stdout(Stdio::null()).stderr(writer));
        drop(command);
        world.wait_until_broken();
        for _ in 0..signals {
            process.signal(Signal::INT);
        }
        let began = std::time::Instant::now();
        assert_eq!(process.wait().code(), Some(130));
        assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
        drop(reader);
        if signals == 1 {
            assert_eq!(world.configuration(), before);
            continue;
        }
        roll_back(&world, &journal);
        assert_eq!(world.configuration(), before);
    }
}
