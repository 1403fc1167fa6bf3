//! The view for programs: `verifier.check/1`.
//!
//! These types are the format. They are apart from the internal ones, so that the format changes only on purpose.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};
use verifier_core::check::{JobTrace, Overall, Settled, Step, StepKind, Verdict};

use crate::check::Report;
use crate::report::json::pretty;
use crate::report::words::iso;

/// A report.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReportView<'a> {
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
    jobs: Vec<JobView<'a>>,
    aws_calls: &'a BTreeMap<String, u32>,
    aws_call_budget: &'a BTreeMap<&'static str, u32>,
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
    not_run: usize,
}

/// A check that came to its verdict.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CheckView<'a> {
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
    runbook: String,
    settled_at: String,
    evidence: &'a Map<String, Value>,
}

/// What became of a job.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobView<'a> {
    job_id: &'a str,
    message_id: Option<&'a str>,
    fails: bool,
    submitted_at: String,
    steps: Vec<StepView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StepView<'a> {
    at: String,
    seconds_after_submit: f64,
    #[serde(flatten)]
    what: StepKindView<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum StepKindView<'a> {
    Attempt {
        receive_count: u32,
        outcome: contract::Outcome,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    DeadLettered,
}

#[derive(Serialize)]
struct ErrorView<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

/// Writes the report as one JSON document.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    pretty(&view(report), out)
}

/// A report in the format's own types.
pub(super) fn view(report: &Report) -> ReportView<'_> {
    ReportView {
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
            not_run: report.count(Verdict::NotRun),
        },
        checks: report.checks.iter().map(check).collect(),
        jobs: report.jobs.iter().map(job).collect(),
        aws_calls: &report.calls,
        aws_call_budget: &report.call_budget,
        left_behind: &report.left_behind,
        error: report
            .stopped
            .as_ref()
            .map(|stopped| ErrorView { message: &stopped.what, next: stopped.next.as_deref() }),
    }
}

/// A check in the format's own types.
pub(super) fn check(settled: &Settled) -> CheckView<'_> {
    let evaluation = &settled.evaluation;
    CheckView {
        id: settled.check.id,
        asserts: settled.check.asserts,
        verdict: evaluation.verdict,
        summary: &evaluation.summary,
        expected: evaluation.expected.as_deref(),
        actual: evaluation.actual.as_deref(),
        next: evaluation.next.as_deref(),
        runbook: settled.check.runbook(),
        settled_at: iso(settled.at),
        evidence: &evaluation.evidence,
    }
}

/// A job in the format's own types.
pub(super) fn job(trace: &JobTrace) -> JobView<'_> {
    JobView {
        job_id: &trace.job_id,
        message_id: trace.message_id.as_deref(),
        fails: trace.fails,
        submitted_at: iso(trace.submitted_at),
        steps: trace.steps.iter().map(|step| step_view(trace, step)).collect(),
    }
}

fn step_view<'a>(trace: &JobTrace, step: &'a Step) -> StepView<'a> {
    StepView {
        at: iso(step.at),
        seconds_after_submit: trace.after(step).as_secs_f64(),
        what: match &step.what {
            StepKind::Attempt { receive_count, outcome, reason } => StepKindView::Attempt {
                receive_count: *receive_count,
                outcome: *outcome,
                reason: reason.as_deref(),
            },
            StepKind::DeadLettered => StepKindView::DeadLettered,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_document_is_the_format() {
        let mut out = Vec::new();
        write(&sample::failing(), &mut out).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
