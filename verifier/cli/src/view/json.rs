//! The view for programs: `verifier.check/1`.
//!
//! These types are the format. They are apart from the internal ones, so that the format changes only on purpose.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use verifier_core::check::{Overall, Settled, Verdict};

use crate::check::Report;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportView<'a> {
    schema: &'static str,
    verdict: Overall,
    stack: &'a str,
    region: Option<&'a str>,
    run_id: &'a str,
    strict: bool,
    started_at: String,
    wall_seconds: f64,
    stack_seconds: f64,
    counts: Counts,
    checks: Vec<CheckView<'a>>,
    aws_calls: &'a BTreeMap<String, u32>,
    left_behind: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    pass: usize,
    info: usize,
    warn: usize,
    fail: usize,
    inconclusive: usize,
    not_exercised: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckView<'a> {
    id: &'a str,
    asserts: &'a str,
    verdict: Verdict,
    summary: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
    settled_at: String,
    evidence: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct ErrorView<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// The report as JSON.
pub(super) fn report(report: &Report) -> String {
    let view = ReportView {
        schema: "verifier.check/1",
        verdict: report.overall,
        stack: &report.stack,
        region: report.region.as_deref(),
        run_id: &report.run_id,
        strict: report.strict,
        started_at: iso(report.started_at),
        wall_seconds: report.wall.as_secs_f64(),
        stack_seconds: report.stack_time.as_secs_f64(),
        counts: Counts {
            pass: report.count(Verdict::Pass),
            info: report.count(Verdict::Info),
            warn: report.count(Verdict::Warn),
            fail: report.count(Verdict::Fail),
            inconclusive: report.count(Verdict::Inconclusive),
            not_exercised: report.count(Verdict::NotExercised),
        },
        checks: report.checks.iter().map(check).collect(),
        aws_calls: &report.calls,
        left_behind: &report.left_behind,
        error: report
            .stopped
            .as_ref()
            .map(|stopped| ErrorView { message: &stopped.what, next: stopped.next.as_deref() }),
    };
    serde_json::to_string_pretty(&view).unwrap_or_default() + "\n"
}

fn check(settled: &Settled) -> CheckView<'_> {
    let judgement = &settled.judgement;
    CheckView {
        id: settled.check.id,
        asserts: settled.check.asserts,
        verdict: judgement.verdict,
        summary: &judgement.summary,
        expected: judgement.expected.as_deref(),
        actual: judgement.actual.as_deref(),
        next: judgement.next.as_deref(),
        settled_at: iso(settled.at),
        evidence: &judgement.evidence,
    }
}

fn iso(at: verifier_core::time::Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or_default();
    jiff::Timestamp::from_millisecond(millis).unwrap_or_default().to_string()
}
