//! `job.success`.

mod each;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::api_reject;
use super::job_isolation::kept_in_words;
use crate::account::{
    Account, Breach, Expectation, Explained, Isolation, Kept, MessageAccount, UnknownWork,
};
use crate::check::other_queues::doubted;
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
    needs: &[Need::CountsBeforeReturns, Need::OtherQueues],
    absent: None,
    evaluate: Evaluate::Jobs(|followed| {
        let (_, apart) = followed.strays.returned();
        let success = evaluate(followed.account, followed.log, apart);
        let success = doubted(&followed.strays.other_queues, success);
        followed.strays.leave_open(success, followed.is_concluded(api_reject::CHECK.id))
    }),
};

/// How many of the jobs are named that have something in common.
const NAMED_MAX: usize = 3;

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
            let (verdict, why) = match (each::of(account, job, log), came_again) {
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
    } else if !account.nameless.is_empty() {
        nameless(account, &of_all(good.len()))
    } else if account.unknown.is_suspect() {
        suspect(&account.unknown, &of_all(good.len()))
    } else if !warned.is_empty() {
        let what = format!("{} are in doubt: {}", of_all(count(Verdict::Warn)), warned[0]);
        Evaluation::fail(what, expected, warned.join("; ")).with_verdict(Verdict::Warn)
    } else if let Some(Kept { returns, messages }) =
        account.kept().filter(|_| !tells_of_batches(account))
    {
        // Of those that met the failing job, `job.isolation` tells.
        let what = kept_in_words(returns, messages);
        Evaluation::inconclusive(format!("{} succeeded once by their lines, but {what}", of_all(good.len())))
            .with_next("look at what the worker answers for jobs that it says are done; run the check again, too")
    } else if account.unknown.messages > 0 {
        beside_the_run(&account.unknown, &of_all(good.len()), expected)
    } else {
        let twice = submitted_twice(&good);
        Evaluation::pass(format!("{} succeeded once{twice}", of_all(good.len())))
    };
    evaluation
        .with_evidence("jobs", good.iter().map(|job| shown(job)).collect::<Vec<_>>())
        .with_evidence("logGroup", log.log_group.clone())
}

/// That lines tell of messages of the run that may hold its jobs once more.
fn nameless(account: &Account, all: &str) -> Evaluation {
    let ids: Vec<&str> = account.nameless.iter().map(String::as_str).collect();
    let more = match ids.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Evaluation::inconclusive(format!(
        "{all} succeeded, but lines name this run and no job, and messages that the API did not name: {}{more}; those may be second messages of its jobs, bodies that it refused, or further work that carries the run's id",
        ids[..ids.len().min(NAMED_MAX)].join(", ")
    ))
    .with_next("let the worker write the job's id in each line, which tells those apart")
}

/// What to do about messages of no known job.
const LOOK_AT_UNKNOWN: &str =
    "look at what the submit function sends; run the check while no other sender is active, too";

/// That messages came to the worker that are copies of the jobs, or of a sender of whom nothing else is known.
fn suspect(unknown: &UnknownWork, all: &str) -> Evaluation {
    let what = match unknown.accompanied {
        Some(submissions) => format!(
            "with the first jobs of each of {submissions} submissions a message of no known job came to the worker, and none at another time: copies of the jobs under other ids, or of another sender"
        ),
        None => format!(
            "{} came to the worker, {} of them before any job was done, which are no further work: copies of the jobs under other ids, refused bodies, or of another sender",
            unknown_messages(unknown.messages),
            unknown.ahead
        ),
    };
    Evaluation::inconclusive(format!("{all} succeeded, but {what}")).with_next(LOOK_AT_UNKNOWN)
}

/// That the worker had more messages than the run accounts for, which may well be somebody else's.
fn beside_the_run(unknown: &UnknownWork, all: &str, expected: &str) -> Evaluation {
    let count = unknown_messages(unknown.messages);
    let of_sources = match unknown.other_sources.as_slice() {
        [] => String::new(),
        sources => format!(", of {}, which the worker reads, too", sources.join(", ")),
    };
    Evaluation::fail(
        format!(
            "{all} succeeded once by their lines, and {count} came to the worker meanwhile: of other senders{of_sources}, further work, or copies of the jobs under other ids"
        ),
        format!("{expected}; no message beside them"),
        format!("{count} since the jobs were submitted"),
    )
    .with_next(LOOK_AT_UNKNOWN)
    .with_verdict(Verdict::Warn)
}

