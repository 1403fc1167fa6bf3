//! What the tests of `verifier check` share.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    reason = "each test uses a part of it, and clippy allows these in test functions only"
)]

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use boon::{Compiler, Schemas};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use verifier_testkit::{Background, Changes, is_running, run, scrubbed, template, wait_until};

pub(crate) const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");
pub(crate) const STACK: &str = "Stack-PR123";
/// The variable with the token of the emulator that a command is to ask.
pub(crate) const TOKEN_VARIABLE: &str = "VERIFIER_EMULATOR_TOKEN";
/// A header of a signature, as far as an emulator looks at it.
pub(crate) const SIGNED: &str = "authorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-local-1/any/aws4_request, SignedHeaders=host, Signature=0";

/// What SQS at an endpoint answers to a client.
pub(crate) fn ask_sqs(endpoint: &str, operation: &str, request: &Value) -> String {
    let output =
        run(Command::new("curl").args(["--fail-with-body", "--silent", "--show-error"]).args([
            "--header",
            SIGNED,
            "--header",
            "content-type: application/x-amz-json-1.0",
            "--header",
            &format!("x-amz-target: AmazonSQS.{operation}"),
            "--data",
            &request.to_string(),
            endpoint,
        ]));
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{operation}: {answer}{said}");
    answer
}

/// What a process printed, and how it ended.
pub(crate) struct Printed {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Printed {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = run(command);
        Self {
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// Asserts the exit code.
    pub(crate) fn assert(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The document on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }
}

/// A check that is over.
pub(crate) struct Checked {
    pub(crate) code: Option<i32>,
    pub(crate) report: Value,
    pub(crate) stderr: String,
}

impl Checked {
    /// Runs a command that checks to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = run(command.args(["--format", "json"]));
        Self {
            code: status.code(),
            report: serde_json::from_slice(&stdout).unwrap_or_default(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    pub(crate) fn find(&self, id: &str) -> &Value {
        let found = self.checks().iter().find(|check| check["id"] == id);
        found.unwrap_or_else(|| panic!("no check {id}"))
    }

    pub(crate) fn checks(&self) -> &[Value] {
        let checks = self.report["checks"].as_array();
        checks.unwrap_or_else(|| panic!("no report: {}", self.stderr))
    }

    pub(crate) fn with_verdict(&self, verdict: &str) -> Vec<&str> {
        let found = self.checks().iter().filter(|check| check["verdict"] == verdict);
        found.filter_map(|check| check["id"].as_str()).collect()
    }

    /// How often AWS was asked.
    pub(crate) fn calls(&self) -> u64 {
        let calls = self.report["awsCalls"].as_object().expect("calls");
        calls.values().filter_map(Value::as_u64).sum()
    }

    /// Asserts the exit code, and that these checks alone, in this order, did not pass. That `maxReceiveCount` is below
    /// AWS's advice is information about every stack here, and so is what its roles grant.
    pub(crate) fn assert(&self, code: i32, expected: &[(&str, &str)]) {
        let found: Vec<(&str, &str)> = self
            .checks()
            .iter()
            .filter_map(|check| Some((check["id"].as_str()?, check["verdict"].as_str()?)))
            .filter(|(id, verdict)| {
                *verdict != "pass"
                    && !is_information(id, verdict)
                    && !(id.starts_with("iam.") && *verdict == "not-run")
            })
            .collect();
        assert_eq!(found, expected, "{:#}\n{}", self.report, self.stderr);
        assert_eq!(self.code, Some(code), "{:#}\n{}", self.report, self.stderr);
    }
}

/// Whether it is what is known of every stack here.
pub(crate) fn is_information(id: &str, verdict: &str) -> bool {
    verdict == "info" && ["cfg.receives", "iam.least"].contains(&id)
}

/// Checks the stack on this machine.
pub(crate) fn check_local(arguments: &[&str]) -> Checked {
    let mut command = scrubbed(VERIFIER);
    with_built_functions(command.args(["check", "--local"]), arguments);
    Checked::of(command.args(arguments))
}

/// Names the folder of the functions, unless the arguments do, where `cargo xtask test` has built them beforehand: it says
/// so in `VERIFIER_TEST_FUNCTIONS`. Otherwise every start would have cargo look for what is to be built, one after the other.
pub(crate) fn with_built_functions(command: &mut Command, arguments: &[&str]) {
    let named = arguments.contains(&"--functions");
    if let Some(folder) = std::env::var_os("VERIFIER_TEST_FUNCTIONS").filter(|_| !named) {
        command.arg("--functions").arg(folder);
    }
}

/// The same, from a changed template.
pub(crate) fn check_changed(arguments: &[&str], change: impl FnOnce(&mut Changes)) -> Checked {
    let file = template(change);
    let path = file.path().to_str().expect("a path");
    check_local(&[&["--template", path], arguments].concat())
}

/// The same, with faults.
pub(crate) fn check_with_faults(arguments: &[&str], rules: &Value) -> Checked {
    let file = fault_file(rules);
    let path = file.path().to_str().expect("a path");
    check_local(&[&["--faults", path], arguments].concat())
}

/// Fault rules in a file that is gone when this is dropped.
pub(crate) fn fault_file(rules: &Value) -> NamedTempFile {
    fault_file_of_seed(1, rules)
}

/// The same, with chance that begins elsewhere.
pub(crate) fn fault_file_of_seed(seed: u64, rules: &Value) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    let text = json!({"seed": seed, "rules": rules}).to_string();
    file.write_all(text.as_bytes()).expect("it is written");
    file
}

/// A stack that stays up, for checks in other processes.
pub(crate) struct Local {
    process: Background,
    pub(crate) ready: Value,
    _folder: tempfile::TempDir,
}

impl Local {
    /// Brings it up, with idle time skipped unless the arguments say otherwise.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ready.json");
        let mut command = scrubbed(VERIFIER);
        with_built_functions(command.arg("local"), arguments);
        command.args(arguments);
        if !arguments.contains(&"--clock") {
            command.args(["--clock", "skip-idle"]);
        }
        command.arg("--ready-file").arg(&file);
        let mut process = Background::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let ready = wait_until("the emulator to be up", || {
            assert!(is_running(process.id()), "verifier local ended with {}", process.wait());
            serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok()
        });
        Self { process, ready, _folder: folder }
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        let text = self.ready.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no {pointer}"))
    }

