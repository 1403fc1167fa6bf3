//! Several runs on one stack, and what runs leave to those after them.
#![allow(clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::Local;

/// A job that fails, of a run.
fn failing_of(run_id: &str) -> Value {
    json!({"task": "left", "fail": true, "jobId": format!("{run_id}-failing"), "runId": run_id})
}

fn leftovers<'a>(checked: &'a support::Checked, name: &str) -> &'a Value {
    &checked.find("clean.leftovers")["evidence"][name]
}

#[test]
fn runs_at_the_same_time_pass_and_leave_nothing() {
    let local = Local::start(&[]);
    for checked in local.check_at_once(2) {
        assert_eq!(checked.code, Some(0), "{:#}\n{}", checked.report, checked.stderr);
        // Six jobs do not fit one batch, so the failing job may have mates of the other run only.
        let mut open = checked.with_verdict("not-run");
        open.retain(|id| !id.starts_with("iam."));
        assert!(open.is_empty() || open == ["job.isolation"], "{open:?}");
        assert!(checked.with_verdict("warn").is_empty(), "{:#}", checked.report);
        assert_eq!(checked.report["leftBehind"], json!([]));
    }
    // Nothing of either is there for a third.
    local.check(&[]).assert(0, &[]);
}

#[test]
fn a_others_message_is_held_told_of_and_released() {
    let local = Local::start(&[]);
    local.submit(&json!({"task": "another sender's", "fail": true}));
    for _ in 0..2 {
        let checked = local.check(&[]);
        checked.assert(0, &[("dlq.others", "info")]);
        let other = &checked.find("dlq.others")["evidence"];
        assert_eq!(other["messageIds"].as_array().map(Vec::len), Some(1));
        assert!(other["oldestAgeSeconds"].as_u64().is_some_and(|age| age >= 180));
        assert!(other["expiresInSeconds"].as_u64().is_some_and(|left| left < 1_209_600));
        assert_eq!(leftovers(&checked, "released"), 1);
        assert_eq!(leftovers(&checked, "receivesOfOthers"), &other["receivesByThisRun"]);
        // More than where there are only messages of its own: to look for them, to make them visible again before the queues are
        // counted and behind the last look, and to see who sends.
        assert!(checked.calls() <= 20, "{}", checked.report["awsCalls"]);
    }
}

#[test]
fn what_a_run_that_is_over_has_left_is_swept_once() {
    let local = Local::start(&[]);
    local.submit(&failing_of("vrf-1-00000000"));
    // It is like a run's, and it is not.
    local.submit(&json!({"task": "t", "fail": true, "jobId": "mine", "runId": "vrf-1-00000000"}));
    let checked = local.check(&[]);
    checked.assert(0, &[("dlq.others", "info")]);
    assert_eq!(leftovers(&checked, "swept").as_array().map(Vec::len), Some(1));
    let again = local.check(&[]);
    again.assert(0, &[("dlq.others", "info")]);
    assert_eq!(leftovers(&again, "swept"), &json!([]));
}

#[test]
fn what_a_run_may_still_wait_for_is_left_alone_until_the_run_is_surely_over() {
    let local = Local::start(&[]);
    let first = local.check(&[]);
    let run_id = first.report["runId"].as_str().expect("a run id").to_owned();
    let (of_that_second, _) = run_id.rsplit_once('-').expect("a random part");
    local.submit(&failing_of(&format!("{of_that_second}-00000000")));
    // A run takes three minutes; twice three minutes and ten minutes is when nobody can wait any more.
    let swept_by = (1..=8).find(|_| {
        let checked = local.check(&[]);
        let is_swept = leftovers(&checked, "swept") != &json!([]);
        // Until then it is reported, and left there.
        checked.assert(0, if is_swept { &[] } else { &[("dlq.others", "info")] });
        is_swept
    });
    assert!(swept_by.is_some_and(|runs| (4..=7).contains(&runs)), "swept by run {swept_by:?}");
}
