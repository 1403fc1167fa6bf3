//! `verifier check --local`, the whole way: template, emulator, real functions, verdict.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::{Checked, VERIFIER, check_changed, check_local};
use verifier_core::check::CHECKS;
use verifier_testkit::{Changes, run, scrubbed};

fn attempts(checked: &Checked) -> Vec<u64> {
    let attempts = checked.find("dlq.attempts")["evidence"]["attempts"].as_array();
    attempts.into_iter().flatten().filter_map(|attempt| attempt["receiveCount"].as_u64()).collect()
}

fn stack_seconds(checked: &Checked) -> f64 {
    checked.report["stackSeconds"].as_f64().expect("a time")
}

#[test]
fn the_stack_passes_with_its_evidence() {
    let checked = check_local(&[]);
    checked.assert(0, &[]);
    assert_eq!(checked.report["schema"], "verifier.check/1");
    assert_eq!(checked.report["verdict"], "pass");
    assert_eq!(checked.with_verdict("pass").len(), CHECKS.len() - 2);
    assert_eq!(attempts(&checked), [1, 2, 3]);
    let arrival = &checked.find("dlq.arrival")["evidence"];
    assert_eq!(arrival["messageId"], checked.find("dlq.attempts")["evidence"]["messageId"]);
    assert_eq!(arrival["receiveCount"], 4);
    assert!(arrival["messageId"].as_str().is_some_and(|id| id.len() == 36));
    assert!(stack_seconds(&checked) >= 180.0);
    assert_eq!(checked.report["leftBehind"], json!([]));
}

#[test]
fn the_stack_passes_strictly_but_for_what_is_known_of_it() {
    let checked = check_local(&["--strict"]);
    checked.assert(0, &[]);
    assert_eq!(checked.with_verdict("pass").len(), CHECKS.len() - 2);
    // AWS advises five receives or more, and three are the design's. The CDK grants two actions that Lambda does not need.
    assert_eq!(checked.with_verdict("info"), ["cfg.receives", "iam.least"]);
    for verdict in ["warn", "fail", "inconclusive", "not-run"] {
        assert_eq!(checked.with_verdict(verdict), Vec::<&str>::new(), "{verdict}");
    }
}

#[test]
fn aws_is_asked_no_more_than_it_takes() {
    let checked = check_local(&[]);
    let calls = json!({
        "CloudFormation.DescribeStacks": 1,
        "CloudFormation.ListStackResources": 1,
        "CloudWatch Logs.DescribeLogGroups": 1,
        "CloudWatch Logs.FilterLogEvents": 1,
        "CloudWatch.DescribeAlarmsForMetric": 1,
        "Lambda.GetFunctionConfiguration": 1,
        "Lambda.ListEventSourceMappings": 1,
        "SQS.DeleteMessageBatch": 1,
        "SQS.GetQueueAttributes": 6,
        "SQS.ListQueueTags": 1,
        "SQS.ReceiveMessage": 1,
    });
    assert_eq!(checked.report["awsCalls"], calls);
    assert_eq!(checked.calls(), 16);
    let budget = checked.report["awsCallBudget"].as_object().expect("a budget");
    for (operation, count) in checked.report["awsCalls"].as_object().expect("calls") {
        assert!(budget[operation].as_u64() >= count.as_u64(), "{operation}: {count}");
    }
}

#[test]
fn with_a_real_clock_it_takes_as_long_as_the_receives_do() {
    let change = |changes: &mut Changes| {
        changes.jobs_queue()["VisibilityTimeout"] = 2.into();
        let resources = changes.document()["Resources"].as_object_mut().expect("resources");
        let worker = resources
            .values_mut()
            .find(|resource| resource["Metadata"]["verifier:binary"] == "worker");
        worker.expect("there is a worker")["Properties"]["Timeout"] = 2.into();
    };
    let checked = check_changed(&["--clock", "real"], change);
    // AWS advises six times the worker's timeout.
    checked.assert(0, &[("cfg.visibility", "warn")]);
    assert_eq!(attempts(&checked), [1, 2, 3]);
    // Three visibility timeouts are the physical limit. How near the check comes to it is measured by the benchmark.
    let wall = checked.report["wallSeconds"].as_f64().expect("a time");
    assert!((6.0..30.0).contains(&wall), "{wall} s");
}

