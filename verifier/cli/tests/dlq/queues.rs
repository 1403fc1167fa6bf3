//! Queues with messages, and the commands on them.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use verifier_testkit::{run, scrubbed};

use crate::support::{Local, STACK, TOKEN_VARIABLE, VERIFIER, ask_sqs};

/// A command that is over.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// The ids of the messages that were listed.
    pub(crate) fn ids(&self) -> Vec<String> {
        texts(&self.json()["messages"], "messageId")
    }

    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

pub(crate) fn texts(list: &Value, field: &str) -> Vec<String> {
    let list = list.as_array().expect("a list");
    list.iter().map(|each| each[field].as_str().expect("a text").to_owned()).collect()
}

/// A `verifier dlq` command, for people.
pub(crate) fn command(local: &Local, arguments: &[&str]) -> Command {
    let mut command = scrubbed(VERIFIER);
    command.arg("dlq").args(arguments).args(["--endpoint-url", local.text("/endpoint")]);
    command.env(TOKEN_VARIABLE, local.token());
    command
}

/// What it prints for people.
pub(crate) fn dlq_human(local: &Local, arguments: &[&str]) -> Done {
    let Output { status, stdout, stderr } = run(&mut command(local, arguments));
    Done {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// What it prints for programs.
pub(crate) fn dlq(local: &Local, arguments: &[&str]) -> Done {
    dlq_human(local, &[arguments, &["--format", "json"]].concat())
}

/// The name of the stack's dead-letter queue.
pub(crate) fn dead_letters(local: &Local) -> &str {
    local.text("/outputs/JobsDeadLetterQueueName")
}

/// Asks SQS, as any client does.
pub(crate) fn sqs(local: &Local, operation: &str, request: &Value) -> Value {
    let answer = ask_sqs(local.text("/endpoint"), operation, request);
    if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).expect("JSON") }
}

pub(crate) fn url(local: &Local, queue: &str) -> String {
    format!("{}/000000000000/{queue}", local.text("/endpoint"))
}

pub(crate) fn create(local: &Local, queue: &str, attributes: &Value) {
    sqs(local, "CreateQueue", &json!({"QueueName": queue, "Attributes": attributes}));
}

/// Sends plain messages; gives their ids.
pub(crate) fn send(local: &Local, queue: &str, bodies: &[String]) -> Vec<String> {
    let mut ids = Vec::new();
    for chunk in bodies.chunks(10) {
        let entries: Vec<Value> = chunk
            .iter()
            .enumerate()
            .map(|(index, body)| json!({"Id": index.to_string(), "MessageBody": body}))
            .collect();
        let request = json!({"QueueUrl": url(local, queue), "Entries": entries});
        ids.extend(texts(&sqs(local, "SendMessageBatch", &request)["Successful"], "MessageId"));
    }
    ids
}

pub(crate) fn bodies(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("body {number}")).collect()
}

/// How many messages a queue counts as visible.
pub(crate) fn visible(local: &Local, queue: &str) -> u64 {
    let request = json!({"QueueUrl": url(local, queue), "AttributeNames": ["All"]});
    let answer = sqs(local, "GetQueueAttributes", &request);
    let text = answer["Attributes"]["ApproximateNumberOfMessages"].as_str().expect("a count");
    text.parse().expect("a number")
}

/// Has the stack fail jobs until they are in its dead-letter queue, which takes three visibility timeouts.
pub(crate) fn fail_jobs(local: &Local, count: u64) {
    for number in 0..count {
        local.submit(&json!({"task": format!("fail {number}"), "fail": true}));
    }
    // What asks over and over by itself would hold the clock of a stack that skips idle time.
    dlq(local, &["watch", "--stack", STACK, "--for", "5m", "--interval", "1m"]).assert_code(0);
    assert_eq!(visible(local, dead_letters(local)), count);
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}
