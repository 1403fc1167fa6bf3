//! Files that a command line names: none is overwritten that somebody may still need, and none is read without an end.
#![allow(clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use verifier_testkit::{Background, is_running, run, scrubbed, wait_until};

const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");
const TEMPLATE: &str = "../../stack/template/Stack-PR123.template.json";

fn verifier(arguments: &[&str]) -> Command {
    let mut command = scrubbed(VERIFIER);
    command.args(arguments);
    command
}

/// A command that has to be refused before anything is done; what it says.
fn refused(command: &mut Command) -> String {
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
    assert!(output.stdout.is_empty(), "{command:?}");
    said
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn file(&self, name: &str, content: &str) -> String {
        fs::write(self.path(name), content).expect("a file");
        self.text(name)
    }

    fn link(&self, name: &str, to: &str) -> String {
        symlink(to, self.path(name)).expect("a link");
        self.text(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("it is there")
    }
}

fn local(file: &Path) -> Background {
    let mut command = verifier(&["local", "--ready-file"]);
    Background::start(command.arg(file).stdout(Stdio::null()).stderr(Stdio::null()))
}

/// The token in a ready file, once there is one.
fn token(process: &mut Background, file: &Path) -> String {
    wait_until("the emulator to be up", || {
        assert!(is_running(process.id()), "verifier local ended with {}", process.wait());
        let ready: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
        ready["token"].as_str().map(str::to_owned)
    })
}

fn stop(process: &mut Background) {
    process.signal(Signal::INT);
    process.wait();
}

const OLD_READY: &str = r#"{"schema": "verifier.local/1", "token": "old"}"#;

#[test]
fn what_is_no_ready_file_is_not_taken_for_one() {
    let folder = Folder::new();
    let notes = folder.file("notes", "precious");
    let json = folder.file("other.json", r#"{"schema": "verifier.check/1"}"#);
    let template = folder.text("template.json");
    fs::copy(TEMPLATE, &template).expect("a copy");
    let link = folder.link("link", "notes");
    let dangling = folder.link("dangling", "nothing");
    for there in [&notes, &json, &template, &link, &dangling] {
        let said =
            refused(verifier(&["local", "--ready-file", there]).args(["--template", TEMPLATE]));
        assert!(said.contains(there.as_str()) && said.contains("no ready file"), "{said}");
    }
    assert_eq!(folder.read("notes"), "precious");
    assert_eq!(fs::read(&template).expect("it is there"), fs::read(TEMPLATE).expect("it is there"));
    assert!(!folder.path("nothing").exists());
}

#[test]
fn an_old_ready_file_is_gone_before_a_start_that_fails() {
    let folder = Folder::new();
    let ready = folder.file("ready.json", OLD_READY);
    let said =
        refused(&mut verifier(&["local", "--ready-file", &ready, "--template", "/nowhere/t"]));
    assert!(said.contains("/nowhere/t"), "{said}");
    assert!(!folder.path("ready.json").exists());
    // A link to one is no name of ours to follow: it goes, and what it leads to stays.
    folder.file("theirs", OLD_READY);
    let link = folder.link("link", "theirs");
    refused(&mut verifier(&["local", "--ready-file", &link, "--template", "/nowhere/t"]));
    assert!(fs::symlink_metadata(&link).is_err());
    assert_eq!(folder.read("theirs"), OLD_READY);
}

#[test]
fn the_end_takes_away_only_what_it_has_written() {
    let folder = Folder::new();
    let ready = folder.path("ready.json");
    let mut first = local(&ready);
    let token = token(&mut first, &ready);
    // While it runs, its token is to be had by its file.
    let said = refused(verifier(&["local", "--ready-file"]).arg(&ready));
    assert!(said.contains("still runs"), "{said}");
    assert!(folder.read("ready.json").contains(&token));
    fs::rename(&ready, folder.path("kept")).expect("it is moved");
    folder.file("precious", "precious");
    folder.link("ready.json", "precious");
    stop(&mut first);
    assert_eq!(folder.read("precious"), "precious");
    assert!(fs::symlink_metadata(&ready).expect("the link stays").is_symlink());
    // One of an emulator that is gone is replaced.
    let kept = folder.path("kept");
    let mut second = local(&kept);
    let after = wait_until("another token", || {
        let said = fs::read_to_string(&kept).ok()?;
        (said.contains("\"token\"") && !said.contains(&token)).then_some(said)
    });
    assert!(after.contains("verifier.local/1"), "{after}");
    stop(&mut second);
    assert!(!kept.exists());
}

#[test]
fn links_in_a_folder_of_results_are_not_followed() {
    for name in ["experiment.json", "history.jsonl", "report.html", "result.json"] {
        for dangles in [false, true] {
            let folder = Folder::new();
            fs::create_dir(folder.path("out")).expect("a folder");
            if !dangles {
                folder.file("precious", "precious");
            }
            let link = folder.link(&format!("out/{name}"), "../precious");
            let out = folder.text("out");
            let said = refused(&mut verifier(&["chaos", "run", "lost-ack", "--out", &out]));
            assert!(said.contains(&link) && said.contains("link"), "{said}");
            assert_eq!(folder.path("precious").exists(), !dangles);
            if !dangles {
                assert_eq!(folder.read("precious"), "precious");
            }
            assert_eq!(fs::read_dir(&out).expect("the folder").count(), 1);
        }
    }
    let folder = Folder::new();
    folder.file("precious", "precious");
    let link = folder.link("verifier-check.1", "precious");
    let said = refused(verifier(&["man", "--directory"]).arg(folder.0.path()));
    assert!(said.contains(&link), "{said}");
    assert_eq!(folder.read("precious"), "precious");
    assert_eq!(fs::read_dir(folder.0.path()).expect("the folder").count(), 2, "nothing is begun");
}

#[test]
fn a_folder_of_results_may_be_a_link_and_files_in_it_are_replaced() {
    let folder = Folder::new();
    fs::create_dir(folder.path("real")).expect("a folder");
    let out = folder.link("out", "real");
    folder.file("real/result.json", "old");
    let output = run(&mut verifier(&["chaos", "run", "lost-ack", "--out", &out]));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.read("real/result.json").contains("\"schema\""));
}

#[test]
fn outputs_that_would_overwrite_each_other_are_refused() {
    let folder = Folder::new();
    let a = folder.file("a", "kept");
    let (link, new) = (folder.link("link", "a"), folder.text("new"));
    let new_link = folder.link("new-link", "new");
    let dotted = format!("{}/./a", folder.0.path().display());
    let check = ["check", "--local", "--report", &a, "--report"];
    for other in [&a, &link, &dotted] {
        let said = refused(verifier(&check).arg(other));
        assert!(said.contains(&a) && said.contains(other.as_str()), "{said}");
    }
    refused(verifier(&["check", "--local", "--report", &new, "--report"]).arg(&new_link));
    refused(&mut verifier(&["chaos", "run", "lost-ack", "--history", &a, "--report", &link]));
    let inside = folder.text("out/result.json");
    let out = folder.text("out");
    refused(&mut verifier(&["chaos", "run", "lost-ack", "--out", &out, "--report", &inside]));
    for command in [&["check", "--local"][..], &["chaos", "run", "lost-ack"]] {
        let stdout = File::options().append(true).open(&a).expect("the file");
        let output = run(verifier(command).args(["--report", &a]).stdout(stdout));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("stdout") && said.contains(&a), "{said}");
    }
    assert_eq!(folder.read("a"), "kept");
    // Another name of the same file is replaced by itself, and a device has nothing to lose.
    let hard = folder.text("hard");
    fs::hard_link(&a, &hard).expect("a second name");
    let reports = ["--report", "/dev/null", "--history", "/dev/null"];
    assert_eq!(run(verifier(&["chaos", "run", "lost-ack"]).args(reports)).status.code(), Some(0));
    let both = ["--history", &a, "--report", &hard];
    assert_eq!(run(verifier(&["chaos", "run", "lost-ack"]).args(both)).status.code(), Some(0));
}

