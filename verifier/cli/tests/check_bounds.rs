//! A run's time, the choice of checks, the source of the outputs, and what is said before any check is made.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::{Local, STACK, VERIFIER, check_changed, check_local, check_with_faults};
use verifier_core::check::{CHECKS, Check};
use verifier_testkit::{run, scrubbed};

#[test]
fn a_run_that_is_given_too_little_time_says_so_and_names_what_it_leaves() {
    let checked = check_local(&["--timeout", "60"]);
    assert_eq!(checked.code, Some(3), "{:#}", checked.report);
    let open =
        ["api.reject", "job.success", "job.isolation", "dlq.attempts", "dlq.arrival", "dlq.others"];
    assert_eq!(checked.with_verdict("inconclusive"), open);
    assert_eq!(checked.with_verdict("warn"), ["clean.leftovers"]);
    assert!(checked.stderr.contains("the run was not over after 60 s"), "{}", checked.stderr);
    assert!(checked.report["leftBehind"].to_string().contains("-failing"), "{:#}", checked.report);
    let seconds = checked.report["stackSeconds"].as_f64().expect("a time");
    assert!((60.0..120.0).contains(&seconds), "{seconds} s");
}

#[test]
fn what_the_end_of_a_runs_time_cuts_short_is_not_evaluated() {
    // The failing job is found, and the log would have been asked for longer.
    let rule =
        json!({"operation": "PutLogEvents", "contains": "good-1", "fault": {"kind": "log-lost"}});
    let checked = check_with_faults(&["--timeout", "190"], &json!([rule]));
    assert_eq!(checked.code, Some(3), "{:#}", checked.report);
    assert!(checked.with_verdict("inconclusive").contains(&"job.success"), "{:#}", checked.report);
    // A distribution or an API may be late with a deployment.
    let rule = json!({"operation": "GET /hello",
        "fault": {"kind": "error", "status": 503, "code": "ServiceUnavailable", "commit": "before"}});
    let checked = check_with_faults(&["--timeout", "5"], &json!([rule]));
    assert_eq!(checked.code, Some(3), "{:#}", checked.report);
    assert!(checked.with_verdict("inconclusive").contains(&"api.hello"), "{:#}", checked.report);
    assert_eq!(checked.with_verdict("fail"), [""; 0]);
}

#[test]
fn a_run_that_is_given_enough_time_passes() {
    check_local(&["--timeout", "200"]).assert(0, &[]);
}

#[test]
fn only_what_is_asked_for_is_done() {
    let checked = check_local(&["--only", "cfg.*,api.hello"]);
    assert_eq!(checked.code, Some(0), "{:#}", checked.report);
    let asked = |check: &&Check| check.id.starts_with("cfg.") || check.id == "api.hello";
    // One of them tells something, and the others pass.
    assert_eq!(checked.report["counts"]["pass"], CHECKS.iter().filter(asked).count() - 1);
    let skipped = checked.find("dlq.arrival");
    assert_eq!(skipped["verdict"], "not-run");
    assert_eq!(skipped["summary"], "skipped (--only cfg.*,api.hello)");
    assert_eq!(skipped["evidence"]["skipped"], true);
    // No job was submitted, so no message was looked for.
    assert!(checked.report["awsCalls"].get("SQS.ReceiveMessage").is_none());
    assert!(checked.report["stackSeconds"].as_f64().is_some_and(|seconds| seconds < 30.0));
}

#[test]
fn what_is_left_out_does_not_count_against_the_run() {
    let open = |changes: &mut verifier_testkit::Changes| {
        let api = changes.properties("AWS::ApiGatewayV2::Api", |_| true);
        api["CorsConfiguration"]["AllowOrigins"] = json!(["*"]);
    };
    let checked = check_changed(&["--skip", "api.cors"], open);
    checked.assert(0, &[("api.cors", "not-run")]);
    assert_eq!(checked.find("api.cors")["summary"], "skipped (--skip api.cors)");
}

