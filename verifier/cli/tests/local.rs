//! `verifier local`: other processes use it, and nothing of it is left.
#![allow(clippy::expect_used, clippy::panic)]

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use verifier_testkit::{Background, children_of, is_running, run, scrubbed, wait_until};

const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");

struct Local {
    process: Background,
    ready: Value,
    folder: tempfile::TempDir,
}

fn start(arguments: &[&str]) -> Local {
    start_by(scrubbed(VERIFIER), arguments)
}

/// As from a terminal, which ignores no signal: these tests may run where SIGHUP is ignored, as under `nohup`, and what they
/// start would inherit that.
fn start_in_terminal(arguments: &[&str]) -> Local {
    let mut command = scrubbed("env");
    command.args(["--default-signal=HUP", VERIFIER]);
    start_by(command, arguments)
}

fn start_by(mut command: Command, arguments: &[&str]) -> Local {
    let folder = tempfile::tempdir().expect("a folder");
    let file: PathBuf = folder.path().join("ready.json");
    command.arg("local").arg("--ready-file").arg(&file).args(arguments);
    let mut process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let ready = wait_until("the emulator to be up", || {
        assert!(is_running(process.id()), "verifier local ended with {}", process.wait());
        serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok()
    });
    Local { process, ready, folder }
}

impl Local {
    fn text(&self, pointer: &str) -> &str {
        self.ready
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {pointer}"))
    }

    fn check(&self, stack: &str) -> (Option<i32>, Value, String) {
        let mut command = scrubbed(VERIFIER);
        command.args(["check", "--format", "json", "--stack", stack]);
        command.args(["--endpoint-url", self.text("/endpoint")]);
        command.env("VERIFIER_EMULATOR_TOKEN", self.text("/token"));
        let output = run(&mut command);
        let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), report, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Its function processes and their group's leader. A check must have used the functions before.
    fn children(&self) -> Vec<u32> {
        let children = children_of(self.process.id());
        assert!(children.len() >= 4, "the leader and three functions run: {children:?}");
        children
    }

    fn is_listening(&self) -> bool {
        TcpStream::connect(self.text("/endpoint").trim_start_matches("http://")).is_ok()
    }
}

#[test]
fn a_check_in_another_process_gives_the_same_verdict() {
    let local = start(&["--clock", "skip-idle"]);
    let (code, report, stderr) = local.check("Stack-PR123");
    assert_eq!(code, Some(0), "{report:#}\n{stderr}");
    assert_eq!(report["verdict"], "pass");
    // All but the one that only tells something, and the two of roles, which show within one process.
    let checks = report["checks"].as_array().map_or(0, Vec::len);
    assert_eq!(report["counts"]["pass"], checks - 3);
    // A second run finds nothing of the first.
    let (code, report, stderr) = local.check("Stack-PR123");
    assert_eq!(code, Some(0), "{report:#}\n{stderr}");
}

#[test]
fn a_missing_stack_is_inconclusive_and_says_what_to_do() {
    let local = start(&[]);
    let (code, report, stderr) = local.check("Stack-PR999");
    assert_eq!(code, Some(3));
    assert_eq!(report["verdict"], "inconclusive");
    assert!(stderr.contains("there is no stack Stack-PR999"), "{stderr}");
    assert!(stderr.contains("check the name and the region"), "{stderr}");
    assert!(report["error"]["next"].is_string());
}

#[test]
fn nothing_answering_is_inconclusive_too() {
    let mut local = start(&[]);
    local.process.signal(Signal::INT);
    local.process.wait();
    let (code, report, stderr) = local.check("Stack-PR123");
    assert_eq!(code, Some(3), "{stderr}");
    assert_eq!(report["verdict"], "inconclusive");
}

#[test]
fn ctrl_c_sigterm_and_sighup_leave_no_process_and_no_port() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut local = start_in_terminal(&["--clock", "skip-idle"]);
        assert_eq!(local.check("Stack-PR123").0, Some(0));
        let children = local.children();
        local.process.signal(signal);
        assert_eq!(local.process.wait().code(), Some(code));
        assert!(children.iter().all(|child| !is_running(*child)));
        assert!(!local.is_listening());
    }
}

