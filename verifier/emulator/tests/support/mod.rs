//! An emulator, and clients of it whose work holds its clock: time passes only while they wait.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::expect_used, reason = "clippy allows it in test functions only")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_config::SdkConfig;
use serde_json::{Value, json};
use verifier_aws::Connection;
use verifier_emulator::{Client, ClockMode, CodeConfig, Emulator, EmulatorConfig, Template};

/// The region of the emulators in tests.
pub(crate) const REGION: &str = "us-local-1";

/// A signature as far as the emulator looks at it: it names an access key.
pub(crate) const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-local-1/any/aws4_request, SignedHeaders=host, Signature=0";

/// A running emulator and a client of it.
pub(crate) struct Stand {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
    pub(crate) sdk: SdkConfig,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
}

/// What an emulator is started with for a stack of these resources; functions are the programs in `tests/functions`,
/// and folders of a site lie in `tests`.
pub(crate) fn config(document: &Value) -> EmulatorConfig {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    EmulatorConfig {
        template: Template::parse(&document.to_string()).expect("a template"),
        stack_name: "Stack-Test".to_owned(),
        region: REGION.to_owned(),
        parameters: BTreeMap::new(),
        values: BTreeMap::new(),
        functions: project.join("functions"),
        code: CodeConfig::default(),
        project,
        port: 0,
        clock: ClockMode::SkipIdle,
        other_work: Duration::ZERO,
        seed: 7,
        allowed_origins: Vec::new(),
        iam: true,
        callers: None,
    }
}

impl Stand {
    /// An emulator of a stack of these resources.
    pub(crate) async fn start(resources: Value) -> Self {
        Self::of(config(&json!({"Resources": resources}))).await
    }

    pub(crate) async fn of(config: EmulatorConfig) -> Self {
        let emulator = Emulator::start(config).await.expect("the emulator starts");
        let client = emulator.client();
        let sdk = verifier_aws::sdk_config(&Connection {
            region: Some(REGION.to_owned()),
            endpoint_url: Some(emulator.endpoint().to_owned()),
            access_key_id: Some(client.access_key_id().to_owned()),
            ..Connection::default()
        })
        .await;
        let sqs = aws_sdk_sqs::Client::new(&sdk);
        let lambda = aws_sdk_lambda::Client::new(&sdk);
        Self { emulator, client, sdk, sqs, lambda }
    }

    /// Lets stack time pass.
    pub(crate) async fn wait(&self, seconds: u64) {
        self.pass(Duration::from_secs(seconds)).await;
    }

    /// Lets stack time pass.
    pub(crate) async fn pass(&self, duration: Duration) {
        self.client.sleep_until(self.client.now() + duration).await;
    }

    pub(crate) fn queue_url(&self, name: &str) -> String {
        format!("{}/000000000000/{name}", self.emulator.endpoint())
    }

    pub(crate) async fn send(&self, queue: &str, body: &str) -> String {
        let sent = self.sqs.send_message().queue_url(self.queue_url(queue)).message_body(body);
        sent.send().await.expect("it is sent").message_id.expect("an id")
    }

    /// Receives up to ten messages with all they have, waiting up to 20 s for the first.
    pub(crate) async fn receive(&self, queue: &str) -> Vec<aws_sdk_sqs::types::Message> {
        let receive = self
            .sqs
            .receive_message()
            .queue_url(self.queue_url(queue))
            .max_number_of_messages(10)
            .wait_time_seconds(20)
            .message_system_attribute_names(aws_sdk_sqs::types::MessageSystemAttributeName::All)
            .message_attribute_names("All");
        receive.send().await.expect("an answer").messages.unwrap_or_default()
    }

    /// How many messages a queue has: visible, in flight.
    pub(crate) async fn counts(&self, queue: &str) -> (usize, usize) {
        use aws_sdk_sqs::types::QueueAttributeName::{
            All, ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible,
        };
        let url = self.queue_url(queue);
        let answer = self.sqs.get_queue_attributes().queue_url(url).attribute_names(All);
        let attributes = answer.send().await.expect("an answer").attributes.expect("attributes");
        let number = |name| attributes[&name].parse().expect("a number");
        (number(ApproximateNumberOfMessages), number(ApproximateNumberOfMessagesNotVisible))
    }
}

/// A function that is `probe.py`.
pub(crate) fn probe(properties: Value) -> Value {
    let mut function = function("probe.py", properties);
    let all = function["Properties"].as_object_mut().expect("properties");
    all.entry("FunctionName").or_insert("probe".into());
    all.entry("Timeout").or_insert(1.into());
    all.entry("LoggingConfig").or_insert(json!({"LogFormat": "JSON", "LogGroup": "probe"}));
    function
}

/// A function that is the program of that name, with what AWS asks of every function. Its role is none of the stack's, and so
/// may do everything.
pub(crate) fn function(binary: &str, properties: Value) -> Value {
    let mut all = json!({
        "Code": {"S3Bucket": "code", "S3Key": "code.zip"},
        "Handler": "bootstrap",
        "Role": "arn:aws:iam::000000000000:role/other",
        "Runtime": "provided.al2023",
    });
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), properties) {
        all.extend(more);
    }
    json!({
        "Type": "AWS::Lambda::Function",
        "Metadata": {"verifier:binary": binary},
        "Properties": all,
    })
}

/// What lets HTTP APIs invoke the function of that logical id.
pub(crate) fn permission(function: &str) -> Value {
    json!({"Type": "AWS::Lambda::Permission", "Properties": {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": function},
        "Principal": "apigateway.amazonaws.com",
    }})
}

/// A role that functions may have, with one policy of its own that has these statements.
pub(crate) fn role(statements: &Value) -> Value {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
    }]});
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    json!({"Type": "AWS::IAM::Role", "Properties": {
        "AssumeRolePolicyDocument": trust,
        "Policies": [{"PolicyName": "own", "PolicyDocument": document}],
    }})
}

/// The queues `jobs`, with a visibility timeout of 30 s, and `dead`, where messages go after two receives.
pub(crate) fn queues() -> [(&'static str, Value); 2] {
    let policy =
        json!({"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 2});
    [
        ("Dead", json!({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}})),
        (
            "Jobs",
            json!({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs", "VisibilityTimeout": 30, "RedrivePolicy": policy}}),
        ),
    ]
}

/// A mapping of the queue `jobs` to the function `Probe`.
pub(crate) fn mapping(properties: Value) -> Value {
    let mut mapping = json!({
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": {"Fn::GetAtt": ["Jobs", "Arn"]},
            "FunctionName": {"Ref": "Probe"},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BatchSize": 1,
        },
    });
    if let (Some(all), Value::Object(more)) = (mapping["Properties"].as_object_mut(), properties) {
        all.extend(more);
    }
    mapping
}

/// Resources as a template has them.
pub(crate) fn resources(parts: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    parts.into_iter().map(|(name, resource)| (name.to_owned(), resource)).collect()
}
