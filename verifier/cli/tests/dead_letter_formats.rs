//! What `verifier dlq` and `verifier redrive` print, against their schemas, and what they ask of AWS, against the policies
//! that `verifier iam-policy` makes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy allows these in test functions only, and here helpers fail the test too"
)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::{Local, Printed, STACK, VERIFIER, assert_valid, is_valid};
use verifier_core::iam::{
    DLQ_IMPORT, DLQ_LOOK, DLQ_PURGE, DLQ_QUEUES, Permission, REDRIVE, REDRIVE_NATIVE,
};
use verifier_testkit::scrubbed;

/// A stack with dead jobs, and a folder for files.
struct World {
    local: Local,
    folder: tempfile::TempDir,
}

impl World {
    /// One with so many dead jobs.
    fn start(dead: usize) -> Self {
        let local = Local::start(&[]);
        for number in 0..dead {
            local.submit(&json!({"task": format!("fail {number}"), "fail": true}));
        }
        let world = Self { local, folder: tempfile::tempdir().expect("a folder") };
        // Nothing is skipped while a client is at work; this one only waits until they are dead.
        let arguments = ["dlq", "watch", "--stack", STACK, "--for", "5m"];
        world.run(&arguments).assert(0);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("a path").to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = scrubbed(VERIFIER);
        command.args(arguments).args(["--format", "json"]).current_dir(self.folder.path());
        if !arguments.contains(&"status") {
            command.args(["--endpoint-url", self.local.text("/endpoint")]);
            command.env(support::TOKEN_VARIABLE, self.local.token());
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Printed {
        Printed::of(&mut self.command(arguments))
    }

    /// What the command prints, which has to keep to its schema.
    fn document(&self, code: i32, schema: &str, arguments: &[&str]) -> Value {
        let document = self.run(arguments).assert(code).json();
        assert_valid(schema, &document);
        document
    }
}

/// Asserts that what was called is what a policy allows, and that it lacks nothing that every run needs.
///
/// STS tells everybody who they are, without a permission.
fn assert_allowed(document: &Value, permissions: &[Permission]) {
    let calls = document["awsCalls"].as_object().expect("calls");
    let called: BTreeSet<&str> =
        calls.keys().map(String::as_str).filter(|name| *name != "STS.GetCallerIdentity").collect();
    let listed = |only: fn(&&Permission) -> bool| -> BTreeSet<&str> {
        permissions.iter().filter(only).map(|entry| entry.operation).collect()
    };
    let (all, always) = (listed(|_| true), listed(|entry| entry.only_when.is_none()));
    assert!(called.is_subset(&all), "{called:?} is more than {all:?}");
    assert!(always.is_subset(&called), "{called:?} is less than {always:?}");
}

#[test]
fn what_looks_at_messages_keeps_to_its_schema_and_needs_what_its_policy_allows() {
    let world = World::start(3);
    let list = world.document(0, "dlq.1", &["dlq", "list", "--stack", STACK]);
    assert_eq!(list["messages"].as_array().unwrap().len(), 3);
    let counts = json!({"mostBefore": 3, "mostAfter": 4});
    assert_eq!(list["receiveCounts"], counts, "what looking cost: {list:#}");
    let id = list["messages"][0]["messageId"].as_str().unwrap();
    let explained = world.document(0, "dlq.1", &["dlq", "explain", "--stack", STACK]);
    let shown = world.document(0, "dlq.1", &["dlq", "show", id, "--stack", STACK]);
    let arguments = ["dlq", "export", "messages.jsonl", "--stack", STACK];
    let exported = world.document(0, "dlq.1", &arguments);
    let counted = world.document(0, "dlq.1", &["dlq", "watch", "--stack", STACK, "--for", "1s"]);
    assert_eq!(counted["visible"], 3);
    for document in [list, explained, shown, exported] {
        assert_allowed(&document, &DLQ_LOOK);
    }
}

#[test]
fn the_dead_letter_queues_of_an_account_need_what_their_policy_allows() {
    let world = World::start(3);
    let operations = |document: &Value| -> BTreeSet<String> {
        document["awsCalls"].as_object().unwrap().keys().cloned().collect()
    };
    let listed = |only: fn(&&Permission) -> bool| -> BTreeSet<String> {
        DLQ_QUEUES.iter().filter(only).map(|entry| entry.operation.to_owned()).collect()
    };
    let shown = world.document(0, "dlq.1", &["dlq", "queues"]);
    assert_eq!(operations(&shown), listed(|entry| entry.only_when.is_none()));
    let looked = world.document(0, "dlq.1", &["dlq", "queues", "--look"]);
    assert_eq!(looked["queues"][0]["expiry"], "known", "{looked:#}");
    assert_eq!(operations(&looked), listed(|_| true));
}

#[test]
fn what_moves_messages_keeps_to_its_schema_and_needs_what_its_policy_allows() {
    let world = World::start(3);
    let arguments = ["dlq", "purge", "--stack", STACK, "--yes", "--backup", "backup.jsonl"];
    let purged = world.document(0, "dlq.1", &arguments);
    assert_eq!(purged["deleted"], 3);
    assert_allowed(&purged, &DLQ_PURGE);
    let arguments = ["dlq", "import", "backup.jsonl", "--stack", STACK];
    let imported = world.document(0, "dlq.1", &arguments);
    assert_eq!(imported["sent"].as_array().unwrap().len(), 3);
    assert_allowed(&imported, &DLQ_IMPORT);
}

#[test]
fn a_redrive_its_plan_its_journal_and_its_status_keep_to_their_schemas() {
    let world = World::start(3);
    let arguments = ["redrive", "--stack", STACK, "--plan-only", "plan.json"];
    let plan = world.document(0, "redrive-plan.1", &arguments);
    assert_eq!(plan["messages"].as_array().unwrap().len(), 3);
    let written = std::fs::read_to_string(world.path("plan.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), plan);
    std::fs::write(world.path("patch.json"), json!({"note": "again"}).to_string()).unwrap();
    let journal = world.text("journal.jsonl");
    let arguments = ["redrive", "--stack", STACK, "--yes", "--journal", &journal];
    let patch = ["--patch", "patch.json", "--reason-note", "fixed"];
    let redriven = world.document(4, "redrive.1", &[&arguments[..], &patch].concat());
    assert_eq!(redriven["accounting"]["bounced"], 1);
    assert_allowed(&redriven, &REDRIVE);
    let status = world.document(0, "redrive-status.1", &["redrive", "status", &journal]);
    assert_eq!(status["bounced"], redriven["bounced"]);
    assert_journal_valid(Path::new(&journal), &["started", "step", "intent", "sent", "evaluated"]);
    // The plan's messages stand in a journal of its own.
    let arguments = ["redrive", "--execute", "plan.json", "--yes", "--journal", "second.jsonl"];
    world.document(4, "redrive.1", &arguments);
    assert_journal_valid(&world.path("second.jsonl"), &["planned", "evaluated", "ended"]);
}

/// Asserts that each line keeps to the schema, and that these kinds are among them.
fn assert_journal_valid(journal: &Path, kinds: &[&str]) {
    let lines = std::fs::read_to_string(journal).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert_valid("redrive-journal.1", line);
    }
    let found: BTreeSet<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    for kind in kinds {
        assert!(found.contains(kind), "no {kind} among {found:?}");
    }
}

#[test]
fn a_redrive_by_sqs_keeps_to_its_schema_and_needs_what_its_policy_allows() {
    let world = World::start(3);
    let arguments = ["redrive", "--native", "--stack", STACK];
    let plan = world.document(0, "redrive-native.1", &[&arguments[..], &["--dry-run"]].concat());
    assert_eq!(plan["toMove"], 3);
    let moved = world.document(0, "redrive-native.1", &[&arguments[..], &["--yes"]].concat());
    assert_eq!(moved["moved"], 3);
    assert_allowed(&moved, &REDRIVE_NATIVE);
}

#[test]
fn the_schemas_refuse_what_is_none_of_theirs() {
    let world = World::start(1);
    let list = world.document(0, "dlq.1", &["dlq", "list", "--stack", STACK]);
    let changes: [fn(&mut Value); 4] = [
        |list| list["schema"] = "verifier.dlq.list/2".into(),
        |list| list["messages"][0]["ageSeconds"] = "old".into(),
        |list| list["more"] = 1.into(),
        |list| drop(list.as_object_mut().unwrap().remove("awsCalls")),
    ];
    for change in changes {
        let mut other = list.clone();
        change(&mut other);
        assert!(!is_valid("dlq.1", &other), "{other:#}");
    }
    for schema in
        ["redrive.1", "redrive-status.1", "redrive-native.1", "redrive-plan.1", "redrive-journal.1"]
    {
        assert!(!is_valid(schema, &list), "{schema}");
    }
}
