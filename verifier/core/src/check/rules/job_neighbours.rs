//! `job.neighbours`.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::Outcome;

use crate::check::{Check, JobEvidence, Judgement, LogEvidence, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "job.neighbours",
    asserts: "good jobs that came to the worker in one batch with the poison ran once, at their first receive",
    severity: Severity::Fail,
    why: "a worker that fails the batch instead of the message repeats the work of every good job beside a bad one, and dead-letters them with it",
    fix: "answer with the failed messages' ids in batchItemFailures, and set ReportBatchItemFailures on the mapping",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
    must_be_exercised: false,
};

/// How much sooner than a visibility timeout a retry may seem to come: lines are stamped by several machines.
const TOLERANCE: Duration = Duration::from_secs(1);

/// Judges the good jobs that shared an invocation with the poison, which the request ids tell.
pub fn judge(jobs: &[JobEvidence], visibility_timeout: Duration, log: &LogEvidence) -> Judgement {
    if let Some(unreadable) = log.unreadable() {
        return unreadable;
    }
    let poisoned: BTreeSet<&str> = jobs.iter().filter(|job| job.fails).flat_map(requests).collect();
    let neighbours: Vec<&JobEvidence> = jobs
        .iter()
        .filter(|job| !job.fails && requests(job).any(|request| poisoned.contains(request)))
        .collect();
    if neighbours.is_empty() {
        return Judgement::not_exercised("no good job shared a batch with the poison");
    }
    let repeated: Vec<&JobEvidence> =
        neighbours.iter().filter(|job| !ran_once(job)).copied().collect();
    let judgement = if repeated.is_empty() {
        let count = neighbours.len();
        Judgement::pass(format!("{count} shared a batch with the poison and ran once"))
    } else {
        let seen: Vec<String> = repeated.iter().map(|job| attempts(job)).collect();
        let judgement = Judgement::fail(
            format!(
                "{} of {} jobs beside the poison did not run just once",
                seen.len(),
                neighbours.len()
            ),
            "one attempt, at receive count 1, that succeeded",
            seen.join("; "),
        )
        .with_next(
            "compare batchItemFailures in the worker's answer with the messages that failed",
        );
        if repeated.iter().all(|job| was_delivered_twice(job, visibility_timeout)) {
            // At-least-once delivery: no retry comes before the visibility timeout has passed.
            judgement.with_verdict(Verdict::Warn)
        } else {
            judgement
        }
    };
    let shown: Vec<serde_json::Value> = neighbours
        .iter()
        .map(|job| serde_json::json!({"jobId": job.job_id, "attempts": attempts(job)}))
        .collect();
    judgement.with_evidence("neighbours", shown)
}

fn requests(job: &JobEvidence) -> impl Iterator<Item = &str> {
    job.attempts.iter().map(|attempt| attempt.line.request_id.as_str())
}

fn ran_once(job: &JobEvidence) -> bool {
    matches!(job.attempts.as_slice(), [only]
        if only.line.outcome == Outcome::Succeeded && only.line.receive_count == 1)
}

/// Whether every attempt succeeded and all came before a retry could: then SQS delivered the message more than once.
fn was_delivered_twice(job: &JobEvidence, visibility_timeout: Duration) -> bool {
    let times = || job.attempts.iter().map(|attempt| attempt.at);
    let span = times().max().zip(times().min()).map(|(last, first)| last.since(first));
    job.attempts.len() > 1
        && job.attempts.iter().all(|attempt| attempt.line.outcome == Outcome::Succeeded)
        && span.is_some_and(|span| span + TOLERANCE < visibility_timeout)
}

fn attempts(job: &JobEvidence) -> String {
    let told: Vec<String> = job
        .attempts
        .iter()
        .map(|attempt| format!("{} {}", attempt.line.receive_count, attempt.line.outcome.as_str()))
        .collect();
    format!("{}: {}", job.job_id, told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::job_accept::tests::job;
    use super::super::job_success::tests::attempt;
    use super::*;
    use crate::check::LoggedOutcome;

    const VISIBILITY: Duration = Duration::from_mins(1);

    /// An attempt in a batch, so many seconds after the first.
    fn at(seconds: u64, batch: &str, count: u32, outcome: Outcome) -> LoggedOutcome {
        let mut attempt = attempt(count, outcome);
        batch.clone_into(&mut attempt.line.request_id);
        attempt.at = crate::time::Timestamp::from_millis(seconds * 1000);
        attempt
    }

    fn verdict(good: Vec<LoggedOutcome>) -> Verdict {
        let poison = vec![at(0, "b1", 1, Outcome::Failed), at(60, "b2", 2, Outcome::Failed)];
        let jobs = [
            JobEvidence { attempts: good, ..job("good", false, Some("g")) },
            JobEvidence { attempts: poison, ..job("poison", true, Some("p")) },
        ];
        judge(&jobs, VISIBILITY, &LogEvidence::default()).verdict
    }

    #[test]
    fn a_neighbour_that_ran_once_passes_and_none_is_nothing() {
        assert_eq!(verdict(vec![at(0, "b1", 1, Outcome::Succeeded)]), Verdict::Pass);
        assert_eq!(verdict(vec![at(0, "other", 1, Outcome::Succeeded)]), Verdict::NotExercised);
        assert_eq!(verdict(Vec::new()), Verdict::NotExercised);
    }

    #[test]
    fn a_neighbour_that_was_failed_or_retried_with_the_poison_fails() {
        let (failed, succeeded) = (Outcome::Failed, Outcome::Succeeded);
        assert_eq!(verdict(vec![at(0, "b1", 1, failed)]), Verdict::Fail);
        assert_eq!(
            verdict(vec![at(0, "b1", 1, failed), at(60, "b2", 2, succeeded)]),
            Verdict::Fail
        );
        assert_eq!(
            verdict(vec![at(0, "b1", 1, succeeded), at(60, "b2", 2, succeeded)]),
            Verdict::Fail
        );
        // It ran in a batch of its own, and then again with the poison.
        assert_eq!(
            verdict(vec![at(0, "b0", 1, succeeded), at(60, "b2", 2, succeeded)]),
            Verdict::Fail
        );
        assert_eq!(verdict(vec![at(60, "b2", 2, succeeded)]), Verdict::Fail);
    }

    #[test]
    fn a_message_that_sqs_delivered_twice_warns() {
        let succeeded = Outcome::Succeeded;
        assert_eq!(
            verdict(vec![at(0, "b1", 1, succeeded), at(3, "b9", 1, succeeded)]),
            Verdict::Warn
        );
    }

    #[test]
    fn an_unreadable_log_proves_nothing() {
        let log = LogEvidence { error: Some("denied".to_owned()), ..LogEvidence::default() };
        assert_eq!(judge(&[], VISIBILITY, &log).verdict, Verdict::Inconclusive);
    }
}
