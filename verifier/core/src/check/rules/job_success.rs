//! `job.success`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::api_reject;
use super::job_isolation::kept_in_words;
use crate::account::{
    Account, Breach, Expectation, Explained, Isolation, Kept, MessageAccount, MessageEnd,
    Unexplained,
};
use crate::check::{Check, Evaluate, Evaluation, LogEvidence, Need, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "job.success",
    asserts: "each good job was worked on once, at its first receive, and is gone: not dead-lettered, not copied, not still queued",
    severity: Severity::Fail,
    why: "a job that was accepted and never worked on is lost; one that was worked on twice may have had its effect twice; one that is logged as done may be dead-lettered all the same",
    fix: "look for the job's id in the worker's log and in the dead-letter queue; then at what the worker answers, the queue and the mapping",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
    must_run: true,
    needs: &[Need::CountsBeforeReturns],
    absent: None,
    evaluate: Evaluate::Jobs(|followed| {
        let (_, apart) = followed.strays.returned();
        let success = evaluate(followed.account, followed.log, apart);
        followed.strays.leave_open(success, followed.is_concluded(api_reject::CHECK.id))
    }),
};

/// That lines may be missing that the worker wrote too late, and what tells.
pub(super) const HELD_BACK: &str = "the worker holds lines back behind the end of their invocation, so some may never come: let it write them all before it answers";

/// How many of the jobs are named that have something in common.
const NAMED_MAX: usize = 3;

/// How much of a line is shown.
const LINE_CHARS_MAX: usize = 200;

/// Concludes what became of the good jobs of a run, by its account. `returned` are those that must have come again without a
/// line, and had not met the failing job: of those that had, `job.isolation` tells.
pub fn evaluate(account: &Account, log: &LogEvidence, returned: &[Breach]) -> Evaluation {
    let good: Vec<&MessageAccount> = account.that(Expectation::Succeeds).collect();
    if good.is_empty() {
        return Evaluation::not_run("no good job was accepted");
    }
    let found: Vec<(Verdict, &str, String)> = good
        .iter()
        .map(|job| {
            let came_again = returned.iter().find(|breach| breach.job_id == job.job_id);
            let (verdict, why) = match (of(account, job, log), came_again) {
                ((Verdict::Pass, _), Some(breach)) => {
                    (Verdict::Fail, format!("{} (inferred)", breach.why))
                }
                ((Verdict::Pass | Verdict::Warn, _), None) if !job.beside.is_empty() => {
                    (Verdict::Inconclusive, beside_in_words(job))
                }
                (found, _) => found,
            };
            (verdict, job.job_id.as_str(), why)
        })
        .collect();
    let that = |verdict: Verdict| {
        let of_verdict = found.iter().filter(|(each, ..)| *each == verdict);
        by_reason(of_verdict.map(|(_, job_id, why)| (*job_id, why.as_str())))
    };
    let count = |verdict: Verdict| found.iter().filter(|(each, ..)| *each == verdict).count();
    let of_all = |count: usize| format!("{count} of {} good jobs", good.len());
    let (failed, open, warned) =
        (that(Verdict::Fail), that(Verdict::Inconclusive), that(Verdict::Warn));
    let expected = "each good job succeeds once, at its first receive, and its message is gone";
    let silent: Vec<&&MessageAccount> = good.iter().filter(|job| is_silent(account, job)).collect();
    let again: Vec<&&MessageAccount> = good.iter().filter(|job| is_received_again(job)).collect();
    let is_any_systematic = |jobs: &[&&MessageAccount]| {
        is_systematic(jobs.len(), good.len())
            || are_of_several_periods(jobs, account.terms.visibility_timeout)
    };
    let evaluation = if failed.is_empty() && is_any_systematic(&silent) {
        let what = format!(
            "{} were received before, and the worker wrote nothing then: {}",
            of_all(silent.len()),
            warned.first().cloned().unwrap_or_default()
        );
        Evaluation::fail(what, expected, warned.join("; ")).with_next(log.next())
    } else if failed.is_empty() && is_any_systematic(&again) {
        let what = format!(
            "{} came again before the visibility timeout had passed, by their receive counts: {}",
            of_all(again.len()),
            warned.first().cloned().unwrap_or_default()
        );
        Evaluation::fail(what, expected, warned.join("; ")).with_next(
            "look for what shortens their visibility timeout and does not delete them, or answers that they failed",
        )
    } else if !failed.is_empty() {
        let what =
            format!("{} did not end as they should: {}", of_all(count(Verdict::Fail)), failed[0]);
        Evaluation::fail(what, expected, failed.join("; ")).with_next(log.next())
    } else if !open.is_empty() {
        Evaluation::inconclusive(format!(
            "{} are open: {}",
            of_all(count(Verdict::Inconclusive)),
            open.join("; ")
        ))
        .with_next(log.next())
    } else if !warned.is_empty() {
        let what =
            format!("{} were received more than once: {}", of_all(count(Verdict::Warn)), warned[0]);
        Evaluation::fail(what, expected, warned.join("; ")).with_verdict(Verdict::Warn)
    } else if let Some(Kept { returns, messages }) =
        account.kept().filter(|_| !tells_of_batches(account))
    {
        // Of those that met the failing job, `job.isolation` tells.
        let what = kept_in_words(returns, messages);
        Evaluation::inconclusive(format!("{} succeeded once by their lines, but {what}", of_all(good.len())))
            .with_next("look at what the worker answers for jobs that it says are done; run the check again, too")
    } else {
        let twice = submitted_twice(&good);
        Evaluation::pass(format!("{} succeeded once{twice}", of_all(good.len())))
    };
    evaluation
        .with_evidence("jobs", good.iter().map(|job| shown(job)).collect::<Vec<_>>())
        .with_evidence("logGroup", log.log_group.clone())
}

