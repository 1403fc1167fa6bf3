//! Workers that are wrong in one way each, in another language than this project's: which anomaly names it.
//!
//! The steady state is not looked at beyond the configuration, since it would notice most of them before anything is broken.
//! What is wrong here is seen in the emulator's inside, or in the worker's lines for its side effects.
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;
use verifier_testkit::{run, scrubbed};

const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");

/// Jobs of several kinds, some in one batch, and deliveries that come twice.
const EXPERIMENT: &str = r#"{
  "schema": "verifier.chaos.experiment/1", "name": "workers", "steadyState": {"checks": ["cfg.*"]},
  "load": [
    {"burst": {"name": "crowd", "atMilliseconds": 0, "count": 24, "everyMilliseconds": 20, "job": "good"}},
    {"burst": {"name": "poison", "atMilliseconds": 100, "count": 2, "everyMilliseconds": 200, "job": "poison"}},
    {"burst": {"name": "flaky", "atMilliseconds": 150, "count": 2, "everyMilliseconds": 200, "job": {"flaky": {"fails": 1}}}}],
  "faults": [{"operation": "DeleteMessage", "caller": "mapping", "contains": "crowd-1", "nth": 1, "count_by": "message",
              "fault": {"kind": "delete-lost"}}],
  "undoAtMilliseconds": 30000}"#;

/// What is wrong with a worker, and the anomalies by which that has to be named: one of them at least, and none beyond them.
const WORKERS: [(&str, &[&str]); 12] = [
    ("does everything twice", &["duplicated-effect"]),
    ("does again what it did", &["duplicated-effect"]),
    ("does what has to fail", &["poison-as-success"]),
    ("acknowledges failures", &["poison-as-success", "lost"]),
    ("drops beyond the third", &["lost", "poison-as-success"]),
    ("loses one in seven", &["lost", "poison-as-success"]),
    ("says it did one in seven", &["lost"]),
    ("gives up after two", &["poison-as-success"]),
    ("fails what is flaky for ever", &["uncaused-failure"]),
    ("fails at random", &["uncaused-failure", "innocent-dlq"]),
    ("fails all for one", &["batch-poisoned", "innocent-dlq", "effect-and-dlq"]),
    (
        "says it did what it did not",
        &["contradicted-outcome", "batch-poisoned", "innocent-dlq", "effect-and-dlq"],
    ),
];

/// A folder of functions with the worker of that flaw.
fn functions(folder: &Path, flaw: &str) -> PathBuf {
    let functions = folder.join("functions");
    std::fs::create_dir_all(functions.join("done")).expect("a folder");
    let built = Path::new(VERIFIER).parent().expect("a folder");
    for name in ["hello", "submit-job"] {
        symlink(built.join(name), functions.join(name)).expect("a link");
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let runtime = tests.join("second_stack/functions/runtime.py");
    std::fs::copy(runtime, functions.join("runtime.py")).expect("a copy");
    let text = std::fs::read_to_string(tests.join("workers/worker.py")).expect("the worker");
    let worker = functions.join("worker");
    std::fs::write(&worker, format!("#!/usr/bin/env -S python3 -B\n{text}")).expect("a file");
    std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).expect("executable");
    std::fs::write(functions.join("flaw"), flaw).expect("a file");
    functions
}

/// What a worker with that flaw comes to.
fn violations(flaw: &str) -> (BTreeSet<String>, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let experiment = folder.path().join("workers.json");
    std::fs::write(&experiment, EXPERIMENT).expect("a file");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = scrubbed(VERIFIER);
    command.current_dir(folder.path()).args(["chaos", "run"]).arg(&experiment);
    command.args(["--target", "local", "--format", "json", "--functions"]);
    command.arg(functions(folder.path(), flaw)).arg("--template");
    command.arg(root.join("stack/template/Stack-PR123.template.json"));
    let output = run(&mut command);
    let result: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let found = result["evaluation"]["violations"].as_array().expect("violations");
    (found.iter().filter_map(Value::as_str).map(str::to_owned).collect(), result)
}

#[test]
fn a_sound_worker_of_another_language_passes() {
    let (found, result) = violations("none");
    assert!(found.is_empty(), "{:#}", result["evaluation"]);
    assert_eq!(result["verdict"], "pass", "{result:#}");
    let unknown = result["evaluation"]["unknown"].to_string();
    assert!(!unknown.contains("duplicated-effect"), "its effects are told: {unknown}");
}

#[test]
fn each_wrong_worker_is_named_by_what_is_wrong_with_it() {
    let mut wrong = Vec::new();
    for (flaw, expected) in WORKERS {
        let (found, result) = violations(flaw);
        let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        let is_right =
            !found.is_empty() && found.is_subset(&expected) && result["verdict"] == "fail";
        let found = found.into_iter().collect::<Vec<_>>().join(", ");
        println!("{flaw:<30} {found}");
        if !is_right {
            let findings = &result["evaluation"]["findings"];
            wrong.push(format!("a worker that {flaw}: {found}, and not {expected:?}\n{findings}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
