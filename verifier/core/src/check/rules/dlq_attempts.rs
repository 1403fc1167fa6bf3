//! `dlq.attempts`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::job_success::{beside_in_words, submitted_twice};
use crate::account::{
    Account, Attempt, Expectation, Explained, MessageAccount, MessageEnd, is_one_delivery_twice,
    is_one_receive_twice,
};
use crate::check::{Check, Evaluate, Evaluation, LogEvidence, Severity, Verdict, unreadable};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "dlq.attempts",
    asserts: "each failing job was received once for each allowed receive, and each attempt failed",
    severity: Severity::Fail,
    why: "more attempts than the policy allows mean that it is not in force; fewer mean that receives went elsewhere",
    fix: "look for other consumers of the queue, throttled invocations, and the worker's batch response",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
    must_run: true,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Jobs(|followed| evaluate(followed.account, followed.log)),
};

/// Concludes what became of the attempts at the failing job, by the account of the run: from the worker's lines, and where
/// it wrote none, from invocations that failed as a whole.
pub fn evaluate(account: &Account, log: &LogEvidence) -> Evaluation {
    // A request that was repeated may have made a second message of the failing job; the one that fares worst speaks for both.
    let messages: Vec<&MessageAccount> = account.that(Expectation::Fails).collect();
    let evaluated = messages.iter().map(|failing| (failing, of(account, failing, log)));
    let worst = evaluated.min_by_key(|(_, evaluation)| rank(evaluation.verdict));
    let Some((failing, evaluation)) = worst else {
        return Evaluation::not_run("no failing job was accepted");
    };
    let jobs: BTreeSet<&str> = messages.iter().map(|message| message.job_id.as_str()).collect();
    let whose = match (jobs.len(), evaluation.verdict) {
        (1, _) => String::new(),
        (count, Verdict::Pass) if have_met(account, &messages) => format!("{count} failing jobs: "),
        (count, Verdict::Pass) => format!("{count} failing jobs, not known to have met: "),
        _ => format!("{}: ", failing.job_id),
    };
    let twice = submitted_twice(&messages);
    if let Some(unreadable) = unreadable(log) {
        return unreadable;
    }
    Evaluation { summary: format!("{whose}{}{twice}", evaluation.summary), ..evaluation }
}

/// Whether an invocation was handed several failing jobs, by lines, or as it follows from one that failed as a whole: who throws at
/// the first of them writes nothing of the others.
fn have_met(account: &Account, messages: &[&MessageAccount]) -> bool {
    let of_each = messages.iter().map(|message| {
        let unseen = account.unseen(message).into_iter();
        let inferred = unseen.filter_map(|each| match each.explained {
            Explained::FailedInvocation { request_id, .. } => Some(request_id),
            _ => None,
        });
        inferred.chain(message.requests().map(str::to_owned)).collect::<BTreeSet<String>>()
    });
    let of_each: Vec<BTreeSet<String>> = of_each.collect();
    let mut pairs = of_each.iter().enumerate();
    pairs.any(|(at, one)| of_each[at + 1..].iter().any(|other| !one.is_disjoint(other)))
}

/// The worst first.
pub(super) fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Inconclusive => 1,
        Verdict::Warn => 2,
        Verdict::NotRun | Verdict::Info | Verdict::Pass => 3,
    }
}

