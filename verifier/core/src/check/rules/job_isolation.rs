//! `job.isolation`.

use std::time::Duration;

use super::api_reject;
use super::cfg_visibility;
use crate::account::{Account, Breach, Expectation, Isolation, Kept};
use crate::check::{
    Check, Evaluate, Evaluation, LogEvidence, Need, QueueEvidence, Severity, Verdict, unreadable,
};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "job.isolation",
    asserts: "good jobs that came to the worker in one batch with the failing one ran once, at their first receive",
    severity: Severity::Fail,
    why: "a worker that fails the batch instead of the message, as every uncaught error does, repeats the work of each good job in it, and dead-letters them with the failing one",
    fix: "catch each message's error, answer with the failed messages' ids in batchItemFailures, and set ReportBatchItemFailures on the mapping",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
    must_run: false,
    needs: &[Need::CountsBeforeReturns],
    absent: None,
    evaluate: Evaluate::Jobs(|followed| {
        let visibility = followed.verdict(cfg_visibility::CHECK.id);
        let (shared, _) = followed.strays.returned();
        let (window, strict) = (followed.batching_window, followed.strict);
        let isolation =
            evaluate(followed.account, followed.log, visibility, window, shared, strict);
        let isolation = in_order(isolation, followed.jobs_queue);
        followed.strays.leave_open(isolation, followed.is_concluded(api_reject::CHECK.id))
    }),
};

/// What isolates the messages of a batch.
const CATCH: &str = "let the worker catch each message's error and answer with batchItemFailures that name only the messages that failed";

/// Concludes whether the failing job took others of its batches with it, by the account of the run. With `strict`, a run in
/// which they did not meet is inconclusive. `visibility` is what `cfg.visibility` found: where the visibility timeout is too
/// short, messages come again also from a worker that isolates them. `batching_window` is how long the mapping gathers a
/// batch. `returned` are good jobs that must have come again without a line.
pub fn evaluate(
    account: &Account,
    log: &LogEvidence,
    visibility: Option<Verdict>,
    batching_window: Duration,
    returned: &[Breach],
    strict: bool,
) -> Evaluation {
    let evaluation = match account.isolation() {
        Isolation::NotMet
        | Isolation::Held { .. }
        | Isolation::Unclear { .. }
        | Isolation::Redelivered { .. }
        | Isolation::DeliveredTwice { .. }
            if !returned.is_empty() =>
        {
            broken(account, returned, false)
        }
        Isolation::Broken { breaches } => {
            let is_short = matches!(visibility, Some(Verdict::Warn | Verdict::Fail));
            broken(account, &breaches, is_short)
        }
        Isolation::ByConstruction => Evaluation::pass(
            "the mapping's batches hold one message, so none shares the failing one's",
        ),
        _ if log.error.is_some() => {
            return unreadable(log).unwrap_or_else(|| Evaluation::inconclusive("no log"));
        }
        Isolation::Redelivered { job_id } => Evaluation::inconclusive(format!(
            "{job_id} may have been in a batch with a failing job, and came again when its visibility timeout had passed: SQS lost its delete, or the worker failed it with that"
        ))
        .with_next(format!("run the check again: SQS does not lose a delete twice; {CATCH}")),
        Isolation::Unclear { job_ids } => Evaluation::inconclusive(format!(
            "{} good jobs were done in invocations that failed, and nothing tells whether they came again: {}",
            job_ids.len(),
            job_ids.join(", ")
        ))
        .with_next(CATCH),
        Isolation::NotMet => not_met(account, strict, batching_window),
        Isolation::Held { met } if account.kept().is_some() => kept(account, met),
        Isolation::Held { met } => {
            let unmet = unmet_in_words(&account.unmet_receives());
            Evaluation::pass(format!("{met} shared a batch with a failing job and ran once{unmet}"))
        }
        Isolation::DeliveredTwice { job_ids } => Evaluation::fail(
            format!(
                "{} shared a batch with the failing job and were delivered twice",
                job_ids.len()
            ),
            "one attempt, at receive count 1, that succeeded",
            format!("more than one, as at-least-once delivery allows: {}", job_ids.join(", ")),
        )
        .with_verdict(Verdict::Warn),
    };
    evaluation.with_evidence("batchSize", account.terms.batch_size)
}

