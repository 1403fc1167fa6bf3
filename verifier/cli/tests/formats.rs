//! `verifier check --format …`, from the program's own output.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::{VERIFIER, assert_valid, is_valid};
use verifier_testkit::{Changes, run, scrubbed, template};

fn command(format: &str, template: Option<&Path>) -> Command {
    let mut command = scrubbed(VERIFIER);
    command.args(["check", "--local", "--format", format]);
    if let Some(template) = template {
        command.arg("--template").arg(template);
    }
    command
}

fn check(format: &str, template: Option<&Path>) -> (Option<i32>, String) {
    let Output { status, stdout, .. } = run(&mut command(format, template));
    (status.code(), String::from_utf8(stdout).expect("the output is text"))
}

/// A stack that fails one check and warns in another, so that no job is submitted.
fn failing(changes: &mut Changes) {
    changes.jobs_queue()["VisibilityTimeout"] = 30.into();
    let outputs = changes.document()["Outputs"].as_object_mut().expect("there are outputs");
    outputs.remove("ApiUrl");
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn json_keeps_to_its_schema_whatever_the_verdict() {
    let failing = template(failing);
    let not_there = Path::new("none.template.json");
    for (template, code, verdict) in [(None, 0, "pass"), (Some(failing.path()), 1, "fail")] {
        let (exit, text) = check("json", template);
        let report = parse(&text);
        assert_eq!((exit, report["verdict"].as_str()), (Some(code), Some(verdict)), "{text}");
        assert_valid("check.1", &report);
    }
    // What is wrong before a run begins is no report.
    assert_eq!(check("json", Some(not_there)), (Some(2), String::new()));
}

#[test]
fn a_run_that_aws_does_not_answer_keeps_to_the_schema_too() {
    let mut command = scrubbed(VERIFIER);
    // Nothing listens on the discard port of this machine.
    command.args(["check", "--stack", "Stack-PR1", "--endpoint-url", "http://127.0.0.1:9"]);
    let output = run(command.args(["--format", "json"]));
    assert_eq!(output.status.code(), Some(3));
    let report = parse(&String::from_utf8_lossy(&output.stdout));
    assert_valid("check.1", &report);
    assert!(report["error"]["message"].is_string(), "{report:#}");
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let (_, text) = check("json", None);
    let report = parse(&text);
    let changes: [fn(&mut Value); 4] = [
        |report| report["schema"] = "verifier.check/2".into(),
        |report| report["checks"][0]["verdict"] = "good".into(),
        |report| report["more"] = 1.into(),
        |report| {
            report.as_object_mut().expect("an object").remove("leftBehind");
        },
    ];
    for change in changes {
        let mut other = report.clone();
        change(&mut other);
        assert!(!is_valid("check.1", &other), "{other:#}");
    }
}

#[test]
fn jsonl_is_an_event_a_line_from_started_to_finished() {
    let (exit, text) = check("jsonl", None);
    assert_eq!(exit, Some(0), "{text}");
    let events: Vec<Value> = text.lines().map(parse).collect();
    for event in &events {
        assert_valid("check-event.1", event);
    }
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"started"), Some(&"finished")));
    let position = |kind: &str| kinds.iter().position(|known| *known == kind);
    assert!(position("waiting") < position("traced"), "{kinds:?}");
    let settled = kinds.iter().filter(|kind| **kind == "settled").count();
    let report = &events[events.len() - 1]["report"];
    assert_eq!(Some(settled), report["checks"].as_array().map(Vec::len));
    // A failing job's way to the dead-letter queue is there in full.
    let jobs = report["jobs"].as_array().expect("jobs");
    let failing = jobs.iter().find(|job| job["fails"] == true).expect("a failing job");
    let steps = failing["steps"].as_array().expect("steps");
    let kinds: Vec<&Value> = steps.iter().map(|step| &step["kind"]).collect();
    assert_eq!(kinds, ["attempt", "attempt", "attempt", "dead-lettered"]);
}

#[test]
fn junit_names_the_check_that_failed() {
    let failing = template(failing);
    let (exit, text) = check("junit", Some(failing.path()));
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.starts_with("<?xml"), "{text}");
    let case = text.split(r#"<testcase name="stack.ready""#).nth(1).expect("the case is there");
    let case = case.split("</testcase>").next().unwrap_or_default();
    assert!(case.contains("<failure") && case.contains("ApiUrl"), "{case}");
    let (exit, text) = check("junit", None);
    assert_eq!(exit, Some(0));
    assert!(!text.contains("<failure") && !text.contains("<error"), "{text}");
}

#[test]
fn github_annotates_and_appends_to_the_job_summary() {
    let failing = template(failing);
    let folder = tempfile::tempdir().expect("a folder");
    let summary = folder.path().join("summary.md");
    std::fs::write(&summary, "before\n").expect("a file");
    let mut command = command("github", Some(failing.path()));
    let output = run(command.env("GITHUB_STEP_SUMMARY", &summary));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let first = text.lines().next().unwrap_or_default();
    let token = first.strip_prefix("::stop-commands::").expect("commands are stopped first");
    let (_, annotations) =
        text.split_once(&format!("::{token}::\n")).expect("and allowed at the end");
    assert!(annotations.contains("::error title=stack.ready::"), "{annotations}");
    let written = std::fs::read_to_string(&summary).expect("the summary");
    assert!(written.starts_with("before\n### ❌ FAIL: Changed"), "{written}");
    assert!(written.contains("verifier check --local"), "{written}");
    // Other formats leave the job summary to others.
    let mut human = self::command("human", Some(failing.path()));
    run(human.env("GITHUB_STEP_SUMMARY", &summary));
    assert_eq!(std::fs::read_to_string(&summary).expect("the summary"), written);
}

#[test]
fn the_human_view_has_colours_when_they_are_forced_and_none_with_no_color() {
    let forced = run(command("human", None).env("CLICOLOR_FORCE", "1"));
    assert!(forced.stdout.contains(&0x1b));
    let refused = run(command("human", None).env("NO_COLOR", "1"));
    assert!(!refused.stdout.contains(&0x1b));
}
