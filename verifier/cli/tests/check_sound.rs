//! A sound stack passes whatever AWS may do within its bounds: messages come late and in another order, polls find nothing,
//! log lines come late, and others use the same queues. The environment variable `VERIFIER_SOUND_RUNS` says how often
//! that is tried.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::{Local, fault_file_of_seed};

/// How many runs there are unless the environment says otherwise.
const RUNS: u64 = 8;
/// How many runs share an emulator, so that others' dead letters of one are there in the next.
const RUNS_PER_STACK: u64 = 4;

/// What AWS may do, each with its chance.
fn jitter() -> Value {
    let at = |operation: &str, probability: f64, fault: Value| json!({"operation": operation, "probability": probability, "fault": fault});
    json!([
        at("SendMessage", 0.3, json!({"kind": "delayed-delivery", "milliseconds": 900})),
        at("ReceiveMessage", 0.1, json!({"kind": "reorder"})),
        at("ReceiveMessage", 0.1, json!({"kind": "empty-receive", "milliseconds": 300})),
        at("PutLogEvents", 0.3, json!({"kind": "log-late", "milliseconds": 5_000})),
        at("Invoke", 0.1, json!({"kind": "cold-start", "milliseconds": 400})),
    ])
}

#[test]
fn a_sound_stack_passes_every_time() {
    let asked = std::env::var("VERIFIER_SOUND_RUNS");
    let runs = asked.ok().map_or(RUNS, |runs| runs.parse().expect("a number of runs"));
    for first in (0..runs).step_by(usize::try_from(RUNS_PER_STACK).expect("small")) {
        let faults = fault_file_of_seed(first, &jitter());
        let local = Local::start(&["--faults", faults.path().to_str().expect("a path")]);
        for run in first..runs.min(first + RUNS_PER_STACK) {
            local.submit(&json!({"task": format!("another sender's {run}"), "fail": false}));
            local.submit(&json!({"task": format!("another sender's failing {run}"), "fail": true}));
            let checked = local.check(&[]);
            assert_eq!(
                checked.code,
                Some(0),
                "run {run}: {:#}\n{}",
                checked.report,
                checked.stderr
            );
            let warned = checked.with_verdict("warn");
            assert!(warned.is_empty(), "run {run}: {warned:?} {:#}", checked.report);
        }
    }
}