#[test]
fn outputs_that_would_overwrite_an_input_are_refused() {
    let folder = Folder::new();
    let input = folder.file("input", "kept");
    let link = folder.link("link", "input");
    let experiment = run(&mut verifier(&["chaos", "show", "lost-ack"]));
    fs::write(folder.path("e.yaml"), experiment.stdout).expect("an experiment");
    let experiment = folder.text("e.yaml");
    let default = TEMPLATE.to_owned();
    for (arguments, output) in [
        (&["check", "--local", "--template", &input, "--report"][..], &link),
        (&["check", "--local", "--faults", &input, "--report"], &link),
        (&["check", "--local", "--config", &input, "--report"], &input),
        (&["check", "--local", "--report"], &default),
        (&["check", "--json-outputs", &input, "--report"], &link),
        (&["chaos", "run", &experiment, "--report"], &experiment),
        (&["chaos", "run", &experiment, "--history"], &experiment),
        (
            &["chaos", "run", "lost-ack", "--target", "local", "--template", &input, "--report"],
            &link,
        ),
        (&["chaos", "analyze", &input, "--report"], &link),
        (&["local", "--template", &input, "--ready-file"], &link),
    ] {
        let said = refused(verifier(arguments).arg(output));
        assert!(said.contains(output.as_str()), "{arguments:?}: {said}");
    }
    assert_eq!(folder.read("input"), "kept");
}

#[test]
fn what_is_read_without_being_named_is_not_overwritten() {
    let folder = Folder::new();
    let history = folder.file("history.jsonl", "kept");
    let mut evaluate = verifier(&["chaos", "analyze", "-", "--report", &history]);
    let said = refused(evaluate.stdin(fs::File::open(&history).expect("the file")));
    assert!(said.contains("stdin"), "{said}");
    // A function of the stack's, a script and the verifier itself.
    let program = folder.path("program");
    fs::copy("/bin/sh", &program).expect("a copy");
    let script = folder.file("script", "#!/bin/sh\n");
    for program in [folder.text("program"), script] {
        let before = fs::read(&program).expect("it is there");
        let said = refused(&mut verifier(&["chaos", "run", "lost-ack", "--report", &program]));
        assert!(said.contains(&program) && said.contains("program"), "{said}");
        assert_eq!(fs::read(&program).expect("it is there"), before);
    }
    // The page's source, and a new file that would be served with it.
    for file in ["index.html", "report.html"] {
        let file = format!("{}/../../site/{file}", env!("CARGO_MANIFEST_DIR"));
        let said = refused(&mut verifier(&["check", "--local", "--report", &file]));
        assert!(said.contains("the page's folder"), "{said}");
    }
    assert_eq!(folder.read("history.jsonl"), "kept");
}

