//! CloudWatch through AWS's SDK, which speaks CBOR, and through JSON, which the AWS command line speaks.

use std::time::Duration;

use crate::support::{self, SIGNED, Stand, permission};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Datapoint, Dimension, Metric, MetricAlarm, MetricDataQuery,
    MetricStat, StateValue, Statistic, Tag,
};
use serde_json::{Value, json};

const VISIBLE: &str = "ApproximateNumberOfMessagesVisible";
const MINUTE: Duration = Duration::from_mins(1);

fn alarm(name: &str, namespace: &str, metric: &str, dimension: &Value) -> Value {
    json!({"Type": "AWS::CloudWatch::Alarm", "Properties": {
        "AlarmName": name,
        "AlarmDescription": format!("See RUNBOOK.md#{name}"),
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [dimension],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [{"Ref": "Topic"}],
        "Tags": [{"Key": "pr", "Value": "123"}],
    }})
}

fn queues() -> Value {
    let dead = json!({"Name": "QueueName", "Value": {"Fn::GetAtt": ["Dead", "QueueName"]}});
    json!({
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alarms"}},
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}},
        "Jobs": {"Type": "AWS::SQS::Queue", "Properties": {
            "QueueName": "jobs",
            "VisibilityTimeout": 10,
            "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 1},
        }},
        "Depth": alarm("depth", "AWS/SQS", VISIBLE, &dead),
        "Sent": alarm("sent", "AWS/SQS", "NumberOfMessagesSent", &dead),
    })
}

fn dead() -> Dimension {
    Dimension::builder().name("QueueName").value("dead").build()
}

async fn described(cloudwatch: &Client, name: &str) -> MetricAlarm {
    let answer = cloudwatch.describe_alarms().alarm_names(name).send().await.expect("alarms");
    answer.metric_alarms.expect("alarms").pop().expect("the alarm")
}

async fn state(cloudwatch: &Client, name: &str) -> StateValue {
    described(cloudwatch, name).await.state_value.expect("a state")
}

/// Lets stack time pass until just after a full minute, so that none ends in the middle of what follows.
async fn begin_a_minute(stand: &Stand) {
    let into_the_minute = stand.client.now().as_millis() % 60_000;
    stand.pass(Duration::from_millis(60_100 - into_the_minute)).await;
}

