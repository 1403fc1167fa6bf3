//! Templates of the shapes that teams have: plain ones in YAML, CDK's, SAM's and the Serverless Framework's. Each comes up with
//! its functions run from their own code, or is refused by name, with the property that is the reason.
//!
//! A template in `up` has the outputs `Queue`, and `Api` where it has an API; its worker writes `worked` and the body. One in
//! `refused` says in its first line what is said of it.
#![allow(clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use verifier_testkit::{Background, is_running, run, scrubbed, wait_until};

const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");
/// What is made once for all tests: SAM's translator is installed there.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cache");
/// A signature as far as the emulator looks at it.
const SIGNED: &str = "authorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-local-1/any/aws4_request, SignedHeaders=host, Signature=0";
/// What is looked up elsewhere.
const VALUES: [&str; 4] = [
    "/shop/retention=3600",
    "/shop/table=jobs",
    "shop-key:SecretString:key=k",
    "shop-Url=https://shop.example",
];

fn shapes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shapes")
}

/// The templates of a folder.
fn templates(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path());
    let is_template = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with(".yaml") || name.ends_with(".json") && !name.ends_with(".assets.json")
    };
    let mut found: Vec<PathBuf> = entries.filter(is_template).collect();
    found.sort();
    found
}

fn is_of_sam(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sam-"))
}

/// A copy of the shapes, with the archive that the Serverless Framework packs beside its template.
fn copied() -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    let copied = run(Command::new("cp").arg("-R").arg(shapes()).arg(copy.path()));
    assert!(copied.status.success());
    let folder = copy.path().join("shapes");
    let mut pack = Command::new("python3");
    pack.args(["-m", "zipfile", "-c", "up/shop.zip", "src/api.js", "src/worker.js"]);
    assert!(run(pack.current_dir(&folder)).status.success());
    copy
}

/// `verifier local` of a template that is up.
struct Local {
    _process: Background,
    ready: Value,
    _folder: tempfile::TempDir,
}

fn local(template: &Path) -> Command {
    let mut command = scrubbed(VERIFIER);
    command.env("XDG_CACHE_HOME", CACHE).args(["local", "--template"]).arg(template);
    command.args(
        VALUES
            .iter()
            .filter(|_| template.ends_with("values.yaml"))
            .flat_map(|value| ["--value", value]),
    );
    command
}

impl Local {
    fn start(template: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, errors) = (folder.path().join("ready.json"), folder.path().join("stderr"));
        let stderr = std::fs::File::create(&errors).expect("a file");
        let mut command = local(template);
        command.arg("--ready-file").arg(&file).stdout(Stdio::null()).stderr(stderr);
        let process = Background::start(&mut command);
        let ready = wait_until("the stack to be up", || {
            let said = || std::fs::read_to_string(&errors).unwrap_or_default();
            assert!(is_running(process.id()), "{}: {}", template.display(), said());
            serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok()
        });
        Self { _process: process, ready, _folder: folder }
    }

    fn output(&self, name: &str) -> Option<&str> {
        self.ready["outputs"][name].as_str()
    }

    /// What AWS's services answer here.
    fn ask(&self, target: &str, body: &Value) -> Value {
        let endpoint = self.ready["endpoint"].as_str().expect("an endpoint");
        let target = format!("x-amz-target: {target}");
        curl(&["-H", SIGNED, "-H", &target, "-d", &body.to_string(), endpoint])
    }

    /// All lines of all logs.
    fn lines(&self) -> Vec<String> {
        let groups = self.ask("Logs_20140328.DescribeLogGroups", &json!({}));
        let groups = groups["logGroups"].as_array().cloned().unwrap_or_default();
        let events = groups.iter().flat_map(|group| {
            let asked = json!({"logGroupName": group["logGroupName"]});
            let found = self.ask("Logs_20140328.FilterLogEvents", &asked);
            found["events"].as_array().cloned().unwrap_or_default()
        });
        events.filter_map(|event| event["message"].as_str().map(str::to_owned)).collect()
    }
}

fn curl(arguments: &[&str]) -> Value {
    let output = run(Command::new("curl").args(["--silent", "--show-error"]).args(arguments));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{said} {}", String::from_utf8_lossy(&output.stdout)))
}

/// A template comes up, its API answers, and its worker works.
fn comes_up(template: &Path) {
    let name = template.display();
    let local = Local::start(template);
    if let Some(api) = local.output("Api") {
        let answer = curl(&["-X", "POST", &format!("{api}/jobs"), "-d", "{}"]);
        assert_eq!(answer["served"], "POST /jobs", "{name}");
    }
    let queue = local.output("Queue").expect("an output");
    let mut message = json!({"QueueUrl": queue, "MessageBody": "job-1"});
    if template.ends_with("fifo.yaml") {
        message["MessageGroupId"] = json!("g");
    }
    let sent = local.ask("AmazonSQS.SendMessage", &message);
    assert!(sent["MessageId"].is_string(), "{name}: {sent}");
    wait_until(&format!("the worker of {name}"), || {
        local.lines().iter().any(|line| line.contains("worked job-1")).then_some(())
    });
}

#[test]
fn shapes_come_up_with_their_functions() {
    let copy = copied();
    let templates = templates(&copy.path().join("shapes/up"));
    for template in templates.iter().filter(|template| !is_of_sam(template)) {
        comes_up(template);
    }
}

/// SAM's translator is installed first, once for all tests.
#[test]
fn shapes_of_sam_come_up_or_are_refused() {
    let copy = copied();
    let folder = copy.path().join("shapes");
    for template in templates(&folder.join("up")).iter().filter(|template| is_of_sam(template)) {
        comes_up(template);
    }
    let of_sam = templates(&folder.join("refused"));
    for template in of_sam.iter().filter(|template| is_of_sam(template)) {
        is_refused(template);
    }
}

fn is_refused(template: &Path) {
    let text = std::fs::read_to_string(template).expect("a template");
    let words = text.lines().next().and_then(|line| line.strip_prefix("# ")).expect("words");
    let output = run(&mut local(template));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{}: {said}", template.display());
    assert!(said.contains(words), "{}: {said}", template.display());
}

#[test]
fn other_shapes_are_refused_by_name() {
    let templates = templates(&shapes().join("refused"));
    for template in templates.iter().filter(|template| !is_of_sam(template)) {
        is_refused(template);
    }
}

#[test]
fn there_are_shapes_of_every_kind() {
    let of = |folder: &str| templates(&shapes().join(folder));
    let (up, refused) = (of("up"), of("refused"));
    assert!(up.len() + refused.len() >= 20, "{} and {}", up.len(), refused.len());
    for begin in ["sam-", "cdk-", "serverless", "plain"] {
        let begins = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begin))
        };
        assert!(up.iter().any(begins), "{begin}");
    }
}
