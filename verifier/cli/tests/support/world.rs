//! A stack that experiments break, and what it is like.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each test uses a part of it, and clippy allows these in test functions only"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use verifier_testkit::{run, scrubbed, wait_until};

use crate::support::{Local, Printed, SIGNED, STACK, TOKEN_VARIABLE, VERIFIER};

/// The file of [`World::experiment`].
const EVERYTHING: &str = "everything.json";

/// A stack that stays up, and a folder for files.
pub(crate) struct World {
    pub(crate) local: Local,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn start() -> Self {
        Self { local: Local::start(&[]), folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A `verifier chaos` command, in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = scrubbed(VERIFIER);
        command.arg("chaos").args(arguments).current_dir(self.folder.path());
        command.args(["--endpoint-url", self.local.text("/endpoint")]);
        command.env(TOKEN_VARIABLE, self.local.token());
        command
    }

    pub(crate) fn chaos(&self, arguments: &[&str]) -> Printed {
        Printed::of(&mut self.command(arguments))
    }

    /// Breaks the stack by an experiment, with its journal in that file.
    pub(crate) fn breaking(&self, experiment: &str, journal: &str) -> Command {
        let mut command =
            self.command(&["run", experiment, "--stack", STACK, "--yes", "--journal", journal]);
        if experiment == EVERYTHING {
            // It has messages deleted that the worker fails.
            command.arg("--allow-purge");
        }
        command
    }

    /// Writes an experiment that changes each part of the stack that there is, some more than once.
    pub(crate) fn experiment(&self) -> String {
        let change = |setting: Value, from: u64, until: u64| json!({"setting": setting, "fromMilliseconds": from, "untilMilliseconds": until});
        let experiment = json!({
            "schema": "verifier.chaos.experiment/1",
            "name": "everything",
            "steadyState": {"checks": ["cfg.*", "stack.*"]},
            "load": [{"burst": {"name": "good", "atMilliseconds": 0, "count": 3,
                "everyMilliseconds": 4000, "job": "good"}}],
            "changes": [
                change("mapping-disabled".into(), 0, 5000),
                change(json!({"batch-size": {"size": 1}}), 2000, 20_000),
                change(json!({"worker-concurrency": {"limit": 2}}), 1000, 15_000),
                change("submit-stopped".into(), 9000, 60_000),
                change("batch-item-failures-ignored".into(), 10_000, 25_000),
                change(json!({"batching-window": {"seconds": 3}}), 3000, 12_000),
                change(json!({"maximum-concurrency": {"limit": 2}}), 4000, 30_000),
                change(json!({"visibility-timeout": {"seconds": 30}}), 0, 14_000),
                change(json!({"max-receive-count": {"count": 5}}), 6000, 30_000),
                change(json!({"worker-timeout": {"seconds": 5}}), 0, 11_000),
                change(json!({"worker-memory": {"megabytes": 512}}), 7000, 30_000),
                change(json!({"competing-receiver": {"seconds": 1}}), 2000, 9000),
            ],
            "undoAtMilliseconds": 30_000,
        });
        std::fs::write(self.path(EVERYTHING), experiment.to_string()).unwrap();
        EVERYTHING.to_owned()
    }

    /// A GET to Lambda's API, as JSON without what changes by itself.
    pub(crate) fn lambda(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.local.text("/endpoint"));
        let output =
            run(Command::new("curl").args(["--silent", "--show-error", "--header", SIGNED, &url]));
        let mut value: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        for changing in ["LastModified", "RevisionId"] {
            value.as_object_mut().and_then(|fields| fields.remove(changing));
        }
        value
    }

