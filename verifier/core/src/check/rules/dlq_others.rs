//! `dlq.others`.

use std::time::Duration;

use verifier_model::time::Timestamp;

use crate::check::{
    Check, Evaluate, Evaluation, HeldMessage, QueueEvidence, Severity, Verdict, age_in_words,
};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "dlq.others",
    asserts: "the dead-letter queue holds no messages of other senders",
    severity: Severity::Info,
    why: "a dead letter is a job whose sender waits for it, and it expires",
    fix: "find out why they failed, then replay or delete them",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html",
    must_run: false,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Jobs(|followed| match followed.searched_at {
        Some(at) => {
            let evaluation =
                evaluate(followed.others, followed.of_runs, followed.dead_letter_queue, at);
            told_beside(followed.of_this_run, evaluation)
        }
        None => Evaluation::not_run("the dead-letter queue was not looked at"),
    }),
};

/// Tells of the messages of others that were seen in the dead-letter queue. `queue` is that queue, `now` when it was
/// searched last.
///
/// `of_runs` is how many messages of runs of the verifier were seen that may still go on; a run that was killed leaves its
/// messages to one that begins when it is surely over.
pub fn evaluate(
    held: &[HeldMessage],
    of_runs: usize,
    queue: &QueueEvidence,
    now: Timestamp,
) -> Evaluation {
    let oldest = held.iter().filter_map(|held| held.message.sent_at).min();
    let age = oldest.map(|sent_at| now.since(sent_at));
    let left = expires_in(held, queue, now);
    let receives: u32 = held.iter().map(|held| held.receives).sum();
    let of_runs_text =
        format!("{of_runs} of runs of the verifier that may still go on, left there");
    let evaluation = if held.is_empty() && of_runs == 0 {
        Evaluation::pass("none seen")
    } else if held.is_empty() {
        Evaluation::new(Verdict::Info, of_runs_text)
            .with_next("run the check again later: it deletes what runs that are over have left")
    } else {
        let age = age.map_or_else(String::new, |age| {
            format!(", the oldest was sent {} ago", age_in_words(age))
        });
        let left =
            left.map_or_else(String::new, |left| format!(" and expires in {}", age_in_words(left)));
        let more = if of_runs == 0 { String::new() } else { format!("; {of_runs_text}") };
        Evaluation::new(Verdict::Info, format!("{}{age}{left}{more}", counted(held.len())))
            .with_next("look at them, as RUNBOOK.md says under Messages in the dead-letter queue")
    };
    let ids: Vec<&str> = held.iter().map(|held| held.message.message_id.as_str()).collect();
    evaluation
        .with_evidence("messageIds", ids)
        .with_evidence("oldestAgeSeconds", age.map(|age| age.as_secs()))
        .with_evidence("expiresInSeconds", left.map(|left| left.as_secs()))
        .with_evidence("receivesByThisRun", receives)
}

/// The same with the dead letters that name the run and are no job of it: those are of the run all the same, and nothing expects them.
fn told_beside(of_this_run: &[String], evaluation: Evaluation) -> Evaluation {
    if of_this_run.is_empty() {
        return evaluation;
    }
    let all = of_this_run.join(", ");
    let count = match of_this_run.len() {
        1 => "1 message names this run and is no job of it".to_owned(),
        several => format!("{several} messages name this run and are no jobs of it"),
    };
    let beside = match evaluation.verdict {
        Verdict::Pass => String::new(),
        _ => format!("; {}", evaluation.summary),
    };
    let told = Evaluation::fail(
        format!("{count}: further work that failed, or what was made of its jobs: {all}{beside}"),
        "of this run the failing jobs alone",
        all,
    );
    Evaluation { evidence: evaluation.evidence, ..told }
        .with_verdict(Verdict::Warn)
        .with_next("look at what the worker and the submit function send, and why that failed")
        .with_evidence("ofThisRun", of_this_run)
}

fn counted(messages: usize) -> String {
    match messages {
        1 => "1 message of others".to_owned(),
        several => format!("{several} messages of others"),
    }
}

/// How long the first of them has left.
///
/// On a standard queue a message's age counts from its first enqueue. On a FIFO queue it counts from its arrival in the
/// dead-letter queue, which no attribute tells.
fn expires_in(held: &[HeldMessage], queue: &QueueEvidence, now: Timestamp) -> Option<Duration> {
    if queue.is_fifo() {
        return None;
    }
    let sent_at = held.iter().filter_map(|held| held.message.sent_at).min()?;
    Some((sent_at + queue.retention()?).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::DeadLetter;

    const NOW: Timestamp = Timestamp::from_millis(2_000_000_000);

    fn held(age: Duration) -> HeldMessage {
        let message = DeadLetter {
            message_id: "m".to_owned(),
            body: String::new(),
            sent_at: Some(NOW - age),
            first_received_at: None,
            receive_count: None,
            source_arn: None,
            seen_at: NOW,
            receipt_handle: String::new(),
        };
        HeldMessage { message, receives: 2 }
    }

    fn queue(name: &str) -> QueueEvidence {
        QueueEvidence {
            name: name.to_owned(),
            attributes: [("MessageRetentionPeriod".to_owned(), "1209600".to_owned())].into(),
            ..QueueEvidence::default()
        }
    }

    #[test]
    fn none_passes_and_some_are_told_with_their_ages() {
        assert_eq!(evaluate(&[], 0, &queue("dlq"), NOW).verdict, Verdict::Pass);
        let some = [held(Duration::from_hours(4)), held(Duration::from_hours(24 * 10))];
        let evaluation = evaluate(&some, 0, &queue("dlq"), NOW);
        assert_eq!(evaluation.verdict, Verdict::Info);
        assert_eq!(
            evaluation.summary,
            "2 messages of others, the oldest was sent 10 d ago and expires in 4 d"
        );
        assert_eq!(evaluation.evidence["receivesByThisRun"], 4);
        let of_runs = evaluate(&[], 1, &queue("dlq"), NOW);
        assert_eq!(of_runs.verdict, Verdict::Info);
        assert!(of_runs.summary.starts_with("1 of runs of the verifier"), "{}", of_runs.summary);
    }

    #[test]
    fn dead_letters_of_the_run_that_are_no_jobs_warn_and_are_named() {
        let of = |ids: &[&str], others: &[HeldMessage]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            told_beside(&ids, evaluate(others, 0, &queue("dlq"), NOW))
        };
        assert_eq!(of(&[], &[]).verdict, Verdict::Pass);
        let told = of(&["m-1", "m-2"], &[held(Duration::from_hours(4))]);
        assert_eq!(told.verdict, Verdict::Warn);
        assert!(told.summary.contains("m-1, m-2; 1 message of others"), "{}", told.summary);
    }

    #[test]
    fn when_a_fifo_queues_message_expires_is_not_known() {
        let evaluation = evaluate(&[held(Duration::from_hours(4))], 0, &queue("dlq.fifo"), NOW);
        assert_eq!(evaluation.summary, "1 message of others, the oldest was sent 4 h ago");
    }
}