/// The jobs of each reason, which is said once for all that it is about.
fn by_reason<'a>(jobs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (job_id, why) in jobs {
        match reasons.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, ids)) => ids.push(job_id),
            None => reasons.push((why, vec![job_id])),
        }
    }
    let said = reasons.iter().map(|(why, ids)| {
        let more = match ids.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more}: {why}", ids[..ids.len().min(NAMED_MAX)].join(", "))
    });
    said.collect()
}

/// That lines tell of a job under other messages, too.
pub(super) fn beside_in_words(job: &MessageAccount) -> String {
    format!(
        "lines report it in the messages {}, too, which are on another queue that the worker reads, or copies on this one",
        job.beside.join(", ")
    )
}

/// Whether good jobs shared batches with the failing one, so that `job.isolation` reports them.
fn tells_of_batches(account: &Account) -> bool {
    !matches!(account.isolation(), Isolation::NotMet | Isolation::ByConstruction)
}

/// Whether a receive of a job left no trace at all.
fn is_silent(account: &Account, job: &MessageAccount) -> bool {
    account.unseen(job).iter().any(|unseen| unseen.explained == Explained::Nothing)
}

/// Whether a job was done at several receives by their counts: SQS makes a delivery again now and then, and never most of them.
fn is_received_again(job: &MessageAccount) -> bool {
    let done = job.attempts.iter().filter(|attempt| attempt.says_succeeded());
    let counts: BTreeSet<u32> = done.filter_map(|attempt| attempt.line.receive_count).collect();
    counts.len() > 1
}

/// Whether receives without a trace are the worker's doing: SQS counts one that nobody saw now and then, and never most of them.
fn is_systematic(silent: usize, of: usize) -> bool {
    silent > 1 && silent * 2 > of
}

/// Whether jobs are of several visibility periods: what happens to one batch by chance does not happen to another, too.
fn are_of_several_periods(jobs: &[&&MessageAccount], visibility_timeout: Duration) -> bool {
    let submitted = || jobs.iter().map(|job| job.submitted_at);
    match (submitted().min(), submitted().max()) {
        (Some(first), Some(last)) => jobs.len() > 1 && last.since(first) >= visibility_timeout / 2,
        _ => false,
    }
}

/// That the verifier itself submitted jobs more than once, which is no fault of the stack's.
pub(super) fn submitted_twice(messages: &[&MessageAccount]) -> String {
    let jobs: BTreeSet<&str> = messages.iter().map(|message| message.job_id.as_str()).collect();
    match messages.len() - jobs.len() {
        0 => String::new(),
        copies => format!(
            "; {copies} of them a second message of a job that was submitted twice, since a request got no answer, or 503"
        ),
    }
}