#[test]
fn the_files_of_two_runs_are_not_mixed() {
    let folder = Folder::new();
    let out = folder.text("out");
    assert_eq!(
        run(&mut verifier(&["chaos", "run", "lost-ack", "--out", &out])).status.code(),
        Some(0)
    );
    let names = ["experiment.json", "history.jsonl", "report.html", "result.json"];
    let all = || names.map(|name| folder.read(&format!("out/{name}")));
    let before = all();
    // Room for the smaller of them, not for the larger.
    let script = "ulimit -f 16; exec \"$0\" chaos run duplicate-storm --out \"$1\"";
    let output = run(scrubbed("sh").args(["-c", script, VERIFIER, &out]));
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("report.html"));
    assert_eq!(all(), before);
    assert_eq!(fs::read_dir(&out).expect("the folder").count(), 4, "nothing is left");
}

#[test]
fn a_dash_is_no_file_where_it_is_not_stdout() {
    let folder = Folder::new();
    for arguments in [
        &["check", "--local", "--report", "-"][..],
        &["chaos", "run", "lost-ack", "--report", "-"],
        &["chaos", "run", "lost-ack", "--history", "-"],
        &["chaos", "run", "lost-ack", "--out", "-"],
        &["man", "--directory", "-"],
        &["local", "--ready-file", "-"],
        &["dlq", "purge", "--yes", "--dlq", "Q", "--backup", "-"],
        &["redrive", "--dlq", "Q", "--yes", "--journal", "-"],
        &["redrive", "--dlq", "Q", "--plan-only", "-"],
        &["redrive", "status", "-"],
    ] {
        let said = refused(verifier(arguments).current_dir(folder.0.path()));
        assert!(said.contains("./-"), "{arguments:?}: {said}");
    }
    let report = ["chaos", "run", "lost-ack", "--report", "./-"];
    assert_eq!(run(verifier(&report).current_dir(folder.0.path())).status.code(), Some(0));
    assert!(folder.read("-").contains("<html"));
}

#[test]
fn only_files_with_an_end_are_read() {
    let folder = Folder::new();
    let pipe = folder.text("pipe");
    assert!(run(Command::new("mkfifo").arg(&pipe)).status.success());
    let large = folder.text("large");
    File::create(&large).and_then(|file| file.set_len(1 << 42)).expect("a sparse file");
    for bad in [&pipe, "/dev/zero", &large] {
        for arguments in [
            &["redrive", "status", bad][..],
            &["redrive", "--yes", "--resume", bad],
            &["redrive", "--yes", "--execute", bad],
            &["redrive", "--yes", "--dlq", "Q", "--patch", bad],
            &["redrive", "--dlq", "Q", "--plan-only", &large],
            &["chaos", "run", bad],
            &["chaos", "replay", bad],
            &["chaos", "analyze", bad],
            &["chaos", "rollback", "--journal", bad],
            &["check", "--local", "--template", bad],
            &["check", "--local", "--faults", bad],
            &["check", "--json-outputs", bad],
            &["config", "show", "--config", bad],
            &["dlq", "import", bad, "--dlq", "Q"],
        ] {
            let said = refused(&mut verifier(arguments));
            assert!(said.contains(bad) || said.contains(&large), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn what_is_read_is_not_written_to_by_stdout() {
    let folder = Folder::new();
    let file = folder.file("file", "kept");
    for arguments in [
        &["redrive", "status", &file][..],
        &["redrive", "--yes", "--resume", &file],
        &["chaos", "rollback", "--journal", &file],
        &["dlq", "import", &file, "--dlq", "Q"],
        &["config", "show", "--config", &file],
    ] {
        let stdout = File::options().append(true).open(&file).expect("the file");
        let output = run(verifier(arguments).stdout(stdout));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains("stdout") && said.contains(&file), "{said}");
    }
    assert_eq!(folder.read("file"), "kept");
}

#[test]
fn a_socket_or_a_terminal_that_nobody_has_is_found_before() {
    let folder = Folder::new();
    let socket = folder.text("socket");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    let said = refused(&mut verifier(&["check", "--local", "--report", &socket]));
    assert!(said.contains(&socket), "{said}");
    let mut without_terminal = scrubbed("setsid");
    without_terminal.args(["--wait", VERIFIER, "check", "--local", "--report", "/dev/tty"]);
    let said = refused(&mut without_terminal);
    assert!(said.contains("/dev/tty"), "{said}");
}
