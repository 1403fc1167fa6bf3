//! `verifier check --report FILE`.
#![allow(clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Output;

use verifier_testkit::{run, scrubbed, template};

fn check(report: &Path, arguments: &[&str]) -> Output {
    let mut command = scrubbed(env!("CARGO_BIN_EXE_verifier"));
    run(command.args(["check", "--local", "--report"]).arg(report).args(arguments))
}

#[test]
fn a_page_is_written_for_a_good_run_and_for_a_bad_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.html");
    let output = check(&path, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let page = std::fs::read_to_string(&path).expect("the page");
    for part in ["<!doctype html>", "Pass", "dlq.arrival", "SQS.<wbr>ReceiveMessage", "<svg"] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    assert!(page.contains("failing, dead-lettered"), "{page}");
    let changed = template(|changes| changes.mapping()["Enabled"] = false.into());
    let changed = changed.path().to_str().expect("the path is text");
    let output = check(&path, &["--template", changed]);
    assert_eq!(output.status.code(), Some(1));
    let page = std::fs::read_to_string(&path).expect("the page");
    assert!(page.contains("<title>Fail: Changed</title>"), "{page}");
    let files = std::fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(files, 1, "no part of a page is left");
}

#[test]
fn a_run_writes_every_report_that_is_asked_for_in_the_format_of_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let mut command = scrubbed(env!("CARGO_BIN_EXE_verifier"));
    command.args(["check", "--local"]);
    for name in ["check.json", "check.xml", "check.md", "check.html"] {
        command.arg("--report").arg(path(name));
    }
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = |name: &str| std::fs::read_to_string(path(name)).expect("the report");
    let json: serde_json::Value = serde_json::from_str(&text("check.json")).expect("JSON");
    assert_eq!(json["verdict"], "pass");
    let run_id = json["runId"].as_str().expect("the run's id");
    assert!(text("check.xml").starts_with("<?xml"), "{}", text("check.xml"));
    assert!(text("check.md").starts_with("### ✅ PASS: Stack-PR123"), "{}", text("check.md"));
    assert!(text("check.html").starts_with("<!doctype html>"));
    for name in ["check.xml", "check.html"] {
        assert!(text(name).contains(run_id), "{name} is of another run than {run_id}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_refused_before_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().to_path_buf(), folder.path().join("none/report.html")] {
        let output = check(&path, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be written"));
    }
}

#[test]
fn the_page_of_a_run_that_was_stopped_says_why_and_how_to_run_it_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.html");
    let mut command = scrubbed(env!("CARGO_BIN_EXE_verifier"));
    // Nothing listens on the discard port of this machine.
    command.args(["check", "--stack", "Stack-PR1", "--endpoint-url", "http://127.0.0.1:9"]);
    let output = run(command.args(["--region", "eu-central-1", "--report"]).arg(&path));
    assert_eq!(output.status.code(), Some(3));
    let page = std::fs::read_to_string(&path).expect("the page");
    assert!(page.contains("The run ended early"), "{page}");
    let again =
        "verifier check --stack Stack-PR1 --endpoint-url http://127.0.0.1:9 --region eu-central-1";
    assert!(page.contains(again), "{page}");
}

#[test]
fn the_command_that_repeats_a_run_has_all_that_was_asked_of_this_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.html");
    let outputs = folder.path().join("outputs.json");
    std::fs::write(&outputs, r#"{"Stack-PR1": {}}"#).expect("a file");
    let asked = format!(
        "--json-outputs {} --endpoint-url http://127.0.0.1:9 --only cfg.redrive --strict --region eu-central-1",
        outputs.display()
    );
    let mut command = scrubbed(env!("CARGO_BIN_EXE_verifier"));
    command.arg("check").args(asked.split(' ')).arg("--format=json").arg("--report").arg(&path);
    assert_eq!(run(&mut command).status.code(), Some(3));
    let page = std::fs::read_to_string(&path).expect("the page");
    assert!(page.contains(&format!("verifier check {asked}<")), "{page}");
}

#[test]
fn what_only_a_local_stack_can_be_asked_is_refused_elsewhere() {
    let outputs = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(outputs.path(), r#"{"Stack-PR1": {}}"#).expect("it is written");
    for local in [["--clock", "real"], ["--parameter", "A=1"], ["--faults", "f.json"]] {
        let mut command = scrubbed(env!("CARGO_BIN_EXE_verifier"));
        command.args(["check", "--json-outputs"]).arg(outputs.path()).args(local);
        let output = run(command.args(["--endpoint-url", "http://127.0.0.1:9"]));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{local:?}: {error}");
        assert!(error.contains(local[0]) && error.contains("--local"), "{error}");
    }
}