/// What became of one good job. Where it shared the fate of the failing job's batch, `job.isolation` says so.
fn of(account: &Account, job: &MessageAccount, log: &LogEvidence) -> (Verdict, String) {
    let attempts = || if job.attempts.is_empty() { no_lines(log) } else { told(job) };
    match &job.end {
        MessageEnd::NotAccepted => (Verdict::Pass, "was not accepted".to_owned()),
        MessageEnd::DeadLettered => {
            let although = match job.successes() {
                0 => String::new(),
                count => format!(", although {count} successes are logged"),
            };
            (Verdict::Fail, format!("is in the dead-letter queue{although}"))
        }
        MessageEnd::Copied => {
            let named = job.message_id.as_deref().unwrap_or("none");
            let others = job.copies.join(", ");
            (Verdict::Fail, format!("is in the messages {others}, where the API named {named}"))
        }
        MessageEnd::StillThere => (
            Verdict::Inconclusive,
            format!(
                "may still be queued: the jobs queue holds {} more messages than before",
                account.surplus.unwrap_or_default()
            ),
        ),
        MessageEnd::Unaccounted if log.error.is_some() => (Verdict::Inconclusive, unreadable(log)),
        MessageEnd::Unaccounted if account.surplus.is_none() => (
            Verdict::Inconclusive,
            format!("no success, and the jobs queue was not counted; {}", attempts()),
        ),
        MessageEnd::Unaccounted if !account.tells() && log.hiding_level.is_some() => {
            let level = log.hiding_level.as_deref().unwrap_or_default();
            (
                Verdict::Fail,
                format!(
                    "no outcome line of any job: the worker logs {level} and worse only, as cfg.logs says"
                ),
            )
        }
        MessageEnd::Unaccounted if !account.tells() => (
            Verdict::Inconclusive,
            format!(
                "no outcome line of any job, and the messages are gone: let the worker write one for each, or describe its lines by outcomes.* in verifier.toml; {}",
                attempts()
            ),
        ),
        MessageEnd::Unaccounted if account.holds_lines_back() => (
            Verdict::Inconclusive,
            format!("{HELD_BACK}; of this job there is no success: {}", attempts()),
        ),
        MessageEnd::Unaccounted if log.is_closed_at(job.submitted_at) => {
            (Verdict::Fail, format!("no success: {}", attempts()))
        }
        MessageEnd::Unaccounted => (
            Verdict::Inconclusive,
            format!("no line of the log is later than its submission; {}", attempts()),
        ),
        MessageEnd::DoneOnce | MessageEnd::DoneMoreThanOnce { .. } => of_done(account, job),
    }
}

fn of_done(account: &Account, job: &MessageAccount) -> (Verdict, String) {
    let is_redelivered = account.is_redelivered(job);
    if job.end == (MessageEnd::DoneMoreThanOnce { delivered_twice: false }) && !is_redelivered {
        return (Verdict::Fail, format!("succeeded more than once: {}", told(job)));
    }
    if job.attempts.iter().any(crate::account::Attempt::failed) && account.breach(job).is_none() {
        return (Verdict::Fail, format!("was failed before it succeeded: {}", told(job)));
    }
    if let Some(remark) = account.remarked_again(job).filter(|_| account.breach(job).is_none()) {
        let why = format!("was done, and came again: its line says {}", remark.word);
        return (Verdict::Fail, why);
    }
    if let Some(again) = job.attempts.iter().find(|attempt| attempt.is_done_again()) {
        let (count, after) = (again.receive_count, again.again_after.as_secs_f64());
        let why = format!("was done more than once in receive {count}: again {after:.3} s later");
        return (Verdict::Fail, why);
    }
    if let Some(unexplained) = account.unexplained(job).filter(|_| account.breach(job).is_none()) {
        return (Verdict::Inconclusive, left_open(account, job, &unexplained));
    }
    if is_redelivered {
        let told = told(job);
        let why = format!(
            "came again when its visibility timeout had passed, alone of all, as where SQS loses a delete: {told}"
        );
        return (Verdict::Warn, why);
    }
    if let MessageEnd::DoneMoreThanOnce { .. } = job.end {
        return (Verdict::Warn, format!("delivered more than once, as SQS may: {}", told(job)));
    }
    if account.failed_alone(job) {
        let told = told(job);
        return (
            Verdict::Fail,
            format!("was failed before it succeeded, by an invocation that wrote nothing: {told}"),
        );
    }
    let unseen = account.unseen(job);
    match unseen.iter().find(|unseen| unseen.explained == Explained::Nothing) {
        Some(unseen) => (
            Verdict::Warn,
            format!("nothing tells what became of receive {}: {}", unseen.receive_count, told(job)),
        ),
        None => (Verdict::Pass, "succeeded once".to_owned()),
    }
}

