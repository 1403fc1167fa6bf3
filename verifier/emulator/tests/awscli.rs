//! Dead letters through the AWS CLI, as an operator does it by hand: a message fails, arrives in the dead-letter queue,
//! and is moved back.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use support::config;
use verifier_emulator::Emulator;

/// An operator at a shell.
struct Operator {
    aws: PathBuf,
    endpoint: String,
    access_key_id: String,
}

impl Operator {
    /// Runs an `aws sqs` command and returns what it printed.
    async fn sqs(&self, words: &[&str]) -> Value {
        let mut command = Command::new(&self.aws);
        command.arg("sqs").args(words).args(["--output", "json"]);
        // Nothing of this machine's user has a say.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_DEFAULT_REGION", "us-local-1");
        command.env("AWS_ACCESS_KEY_ID", &self.access_key_id).env("AWS_SECRET_ACCESS_KEY", "any");
        let shown = words.join(" ");
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.expect("the command is waited for").expect("the command starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "aws sqs {shown}: {errors}");
        if output.stdout.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Creates a queue; returns its URL and its ARN.
    async fn create(&self, name: &str, attributes: &Value) -> (String, String) {
        let attributes = attributes.to_string();
        let created =
            self.sqs(&["create-queue", "--queue-name", name, "--attributes", &attributes]).await;
        let url = text(&created["QueueUrl"]);
        let shown = self
            .sqs(&["get-queue-attributes", "--queue-url", &url, "--attribute-names", "QueueArn"])
            .await;
        let arn = text(&shown["Attributes"]["QueueArn"]);
        (url, arn)
    }

    /// Receives what there is, waiting for it; returns the messages.
    async fn receive(&self, url: &str) -> Vec<Value> {
        let words = [
            "receive-message",
            "--queue-url",
            url,
            "--max-number-of-messages",
            "10",
            "--wait-time-seconds",
            "20",
            "--attribute-names",
            "All",
        ];
        let mut answer = self.sqs(&words).await;
        answer["Messages"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Lets messages fail three times, and sees them in the dead-letter queue.
    async fn fail_three_times(&self, source: &(String, String), dead: &str, bodies: &[&str]) {
        for count in ["1", "2", "3"] {
            let received = self.receive(&source.0).await;
            assert_eq!(bodies_of(&received), bodies);
            assert!(received.iter().all(|message| attribute(message, COUNT) == count));
        }
        assert!(self.receive(&source.0).await.is_empty());
        let messages = self.receive(dead).await;
        assert_eq!(bodies_of(&messages), bodies);
        for message in &messages {
            assert_eq!(attribute(message, COUNT), "4");
            assert_eq!(attribute(message, "DeadLetterQueueSourceArn"), source.1);
            let handle = text(&message["ReceiptHandle"]);
            let words = ["--queue-url", dead, "--receipt-handle", &handle];
            let change = ["change-message-visibility"].iter().chain(&words);
            let change: Vec<&str> = change.chain(&["--visibility-timeout", "0"]).copied().collect();
            self.sqs(&change).await;
        }
    }

    /// Moves everything back, and sees it in the source again.
    async fn move_back(&self, source: &str, dead_arn: &str, bodies: &[&str]) -> Vec<Value> {
        let started = self.sqs(&["start-message-move-task", "--source-arn", dead_arn]).await;
        assert!(started["TaskHandle"].is_string(), "{started}");
        let mut back = Vec::new();
        while back.len() < bodies.len() {
            let received = self.receive(source).await;
            assert!(!received.is_empty(), "the task moves the rest");
            for message in &received {
                assert_eq!(attribute(message, COUNT), "1");
                let handle = text(&message["ReceiptHandle"]);
                let words = ["delete-message", "--queue-url", source, "--receipt-handle", &handle];
                self.sqs(&words).await;
            }
            back.extend(received);
        }
        assert_eq!(bodies_of(&back), bodies);
        let tasks = self.sqs(&["list-message-move-tasks", "--source-arn", dead_arn]).await;
        assert_eq!(
            tasks["Results"][0]["ApproximateNumberOfMessagesMoved"],
            bodies.len(),
            "{tasks}"
        );
        back
    }
}

/// Shorter than a long poll, so that a message which becomes visible again is received by the next one.
const VISIBILITY_TIMEOUT: &str = "15";
const COUNT: &str = "ApproximateReceiveCount";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected a string, found {value}")).to_owned()
}

fn attribute<'a>(message: &'a Value, name: &str) -> &'a str {
    message["Attributes"][name].as_str().unwrap_or_default()
}

fn bodies_of(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["Body"].as_str()).collect()
}

