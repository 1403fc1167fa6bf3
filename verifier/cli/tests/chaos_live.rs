//! `verifier chaos` on stacks that are really there: whatever happens, they are as they were afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

mod support;
#[path = "support/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::fs::File;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Printed, STACK, VERIFIER, assert_valid};
use verifier_core::experiment::LEASE_TAG;
use verifier_core::iam::CHAOS;
use verifier_testkit::{Background, is_running, run, scrubbed, wait_until};
use world::{World, lines};

#[test]
fn after_an_experiment_the_stack_is_as_it_was() {
    let world = World::start();
    let before = world.configuration();
    let experiment = world.experiment();
    let mut command = world.breaking(&experiment, "undo.jsonl");
    let ended = Printed::of(command.args(["--format", "json"]));
    let result = ended.assert(0).json();
    assert_valid("chaos.1", &result);
    let files = result["files"].to_string();
    assert!(files.contains("undo.jsonl"), "{files}");
    // It asks for nothing that its policy does not allow.
    let allowed: BTreeSet<&str> = CHAOS.iter().map(|entry| entry.operation).collect();
    let calls = result["awsCalls"].as_object().unwrap();
    let called: BTreeSet<&str> = calls.keys().map(String::as_str).collect();
    assert!(called.is_subset(&allowed), "{called:?} is more than {allowed:?}");
    for changing in [
        "Lambda.PutFunctionConcurrency",
        "Lambda.UpdateFunctionConfiguration",
        "SQS.SetQueueAttributes",
        "SQS.ReceiveMessage",
    ] {
        assert!(called.contains(changing), "{called:?}");
    }
    assert_eq!(world.configuration(), before);
    // It has really changed everything meanwhile: each part stands in the journal, saved and restored.
    let journal = std::fs::read_to_string(world.path("undo.jsonl")).unwrap();
    for event in ["saved", "restored"] {
        let of_event =
            journal.lines().filter(|line| line.contains(&format!("\"event\":\"{event}\"")));
        // A tag, a mapping, what two functions have reserved, a queue, and what a function is configured with.
        assert_eq!(of_event.count(), 6, "{journal}");
    }
    let again = world.chaos(&["rollback", "--journal", "undo.jsonl"]);
    assert!(again.assert(0).stdout.contains("nothing of"), "{}", again.stdout);
}

/// The names of all built-in experiments.
fn built_in() -> Vec<String> {
    let listed = run(scrubbed(VERIFIER).args(["chaos", "list", "--format", "json"]));
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("a list");
    let experiments = listed["experiments"].as_array().expect("experiments").iter();
    experiments.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn after_every_built_in_experiment_the_stack_is_as_it_was() {
    let world = World::start();
    let before = world.configuration();
    let names = built_in();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let mut command = world.breaking(&name, &format!("{name}.jsonl"));
        let ended = Printed::of(command.arg("--allow-purge"));
        assert!(ended.assert(0).stdout.contains("PASS"), "{name}: {}", ended.stdout);
        assert_eq!(world.configuration(), before, "{name}");
    }
}

#[test]
fn killed_at_any_step_it_is_restored_by_its_journal() {
    let world = World::start();
    let before = world.configuration();
    let experiment = world.experiment();
    // Started, six parts saved, the lease claimed, and six restored.
    let steps = 14;
    for step in 1..=steps {
        let name = format!("{step}.jsonl");
        let journal = world.path(&name);
        let mut command = world.breaking(&experiment, &name);
        let process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        wait_until("the step", || {
            (lines(&journal) >= step || !is_running(process.id())).then_some(())
        });
        // Which kills with a signal that cannot be caught.
        drop(process);
        // It may be between what it has written down and what it does.
        let rolled_back = world.chaos(&["rollback", "--journal", &name, "--format", "json"]);
        let document = rolled_back.assert(0).json();
        assert_eq!(document["schema"], "verifier.chaos.rollback/1");
        assert_eq!(document["notRestored"], json!([]));
        assert_eq!(world.configuration(), before, "step {step}");
        wait_until("the jobs to be processed", || {
            let all =
                json!({"QueueUrl": world.queue_url("JobsQueueName"), "AttributeNames": ["All"]});
            let attributes = world.sqs("GetQueueAttributes", &all);
            let is_empty = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
                .iter()
                .all(|name| attributes["Attributes"][name] == "0");
            is_empty.then_some(())
        });
    }
}

