//! Stacks whose functions, queues or logs misbehave: what is caught, and by which check.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use serde_json::json;
use support::{check_changed, check_with_faults, fault_file, functions_with};

#[test]
fn a_body_that_is_refused_and_queued_all_the_same_is_found_behind_the_api() {
    let functions = functions_with("submit-job", "lax-submit.py");
    let folder = functions.path().to_str().expect("a path");
    // In batches of ten there is room for all of them beside the jobs.
    let change =
        |changes: &mut verifier_testkit::Changes| changes.mapping()["BatchSize"] = 10.into();
    let checked = check_changed(&["--functions", folder], change);
    checked.assert(1, &[("api.reject", "fail")]);
    let bodies = checked.find("api.reject")["evidence"]["bodies"].as_array().expect("bodies");
    let arrived: Vec<&str> = bodies
        .iter()
        .filter(|body| body["deadLetter"].is_string())
        .filter_map(|body| body["defect"].as_str())
        .collect();
    assert_eq!(arrived, ["malformed", "missing-task", "wrong-type"]);
    // They are the run's own, so they are gone with the three failing jobs: each twice, since they were posted by themselves, too.
    assert_eq!(
        checked.find("clean.leftovers")["evidence"]["deleted"].as_array().map(Vec::len),
        Some(9)
    );
    assert_eq!(checked.report["leftBehind"], json!([]));
}

#[test]
fn a_run_in_which_nothing_could_be_sent_has_created_nothing() {
    let checked = check_changed(&[], |changes| {
        changes.document()["Outputs"]["JobUrl"]["Value"] = json!("http://127.0.0.1:9/jobs");
    });
    assert_eq!(checked.code, Some(1), "{:#}", checked.report);
    let leftovers = checked.find("clean.leftovers");
    assert!(
        leftovers["summary"].as_str().is_some_and(|told| told.starts_with("0 messages created"))
    );
    assert_eq!(leftovers["evidence"]["createdAtMost"], 0);
    assert_eq!(checked.report["leftBehind"], json!([]));
}

#[test]
fn a_body_that_is_accepted_fails() {
    let answer = json!({"statusCode": 202, "body": "{}"}).to_string();
    let rule = json!({"operation": "Invoke", "function": "*SubmitJob*", "contains": "reject-wrong-type",
        "fault": {"kind": "answer", "payload": answer}});
    let checked = check_with_faults(&[], &json!([rule]));
    // Whether such a body is on the queue is not known, so it may be left behind.
    checked.assert(1, &[("api.reject", "fail"), ("clean.leftovers", "warn")]);
    assert!(checked.report["leftBehind"].to_string().contains("reject-wrong-type"));
}

#[test]
fn a_throttled_api_proves_nothing_about_what_it_refuses() {
    let answer =
        json!({"statusCode": 429, "body": "{\"message\": \"Too Many Requests\"}"}).to_string();
    let rule = json!({"operation": "Invoke", "function": "*SubmitJob*", "contains": "reject-malformed",
        "fault": {"kind": "answer", "payload": answer}});
    check_with_faults(&[], &json!([rule])).assert(3, &[("api.reject", "inconclusive")]);
}

#[test]
fn a_worker_that_fails_the_batch_fails_the_mates_of_the_failing_job() {
    let answer = json!({"batchItemFailures": [{"itemIdentifier": ""}]}).to_string();
    let rule = json!({"operation": "Invoke", "function": "*Worker*", "nth": 1,
        "fault": {"kind": "answer", "payload": answer}});
    let checked = check_with_faults(&[], &json!([rule]));
    checked.assert(1, &[("job.success", "fail"), ("job.isolation", "fail")]);
    let actual = checked.find("job.isolation")["actual"].as_str().expect("what was found");
    assert!(actual.contains("received 2 times: 1, 2"), "{actual}");
}

#[test]
fn batches_of_one_message_isolate_jobs_by_construction() {
    let checked = check_changed(&["--strict"], |changes| changes.mapping()["BatchSize"] = 1.into());
    checked.assert(0, &[]);
    let summary = checked.find("job.isolation")["summary"].as_str().expect("a summary");
    assert!(summary.contains("batches hold one message"), "{summary}");
}

