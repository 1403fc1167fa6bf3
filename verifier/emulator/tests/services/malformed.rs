//! Requests that are not what they should be: each is refused, and none makes the emulator panic, hang or forget what it
//! holds. The environment variable `VERIFIER_MALFORMED_CASES` says how many of each kind are tried.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{SIGNED, config, mapping, probe, queues, resources};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use verifier_emulator::{Emulator, EmulatorConfig, Template};
use verifier_model::faults::FaultRules;

/// How many of each kind are tried unless the environment says otherwise.
const CASES: u32 = 300;
/// No answer takes longer, and no connection stays open longer without one.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Panics of tasks of the emulator, which would otherwise only close a connection.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn cases() -> u32 {
    let asked = std::env::var("VERIFIER_MALFORMED_CASES");
    asked.ok().map_or(CASES, |cases| cases.parse().expect("a number of cases"))
}

/// Runs cases against one emulator, which must be as it was in the end.
fn run<S: Strategy>(
    strategy: &S,
    attack: &impl AsyncFn(&Emulator, S::Value) -> Result<(), TestCaseError>,
) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        before(panic);
    }));
    let runtime = Runtime::new().expect("a runtime");
    let parts =
        queues().into_iter().chain([("Probe", probe(json!({}))), ("Mapping", mapping(json!({})))]);
    let document = json!({"Resources": resources(parts)});
    let emulator = runtime.block_on(Emulator::start(config(&document))).expect("it starts");
    let config =
        ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(strategy, |case| {
        let panics = PANICS.load(Ordering::SeqCst);
        runtime.block_on(attack(&emulator, case))?;
        prop_assert_eq!(PANICS.load(Ordering::SeqCst), panics, "a task of the emulator panicked");
        Ok(())
    });
    if let Err(problem) = outcome {
        panic!("{problem}");
    }
    let listed = http("POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.ListQueues", b"{}");
    let answer = runtime.block_on(exchange(&emulator, &listed)).expect("an answer");
    assert!(answer.contains("/jobs") && answer.contains("/dead"), "{answer}");
    runtime.block_on(emulator.shut_down());
}

/// Writes bytes and reads what comes until the connection is closed, which each request asks for.
async fn exchange(emulator: &Emulator, bytes: &[u8]) -> Result<String, TestCaseError> {
    converse(emulator, bytes, false).await
}

/// The same; may say that nothing more is to come, since the emulator would wait for it.
async fn converse(emulator: &Emulator, bytes: &[u8], ends: bool) -> Result<String, TestCaseError> {
    let address = emulator.endpoint().trim_start_matches("http://").to_owned();
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        // It may answer and close before everything is written.
        let _ = stream.write_all(bytes).await;
        if ends {
            let _ = stream.shutdown().await;
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    timeout(ANSWER_TIMEOUT, exchange).await.map_err(|_| TestCaseError::fail("it hangs"))
}

fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()
}

/// A request that is well-formed HTTP must be answered, and never with a fault of the server's.
fn check_answer(answer: &str) -> Result<(), TestCaseError> {
    let status = status(answer).ok_or_else(|| TestCaseError::fail("no answer"))?;
    prop_assert!(status < 500 || status == 501, "{}", answer);
    Ok(())
}

fn http(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{head}\r\nHost: 127.0.0.1\r\nAuthorization: {SIGNED}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// What a body is sent to: the lines before the common headers.
fn target() -> impl Strategy<Value = String> {
    let sqs = select(
        &[
            "CreateQueue",
            "SendMessage",
            "SendMessageBatch",
            "ReceiveMessage",
            "DeleteMessage",
            "DeleteMessageBatch",
            "ChangeMessageVisibilityBatch",
            "SetQueueAttributes",
            "GetQueueAttributes",
            "TagQueue",
            "AddPermission",
            "StartMessageMoveTask",
            "CancelMessageMoveTask",
            "ListQueues",
            "NoSuch",
        ][..],
    );
    let logs = select(
        &[
            "FilterLogEvents",
            "PutLogEvents",
            "GetLogEvents",
            "DescribeLogStreams",
            "CreateLogGroup",
        ][..],
    );
    let path = select(
        &[
            "POST /2015-03-31/event-source-mappings HTTP/1.1",
            "PUT /2015-03-31/event-source-mappings/none HTTP/1.1",
            "PUT /2017-10-31/functions/probe/concurrency HTTP/1.1",
            "PUT /2015-03-31/functions/probe/configuration HTTP/1.1",
            "POST /2015-03-31/functions/none/invocations HTTP/1.1",
            "POST /service/GraniteServiceVersion20100801/operation/PutMetricAlarm HTTP/1.1\r\nSmithy-Protocol: rpc-v2-cbor",
            "POST /?Action=CreateStack&Version=2010-05-15 HTTP/1.1",
            "POST /execute-api/none/jobs HTTP/1.1",
            "GET / HTTP/1.1",
        ][..],
    );
    prop_oneof![
        sqs.prop_map(|action| format!("POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.{action}")),
        logs.prop_map(|action| format!("POST / HTTP/1.1\r\nX-Amz-Target: Logs_20140328.{action}")),
        path.prop_map(str::to_owned),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        select(
            &[
                "http://x/0/jobs",
                "jobs",
                "arn:aws:sqs:us-local-1:000000000000:dead",
                "probe",
                "All"
            ][..]
        )
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..12).prop_map(Value::from),
            vec((member(), inner), 0..6)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Names that the operations know, mostly.
fn member() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&[
            "QueueUrl", "QueueName", "MessageBody", "Entries", "Id", "ReceiptHandle", "VisibilityTimeout",
            "WaitTimeSeconds", "MaxNumberOfMessages", "Attributes", "RedrivePolicy", "MessageAttributes",
            "DataType", "StringValue", "BinaryValue", "SourceArn", "TaskHandle", "DelaySeconds",
            "logGroupName", "filterPattern", "nextToken", "startTime", "limit", "logEvents",
            "EventSourceArn", "FunctionName", "BatchSize", "ScalingConfig", "Timeout", "rules", "fault", "kind",
        ][..]).prop_map(str::to_owned),
        1 => ".{0,10}",
    ]
}