fn of(account: &Account, failing: &MessageAccount, log: &LogEvidence) -> Evaluation {
    let max_receive_count = account.terms.max_receive_count;
    let mut by_count = BTreeMap::<u32, Vec<&Attempt>>::new();
    for attempt in &failing.attempts {
        by_count.entry(attempt.receive_count).or_default().push(attempt);
    }
    let (repeated, doubled) = repetitions(account, &by_count);
    let (inferred, missing) = unseen(account, failing, &by_count);
    let numbers: Vec<u32> = by_count.keys().copied().collect();
    let fail = |what: String| {
        let actual = match numbers.as_slice() {
            [] => "no attempts".to_owned(),
            numbers if numbers.len() < failing.attempts.len() => {
                format!("{} attempts, at receives {}", failing.attempts.len(), list(numbers))
            }
            numbers => format!("attempts {}", list(numbers)),
        };
        let expected = format!("failed attempts 1 to {max_receive_count}, each once");
        Evaluation::fail(what, expected, actual).with_next(log.next())
    };
    let has_more = has_more(&failing.attempts, account);
    let evaluation = if failing.successes() > 0 {
        fail("the failing job is logged as succeeded".to_owned())
    } else if has_more && account.is_miscounted(failing) {
        let what = format!(
            "received once more than the {max_receive_count} times that the policy allows, alone of all, as SQS may"
        );
        fail(what).with_verdict(Verdict::Warn)
    } else if numbers.iter().any(|number| *number > max_receive_count) {
        fail(format!("more receives than the {max_receive_count} that the policy allows"))
    } else if !repeated.is_empty() {
        fail(format!("attempt {} was made more than once", list(&repeated)))
    } else if failing.end == MessageEnd::StillThere {
        Evaluation::inconclusive(format!("still being retried; attempts {} so far", list(&numbers)))
    } else if !missing.is_empty() && !log.is_closed_at(failing.submitted_at) {
        Evaluation::inconclusive(format!(
            "attempt {} is not in the log, which has no line later than the submission",
            list(&missing)
        ))
        .with_next(log.next())
    } else if let Some(why) = account.missing_lines(failing).filter(|_| !missing.is_empty()) {
        let why = why.in_words();
        let what = format!("attempt {} is not in the log by now, and {why}", list(&missing));
        Evaluation::inconclusive(what).with_next(log.next())
    } else if !missing.is_empty() {
        // SQS can count a receive that no worker saw, so a gap alone does not convict the stack.
        fail(format!("attempt {} is not in the log", list(&missing))).with_verdict(Verdict::Warn)
    } else if !doubled.is_empty() {
        fail(doubled_in_words(failing, &doubled)).with_verdict(Verdict::Warn)
    } else if !failing.beside.is_empty() {
        Evaluation::inconclusive(beside_in_words(failing))
            .with_next("write a job's id into one queue alone, or look at what sends it on")
    } else if inferred.is_empty() {
        Evaluation::pass(format!("failed attempts {} in the log", list(&numbers)))
    } else {
        Evaluation::pass(format!(
            "failed attempts 1 to {max_receive_count}; {} inferred from invocations that failed",
            list(&inferred)
        ))
    };
    evaluation
        .with_evidence(
            "attempts",
            failing.attempts.iter().map(|each| shown(each, failing)).collect::<Vec<_>>(),
        )
        .with_evidence("inferred", inferred)
        .with_evidence("messageId", failing.message_id.clone())
        .with_evidence("maxReceiveCount", max_receive_count)
}

/// Whether lines tell of more receives than are allowed, or of one above the last of them.
fn has_more(attempts: &[Attempt], account: &Account) -> bool {
    let most = account.terms.max_receive_count;
    attempts.len() > most as usize || attempts.iter().any(|each| each.receive_count > most)
}

/// The receives that came more than once: those that nothing explains, and those that SQS delivered twice.
fn repetitions(account: &Account, by_count: &BTreeMap<u32, Vec<&Attempt>>) -> (Vec<u32>, Vec<u32>) {
    let repeated = by_count.iter().filter(|(_, attempts)| attempts.len() > 1);
    let is_doubled = |attempts: &[&Attempt]| {
        is_one_delivery_twice(attempts, account.terms.visibility_timeout)
            || is_one_receive_twice(attempts, account.terms.visibility_timeout)
            || of_repeated_requests(attempts)
    };
    let (doubled, wrong): (Vec<_>, Vec<_>) =
        repeated.partition(|(_, attempts)| is_doubled(attempts.as_slice()));
    let counts =
        |found: &[(&u32, &Vec<&Attempt>)]| found.iter().map(|(count, _)| **count).collect();
    (counts(&wrong), counts(&doubled))
}

/// That receives came more than once: of one message, or since several messages hold the job.
fn doubled_in_words(failing: &MessageAccount, doubled: &[u32]) -> String {
    let counts = list(doubled);
    match failing.copies.len() {
        0 => format!("attempt {counts} was delivered twice, as SQS may"),
        copies => {
            format!(
                "attempt {counts} was made in {} messages, of which the API named one",
                copies + 1
            )
        }
    }
}

