//! CloudFormation's API through the AWS SDK: stacks beside the one that the emulator was started with.

use std::collections::BTreeSet;

use crate::support::{Stand, mapping, probe, queues, resources, role};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, Parameter, StackStatus};
use serde_json::{Value, json};

fn queue(name: &str) -> Value {
    json!({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}})
}

/// A stack that works, beside which others are made.
async fn stand() -> (Stand, Client) {
    let stand = Stand::start(json!({"Other": queue("other")})).await;
    let client = Client::new(&stand.sdk);
    (stand, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_stack_works_and_leaves_nothing_when_it_is_deleted() {
    let (stand, client) = stand().await;
    let mut template = json!({
        "Parameters": {"Size": {"Type": "Number", "Default": "1"}},
        "Resources": resources(queues().into_iter().chain([
            ("Probe", probe(json!({"Timeout": 10}))),
            ("Mapping", mapping(json!({"BatchSize": {"Ref": "Size"}}))),
        ])),
        "Outputs": {"JobsUrl": {"Value": {"Ref": "Jobs"}, "Description": "where jobs wait"}},
    });
    template["Resources"]["Role"] = role(&json!([]));
    let size = Parameter::builder().parameter_key("Size").parameter_value("2").build();
    let create = client.create_stack().stack_name("Second").template_body(template.to_string());
    let refused = create.clone().send().await.expect_err("IAM is not acknowledged");
    assert_eq!(refused.code(), Some("InsufficientCapabilitiesException"));
    let create = create.parameters(size).capabilities(Capability::CapabilityIam);
    let id = create.send().await.expect("it is created").stack_id.expect("an id");

    let described =
        client.describe_stacks().stack_name("Second").send().await.expect("it is there");
    let second = &described.stacks()[0];
    assert_eq!(second.stack_status, Some(StackStatus::CreateComplete));
    assert_eq!(second.stack_id.as_deref(), Some(id.as_str()));
    assert_eq!(second.parameters()[0].parameter_value.as_deref(), Some("2"));
    assert_eq!(second.outputs()[0].output_value.as_deref(), Some(stand.queue_url("jobs").as_str()));
    let listed = stand.lambda.list_event_source_mappings().send().await.expect("an answer");
    assert_eq!(listed.event_source_mappings()[0].batch_size, Some(2));
    stand.send("jobs", "a job").await;
    // Time is not skipped while a function runs, and this one starts for the first time: once its start and its timeout are over,
    // it has ended, and before the job could be received again.
    stand.wait(25).await;
    assert_eq!(stand.counts("jobs").await, (0, 0), "its worker works");
    assert_eq!(stand.counts("dead").await, (0, 0), "at the first receive");

    let again = client.create_stack().stack_name("Second").template_body(template.to_string());
    let again = again.capabilities(Capability::CapabilityIam).send().await;
    assert_eq!(again.expect_err("it exists").code(), Some("AlreadyExistsException"));

    client.delete_stack().stack_name("Second").send().await.expect("it is deleted");
    let by_name = client.describe_stacks().stack_name("Second").send().await;
    assert_eq!(by_name.expect_err("it is gone").code(), Some("ValidationError"));
    let by_id = client.describe_stacks().stack_name(&id).send().await.expect("it is remembered");
    assert_eq!(by_id.stacks()[0].stack_status, Some(StackStatus::DeleteComplete));
    let queues = stand.sqs.list_queues().send().await.expect("an answer");
    assert_eq!(queues.queue_urls(), [stand.queue_url("other")]);
    let listed = stand.lambda.list_functions().send().await.expect("an answer");
    assert!(listed.functions().is_empty());
    let listed = stand.lambda.list_event_source_mappings().send().await.expect("an answer");
    assert!(listed.event_source_mappings().is_empty());
    // Deleting it again is no error, as on AWS.
    client.delete_stack().stack_name("Second").send().await.expect("there is nothing to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_cannot_be_created_is_rolled_back_and_says_why() {
    let (stand, client) = stand().await;
    let template = json!({"Resources": {"Fresh": queue("fresh"), "Taken": queue("other")}});
    let create = client.create_stack().stack_name("Second").template_body(template.to_string());
    create.send().await.expect("the request is accepted");
    let described =
        client.describe_stacks().stack_name("Second").send().await.expect("it is there");
    assert_eq!(described.stacks()[0].stack_status, Some(StackStatus::RollbackComplete));
    let events = client.describe_stack_events().stack_name("Second").send().await.expect("events");
    let reasons: Vec<&str> =
        events.stack_events().iter().filter_map(|event| event.resource_status_reason()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("queue other")), "{reasons:?}");
    let queues = stand.sqs.list_queues().send().await.expect("an answer");
    assert_eq!(queues.queue_urls(), [stand.queue_url("other")], "nothing of it stays");
    // Deleting it does not touch what it does not own.
    client.delete_stack().stack_name("Second").send().await.expect("it is deleted");
    stand.send("other", "still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_group_that_cannot_be_kept_as_the_template_says_does_not_stay() {
    let (stand, client) = stand().await;
    let group = |days: u32| json!({"Resources": {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "lines", "RetentionInDays": days}}}});
    let logs = aws_sdk_cloudwatchlogs::Client::new(&stand.sdk);
    for (stack, days, there) in [("Second", 2, 0), ("Third", 3, 1)] {
        let body = group(days).to_string();
        let create = client.create_stack().stack_name(stack).template_body(body);
        create.send().await.expect("the request is accepted");
        let found = logs.describe_log_groups().send().await.expect("an answer");
        assert_eq!(found.log_groups().len(), there, "{days} days");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_does_not_take_over_what_another_has() {
    let alarm = |description: &str| {
        json!({"Type": "AWS::CloudWatch::Alarm", "Properties": {
            "AlarmName": "deep", "AlarmDescription": description, "Namespace": "AWS/SQS",
            "MetricName": "ApproximateNumberOfMessagesVisible", "Statistic": "Maximum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": "1", "ComparisonOperator": "GreaterThanThreshold",
        }})
    };
    let function = |description: &str| {
        let mut function = probe(json!({"Description": description}));
        // Otherwise the log group would be what is refused.
        function["Properties"]["LoggingConfig"]["LogGroup"] = description.into();
        function
    };
    let stand = Stand::start(json!({"Deep": alarm("first"), "Probe": function("first")})).await;
    let client = Client::new(&stand.sdk);
    for (stack, taken, resource) in [
        ("Second", "alarm deep", json!({"Fresh": queue("fresh"), "Deep": alarm("second")})),
        ("Third", "function probe", json!({"Fresh": queue("fresh"), "Probe": function("third")})),
    ] {
        let body = json!({"Resources": resource}).to_string();
        let create = client.create_stack().stack_name(stack).template_body(body);
        create.send().await.expect("the request is accepted");
        let described = client.describe_stacks().stack_name(stack).send().await.expect("it is");
        let reason = described.stacks()[0].stack_status_reason().unwrap_or_default();
        assert_eq!(described.stacks()[0].stack_status, Some(StackStatus::RollbackComplete));
        assert!(reason.contains(taken) && reason.contains("already exists"), "{reason}");
        let queues = stand.sqs.list_queues().send().await.expect("an answer");
        assert!(queues.queue_urls().is_empty(), "nothing of it stays");
        client.delete_stack().stack_name(stack).send().await.expect("it is deleted");
    }
    let alarms = aws_sdk_cloudwatch::Client::new(&stand.sdk).describe_alarms().send().await;
    let alarms = alarms.expect("an answer");
    assert_eq!(alarms.metric_alarms()[0].alarm_description(), Some("first"));
    let functions = stand.lambda.list_functions().send().await.expect("an answer");
    assert_eq!(functions.functions()[0].description(), Some("first"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_template_is_refused() {
    let (_stand, client) = stand().await;
    for body in ["", "{", "[]", "{\"Resources\": {}}", "{\"Resources\": {\"A\": {}}}"] {
        let create = client.create_stack().stack_name("Second").template_body(body);
        let refused = create.send().await.expect_err("it is no template");
        assert_eq!(refused.code(), Some("ValidationError"), "{body}");
    }
    let bad_name = client.create_stack().stack_name("1_").template_body("{}").send().await;
    assert_eq!(bad_name.expect_err("a bad name").code(), Some("ValidationError"));
    let none = client.describe_stacks().stack_name("Second").send().await;
    assert_eq!(none.expect_err("none").code(), Some("ValidationError"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_in_yaml_is_taken_as_the_same_in_json() {
    let (stand, client) = stand().await;
    let template = "\
# What waits, and what is left.
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Stage: {Type: String, Default: test}
Conditions:
  IsLive: !Equals [!Ref Stage, live]
Resources:
  Dead:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub '${Stage}-dead'
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Join ['-', [!Ref Stage, jobs]]
      VisibilityTimeout: !If [IsLive, 60, 7]
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt Dead.Arn
        maxReceiveCount: 2
Outputs:
  JobsUrl: {Value: !Ref Jobs}
";
    let create = client.create_stack().stack_name("Second").template_body(template);
    create.send().await.expect("it is created");
    let described = client.describe_stacks().stack_name("Second").send().await.expect("it is");
    let url = described.stacks()[0].outputs()[0].output_value.clone();
    assert_eq!(url.as_deref(), Some(stand.queue_url("test-jobs").as_str()));
    let all = aws_sdk_sqs::types::QueueAttributeName::All;
    let asked = stand.sqs.get_queue_attributes().queue_url(url.expect("a URL"));
    let attributes = asked.attribute_names(all).send().await.expect("an answer").attributes;
    let attributes = attributes.expect("attributes");
    let of = |name: &str| attributes[&name.into()].clone();
    assert_eq!(of("VisibilityTimeout"), "7");
    assert_eq!(
        of("RedrivePolicy"),
        r#"{"deadLetterTargetArn":"arn:aws:sqs:us-local-1:000000000000:test-dead","maxReceiveCount":2}"#
    );

    let create = client.create_stack().stack_name("Third");
    let refused = create.template_body("Resources:\n  Jobs: !Reff Queue\n").send().await;
    let refused = refused.expect_err("there is no such function");
    let sentence = refused.message().unwrap_or_default();
    assert!(sentence.contains("line 2, column 9: !Reff is the short form"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_have_pages() {
    let names: Vec<String> = (0..130).map(|number| format!("Queue{number}")).collect();
    let all: Value = names.iter().map(|name| (name.clone(), queue(name))).collect();
    let stand = Stand::start(all).await;
    let client = Client::new(&stand.sdk);
    let pages =
        client.list_stack_resources().stack_name("Stack-Test").into_paginator().items().send();
    let listed = pages.collect::<Result<Vec<_>, _>>().await.expect("all pages");
    let ids: BTreeSet<&str> =
        listed.iter().filter_map(|resource| resource.logical_resource_id()).collect();
    assert_eq!((listed.len(), ids.len()), (130, 130));
    let described = client.describe_stack_resources().stack_name("Stack-Test").send().await;
    assert_eq!(described.expect("an answer").stack_resources().len(), 100, "it stops there");
    let pages =
        client.describe_stack_events().stack_name("Stack-Test").into_paginator().items().send();
    let events = pages.collect::<Result<Vec<_>, _>>().await.expect("all pages");
    assert_eq!(events.len(), 132);
    assert_eq!(events[0].logical_resource_id(), Some("Stack-Test"), "the newest comes first");
}

/// Each queue is named after the next one, which nests as deep as there are queues.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_names_ends_by_its_depth_and_not_the_process() {
    let (_stand, client) = stand().await;
    for (attribute, links) in [("QueueName", 49), ("QueueName", 400), ("Arn", 60)] {
        let mut chain = serde_json::Map::new();
        for link in 0..links {
            let name = json!({"Fn::Sub": format!("${{Q{}.{attribute}}}", link + 1)});
            chain.insert(
                format!("Q{link}"),
                json!({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}),
            );
        }
        chain.insert(format!("Q{links}"), json!({"Type": "AWS::SQS::Queue"}));
        let template = json!({ "Resources": chain }).to_string();
        let name = format!("Chain-{attribute}-{links}");
        let create = client.create_stack().stack_name(&name).template_body(template);
        create.send().await.expect("it is answered");
        let described = client.describe_stacks().stack_name(&name).send().await.expect("a stack");
        let stack = described.stacks().first().expect("a stack");
        assert_eq!(stack.stack_status(), Some(&StackStatus::RollbackComplete), "{name}");
    }
}
