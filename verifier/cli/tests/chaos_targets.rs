//! The simulator and the stack on this machine give the same schedules the same ends, job by job.
//!
//! What decides by chance which of several happenings a fault strikes may differ between the two, since the one does not take
//! the time that the other takes. So the faults here strike what a job's own message goes through.
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::Output;

use contract::Outcome;
use serde_json::Value;
use verifier_chaos::{Event, Expect, Experiment, History, JobKind, Operation, Schedule, Step};
use verifier_model::faults::FaultRule;
use verifier_testkit::{run, scrubbed};

const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");

/// How many schedules are compared; `cargo xtask soak chaos-targets` asks for more.
fn schedules() -> u64 {
    let asked = std::env::var("VERIFIER_CHAOS_SCHEDULES").ok();
    asked.map_or(20, |asked| asked.parse().expect("VERIFIER_CHAOS_SCHEDULES is a number"))
}

/// What can go wrong with the message of one job, `NAME`.
const FAULTS: [&str; 10] = [
    r#"{"operation":"POST /jobs","contains":"NAME","nth":1,"fault":{"kind":"disconnect","commit":"before"}}"#,
    r#"{"operation":"POST /jobs","contains":"NAME","nth":1,"fault":{"kind":"disconnect","commit":"after"}}"#,
    r#"{"operation":"POST /jobs","contains":"NAME","nth":1,"fault":{"kind":"error","status":429,"code":"x","commit":"after"}}"#,
    r#"{"operation":"POST /jobs","contains":"NAME","nth":1,"fault":{"kind":"error","status":503,"code":"x","commit":"before"}}"#,
    r#"{"operation":"SendMessage","contains":"NAME","nth":1,"fault":{"kind":"disconnect","commit":"after"}}"#,
    r#"{"operation":"SendMessage","contains":"NAME","nth":1,"fault":{"kind":"disconnect","commit":"before"}}"#,
    r#"{"operation":"DeleteMessage","contains":"NAME","nth":1,"fault":{"kind":"delete-lost"}}"#,
    r#"{"operation":"ReceiveMessage","caller":"mapping","contains":"NAME","nth":1,"count_by":"message","fault":{"kind":"receive-count-drift","by":1}}"#,
    r#"{"operation":"ReceiveMessage","caller":"mapping","contains":"NAME","nth":2,"count_by":"message","fault":{"kind":"early-move"}}"#,
    r#"{"operation":"ReceiveMessage","caller":"mapping","contains":"NAME","nth":1,"count_by":"message","fault":{"kind":"empty-receive","milliseconds":20000}}"#,
];

