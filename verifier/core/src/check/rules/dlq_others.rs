//! `dlq.others`.

use std::time::Duration;

use verifier_model::time::Timestamp;

use crate::check::{
    Check, DeadLetter, Evaluate, Evaluation, Followed, HeldMessage, Meanwhile, QueueEvidence,
    Severity, Verdict, age_in_words, ids_in_words,
};

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "dlq.others",
    asserts: "no message came to the dead-letter queue during the run but the failing jobs; of what was there before it tells only",
    severity: Severity::Fail,
    why: "what comes there with the jobs may be made of them, in a form that does not tell; every dead letter is a job whose sender waits for it, and it expires",
    fix: "find out why they failed, then replay or delete them",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html",
    must_run: false,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Jobs(of_followed),
};

fn of_followed(followed: &Followed<'_>) -> Evaluation {
    let Some(at) = followed.searched_at else {
        return Evaluation::not_run("the dead-letter queue was not looked at");
    };
    let evaluation = evaluate(followed.others, followed.of_runs, followed.dead_letter_queue, at);
    let others: Vec<&DeadLetter> = followed.others.iter().map(|held| &held.message).collect();
    // Of those that are known for what they are is told elsewhere.
    let told = followed.of_this_run.iter().chain(&followed.strays.dead);
    let told: Vec<&str> = told.map(String::as_str).collect();
    let meanwhile = Meanwhile::of(&others, followed.jobs, followed.jobs_queue.arn(), &told);
    let is_seen_elsewhere = followed.account.unknown.is_seen_elsewhere;
    let evaluation = told_beside(followed.of_this_run, evaluation);
    let evaluation = delayed(followed.hidden.delayed, is_seen_elsewhere, evaluation);
    doubted(&meanwhile, is_seen_elsewhere, evaluation)
}

/// The same with messages that are delayed there. SQS delays none that it moves: who sends them there hides what they are until the
/// run is over, as no sender is known to; unless others `are_known` to send now.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html>.
fn delayed(messages: u64, are_known: bool, evaluation: Evaluation) -> Evaluation {
    if messages == 0 || evaluation.verdict == Verdict::Fail {
        return evaluation;
    }
    let beside = match evaluation.verdict {
        Verdict::Pass => String::new(),
        _ => format!("; {}", evaluation.summary),
    };
    let what = match messages {
        1 => "1 message was sent to the dead-letter queue itself during the run, with a delay"
            .to_owned(),
        several => format!(
            "{several} messages were sent to the dead-letter queue itself during the run, with a delay"
        ),
    };
    let told = Evaluation::fail(
        format!("{what}: made of the jobs, or of another sender{beside}"),
        "of what came during the run the failing jobs alone",
        what,
    );
    let verdict = if are_known { Verdict::Warn } else { Verdict::Inconclusive };
    Evaluation { evidence: evaluation.evidence, ..told }
        .with_verdict(verdict)
        .with_next("look at those messages when their delay is over, and at what the worker and the submit function send")
        .with_evidence("delayed", messages)
}

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

/// The same with those that came since the run began, and that nothing names.
///
/// What was sent to the queue itself is of whoever sends there, as no sender is known to; unless others `are_known` to send now. What
/// came by way of the jobs queue failed there, for whomever.
fn doubted(meanwhile: &Meanwhile, are_known: bool, evaluation: Evaluation) -> Evaluation {
    let Meanwhile { direct, moved, is_one_each } = meanwhile;
    let beside = match evaluation.verdict {
        Verdict::Pass => String::new(),
        _ => format!("; {}", evaluation.summary),
    };
    let count = |ids: &[String]| match ids.len() {
        1 => "1 message that names nothing of this run was".to_owned(),
        several => format!("{several} messages that name nothing of this run were"),
    };
    let told = |what: String, ids: &[String], verdict: Verdict| {
        let told = Evaluation::fail(
            format!("{what}: {}{beside}", ids_in_words(ids)),
            "of what came during the run the failing jobs alone",
            ids_in_words(ids),
        );
        Evaluation { evidence: evaluation.evidence.clone(), ..told }
            .with_verdict(verdict)
            .with_evidence("sentThere", direct.clone())
            .with_evidence("movedThere", moved.clone())
    };
    let look = "look at those messages, and at what the worker and the submit function send; run the check while no other sender is active, too";
    if *is_one_each {
        let what = format!(
            "{} sent to the dead-letter queue itself, one with each good job and none at another time, so that they are made of those",
            count(direct)
        );
        told(what, direct, Verdict::Fail).with_next(
            "look at what the worker and the submit function send for a job that is done",
        )
    } else if !direct.is_empty() {
        let verdict = if are_known { Verdict::Warn } else { Verdict::Inconclusive };
        let what = format!(
            "{} sent to the dead-letter queue itself since the jobs were submitted: made of the jobs, in a form that does not tell, or of another sender",
            count(direct)
        );
        told(what, direct, verdict).with_next(look)
    } else if !moved.is_empty() {
        let what = format!(
            "{} sent to the jobs queue since the jobs were submitted, and failed there: jobs of another sender, further work, or copies of the jobs under other ids",
            count(moved)
        );
        told(what, moved, Verdict::Warn).with_next(look)
    } else {
        evaluation
    }
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

    #[test]
    fn a_message_that_is_delayed_there_leaves_open_whose_it_is() {
        let none = || Evaluation::pass("none seen");
        assert_eq!(delayed(0, false, none()).verdict, Verdict::Pass);
        let one = delayed(1, false, none());
        assert_eq!(one.verdict, Verdict::Inconclusive);
        assert_eq!(one.evidence["delayed"], 1);
        assert_eq!(delayed(2, true, none()).verdict, Verdict::Warn);
        let failed = Evaluation::fail("f", "e", "a");
        assert_eq!(delayed(1, false, failed.clone()), failed);
    }

    fn held(age: Duration) -> HeldMessage {
        let message = DeadLetter {
            message_id: "m".to_owned(),
            body: String::new(),
            attributes: Vec::new(),
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
    fn what_came_meanwhile_is_told_by_how_it_came() {
        let of = |direct: usize, moved: usize, is_one_each, are_known| {
            let ids = |count: usize| (0..count).map(|id| format!("m-{id}")).collect();
            let meanwhile = Meanwhile { direct: ids(direct), moved: ids(moved), is_one_each };
            doubted(&meanwhile, are_known, evaluate(&[], 0, &queue("dlq"), NOW))
        };
        assert_eq!(of(0, 0, false, false).verdict, Verdict::Pass);
        assert_eq!(of(3, 0, true, false).verdict, Verdict::Fail);
        assert_eq!(of(3, 0, false, false).verdict, Verdict::Inconclusive);
        assert_eq!(of(1, 1, false, true).verdict, Verdict::Warn);
        assert_eq!(of(0, 1, false, false).verdict, Verdict::Warn);
        let told = of(1, 0, false, false).summary;
        assert!(told.starts_with("1 message that names nothing of this run was sent to"), "{told}");
    }

    #[test]
    fn when_a_fifo_queues_message_expires_is_not_known() {
        let evaluation = evaluate(&[held(Duration::from_hours(4))], 0, &queue("dlq.fifo"), NOW);
        assert_eq!(evaluation.summary, "1 message of others, the oldest was sent 4 h ago");
    }
}