#[test]
fn a_run_without_anything_to_evaluate_is_never_green() {
    assert_eq!(check_local(&["--only", "cfg.*", "--skip", "cfg.*"]).code, Some(3));
    // Information alone proves nothing.
    assert_eq!(check_local(&["--only", "cfg.receives"]).code, Some(3));
}

#[test]
fn a_stack_that_must_not_get_jobs_gets_none_whatever_is_left_out() {
    let change =
        |changes: &mut verifier_testkit::Changes| changes.mapping()["Enabled"] = false.into();
    let checked = check_changed(&["--skip", "cfg.consumer"], change);
    assert_eq!(checked.code, Some(3), "{:#}", checked.report);
    let why = "no job was submitted, since cfg.consumer did not pass";
    assert_eq!(checked.find("job.accept")["summary"], why);
}

#[test]
fn a_check_that_does_not_exist_is_a_usage_error_with_the_one_that_was_meant() {
    let checked = check_local(&["--only", "cfg.redrve"]);
    assert_eq!(checked.code, Some(2));
    assert!(checked.stderr.contains("did you mean cfg.redrive?"), "{}", checked.stderr);
    assert!(checked.stderr.contains("check --list"), "{}", checked.stderr);
}

#[test]
fn the_checks_are_listed_and_explained() {
    let list = run(scrubbed(VERIFIER).args(["check", "--list"]));
    assert_eq!(list.status.code(), Some(0));
    let text = String::from_utf8_lossy(&list.stdout);
    assert_eq!(text.lines().count(), CHECKS.len(), "{text}");
    assert!(text.contains("cfg.tls          warn  the policies"), "{text}");
    let list = run(scrubbed(VERIFIER).args(["check", "--list", "--format", "json"]));
    let list: Value = serde_json::from_slice(&list.stdout).expect("JSON");
    assert_eq!(list["schema"], "verifier.checks/1");
    let ids =
        list["checks"].as_array().expect("checks").iter().filter_map(|check| check["id"].as_str());
    for id in ids {
        let explained = run(scrubbed(VERIFIER).args(["explain", id]));
        let text = String::from_utf8_lossy(&explained.stdout).into_owned();
        assert_eq!(explained.status.code(), Some(0), "{id}");
        let anchor = format!("RUNBOOK.md#{}", id.replace('.', ""));
        for part in [id, "asserts", "why", "fix", "https://", &anchor] {
            assert!(text.contains(part), "{id} lacks {part}: {text}");
        }
    }
    let unknown = run(scrubbed(VERIFIER).args(["explain", "dlq.arival"]));
    assert_eq!(unknown.status.code(), Some(2));
    let text = String::from_utf8_lossy(&unknown.stderr);
    assert!(text.contains("did you mean dlq.arrival?"), "{text}");
}

#[test]
fn outputs_can_come_from_cdks_file() {
    let local = Local::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cdk-outputs.json");
    let file = path.to_str().expect("a path");
    let write = |outputs: &Value| {
        std::fs::write(file, json!({(STACK): outputs}).to_string()).expect("a file");
    };
    write(&local.ready["outputs"]);
    // The file names the stack.
    let checked = local.check_unnamed(&["--json-outputs", file]);
    checked.assert(0, &[]);
    assert_eq!(checked.report["stack"], STACK);
    // Outputs of an older deployment are missing one.
    let mut old = local.ready["outputs"].clone();
    old.as_object_mut().expect("outputs").remove("PreviewUrl");
    write(&old);
    let checked = local.check(&["--json-outputs", file]);
    assert_eq!(checked.with_verdict("fail"), ["stack.ready"]);
    let checked = local.check_unnamed(&["--stack", "Stack-PR124", "--json-outputs", file]);
    assert_eq!(checked.code, Some(2));
    assert!(checked.stderr.contains("did you mean Stack-PR123?"), "{}", checked.stderr);
}