fn unknown_messages(count: usize) -> String {
    match count {
        1 => "1 message of no known job".to_owned(),
        several => format!("{several} messages of no known job"),
    }
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
            "; {copies} of them a second message of a job that was submitted twice, since a request got no answer, or an error"
        ),
    }
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
            is_placed: false,
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
        account_with(jobs, dead, &reports(jobs), Some(counts(0)))
    }

    /// Lambda's reports of the invocations that lines name.
    pub(crate) fn reports(jobs: &[JobEvidence]) -> Vec<Invocation> {
        let attempts = jobs.iter().flat_map(|job| &job.attempts);
        let report = |logged: &LoggedOutcome| Invocation {
            request_id: logged.line.request_id.clone(),
            ended_at: logged.at,
            duration: Duration::ZERO,
            end: InvocationEnd::Success,
        };
        attempts.map(report).collect()
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
                texts: vec![format!("\"{}\"", jobs[0].job_id)],
                sent_at: None,
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
        // Its line may be written twice.
        assert_eq!([again(0), again(500)], [Verdict::Inconclusive, Verdict::Fail]);
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
        // It came again when its visibility timeout had passed.
        let late = LoggedOutcome { at: Timestamp::from_millis(1_060_500), ..done(2) };
        let with = |ends: &[Invocation]| {
            let jobs = good(vec![late.clone()]);
            evaluate(&account_with(&jobs, &[], ends, Some(counts(0))), &whole_log()).verdict
        };
        assert_eq!(with(&[failed]), Verdict::Fail);
        assert_eq!(with(&[]), Verdict::Warn);
    }

    #[test]
    fn what_may_still_be_queued_or_logged_is_open() {
        let of = |after, log: &LogEvidence| {
            let jobs = beside_a_line();
            evaluate(&account_with(&jobs, &[], &reports(&jobs), after), log).verdict
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
    fn messages_of_the_run_that_name_no_job_leave_it_open() {
        let with = |ids: &[&str]| {
            let mut account = account(&good(vec![done(1)]), &[]);
            account.nameless = ids.iter().map(|id| (*id).to_owned()).collect();
            evaluate(&account, &whole_log()).verdict
        };
        assert_eq!([with(&["m-x"]), with(&[])], [Verdict::Inconclusive, Verdict::Pass]);
    }

    #[test]
    fn messages_of_no_known_job_beside_each_submission_leave_it_open() {
        let with = |accompanied| {
            let mut account = account(&good(vec![done(1)]), &[]);
            account.unknown.accompanied = accompanied;
            evaluate(&account, &whole_log()).verdict
        };
        assert_eq!([with(Some(3)), with(None)], [Verdict::Inconclusive, Verdict::Pass]);
    }

    #[test]
    fn more_messages_than_the_run_accounts_for_are_never_green() {
        let with = |messages, ahead, is_seen_elsewhere| {
            let mut account = account(&good(vec![done(1)]), &[]);
            account.unknown =
                UnknownWork { messages, ahead, is_seen_elsewhere, ..UnknownWork::default() };
            evaluate(&account, &whole_log()).verdict
        };
        assert_eq!(with(0, 0, false), Verdict::Pass);
        assert_eq!(with(0, 0, true), Verdict::Pass);
        assert_eq!(with(2, 0, false), Verdict::Warn);
        assert_eq!(with(2, 1, false), Verdict::Inconclusive);
        assert_eq!(with(2, 1, true), Verdict::Warn);
    }

    #[test]
    fn a_second_message_of_a_job_that_was_done_and_left_no_line_warns() {
        let [first] = good(vec![done(1)]);
        let of = |job_id: &str| {
            let second =
                JobEvidence { message_id: Some("m-2".to_owned()), ..job(job_id, false, None) };
            evaluate(&account(&[first.clone(), second], &[]), &whole_log()).verdict
        };
        assert_eq!([of("a"), of("b")], [Verdict::Warn, Verdict::Fail]);
    }

    #[test]
    fn without_a_good_job_there_is_nothing_to_conclude() {
        let failing = [job("a", true, Some("m"))];
        assert_eq!(evaluate(&account(&failing, &[]), &whole_log()).verdict, Verdict::NotRun);
    }
}
