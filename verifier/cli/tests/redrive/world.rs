//! Queues in an emulator, filling them, and counting what is in them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use verifier_aws::{Aws, Connection, Received, ReceivedMessage, Sent};
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{DeadLetter, Resend};
use verifier_testkit::{Background, run, scrubbed, wait_until};

use crate::support::{Local, TOKEN_VARIABLE, VERIFIER};

/// An emulator with a dead-letter queue, its source, and a queue that nobody reads.
pub(crate) struct World {
    /// What keeps it up, where it is ours.
    local: Option<Local>,
    /// That of an emulator which somebody else has brought up.
    pub(crate) token: String,
    endpoint: String,
    region: String,
    access_key_id: String,
    runtime: Runtime,
    aws: Aws,
    pub(crate) folder: tempfile::TempDir,
}

/// How a redrive ended.
pub(crate) struct Redriven {
    pub(crate) code: Option<i32>,
    pub(crate) result: Value,
    pub(crate) stderr: String,
}

impl Redriven {
    /// A figure of the final accounting.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let count = self.result["accounting"][name].as_u64();
        count.unwrap_or_else(|| panic!("no {name} in {:#}\n{}", self.result, self.stderr))
    }

    /// Asserts the exit code and those figures; all that are not named are to be 0.
    pub(crate) fn assert(&self, code: i32, expected: &[(&str, u64)]) {
        let accounting = self.result["accounting"].as_object();
        let accounting =
            accounting.unwrap_or_else(|| panic!("no result, but {:?} {}", self.code, self.stderr));
        for (name, count) in accounting {
            let named = expected.iter().find(|(each, _)| each == name).map_or(0, |(_, n)| *n);
            assert_eq!(count.as_u64(), Some(named), "{name}: {:#}\n{}", self.result, self.stderr);
        }
        assert_eq!(self.code, Some(code), "{:#}\n{}", self.result, self.stderr);
    }
}

/// A redrive that goes on.
pub(crate) struct Running {
    pub(crate) process: Background,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Waits for its end.
    pub(crate) fn end(mut self) -> Redriven {
        let code = self.process.wait().code();
        let printed = std::fs::read(self.stdout).expect("what it printed");
        Redriven {
            code,
            result: serde_json::from_slice(&printed).unwrap_or_default(),
            stderr: std::fs::read_to_string(self.stderr).expect("what it said"),
        }
    }
}

/// What reads a queue.
pub(crate) struct Consumer {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<BTreeMap<String, usize>>>,
}