/// Whether each attempt is of a message of its own: the job was submitted more than once.
fn of_repeated_requests(attempts: &[&Attempt]) -> bool {
    let mut ids: Vec<Option<&str>> =
        attempts.iter().map(|attempt| attempt.line.message_id.as_deref()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.len() == attempts.len() && !ids.contains(&None)
}

/// The allowed receives of which the worker wrote nothing: those that a failed invocation explains, and the others.
fn unseen(
    account: &Account,
    failing: &MessageAccount,
    by_count: &BTreeMap<u32, Vec<&Attempt>>,
) -> (Vec<u32>, Vec<u32>) {
    let unseen = account.unseen(failing);
    let explained = |count: &u32| {
        unseen.iter().any(|each| each.receive_count == *count && each.explained.is_failure())
    };
    (1..=account.terms.max_receive_count)
        .filter(|count| !by_count.contains_key(count))
        .partition(explained)
}

fn shown(attempt: &Attempt, failing: &MessageAccount) -> Value {
    serde_json::json!({
        "receiveCount": attempt.receive_count,
        "outcome": attempt.line.outcome,
        "reason": attempt.line.reason,
        "requestId": attempt.line.request_id,
        "batchSize": attempt.line.batch_size,
        "invocation": attempt.end.map(crate::account::InvocationEnd::as_str),
        "atMillis": attempt.line.at,
        "secondsAfterSubmit": attempt.line.at.since(failing.submitted_at).as_secs_f64(),
    })
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::job_accept::tests::job;
    use super::super::job_success::tests::{account, attempt, whole_log};
    use super::*;
    use crate::account::{Invocation, InvocationEnd};
    use crate::check::{JobEvidence, LoggedOutcome};
    use verifier_model::time::Timestamp;

    fn evaluated(attempts: Vec<LoggedOutcome>, dead: &[&str]) -> Evaluation {
        let failing = JobEvidence { attempts, ..job("p", true, Some("m")) };
        evaluate(&account(&[failing], dead), &whole_log())
    }

    fn verdict(counts: &[u32]) -> Verdict {
        let attempts = counts.iter().enumerate().map(|(number, count)| {
            let mut attempt = attempt(*count, Outcome::Failed);
            attempt.at = attempt.at + std::time::Duration::from_secs(60 * u64::from(*count));
            attempt.line.request_id = format!("request {number}");
            attempt
        });
        evaluated(attempts.collect(), &["m"]).verdict
    }

    #[test]
    fn each_allowed_receive_once_passes_in_any_order() {
        assert_eq!(verdict(&[1, 2, 3]), Verdict::Pass);
        assert_eq!(verdict(&[3, 1, 2]), Verdict::Pass);
    }

    #[test]
    fn more_fail_and_fewer_or_doubled_ones_warn() {
        assert_eq!(verdict(&[1, 2, 3, 4, 5]), Verdict::Fail);
        assert_eq!(verdict(&[1, 1, 2, 3]), Verdict::Warn);
        assert_eq!(verdict(&[1, 3]), Verdict::Warn);
    }

    #[test]
    fn fewer_are_open_where_a_line_may_come_late() {
        let mut attempts: Vec<LoggedOutcome> =
            [1, 3].iter().map(|count| attempt(*count, Outcome::Failed)).collect();
        let last = attempts.last_mut().unwrap();
        last.at = last.at + std::time::Duration::from_mins(2);
        let of = |ended: &[(u64, &str)]| {
            let failing = JobEvidence { attempts: attempts.clone(), ..job("p", true, Some("m")) };
            let mut account = account(&[failing], &["m"]);
            account.invocations.extend(ended.iter().map(|(seconds, id)| Invocation {
                request_id: (*id).to_owned(),
                ended_at: Timestamp::from_millis(1_000_000 + seconds * 1000),
                duration: std::time::Duration::ZERO,
                end: InvocationEnd::Success,
            }));
            evaluate(&account, &whole_log()).verdict
        };
        assert_eq!([of(&[]), of(&[(61, "silent")])], [Verdict::Warn, Verdict::Inconclusive]);
        // That was before its first receive, or behind its last one.
        assert_eq!(of(&[(200, "silent")]), Verdict::Warn);
        // Of a job without any line, and without a report, nothing is known.
        assert_eq!(verdict(&[]), Verdict::Inconclusive);
    }

    #[test]
    fn one_receive_more_of_one_failing_job_warns_and_of_both_fails() {
        let of = |number: usize, counts: &[u32]| {
            let id = format!("m{number}");
            let attempts = counts.iter().zip(1..).map(|(count, place)| {
                let mut attempt = attempt(*count, Outcome::Failed);
                attempt.line.message_id.clone_from(&id);
                attempt.line.request_id = format!("{number} {place}");
                attempt.at = attempt.at + std::time::Duration::from_secs(60 * place);
                attempt
            });
            let attempts = attempts.collect();
            JobEvidence { attempts, ..job(&format!("p{number}"), true, Some(&id)) }
        };
        let verdict = |one: &[u32], other: &[u32]| {
            let jobs = [of(1, one), of(2, other)];
            evaluate(&account(&jobs, &["m1", "m2"]), &whole_log()).verdict
        };
        assert_eq!(verdict(&[1, 2, 3, 4], &[1, 2, 3]), Verdict::Warn);
        assert_eq!(verdict(&[1, 2, 2, 3], &[1, 2, 3]), Verdict::Warn);
        assert_eq!(verdict(&[1, 2, 3, 4], &[1, 2, 3, 4]), Verdict::Fail);
        assert_eq!(verdict(&[2, 3, 4], &[2, 3, 4]), Verdict::Fail);
        assert_eq!(verdict(&[1, 2, 3, 4, 5], &[1, 2, 3]), Verdict::Fail);
    }

    #[test]
    fn who_throws_at_the_first_of_several_was_handed_the_others() {
        let of = |number: usize, counts: &[u32]| {
            let id = format!("m{number}");
            let attempts = counts.iter().map(|count| {
                let mut attempt = attempt(*count, Outcome::Failed);
                attempt.line.message_id.clone_from(&id);
                attempt.line.request_id = format!("a{count}");
                attempt.line.batch_size = 2;
                attempt.at = attempt.at + std::time::Duration::from_secs(60 * u64::from(*count));
                attempt
            });
            let attempts = attempts.collect();
            JobEvidence { attempts, ..job(&format!("p{number}"), true, Some(&id)) }
        };
        let met = |end| {
            let ended = |count: u64| Invocation {
                request_id: format!("a{count}"),
                ended_at: Timestamp::from_millis(1_000_000 + count * 61_000),
                duration: std::time::Duration::ZERO,
                end,
            };
            let mut account = account(&[of(1, &[1, 2, 3]), of(2, &[])], &["m1", "m2"]);
            account.invocations = (1..=3).map(ended).collect();
            let messages: Vec<&MessageAccount> = account.that(Expectation::Fails).collect();
            have_met(&account, &messages)
        };
        assert_eq!([InvocationEnd::Error, InvocationEnd::Success].map(met), [true, false]);
    }

    #[test]
    fn one_receive_count_twice_after_a_visibility_timeout_fails() {
        let mut again = attempt(1, Outcome::Failed);
        again.at = again.at + std::time::Duration::from_mins(1);
        again.line.request_id = "another".to_owned();
        let first = attempt(1, Outcome::Failed);
        assert_eq!(evaluated(vec![first, again], &["m"]).verdict, Verdict::Fail);
    }

    #[test]
    fn attempts_of_several_messages_are_no_second_delivery() {
        let attempts = |second: &str| {
            let each =
                (1..=3).flat_map(|count| ["m", second].map(|message_id| (count, message_id)));
            let each = each.enumerate().map(|(number, (count, message_id))| {
                let mut attempt = attempt(count, Outcome::Failed);
                message_id.clone_into(&mut attempt.line.message_id);
                attempt.line.request_id = format!("q{number}");
                attempt.line.job_id = Some("p".to_owned());
                attempt
            });
            evaluated(each.collect(), &["m"])
        };
        let (sent, delivered) = (attempts("m-x"), attempts("m"));
        assert!(sent.summary.contains("was made in 2 messages"), "{}", sent.summary);
        assert!(delivered.summary.contains("was delivered twice"), "{}", delivered.summary);
        assert_eq!(delivered.actual.as_deref(), Some("6 attempts, at receives 1, 2, 3"));
    }

    #[test]
    fn an_attempt_that_is_logged_twice_is_one() {
        let mut attempts: Vec<LoggedOutcome> =
            (1..=3).map(|count| attempt(count, Outcome::Failed)).collect();
        attempts.push(attempt(1, Outcome::Failed));
        assert_eq!(evaluated(attempts, &["m"]).verdict, Verdict::Pass);
    }

    #[test]
    fn a_success_of_the_failing_job_fails() {
        let attempts = vec![attempt(1, Outcome::Failed), attempt(2, Outcome::Succeeded)];
        assert_eq!(evaluated(attempts, &[]).verdict, Verdict::Fail);
    }

    #[test]
    fn an_unreadable_log_and_a_refused_job_prove_nothing() {
        let log = LogEvidence { error: Some("denied".to_owned()), ..LogEvidence::default() };
        let failing = account(&[job("p", true, Some("m"))], &[]);
        assert_eq!(evaluate(&failing, &log).verdict, Verdict::Inconclusive);
        let refused = account(&[job("p", true, None)], &[]);
        assert_eq!(evaluate(&refused, &log).verdict, Verdict::NotRun);
    }
}