/// The same evaluation, with what to do where the queue is a FIFO queue. AWS advises a worker to stop at the first failure and to name
/// what it has not come to as failed, too. That keeps the order within a group, and takes jobs of other groups along, which may be
/// dead-lettered without ever having been worked on.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>, "If you're using this feature with a FIFO
/// queue".
fn in_order(evaluation: Evaluation, jobs: &QueueEvidence) -> Evaluation {
    if !jobs.is_fifo() || evaluation.verdict != Verdict::Fail {
        return evaluation;
    }
    evaluation.with_next(
        "let the worker go on with other groups, and name in batchItemFailures only the failed messages and those behind them in their own groups (in Powertools, skip_group_on_error): each receive counts for every message that is named",
    )
}

fn not_met(account: &Account, strict: bool, batching_window: Duration) -> Evaluation {
    if account.that(Expectation::Fails).next().is_none() {
        return Evaluation::not_run("no failing job was accepted");
    }
    if !tells_invocations(account) {
        let why = "the lines of the log do not tell which jobs shared an invocation, and neither do Lambda's reports there";
        if !strict {
            return Evaluation::not_run(why);
        }
        return Evaluation::inconclusive(format!("{why}; --strict asks for that")).with_next(
            "let the worker write the Lambda request id in each line, or Lambda its reports",
        );
    }
    let why = "no good job is known to have shared a batch with the failing one";
    if strict {
        return Evaluation::inconclusive(format!("{why}, and --strict asks for that"))
            .with_next(match batching_window.as_secs() {
                0 => "set a batching window of a second on the mapping, so that jobs meet".to_owned(),
                seconds => format!(
                    "run the check again; if they never meet, lengthen the mapping's batching window of {seconds} s"
                ),
            });
    }
    Evaluation::not_run(why)
}

/// What a run does not show of a worker that fails others at one receive alone.
fn unmet_in_words(receives: &[u32]) -> String {
    if receives.is_empty() {
        return String::new();
    }
    let numbers: Vec<String> = receives.iter().map(ToString::to_string).collect();
    format!("; none is known to have been with one at receive {}", numbers.join(", "))
}

/// That by the queue's counts good jobs were kept there, although `met` of them ran once by their lines beside the failing job.
fn kept(account: &Account, met: usize) -> Evaluation {
    let Kept { returns, messages } = account.kept().unwrap_or(Kept { returns: 0, messages: 0 });
    let what = kept_in_words(returns, messages);
    let summary = format!(
        "{met} ran once by their lines beside the failing job, but {what}: they may have come again unwritten"
    );
    if returns > 1 {
        // Counts lag by a minute at most, and those are a visibility timeout apart.
        Evaluation::fail(summary, "the failing job alone waits in the queue for its return", what)
            .with_next(CATCH)
    } else {
        Evaluation::inconclusive(summary).with_next(format!(
            "run the check again: counts lag by a minute at most, and do not twice at the same place; {CATCH}"
        ))
    }
}

/// What counts show of good jobs that were kept in the queue.
pub(super) fn kept_in_words(returns: usize, messages: u64) -> String {
    let times = if returns == 1 { "a return".to_owned() } else { format!("{returns} returns") };
    let more = if messages == 1 { "message" } else { "messages" };
    format!(
        "before {times} of the failing job the jobs queue held up to {messages} {more} more than explained"
    )
}

/// Whether it is known of any of the failing job's deliveries which invocation was handed it.
fn tells_invocations(account: &Account) -> bool {
    let mut failing = account.that(Expectation::Fails);
    failing.any(|job| job.attempts.is_empty() || job.requests().next().is_some())
}

