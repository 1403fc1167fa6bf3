//! `verifier check --local`, the whole way: template, emulator, real functions, verdict.
#![allow(clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use verifier_testkit::{Changes, run, scrubbed, template};

const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");

fn check(arguments: &[&str], template: Option<&Path>) -> (Option<i32>, Value, String) {
    let mut command = scrubbed(VERIFIER);
    command.args(["check", "--local", "--format", "json"]).args(arguments);
    if let Some(template) = template {
        command.arg("--template").arg(template);
    }
    let Output { status, stdout, stderr } = run(&mut command);
    let report = serde_json::from_slice(&stdout).unwrap_or_default();
    (status.code(), report, String::from_utf8_lossy(&stderr).into_owned())
}

fn check_changed(change: impl FnOnce(&mut Changes)) -> (Option<i32>, Value, String) {
    let file = template(change);
    check(&[], Some(file.path()))
}

fn find<'a>(report: &'a Value, id: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("a report lists its checks");
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no check {id}"))
}

fn with_verdict<'a>(report: &'a Value, verdict: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().expect("a report lists its checks");
    let found = checks.iter().filter(|check| check["verdict"] == verdict);
    found.filter_map(|check| check["id"].as_str()).collect()
}

fn attempts(report: &Value) -> Vec<u64> {
    let attempts = find(report, "dlq.attempts")["evidence"]["attempts"].as_array();
    attempts.into_iter().flatten().filter_map(|attempt| attempt["receiveCount"].as_u64()).collect()
}

#[test]
fn the_stack_passes_with_its_evidence() {
    let (code, report, stderr) = check(&[], None);
    assert_eq!(code, Some(0), "{report:#}\n{stderr}");
    assert_eq!(report["schema"], "verifier.check/1");
    assert_eq!(report["verdict"], "pass");
    assert_eq!(with_verdict(&report, "pass").len(), 22, "{report:#}");
    assert_eq!(attempts(&report), [1, 2, 3]);
    let arrival = &find(&report, "dlq.arrival")["evidence"];
    assert_eq!(arrival["messageId"], find(&report, "dlq.attempts")["evidence"]["messageId"]);
    assert_eq!(arrival["receiveCount"], 4);
    assert!(arrival["messageId"].as_str().is_some_and(|id| id.len() == 36));
    assert!(report["stackSeconds"].as_f64().is_some_and(|seconds| seconds >= 180.0));
    let calls: u64 =
        report["awsCalls"].as_object().expect("calls").values().filter_map(Value::as_u64).sum();
    assert!(calls <= 14, "{calls} AWS calls: {}", report["awsCalls"]);
    assert_eq!(report["leftBehind"], Value::Array(Vec::new()));
}

#[test]
fn with_a_real_clock_it_takes_as_long_as_the_receives_do() {
    let file = template(|changes| changes.jobs_queue()["VisibilityTimeout"] = 2.into());
    let (code, report, stderr) = check(&["--clock", "real"], Some(file.path()));
    assert_eq!(code, Some(0), "{report:#}\n{stderr}");
    assert_eq!(attempts(&report), [1, 2, 3]);
    // Three visibility timeouts are the physical limit. How near the check comes to it is measured by the benchmark.
    let wall = report["wallSeconds"].as_f64().expect("a time");
    assert!((6.0..30.0).contains(&wall), "{wall} s");
    // With nine seconds of timeout the worker may outlive the visibility of its messages.
    assert_eq!(with_verdict(&report, "warn"), ["cfg.visibility"]);
    let (code, _, _) = check(&["--clock", "real", "--strict"], Some(file.path()));
    assert_eq!(code, Some(1));
}

#[test]
fn the_receive_count_is_the_templates() {
    let (code, report, stderr) = check_changed(|changes| {
        changes.jobs_queue()["RedrivePolicy"]["maxReceiveCount"] = 5.into();
    });
    assert_eq!(code, Some(0), "{report:#}\n{stderr}");
    assert_eq!(attempts(&report), [1, 2, 3, 4, 5]);
    assert!(report["stackSeconds"].as_f64().is_some_and(|seconds| seconds >= 300.0));
}

#[test]
fn an_expected_receive_count_that_differs_fails() {
    let (code, report, _) = check(&["--receives", "4"], None);
    assert_eq!(code, Some(1));
    assert_eq!(with_verdict(&report, "fail"), ["cfg.redrive"]);
}

#[test]
fn a_broken_configuration_fails_the_one_check_that_is_about_it() {
    type Change = fn(&mut Changes);
    let cases: [(&str, Change); 4] = [
        ("cfg.redrive", |changes| {
            changes.jobs_queue().as_object_mut().expect("properties").remove("RedrivePolicy");
        }),
        ("cfg.consumer", |changes| changes.mapping()["Enabled"] = false.into()),
        ("cfg.consumer", |changes| {
            changes.mapping().as_object_mut().expect("properties").remove("FunctionResponseTypes");
        }),
        ("stack.ready", |changes| {
            changes.document()["Outputs"]
                .as_object_mut()
                .expect("outputs")
                .remove("DistributionId");
        }),
    ];
    for (id, change) in cases {
        let (code, report, stderr) = check_changed(change);
        assert_eq!(code, Some(1), "{id}: {report:#}\n{stderr}");
        assert_eq!(with_verdict(&report, "fail"), [id]);
        assert!(find(&report, id)["next"].is_string(), "{id} says what to do next");
        assert_eq!(find(&report, "dlq.arrival")["verdict"], "not-exercised");
    }
}

#[test]
fn a_template_that_cannot_be_emulated_says_which_resource_and_why() {
    let (code, _, stderr) = check_changed(|changes| {
        changes.mapping()["FilterCriteria"] = serde_json::json!({"Filters": []});
    });
    assert_eq!(code, Some(2));
    assert!(stderr.contains("FilterCriteria") && stderr.contains("EventSourceMapping"), "{stderr}");
    let (code, _, stderr) = check_changed(|changes| {
        let worker = changes.document()["Resources"].as_object_mut().expect("resources");
        for resource in worker
            .values_mut()
            .filter(|resource| resource["Metadata"]["verifier:binary"] == "worker")
        {
            resource["Metadata"] = serde_json::json!({});
        }
    });
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("names no binary") && stderr.contains("JobsWorkerFunction"),
        "{stderr}"
    );
}

#[test]
fn bad_input_is_a_usage_error_that_names_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none.json");
    let (code, _, stderr) = check(&[], Some(&missing));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("none.json"), "{stderr}");
    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, "{").expect("a file");
    let (code, _, stderr) = check(&[], Some(&broken));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("not a CloudFormation template"), "{stderr}");
}

#[test]
fn the_human_view_lists_every_check_without_colours_when_piped() {
    let output = run(scrubbed(VERIFIER).args(["check", "--local"]));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for id in
        ["stack.ready", "cfg.redrive", "api.hello", "job.success", "dlq.arrival", "clean.residue"]
    {
        assert!(text.contains(id), "{text}");
    }
    assert!(text.contains("PASS  22 passed, 1 for information"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}