#[test]
fn under_nohup_a_terminal_that_closes_ends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ready.json");
    let mut command = scrubbed("nohup");
    command.args([VERIFIER, "local", "--ready-file"]).arg(&file);
    let mut process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    wait_until("the emulator to be up", || file.exists().then_some(()));
    process.signal(Signal::HUP);
    process.signal(Signal::INT);
    assert_eq!(process.wait().code(), Some(130), "the first of the two was ignored");
}

#[test]
fn being_killed_leaves_no_process_and_no_port() {
    let mut local = start(&["--clock", "skip-idle"]);
    assert_eq!(local.check("Stack-PR123").0, Some(0));
    let children = local.children();
    local.process.signal(Signal::KILL);
    local.process.wait();
    wait_until("the functions to end", || {
        children.iter().all(|child| !is_running(*child)).then_some(())
    });
    assert!(!local.is_listening());
}

#[test]
fn a_check_that_is_stopped_leaves_no_process_and_says_so_by_its_exit_code() {
    let signals = [(Signal::INT, Some(130)), (Signal::TERM, Some(143)), (Signal::KILL, None)];
    for (signal, code) in signals {
        let mut command = scrubbed(VERIFIER);
        command
            .args(["check", "--local", "--clock", "real"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = Background::start(&mut command);
        let children = wait_until("the functions to run", || {
            let children = children_of(process.id());
            (children.len() >= 4).then_some(children)
        });
        process.signal(signal);
        assert_eq!(process.wait().code(), code);
        wait_until("the functions to end", || {
            children.iter().all(|child| !is_running(*child)).then_some(())
        });
    }
}

#[test]
fn the_ready_file_is_gone_when_the_emulator_is() {
    let mut local = start(&[]);
    let file = local.folder.path().join("ready.json");
    assert!(file.exists());
    local.process.signal(Signal::INT);
    local.process.wait();
    assert!(!file.exists());
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = run(scrubbed(VERIFIER).args(["local", "--port", &port]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains(&port) && stderr.contains("--port"), "{stderr}");
}

#[test]
fn the_token_is_told_to_the_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let local = start(&[]);
    let file = local.folder.path().join("ready.json");
    assert_eq!(file.metadata().expect("the file").permissions().mode() & 0o777, 0o600);
    let token = local.text("/token");
    assert_eq!(token.len(), 32);
    assert_eq!(local.text("/environment/VERIFIER_EMULATOR_TOKEN"), token);
    assert_ne!(start(&[]).text("/token"), token);
}

#[test]
fn a_command_without_the_emulators_token_says_which_variable_to_set() {
    let local = start(&["--clock", "skip-idle"]);
    let dead = local.text("/outputs/JobsDeadLetterQueueName");
    for arguments in [
        &["check", "--stack", "Stack-PR123"][..],
        &["dlq", "list", "--stack", "Stack-PR123"],
        &["dlq", "purge", "--dlq", dead, "--backup", "messages.jsonl", "--yes"],
        &["redrive", "--stack", "Stack-PR123", "--yes"],
        &["chaos", "run", "mapping-flap", "--stack", "Stack-PR123", "--yes"],
        &["iam-policy", "check", "--stack", "Stack-PR123"],
    ] {
        for token in [None, Some("0123456789abcdef0123456789abcdef")] {
            let mut command = scrubbed(VERIFIER);
            command.args(arguments).args(["--endpoint-url", local.text("/endpoint")]);
            command.current_dir(local.folder.path()).stdin(Stdio::null());
            command.envs(token.map(|token| ("VERIFIER_EMULATOR_TOKEN", token)));
            let output = run(&mut command);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
            assert!(stderr.contains("VERIFIER_EMULATOR_TOKEN"), "{arguments:?}: {stderr}");
        }
    }
}

#[test]
fn an_origin_is_a_scheme_a_host_and_a_port() {
    for origin in
        ["*", "null", "page.example", "http://page.example/path", "file:///a", "https://a@b"]
    {
        let output = run(scrubbed(VERIFIER).args(["local", "--allow-origin", origin]));
        assert_eq!(output.status.code(), Some(2), "{origin}");
    }
}