/// The random schedule of a seed, without what only the simulator does, and with faults of single jobs.
fn schedule(seed: u64) -> Schedule {
    let mut schedule = Schedule::generate(seed);
    schedule.changes.clear();
    schedule.steps.retain(|step| !matches!(step, Step::Redrive { .. }));
    let mut random = fastrand::Rng::with_seed(seed);
    for step in &mut schedule.steps {
        let (Step::Submit { job, .. } | Step::Burst { job, .. }) = step else { continue };
        match job {
            // Real functions take real time.
            JobKind::Slow { milliseconds } => *milliseconds = (*milliseconds).min(30),
            // They take with them whoever is in their batch, which nobody decides.
            JobKind::Exiting { .. } | JobKind::Garbling => *job = JobKind::Poison,
            _ => {}
        }
    }
    let names = schedule.steps.iter().filter_map(|step| match step {
        Step::Submit { name, .. } => Some(name.clone()),
        Step::Burst { name, .. } => Some(format!("{name}-0")),
        Step::Redrive { .. } | Step::Purge { .. } => None,
    });
    let rule = |name: String| -> Option<FaultRule> {
        let fault = FAULTS[random.usize(..FAULTS.len())];
        let text = fault.replace("NAME", &format!(r#"\"jobId\":\"{name}\""#));
        random.bool().then(|| serde_json::from_str(&text).expect("a rule"))
    };
    schedule.faults = names.filter_map(rule).collect();
    schedule.undo_at_milliseconds = 400_000;
    schedule
}

/// What became of a job: how its submits ended, how often it was attempted with which end, and how often it was
/// dead-lettered.
#[derive(Debug, Default, PartialEq, Eq)]
struct End {
    accepted: u32,
    refused: u32,
    unanswered: u32,
    succeeded: u32,
    failed: u32,
    dead_lettered: u32,
}

fn ends(history: &History) -> BTreeMap<String, End> {
    let mut ends: BTreeMap<String, End> = BTreeMap::new();
    let mut submits = HashMap::new();
    for line in &history.lines {
        match &line.event {
            Event::Invoke { op, operation: Operation::Submit { job, .. } } => {
                submits.insert(*op, job.to_string());
                ends.entry(job.to_string()).or_default();
            }
            Event::Ok { op, .. } => ends.entry(submits[op].clone()).or_default().accepted += 1,
            Event::Fail { op, .. } => ends.entry(submits[op].clone()).or_default().refused += 1,
            Event::Info { op, .. } => ends.entry(submits[op].clone()).or_default().unanswered += 1,
            Event::Attempt { job, outcome, .. } => {
                let end = ends.entry(job.to_string()).or_default();
                let count = match outcome {
                    Outcome::Succeeded => &mut end.succeeded,
                    Outcome::Failed => &mut end.failed,
                };
                *count += 1;
            }
            Event::DeadLettered { job, .. } => {
                ends.entry(job.to_string()).or_default().dead_lettered += 1;
            }
            _ => {}
        }
    }
    ends
}

fn run_on(target: &str, folder: &Path) -> (BTreeMap<String, End>, Value) {
    let history = folder.join(format!("{target}.jsonl"));
    let mut command = scrubbed(VERIFIER);
    command.current_dir(folder).args(["chaos", "run", "experiment.json", "--format", "json"]);
    command.args(["--target", target, "--history"]).arg(&history);
    if target == "local" {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        command.arg("--functions").arg(Path::new(VERIFIER).parent().expect("a folder"));
        command.arg("--template").arg(root.join("stack/template/Stack-PR123.template.json"));
    }
    let Output { stdout, stderr, .. } = run(&mut command);
    let result = serde_json::from_slice(&stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr)));
    let file = File::open(&history).expect("the history");
    (ends(&History::read(BufReader::new(file)).expect("a history")), result)
}

#[test]
fn the_simulator_and_the_local_stack_end_every_job_alike() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut jobs = 0;
    for seed in 0..schedules() {
        let mut experiment = Experiment::of_schedule("compared", "", schedule(seed));
        // One quick check is enough of a steady state: the jobs are what is looked at.
        experiment.steady_state.checks = vec!["stack.ready".to_owned()];
        // What was drawn need not strike.
        experiment.expect = Expect { accepted: Some(0), every_fault: false, ..Expect::default() };
        let text = serde_json::to_string(&experiment).expect("JSON");
        std::fs::write(folder.path().join("experiment.json"), &text).expect("a file");
        let (simulated, _) = run_on("sim", folder.path());
        let (local, result) = run_on("local", folder.path());
        assert_eq!(local, simulated, "seed {seed}: local differs from sim (right)\n{text}");
        assert_eq!(result["verdict"], "pass", "seed {seed}: {result:#}");
        assert_eq!(result["evaluation"]["drained"], true);
        jobs += local.len();
    }
    println!("{} schedules with {jobs} jobs end alike", schedules());
}

#[test]
fn a_crash_and_a_lost_answer_are_evaluated_on_real_processes() {
    for experiment in ["crash-after-effect", "lost-ack"] {
        let mut command = scrubbed(VERIFIER);
        let output = run(
            command.args(["chaos", "run", experiment, "--target", "local", "--format", "json"])
        );
        let result: Value = serde_json::from_slice(&output.stdout).expect("a result");
        assert_eq!(output.status.code(), Some(0), "{result:#}");
        assert_eq!(result["target"], "local");
        assert!(result["evaluation"]["faults"][0]["struck"].as_u64() > Some(1), "{result:#}");
        // Nothing is concluded from what nobody saw.
        let unknown = result["evaluation"]["unknown"].to_string();
        assert!(unknown.contains("duplicated-effect"), "{unknown}");
    }
}