    pub(crate) fn sqs(&self, operation: &str, body: &Value) -> Value {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--header"]);
        curl.args(["content-type: application/x-amz-json-1.0", "--header"]);
        curl.args([&format!("x-amz-target: AmazonSQS.{operation}"), "--header", SIGNED, "--data"]);
        let output = run(curl.args([&body.to_string(), self.local.text("/endpoint")]));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    pub(crate) fn queue_url(&self, output: &str) -> String {
        let name = self.local.text(&format!("/outputs/{output}"));
        format!("{}/000000000000/{name}", self.local.text("/endpoint"))
    }

    /// How the stack is configured: its mapping, its functions, its queues and their tags.
    pub(crate) fn configuration(&self) -> BTreeMap<String, Value> {
        let mut found = BTreeMap::new();
        let mappings = self.lambda("2015-03-31/event-source-mappings/");
        let mappings = mappings["EventSourceMappings"].as_array().cloned().unwrap_or_default();
        assert_eq!(mappings.len(), 1);
        for mapping in mappings {
            let uuid = mapping["UUID"].as_str().unwrap();
            let path = format!("2015-03-31/event-source-mappings/{uuid}");
            // One that was just changed is on its way for a while.
            let settled = wait_until("the mapping to settle", || {
                let mapping = self.lambda(&path);
                (mapping["State"] == "Enabled" || mapping["State"] == "Disabled").then_some(mapping)
            });
            found.insert(path, settled);
            let worker = mapping["FunctionArn"].as_str().unwrap().rsplit(':').next().unwrap();
            found.extend(self.function(worker));
        }
        let submit = self.function_of("SubmitJob");
        found.extend(self.function(&submit));
        for output in ["JobsQueueName", "JobsDeadLetterQueueName"] {
            let url = self.queue_url(output);
            let all = json!({"QueueUrl": url, "AttributeNames": ["All"]});
            let mut attributes = self.sqs("GetQueueAttributes", &all)["Attributes"].clone();
            let attributes_of = attributes.as_object_mut().expect("attributes");
            let is_kept =
                |name: &str| !name.starts_with("Approximate") && name != "LastModifiedTimestamp";
            attributes_of.retain(|name, _| is_kept(name));
            let tags = self.sqs("ListQueueTags", &json!({"QueueUrl": url}));
            found.insert(output.to_owned(), json!([attributes, tags]));
        }
        found
    }

    pub(crate) fn function(&self, name: &str) -> [(String, Value); 2] {
        [
            format!("2015-03-31/functions/{name}/configuration"),
            format!("2019-09-30/functions/{name}/concurrency"),
        ]
        .map(|path| (path.clone(), self.lambda(&path)))
    }

    /// The physical name of the function whose logical id contains that.
    pub(crate) fn function_of(&self, part: &str) -> String {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--fail",
            "--header",
            SIGNED,
            "--data",
            &format!("Action=ListStackResources&Version=2010-05-15&StackName={STACK}"),
        ]);
        let output = run(curl.arg(self.local.text("/endpoint")));
        let text = String::from_utf8(output.stdout).unwrap();
        // What stands before the first is no name that could be meant.
        let names = text.split("<PhysicalResourceId>").filter_map(|rest| rest.split('<').next());
        let found = names.filter(|name| name.contains(part) && name.contains("Function"));
        found.map(str::to_owned).next().expect("the function")
    }
}

pub(crate) fn lines(journal: &Path) -> usize {
    std::fs::read_to_string(journal).unwrap_or_default().matches('\n').count()
}

/// What the experiment of [`World::break_and_kill`] sets.
pub(crate) const SET: (u64, u64) = (30, 5);

impl World {
    /// One whose time goes in real time's clock, so that an experiment is long enough to be met in the middle.
    pub(crate) fn in_real_time() -> Self {
        let local = Local::start(&["--clock", "real"]);
        Self { local, folder: tempfile::tempdir().expect("a folder") }
    }

    /// Writes an experiment that disables the mapping, and sets the queue's visibility timeout and the worker's timeout, for
    /// so many seconds.
    pub(crate) fn short_experiment(&self, seconds: u64) -> String {
        let change = |setting: Value| json!({"setting": setting, "fromMilliseconds": 0, "untilMilliseconds": seconds * 1000});
        let (visibility, timeout) = SET;
        let experiment = json!({
            "schema": "verifier.chaos.experiment/1",
            "name": "short",
            "steadyState": {"checks": ["cfg.experiment"]},
            "load": [],
            "changes": [
                change("mapping-disabled".into()),
                change(json!({"visibility-timeout": {"seconds": visibility}})),
                change(json!({"worker-timeout": {"seconds": timeout}})),
            ],
            "undoAtMilliseconds": seconds * 1000,
        });
        std::fs::write(self.path("short.json"), experiment.to_string()).unwrap();
        "short.json".to_owned()
    }

