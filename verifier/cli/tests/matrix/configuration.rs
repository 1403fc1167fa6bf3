//! Stacks that are deployed wrongly.

use serde_json::{Value, json};
use verifier_testkit::Changes;

use super::mutant::Mutant;

const QUEUE: &str = "AWS::SQS::Queue";
const API: &str = "AWS::ApiGatewayV2::Api";

fn dead_letter_queue(changes: &mut Changes) -> &mut Value {
    changes.properties(QUEUE, |properties| properties.get("RedrivePolicy").is_none())
}

fn dead_letter_alarm(changes: &mut Changes) -> &mut Value {
    changes.properties("AWS::CloudWatch::Alarm", |properties| {
        properties["MetricName"] == "ApproximateNumberOfMessagesVisible"
    })
}

fn origins(changes: &mut Changes) -> &mut Value {
    &mut changes.properties(API, |_| true)["CorsConfiguration"]["AllowOrigins"]
}

/// The metadata of the only resource that has this key.
fn metadata<'a>(changes: &'a mut Changes, key: &str) -> &'a mut Value {
    let resources = changes.document()["Resources"].as_object_mut().expect("resources");
    let mut found = resources.values_mut().filter(|resource| !resource["Metadata"][key].is_null());
    let only = found.next().expect("there is one");
    &mut only["Metadata"][key]
}

fn function<'a>(changes: &'a mut Changes, binary: &str) -> &'a mut Value {
    let resources = changes.document()["Resources"].as_object_mut().expect("resources");
    let mut found =
        resources.values_mut().filter(|resource| resource["Metadata"]["verifier:binary"] == binary);
    &mut found.next().expect("there is one")["Properties"]
}

fn remove(properties: &mut Value, name: &str) {
    properties.as_object_mut().expect("properties").remove(name).expect("it was there");
}

fn without_output(changes: &mut Changes, name: &str) {
    remove(&mut changes.document()["Outputs"], name);
}

/// Another queue of the stack, which nobody reads.
fn add_queue(changes: &mut Changes) {
    changes.document()["Resources"]["Unrelated"] = json!({
        "Type": QUEUE,
        "Properties": {"SqsManagedSseEnabled": true, "MessageRetentionPeriod": 1_209_600},
    });
}

pub(crate) fn mutants() -> Vec<Mutant> {
    [queues(), consumers(), observers(), site_and_api(), outputs()].concat()
}

/// The jobs queue has the tag by which an experiment says that it is under way.
fn leased(changes: &mut Changes, value: &str) {
    let tags = &mut changes.jobs_queue()["Tags"];
    let mut all = tags.as_array().cloned().unwrap_or_default();
    all.push(json!({"Key": "verifier:chaos", "Value": value}));
    *tags = json!(all);
}

fn queues() -> Vec<Mutant> {
    vec![
        Mutant::new("the DLQ keeps messages no longer than the queue")
            .with_change(|changes| {
                dead_letter_queue(changes)["MessageRetentionPeriod"] = 345_600.into();
            })
            .expect(1, &[("cfg.retention", "fail")]),
        Mutant::new("the DLQ is not encrypted")
            .with_change(|changes| {
                dead_letter_queue(changes)["SqsManagedSseEnabled"] = false.into();
            })
            .expect(1, &[("cfg.encryption", "fail")]),
        Mutant::new("the jobs queue is not encrypted")
            .with_change(|changes| changes.jobs_queue()["SqsManagedSseEnabled"] = false.into())
            .expect(1, &[("cfg.encryption", "fail")]),
        Mutant::new("an experiment breaks it meanwhile")
            .with_change(|changes| leased(changes, "chaos-1 until 4102444800000"))
            .expect(0, &[("cfg.lease", "warn")]),
        Mutant::new("an experiment was not put back")
            .with_change(|changes| leased(changes, "chaos-1 until 1000"))
            .expect(0, &[("cfg.lease", "warn")]),
        Mutant::new("messages go to another DLQ")
            .with_change(|changes| {
                add_queue(changes);
                changes.jobs_queue()["RedrivePolicy"]["deadLetterTargetArn"] =
                    json!({"Fn::GetAtt": ["Unrelated", "Arn"]});
            })
            .expect(1, &[("cfg.redrive", "fail")]),
        Mutant::new("there is no redrive policy")
            .with_change(|changes| remove(changes.jobs_queue(), "RedrivePolicy"))
            .expect(1, &[("cfg.redrive", "fail")]),
        Mutant::new("another maxReceiveCount than expected")
            .with_arguments(&["--receives", "5"])
            .expect(1, &[("cfg.redrive", "fail")]),
        Mutant::new("the visibility timeout is short")
            .with_change(|changes| changes.jobs_queue()["VisibilityTimeout"] = 30.into())
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.visibility", "warn")]),
        Mutant::new("a queue can be used without TLS")
            .with_change(|changes| {
                let policy = changes.properties("AWS::SQS::QueuePolicy", |properties| {
                    properties.to_string().contains("DeadLetter")
                });
                policy["PolicyDocument"]["Statement"][0]["Action"] = "sqs:SendMessage".into();
            })
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.tls", "warn")]),
    ]
}

