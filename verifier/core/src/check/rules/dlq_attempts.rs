//! `dlq.attempts`.

use std::collections::{BTreeMap, BTreeSet};

use contract::Outcome;
use serde_json::Value;

use crate::check::{Check, JobEvidence, Judgement, LogEvidence, LoggedOutcome, Severity, Verdict};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "dlq.attempts",
    asserts: "the worker attempted the poison job once for each allowed receive, and each attempt failed",
    severity: Severity::Fail,
    why: "more attempts than the policy allows mean that it is not in force; fewer mean that receives went elsewhere",
    fix: "look for other consumers of the queue, throttled invocations, and the worker's batch response",
    source: "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html",
    must_be_exercised: true,
};

/// Judges the attempts at the poison job.
pub fn judge(poison: &JobEvidence, max_receive_count: u32, log: &LogEvidence) -> Judgement {
    if poison.message_id.is_none() {
        return Judgement::not_exercised("the poison job was not accepted");
    }
    if let Some(unreadable) = log.unreadable() {
        return unreadable;
    }
    // A line that is there twice, as CloudWatch may have it, is one attempt: each has a request of its own.
    let mut seen = BTreeMap::<u32, BTreeSet<(&str, &str)>>::new();
    for LoggedOutcome { line, .. } in &poison.attempts {
        seen.entry(line.receive_count).or_default().insert((&line.message_id, &line.request_id));
    }
    let numbers: Vec<u32> = seen.keys().copied().collect();
    let succeeded = poison.attempts_that(Outcome::Succeeded).count();
    let expected = format!("failed attempts 1 to {max_receive_count}, each once");
    let actual = if numbers.is_empty() {
        "no attempts".to_owned()
    } else {
        format!("attempts {}", list(&numbers))
    };
    let next = log.next();
    let fail = |what: String| {
        Judgement::fail(what, expected.clone(), actual.clone()).with_next(next.clone())
    };
    let beyond = numbers.iter().any(|number| *number > max_receive_count || *number == 0);
    let repeated: Vec<u32> =
        seen.iter().filter(|(_, made)| made.len() > 1).map(|(number, _)| *number).collect();
    let missing: Vec<u32> =
        (1..=max_receive_count).filter(|number| !seen.contains_key(number)).collect();
    let judgement = if succeeded > 0 {
        fail("the poison job is logged as succeeded".to_owned())
    } else if beyond {
        fail(format!("more receives than the {max_receive_count} that the policy allows"))
    } else if !repeated.is_empty() {
        fail(format!("attempt {} was made more than once", list(&repeated)))
    } else if missing.is_empty() {
        Judgement::pass(format!("failed attempts {} in the log", list(&numbers)))
    } else {
        // SQS can count a receive that no worker saw, so a gap alone does not convict the stack.
        fail(format!("attempt {} is not in the log", list(&missing))).with_verdict(Verdict::Warn)
    };
    let attempts: Vec<Value> = poison
        .attempts
        .iter()
        .map(|attempt| {
            serde_json::json!({
                "receiveCount": attempt.line.receive_count,
                "outcome": attempt.line.outcome,
                "reason": attempt.line.reason,
                "requestId": attempt.line.request_id,
                "batchSize": attempt.line.batch_size,
                "atMillis": attempt.at,
                "secondsAfterSubmit": attempt.at.since(poison.submitted_at).as_secs_f64(),
            })
        })
        .collect();
    judgement
        .with_evidence("attempts", attempts)
        .with_evidence("messageId", poison.message_id.clone())
        .with_evidence("maxReceiveCount", max_receive_count)
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::job_accept::tests::job;
    use super::super::job_success::tests::attempt;
    use super::*;

    fn verdict(counts: &[u32]) -> Verdict {
        let attempts = counts.iter().enumerate().map(|(number, count)| {
            let mut attempt = attempt(*count, Outcome::Failed);
            attempt.line.request_id = format!("request {number}");
            attempt
        });
        let attempts = attempts.collect();
        let poison = JobEvidence { attempts, ..job("p", true, Some("m")) };
        judge(&poison, 3, &LogEvidence::default()).verdict
    }

    #[test]
    fn each_allowed_receive_once_passes_in_any_order() {
        assert_eq!(verdict(&[1, 2, 3]), Verdict::Pass);
        assert_eq!(verdict(&[3, 1, 2]), Verdict::Pass);
    }

    #[test]
    fn more_fail_and_fewer_warn() {
        assert_eq!(verdict(&[1, 2, 3, 4]), Verdict::Fail);
        assert_eq!(verdict(&[0, 1, 2, 3]), Verdict::Fail);
        assert_eq!(verdict(&[1, 1, 2, 3]), Verdict::Fail);
        assert_eq!(verdict(&[1, 3]), Verdict::Warn);
        assert_eq!(verdict(&[]), Verdict::Warn);
    }

    #[test]
    fn an_attempt_that_is_logged_twice_is_one() {
        let doubled = vec![attempt(1, Outcome::Failed); 2];
        let poison = JobEvidence { attempts: doubled, ..job("p", true, Some("m")) };
        assert_eq!(judge(&poison, 1, &LogEvidence::default()).verdict, Verdict::Pass);
    }

    #[test]
    fn a_success_of_the_poison_fails() {
        let attempts = vec![attempt(1, Outcome::Failed), attempt(2, Outcome::Succeeded)];
        let poison = JobEvidence { attempts, ..job("p", true, Some("m")) };
        assert_eq!(judge(&poison, 3, &LogEvidence::default()).verdict, Verdict::Fail);
    }

    #[test]
    fn an_unreadable_log_and_a_refused_job_prove_nothing() {
        let log = LogEvidence { error: Some("denied".to_owned()), ..LogEvidence::default() };
        assert_eq!(judge(&job("p", true, Some("m")), 3, &log).verdict, Verdict::Inconclusive);
        assert_eq!(judge(&job("p", true, None), 3, &log).verdict, Verdict::NotExercised);
    }
}