#[test]
fn a_page_and_an_api_that_are_not_ready_yet_are_asked_again() {
    let unavailable = |operation: &str| {
        json!({"operation": operation, "caller": "client", "nth": 1,
            "fault": {"kind": "error", "status": 503, "code": "ServiceUnavailable", "commit": "before"}})
    };
    let checked = check_with_faults(&[], &json!([unavailable("GET /hello")]));
    checked.assert(0, &[]);
    assert_eq!(checked.find("api.hello")["evidence"]["requests"], 2);
}

#[test]
fn an_api_that_never_answers_well_fails_within_its_bound() {
    let rule = json!({"operation": "GET /hello",
        "fault": {"kind": "error", "status": 503, "code": "ServiceUnavailable", "commit": "before"}});
    let checked = check_with_faults(&[], &json!([rule]));
    checked.assert(1, &[("api.hello", "fail")]);
    assert!(
        checked.find("api.hello")["evidence"]["requests"].as_u64().is_some_and(|asked| asked > 2)
    );
}

#[test]
fn a_lost_log_line_leaves_open_what_became_of_its_job() {
    let rule =
        json!({"operation": "PutLogEvents", "contains": "good-1", "fault": {"kind": "log-lost"}});
    let checked = check_with_faults(&[], &json!([rule]));
    // The queue was counted, so nothing of it is left.
    checked.assert(3, &[("job.success", "inconclusive")]);
    assert_eq!(checked.report["leftBehind"], json!([]));
}

#[test]
fn a_worker_that_acknowledges_the_failing_job_loses_it() {
    let rule = json!({"operation": "Invoke", "function": "*Worker*",
        "fault": {"kind": "answer", "payload": "{\"batchItemFailures\": []}"}});
    let checked = check_with_faults(&[], &json!([rule]));
    checked.assert(1, &[("dlq.attempts", "warn"), ("dlq.arrival", "fail")]);
    assert_eq!(checked.report["leftBehind"], json!([]));
}

#[test]
fn a_message_that_is_dead_lettered_early_is_noticed() {
    let rule = json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": "-failing", "nth": 2,
        "count_by": "message", "fault": {"kind": "early-move"}});
    let checked = check_with_faults(&[], &json!([rule]));
    checked.assert(1, &[("dlq.attempts", "warn"), ("dlq.arrival", "fail")]);
}

#[test]
fn a_message_that_is_received_once_more_than_allowed_is_noticed() {
    let rule = json!({"operation": "ReceiveMessage", "caller": "mapping", "contains": "-failing", "nth": 4,
        "count_by": "message", "fault": {"kind": "late-move"}});
    // It comes a visibility timeout later then, which is well after it is given up.
    let faults = fault_file(&json!([rule]));
    let arguments = ["--faults", faults.path().to_str().expect("a path")];
    let change = |changes: &mut verifier_testkit::Changes| {
        changes.jobs_queue()["VisibilityTimeout"] = 90.into();
    };
    let checked = check_changed(&arguments, change);
    checked.assert(
        1,
        &[("dlq.attempts", "fail"), ("dlq.arrival", "inconclusive"), ("clean.leftovers", "warn")],
    );
    let summary = checked.find("dlq.arrival")["summary"].as_str().expect("a summary");
    assert!(summary.contains("still being retried"), "{summary}");
}

#[test]
fn late_lines_of_the_log_are_waited_for() {
    let rule = |milliseconds: u32| {
        json!([{"operation": "PutLogEvents", "function": "*Worker*", "contains": "-failing", "nth": {"from": 2},
            "fault": {"kind": "log-late", "milliseconds": milliseconds}}])
    };
    // The lines of the last attempt come while the log is read again and again.
    let checked = check_with_faults(&[], &rule(80_000));
    checked.assert(0, &[]);
    assert!(checked.report["awsCalls"]["CloudWatch Logs.FilterLogEvents"].as_u64() > Some(1));
    // Lines that do not come in time may come later, as the sizes of their batches tell.
    check_with_faults(&[], &rule(3_600_000)).assert(3, &[("dlq.attempts", "inconclusive")]);
}