/// What the lines of a good job leave open, and what would tell.
fn left_open(account: &Account, job: &MessageAccount, unexplained: &Unexplained) -> String {
    match unexplained {
        Unexplained::SeveralMessages => {
            let lines: u32 = job.attempts.iter().map(|attempt| attempt.lines).sum();
            format!(
                "{lines} lines say that it succeeded, and none names its message: let the worker write the message's id, which tells two messages from one; {}",
                told(job)
            )
        }
        Unexplained::SeveralReceives => format!(
            "succeeded {} times, and no line tells at which receives: let the worker write the receive count",
            job.successes()
        ),
        Unexplained::LaterReceive => {
            let first = job.attempts.first().map_or(job.submitted_at, |attempt| attempt.line.at);
            format!(
                "succeeded {:.1} s after it was submitted, behind the visibility timeout of {} s, and no line tells at which receive: let the worker write the receive count",
                first.since(job.submitted_at).as_secs_f64(),
                account.terms.visibility_timeout.as_secs()
            )
        }
    }
}

fn told(job: &MessageAccount) -> String {
    let told = job.attempts.iter().map(|attempt| {
        let count = attempt.receive_count;
        let whole = attempt.failed_whole();
        match (attempt.says_succeeded(), whole) {
            (true, None) => format!("receive {count} succeeded"),
            (true, Some(end)) => {
                format!(
                    "receive {count} logged as succeeded, its invocation ended with {}",
                    end.as_str()
                )
            }
            (false, _) => {
                let reason = attempt.line.reason.as_deref().unwrap_or("no reason given");
                format!("receive {count} failed: {reason}")
            }
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

fn shown(job: &MessageAccount) -> Value {
    serde_json::json!({
        "jobId": job.job_id,
        "messageId": job.message_id,
        "succeeded": job.successes(),
        "end": job.end_as_str(),
        "receives": job.attempts.iter().map(|attempt| attempt.receive_count).collect::<Vec<_>>(),
        "copies": job.copies,
    })
}

fn unreadable(log: &LogEvidence) -> String {
    let error = log.error.as_deref().unwrap_or_default();
    format!("the log {} could not be read: {error}", log.log_group)
}

/// That no outcome was found; with a line that was none, for a user who has described the lines wrongly.
fn no_lines(log: &LogEvidence) -> String {
    let unread = log.unread.as_ref().map_or_else(String::new, |line| {
        let line: String = line.chars().take(LINE_CHARS_MAX).collect();
        format!("; a line that names the run and is no outcome by the settings: {line}")
    });
    format!("no line of it in {} after {} queries{unread}", log.log_group, log.queries)
}

#[cfg(test)]
pub(crate) mod tests {
    use contract::{Outcome, OutcomeLine};

    use super::super::job_accept::tests::job;
    use super::*;
    use crate::account::{Invocation, InvocationEnd, QueueCounts, Terms};
    use crate::check::{JobEvidence, LoggedOutcome, OurMessage, observed};
    use verifier_model::time::Timestamp;

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
                request_id: format!("q{receive_count}"),
                batch_size: 1,
            },
        }
    }

    /// A log that was read to after everything.
    pub(crate) fn whole_log() -> LogEvidence {
        LogEvidence { latest: Some(Timestamp::from_millis(9_000_000)), ..LogEvidence::default() }
    }

    fn unreadable_log() -> LogEvidence {
        LogEvidence { error: Some("denied".to_owned()), ..LogEvidence::default() }
    }

    fn counts(visible: u64) -> QueueCounts {
        QueueCounts { visible, ..QueueCounts::default() }
    }

    fn terms() -> Terms {
        Terms {
            max_receive_count: 3,
            visibility_timeout: Duration::from_mins(1),
            delay: Duration::ZERO,
            batch_size: 1,
        }
    }

    /// The account of jobs, with the ids of messages that are in the dead-letter queue.
    pub(crate) fn account(jobs: &[JobEvidence], dead: &[&str]) -> Account {
        account_with(jobs, dead, &[], Some(counts(0)))
    }

    fn account_with(
        jobs: &[JobEvidence],
        dead: &[&str],
        invocations: &[Invocation],
        after: Option<QueueCounts>,
    ) -> Account {
        let found: Vec<OurMessage> = dead
            .iter()
            .map(|id| OurMessage {
                message_id: (*id).to_owned(),
                body: format!("\"{}\"", jobs[0].job_id),
                seen_at: Timestamp::from_millis(1_180_000),
            })
            .collect();
        Account::of(&observed(terms(), jobs, &found, invocations, (Some(counts(0)), after)))
    }

    fn good(attempts: Vec<LoggedOutcome>) -> [JobEvidence; 1] {
        [JobEvidence { attempts, ..job("a", false, Some("m")) }]
    }

    fn evaluate(account: &Account, log: &LogEvidence) -> Evaluation {
        super::evaluate(account, log, &[])
    }

    fn verdict(attempts: Vec<LoggedOutcome>) -> Verdict {
        evaluate(&account(&good(attempts), &[]), &whole_log()).verdict
    }

    fn done(count: u32) -> LoggedOutcome {
        attempt(count, Outcome::Succeeded)
    }

    #[test]
    fn one_success_at_the_first_receive_passes() {
        assert_eq!(verdict(vec![done(1)]), Verdict::Pass);
        assert_eq!(verdict(vec![attempt(1, Outcome::Failed)]), Verdict::Fail);
    }

    #[test]
    fn one_receive_that_nobody_saw_warns_and_most_of_them_or_several_periods_fail() {
        let job_at = |number: usize, count| {
            let id = format!("m{number}");
            let mut done = done(count);
            done.line.message_id.clone_from(&id);
            JobEvidence { attempts: vec![done], ..job(&format!("j{number}"), false, Some(&id)) }
        };
        let verdict = |counts: &[u32]| {
            let jobs: Vec<JobEvidence> =
                counts.iter().enumerate().map(|(number, count)| job_at(number, *count)).collect();
            evaluate(&account(&jobs, &[]), &whole_log()).verdict
        };
        assert_eq!(verdict(&[1, 2, 1]), Verdict::Warn);
        assert_eq!(verdict(&[2, 2, 1, 1]), Verdict::Warn);
        assert_eq!(verdict(&[2, 2, 1]), Verdict::Fail);
        // A batch may be lost by chance, and not one of the next visibility period, too.
        let apart = |seconds: u64| {
            let mut jobs: Vec<JobEvidence> = [2, 2, 1, 1, 1]
                .into_iter()
                .enumerate()
                .map(|(at, count)| job_at(at, count))
                .collect();
            jobs[1].submitted_at = jobs[0].submitted_at + Duration::from_secs(seconds);
            evaluate(&account(&jobs, &[]), &whole_log()).verdict
        };
        assert_eq!([apart(1), apart(60)], [Verdict::Warn, Verdict::Fail]);
    }

    #[test]
    fn a_job_without_a_line_fails_only_where_the_worker_writes_lines() {
        let verdict = |jobs: &[JobEvidence]| evaluate(&account(jobs, &[]), &whole_log()).verdict;
        assert_eq!(verdict(&beside_a_line()), Verdict::Fail);
        assert_eq!(verdict(&good(vec![])), Verdict::Inconclusive);
    }

    /// A good job without a line, beside a failing one of which the worker wrote.
    fn beside_a_line() -> [JobEvidence; 2] {
        let mut failed = attempt(1, Outcome::Failed);
        failed.line.message_id = "m-p".to_owned();
        let [good] = good(vec![]);
        [good, JobEvidence { attempts: vec![failed], ..job("p", true, Some("m-p")) }]
    }

    #[test]
    fn a_job_that_was_done_again_within_one_receive_fails() {
        let again = |millis: u64| {
            let at = Timestamp::from_millis(1_001_000 + millis);
            verdict(vec![done(1), LoggedOutcome { at, ..done(1) }])
        };
        assert_eq!([again(0), again(500)], [Verdict::Pass, Verdict::Fail]);
    }

    #[test]
    fn a_job_that_was_failed_first_fails_and_one_that_came_late_warns() {
        assert_eq!(verdict(vec![attempt(1, Outcome::Failed), done(2)]), Verdict::Fail);
        assert_eq!(verdict(vec![done(2)]), Verdict::Warn);
    }

    #[test]
    fn two_successes_warn_as_one_delivery_and_fail_after_a_visibility_timeout() {
        let later = |seconds: u64, count| {
            let mut later = done(count);
            later.at = Timestamp::from_millis(1_001_000 + seconds * 1000);
            later.line.request_id = "later".to_owned();
            later
        };
        assert_eq!(verdict(vec![done(1), later(3, 1)]), Verdict::Warn);
        assert_eq!(verdict(vec![done(1), later(60, 1)]), Verdict::Fail);
    }

    #[test]
    fn one_job_that_comes_again_a_visibility_timeout_later_warns_and_two_fail() {
        let again = |number: usize| {
            let id = format!("m{number}");
            let of = |count: u32| {
                let mut done = done(count);
                done.line.message_id.clone_from(&id);
                done.at = Timestamp::from_millis(941_000 + u64::from(count) * 60_000);
                done
            };
            let attempts = vec![of(1), of(2)];
            JobEvidence { attempts, ..job(&format!("j{number}"), false, Some(&id)) }
        };
        let once = |number: usize| JobEvidence {
            attempts: again(number).attempts[..1].to_vec(),
            ..again(number)
        };
        let of = |jobs: &[JobEvidence]| evaluate(&account(jobs, &[]), &whole_log());
        let warned = of(&[again(1), once(2)]);
        assert_eq!(warned.verdict, Verdict::Warn);
        assert!(warned.summary.contains("loses a delete"), "{}", warned.summary);
        assert_eq!(of(&[again(1), again(2), once(3)]).verdict, Verdict::Fail);
    }

    #[test]
    fn where_the_workers_level_hides_every_line_that_is_what_fails() {
        let of = |level: Option<&str>, jobs: &[JobEvidence]| {
            let log = LogEvidence { hiding_level: level.map(str::to_owned), ..whole_log() };
            evaluate(&account(jobs, &[]), &log).verdict
        };
        assert_eq!(of(Some("ERROR"), &good(vec![])), Verdict::Fail);
        assert_eq!(of(None, &good(vec![])), Verdict::Inconclusive);
        // Its lines come all the same.
        assert_eq!(of(Some("WARN"), &good(vec![done(1)])), Verdict::Pass);
    }

    #[test]
    fn receives_that_come_again_before_their_time_are_the_workers_where_most_do() {
        let twice = |number: usize, again: u32| {
            let id = format!("m{number}");
            let of = |count: u32, seconds: u64| {
                let mut done = done(count);
                done.line.message_id.clone_from(&id);
                done.line.request_id = format!("q{seconds}");
                done.at = Timestamp::from_millis(1_001_000 + seconds * 1000);
                done
            };
            let attempts = vec![of(1, 0), of(again, 5)];
            JobEvidence { attempts, ..job(&format!("j{number}"), false, Some(&id)) }
        };
        let verdict = |counts: &[u32]| {
            let jobs: Vec<JobEvidence> =
                counts.iter().enumerate().map(|(number, count)| twice(number, *count)).collect();
            evaluate(&account(&jobs, &[]), &whole_log()).verdict
        };
        assert_eq!(verdict(&[2, 2, 2]), Verdict::Fail);
        assert_eq!(verdict(&[2, 1, 1]), Verdict::Warn);
        // A delivery that SQS makes again is of the same receive.
        assert_eq!(verdict(&[1, 1, 1]), Verdict::Warn);
    }

    #[test]
    fn one_in_the_dead_letter_queue_fails_whatever_the_log_says() {
        for log in [whole_log(), unreadable_log()] {
            let evaluation = evaluate(&account(&good(vec![done(1)]), &["m"]), &log);
            assert_eq!(evaluation.verdict, Verdict::Fail);
            assert!(evaluation.summary.contains("although 1 successes"), "{}", evaluation.summary);
            assert_eq!(
                evaluate(&account(&good(vec![done(1)]), &["other"]), &log).verdict,
                Verdict::Fail
            );
        }
    }

    #[test]
    fn a_job_in_another_message_than_the_api_named_fails() {
        let mut other = done(1);
        other.line.message_id = "another".to_owned();
        assert_eq!(verdict(vec![done(1), other.clone()]), Verdict::Fail);
        assert_eq!(verdict(vec![other]), Verdict::Fail);
    }

    #[test]
    fn a_success_in_an_invocation_that_failed_is_none() {
        let error = |end| Invocation {
            request_id: "q1".to_owned(),
            ended_at: Timestamp::from_millis(1_001_000),
            duration: Duration::ZERO,
            end,
        };
        let with = |end| {
            let account = account_with(&good(vec![done(1)]), &[], &[error(end)], Some(counts(0)));
            evaluate(&account, &whole_log()).verdict
        };
        assert_eq!(with(InvocationEnd::Error), Verdict::Fail);
        assert_eq!(with(InvocationEnd::Success), Verdict::Pass);
    }

    #[test]
    fn one_that_must_have_come_again_without_a_line_fails() {
        let breach = Breach {
            job_id: "a".to_owned(),
            why: "when it was due again, invocation s wrote of no message".to_owned(),
            came_again: false,
            inferred: true,
        };
        let with = |returned: &[Breach]| {
            super::evaluate(&account(&good(vec![done(1)]), &[]), &whole_log(), returned).verdict
        };
        assert_eq!([with(&[breach]), with(&[])], [Verdict::Fail, Verdict::Pass]);
    }

    #[test]
    fn one_that_was_failed_alone_and_silently_fails() {
        let failed = Invocation {
            request_id: "silent".to_owned(),
            ended_at: Timestamp::from_millis(1_000_500),
            duration: Duration::ZERO,
            end: InvocationEnd::Error,
        };
        let with = |ends: &[Invocation]| {
            evaluate(&account_with(&good(vec![done(2)]), &[], ends, Some(counts(0))), &whole_log())
                .verdict
        };
        assert_eq!(with(&[failed]), Verdict::Fail);
        assert_eq!(with(&[]), Verdict::Warn);
    }

    #[test]
    fn what_may_still_be_queued_or_logged_is_open() {
        let of = |after, log: &LogEvidence| {
            evaluate(&account_with(&beside_a_line(), &[], &[], after), log).verdict
        };
        assert_eq!(of(Some(counts(0)), &whole_log()), Verdict::Fail);
        assert_eq!(of(Some(counts(1)), &whole_log()), Verdict::Inconclusive);
        assert_eq!(of(None, &whole_log()), Verdict::Inconclusive);
        assert_eq!(of(Some(counts(0)), &LogEvidence::default()), Verdict::Inconclusive);
        assert_eq!(of(Some(counts(0)), &unreadable_log()), Verdict::Inconclusive);
    }

    #[test]
    fn what_several_jobs_have_in_common_is_said_once() {
        let same = |id| (id, "no success");
        assert_eq!(
            by_reason([same("a"), ("b", "came again"), same("c")].into_iter()),
            ["a, c: no success", "b: came again"]
        );
        assert_eq!(
            by_reason(["a", "b", "c", "d", "e"].map(same).into_iter()),
            ["a, b, c and 2 more: no success"]
        );
        let jobs: Vec<JobEvidence> =
            ["a", "b", "c"].map(|id| job(id, false, Some(id))).into_iter().collect();
        let evaluation = evaluate(&account(&jobs, &[]), &unreadable_log());
        let told = evaluation.summary.matches("could not be read").count();
        assert_eq!(told, 1, "{}", evaluation.summary);
        assert!(evaluation.summary.starts_with("3 of 3 good jobs are open: a, b, c: "));
    }

    #[test]
    fn without_a_good_job_there_is_nothing_to_conclude() {
        let failing = [job("a", true, Some("m"))];
        assert_eq!(evaluate(&account(&failing, &[]), &whole_log()).verdict, Verdict::NotRun);
    }
}