fn consumers() -> Vec<Mutant> {
    vec![
        Mutant::new("the consumer is switched off")
            .with_change(|changes| changes.mapping()["Enabled"] = false.into())
            .expect(1, &[("cfg.consumer", "fail")]),
        Mutant::new("the consumer does not report batch item failures")
            .with_change(|changes| remove(changes.mapping(), "FunctionResponseTypes"))
            .expect(1, &[("cfg.consumer", "fail")]),
        Mutant::new("there is no consumer")
            .with_change(|changes| {
                let resources = changes.document()["Resources"].as_object_mut().expect("resources");
                resources
                    .retain(|_, resource| resource["Type"] != "AWS::Lambda::EventSourceMapping");
            })
            .expect(1, &[("cfg.consumer", "fail")]),
        Mutant::new("two consumers share the queue")
            .with_change(|changes| {
                let mut second = changes.mapping().clone();
                let resources = changes.document()["Resources"].as_object_mut().expect("resources");
                let hello = resources
                    .iter()
                    .find(|(_, resource)| resource["Metadata"]["verifier:binary"] == "hello");
                let (hello, _) = hello.expect("there is a hello function");
                second["FunctionName"] = json!({"Ref": hello});
                resources.insert(
                    "Second".to_owned(),
                    json!({"Type": "AWS::Lambda::EventSourceMapping", "Properties": second}),
                );
            })
            .expect(1, &[("cfg.consumer", "fail")]),
        Mutant::new("the function has no concurrency")
            .with_change(|changes| {
                function(changes, "worker")["ReservedConcurrentExecutions"] = 0.into();
            })
            .expect(1, &[("job.success", "fail"), ("dlq.attempts", "warn")])
            .or_also(&[("clean.residue", "warn")]),
    ]
}

fn observers() -> Vec<Mutant> {
    vec![
        Mutant::new("the worker's log is kept for ever")
            .with_change(|changes| {
                let log_group = changes.properties("AWS::Logs::LogGroup", |properties| {
                    properties["RetentionInDays"] == 14
                });
                remove(log_group, "RetentionInDays");
            })
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.logs", "warn")]),
        Mutant::new("the worker's log is text")
            .with_change(|changes| {
                function(changes, "worker")["LoggingConfig"]["LogFormat"] = "Text".into();
            })
            .expect(
                1,
                &[
                    ("cfg.logs", "warn"),
                    ("job.success", "fail"),
                    ("dlq.attempts", "warn"),
                    ("clean.residue", "warn"),
                ],
            ),
        Mutant::new("the alarm counts what was sent")
            .with_change(|changes| {
                dead_letter_alarm(changes)["MetricName"] = "NumberOfMessagesSent".into();
            })
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.alarm", "warn")]),
        Mutant::new("the alarm names no section of the runbook")
            .with_change(|changes| {
                dead_letter_alarm(changes)["AlarmDescription"] = "Dead letters.".into();
            })
            .with_arguments(&["--strict"])
            .expect(1, &[("cfg.alarm", "warn")]),
    ]
}

fn site_and_api() -> Vec<Mutant> {
    vec![
        Mutant::new("the site has no page")
            .with_change(|changes| *metadata(changes, "verifier:directory") = "stack/lib".into())
            .expect(1, &[("web.page", "fail")]),
        Mutant::new("config.js is another stack's")
            .with_change(|changes| {
                metadata(changes, "verifier:files")["config.js"] =
                    "window.__PREVIEW_JOB_URL__ = \"https://other.example/jobs\";".into();
            })
            .expect(1, &[("web.config", "fail")]),
        Mutant::new("there is no config.js")
            .with_change(|changes| *metadata(changes, "verifier:files") = json!({}))
            .expect(1, &[("web.config", "fail")]),
        Mutant::new("the API is another pull request's")
            .with_change(|changes| {
                function(changes, "hello")["Environment"]["Variables"]["PR_NUMBER"] = "999".into();
            })
            .expect(1, &[("api.hello", "fail")]),
        Mutant::new("any page may call the API")
            .with_change(|changes| *origins(changes) = json!(["*"]))
            .expect(1, &[("api.cors", "fail")]),
        Mutant::new("the preview's page may not call the API")
            .with_change(|changes| *origins(changes) = json!(["https://other.example"]))
            .expect(1, &[("api.cors", "fail")]),
        Mutant::new("there is no hello route")
            .with_change(|changes| {
                let hello = changes.properties("AWS::ApiGatewayV2::Route", |properties| {
                    properties["RouteKey"] == "GET /hello"
                });
                hello["RouteKey"] = "GET /other".into();
            })
            .expect(1, &[("api.hello", "fail")]),
    ]
}

fn outputs() -> Vec<Mutant> {
    let missing = |name: &'static str, output: &'static str| {
        Mutant::new(name)
            .with_change(move |changes| without_output(changes, output))
            .expect(1, &[("stack.ready", "fail")])
    };
    vec![
        Mutant::new("the stack was rolled back")
            .rolled_back()
            .expect(1, &[("stack.ready", "fail")]),
        missing("the output JobUrl is missing", "JobUrl"),
        missing("the output ApiUrl is missing", "ApiUrl"),
        missing("the output PreviewUrl is missing", "PreviewUrl"),
        missing("the output JobsQueueName is missing", "JobsQueueName"),
        missing("the output JobsDeadLetterQueueName is missing", "JobsDeadLetterQueueName"),
        Mutant::new("an output names a queue of nobody")
            .with_change(|changes| {
                changes.document()["Outputs"]["JobsQueueName"]["Value"] = "nobodys".into();
            })
            .expect(1, &[("stack.owns", "fail")]),
    ]
}
