//! Jobs that were put on the queue once more in another form: under another id, or none.
//!
//! Nothing of such a message says whose it is. What tells is that it comes with the jobs whenever some are submitted, in the invocation
//! that is handed the first of them, and at no other time. What a worker sends itself when it has done a job comes later than that job,
//! so that none of it can be beside the first jobs of all. It may be of another sender by chance, so that nothing is proved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::Outcome;
use verifier_model::time::Timestamp;

use super::{JobEvidence, LoggedOutcome, Unknown};
use crate::account::UnknownWork;

/// How much later than the one before jobs are submitted where that is another submission.
const APART: Duration = Duration::from_secs(10);

/// Jobs that were submitted together.
struct Submission {
    from: Timestamp,
    /// The invocations that were handed the first job that was done.
    first: Option<(Timestamp, String)>,
}

/// What is known of the messages of no known job that the worker had since the run began to post. `within` is how long after its
/// submission a job is with the worker, `refused` when bodies that had to be refused may have come to it, and `until` the end of what is
/// known.
pub fn unknown_work(
    jobs: &[JobEvidence],
    unknown: &Unknown,
    within: Duration,
    refused: &[(Timestamp, Timestamp)],
    until: Timestamp,
) -> UnknownWork {
    let submissions = submissions(jobs);
    let within = within.min(APART * 3);
    let of_jobs: Vec<_> = submissions.iter().map(|each| (each.from, each.from + within)).collect();
    let of_run = [&of_jobs, refused].concat();
    let Some(first) = of_run.iter().map(|(from, _)| *from).min() else {
        return UnknownWork::default();
    };
    UnknownWork {
        messages: unknown.between(first, until),
        ahead: unknown.ahead_between(first, until),
        accompanied: accompanied(&submissions, unknown, unknown.within(&of_jobs)),
        is_seen_elsewhere: unknown.count() > unknown.within(&of_run),
        other_sources: Vec::new(),
    }
}

/// Of how many submissions of jobs the first invocation was handed a message of no known job, too; `None` unless that is so of each of
/// several, and no such message came at another time than the `of_submissions`.
fn accompanied(
    submissions: &[Submission],
    unknown: &Unknown,
    of_submissions: usize,
) -> Option<usize> {
    let requests: BTreeSet<&str> = unknown.requests().collect();
    let is_accompanied = |each: &Submission| {
        let first = each.first.as_ref();
        first.is_some_and(|(_, request)| requests.contains(request.as_str()))
    };
    let is_each = submissions.len() > 1 && submissions.iter().all(is_accompanied);
    (is_each && unknown.count() <= of_submissions).then_some(submissions.len())
}

/// The submissions of jobs, in the order of time.
fn submissions(jobs: &[JobEvidence]) -> Vec<Submission> {
    let mut by_time = BTreeMap::<Timestamp, Vec<&JobEvidence>>::new();
    for job in jobs {
        by_time.entry(job.submitted_at).or_default().push(job);
    }
    let mut submissions: Vec<Submission> = Vec::new();
    let mut last = None;
    for (at, jobs) in by_time {
        if last.is_none_or(|last| at > last + APART) {
            submissions.push(Submission { from: at, first: None });
        }
        last = Some(at);
        let Some(current) = submissions.last_mut() else { continue };
        let done = jobs.iter().flat_map(|job| job.attempts_that(Outcome::Succeeded)).map(first_of);
        current.first = current.first.take().into_iter().chain(done).min();
    }
    submissions
}

fn first_of(done: &LoggedOutcome) -> (Timestamp, String) {
    (done.at, done.line.request_id.clone())
}

#[cfg(test)]
mod tests {
    use super::super::RunId;
    use super::super::rules::job_accept::tests::job;
    use super::super::rules::job_success::tests::attempt;
    use super::super::unknown::tests::known;
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1000)
    }

    fn line(seconds: u64, message_id: &str, request: &str) -> LoggedOutcome {
        let mut line = attempt(1, Outcome::Succeeded);
        line.at = at(seconds);
        message_id.clone_into(&mut line.line.message_id);
        request.clone_into(&mut line.line.request_id);
        line
    }

    /// Of how many of two submissions, at 0 and 60 s, that is so where messages of no known job came so.
    fn of(unknown: &[(u64, &str)]) -> Option<usize> {
        let done = |name: &str, seconds, request| JobEvidence {
            submitted_at: at(seconds),
            attempts: vec![line(seconds + 1, name, request)],
            ..job(name, false, Some(name))
        };
        let jobs = [done("a", 0, "r1"), done("b", 1, "r2"), done("c", 60, "r3")];
        let lines: Vec<LoggedOutcome> = unknown
            .iter()
            .enumerate()
            .map(|(number, (seconds, request))| line(*seconds, &format!("x{number}"), request))
            .collect();
        let run_id = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        let unknown = Unknown::of(&lines, &known(run_id, &jobs));
        unknown_work(&jobs, &unknown, Duration::from_secs(12), &[], at(1000)).accompanied
    }

    #[test]
    fn messages_of_no_known_job_beside_the_first_jobs_of_each_submission_may_be_the_jobs() {
        assert_eq!(of(&[(1, "r1"), (61, "r3")]), Some(2));
        assert_eq!(of(&[(1, "r1"), (2, "r9"), (61, "r3")]), Some(2));
    }

    #[test]
    fn further_work_and_what_others_send_at_other_times_is_not() {
        // What a worker sends when it has done a job comes behind it.
        assert_eq!(of(&[(2, "r2"), (61, "r3")]), None);
        assert_eq!(of(&[(1, "r1")]), None);
        assert_eq!(of(&[(1, "r1"), (61, "r3"), (30, "r9")]), None);
        assert_eq!(of(&[]), None);
    }
}
