//! The view for programs: `verifier.chaos/1`.
//!
//! These types are the format. They are apart from the internal ones, so that the format changes only on purpose.

use std::collections::BTreeMap;

use serde::Serialize;
use verifier_chaos::{
    Allowance, Anomaly, AnomalySet, ChaosReport, Event, Experiment, Finding, History, Timeline,
    Verdict,
};
use verifier_core::check::Overall;

use super::words::Counts;
use crate::chaos::{Explored, Outcome, Replayed, Steady, rate};

/// A result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutcomeView<'a> {
    schema: &'static str,
    verdict: Overall,
    target: &'a str,
    experiment: Option<&'a Experiment>,
    steady_state: Option<SteadyStateView<'a>>,
    exploration: Option<ExplorationView<'a>>,
    replay: Option<ReplayView>,
    evaluation: Option<EvaluationView<'a>>,
    aws_calls: &'a BTreeMap<String, u32>,
    wall_seconds: f64,
    again: &'a str,
    files: BTreeMap<&'a str, String>,
}

#[derive(Serialize)]
struct SteadyStateView<'a> {
    before: Option<SteadyView<'a>>,
    after: Option<SteadyView<'a>>,
}

#[derive(Serialize)]
struct SteadyView<'a> {
    verdict: Overall,
    summary: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplorationView<'a> {
    seed: u64,
    schedules: u64,
    unknown: u64,
    seconds: f64,
    schedules_per_second: f64,
    coverage: Vec<CoverageView<'a>>,
    failure: Option<FailureView>,
}

#[derive(Serialize)]
struct CoverageView<'a> {
    fault: &'a str,
    operation: &'a str,
    struck: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureView {
    seed: u64,
    anomalies: AnomalySet,
    operations: usize,
    shrinking_runs: Option<u32>,
    shrunk: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplayView {
    expected: AnomalySet,
    same_anomalies: bool,
    identical_history: bool,
    seeded: Option<Anomaly>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EvaluationView<'a> {
    verdict: Verdict,
    seed: u64,
    lines: usize,
    stack_seconds: f64,
    aborted: Option<&'a str>,
    drained: Option<bool>,
    counts: CountsView,
    faults: Vec<FaultView<'a>>,
    undone: Vec<UndoneView<'a>>,
    findings: Vec<FindingView<'a>>,
    violations: AnomalySet,
    not_seen: &'a [String],
    unseen: &'a [String],
    allowed: AnomalySet,
    unknown: AnomalySet,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CountsView {
    submits: usize,
    accepted: usize,
    refused: usize,
    unanswered: usize,
    attempts: usize,
    failed_attempts: usize,
    effects: usize,
    dead_letters: usize,
    moved_back: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FaultView<'a> {
    kind: &'a str,
    operation: String,
    struck: usize,
    from_seconds: f64,
    until_seconds: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UndoneView<'a> {
    what: &'a str,
    at_seconds: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingView<'a> {
    anomaly: Anomaly,
    meaning: &'static str,
    job: Option<&'a str>,
    lines: &'a [usize],
    allowed_by: Option<String>,
    allowed_at_line: Option<usize>,
    faults_that_would_allow: &'a [&'static str],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListView<'a> {
    schema: &'static str,
    experiments: Vec<ListedView<'a>>,
}

#[derive(Serialize)]
struct ListedView<'a> {
    name: &'a str,
    description: &'a str,
}

/// The built-in experiments.
pub(super) fn list(experiments: &[Experiment]) -> ListView<'_> {
    ListView {
        schema: "verifier.chaos.list/1",
        experiments: experiments
            .iter()
            .map(|experiment| ListedView {
                name: &experiment.name,
                description: &experiment.description,
            })
            .collect(),
    }
}