#[test]
fn bytes_that_are_no_request_end_their_connection_only() {
    let any_bytes = vec(any::<u8>(), 0..400);
    let begun =
        (
            select(
                &[
                    "GET",
                    "POST / HTTP/1.1\r\n",
                    "POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n{",
                ][..],
            ),
            any_bytes.clone(),
        )
            .prop_map(|(begin, rest)| [begin.as_bytes(), &rest].concat());
    run(&prop_oneof![any_bytes, begun], &async |emulator, bytes| {
        converse(emulator, &bytes, true).await.map(drop)
    });
}

#[test]
fn bodies_of_any_shape_are_answered() {
    let request =
        (target(), json_value()).prop_map(|(head, body)| http(&head, body.to_string().as_bytes()));
    run(&request, &async |emulator, bytes| check_answer(&exchange(emulator, &bytes).await?));
}

#[test]
fn fault_rules_of_any_shape_are_answered() {
    run(&json_value(), &async |emulator, rules| {
        let token = emulator.token();
        let head = format!("PUT /_emulator/faults HTTP/1.1\r\nX-Verifier-Token: {token}");
        check_answer(&exchange(emulator, &http(&head, rules.to_string().as_bytes())).await?)
    });
}

#[test]
fn bodies_of_any_shape_are_answered_while_faults_are_in_force() {
    let faults = ["delayed-delivery", "stale-counts"].map(|kind| {
        let fault = json!({"kind": kind, "milliseconds": 1});
        json!({"caller": "client", "fault": fault})
    });
    let rules = json!({"seed": 7, "rules": faults}).to_string();
    let examples = [
        json!([]),
        json!("x"),
        json!(null),
        json!({"QueueUrl": "http://x/0/jobs", "Entries": [1]}),
        json!({"QueueUrl": "http://x/0/jobs", "Entries": {}}),
        json!({"Entries": [[], null, {"Id": 1}]}),
    ];
    let body = prop_oneof![select(examples.to_vec()), json_value()];
    run(&(target(), body), &async |emulator, (head, body)| {
        // Each time, since a case may set faults itself.
        let rules = FaultRules::parse(rules.as_bytes()).expect("rules");
        emulator.set_faults(rules).expect("they are set");
        check_answer(&exchange(emulator, &http(&head, body.to_string().as_bytes())).await?)
    });
}

#[test]
fn bodies_of_any_bytes_and_truncated_ones_are_answered() {
    let bytes = (target(), vec(any::<u8>(), 0..300)).prop_map(|(head, body)| http(&head, &body));
    let truncated = (target(), json_value(), any::<Index>()).prop_map(|(head, body, end)| {
        let body = body.to_string().into_bytes();
        let end = end.index(body.len() + 1);
        http(&head, &body[..end])
    });
    run(&prop_oneof![bytes, truncated], &async |emulator, bytes| {
        check_answer(&exchange(emulator, &bytes).await?)
    });
}

