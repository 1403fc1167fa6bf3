//! `job.success`.

use std::collections::BTreeSet;

use contract::Outcome;

use crate::check::{Check, JobEvidence, Judgement, LogEvidence, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "job.success",
    asserts: "the worker logged exactly one success for each good job",
    severity: Severity::Fail,
    why: "a job that was accepted and never worked on is lost; one that was worked on twice may have had its effect twice",
    fix: "look for the job's id in the worker's log; if it is not there, at the queue and the mapping",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html",
    must_be_exercised: true,
};

/// How much of a line is shown.
const LINE_CHARS_MAX: usize = 200;

/// Judges the good jobs of a run by what the worker logged.
pub fn judge(jobs: &[JobEvidence], log: &LogEvidence) -> Judgement {
    let good: Vec<&JobEvidence> =
        jobs.iter().filter(|job| !job.fails && job.message_id.is_some()).collect();
    if good.is_empty() {
        return Judgement::not_exercised("no good job was accepted");
    }
    if let Some(unreadable) = log.unreadable() {
        return unreadable;
    }
    let successes = |job: &JobEvidence| job.attempts_that(Outcome::Succeeded).count();
    let without: Vec<&str> =
        good.iter().filter(|job| successes(job) == 0).map(|job| job.job_id.as_str()).collect();
    let twice: Vec<&str> =
        good.iter().filter(|job| successes(job) > 1).map(|job| job.job_id.as_str()).collect();
    let elsewhere = under_other_messages(&good);
    let judgement = if !elsewhere.is_empty() {
        Judgement::fail(
            format!("{} of {} good jobs came in other messages", elsewhere.len(), good.len()),
            "each job in the message that the API named, and in no other",
            elsewhere.join("; "),
        )
        .with_next("compare what the submit function sends with the message id that it answers")
    } else if !without.is_empty() {
        let failures: Vec<String> = good
            .iter()
            .flat_map(|job| job.attempts_that(Outcome::Failed))
            .map(|attempt| {
                let reason = attempt.line.reason.as_deref().unwrap_or("no reason given");
                format!("attempt {} failed: {reason}", attempt.line.receive_count)
            })
            .collect();
        let seen = if failures.is_empty() { no_lines(log) } else { failures.join("; ") };
        Judgement::fail(
            format!(
                "{} of {} good jobs have no success: {}",
                without.len(),
                good.len(),
                without.join(", ")
            ),
            "one succeeded line per good job",
            seen,
        )
        .with_next(log.next())
    } else if twice.is_empty() {
        Judgement::pass(format!("{} of {} good jobs succeeded once", good.len(), good.len()))
    } else {
        Judgement::fail(
            format!("succeeded more than once: {}", twice.join(", ")),
            "one succeeded line per good job",
            "more than one, as at-least-once delivery allows",
        )
        .with_verdict(Verdict::Warn)
    };
    let shown: Vec<serde_json::Value> = good
        .iter()
        .map(|job| serde_json::json!({"jobId": job.job_id, "messageId": job.message_id, "succeeded": successes(job)}))
        .collect();
    judgement.with_evidence("jobs", shown).with_evidence("logGroup", log.log_group.clone())
}

/// The jobs that were worked on in messages that the API did not name, with the ids of these.
fn under_other_messages(good: &[&JobEvidence]) -> Vec<String> {
    let tell = |job: &&JobEvidence| {
        let ids = job.attempts.iter().map(|attempt| attempt.line.message_id.as_str());
        let others: BTreeSet<&str> =
            ids.filter(|id| !id.is_empty() && job.message_id.as_deref() != Some(id)).collect();
        let named = job.message_id.as_deref().unwrap_or_default();
        let others = others.into_iter().collect::<Vec<_>>().join(", ");
        (!others.is_empty())
            .then(|| format!("{}: {others}, where the API named {named}", job.job_id))
    };
    good.iter().filter_map(tell).collect()
}

/// That no outcome was found; with a line that was none, for whoever has described the lines wrongly.
fn no_lines(log: &LogEvidence) -> String {
    let unread = log.unread.as_ref().map_or_else(String::new, |line| {
        let line: String = line.chars().take(LINE_CHARS_MAX).collect();
        format!("; a line that names the run and is no outcome by the settings: {line}")
    });
    format!("no line of them in {} after {} queries{unread}", log.log_group, log.queries)
}

#[cfg(test)]
pub(crate) mod tests {
    use contract::OutcomeLine;

    use super::super::job_accept::tests::job;
    use super::*;
    use crate::check::LoggedOutcome;
    use crate::time::Timestamp;

    pub(crate) fn attempt(receive_count: u32, outcome: Outcome) -> LoggedOutcome {
        LoggedOutcome {
            at: Timestamp::from_millis(1_000_000 + u64::from(receive_count) * 1000),
            line: OutcomeLine {
                run_id: None,
                job_id: None,
                message_id: "m".to_owned(),
                receive_count,
                outcome,
                reason: None,
                request_id: "q".to_owned(),
                batch_size: 1,
            },
        }
    }

    fn verdict(attempts: Vec<LoggedOutcome>, log: &LogEvidence) -> Verdict {
        let job = JobEvidence { attempts, ..job("a", false, Some("m")) };
        judge(&[job], log).verdict
    }

    #[test]
    fn one_success_passes_none_fails_two_warn() {
        let log = LogEvidence::default();
        let success = || attempt(1, Outcome::Succeeded);
        assert_eq!(verdict(vec![success()], &log), Verdict::Pass);
        assert_eq!(
            verdict(vec![attempt(1, Outcome::Failed), attempt(2, Outcome::Succeeded)], &log),
            Verdict::Pass
        );
        assert_eq!(verdict(vec![], &log), Verdict::Fail);
        assert_eq!(verdict(vec![attempt(1, Outcome::Failed)], &log), Verdict::Fail);
        assert_eq!(verdict(vec![success(), success()], &log), Verdict::Warn);
    }

    #[test]
    fn a_job_in_another_message_than_the_api_named_fails() {
        let log = LogEvidence::default();
        let other = || {
            let mut other = attempt(1, Outcome::Succeeded);
            other.line.message_id = "another".to_owned();
            other
        };
        assert_eq!(verdict(vec![attempt(1, Outcome::Succeeded), other()], &log), Verdict::Fail);
        assert_eq!(verdict(vec![other()], &log), Verdict::Fail);
    }

    #[test]
    fn an_unreadable_log_proves_nothing() {
        let log = LogEvidence { error: Some("denied".to_owned()), ..LogEvidence::default() };
        assert_eq!(verdict(vec![], &log), Verdict::Inconclusive);
        assert_eq!(judge(&[job("a", true, Some("m"))], &log).verdict, Verdict::NotExercised);
    }
}
