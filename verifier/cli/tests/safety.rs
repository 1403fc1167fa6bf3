//! What a result that cannot be delivered, a file that cannot be written, and a text that wants to be a command come to.
#![allow(clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use verifier_testkit::{run, scrubbed};

const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");

/// What prints a result and asks nobody.
const PRINTS: [&[&str]; 17] = [
    &["--help"],
    &["--version"],
    &["check", "--help"],
    &["check", "--list"],
    &["check", "--list", "--format", "json"],
    &["explain", "dlq.arrival"],
    &["config", "show"],
    &["config", "show", "--format", "json"],
    &["iam-policy", "check"],
    &["man"],
    &["man", "--format", "markdown"],
    &["completions", "bash"],
    &["chaos", "list"],
    &["chaos", "list", "--format", "json"],
    &["chaos", "show", "lost-ack"],
    &["chaos", "run", "lost-ack", "--format", "json"],
    &["chaos", "run", "lost-ack", "--format", "github"],
];

fn verifier(arguments: &[&str]) -> Command {
    let mut command = scrubbed(VERIFIER);
    command.args(arguments);
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn assert_lost(arguments: &[&str], output: &Output, problem: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
    assert!(said.contains("could not be written to stdout") && said.contains(problem), "{said}");
    assert!(!said.contains("panicked") && !said.contains("defect"), "{said}");
}

#[test]
fn a_result_that_cannot_be_printed_is_an_error_of_every_command() {
    for arguments in PRINTS {
        let full = File::options().write(true).open("/dev/full").expect("the device");
        assert_lost(arguments, &run(verifier(arguments).stdout(full)), "No space left");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        assert_lost(arguments, &run(verifier(arguments).stdout(writer)), "Broken pipe");
        let good = run(&mut verifier(arguments));
        assert_eq!(good.status.code(), Some(0), "{arguments:?}: {}", stderr(&good));
    }
}

#[test]
fn a_check_whose_result_is_lost_does_not_pass_and_writes_its_reports_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("check.xml");
    for format in ["human", "json", "jsonl", "junit", "github"] {
        let full = File::options().write(true).open("/dev/full").expect("the device");
        let mut check = verifier(&["check", "--local", "--format", format, "--report"]);
        let output = run(check.arg(&report).stdout(full));
        assert_lost(&[format], &output, "No space left");
        assert!(fs::read_to_string(&report).expect("the report").contains("</testsuites>"));
        fs::remove_file(&report).expect("it is gone");
    }
}

#[test]
fn an_output_file_that_cannot_be_written_is_found_before_anything_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "kept").expect("a file");
    symlink("loop", folder.path().join("loop")).expect("a link");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (folder_itself, proc) = (path(""), "/proc/x".to_owned());
    for bad in [path("missing/x"), path("file/x"), folder_itself, proc, path("loop")] {
        for arguments in [
            &["check", "--local", "--report", &bad][..],
            &["chaos", "run", "lost-ack", "--history", &bad],
            &["chaos", "run", "lost-ack", "--report", &bad],
            &["chaos", "explore", "--schedules", "1", "--report", &bad],
            &["chaos", "analyze", "-", "--report", &bad],
            &["local", "--ready-file", &bad],
            &["redrive", "--dlq", "Q", "--yes", "--journal", &bad],
            &["redrive", "--dlq", "Q", "--plan-only", &bad],
            &["dlq", "export", &bad, "--dlq", "Q"],
            &["dlq", "purge", "--yes", "--backup", &bad, "--dlq", "Q"],
        ] {
            let output = run(&mut verifier(arguments));
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
            assert!(
                said.contains("cannot be written") || said.contains("is there already"),
                "{said}"
            );
            assert!(output.stdout.is_empty(), "{arguments:?}");
        }
    }
    for arguments in [&["chaos", "run", "lost-ack", "--out"][..], &["man", "--directory"]] {
        let output = run(verifier(arguments).arg(path("file/x")));
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    }
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "kept");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2, "nothing is left");
}

#[test]
fn a_limit_of_the_file_size_is_an_error_and_no_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "ulimit -f 0; exec \"$0\" chaos run lost-ack --report \"$1\"";
    let mut command = scrubbed("sh");
    command.args(["-c", script, VERIFIER]).arg(folder.path().join("r.html"));
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("File too large"), "{}", stderr(&output));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn a_file_that_is_no_plan_is_not_replaced_by_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes");
    fs::write(&file, "precious").expect("a file");
    let output = run(verifier(&["redrive", "--dlq", "Q", "--plan-only"]).arg(&file));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("is there already"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "precious");
}

#[test]
fn no_argument_becomes_a_command_or_steers_the_terminal() {
    let hostile = "x\n::error::y\r  ::stop-commands::z ##[error]w\u{1b}[2J\u{202e}";
    let file = format!("/nowhere/{hostile}");
    for arguments in [
        &["explain", hostile][..],
        &["chaos", "show", hostile],
        &["chaos", "run", &file],
        &["check", "--format", hostile],
        &["check", "--local", "--template", &file],
        &["check", "--local", "--report", &file],
        &["config", "show", "--config", &file],
        &["redrive", "status", &file],
        &["dlq", "import", &file, "--dlq", hostile],
    ] {
        let output = run(verifier(arguments).env("GITHUB_ACTIONS", "true"));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\r']), "{said:?}");
        let is_command = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
        assert!(!said.lines().any(is_command), "{said}");
    }
}

#[test]
fn a_failure_is_annotated_and_in_the_job_summary() {
    let folder = tempfile::tempdir().expect("a folder");
    let summary = folder.path().join("summary.md");
    fs::write(&summary, "before\n").expect("a file");
    let mut command = verifier(&["redrive", "status", "/nowhere/j", "--format", "github"]);
    let output = run(command.env("GITHUB_STEP_SUMMARY", &summary));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.starts_with("::error title=verifier redrive status::"), "{printed}");
    let text = fs::read_to_string(&summary).expect("the summary");
    assert!(text.starts_with("before\n### ❌ verifier redrive status\n"), "{text}");
    let nowhere = Path::new("/nowhere/summary.md");
    let mut command = verifier(&["dlq", "list", "--dlq", "Q", "--format", "github"]);
    let output = run(command.env("GITHUB_STEP_SUMMARY", nowhere));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