#[test]
fn the_receive_count_is_the_templates() {
    let checked = check_changed(&[], |changes| {
        changes.jobs_queue()["RedrivePolicy"]["maxReceiveCount"] = 5.into();
    });
    checked.assert(0, &[]);
    assert_eq!(attempts(&checked), [1, 2, 3, 4, 5]);
    assert!(stack_seconds(&checked) >= 300.0);
}

#[test]
fn an_expected_receive_count_that_differs_fails() {
    check_local(&["--receives", "4"]).assert(1, &[("cfg.redrive", "fail")]);
}

#[test]
fn a_stack_that_would_not_dead_letter_fails_the_one_check_that_is_about_it_and_gets_no_job() {
    type Change = fn(&mut Changes);
    let cases: [(&str, Change); 3] = [
        ("cfg.redrive", |changes| {
            changes.jobs_queue().as_object_mut().expect("properties").remove("RedrivePolicy");
        }),
        ("cfg.consumer", |changes| changes.mapping()["Enabled"] = false.into()),
        ("stack.ready", |changes| {
            changes.document()["Outputs"]
                .as_object_mut()
                .expect("outputs")
                .remove("DistributionId");
        }),
    ];
    for (id, change) in cases {
        let checked = check_changed(&[], change);
        assert_eq!(checked.code, Some(1), "{id}: {:#}\n{}", checked.report, checked.stderr);
        assert_eq!(checked.with_verdict("fail"), [id]);
        assert!(checked.find(id)["next"].is_string(), "{id} says what to do next");
        assert_eq!(checked.find("dlq.arrival")["verdict"], "not-run");
    }
}

#[test]
fn a_template_that_cannot_be_emulated_says_which_resource_and_why() {
    let checked =
        check_changed(&[], |changes| changes.mapping()["FilterCriteria"] = json!({"Filters": []}));
    assert_eq!(checked.code, Some(2));
    let said = &checked.stderr;
    assert!(said.contains("FilterCriteria") && said.contains("EventSourceMapping"), "{said}");
    let checked = check_changed(&[], |changes| {
        let resources = changes.document()["Resources"].as_object_mut().expect("resources");
        for worker in resources
            .values_mut()
            .filter(|resource| resource["Metadata"]["verifier:binary"] == "worker")
        {
            worker["Metadata"] = json!({});
        }
    });
    assert_eq!(checked.code, Some(2));
    let said = &checked.stderr;
    assert!(said.contains("names no binary") && said.contains("JobsWorkerFunction"), "{said}");
}

#[test]
fn bad_input_is_a_usage_error_that_names_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none.json");
    let checked = check_local(&["--template", missing.to_str().expect("a path")]);
    assert_eq!(checked.code, Some(2));
    assert!(checked.stderr.contains("none.json"), "{}", checked.stderr);
    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, "{").expect("a file");
    let checked = check_local(&["--template", broken.to_str().expect("a path")]);
    assert_eq!(checked.code, Some(2));
    assert!(checked.stderr.contains("not a CloudFormation template"), "{}", checked.stderr);
}