#[test]
fn paths_and_queries_of_any_kind_are_answered() {
    let parts = select(
        &[
            "2015-03-31",
            "functions",
            "event-source-mappings",
            "tags",
            "execute-api",
            "_emulator",
            "client",
            "faults",
            "..",
            "%2e%2e",
            "%00",
            "service",
        ][..],
    );
    let path = vec(prop_oneof![parts.prop_map(str::to_owned), "[!-~&&[^ ?#]]{0,12}"], 0..5);
    let request = (
        select(&["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"][..]),
        path,
        "[!-~&&[^ #]]{0,30}",
    )
        .prop_map(|(method, path, query)| (method, format!("/{}?{query}", path.join("/"))));
    run(&request, &async |emulator, (method, path)| {
        // This one is answered for as long as its connection lives.
        if path.starts_with("/_emulator/client?") {
            return Ok(());
        }
        let token = emulator.token();
        let head = format!("{method} {path} HTTP/1.1\r\nX-Verifier-Token: {token}");
        check_answer(&exchange(emulator, &http(&head, b"{}")).await?)
    });
}

/// A template of resources that matter, with values of any shape and with intrinsic functions.
fn template() -> impl Strategy<Value = Value> {
    let kinds = select(
        &[
            "AWS::SQS::Queue",
            "AWS::SQS::QueuePolicy",
            "AWS::Lambda::Function",
            "AWS::Lambda::EventSourceMapping",
            "AWS::Logs::LogGroup",
            "AWS::ApiGatewayV2::Api",
            "AWS::ApiGatewayV2::Route",
            "AWS::ApiGatewayV2::Stage",
            "AWS::ApiGatewayV2::Deployment",
            "AWS::S3::Bucket",
            "AWS::CloudFront::Distribution",
            "AWS::CloudWatch::Alarm",
            "Custom::CDKBucketDeployment",
            "Other",
        ][..],
    );
    let resource = (kinds, vec((property(), function()), 0..5)).prop_map(|(kind, properties)| {
        let properties: serde_json::Map<String, Value> = properties.into_iter().collect();
        json!({"Type": kind, "Properties": properties, "Metadata": properties})
    });
    // Whatever else an output may be, it is refused where it is no text: then nothing behind it would be tried.
    let output = prop_oneof![Just(json!("text")), function()];
    (vec((select(&["A", "B", "C"][..]), resource), 1..4), output).prop_map(|(resources, value)| {
        let resources: serde_json::Map<String, Value> =
            resources.into_iter().map(|(name, resource)| (name.to_owned(), resource)).collect();
        json!({
            "Resources": resources,
            "Outputs": {"Out": {"Value": value}},
            "Conditions": {"Yes": {"Fn::Equals": ["a", "a"]}},
            "Mappings": {"Map": {"top": {"second": "value"}}},
            "Parameters": {"Given": {"Type": "String", "Default": "default"}},
        })
    })
}

fn property() -> impl Strategy<Value = String> {
    select(
        &[
            "QueueName",
            "RedrivePolicy",
            "VisibilityTimeout",
            "FifoQueue",
            "Queues",
            "PolicyDocument",
            "Timeout",
            "Environment",
            "LoggingConfig",
            "EventSourceArn",
            "FunctionName",
            "BatchSize",
            "ScalingConfig",
            "ApiId",
            "RouteKey",
            "StageName",
            "AutoDeploy",
            "DeploymentId",
            "Target",
            "CorsConfiguration",
            "DistributionConfig",
            "Tags",
            "RetentionInDays",
            "MetricName",
            "Namespace",
            "Dimensions",
            "Threshold",
            "DestinationBucketName",
            "verifier:binary",
            "verifier:files",
        ][..],
    )
    .prop_map(str::to_owned)
}