impl Consumer {
    /// Stops it; how often it has got each body.
    pub(crate) fn stop(mut self) -> BTreeMap<String, usize> {
        self.is_over.store(true, Ordering::SeqCst);
        let thread = self.thread.take().expect("it goes on");
        thread.join().expect("it has not failed")
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

impl World {
    /// Brings it up with `dead`, `source` whose messages come there, and `target` beside them.
    pub(crate) fn start() -> Self {
        let world = Self::start_with(&[]);
        world.create("dead", &json!({}));
        world.create("target", &json!({}));
        world.create("source", &redrive_policy("dead"));
        world
    }

    /// Brings the stack alone up.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let local = Local::start(arguments);
        let endpoint = local.text("/endpoint").to_owned();
        Self { local: Some(local), ..Self::at(&endpoint, "us-local-1") }
    }

    /// An endpoint that somebody else has brought up.
    pub(crate) fn at(endpoint: &str, region: &str) -> Self {
        Self::of(endpoint, region, "AKIATEST")
    }

    /// The same, in the account of an access key.
    pub(crate) fn of(endpoint: &str, region: &str, access_key_id: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let connection = Connection {
            region: Some(region.to_owned()),
            endpoint_url: Some(endpoint.to_owned()),
            access_key_id: Some(access_key_id.to_owned()),
            ..Connection::default()
        };
        let aws = runtime.block_on(Aws::connect(&connection));
        let folder = tempfile::tempdir().expect("a folder");
        let (endpoint, region) = (endpoint.to_owned(), region.to_owned());
        let access_key_id = access_key_id.to_owned();
        let token = String::new();
        Self { local: None, token, endpoint, region, access_key_id, runtime, aws, folder }
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What the emulator's own endpoint needs; empty where somebody else has brought it up.
    pub(crate) fn token(&self) -> &str {
        self.local.as_ref().map_or(self.token.as_str(), Local::token)
    }

    /// The same, as a header.
    fn token_header(&self) -> String {
        format!("x-verifier-token: {}", self.token())
    }

    /// What the stack that is up reports itself.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.local.as_ref().expect("a stack").text(pointer)
    }

    /// A path in a folder that is gone afterwards.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Calls an operation of SQS by its JSON protocol.
    pub(crate) fn call(&self, operation: &str, body: &Value) -> Value {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body"]);
        curl.args(["--header", "content-type: application/x-amz-json-1.0"]);
        curl.args(["--header", &format!("x-amz-target: AmazonSQS.{operation}")]);
        curl.args(["--header", &self.authorization("sqs")]);
        curl.args(["--data", &body.to_string(), &self.endpoint]);
        let output = run(&mut curl);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{operation}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Which region and account are meant stands in the signature, which no emulator looks at further.
    pub(crate) fn authorization(&self, service: &str) -> String {
        let scope =
            format!("{}/20260101/{}/{service}/aws4_request", self.access_key_id, self.region);
        format!(
            "authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        )
    }

    /// Lets stack time pass.
    pub(crate) fn sleep(&self, seconds: u64) {
        self.hold_the_clock().sleep(seconds);
    }

    /// Registers a client, which is busy except while it sleeps: until it is dropped, no time is skipped beside it, however
    /// slow the test is.
    pub(crate) fn hold_the_clock(&self) -> ClockHold<'_> {
        let hello = self.path("hello");
        // Of one that was there before.
        let _ = std::fs::remove_file(&hello);
        let mut client = Command::new("curl");
        client.args(["--silent", "--no-buffer", "--header", &self.token_header(), "--output"]);
        client.arg(&hello);
        let client = Background::start(client.arg(format!("{}/_emulator/client", self.endpoint)));
        let registered: Value = wait_until("a registration", || {
            serde_json::from_str(&std::fs::read_to_string(&hello).ok()?).ok()
        });
        let key = registered["accessKeyId"].as_str().unwrap_or_default().to_owned();
        ClockHold { world: self, key, _client: client }
    }

    /// The answer of the emulator itself.
    fn admin(&self, arguments: &[&str], path: &str) -> Value {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--fail", "--header", &self.token_header()]).args(arguments);
        let output = run(curl.arg(format!("{}/_emulator/{path}", self.endpoint)));
        assert!(output.status.success(), "the emulator does not answer {path}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Makes a queue.
    pub(crate) fn create(&self, name: &str, attributes: &Value) {
        self.call("CreateQueue", &json!({"QueueName": name, "Attributes": attributes}));
    }

    /// Puts fault rules in force.
    pub(crate) fn faults(&self, rules: &Value) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--request", "PUT"]);
        curl.args(["--data", &json!({"seed": 1, "rules": rules}).to_string()]);
        curl.args(["--header", &self.token_header()]);
        let output = run(curl.arg(format!("{}/_emulator/faults", &self.endpoint)));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// A queue.
    pub(crate) fn queue(&self, name: &str) -> QueueEvidence {
        self.runtime.block_on(async {
            let url = self.aws.queue_url(name).await.expect("its URL");
            self.aws.queue(name, &url).await.expect("the queue")
        })
    }

    /// Sends messages.
    pub(crate) fn send(&self, queue: &str, messages: &[Resend]) {
        let queue = self.queue(queue);
        for batch in messages.chunks(10) {
            let sent = self.runtime.block_on(self.aws.resend(&queue, batch));
            assert!(sent.iter().all(|sent| matches!(sent, Sent::Confirmed { .. })), "{sent:?}");
        }
    }

    /// Sends messages of those numbers.
    pub(crate) fn fill(&self, queue: &str, count: usize) {
        let messages: Vec<Resend> = (0..count).map(|number| message(&body(number))).collect();
        self.send(queue, &messages);
    }

    /// Takes everything out of a queue.
    pub(crate) fn drain(&self, queue: &str) -> Vec<DeadLetter> {
        let queue = self.queue(queue);
        let how = Received { visibility_timeout_seconds: 600, wait_seconds: 0 };
        let mut messages = Vec::new();
        loop {
            let received = self.runtime.block_on(self.aws.receive_messages(&queue, how, 10));
            let received: Vec<ReceivedMessage> = received.expect("an answer");
            if received.is_empty() {
                return messages;
            }
            let handles: Vec<String> =
                received.iter().map(|hand| hand.receipt_handle.clone()).collect();
            messages.extend(received.into_iter().map(|hand| hand.message));
            assert_eq!(self.runtime.block_on(self.aws.delete(&queue, &handles)), []);
        }
    }

    /// Reads a queue and deletes what it gets, as a worker without a log, until it is stopped.
    pub(crate) fn consumer(&self, queue: &str) -> Consumer {
        self.reader(queue, true)
    }

    /// Reads a queue and fails each time, as a broken worker without a log, until it is stopped.
    pub(crate) fn broken_consumer(&self, queue: &str) -> Consumer {
        self.reader(queue, false)
    }

    fn reader(&self, queue: &str, succeeds: bool) -> Consumer {
        let (queue, aws) = (self.queue(queue), self.aws.clone());
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || {
                let runtime = Runtime::new().expect("a runtime");
                let visibility_timeout_seconds = if succeeds { 600 } else { 0 };
                let how = Received { visibility_timeout_seconds, wait_seconds: 20 };
                let mut counts = BTreeMap::new();
                while !is_over.load(Ordering::SeqCst) {
                    let received = runtime.block_on(aws.receive_messages(&queue, how, 10));
                    // The emulator may be gone at the end of a test.
                    let Ok(received) = received else { break };
                    let handles: Vec<String> =
                        received.iter().map(|hand| hand.receipt_handle.clone()).collect();
                    if succeeds {
                        runtime.block_on(aws.delete(&queue, &handles));
                    }
                    for hand in received {
                        *counts.entry(hand.message.body).or_default() += 1;
                    }
                }
                counts
            }
        });
        Consumer { is_over, thread: Some(thread) }
    }

    /// How often each body is in a queue, taking everything out.
    pub(crate) fn bodies(&self, queue: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for message in self.drain(queue) {
            *counts.entry(message.body).or_default() += 1;
        }
        counts
    }

    /// A redrive of `dead` to `target`, all at once.
    pub(crate) fn command(&self, journal: &Path) -> Command {
        let mut command = self.verifier();
        command.args(["--dlq", "dead", "--to", "target", "--no-canary", "--yes"]);
        command.arg("--journal").arg(journal);
        command
    }

    /// Goes on with one.
    pub(crate) fn resume(&self, journal: &Path) -> Redriven {
        Self::end(self.verifier().arg("--resume").arg(journal))
    }

    /// A command line that has only the endpoint.
    pub(crate) fn verifier(&self) -> Command {
        self.verifier_with(&["redrive"])
    }

    /// The same of any command.
    pub(crate) fn verifier_with(&self, arguments: &[&str]) -> Command {
        let mut command = scrubbed(VERIFIER);
        command.args(arguments).args(["--endpoint-url", self.endpoint()]);
        command.env(TOKEN_VARIABLE, self.token());
        command
            .args(["--region", &self.region, "--format", "json"])
            .current_dir(self.folder.path());
        command
    }

    /// Runs it in the background, with its output in files.
    pub(crate) fn in_background(&self, command: &mut Command) -> Running {
        let (stdout, stderr) = (self.path("stdout"), self.path("stderr"));
        command.stdout(File::create(&stdout).expect("a file"));
        command.stderr(File::create(&stderr).expect("a file"));
        Running { process: Background::start(command), stdout, stderr }
    }

    /// Lets time pass as in real time for as long as it lives: tasks do not run ahead of the test.
    pub(crate) fn hold(&self) -> Background {
        let path = self.path("client");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--no-buffer", "--header", &self.token_header()]);
        curl.stdout(File::create(&path).expect("a file"));
        curl.arg(format!("{}/_emulator/client", self.endpoint()));
        let hold = Background::start(&mut curl);
        wait_until("the registration", || (path.metadata().ok()?.len() > 0).then_some(()));
        hold
    }

    /// Runs it to its end.
    pub(crate) fn end(command: &mut Command) -> Redriven {
        let output = run(command);
        Redriven {
            code: output.status.code(),
            result: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Redrives all of `dead` to `target`, with more arguments.
    pub(crate) fn redrive(&self, arguments: &[&str]) -> Redriven {
        let journal = self.path("journal.jsonl");
        Self::end(self.command(&journal).args(arguments))
    }
}

/// Attributes of a queue whose messages go to that one.
pub(crate) fn redrive_policy(dead_letter_queue: &str) -> Value {
    let arn = format!("arn:aws:sqs:us-local-1:000000000000:{dead_letter_queue}");
    json!({"RedrivePolicy": json!({"deadLetterTargetArn": arn, "maxReceiveCount": 3}).to_string()})
}

/// A message.
pub(crate) fn message(body: &str) -> Resend {
    Resend { body: body.to_owned(), ..Resend::default() }
}

/// The body of the message of that number.
pub(crate) fn body(number: usize) -> String {
    json!({"task": "t", "number": number}).to_string()
}

/// Asserts that each of so many messages is there once.
pub(crate) fn assert_each_once(bodies: &BTreeMap<String, usize>, count: usize) {
    let expected: BTreeMap<String, usize> = (0..count).map(|number| (body(number), 1)).collect();
    assert_eq!(*bodies, expected);
}

/// A client that is registered with the emulator.
pub(crate) struct ClockHold<'a> {
    world: &'a World,
    key: String,
    _client: Background,
}

impl ClockHold<'_> {
    /// Lets stack time pass.
    pub(crate) fn sleep(&self, seconds: u64) {
        let now = self.world.admin(&[], "clock")["now"].as_u64().unwrap();
        let until = now + seconds * 1000;
        let path = format!("client/{}/sleep?until={until}", self.key);
        let woken = self.world.admin(&["--data", ""], &path);
        assert!(woken["now"].as_u64().unwrap() >= until, "it does not sleep: {woken}");
    }
}