    /// Waits until a run has the lease.
    pub(crate) fn wait_until_claimed(&self) -> String {
        wait_until("a run to have the lease", || self.lease().as_str().map(str::to_owned))
    }

    /// Sends a message that is none of a run's; gives its id.
    pub(crate) fn send(&self, output: &str, body: &str) -> String {
        let message = json!({"QueueUrl": self.queue_url(output), "MessageBody": body});
        let sent = self.sqs("SendMessage", &message);
        sent["MessageId"].as_str().expect("an id").to_owned()
    }

    /// How many messages are in a queue, wherever.
    pub(crate) fn depth(&self, output: &str) -> u64 {
        let all = json!({"QueueUrl": self.queue_url(output), "AttributeNames": ["All"]});
        let attributes = self.sqs("GetQueueAttributes", &all)["Attributes"].clone();
        let number = |name: &str| -> u64 {
            attributes[name].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
        };
        number("ApproximateNumberOfMessages") + number("ApproximateNumberOfMessagesNotVisible")
    }

    /// Waits until everything is changed that [`Self::short_experiment`] changes.
    pub(crate) fn wait_until_broken(&self) {
        let (visibility, timeout) = SET;
        wait_until("the stack to be broken", || {
            let is_broken = self.mapping()["State"] == "Disabled"
                && self.visibility_timeout() == visibility.to_string()
                && self.worker()["Timeout"] == timeout;
            is_broken.then_some(())
        });
    }

    /// Breaks the stack, and kills who does.
    pub(crate) fn break_and_kill(&self, journal: &str) {
        let experiment = self.short_experiment(300);
        let mut command = self.breaking(&experiment, journal);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let process = verifier_testkit::Background::start(&mut command);
        self.wait_until_broken();
        drop(process);
    }

    pub(crate) fn mapping(&self) -> Value {
        let mappings = self.lambda("2015-03-31/event-source-mappings/");
        mappings["EventSourceMappings"][0].clone()
    }

    pub(crate) fn worker_name(&self) -> String {
        self.function_of("Worker")
    }

    pub(crate) fn worker(&self) -> Value {
        self.lambda(&format!("2015-03-31/functions/{}/configuration", self.worker_name()))
    }

    pub(crate) fn visibility_timeout(&self) -> String {
        let url = self.queue_url("JobsQueueName");
        let all = json!({"QueueUrl": url, "AttributeNames": ["All"]});
        let attributes = self.sqs("GetQueueAttributes", &all);
        attributes["Attributes"]["VisibilityTimeout"].as_str().unwrap_or_default().to_owned()
    }

    /// What the lease's tag says; null where there is none.
    pub(crate) fn lease(&self) -> Value {
        let tags = self.sqs("ListQueueTags", &json!({"QueueUrl": self.queue_url("JobsQueueName")}));
        tags["Tags"][verifier_core::experiment::LEASE_TAG].clone()
    }

    /// A request to Lambda's API that changes something.
    pub(crate) fn change(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/{path}", self.local.text("/endpoint"));
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--header", SIGNED]);
        curl.args(["--request", method, "--header", "content-type: application/json"]);
        let output = run(curl.args(["--data", &body.to_string(), &url]));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Somebody sets these fields of the mapping.
    pub(crate) fn set_mapping(&self, body: &Value) {
        let uuid = self.mapping()["UUID"].as_str().unwrap().to_owned();
        self.change("PUT", &format!("2015-03-31/event-source-mappings/{uuid}"), body);
    }

    /// Somebody sets these fields of the worker.
    pub(crate) fn set_worker(&self, body: &Value) {
        let path = format!("2015-03-31/functions/{}/configuration", self.worker_name());
        self.change("PUT", &path, body);
    }
}