fn function() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        json_value(),
        select(&["A", "B", "Given", "AWS::Region", "AWS::NoValue", "None"][..])
            .prop_map(|name| json!({"Ref": name})),
        select(&["A", "B", "None"][..]).prop_map(|name| json!({"Fn::GetAtt": [name, "Arn"]})),
        Just(json!({"Fn::FindInMap": ["Map", "top", "second"]})),
    ];
    let names = || {
        select(
            &[
                "Fn::Join",
                "Fn::Sub",
                "Fn::Select",
                "Fn::Split",
                "Fn::If",
                "Fn::Base64",
                "Fn::GetAtt",
                "Ref",
                "Fn::Equals",
                "Fn::Not",
            ][..],
        )
    };
    leaf.prop_recursive(4, 20, 3, move |inner| {
        prop_oneof![
            (names(), vec(inner.clone(), 0..4)).prop_map(|(name, items)| json!({name: items})),
            (names(), inner.clone()).prop_map(|(name, value)| json!({name: value})),
            vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

#[test]
fn templates_of_any_shape_are_built_or_refused() {
    let runtime = Runtime::new().expect("a runtime");
    let valid = json!({"Resources": {"A": {"Type": "Other"}}});
    let started = AtomicUsize::new(0);
    let config_of = |template: Template| EmulatorConfig { template, ..config(&valid) };
    let cases =
        ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(cases).run(&template(), |document| {
        let Ok(template) = Template::parse(&document.to_string()) else {
            return Ok(());
        };
        runtime.block_on(async {
            let start = timeout(ANSWER_TIMEOUT, Emulator::start(config_of(template))).await;
            if let Ok(emulator) = start.map_err(|_| TestCaseError::fail("it hangs"))? {
                started.fetch_add(1, Ordering::SeqCst);
                emulator.shut_down().await;
            }
            Ok(())
        })
    });
    if let Err(problem) = outcome {
        panic!("{problem}");
    }
    // Were all of them refused at once, little would have been tried.
    assert!(started.into_inner() > 0);
}

#[test]
fn an_oversize_request_is_refused() {
    let body = vec![b' '; 11 * 1024 * 1024];
    run(
        &Just(http("POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.SendMessage", &body)),
        &async |emulator, bytes| {
            let answer = exchange(emulator, &bytes).await?;
            prop_assert!(matches!(status(&answer), Some(413) | None), "{}", answer);
            Ok(())
        },
    );
}

/// Names as deep as a body may make them took the stack of a thread, and many of them all memory.
#[tokio::test(flavor = "multi_thread")]
async fn deep_and_many_names_of_a_form_are_no_matter() {
    let emulator = Emulator::start(config(&json!({"Resources": resources(queues())}))).await;
    let emulator = emulator.expect("it starts");
    let form = |more: String| format!("Action=ListQueues&Version=2012-11-05{more}");
    let deep = |parts: usize| format!("&{}=1", vec!["A"; parts].join("."));
    for (body, expected) in [
        (form(deep(200_000)), 200),
        (form(deep(2_500).repeat(500)), 200),
        (form("&a=1".repeat(1_000_000)), 400),
    ] {
        let answer = exchange(&emulator, &http("POST / HTTP/1.1", body.as_bytes())).await;
        assert_eq!(status(&answer.expect("an answer")), Some(expected));
    }
    emulator.shut_down().await;
}

/// What AWS bounds is bounded here: each of these took minutes, or all memory, while the services stood.
#[tokio::test(flavor = "multi_thread")]
async fn lists_and_texts_are_bounded_as_aws_bounds_them() {
    let emulator = Emulator::start(config(&json!({"Resources": resources(queues())}))).await;
    let emulator = emulator.expect("it starts");
    let call = async |target: &str, body: &Value| {
        let request = http(
            &format!("POST / HTTP/1.1\r\nX-Amz-Target: {target}"),
            body.to_string().as_bytes(),
        );
        status(&exchange(&emulator, &request).await.expect("an answer")).expect("a status")
    };
    let metric = json!({"Namespace": "AWS/SQS", "MetricName": "NumberOfMessagesSent"});
    let query = json!({"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}});
    let data = |count: usize| json!({"StartTime": 0, "EndTime": 60, "MetricDataQueries": vec![query.clone(); count]});
    let events = |pattern: usize, streams: usize| json!({"logGroupName": "none", "filterPattern": "a".repeat(pattern), "logStreamNames": vec!["a"; streams]});
    let cloudwatch = "GraniteServiceVersion20100801";
    assert_eq!(call(&format!("{cloudwatch}.GetMetricData"), &data(500)).await, 200);
    assert_eq!(call(&format!("{cloudwatch}.GetMetricData"), &data(501)).await, 400);
    for (pattern, streams, is_bounded) in [(1024, 100, false), (1025, 1, true), (1, 101, true)] {
        let body = events(pattern, streams).to_string();
        let request =
            http("POST / HTTP/1.1\r\nX-Amz-Target: Logs_20140328.FilterLogEvents", body.as_bytes());
        let answer = exchange(&emulator, &request).await.expect("an answer");
        assert_eq!(answer.contains("Member must have length less than"), is_bounded, "{answer}");
    }
    let queue = format!("{}/000000000000/jobs", emulator.endpoint());
    let policy = |bytes: usize| {
        let statement = json!([{"Sid": "s".repeat(bytes), "Effect": "Deny", "Principal": "*", "Action": "sqs:PurgeQueue", "Resource": "*"}]);
        let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        json!({"QueueUrl": queue, "Attributes": {"Policy": policy}})
    };
    assert_eq!(call("AmazonSQS.SetQueueAttributes", &policy(8_000)).await, 200);
    assert_eq!(call("AmazonSQS.SetQueueAttributes", &policy(8_192)).await, 400);
    // What separates a form's parameters is nothing in JSON.
    let lines: Vec<Value> =
        (0..6_000).map(|at| json!({"timestamp": at, "message": "GET /x?a=1&b=2&c=3"})).collect();
    let put = json!({"logGroupName": "none", "logStreamName": "a", "logEvents": lines}).to_string();
    let request =
        http("POST / HTTP/1.1\r\nX-Amz-Target: Logs_20140328.PutLogEvents", put.as_bytes());
    let answer = exchange(&emulator, &request).await.expect("an answer");
    assert!(answer.contains("ResourceNotFoundException"), "{answer}");
    emulator.shut_down().await;
}