/// A result in the format's own types.
pub(super) fn view(outcome: &Outcome) -> OutcomeView<'_> {
    let has_steady = outcome.before.is_some() || outcome.after.is_some();
    OutcomeView {
        schema: "verifier.chaos/1",
        verdict: outcome.overall(),
        target: &outcome.target,
        experiment: outcome.experiment.as_ref(),
        steady_state: has_steady.then(|| SteadyStateView {
            before: outcome.before.as_ref().map(steady_view),
            after: outcome.after.as_ref().map(steady_view),
        }),
        exploration: outcome.explored.as_ref().map(exploration),
        replay: outcome.replayed.as_ref().map(replay),
        evaluation: outcome
            .evaluated
            .as_ref()
            .map(|(history, report)| evaluation(outcome, history, report)),
        aws_calls: &outcome.calls,
        wall_seconds: outcome.wall.as_secs_f64(),
        again: &outcome.again,
        files: outcome
            .files
            .iter()
            .map(|(what, path)| (*what, path.display().to_string()))
            .collect(),
    }
}

fn steady_view(steady: &Steady) -> SteadyView<'_> {
    SteadyView { verdict: steady.overall, summary: &steady.summary }
}

fn exploration(explored: &Explored) -> ExplorationView<'_> {
    let coverage = explored.coverage.iter().map(|((fault, operation), struck)| CoverageView {
        fault,
        operation,
        struck: *struck,
    });
    ExplorationView {
        seed: explored.seed,
        schedules: explored.schedules,
        unknown: explored.unknown,
        seconds: explored.took.as_secs_f64(),
        schedules_per_second: rate(explored.schedules, explored.took),
        coverage: coverage.collect(),
        failure: explored.failing.as_ref().map(|failing| FailureView {
            seed: failing.seed,
            anomalies: failing.violations,
            operations: failing.operations,
            shrinking_runs: failing.shrinking_runs,
            shrunk: failing.shrinking_runs.is_some(),
        }),
    }
}

fn replay(replayed: &Replayed) -> ReplayView {
    ReplayView {
        expected: replayed.expected,
        same_anomalies: replayed.is_same,
        identical_history: replayed.is_identical,
        seeded: replayed.seeded,
    }
}

fn evaluation<'a>(
    outcome: &'a Outcome,
    history: &'a History,
    report: &'a ChaosReport,
) -> EvaluationView<'a> {
    let timeline = Timeline::of(history);
    let undone = history.lines.iter().filter_map(|line| match &line.event {
        Event::Undo { what } => Some(UndoneView { what, at_seconds: seconds(line.at) }),
        _ => None,
    });
    EvaluationView {
        verdict: report.verdict,
        seed: history.header.seed,
        lines: history.lines.len() + 1,
        stack_seconds: seconds(timeline.ends_at),
        aborted: outcome.aborted(),
        drained: history.lines.iter().rev().find_map(|line| match line.event {
            Event::Drained { complete, .. } => Some(complete),
            _ => None,
        }),
        counts: counts(Counts::of(history)),
        faults: timeline
            .bands
            .into_iter()
            .map(|band| FaultView {
                kind: band.kind,
                operation: band.operation,
                struck: band.strikes.len(),
                from_seconds: seconds(band.from),
                until_seconds: seconds(band.until),
            })
            .collect(),
        undone: undone.collect(),
        findings: report.findings.iter().map(finding).collect(),
        violations: report.violations(),
        not_seen: &outcome.missing,
        unseen: &report.unseen,
        allowed: report.allowed,
        unknown: report.unknown,
    }
}

fn counts(counts: Counts) -> CountsView {
    CountsView {
        submits: counts.submits,
        accepted: counts.accepted,
        refused: counts.refused,
        unanswered: counts.unanswered,
        attempts: counts.attempts,
        failed_attempts: counts.failed_attempts,
        effects: counts.effects,
        dead_letters: counts.dead_letters,
        moved_back: counts.moved_back,
    }
}

fn finding(finding: &Finding) -> FindingView<'_> {
    FindingView {
        anomaly: finding.anomaly,
        meaning: finding.anomaly.meaning(),
        job: finding.job.as_deref(),
        lines: &finding.lines,
        allowed_by: finding.allowance.map(|allowance| match allowance {
            Allowance::Experiment => "experiment".to_owned(),
            Allowance::Fault { kind, .. } => kind.to_owned(),
        }),
        allowed_at_line: finding.allowance.and_then(|allowance| match allowance {
            Allowance::Experiment => None,
            Allowance::Fault { line, .. } => Some(line),
        }),
        faults_that_would_allow: &finding.allowed_by,
    }
}

fn seconds(milliseconds: u64) -> f64 {
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}