/// The AWS CLI that `cargo xtask test` installs, or the one on the PATH; none, which is said, where there is neither.
fn aws() -> Option<PathBuf> {
    if let Some(promised) = std::env::var_os("VERIFIER_TEST_AWS").map(PathBuf::from) {
        let there = promised.is_file();
        assert!(there, "VERIFIER_TEST_AWS names {}, which is not there", promised.display());
        return Some(promised);
    }
    if Command::new("aws").arg("--version").output().is_err() {
        eprintln!("skipped: there is no AWS CLI; `cargo xtask test` installs one");
        return None;
    }
    Some(PathBuf::from("aws"))
}

/// An emulator without queues, and an operator whose work holds the clock.
async fn stand(aws: PathBuf) -> (Emulator, Operator) {
    let nothing = json!({"Resources": {"Nothing": {"Type": "AWS::CDK::Metadata"}}});
    let emulator = Emulator::start(config(&nothing)).await.expect("the emulator starts");
    let access_key_id = emulator.client().access_key_id().to_owned();
    let operator = Operator { aws, endpoint: emulator.endpoint().to_owned(), access_key_id };
    (emulator, operator)
}

fn redrive_policy(dead_arn: &str) -> String {
    json!({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 3}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_of_a_standard_queue_comes_back() {
    let Some(aws) = aws() else {
        return;
    };
    let (emulator, operator) = stand(aws).await;
    let (dead, dead_arn) = operator.create("dead", &json!({})).await;
    let attributes = json!({"VisibilityTimeout": VISIBILITY_TIMEOUT, "RedrivePolicy": redrive_policy(&dead_arn)});
    let source = operator.create("jobs", &attributes).await;
    let words = ["send-message", "--queue-url", &source.0, "--message-body", "poison"];
    let sent = operator.sqs(&words).await;
    operator.fail_three_times(&source, &dead, &["poison"]).await;
    let back = operator.move_back(&source.0, &dead_arn, &["poison"]).await;
    assert_ne!(back[0]["MessageId"], sent["MessageId"], "what was moved back is a new message");
    assert!(operator.receive(&dead).await.is_empty());
    emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_a_fifo_queue_come_back_in_order() {
    let Some(aws) = aws() else {
        return;
    };
    let (emulator, operator) = stand(aws).await;
    let (dead, dead_arn) = operator.create("dead.fifo", &json!({"FifoQueue": "true"})).await;
    let attributes = json!({
        "FifoQueue": "true",
        "ContentBasedDeduplication": "true",
        "VisibilityTimeout": VISIBILITY_TIMEOUT,
        "RedrivePolicy": redrive_policy(&dead_arn),
    });
    let source = operator.create("jobs.fifo", &attributes).await;
    let bodies = ["one", "two", "three"];
    for body in bodies {
        let send = ["send-message", "--queue-url", &source.0, "--message-body", body];
        let group = ["--message-group-id", "group"];
        operator.sqs(&[send.as_slice(), &group].concat()).await;
    }
    operator.fail_three_times(&source, &dead, &bodies).await;
    let back = operator.move_back(&source.0, &dead_arn, &bodies).await;
    assert!(back.iter().all(|message| attribute(message, "MessageGroupId") == "group"));
    emulator.shut_down().await;
}
