//! Dead letters over HTTP: FIFO queues, their dead-letter queues, and message move tasks on a clock that skips.

use crate::support::config;
use serde_json::{Value, json};
use verifier_emulator::Emulator;

/// A client whose work holds the clock: time passes only while it waits for messages.
struct Stand {
    emulator: Emulator,
    authorization: String,
    http: reqwest::Client,
}

impl Stand {
    async fn start() -> Self {
        let document = json!({"Resources": {
            "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead.fifo", "FifoQueue": true}},
            "Jobs": {"Type": "AWS::SQS::Queue", "Properties": {
                "QueueName": "jobs.fifo",
                "FifoQueue": true,
                "ContentBasedDeduplication": true,
                "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 1},
            }},
        }});
        let emulator = Emulator::start(config(&document)).await.expect("the emulator starts");
        let key = emulator.client().access_key_id().to_owned();
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={key}/20261124/us-local-1/sqs/aws4_request");
        Self { emulator, authorization, http: verifier_aws::plain_http_client().expect("a client") }
    }

    async fn call(&self, action: &str, body: Value) -> Value {
        let request = self.http.post(self.emulator.endpoint());
        let request = request.header("x-amz-target", format!("AmazonSQS.{action}"));
        let request = request.header("authorization", &self.authorization);
        let response = request.body(body.to_string()).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    async fn send(&self, body: &str, group: &str) -> Value {
        self.call(
            "SendMessage",
            json!({"QueueUrl": "jobs.fifo", "MessageBody": body, "MessageGroupId": group}),
        )
        .await
    }

    async fn receive(&self, queue: &str) -> Vec<Value> {
        let body = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20, "VisibilityTimeout": 5, "AttributeNames": ["All"]});
        let mut answer = self.call("ReceiveMessage", body).await;
        answer["Messages"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifo_queue_keeps_order_suppresses_duplicates_and_dead_letters_in_order() {
    let stand = Stand::start().await;
    let first = stand.send("one", "g").await;
    assert_eq!(
        stand.send("one", "g").await["MessageId"],
        first["MessageId"],
        "a duplicate is suppressed"
    );
    stand.send("two", "g").await;
    let received = stand.receive("jobs.fifo").await;
    let bodies: Vec<&str> =
        received.iter().filter_map(|message| message["Body"].as_str()).collect();
    assert_eq!(bodies, ["one", "two"]);
    assert!(received[0]["Attributes"]["SequenceNumber"].is_string());
    assert_eq!(received[0]["Attributes"]["MessageGroupId"], "g");
    // Their visibility ends after five seconds, and the attempt after the only receive moves them.
    assert!(stand.receive("jobs.fifo").await.is_empty());
    let dead = stand.receive("dead.fifo").await;
    let bodies: Vec<&str> = dead.iter().filter_map(|message| message["Body"].as_str()).collect();
    assert_eq!(bodies, ["one", "two"]);
    assert_eq!(dead[0]["MessageId"], first["MessageId"]);
    assert_eq!(dead[0]["Attributes"]["ApproximateReceiveCount"], "2");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_task_brings_them_back_while_time_is_skipped() {
    let stand = Stand::start().await;
    for body in ["one", "two", "three"] {
        stand.send(body, body).await;
    }
    assert_eq!(stand.receive("jobs.fifo").await.len(), 3);
    assert!(stand.receive("jobs.fifo").await.is_empty());
    let source = "arn:aws:sqs:us-local-1:000000000000:dead.fifo";
    let sources = stand.call("ListDeadLetterSourceQueues", json!({"QueueUrl": "dead.fifo"})).await;
    assert!(sources["queueUrls"][0].as_str().is_some_and(|url| url.ends_with("/jobs.fifo")));
    let started = stand
        .call(
            "StartMessageMoveTask",
            json!({"SourceArn": source, "MaxNumberOfMessagesPerSecond": 1}),
        )
        .await;
    assert!(started["TaskHandle"].is_string(), "{started}");
    let second = stand.call("StartMessageMoveTask", json!({"SourceArn": source})).await;
    assert_eq!(second["__type"], "com.amazonaws.sqs#InvalidParameterValueException", "{second}");
    // Nobody polls the queues: the task has a timer of its own. Each long poll lets time pass.
    let mut back = Vec::new();
    while back.len() < 3 {
        let received = stand.receive("jobs.fifo").await;
        assert!(!received.is_empty(), "the task moves the rest");
        back.extend(
            received.into_iter().filter_map(|message| message["Body"].as_str().map(str::to_owned)),
        );
    }
    back.sort();
    assert_eq!(back, ["one", "three", "two"]);
    assert!(stand.receive("dead.fifo").await.is_empty());
    let tasks = stand.call("ListMessageMoveTasks", json!({"SourceArn": source})).await;
    assert_eq!(tasks["Results"][0]["Status"], "COMPLETED", "{tasks}");
    assert_eq!(tasks["Results"][0]["ApproximateNumberOfMessagesMoved"], 3);
    stand.emulator.shut_down().await;
}
