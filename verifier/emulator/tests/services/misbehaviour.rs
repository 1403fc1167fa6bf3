//! Functions that misbehave: what their callers, their queue and their log see of it.

use crate::support::{self, SIGNED, config, permission};
use serde_json::{Value, json};
use verifier_emulator::Emulator;

struct Stand {
    emulator: Emulator,
    http: reqwest::Client,
}

fn function(variables: &Value) -> Value {
    let properties = json!({
        "Timeout": 1,
        "Environment": {"Variables": variables},
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "probe"},
    });
    support::function("probe.py", properties)
}

fn document() -> Value {
    let route = |key: &str, integration: &str| {
        let target = json!({"Fn::Join": ["/", ["integrations", {"Ref": integration}]]});
        json!({"Type": "AWS::ApiGatewayV2::Route", "Properties": {"ApiId": {"Ref": "Api"}, "RouteKey": key, "Target": target}})
    };
    let integration = |function: &str| {
        let uri = json!({"Fn::GetAtt": [function, "Arn"]});
        json!({"Type": "AWS::ApiGatewayV2::Integration", "Properties": {"ApiId": {"Ref": "Api"}, "IntegrationType": "AWS_PROXY", "IntegrationUri": uri, "PayloadFormatVersion": "2.0"}})
    };
    let policy =
        json!({"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 2});
    json!({
        "Resources": {
            "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "api", "ProtocolType": "HTTP"}},
            "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": true}},
            "Probe": function(&json!({})),
            "Broken": function(&json!({"FAIL_INIT": "1"})),
            "MayProbe": permission("Probe"),
            "MayBroken": permission("Broken"),
            "ToProbe": integration("Probe"),
            "ToBroken": integration("Broken"),
            "RouteProbe": route("GET /probe/{wish}", "ToProbe"),
            "RouteBroken": route("GET /broken", "ToBroken"),
            "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}},
            "Jobs": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs", "VisibilityTimeout": 30, "RedrivePolicy": policy}},
            "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Jobs", "Arn"]},
                "FunctionName": {"Ref": "Probe"},
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "BatchSize": 1,
            }},
        },
        "Outputs": {"Url": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}}},
    })
}

impl Stand {
    async fn start() -> Self {
        let emulator = Emulator::start(config(&document())).await.expect("the emulator starts");
        let http = verifier_aws::plain_http_client().expect("a client");
        Self { emulator, http }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let base = &self.emulator.stack().outputs[0].value;
        let response = self.http.get(format!("{base}{path}")).send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("a body"))
    }

    async fn call(&self, target: &str, body: Value) -> Value {
        let request = self.http.post(self.emulator.endpoint()).header("x-amz-target", target);
        let request = request.header("authorization", SIGNED);
        let response = request.body(body.to_string()).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    /// The first message that comes within `seconds` of stack time.
    async fn receive(&self, queue: &str, seconds: u32) -> Option<Value> {
        for _ in 0..seconds.div_ceil(20) {
            let body = json!({"QueueUrl": queue, "WaitTimeSeconds": 20, "AttributeNames": ["All"]});
            let mut answer = self.call("AmazonSQS.ReceiveMessage", body).await;
            if answer["Messages"].is_array() {
                return Some(answer["Messages"][0].take());
            }
        }
        None
    }

    async fn send(&self, body: &str) -> String {
        let body = json!({"QueueUrl": "jobs", "MessageBody": body});
        let sent = self.call("AmazonSQS.SendMessage", body).await;
        sent["MessageId"].as_str().expect("an id").to_owned()
    }

    async fn log(&self) -> Vec<String> {
        let found =
            self.call("Logs_20140328.FilterLogEvents", json!({"logGroupName": "probe"})).await;
        let events = found["events"].as_array().expect("events");
        events.iter().filter_map(|event| event["message"].as_str().map(str::to_owned)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_keeps_the_environment_and_a_crash_does_not() {
    let stand = Stand::start().await;
    let (status, first) = stand.get("/probe/pid").await;
    assert_eq!(status, 200);
    assert_eq!(stand.get("/probe/error").await.0, 500);
    assert_eq!(stand.get("/probe/pid").await, (200, first.clone()));
    let (status, body) = stand.get("/probe/crash").await;
    assert_eq!((status, body.as_str()), (500, r#"{"message":"Internal Server Error"}"#));
    let (status, second) = stand.get("/probe/pid").await;
    assert_eq!(status, 200);
    assert_ne!(first, second);
    assert!(stand.log().await.iter().any(|line| line.contains("Runtime exited")));
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_that_takes_too_long_is_killed() {
    let stand = Stand::start().await;
    let (_, first) = stand.get("/probe/pid").await;
    assert_eq!(stand.get("/probe/slow").await.0, 500);
    let (status, second) = stand.get("/probe/pid").await;
    assert_eq!(status, 200);
    assert_ne!(first, second);
    assert!(
        stand.log().await.iter().any(|line| line.contains("Task timed out after 1.00 seconds"))
    );
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_cannot_start_fails_its_invocations_and_says_why() {
    let stand = Stand::start().await;
    assert_eq!(stand.get("/broken").await.0, 500);
    let log = stand.log().await;
    assert!(log.iter().any(|line| line == "cannot start"), "{log:?}");
    assert!(log.iter().any(|line| line.contains("Runtime.ExitError")), "{log:?}");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_before_the_answer_is_in_the_log_when_the_caller_has_it() {
    let stand = Stand::start().await;
    assert_eq!(stand.get("/probe/print").await, (200, "printed".to_owned()));
    let log = stand.log().await;
    assert!(log.iter().any(|line| line == "first line"), "{log:?}");
    assert!(log.iter().any(|line| line.starts_with("second li")), "{log:?}");
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fails_as_a_whole_is_retried_and_dead_lettered() {
    let stand = Stand::start().await;
    for wish in ["crash", "error", "malformed", "other", "slow"] {
        let id = stand.send(wish).await;
        let message = stand.receive("dead", 100).await.expect(wish);
        assert_eq!(message["MessageId"], id.as_str(), "{wish}: {message}");
        assert_eq!(message["Body"], wish);
        let attributes = &message["Attributes"];
        assert_eq!(attributes["ApproximateReceiveCount"], "3");
        assert_eq!(
            attributes["DeadLetterQueueSourceArn"],
            "arn:aws:sqs:us-local-1:000000000000:jobs"
        );
        let body = json!({"QueueUrl": "dead", "ReceiptHandle": message["ReceiptHandle"]});
        stand.call("AmazonSQS.DeleteMessage", body).await;
    }
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_to_a_batch_deletes_it() {
    let stand = Stand::start().await;
    stand.send("nothing").await;
    // A retry, and the move after it, would have come in this time.
    assert_eq!(stand.receive("dead", 100).await, None);
    let body = json!({"QueueUrl": "jobs", "AttributeNames": ["All"]});
    let counts = &stand.call("AmazonSQS.GetQueueAttributes", body).await["Attributes"];
    assert_eq!(counts["ApproximateNumberOfMessages"], "0");
    assert_eq!(counts["ApproximateNumberOfMessagesNotVisible"], "0");
    stand.emulator.shut_down().await;
}