#[test]
fn a_rollback_that_is_killed_is_carried_on_by_the_next_one() {
    let world = World::start();
    let before = world.configuration();
    let experiment = world.experiment();
    let journal = world.path("undo.jsonl");
    let mut command = world.breaking(&experiment, "undo.jsonl");
    let process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    wait_until("the changes to begin", || (lines(&journal) >= 8).then_some(()));
    drop(process);
    let open = lines(&journal);
    for more in 1..=6 {
        let mut command = world.command(&["rollback", "--journal", "undo.jsonl"]);
        let process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        wait_until("a part to be restored", || {
            (lines(&journal) >= open + more || !is_running(process.id())).then_some(())
        });
        drop(process);
    }
    world.chaos(&["rollback", "--journal", "undo.jsonl"]).assert(0);
    assert_eq!(world.configuration(), before);
}

#[test]
fn ctrl_c_puts_everything_back_first() {
    let world = World::start();
    let before = world.configuration();
    let experiment = world.experiment();
    let journal = world.path("undo.jsonl");
    let (stdout, stderr) = (world.path("stdout"), world.path("stderr"));
    let mut command = world.breaking(&experiment, "undo.jsonl");
    command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
    let mut process = Background::start(&mut command);
    wait_until("something to be changed", || (lines(&journal) >= 8).then_some(()));
    process.signal(Signal::INT);
    let said = || std::fs::read_to_string(&stderr).unwrap();
    assert_eq!(process.wait().code(), Some(130), "{}", said());
    assert_eq!(world.configuration(), before, "{}", said());
}

#[test]
fn it_is_broken_off_at_its_limits_and_restore() {
    let world = World::start();
    let before = world.configuration();
    let experiment = world.experiment();
    for (number, limit) in [["--max-duration", "8s"], ["--max-cost-calls", "30"]].iter().enumerate()
    {
        let mut command = world.breaking(&experiment, &format!("{number}.jsonl"));
        let ended = Printed::of(command.args(limit));
        let name = limit[0].trim_start_matches("--");
        assert!(ended.assert(4).stdout.contains(name), "{}", ended.stdout);
        assert_eq!(world.configuration(), before);
    }
}

#[test]
fn one_experiment_at_a_time_and_none_where_another_was_not_restored() {
    let world = World::start();
    let url = world.queue_url("JobsQueueName");
    let held = |until: u64| {
        let tags = json!({LEASE_TAG: format!("vrf-1-1 until {until}")});
        world.sqs("TagQueue", &json!({"QueueUrl": url, "Tags": tags}));
        Printed::of(&mut world.breaking("poison-in-a-crowd", "undo.jsonl"))
    };
    let held_by_another = held(99_999_999_999_999);
    let said = &held_by_another.assert(3).stderr;
    assert!(said.contains("an experiment (vrf-1-1) is under way"), "{said}");
    let left = held(1);
    assert!(left.assert(3).stderr.contains("was not restored"), "{}", left.stderr);
    assert!(left.stderr.contains("verifier chaos rollback"), "{}", left.stderr);
    assert!(!world.path("undo.jsonl").exists(), "nothing was begun");
}

#[test]
fn files_of_an_earlier_run_are_refused_before_anything_is_begun() {
    let world = World::start();
    for beside in ["undo.jsonl.messages.jsonl", "undo.jsonl.redrive-3.jsonl"] {
        File::create(world.path(beside)).unwrap();
        let refused = Printed::of(&mut world.breaking("poison-in-a-crowd", "undo.jsonl"));
        assert!(refused.assert(2).stderr.contains(beside), "{}", refused.stderr);
        assert!(!world.path("undo.jsonl").exists(), "nothing was begun");
        std::fs::remove_file(world.path(beside)).unwrap();
    }
}

#[test]
fn messages_of_the_run_that_cannot_be_kept_are_left_and_fail_it() {
    let world = World::start();
    // The journal's name is as long as a file's may be; that of the file beside it would be longer.
    let journal = format!("{}.jsonl", "u".repeat(249));
    let ran = Printed::of(&mut world.breaking("poison-in-a-crowd", &journal));
    let said = &ran.assert(3).stderr;
    assert!(said.contains("messages of the run are left"), "{said}");
    assert!(said.contains("verifier dlq purge --filter"), "{said}");
    assert_eq!(world.lease(), json!(null), "all else is restored: {said}");
}

#[test]
fn only_previews_are_broken_and_only_when_somebody_said_so() {
    let world = World::start();
    let template = json!({
        "Resources": {"Jobs": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "precious"}},
            "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "precious-dead"}}},
        "Outputs": {"JobsQueueName": {"Value": {"Fn::GetAtt": ["Jobs", "QueueName"]}},
            "JobsDeadLetterQueueName": {"Value": {"Fn::GetAtt": ["Dead", "QueueName"]}}},
    });
    world.local.create_stack("Production", &template);
    let refused = world.chaos(&["run", "mapping-flap", "--stack", "Production", "--yes"]);
    assert!(refused.assert(2).stderr.contains("Production is no preview"), "{}", refused.stderr);
    let unasked = world.chaos(&["run", "mapping-flap", "--stack", STACK]);
    assert!(unasked.assert(2).stderr.contains("--yes"), "{}", unasked.stderr);
    let nothing = world.chaos(&["rollback", "--journal", "none.jsonl"]);
    nothing.assert(2);
}

