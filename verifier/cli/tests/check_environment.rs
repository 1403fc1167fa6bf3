//! What stands between the verifier and AWS is told from what is wrong with the stack.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::{Checked, Local, VERIFIER, check_local, check_with_faults};
use verifier_testkit::{run, scrubbed};

fn refusal(operation: &str, code: &str) -> Value {
    let message = "User: arn:aws:sts::1:assumed-role/r is not authorized to perform it";
    json!({"operation": operation, "fault":
        {"kind": "error", "status": 400, "code": code, "message": message, "commit": "before"}})
}

/// The first line that begins with `error:`.
fn error(stderr: &str) -> &str {
    let line = stderr.lines().find_map(|line| line.strip_prefix("error: "));
    line.unwrap_or_else(|| panic!("no error: {stderr}"))
}

#[test]
fn a_denied_action_is_named() {
    let checked = check_with_faults(&[], &json!([refusal("DescribeStacks", "AccessDenied")]));
    assert_eq!(checked.code, Some(3));
    let line = error(&checked.stderr);
    assert_eq!(line, "cloudformation:DescribeStacks on Stack-PR123 is denied");
    assert!(checked.stderr.contains("allow cloudformation:DescribeStacks"), "{}", checked.stderr);
}

#[test]
fn what_only_one_check_asks_for_concerns_that_check_only() {
    for (operation, action, id) in [
        ("DescribeAlarmsForMetric", "cloudwatch:DescribeAlarmsForMetric", "cfg.alarm"),
        ("DescribeLogGroups", "logs:DescribeLogGroups", "cfg.logs"),
    ] {
        let checked = check_with_faults(&[], &json!([refusal(operation, "AccessDeniedException")]));
        checked.assert(3, &[(id, "inconclusive")]);
        let summary = checked.find(id)["summary"].as_str().expect("a summary");
        assert!(summary.starts_with(action) && summary.ends_with("is denied"), "{summary}");
        assert!(checked.find(id)["next"].as_str().is_some_and(|next| next.contains(action)));
    }
}

#[test]
fn a_log_that_may_not_be_read_is_no_proof_of_anything() {
    let checked =
        check_with_faults(&[], &json!([refusal("FilterLogEvents", "AccessDeniedException")]));
    let open = ["api.reject", "job.success", "job.isolation", "dlq.attempts"];
    assert_eq!(checked.with_verdict("inconclusive"), open, "{:#}", checked.report);
    assert!(checked.with_verdict("fail").is_empty());
    assert_eq!(checked.code, Some(3));
}

#[test]
fn a_throttled_account_is_told_after_retries() {
    let checked = check_with_faults(&[], &json!([refusal("ListStackResources", "Throttling")]));
    assert_eq!(checked.code, Some(3));
    let line = error(&checked.stderr);
    assert_eq!(
        line,
        "cloudformation:ListStackResources on Stack-PR123 is throttled, also after retries"
    );
    assert_eq!(checked.report["awsCalls"]["CloudFormation.ListStackResources"], 4);
}

#[test]
fn a_stack_of_nearly_that_name_is_suggested() {
    let local = Local::start(&[]);
    let checked = local.check_unnamed(&["--stack", "Stack-PR12"]);
    assert_eq!(checked.code, Some(3));
    assert_eq!(error(&checked.stderr), "there is no stack Stack-PR12 in us-local-1");
    assert!(checked.stderr.contains("did you mean Stack-PR123?"), "{}", checked.stderr);
}

#[test]
fn without_credentials_or_region_nothing_is_asked_and_one_line_says_so() {
    for (arguments, said) in [
        (["--region", "eu-central-1"].as_slice(), "no AWS credentials were found"),
        (&[], "no AWS region is set"),
    ] {
        let output = run(scrubbed(VERIFIER).args(["check", "--stack", "S"]).args(arguments));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert_eq!(error(&stderr), said);
        assert!(stderr.lines().count() <= 3, "{stderr}");
    }
}

#[test]
fn a_dead_letter_queue_that_may_not_be_read_leaves_the_failing_jobs_by_name() {
    let checked = check_with_faults(&[], &json!([refusal("ReceiveMessage", "AccessDenied")]));
    assert_eq!(checked.code, Some(3), "{:#}", checked.report);
    assert!(
        error(&checked.stderr).starts_with("sqs:ReceiveMessage on Stack-PR123-JobsDeadLetterQueue")
    );
    assert!(checked.with_verdict("fail").is_empty());
    let left = checked.report["leftBehind"].as_array().expect("what is left");
    assert_eq!(left.len(), 3, "{left:?}");
    let is_named = |left: &Value| left.as_str().is_some_and(|left| left.contains("-failing"));
    assert!(left.iter().all(is_named), "{left:?}");
}