fn broken(account: &Account, breaches: &[Breach], is_visibility_short: bool) -> Evaluation {
    let seen: Vec<String> = breaches
        .iter()
        .map(|breach| {
            let how = if breach.inferred { " (inferred)" } else { "" };
            format!("{}: {}{how}", breach.job_id, breach.why)
        })
        .collect();
    let of_good = format!("{} of {}", breaches.len(), account.that(Expectation::Succeeds).count());
    let (what, next) = if breaches.iter().any(|breach| !breach.came_again) {
        (format!("the failing job took {of_good} good jobs with it"), CATCH.to_owned())
    } else if is_visibility_short {
        let timeout = account.terms.visibility_timeout.as_secs();
        let what = format!(
            "{of_good} good jobs came again after a batch with the failing one, and the visibility timeout of {timeout} s is short"
        );
        (what, format!("raise it as cfg.visibility says, and run the check again; then {CATCH}"))
    } else {
        let what = format!("{of_good} good jobs came again after a batch with the failing one");
        (what, format!("{CATCH}; look also for invocations that outlast the visibility timeout"))
    };
    Evaluation::fail(
        format!("{what}: {}", seen[0]),
        "each good job succeeds at receive count 1, whatever else is in its batch",
        seen.join("; "),
    )
    .with_next(next)
    .with_evidence("batch", seen)
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::job_accept::tests::job;
    use super::super::job_success::tests::{attempt, whole_log};
    use super::*;
    use crate::account::{QueueCounts, Terms};
    use crate::check::{JobEvidence, LoggedOutcome, observed};
    use verifier_model::time::Timestamp;

    fn at(seconds: u64, batch: &str, count: u32, outcome: Outcome) -> LoggedOutcome {
        let mut attempt = attempt(count, outcome);
        batch.clone_into(&mut attempt.line.request_id);
        attempt.line.message_id = String::new();
        attempt.line.batch_size = 2;
        attempt.at = Timestamp::from_millis(1_000_000 + seconds * 1000);
        attempt
    }

    fn account(good: Vec<LoggedOutcome>, batch_size: u32) -> Account {
        let mut failing = vec![at(0, "b1", 1, Outcome::Failed), at(60, "b2", 2, Outcome::Failed)];
        for attempt in &mut failing {
            let with = |each: &&LoggedOutcome| each.line.request_id == attempt.line.request_id;
            attempt.line.batch_size = 1 + u32::try_from(good.iter().filter(with).count()).unwrap();
        }
        let jobs = [
            JobEvidence { attempts: good, ..job("good", false, Some("g")) },
            JobEvidence { attempts: failing, ..job("failing", true, Some("p")) },
        ];
        let terms = Terms {
            max_receive_count: 3,
            visibility_timeout: Duration::from_mins(1),
            delay: Duration::ZERO,
            batch_size,
        };
        let none = Some(QueueCounts::default());
        Account::of(&observed(terms, &jobs, &[], &[], (none, none)))
    }

    fn verdict(good: Vec<LoggedOutcome>) -> Verdict {
        evaluate(&account(good, 5), &whole_log(), None, Duration::ZERO, &[], false).verdict
    }

    #[test]
    fn a_fifo_queue_has_an_advice_of_its_own() {
        let advice = |name: &str, evaluation: Evaluation| {
            let jobs = QueueEvidence { name: name.to_owned(), ..QueueEvidence::default() };
            in_order(evaluation.with_next("x"), &jobs).next.unwrap()
        };
        let failed = || Evaluation::fail("a", "b", "c");
        assert!(advice("jobs.fifo", failed()).contains("skip_group_on_error"));
        assert_eq!(advice("jobs", failed()), "x");
        assert_eq!(advice("jobs.fifo", Evaluation::inconclusive("a")), "x");
    }

    #[test]
    fn one_of_its_batch_that_ran_once_passes() {
        assert_eq!(verdict(vec![at(0, "b1", 1, Outcome::Succeeded)]), Verdict::Pass);
    }

    #[test]
    fn where_they_did_not_meet_it_is_said_and_strictly_it_is_no_pass() {
        let apart = account(vec![at(0, "other", 1, Outcome::Succeeded)], 5);
        assert_eq!(
            evaluate(&apart, &whole_log(), None, Duration::ZERO, &[], false).verdict,
            Verdict::NotRun
        );
        let strictly =
            |seconds| evaluate(&apart, &whole_log(), None, Duration::from_secs(seconds), &[], true);
        assert_eq!(strictly(0).verdict, Verdict::Inconclusive);
        assert!(strictly(0).next.unwrap().starts_with("set a batching window"));
        assert!(strictly(5).next.unwrap().contains("window of 5 s"));
        let single = account(vec![at(0, "other", 1, Outcome::Succeeded)], 1);
        assert_eq!(
            evaluate(&single, &whole_log(), None, Duration::ZERO, &[], true).verdict,
            Verdict::Pass
        );
    }

    #[test]
    fn one_that_was_failed_or_retried_with_it_fails() {
        let (failed, succeeded) = (Outcome::Failed, Outcome::Succeeded);
        assert_eq!(verdict(vec![at(0, "b1", 1, failed)]), Verdict::Fail);
        assert_eq!(
            verdict(vec![at(0, "b1", 1, succeeded), at(60, "b2", 2, failed)]),
            Verdict::Fail
        );
        assert_eq!(verdict(vec![at(60, "b2", 2, succeeded)]), Verdict::Pass);
    }

    #[test]
    fn one_that_came_again_once_a_visibility_timeout_later_is_open() {
        let succeeded = Outcome::Succeeded;
        let again = vec![at(0, "b1", 1, succeeded), at(60, "b2", 2, succeeded)];
        assert_eq!(verdict(again), Verdict::Inconclusive);
        let apart = vec![at(0, "other", 1, succeeded), at(60, "another", 2, succeeded)];
        assert_eq!(verdict(apart), Verdict::NotRun);
    }

    #[test]
    fn where_jobs_only_came_again_a_short_visibility_timeout_is_named_as_a_cause() {
        let succeeded = Outcome::Succeeded;
        let advice = |second: LoggedOutcome, visibility| {
            let good = vec![at(0, "b1", 1, succeeded), second];
            evaluate(&account(good, 5), &whole_log(), visibility, Duration::ZERO, &[], false)
                .next
                .unwrap()
        };
        let again = || at(60, "b2", 3, succeeded);
        assert!(
            advice(again(), Some(Verdict::Warn)).starts_with("raise it as cfg.visibility says")
        );
        assert!(!advice(again(), Some(Verdict::Pass)).contains("cfg.visibility"));
        // One that the worker failed beside the failing job is the worker's.
        let failed = at(60, "b2", 2, Outcome::Failed);
        assert!(advice(failed, Some(Verdict::Warn)).starts_with("let the worker catch"));
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
    fn one_that_must_have_come_again_without_a_line_fails() {
        let met = account(vec![at(0, "b1", 1, Outcome::Succeeded)], 5);
        let breach = Breach {
            job_id: "good".to_owned(),
            why: "when it was due again, invocation b2 wrote of 1 of 2".to_owned(),
            came_again: false,
            inferred: true,
        };
        let evaluation = evaluate(&met, &whole_log(), None, Duration::ZERO, &[breach], false);
        assert_eq!(evaluation.verdict, Verdict::Fail);
        assert!(evaluation.actual.unwrap().contains("(inferred)"));
    }

    #[test]
    fn an_unreadable_log_proves_nothing() {
        let log = LogEvidence { error: Some("denied".to_owned()), ..LogEvidence::default() };
        let apart = account(Vec::new(), 5);
        assert_eq!(
            evaluate(&apart, &log, None, Duration::ZERO, &[], false).verdict,
            Verdict::Inconclusive
        );
    }
}