/// Sends a job and lets it die: the attempt after its only receive moves it.
async fn dead_letter(stand: &Stand) {
    let sqs = aws_sdk_sqs::Client::new(&stand.sdk);
    let url = format!("{}/000000000000/jobs", stand.emulator.endpoint());
    sqs.send_message().queue_url(&url).message_body("poison").send().await.expect("sent");
    let receive = sqs.receive_message().queue_url(&url);
    let received = receive.clone().send().await.expect("received");
    assert_eq!(received.messages().len(), 1);
    stand.pass(Duration::from_secs(11)).await;
    assert!(receive.send().await.expect("received").messages().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_sets_off_the_alarm_on_the_depth_and_not_the_one_on_what_was_sent() {
    let stand = Stand::start(queues()).await;
    let cloudwatch = Client::new(&stand.sdk);
    begin_a_minute(&stand).await;
    let quiet = described(&cloudwatch, "depth").await;
    assert_eq!(quiet.state_value(), Some(&StateValue::Ok));
    assert_eq!(quiet.alarm_actions(), ["arn:aws:sns:us-local-1:000000000000:alarms"]);
    assert_eq!(quiet.dimensions(), [dead()]);
    dead_letter(&stand).await;
    let moved_at = stand.client.now().as_millis();
    stand.pass(MINUTE).await;
    let fired = described(&cloudwatch, "depth").await;
    assert_eq!(fired.state_value(), Some(&StateValue::Alarm), "{fired:?}");
    assert!(fired.state_reason().is_some_and(|reason| reason.contains("[1.0]")), "{fired:?}");
    let at = fired.state_transitioned_timestamp().and_then(|at| at.to_millis().ok());
    let at = at.and_then(|at| u64::try_from(at).ok()).expect("a time");
    assert_eq!(at % 60_000, 0, "alarms are evaluated at full minutes");
    assert!(at > moved_at && at - moved_at <= 60_000);
    assert_eq!(state(&cloudwatch, "sent").await, StateValue::Ok);
    let alarms = cloudwatch.describe_alarms().state_value(StateValue::Alarm).send().await;
    assert_eq!(alarms.expect("alarms").metric_alarms().len(), 1);
    let sqs = aws_sdk_sqs::Client::new(&stand.sdk);
    let url = format!("{}/000000000000/dead", stand.emulator.endpoint());
    sqs.purge_queue().queue_url(url).send().await.expect("purged");
    stand.pass(MINUTE * 2).await;
    assert_eq!(state(&cloudwatch, "depth").await, StateValue::Ok);
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_put_described_in_pages_set_and_deleted() {
    let stand = Stand::start(queues()).await;
    let cloudwatch = Client::new(&stand.sdk);
    begin_a_minute(&stand).await;
    let put = cloudwatch
        .put_metric_alarm()
        .alarm_name("new")
        .namespace("AWS/SQS")
        .metric_name(VISIBLE)
        .dimensions(dead())
        .statistic(Statistic::Average)
        .period(60)
        .evaluation_periods(3)
        .datapoints_to_alarm(2)
        .threshold(0.5)
        .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
        .tags(Tag::builder().key("a").value("b").build());
    put.clone().send().await.expect("put");
    let refused = put.period(90).send().await.expect_err("a refusal").into_service_error();
    assert_eq!(refused.code(), Some("ValidationError"));
    let new = described(&cloudwatch, "new").await;
    assert_eq!(new.state_value(), Some(&StateValue::InsufficientData));
    assert_eq!(new.state_reason(), Some("Unchecked: Initial alarm creation"));
    assert_eq!((new.threshold(), new.datapoints_to_alarm()), (Some(0.5), Some(2)));
    assert_eq!(new.treat_missing_data(), None);
    let tags = cloudwatch.list_tags_for_resource().resource_arn(new.alarm_arn().expect("an ARN"));
    assert_eq!(tags.send().await.expect("tags").tags()[0].key(), Some("a"));
    let mut pages = cloudwatch.describe_alarms().max_records(2).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        assert!(page.metric_alarms().len() <= 2);
        names.extend(page.metric_alarms().iter().filter_map(|alarm| alarm.alarm_name.clone()));
    }
    assert_eq!(names, ["depth", "new", "sent"]);
    let prefix = cloudwatch.describe_alarms().alarm_name_prefix("dep").send().await;
    assert_eq!(prefix.expect("alarms").metric_alarms().len(), 1);
    let composite = cloudwatch.describe_alarms().alarm_types(AlarmType::CompositeAlarm).send();
    assert!(composite.await.expect("alarms").metric_alarms().is_empty());
    let of_metric = cloudwatch.describe_alarms_for_metric().namespace("AWS/SQS");
    let of_metric = of_metric.metric_name(VISIBLE).dimensions(dead()).send().await;
    assert_eq!(of_metric.expect("alarms").metric_alarms().len(), 2);
    let token = cloudwatch.describe_alarms().next_token("?").send().await.expect_err("a refusal");
    assert!(token.into_service_error().is_invalid_next_token());
    let set = cloudwatch.set_alarm_state().state_value(StateValue::Alarm).state_reason("a drill");
    set.clone().alarm_name("new").send().await.expect("set");
    assert_eq!(state(&cloudwatch, "new").await, StateValue::Alarm);
    let missing = set.alarm_name("missing").send().await.expect_err("a refusal");
    assert!(missing.into_service_error().is_resource_not_found());
    cloudwatch.delete_alarms().alarm_names("new").send().await.expect("deleted");
    let again = cloudwatch.delete_alarms().alarm_names("new").send().await.expect_err("a refusal");
    assert!(again.into_service_error().is_resource_not_found());
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_and_cbor_tell_the_same() {
    let stand = Stand::start(queues()).await;
    let cloudwatch = Client::new(&stand.sdk);
    let http = verifier_aws::plain_http_client().expect("a client");
    let call = async |action: &str, body: Value| {
        let request = http
            .post(stand.emulator.endpoint())
            .header("x-amz-target", format!("GraniteServiceVersion20100801.{action}"))
            .header("authorization", SIGNED)
            .header("content-type", "application/x-amz-json-1.0");
        let response = request.body(body.to_string()).send().await.expect("an answer");
        let error = response.headers().get("x-amzn-query-error").cloned();
        (response.status().as_u16(), error, response.json::<Value>().await.expect("JSON"))
    };
    let (status, _, answer) = call("DescribeAlarms", json!({"AlarmNames": ["depth"]})).await;
    assert_eq!(status, 200);
    let json = &answer["MetricAlarms"][0];
    let cbor = described(&cloudwatch, "depth").await;
    assert_eq!(json["AlarmArn"].as_str(), cbor.alarm_arn());
    assert_eq!(json["Threshold"].as_f64(), cbor.threshold());
    let millis = cbor.state_updated_timestamp().and_then(|time| time.to_millis().ok());
    let in_json = json["StateUpdatedTimestamp"].as_f64().map(|seconds| format!("{seconds:.3}"));
    assert_eq!(in_json.map(|text| text.replace('.', "")), millis.map(|millis| millis.to_string()));
    let (status, error, answer) = call("DeleteAlarms", json!({"AlarmNames": ["missing"]})).await;
    assert_eq!((status, answer["__type"].as_str()), (404, Some("ResourceNotFound")));
    assert_eq!(error.expect("a header"), "ResourceNotFound;Sender");
    let (status, _, answer) = call("PutDashboard", json!({})).await;
    assert_eq!((status, answer["__type"].as_str()), (400, Some("UnknownOperationException")));
    stand.emulator.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_can_be_read_as_statistics_and_as_data() {
    let stand = Stand::start(queues()).await;
    let cloudwatch = Client::new(&stand.sdk);
    dead_letter(&stand).await;
    stand.pass(MINUTE).await;
    let now = i64::try_from(stand.client.now().as_millis()).expect("a time");
    let (start, end) = (DateTime::from_millis(now - 300_000), DateTime::from_millis(now + 1));
    let statistics = cloudwatch
        .get_metric_statistics()
        .namespace("AWS/SQS")
        .metric_name(VISIBLE)
        .dimensions(dead())
        .period(60)
        .statistics(Statistic::Maximum)
        .start_time(start)
        .end_time(end);
    let found = statistics.clone().send().await.expect("statistics");
    let maxima: Vec<f64> = found.datapoints().iter().filter_map(Datapoint::maximum).collect();
    // Nothing is known of the time before the start, nor of the future.
    let future = DateTime::from_millis(now + 600_000);
    let longer = statistics.clone().end_time(future).send().await.expect("statistics");
    for found in [&found, &longer] {
        assert!((2..=4).contains(&found.datapoints().len()), "{found:?}");
    }
    assert!(maxima.iter().any(|value| (value - 1.0).abs() < 1e-9), "{maxima:?}");
    assert!(found.datapoints().iter().all(|point| point.minimum().is_none()));
    let backwards = statistics.start_time(end).send().await.expect_err("a refusal");
    assert_eq!(backwards.into_service_error().code(), Some("ValidationError"));
    let metric = Metric::builder().namespace("AWS/SQS").metric_name(VISIBLE).dimensions(dead());
    let maximum = MetricStat::builder().metric(metric.build()).period(60).stat("Maximum").build();
    let query = MetricDataQuery::builder().id("depth").metric_stat(maximum).build();
    let data = cloudwatch.get_metric_data().start_time(start).end_time(end);
    let answer = data.clone().metric_data_queries(query).send().await.expect("data");
    let mut values = answer.metric_data_results()[0].values().to_vec();
    values.reverse();
    assert_eq!(values, maxima);
    let sum = MetricDataQuery::builder().id("e").expression("SUM(METRICS())").build();
    let refused = data.metric_data_queries(sum).send().await.expect_err("a refusal");
    assert_eq!(refused.into_service_error().code(), Some("ValidationError"));
    stand.emulator.shut_down().await;
}

fn function() -> Value {
    let probe = json!({"Name": "FunctionName", "Value": {"Ref": "Probe"}});
    let target = json!({"Fn::Join": ["/", ["integrations", {"Ref": "ToProbe"}]]});
    let mut unknown = alarm("unknown", "AWS/Lambda", "IteratorAge", &probe);
    unknown["Properties"]["TreatMissingData"] = "missing".into();
    let mut percentile = alarm("slow", "AWS/Lambda", "Duration", &probe);
    percentile["Properties"]["ExtendedStatistic"] = "p99".into();
    json!({
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alarms"}},
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "api", "ProtocolType": "HTTP"}},
        "Stage": {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "$default", "AutoDeploy": true}},
        "Probe": support::function("probe.py", json!({"Timeout": 5})),
        "ToProbe": {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {
            "ApiId": {"Ref": "Api"}, "IntegrationType": "AWS_PROXY", "IntegrationUri": {"Fn::GetAtt": ["Probe", "Arn"]}, "PayloadFormatVersion": "2.0",
        }},
        "MayProbe": permission("Probe"),
        "Route": {"Type": "AWS::ApiGatewayV2::Route", "Properties": {"ApiId": {"Ref": "Api"}, "RouteKey": "GET /probe/{wish}", "Target": target}},
        "Errors": alarm("errors", "AWS/Lambda", "Errors", &probe),
        "Throttles": alarm("throttles", "AWS/Lambda", "Throttles", &probe),
        "Unknown": unknown,
        "Slow": percentile,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_function_sets_off_its_alarm_and_a_success_does_not() {
    let stand = Stand::start(function()).await;
    let cloudwatch = Client::new(&stand.sdk);
    let http = verifier_aws::plain_http_client().expect("a client");
    let base = format!(
        "{}/execute-api/{}/probe",
        stand.emulator.endpoint(),
        stand.emulator.stack().apis[0].id
    );
    let get = async |wish: &str| {
        let response = http.get(format!("{base}/{wish}")).send().await.expect("an answer");
        response.status().as_u16()
    };
    assert_eq!(get("pid").await, 200);
    stand.pass(MINUTE).await;
    assert_eq!(state(&cloudwatch, "errors").await, StateValue::Ok);
    assert_eq!(get("error").await, 500);
    stand.pass(MINUTE).await;
    assert_eq!(state(&cloudwatch, "errors").await, StateValue::Alarm);
    // A metric that the emulator does not have is one that nobody reports.
    assert_eq!(state(&cloudwatch, "unknown").await, StateValue::InsufficientData);
    assert_eq!(state(&cloudwatch, "throttles").await, StateValue::Ok);
    let skipped = &stand.emulator.stack().skipped;
    assert!(skipped.iter().any(|skipped| skipped.logical_id == "Slow"), "{skipped:?}");
    assert!(skipped.iter().all(|skipped| skipped.logical_id != "Errors"), "{skipped:?}");
    let alarms = cloudwatch.describe_alarms().send().await.expect("alarms");
    assert_eq!(alarms.metric_alarms().len(), 3);
    stand.emulator.shut_down().await;
}