#[test]
fn what_a_run_leaves_that_could_not_be_evaluated_fails_it_under_strict_neither() {
    let refused = |operation| json!([refusal(operation, "AccessDenied")]);
    for checked in [
        check_with_faults(&["--strict"], &refused("ReceiveMessage")),
        check_local(&["--strict", "--timeout", "60"]),
    ] {
        assert_eq!(checked.code, Some(3), "{:#}", checked.report);
        assert_eq!(checked.with_verdict("warn"), ["clean.leftovers"]);
    }
    // Where everything else is known, it does.
    let checked = check_with_faults(&["--strict"], &refused("DeleteMessageBatch"));
    checked.assert(1, &[("clean.leftovers", "warn")]);
}

#[test]
fn a_message_whose_deletion_failed_through_sqs_own_fault_is_deleted_again() {
    let fails = |sender_fault, nth: Option<u32>| {
        let fault = json!({"kind": "fail-entry", "code": "InternalError", "commit": "before",
            "sender_fault": sender_fault});
        let mut rule =
            json!({"operation": "DeleteMessageBatch", "caller": "client", "fault": fault});
        if let Some(nth) = nth {
            rule["nth"] = nth.into();
        }
        check_with_faults(&["--strict"], &json!([rule]))
    };
    // One whose handle was refused is received again.
    for checked in [fails(false, Some(1)), fails(true, Some(1))] {
        checked.assert(0, &[]);
    }
    for checked in [fails(false, None), fails(true, None)] {
        checked.assert(1, &[("clean.leftovers", "warn")]);
    }
}

fn lost(operation: &str, rule: &Value, fault: &Value) -> Value {
    let mut rule = rule.clone();
    rule["operation"] = operation.into();
    rule["caller"] = "client".into();
    rule["fault"] = fault.clone();
    json!([rule])
}

#[test]
fn a_receive_that_got_no_answer_is_waited_out() {
    for fault in [
        json!({"kind": "disconnect", "commit": "after"}),
        json!({"kind": "error", "status": 503, "code": "ServiceUnavailable", "commit": "after"}),
    ] {
        // The first receive is handed the failing job.
        let rules = lost("ReceiveMessage", &json!({"nth": 1}), &fault);
        let checked = check_with_faults(&["--strict"], &rules);
        checked.assert(0, &[]);
        let evidence = &checked.find("clean.leftovers")["evidence"];
        assert_eq!(evidence["receivesWithoutAnswer"], 1, "{evidence:#}");
        // Without the time for that, nothing is concluded.
        let checked = check_with_faults(&["--strict", "--timeout", "230"], &rules);
        assert_eq!(checked.code, Some(3), "{:#}", checked.report);
        assert!(checked.with_verdict("fail").is_empty(), "{:#}", checked.report);
    }
}

#[test]
fn a_deletion_that_was_confirmed_and_not_carried_out_is_no_none_left() {
    let fault = json!({"kind": "delete-lost"});
    let always = lost("DeleteMessageBatch", &json!({}), &fault);
    let checked = check_with_faults(&["--strict"], &always);
    checked.assert(1, &[("clean.leftovers", "warn")]);
    let left = checked.report["leftBehind"].to_string();
    assert!(left.contains("dead-letter queue"), "{left}");
    // Once it is visible again, it is deleted again.
    check_with_faults(&["--strict"], &lost("DeleteMessageBatch", &json!({"nth": 1}), &fault))
        .assert(0, &[]);
}

#[test]
fn a_job_that_the_verifier_submitted_twice_is_no_fault_of_the_stack() {
    for (contains, id) in [("-good-1", "job.success"), ("-failing", "dlq.attempts")] {
        let checked = submitted_twice(contains, &json!({"kind": "disconnect", "commit": "after"}));
        checked.assert(0, &[]);
        let summary = checked.find(id)["summary"].as_str().expect("a summary");
        assert!(summary.contains("submitted twice"), "{summary}");
    }
}

#[test]
fn a_job_that_was_answered_503_and_enqueued_warns() {
    for contains in ["-good-1", "-failing"] {
        let fault = json!({"kind": "error", "status": 503, "code": "ServiceUnavailable", "commit": "after"});
        submitted_twice(contains, &fault).assert(1, &[("job.accept", "warn")]);
    }
}

fn submitted_twice(contains: &str, fault: &Value) -> Checked {
    let rules =
        json!([{"operation": "POST /jobs", "contains": contains, "nth": 1, "fault": fault}]);
    check_with_faults(&["--strict"], &rules)
}
