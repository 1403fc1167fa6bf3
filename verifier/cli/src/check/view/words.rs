//! Words that several views share.

use std::fmt::Write;

use contract::Outcome;
use verifier_core::check::{JobTrace, Overall, Settled, StepKind, Verdict, in_words};

use crate::check::Report;
use crate::report::words::seconds;
use crate::shell::clean;

/// How many checks have which verdict, without those that none has: `9 passed, 1 failed`.
pub(super) fn counts(report: &Report) -> String {
    let counts: Vec<String> = Verdict::ALL
        .into_iter()
        .map(|verdict| (report.count(verdict), verdict))
        .filter(|(count, _)| *count > 0)
        .map(|(count, verdict)| format!("{count} {}", counted(verdict)))
        .collect();
    counts.join(", ")
}

/// A verdict as it stands behind a number.
fn counted(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "passed",
        Verdict::Info => "for information",
        Verdict::Warn => "warned",
        Verdict::Fail => "failed",
        Verdict::Inconclusive => "inconclusive",
        Verdict::NotRun => "not run",
    }
}

/// What a run took and what it left: `0.1 s (180.1 s simulated), 9 AWS calls, nothing left behind`.
pub(super) fn costs(report: &Report) -> String {
    let left = match report.left_behind.len() {
        0 => "nothing left behind".to_owned(),
        _ => format!("left behind: {}", clean::line(&report.left_behind.join("; "))),
    };
    format!(
        "{} ({} simulated), {} AWS calls, {left}",
        in_words(report.wall),
        in_words(report.stack_time),
        report.call_count()
    )
}

/// A step of a job.
pub(super) fn step(what: &StepKind) -> String {
    match what {
        StepKind::Attempt { receive_count, outcome: Outcome::Succeeded, .. } => {
            format!("receive {receive_count} succeeded")
        }
        StepKind::Attempt { receive_count, reason, .. } => {
            let mut words = format!("receive {receive_count} failed");
            if let Some(reason) = reason {
                // Writing to a String cannot fail.
                let _ = write!(words, ": {}", clean::line(reason));
            }
            words
        }
        StepKind::DeadLettered => "seen in the dead-letter queue".to_owned(),
    }
}

/// The last that was seen of a job.
pub(super) fn last_seen(trace: &JobTrace) -> String {
    match (trace.last_seen(), &trace.message_id) {
        (Some(last), _) => {
            format!("{} after it was submitted: {}", seconds(trace.after(last)), step(&last.what))
        }
        (None, Some(message_id)) => {
            format!("accepted as message {}; nothing since", clean::line(message_id))
        }
        (None, None) => "submitted, and not accepted".to_owned(),
    }
}

/// A job's id without the run's.
pub(super) fn job_name<'a>(trace: &'a JobTrace, run_id: &str) -> &'a str {
    let name = trace.job_id.strip_prefix(run_id).and_then(|name| name.strip_prefix('-'));
    name.unwrap_or(&trace.job_id)
}

/// The jobs that a check is about: of `dlq.*` those that are meant to fail, of `job.*` the others.
pub(super) fn jobs_of<'a>(
    check_id: &str,
    jobs: &'a [JobTrace],
) -> impl Iterator<Item = &'a JobTrace> {
    let fails = match check_id.split_once('.') {
        Some(("dlq", _)) => Some(true),
        Some(("job", _)) => Some(false),
        _ => None,
    };
    jobs.iter().filter(move |job| fails == Some(job.fails))
}

/// Whether a check needs somebody's attention. What was not run does when nothing else says why the run did not
/// pass; beside a failure it is the consequence.
pub(super) fn is_open(settled: &Settled, report: &Report) -> bool {
    match settled.evaluation.counted() {
        Verdict::Fail | Verdict::Warn => true,
        Verdict::Inconclusive => !is_unreached(settled, report),
        Verdict::NotRun => settled.check.must_run && report.overall == Overall::Inconclusive,
        Verdict::Pass | Verdict::Info => false,
    }
}

/// Whether a check was not evaluated because the run ended before; the report says once why it did.
pub(super) fn is_unreached(settled: &Settled, report: &Report) -> bool {
    let stopped = report.stopped.as_ref();
    settled.evaluation.verdict == Verdict::Inconclusive
        && stopped.is_some_and(|stopped| stopped.what == settled.evaluation.summary)
}