/// The end of each job of an experiment by that load and those changes, on the stack.
fn found(world: &World, name: &str, load: &Value, changes: &Value) -> Value {
    let experiment = json!({
        "schema": "verifier.chaos.experiment/1", "name": name, "load": load, "changes": changes,
        "steadyState": {"checks": ["cfg.*"]}, "undoAtMilliseconds": 60_000,
    });
    let file = format!("{name}.json");
    std::fs::write(world.path(&file), experiment.to_string()).unwrap();
    let mut command = world.breaking(&file, &format!("{name}.jsonl"));
    let ended = Printed::of(command.args(["--format", "json"]));
    ended.assert(0).json()
}

/// The names of the anomalies in a result.
fn anomalies(result: &Value) -> BTreeSet<String> {
    let findings = result["evaluation"]["findings"].as_array().expect("findings").iter();
    findings.map(|finding| finding["anomaly"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn clients_that_err_and_jobs_that_end_the_worker_do_what_they_do_in_the_simulator() {
    let world = World::start();
    let submit = |name: &str, at: u64, job: Value| json!({"submit": {"name": name, "atMilliseconds": at, "job": job}});
    let load = json!([
        {"submit": {"name": "twice", "atMilliseconds": 0, "job": "good", "times": 2}},
        submit("large", 0, "oversize".into()),
        submit("cut", 0, "cut-off".into()),
        submit("before", 10_000, json!({"exiting": {"at": "before"}})),
        submit("after", 20_000, json!({"exiting": {"at": "after"}})),
        submit("garbles", 30_000, "garbling".into()),
    ]);
    let result = found(&world, "careless", &load, &json!([]));
    assert_eq!(result["evaluation"]["violations"], json!([]), "{result:#}");
    let count = |name: &str| result["evaluation"]["counts"][name].as_u64().expect("a count");
    // What is too large is refused, and half a request never arrives.
    let answers = ["submits", "accepted", "refused", "unanswered"].map(count);
    assert_eq!(answers, [7, 5, 1, 1], "{result:#}");
    // Those that end the worker's process or garble its response are dead in the end, and the two copies are done.
    assert_eq!(count("deadLetters"), 3, "{result:#}");
}

#[test]
fn a_queue_is_purged_only_where_somebody_said_so() {
    let world = World::start();
    let experiment = json!({
        "schema": "verifier.chaos.experiment/1", "name": "purging", "undoAtMilliseconds": 60_000,
        "steadyState": {"checks": ["cfg.*"]},
        "load": [
            {"submit": {"name": "poison", "atMilliseconds": 0, "job": "poison"}},
            {"purge": {"atMilliseconds": 30_000}},
        ],
    });
    std::fs::write(world.path("purging.json"), experiment.to_string()).unwrap();
    let refused = Printed::of(&mut world.breaking("purging.json", "refused.jsonl"));
    assert!(refused.assert(2).stderr.contains("--allow-purge"), "{}", refused.stderr);
    let mut command = world.breaking("purging.json", "undo.jsonl");
    let ended = Printed::of(command.args(["--allow-purge", "--format", "json"]));
    let result = ended.assert(0).json();
    assert_eq!(anomalies(&result), BTreeSet::from(["lost".to_owned()]), "{result:#}");
}

#[test]
fn messages_are_only_deleted_for_nothing_where_somebody_said_so() {
    let world = World::start();
    let refused = Printed::of(&mut world.breaking("careless-mapping", "refused.jsonl"));
    let said = &refused.assert(2).stderr;
    assert!(said.contains("--allow-purge") && said.contains("batch-item-failures"), "{said}");
    assert!(!world.path("refused.jsonl").exists());
}

#[test]
fn somebody_else_who_receives_uses_receives_up() {
    let world = World::start();
    let load = json!([{"burst": {"name": "good", "atMilliseconds": 500, "count": 6,
        "everyMilliseconds": 2000, "job": "good"}}]);
    let changes = json!([{"setting": {"competing-receiver": {"seconds": 5}},
        "fromMilliseconds": 0, "untilMilliseconds": 50_000}]);
    let result = found(&world, "stolen", &load, &changes);
    assert_eq!(result["evaluation"]["violations"], json!([]), "{result:#}");
    let allowed: BTreeSet<String> =
        ["innocent-dlq", "premature-dlq", "late-dlq", "redelivered"].map(str::to_owned).into();
    assert!(anomalies(&result).is_subset(&allowed), "{result:#}");
}
