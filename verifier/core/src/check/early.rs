//! A log whose clock is behind.
//!
//! A client that writes events gives them their times. Where every job's line is older than its submission, that clock is behind, and
//! so are the lines that tell of other messages.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_InputLogEvent.html>.

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_model::time::Timestamp;

use super::{JobEvidence, LogLines, LoggedOutcome};

/// How much the clocks that stamp log lines may differ.
const TOLERANCE: Duration = Duration::from_secs(2);

/// A log's lines with the times that they would have by AWS's clock: the worker's own by those of the jobs, and Lambda's reports by the
/// ends of the invocations that worked on these.
#[must_use]
pub fn on_time(mut lines: LogLines, jobs: &[JobEvidence]) -> LogLines {
    let own = firsts(jobs, &lines.outcomes);
    let early = early_by(own.iter().map(|(job, first)| (job.submitted_at, first.at)));
    let ends: BTreeMap<&str, Timestamp> =
        lines.invocations.iter().map(|each| (each.request_id.as_str(), each.ended_at)).collect();
    let reported = early_by(own.iter().filter_map(|(job, first)| {
        Some((job.submitted_at, *ends.get(first.line.request_id.as_str())?))
    }));
    // One clock is as much behind for both, and their order stays.
    let (early, reported) = match (early.is_zero(), reported.is_zero()) {
        (false, false) => (early.max(reported), early.max(reported)),
        _ => (early, reported),
    };
    let outcomes = lines.outcomes.iter_mut().chain(&mut lines.others);
    for logged in outcomes.chain(lines.remarks.iter_mut().map(|(logged, _)| logged)) {
        logged.at = logged.at + early;
    }
    for each in &mut lines.invocations {
        each.ended_at = each.ended_at + reported;
    }
    lines.latest = lines.latest.map(|at| at + early.min(reported));
    lines
}

/// Each job's first line, where it has one.
fn firsts<'a>(
    jobs: &'a [JobEvidence],
    lines: &[LoggedOutcome],
) -> Vec<(&'a JobEvidence, LoggedOutcome)> {
    let first = |job: &'a JobEvidence| {
        let is_own = |logged: &&LoggedOutcome| {
            job.message_id.as_deref() == Some(logged.line.message_id.as_str())
                || logged.line.job_id.as_deref() == Some(job.job_id.as_str())
        };
        let first = lines.iter().filter(is_own).min_by_key(|logged| logged.at)?;
        Some((job, first.clone()))
    };
    jobs.iter().filter_map(first).collect()
}

/// By how much a clock is behind, by pairs of what came first and what it says of what came then; nothing where any of those is in order.
fn early_by(pairs: impl Iterator<Item = (Timestamp, Timestamp)>) -> Duration {
    let early: Vec<Duration> = pairs.map(|(before, at)| before.since(at)).collect();
    let is_each = early.iter().all(|early| *early > TOLERANCE);
    early.into_iter().max().filter(|_| is_each).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::rules::job_accept::tests::job;
    use super::super::rules::job_success::tests::attempt;
    use super::*;
    use crate::account::{Invocation, InvocationEnd};

    /// When lines of jobs that were submitted at 1,000 s were written, and the invocation of the first of them ended, in seconds.
    fn of(firsts: &[u64], ended_at: u64) -> (Vec<u64>, u64) {
        let jobs: Vec<JobEvidence> = (0..firsts.len())
            .map(|number| job(&number.to_string(), false, Some(&format!("m-{number}"))))
            .collect();
        let line = |(number, at): (usize, &u64)| {
            let mut line = attempt(1, Outcome::Succeeded);
            line.line.message_id = format!("m-{number}");
            line.at = Timestamp::from_millis(at * 1000);
            line
        };
        let invocation = Invocation {
            request_id: "q1".to_owned(),
            ended_at: Timestamp::from_millis(ended_at * 1000),
            duration: Duration::ZERO,
            end: InvocationEnd::Success,
        };
        let lines = LogLines {
            outcomes: firsts.iter().enumerate().map(line).collect(),
            invocations: vec![invocation],
            ..LogLines::default()
        };
        let lines = on_time(lines, &jobs);
        let seconds = |at: Timestamp| at.as_millis() / 1000;
        let at = lines.outcomes.iter().map(|logged| seconds(logged.at)).collect();
        (at, seconds(lines.invocations[0].ended_at))
    }

    #[test]
    fn a_clock_is_behind_where_every_jobs_line_is_older_than_its_submission() {
        assert_eq!(of(&[880, 881], 880), (vec![1000, 1001], 1000));
        // Lambda's own clock may be right.
        assert_eq!(of(&[880, 881], 1001), (vec![1000, 1001], 1001));
    }

    #[test]
    fn it_is_not_where_one_job_s_line_is_in_order_or_the_clocks_differ_little() {
        for firsts in [&[880, 1001][..], &[999], &[1001], &[]] {
            assert_eq!(of(firsts, 1001), (firsts.to_vec(), 1001));
        }
    }
}
