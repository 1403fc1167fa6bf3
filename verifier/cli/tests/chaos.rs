//! `verifier chaos`, from the program's own output.
#![allow(clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use boon::{Compiler, Schemas};
use serde_json::{Value, json};
use verifier_testkit::{run, scrubbed};

/// What a command came to.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn chaos(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command: Command = scrubbed(env!("CARGO_BIN_EXE_verifier"));
    let Output { status, stdout, stderr } =
        run(command.current_dir(folder).arg("chaos").args(arguments));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is text");
    Ran { code: status.code(), out: text(stdout), err: text(stderr) }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Fails with every deviation of a result from its schema.
fn assert_valid(result: &Value) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/chaos.1.schema.json");
    let mut schemas = Schemas::new();
    let index = Compiler::new().compile(path, &mut schemas).unwrap_or_else(|e| panic!("{e:#}"));
    schemas.validate(result, index).unwrap_or_else(|e| panic!("{e:#}\n{result:#}"));
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// An experiment in a file.
fn file(folder: &Path, name: &str, experiment: &Value) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, experiment.to_string()).expect("a file");
    path
}

/// Poison that a mapping deletes, which nothing allows: the change that would is not told in the history.
fn history_with_a_violation(folder: &Path) -> PathBuf {
    let ran = chaos(folder, &["run", "careless-mapping", "--history", "all.jsonl"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let text = std::fs::read_to_string(folder.join("all.jsonl")).expect("the history");
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("\"changed\"")).collect();
    let path = folder.join("some.jsonl");
    std::fs::write(&path, kept.join("\n")).expect("a file");
    path
}

#[test]
fn every_built_in_experiment_is_listed_shown_and_run() {
    let folder = folder();
    let list = parse(&chaos(folder.path(), &["list", "--format", "json"]).out);
    assert_eq!(list["schema"], "verifier.chaos.list/1");
    let experiments = list["experiments"].as_array().expect("experiments");
    let human = chaos(folder.path(), &["list"]).out;
    assert_eq!(human.lines().count(), experiments.len());
    for experiment in experiments {
        let name = experiment["name"].as_str().expect("a name");
        assert!(human.contains(name), "{human}");
        let shown = chaos(folder.path(), &["show", name]);
        assert!(shown.out.contains(&format!("name: {name}\n")), "{}", shown.out);
        let ran = chaos(folder.path(), &["run", name, "--target", "sim", "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{name}: {}{}", ran.out, ran.err);
        let result = parse(&ran.out);
        assert_valid(&result);
        assert_eq!(result["verdict"], "pass");
        assert_eq!(result["evaluation"]["drained"], true);
        assert_eq!(result["steadyState"]["after"]["verdict"], "pass");
    }
    // Nothing is left in the folder that was not asked for.
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn a_file_that_was_shown_can_be_run_and_changed() {
    let folder = folder();
    let shown = chaos(folder.path(), &["show", "poison-in-a-crowd"]).out;
    let mine = folder.path().join("mine.yaml");
    std::fs::write(&mine, shown.replace("poison-in-a-crowd", "mine")).expect("a file");
    let ran = chaos(folder.path(), &["run", "mine.yaml", "--seed", "42", "--format", "json"]);
    let result = parse(&ran.out);
    assert_eq!(result["experiment"]["name"], "mine");
    assert_eq!(result["evaluation"]["seed"], 42);
    assert_eq!(result["again"], "verifier chaos run mine.yaml --seed 42");
    std::fs::write(&mine, shown.replace("seed:", "sede:")).expect("a file");
    let ran = chaos(folder.path(), &["run", "mine.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("mine.yaml cannot be used: sede: unknown field"), "{}", ran.err);
}

#[test]
fn everything_is_written_to_a_folder_and_replays_to_the_byte() {
    let folder = folder();
    let ran = chaos(folder.path(), &["run", "lost-ack", "--out", "new/out", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let out = folder.path().join("new/out");
    let written = parse(&std::fs::read_to_string(out.join("result.json")).expect("the result"));
    assert_eq!(written, parse(&ran.out));
    let replayed = chaos(
        folder.path(),
        &["replay", "new/out/experiment.json", "--history", "again.jsonl", "--format", "json"],
    );
    let result = parse(&replayed.out);
    assert_valid(&result);
    assert_eq!(replayed.code, Some(0), "{}", replayed.err);
    assert_eq!(result["replay"]["identicalHistory"], true);
    let read = |path: &Path| std::fs::read(path).expect("a history");
    assert_eq!(read(&folder.path().join("again.jsonl")), read(&out.join("history.jsonl")));
    // Another seed is another history.
    let mut other = parse(&std::fs::read_to_string(out.join("experiment.json")).expect("it"));
    other["seed"] = 77.into();
    let other = file(folder.path(), "other.json", &other);
    let replayed = chaos(folder.path(), &["replay", &other.display().to_string()]);
    assert!(
        replayed.out.contains("the same anomalies again")
            || replayed.out.contains("not what was found"),
        "{}",
        replayed.out
    );
    // What holds nothing to compare with is run, not replayed.
    std::fs::write(
        folder.path().join("mine.yaml"),
        chaos(folder.path(), &["show", "lost-ack"]).out,
    )
    .expect("a file");
    let refused = chaos(folder.path(), &["replay", "mine.yaml"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("verifier chaos run mine.yaml"), "{}", refused.err);
}

#[test]
fn a_history_is_evaluated_offline() {
    let folder = folder();
    let history = history_with_a_violation(folder.path());
    let history = history.to_str().expect("a path");
    let ran = chaos(folder.path(), &["analyze", history, "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    let result = parse(&ran.out);
    assert_valid(&result);
    assert_eq!(result["evaluation"]["violations"], json!(["poison-as-success"]));
    let human = chaos(folder.path(), &["analyze", history]);
    assert!(human.out.contains("✗ poison-as-success"), "{}", human.out);
    assert!(human.out.contains("early (lines "), "{}", human.out);
    let allowed = chaos(folder.path(), &["analyze", history, "--allow", "poison-as-success"]);
    assert_eq!(allowed.code, Some(0), "{}", allowed.out);
    assert!(allowed.out.contains("allowed by the experiment"), "{}", allowed.out);
    let unknown = chaos(folder.path(), &["analyze", history, "--allow", "poisoned"]);
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.err.contains("there is no anomaly poisoned; there are lost, "),
        "{}",
        unknown.err
    );
}

#[test]
fn what_is_no_history_is_refused_and_what_has_no_end_is_unknown() {
    let folder = folder();
    for (text, problem) in [
        ("", "the history is empty"),
        ("{}\n", "line 1 of the history is not a header"),
        ("{\"version\":9}\n", "has version 9"),
    ] {
        std::fs::write(folder.path().join("h.jsonl"), text).expect("a file");
        let ran = chaos(folder.path(), &["analyze", "h.jsonl"]);
        assert_eq!(ran.code, Some(2), "{text}");
        assert!(ran.err.contains(problem), "{}", ran.err);
    }
    assert_eq!(chaos(folder.path(), &["analyze", "none.jsonl"]).code, Some(2));
    chaos(folder.path(), &["run", "lost-ack", "--history", "h.jsonl"]);
    let text = std::fs::read_to_string(folder.path().join("h.jsonl")).expect("the history");
    let cut: Vec<&str> = text.lines().take(20).collect();
    std::fs::write(folder.path().join("h.jsonl"), cut.join("\n")).expect("a file");
    let ran = chaos(folder.path(), &["analyze", "h.jsonl", "--format", "json"]);
    assert_eq!(ran.code, Some(3), "{}", ran.out);
    let result = parse(&ran.out);
    assert_valid(&result);
    assert_eq!(result["evaluation"]["verdict"], "unknown");
}

#[test]
fn a_run_that_its_guard_breaks_off_is_stopped_and_not_passed() {
    let folder = folder();
    for (limit, condition) in
        [(["--max-duration", "60s"], "max-duration"), (["--max-cost-calls", "3"], "max-cost-calls")]
    {
        let ran =
            chaos(folder.path(), &["run", "mapping-flap", limit[0], limit[1], "--format", "json"]);
        assert_eq!(ran.code, Some(4), "{}{}", ran.out, ran.err);
        let result = parse(&ran.out);
        assert_valid(&result);
        assert_eq!(result["evaluation"]["aborted"], condition);
        // Whatever was changed by then was restored.
        let undone = result["evaluation"]["undone"].as_array().expect("a list").len();
        let changed = result["evaluation"]["faults"].as_array().expect("a list").len();
        assert_eq!(undone, changed, "{result:#}");
    }
    let human = chaos(folder.path(), &["run", "mapping-flap", "--max-duration", "60s"]);
    assert!(
        human.out.contains("STOPPED  broken off by its own guard: max-duration"),
        "{}",
        human.out
    );
}

#[test]
fn exploring_a_sound_stack_finds_nothing_and_tells_the_seed_and_the_rate() {
    let folder = folder();
    let ran = chaos(
        folder.path(),
        &["explore", "--schedules", "300", "--jobs", "2", "--coverage", "--format", "json"],
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let result = parse(&ran.out);
    assert_valid(&result);
    assert_eq!(result["exploration"]["schedules"], 300);
    assert!(result["exploration"]["schedulesPerSecond"].as_f64() > Some(10.0), "{result:#}");
    assert!(ran.err.contains("crash"), "the coverage is printed: {}", ran.err);
    let seed = result["exploration"]["seed"].to_string();
    assert_eq!(result["again"], format!("verifier chaos explore --seed {seed} --schedules 300"));
    let one = chaos(
        folder.path(),
        &["explore", "--schedules", "300", "--jobs", "1", "--seed", &seed, "--format", "json"],
    );
    let one = parse(&one.out);
    assert_eq!(one["exploration"]["coverage"], result["exploration"]["coverage"]);
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn a_violation_is_a_page_and_on_github_an_annotation_with_its_trace() {
    let folder = folder();
    let history = history_with_a_violation(folder.path());
    let history = history.to_str().expect("a path");
    let ran = chaos(folder.path(), &["analyze", history, "--report", "report.html"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("the page");
    for part in ["<!doctype html>", "FAIL", "poison-as-success", "<svg", "verifier chaos analyze"] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    let summary = folder.path().join("summary.md");
    std::fs::write(&summary, "before\n").expect("a file");
    let mut command = scrubbed(env!("CARGO_BIN_EXE_verifier"));
    command.current_dir(folder.path()).env("GITHUB_STEP_SUMMARY", &summary);
    let output = run(command.args(["chaos", "analyze", history, "--format", "github"]));
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(log.contains("::error title=poison-as-success::"), "{log}");
    let written = std::fs::read_to_string(&summary).expect("the summary");
    assert!(written.starts_with("before\n### ❌ FAIL: "), "{written}");
    assert!(written.contains("```mermaid\nsequenceDiagram"), "{written}");
}

#[test]
fn what_could_not_be_written_is_refused_before_anything_is_run() {
    let folder = folder();
    for option in ["--report", "--history"] {
        let ran = chaos(folder.path(), &["run", "lost-ack", option, "none/file"]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{option}");
        assert!(ran.err.contains("none/file cannot be written"), "{}", ran.err);
    }
}

#[cfg(not(feature = "seeded-bugs"))]
#[test]
fn a_bug_that_this_program_does_not_have_is_told_apart_from_none() {
    let folder = folder();
    let ran = chaos(folder.path(), &["explore", "--schedules", "5", "--bug", "lost"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--features seeded-bugs"), "{}", ran.err);
}