    /// What its own endpoint needs.
    pub(crate) fn token(&self) -> &str {
        self.text("/token")
    }

    /// A command that checks it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = scrubbed(VERIFIER);
        command.arg("check").args(["--endpoint-url", self.text("/endpoint")]).args(arguments);
        command.env(TOKEN_VARIABLE, self.token());
        command
    }

    /// Checks it.
    pub(crate) fn check(&self, arguments: &[&str]) -> Checked {
        Checked::of(self.command(&["--stack", STACK]).args(arguments))
    }

    /// Checks it, the stack being named by the arguments, if at all.
    pub(crate) fn check_unnamed(&self, arguments: &[&str]) -> Checked {
        Checked::of(&mut self.command(arguments))
    }

    /// Checks it several times at once.
    pub(crate) fn check_at_once(&self, count: usize) -> Vec<Checked> {
        std::thread::scope(|scope| {
            let checks: Vec<_> = (0..count).map(|_| scope.spawn(|| self.check(&[]))).collect();
            checks.into_iter().map(|check| check.join().expect("it ends")).collect()
        })
    }

    /// Asks CloudFormation for another stack, which may come to be rolled back.
    pub(crate) fn create_stack(&self, name: &str, template: &Value) {
        let mut curl = Command::new("curl");
        curl.args(["--fail", "--silent", "--show-error", "--header", SIGNED]);
        for (field, value) in [
            ("Action", "CreateStack"),
            ("Version", "2010-05-15"),
            ("StackName", name),
            ("TemplateBody", &template.to_string()),
        ] {
            curl.args(["--data-urlencode", &format!("{field}={value}")]);
        }
        let output = run(curl.arg(self.text("/endpoint")));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Submits a job.
    pub(crate) fn submit(&self, job: &Value) {
        let mut curl = Command::new("curl");
        curl.args([
            "--fail",
            "--silent",
            "--show-error",
            "--header",
            "content-type: application/json",
        ]);
        curl.args(["--data", &job.to_string(), self.text("/outputs/JobUrl")]);
        let output = run(&mut curl);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A folder with the stack's functions in which one is a script of `tests/functions` instead.
pub(crate) fn functions_with(name: &str, script: &str) -> tempfile::TempDir {
    functions_of(&[(name, script)])
}

/// The same, with several scripts: the function that each stands in for, and its name.
pub(crate) fn functions_of(scripts: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let beside = Path::new(VERIFIER).parent().expect("a folder");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/functions");
    for function in ["hello", "submit-job", "worker"] {
        let script = scripts.iter().find(|(name, _)| *name == function);
        let program = script.map_or_else(|| beside.join(function), |(_, name)| ours.join(name));
        std::os::unix::fs::symlink(program, folder.path().join(function)).expect("a link");
    }
    folder
}

/// Fails with every deviation of a document from a schema of the program's.
pub(crate) fn assert_valid(schema: &str, document: &Value) {
    validate(schema, document).unwrap_or_else(|problem| panic!("{problem}\n{document:#}"));
}

/// Whether a document keeps to a schema of the program's.
pub(crate) fn is_valid(schema: &str, document: &Value) -> bool {
    validate(schema, document).is_ok()
}

fn validate(schema: &str, document: &Value) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let path = folder.join(format!("{schema}.schema.json"));
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    let location = path.to_str().expect("the path is text");
    let index = compiler.compile(location, &mut schemas).unwrap_or_else(|e| panic!("{e:#}"));
    schemas.validate(document, index).map_err(|problem| format!("{problem:#}"))
}

/// Runs a command on a terminal on which that is typed; its exit code, and what it prints on stdout.
pub(crate) fn on_terminal(command: &mut Command, typed: &str) -> (Option<i32>, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("it is ours");
    unlockpt(&terminal).expect("it is unlocked");
    let name = ptsname(&terminal, Vec::new()).expect("a name").into_string().expect("a text");
    let open = || File::options().read(true).write(true).open(&name).expect("it is there");
    let printed = NamedTempFile::new().expect("a file");
    command.stdin(open()).stderr(open()).stdout(printed.reopen().expect("the file"));
    let mut keyboard = File::from(terminal.try_clone().expect("a copy"));
    keyboard.write_all(typed.as_bytes()).expect("it is typed");
    let code = Background::start(command).wait().code();
    (code, std::fs::read_to_string(printed.path()).expect("what it printed"))
}

/// A command on a terminal of its own, on which is typed while it runs.
pub(crate) struct Terminal {
    process: Background,
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
    stdout: NamedTempFile,
}

impl Terminal {
    /// Starts it in a session of its own, so that Ctrl-C on the terminal reaches it.
    pub(crate) fn start(command: &Command) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&terminal).expect("it is ours");
        unlockpt(&terminal).expect("it is unlocked");
        let name = ptsname(&terminal, Vec::new()).expect("a name").into_string().expect("a text");
        let open = || File::options().read(true).write(true).open(&name).expect("it is there");
        let stdout = NamedTempFile::new().expect("a file");
        let mut session = Command::new("setsid");
        session.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            session.current_dir(folder);
        }
        session.stdin(open()).stderr(open()).stdout(stdout.reopen().expect("the file"));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let mut screen = File::from(terminal.try_clone().expect("a copy"));
        let process = Background::start(&mut session);
        drop(session);
        std::thread::spawn({
            let shown = Arc::clone(&shown);
            move || {
                let mut bytes = [0; 4096];
                // It fails when nobody has the terminal open any more.
                while let Ok(count @ 1..) = screen.read(&mut bytes) {
                    shown.lock().expect("a lock").extend_from_slice(&bytes[..count]);
                }
            }
        });
        Self { process, keyboard: File::from(terminal), shown, stdout }
    }

    /// What was drawn until now, with everything that was erased again.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("a lock")).into_owned()
    }

    /// Waits until that is there.
    pub(crate) fn wait_for(&self, text: &str) {
        wait_until(&format!("{text:?} on the terminal"), || {
            self.shown().contains(text).then_some(())
        });
    }

    /// Types.
    pub(crate) fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("it is typed");
    }

    /// Waits for its end; its exit code, and what it printed on stdout.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let code = self.process.wait().code();
        (code, std::fs::read_to_string(self.stdout.path()).expect("what it printed"))
    }
}