#[test]
fn the_human_view_lists_every_check_without_colours_when_piped() {
    let output = run(scrubbed(VERIFIER).args(["check", "--local"]));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for check in CHECKS {
        assert!(text.contains(check.id), "{text}");
    }
    let passed = format!("PASS  {} passed, 2 for information", CHECKS.len() - 2);
    assert!(text.contains(&passed), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let progress = String::from_utf8_lossy(&output.stderr);
    // A slow machine has used a second or two of them by then.
    let due = progress.split("due in ").nth(1).and_then(|rest| rest.split(" s").next());
    let due: u32 = due.and_then(|due| due.parse().ok()).unwrap_or_else(|| panic!("{progress}"));
    assert!((170..=180).contains(&due), "{progress}");
    assert!(progress.contains(&format!("given up after {} s", due + 60)), "{progress}");
}

#[test]
fn a_function_that_cannot_start_says_why_once() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["hello", "worker", "submit-job"] {
        let program = folder.path().join(name);
        let text = "#!/usr/bin/env python3\nimport nothing_like_this\n";
        std::fs::write(&program, text).expect("it is written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("its mode");
    }
    let folder = folder.path().to_str().expect("a path");
    let checked = check_local(&["--functions", folder, "--only", "api.hello"]);
    assert_eq!(checked.find("api.hello")["verdict"], "fail", "{}", checked.stderr);
    let told = "ModuleNotFoundError: No module named 'nothing_like_this'";
    assert_eq!(checked.stderr.matches(told).count(), 1, "{}", checked.stderr);
    assert!(checked.stderr.contains("exit status 1"), "{}", checked.stderr);
}

/// Puts the API's URLs in outputs and in the page's file below a path.
fn move_urls(value: &mut Value, below: &str) {
    match value {
        Value::String(text) => {
            for path in ["/hello", "/jobs"] {
                if text.starts_with(path) {
                    text.insert_str(0, below);
                    break;
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| move_urls(item, below)),
        Value::Object(fields) => fields.values_mut().for_each(|field| move_urls(field, below)),
        _ => {}
    }
}

fn move_api(changes: &mut Changes, stage: &str, below: &str) {
    changes.properties("AWS::ApiGatewayV2::Stage", |_| true)["StageName"] = stage.into();
    move_urls(&mut changes.document()["Outputs"], below);
    let resources = changes.document()["Resources"].as_object_mut().expect("resources");
    let metadata = resources.values_mut().filter_map(|resource| resource.get_mut("Metadata"));
    metadata.for_each(|metadata| move_urls(metadata, below));
}

#[test]
fn an_api_is_served_below_its_stage_and_nowhere_else() {
    check_changed(&[], |changes| move_api(changes, "prod", "/prod")).assert(0, &[]);
    for (stage, below) in [("prod", ""), ("$default", "/prod"), ("prod", "/test")] {
        let checked = check_changed(&[], |changes| move_api(changes, stage, below));
        assert_eq!(checked.code, Some(1), "{stage} {below}: {:#}", checked.report);
        let failed = checked.with_verdict("fail");
        assert!(failed.contains(&"api.hello"), "{stage} {below}: {failed:?}");
    }
}

#[test]
fn an_api_that_was_deployed_to_no_stage_fails() {
    let undeployed: [fn(&mut Changes); 2] = [
        |changes| {
            changes.properties("AWS::ApiGatewayV2::Stage", |_| true)["AutoDeploy"] = false.into();
        },
        |changes| {
            let resources = changes.document()["Resources"].as_object_mut().expect("resources");
            resources.retain(|_, resource| resource["Type"] != "AWS::ApiGatewayV2::Stage");
        },
    ];
    for change in undeployed {
        let checked = check_changed(&[], change);
        assert_eq!(checked.code, Some(1), "{:#}\n{}", checked.report, checked.stderr);
        assert!(checked.with_verdict("fail").contains(&"api.hello"), "{:#}", checked.report);
    }
}

#[test]
fn a_file_with_a_handler_alone_is_reported_before_anything_is_invoked() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["hello", "submit-job", "worker"] {
        let handler = "def handler(event, context):\n    return event\n";
        std::fs::write(folder.path().join(name), handler).expect("it is written");
    }
    let mut command = scrubbed(VERIFIER);
    command.args(["check", "--local", "--only", "stack.ready", "--functions"]).arg(folder.path());
    let output = run(&mut command);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr.matches("a file with a handler alone is not started").count(), 3, "{stderr}");
    assert!(stderr.contains("submit-job: its first line names no interpreter"), "{stderr}");
}
