//! Stacks that are configured wrongly: each is caught by the check that is about it, and by no other.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::check_changed;
use verifier_testkit::Changes;

type Change = fn(&mut Changes);

/// The resource of that type for which a condition holds, whole.
fn resource<'a>(
    changes: &'a mut Changes,
    resource_type: &str,
    condition: impl Fn(&Value) -> bool,
) -> &'a mut Value {
    let resources = changes.document()["Resources"].as_object_mut().expect("resources");
    let mut found = resources
        .values_mut()
        .filter(|resource| resource["Type"] == resource_type && condition(resource));
    let only = found.next().expect("there is such a resource");
    assert!(found.next().is_none(), "there is more than one {resource_type}");
    only
}

fn dead_letter_queue(changes: &mut Changes) -> &mut Value {
    changes.properties("AWS::SQS::Queue", |properties| properties.get("RedrivePolicy").is_none())
}

fn dead_letter_alarm(changes: &mut Changes) -> &mut Value {
    changes.properties("AWS::CloudWatch::Alarm", |properties| {
        properties["MetricName"] == "ApproximateNumberOfMessagesVisible"
    })
}

fn allowed_origins(changes: &mut Changes) -> &mut Value {
    &mut changes.properties("AWS::ApiGatewayV2::Api", |_| true)["CorsConfiguration"]["AllowOrigins"]
}

fn deployment<'a>(changes: &'a mut Changes, key: &str) -> &'a mut Value {
    let of_key = |resource: &Value| !resource["Metadata"][key].is_null();
    &mut resource(changes, "Custom::CDKBucketDeployment", of_key)["Metadata"][key]
}

#[test]
fn what_must_not_be_fails_alone() {
    let cases: [(&str, Change); 10] = [
        ("cfg.retention", |changes| {
            dead_letter_queue(changes)["MessageRetentionPeriod"] = 345_600.into();
        }),
        ("cfg.encryption", |changes| {
            dead_letter_queue(changes)["SqsManagedSseEnabled"] = false.into();
        }),
        ("cfg.encryption", |changes| {
            changes.jobs_queue()["SqsManagedSseEnabled"] = false.into();
        }),
        // A folder without an index.html.
        ("web.page", |changes| *deployment(changes, "verifier:directory") = "stack/lib".into()),
        ("web.config", |changes| {
            deployment(changes, "verifier:files")["config.js"] =
                "window.__PREVIEW_JOB_URL__ = \"https://other.example/jobs\";".into();
        }),
        ("web.config", |changes| *deployment(changes, "verifier:files") = json!({})),
        ("api.hello", |changes| {
            let is_hello = |resource: &Value| resource["Metadata"]["verifier:binary"] == "hello";
            let hello = resource(changes, "AWS::Lambda::Function", is_hello);
            hello["Properties"]["Environment"]["Variables"]["PR_NUMBER"] = "999".into();
        }),
        ("api.cors", |changes| *allowed_origins(changes) = json!(["*"])),
        ("api.cors", |changes| *allowed_origins(changes) = json!(["https://other.example"])),
        ("api.cors", |changes| {
            let api = changes.properties("AWS::ApiGatewayV2::Api", |_| true);
            api["CorsConfiguration"]["AllowHeaders"] = json!([]);
        }),
    ];
    for (id, change) in cases {
        let checked = check_changed(&[], change);
        checked.assert(1, &[(id, "fail")]);
        assert!(checked.find(id)["next"].is_string(), "{id} says what to do next");
        assert!(checked.find(id)["expected"].is_string(), "{id} says what was expected");
    }
}

#[test]
fn what_a_stack_may_live_with_warns_alone_and_fails_when_strict() {
    let cases: [(&str, Change); 5] = [
        ("cfg.tls", |changes| {
            let policy = changes.properties("AWS::SQS::QueuePolicy", |properties| {
                properties.to_string().contains("DeadLetter")
            });
            policy["PolicyDocument"]["Statement"][0]["Action"] = "sqs:SendMessage".into();
        }),
        ("cfg.logs", |changes| {
            // Only the worker's log is kept for two weeks.
            let log_group = changes.properties("AWS::Logs::LogGroup", |properties| {
                properties["RetentionInDays"] == 14
            });
            log_group.as_object_mut().expect("properties").remove("RetentionInDays");
        }),
        ("cfg.alarm", |changes| {
            dead_letter_alarm(changes)["MetricName"] = "NumberOfMessagesSent".into();
        }),
        ("cfg.alarm", |changes| {
            dead_letter_alarm(changes)["AlarmDescription"] = "There are dead letters.".into();
        }),
        ("cfg.visibility", |changes| changes.jobs_queue()["VisibilityTimeout"] = 30.into()),
    ];
    for (id, change) in cases {
        check_changed(&[], change).assert(0, &[(id, "warn")]);
        check_changed(&["--strict"], change).assert(1, &[(id, "warn")]);
    }
}

#[test]
fn an_api_that_is_open_on_purpose_is_told_of() {
    let checked =
        check_changed(&["--allow-any-origin"], |changes| *allowed_origins(changes) = json!(["*"]));
    checked.assert(0, &[("api.cors", "info")]);
}

#[test]
fn a_receive_count_as_advised_is_no_longer_worth_a_word() {
    let checked = check_changed(&[], |changes| {
        changes.jobs_queue()["RedrivePolicy"]["maxReceiveCount"] = 5.into();
    });
    checked.assert(0, &[]);
    assert_eq!(checked.with_verdict("info"), ["iam.least"]);
}

/// `ApiUrl` and `PreviewUrl` as any stack may have them.
#[test]
fn the_outputs_may_be_urls_of_either_kind_with_or_without_a_query() {
    let endpoint = json!({"Fn::GetAtt": ["ApiHttpApi4C294DC0", "ApiEndpoint"]});
    for (api, page) in [("", "/"), ("/", "/?pr=123"), ("/hello?a=b", ""), ("?a=b", "?pr=123")] {
        let checked = check_changed(&[], |changes| {
            let outputs = &mut changes.document()["Outputs"];
            let origin = outputs["PreviewUrl"]["Value"]["Fn::Join"][1][1].clone();
            outputs["ApiUrl"]["Value"] = json!({"Fn::Join": ["", [endpoint, api]]});
            outputs["PreviewUrl"]["Value"] = json!({"Fn::Join": ["", ["https://", origin, page]]});
        });
        checked.assert(0, &[]);
        for id in ["api.hello", "api.cors", "web.page", "web.config"] {
            assert_eq!(checked.find(id)["verdict"], "pass", "{api} {page}: {}", checked.find(id));
        }
    }
}
