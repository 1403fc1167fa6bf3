//! `dlq.arrival`.

use std::time::Duration;

use serde_json::Value;
use verifier_model::time::Timestamp;

use super::dlq_attempts::rank;
use crate::check::{
    Check, DeadLetter, Evaluate, Evaluation, FailingJob, Followed, Hidden, JobEvidence, Severity,
    Verdict, ids_in_words, in_words,
};
use crate::settings::MessageIds;

/// The check's entry in the catalogue.
pub const CHECK: Check = Check {
    id: "dlq.arrival",
    asserts: "each failing job's message is in the dead-letter queue: same id and body, from the jobs queue, and not before its receives were used up",
    severity: Severity::Fail,
    why: "a failing job that never arrives was deleted, as where a worker names one alone of several that failed, or is retried indefinitely; one that arrives early lost its retries",
    fix: "compare the attempts in the log with the queue's redrive policy and visibility timeout",
    source: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html",
    must_run: true,
    needs: &[],
    absent: None,
    evaluate: Evaluate::Jobs(of_followed),
};

/// How much sooner than the receives allow a message may appear: clocks of several services are compared.
pub const TOLERANCE: Duration = Duration::from_secs(2);

/// How much the clock that stamps messages and the run's may differ where both are right.
const CLOCK_DIFFERENCE: Duration = Duration::from_millis(100);

/// What the failing job's message has to hold.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// The body that was submitted: the same JSON, or the same text where it is none.
    Submitted(&'a str),
    /// The job's id, where messages have it. The stack makes another body of the one that was submitted.
    JobId(&'a MessageIds),
}

/// What the failing job was up against.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// How often a message may be received.
    pub max_receive_count: u32,
    /// The jobs queue's visibility timeout.
    pub visibility_timeout: Duration,
    /// The jobs queue's ARN.
    pub source_arn: &'a str,
    /// What its message has to hold.
    pub body: Body<'a>,
    /// Until when the message was waited for.
    pub waited_until: Timestamp,
    /// Whether the jobs queue held more messages at the end than before: then the failing job may still be retried.
    pub queue_holds_messages: bool,
    /// What may be in the dead-letter queue and was not seen there.
    pub hidden: Hidden,
    /// Whether every allowed receive of it was seen, or is explained: then the time that they took is the worker's own, which may
    /// shorten or lengthen the visibility timeout of a message.
    pub has_all_receives: bool,
    /// Whether its last allowed receive was seen: then all were used, also where one before it left no line.
    pub has_last_receive: bool,
    /// Whether every receive that left no line may have been the worker's own: it had invocations that wrote of fewer messages than
    /// they may have been handed.
    pub may_have_all_receives: bool,
    /// Whether SQS explains that it was received once more or less than it may be.
    pub is_miscounted: bool,
    /// Why lines of its receives may still come, where some are missing.
    pub missing_lines: Option<&'a str>,
    /// The ids of other messages that hold the failing job and are explained by nothing.
    pub copies: &'a [String],
}

/// Evaluates the failing jobs of a run.
fn of_followed(followed: &Followed<'_>) -> Evaluation {
    let each = followed.failing.iter();
    let all =
        of_all(each.map(|failing| (failing.job.job_id.as_str(), of(failing, followed))).collect());
    let others: Vec<&DeadLetter> = followed.others.iter().map(|held| &held.message).collect();
    let that = |fails: bool| followed.jobs.iter().filter(move |job| job.fails == fails);
    let (failing, good): (Vec<_>, Vec<_>) = (that(true).collect(), that(false).collect());
    let of_failing = sent_meanwhile(&failing, &others);
    let (meanwhile, of) = if of_failing.is_empty() {
        (sent_meanwhile(&good, &others), "good")
    } else {
        (of_failing, "failing")
    };
    // Of those that may be refused bodies `api.reject` tells.
    if meanwhile.is_empty() || all.is_bad() || !followed.strays.dead.is_empty() {
        return all;
    }
    let summary = format!(
        "{}; but {} there were sent while the {of} jobs were posted, name no run, and are all that came of others: copies of them under other ids, or of another sender",
        all.summary,
        ids_in_words(&meanwhile)
    );
    Evaluation { summary, verdict: Verdict::Inconclusive, ..all }
        .with_next("look at those messages, and at what the submit function sends; run the check while no other sender is active, too")
}

/// The messages of others in the dead-letter queue, where there are as many as those jobs and each was sent while one of them was
/// posted.
fn sent_meanwhile<'a>(jobs: &[&JobEvidence], others: &[&'a DeadLetter]) -> Vec<&'a str> {
    let is_meanwhile = |at: Timestamp| {
        jobs.iter().any(|job| {
            let answered_at = job.submitted_at + job.exchange.latency;
            job.submitted_at <= at + CLOCK_DIFFERENCE && at <= answered_at + CLOCK_DIFFERENCE
        })
    };
    let is_each = others.iter().all(|message| message.sent_at.is_some_and(is_meanwhile));
    if jobs.is_empty() || others.len() < jobs.len() || !is_each {
        return Vec::new();
    }
    others.iter().map(|message| message.message_id.as_str()).collect()
}

/// Evaluates one of them.
fn of(failing: &FailingJob<'_>, followed: &Followed<'_>) -> Evaluation {
    let (account, settings) = (followed.account, &followed.settings.jobs);
    let ids = settings.message_ids();
    let of_account = account.messages.iter().find(|job| job.job_id == failing.job.job_id);
    let missing_lines = of_account.and_then(|job| account.missing_lines(job));
    let missing_lines = missing_lines.map(|missing| missing.in_words());
    let terms = Terms {
        max_receive_count: followed.max_receive_count,
        visibility_timeout: followed.visibility_timeout,
        source_arn: followed.jobs_queue.arn(),
        body: if settings.message_is_body {
            Body::Submitted(&failing.submitted_body)
        } else {
            Body::JobId(&ids)
        },
        waited_until: followed.waited_until,
        queue_holds_messages: account.surplus.is_none_or(|surplus| surplus > 0),
        hidden: followed.hidden,
        has_all_receives: of_account.is_some_and(|job| account.has_all_receives(job)),
        has_last_receive: of_account.is_some_and(|job| {
            let mut counts = job.attempts.iter().map(|attempt| attempt.receive_count);
            counts.any(|count| count >= followed.max_receive_count)
        }),
        may_have_all_receives: of_account.is_some_and(|job| account.may_have_all_receives(job)),
        is_miscounted: of_account.is_some_and(|job| account.is_miscounted(job)),
        missing_lines: missing_lines.as_deref(),
        copies: of_account.map_or(&[], |job| job.copies.as_slice()),
    };
    evaluate(failing.job, failing.message.as_ref(), &terms)
}

/// Evaluates whether, when and how the failing job's message came to the dead-letter queue.
pub fn evaluate(
    failing: &JobEvidence,
    message: Option<&DeadLetter>,
    terms: &Terms<'_>,
) -> Evaluation {
    let Some(message_id) = &failing.message_id else {
        return Evaluation::not_run("the failing job was not accepted");
    };
    if !terms.copies.is_empty() {
        return Evaluation::fail(
            format!("other messages hold the failing job: {}", ids_in_words(terms.copies)),
            format!("the failing job in message {message_id} alone"),
            ids_in_words(terms.copies),
        )
        .with_next("look for what sends the job again: the submit function, or the worker");
    }
    let evaluation = match message {
        Some(message) => evaluate_message(failing, message, terms),
        None => evaluate_absence(failing, terms),
    };
    evaluation.with_evidence("messageId", message_id.clone())
}

/// The evaluations of several failing jobs in one: the worst of them, with the job that it is of. Each has to arrive by itself: a
/// worker may name one alone of those that failed in a batch, and the others are deleted then.
fn of_all(mut evaluations: Vec<(&str, Evaluation)>) -> Evaluation {
    let count = evaluations.len();
    // Of those that are as bad the first, and so on.
    evaluations.sort_by_key(|(_, evaluation)| rank(evaluation.verdict));
    let Some((job_id, worst)) = evaluations.into_iter().next() else {
        return Evaluation::not_run("no failing job was submitted");
    };
    if count == 1 || worst.verdict == Verdict::NotRun {
        return worst;
    }
    let summary = match worst.verdict {
        Verdict::Pass => format!("{count} failing jobs, the first: {}", worst.summary),
        _ => format!("{job_id}: {}", worst.summary),
    };
    Evaluation { summary, ..worst }
}

fn evaluate_message(failing: &JobEvidence, message: &DeadLetter, terms: &Terms<'_>) -> Evaluation {
    let life = terms.visibility_timeout.saturating_mul(terms.max_receive_count);
    let first = message.first_received_at.unwrap_or(failing.submitted_at);
    let after = message.seen_at.since(first);
    let source = message.source_arn.as_deref();
    let evaluation = if !holds(terms.body, message, failing) {
        Evaluation::fail(
            "the dead letter's body is not what was submitted",
            match terms.body {
                Body::Submitted(_) => "the submitted job".to_owned(),
                Body::JobId(ids) => format!("{} {}", ids.job_id, failing.job_id),
            },
            "another body",
        )
    } else if source != Some(terms.source_arn) {
        Evaluation::fail(
            "the dead letter does not come from the jobs queue",
            terms.source_arn,
            source.unwrap_or("no DeadLetterQueueSourceArn"),
        )
    } else if let Some(before) =
        receives_before(message).filter(|count| *count < terms.max_receive_count)
    {
        moved_early(before, terms)
    } else if first > message.seen_at + TOLERANCE {
        Evaluation::inconclusive(format!(
            "the dead letter is there, but the queue's clock is {} s ahead of this machine's, so its time cannot be evaluated",
            first.since(message.seen_at).as_secs()
        ))
        .with_next("set this machine's clock; for an emulator that skips time, pass its --endpoint-url".to_owned())
    } else if after + TOLERANCE < life && is_counted_short(message, terms) {
        let after = after.as_secs_f64();
        Evaluation::fail(
            format!("dead-lettered within {after:.1} s, all receives used by its receive count, one of which the worker never got, alone of all, as SQS may count"),
            format!(
                "a line of each receive, or not before {} × {} s",
                terms.max_receive_count,
                terms.visibility_timeout.as_secs()
            ),
            format!("seen {after:.1} s after the first receive"),
        )
        .with_next("run the check again: that does not happen twice; then look for other consumers of the queue")
        .with_verdict(Verdict::Warn)
    } else if after + TOLERANCE < life && is_used_up_in_silence(message, terms) {
        let after = after.as_secs_f64();
        Evaluation::fail(
            format!("dead-lettered within {after:.1} s, all receives used by its receive count, some of which left no line"),
            format!(
                "a line of each receive, or not before {} × {} s",
                terms.max_receive_count,
                terms.visibility_timeout.as_secs()
            ),
            format!("seen {after:.1} s after the first receive"),
        )
        .with_next("let the worker write a line for each failure; look for other consumers of the queue")
        .with_verdict(Verdict::Warn)
    } else if let Some(missing) = terms.missing_lines.filter(|_| {
        after + TOLERANCE < life && !terms.has_all_receives && is_used_up(message, terms)
    }) {
        Evaluation::inconclusive(format!(
            "dead-lettered within {:.1} s, all receives used by its receive count, and of some there is no line by now: {missing}",
            after.as_secs_f64()
        ))
        .with_next("run the check again, or read the log later: lines of all receives tell that the worker shortens its visibility timeout")
    } else if after + TOLERANCE < life && !terms.has_all_receives {
        let when = if terms.has_last_receive {
            "with a receive that left no line: another consumer had it, or SQS counted one too many"
        } else {
            "before its receives were used up"
        };
        Evaluation::fail(
            format!("dead-lettered after {:.1} s, {when}", after.as_secs_f64()),
            format!(
                "not before {} × {} s",
                terms.max_receive_count,
                terms.visibility_timeout.as_secs()
            ),
            format!("{:.1} s after the first receive", after.as_secs_f64()),
        )
    } else {
        Evaluation::pass(arrived(message, after, terms))
    };
    evaluation
        .with_evidence("secondsAfterFirstReceive", after.as_secs_f64())
        .with_evidence("receiveCount", message.receive_count)
        .with_evidence("deadLetterQueueSourceArn", source)
        .with_evidence("sentAtMillis", message.sent_at.map(Timestamp::as_millis))
        .with_evidence("seenAtMillis", message.seen_at.as_millis())
}

/// How often a message was received before it was seen in the dead-letter queue: SQS counts on there.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.
fn receives_before(message: &DeadLetter) -> Option<u32> {
    message.receive_count.and_then(|count| count.checked_sub(1))
}

/// That a message came to the dead-letter queue with receives left, whenever it was looked for there. A redrive policy moves it when
/// they are used up, and no sooner.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
fn moved_early(received: u32, terms: &Terms<'_>) -> Evaluation {
    let most = terms.max_receive_count;
    let times =
        |count: u32| if count == 1 { "1 receive".to_owned() } else { format!("{count} receives") };
    let received = times(received);
    Evaluation::fail(
        format!("dead-lettered after {received} of the {most} that it is allowed: something else than the jobs queue's redrive policy moved it"),
        format!("{} and then the dead-letter queue", times(most)),
        format!("{received}, by its receive count"),
    )
    .with_next("look for what changes the redrive policy or moves messages itself: the worker, or another consumer")
}

/// Whether a message's receives were used up by its receive count, and the worker itself may have used those of which it wrote
/// nothing, with a visibility timeout that it shortened. SQS counts on in the dead-letter queue.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.
fn is_used_up_in_silence(message: &DeadLetter, terms: &Terms<'_>) -> bool {
    is_used_up(message, terms) && terms.may_have_all_receives && !terms.has_all_receives
}

fn is_used_up(message: &DeadLetter, terms: &Terms<'_>) -> bool {
    message.receive_count.is_some_and(|count| count > terms.max_receive_count)
}

/// Whether all receives were used up by a message's receive count, and by the lines all but one that SQS may have counted by itself.
fn is_counted_short(message: &DeadLetter, terms: &Terms<'_>) -> bool {
    is_used_up(message, terms) && !terms.has_all_receives && terms.is_miscounted
}

fn arrived(message: &DeadLetter, after: Duration, terms: &Terms<'_>) -> String {
    let Terms { max_receive_count, visibility_timeout, .. } = terms;
    let (id, life) = (&message.message_id, visibility_timeout.saturating_mul(*max_receive_count));
    if after + TOLERANCE < life {
        let after = in_words(after);
        return format!(
            "{id} in the dead-letter queue {after} after its first receive, all {max_receive_count} receives used"
        );
    }
    let (timeout, lag) = (visibility_timeout.as_secs(), in_words(after.saturating_sub(life)));
    format!(
        "{id} in the dead-letter queue, {max_receive_count} × {timeout} s + {lag} after its first receive"
    )
}

fn holds(body: Body<'_>, message: &DeadLetter, failing: &JobEvidence) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    match body {
        Body::Submitted(text) => {
            message.body == text || json(text).is_some_and(|body| json(&message.body) == Some(body))
        }
        // What is compressed, or kept elsewhere, names no job: then the message's id, by which it was found, has to do.
        Body::JobId(ids) => ids.job_of(&message.body).is_none_or(|job_id| job_id == failing.job_id),
    }
}

impl Hidden {
    /// How many messages those are, and why a run may not have seen them.
    pub(crate) fn in_words(self) -> String {
        let Self { messages, unanswered, .. } = self;
        let more = match messages {
            1 => "1 message that was not seen, in flight or delayed".to_owned(),
            several => format!("{several} messages that were not seen, in flight or delayed"),
        };
        match unanswered {
            0 => more,
            1 => format!("{more}; 1 receive of this run got no answer"),
            several => format!("{more}; {several} receives of this run got no answer"),
        }
    }
}

fn evaluate_absence(failing: &JobEvidence, terms: &Terms<'_>) -> Evaluation {
    let waited = terms.waited_until.since(failing.submitted_at);
    let last = failing.attempts.iter().max_by_key(|attempt| attempt.line.receive_count);
    let last_seen = last.map_or_else(
        || "no attempt in the log".to_owned(),
        |attempt| format!("attempt {} in the log", attempt.line.receive_count),
    );
    // An attempt in the last visibility timeout before the bound is still to be retried.
    let recent =
        last.is_some_and(|attempt| attempt.at + terms.visibility_timeout > terms.waited_until);
    if terms.queue_holds_messages || recent {
        return Evaluation::inconclusive(format!(
            "not in the dead-letter queue after {} s and still being retried; last seen: {last_seen}",
            waited.as_secs()
        ))
        .with_next("look at what holds the messages in flight; where the worker hides them for longer before a retry, as a backoff does, raise expect.arrival_slack_seconds; and run the check again".to_owned());
    }
    if terms.hidden.messages > 0 {
        return Evaluation::inconclusive(format!(
            "not received from the dead-letter queue after {} s, which holds {}",
            waited.as_secs(),
            terms.hidden.in_words()
        ))
        .with_next(
            "look at what holds messages in flight there, and run the check again".to_owned(),
        );
    }
    Evaluation::fail(
        format!(
            "not in the dead-letter queue after {} s, and no longer in the jobs queue",
            waited.as_secs()
        ),
        format!(
            "there {} × {} s after its first receive",
            terms.max_receive_count,
            terms.visibility_timeout.as_secs()
        ),
        last_seen,
    )
    .with_next(
        "look for another consumer of either queue, and at the worker's batch response".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::job_accept::tests::job;
    use super::super::job_success::tests::attempt;
    use super::*;

    const SUBMITTED: u64 = 1_000_000;

    fn message(seconds: u64) -> DeadLetter {
        DeadLetter {
            message_id: "m".to_owned(),
            body: r#"{"task": "failing"}"#.to_owned(),
            attributes: Vec::new(),
            sent_at: None,
            first_received_at: Some(Timestamp::from_millis(SUBMITTED)),
            receive_count: Some(4),
            source_arn: Some("arn:jobs".to_owned()),
            seen_at: Timestamp::from_millis(SUBMITTED + seconds * 1000),
            receipt_handle: String::new(),
        }
    }

    fn verdict(failing: &JobEvidence, message: Option<&DeadLetter>, holds: bool) -> Verdict {
        let terms = Terms {
            max_receive_count: 3,
            visibility_timeout: Duration::from_mins(1),
            source_arn: "arn:jobs",
            body: Body::Submitted(r#"{"task":"failing"}"#),
            waited_until: Timestamp::from_millis(SUBMITTED + 240_000),
            queue_holds_messages: holds,
            hidden: Hidden::default(),
            has_all_receives: false,
            has_last_receive: false,
            may_have_all_receives: false,
            is_miscounted: false,
            missing_lines: None,
            copies: &[],
        };
        evaluate(failing, message, &terms).verdict
    }

    #[test]
    fn as_many_messages_of_others_as_failing_jobs_that_were_sent_while_those_were_posted_are_told()
    {
        let posted = [job("p", true, Some("m-p")), job("q", true, Some("m-q"))];
        let jobs: Vec<&JobEvidence> = posted.iter().collect();
        let answered = posted[0].submitted_at + posted[0].exchange.latency;
        let sent = |later: u64| {
            let sent_at = Some(answered + Duration::from_millis(later));
            DeadLetter { sent_at, ..message(180) }
        };
        let count =
            |others: &[DeadLetter]| sent_meanwhile(&jobs, &others.iter().collect::<Vec<_>>()).len();
        assert_eq!(count(&[sent(0), sent(50)]), 2);
        assert_eq!(count(&[sent(0)]), 0);
        // Another sender is seen at another time, too.
        assert_eq!([count(&[sent(0), sent(0), sent(5_000)]), count(&[])], [0, 0]);
        let unknown = DeadLetter { sent_at: None, ..sent(0) };
        assert_eq!(count(&[sent(0), unknown]), 0);
    }

    #[test]
    fn a_worker_may_shorten_the_visibility_timeout_but_copies_fail() {
        let body = r#"{"task": "failing"}"#;
        let terms = Terms {
            max_receive_count: 3,
            visibility_timeout: Duration::from_mins(1),
            source_arn: "arn:jobs",
            body: Body::Submitted(body),
            waited_until: Timestamp::from_millis(SUBMITTED + 240_000),
            queue_holds_messages: false,
            hidden: Hidden::default(),
            has_all_receives: true,
            has_last_receive: true,
            may_have_all_receives: false,
            is_miscounted: false,
            missing_lines: None,
            copies: &[],
        };
        let failing = job("p", true, Some("m"));
        assert_eq!(evaluate(&failing, Some(&message(15)), &terms).verdict, Verdict::Pass);
        // One receive before the last left no line.
        let unseen = Terms { has_all_receives: false, ..terms };
        let told = |terms| evaluate(&failing, Some(&message(15)), terms).summary;
        assert!(told(&unseen).contains("left no line"));
        assert!(told(&Terms { has_last_receive: false, ..unseen }).contains("before its receives"));
        // Those may have been the worker's own, if the message was received that often.
        let silent = Terms { may_have_all_receives: true, ..unseen };
        assert_eq!(evaluate(&failing, Some(&message(15)), &silent).verdict, Verdict::Warn);
        let unused = DeadLetter { receive_count: Some(3), ..message(15) };
        assert_eq!(evaluate(&failing, Some(&unused), &silent).verdict, Verdict::Fail);
        assert_eq!(evaluate(&failing, Some(&message(15)), &unseen).verdict, Verdict::Fail);
        // They may be the worker's, and their lines come late.
        let late = Terms { missing_lines: Some("one may come late"), ..unseen };
        assert_eq!(evaluate(&failing, Some(&message(15)), &late).verdict, Verdict::Inconclusive);
        assert_eq!(evaluate(&failing, Some(&unused), &late).verdict, Verdict::Fail);
        // One of one failing job may be counted that the worker never got.
        let counted = Terms { is_miscounted: true, ..unseen };
        assert_eq!(evaluate(&failing, Some(&message(120)), &counted).verdict, Verdict::Warn);
        assert_eq!(evaluate(&failing, Some(&unused), &counted).verdict, Verdict::Fail);
        // What the dead-letter queue hides may be it; what was seen there is beyond doubt.
        let hidden = Hidden { messages: 1, unanswered: 1, delayed: 0 };
        let hides = Terms { hidden, ..terms };
        let absent = evaluate(&failing, None, &hides);
        assert_eq!(absent.verdict, Verdict::Inconclusive);
        assert!(absent.summary.contains("1 receive of this run got no answer"), "{absent:?}");
        assert_eq!(evaluate(&failing, None, &terms).verdict, Verdict::Fail);
        assert_eq!(evaluate(&failing, Some(&message(180)), &hides).verdict, Verdict::Pass);
        let copies = ["m-x".to_owned()];
        let with_copies = Terms { copies: &copies, ..terms };
        assert_eq!(evaluate(&failing, Some(&message(180)), &with_copies).verdict, Verdict::Fail);
    }

    #[test]
    fn one_that_has_receives_left_was_moved_by_something_else_whenever_it_is_seen() {
        let failing = job("p", true, Some("m"));
        let of = |receive_count| {
            let message = DeadLetter { receive_count, ..message(181) };
            verdict(&failing, Some(&message), false)
        };
        assert_eq!([of(Some(2)), of(Some(3))], [Verdict::Fail; 2]);
        // Another look at it counts, too.
        assert_eq!([of(Some(4)), of(Some(5)), of(None)], [Verdict::Pass; 3]);
    }

    #[test]
    fn in_time_and_unchanged_passes() {
        let failing = job("p", true, Some("m"));
        assert_eq!(verdict(&failing, Some(&message(180)), false), Verdict::Pass);
        assert_eq!(verdict(&failing, Some(&message(178)), false), Verdict::Pass);
        assert_eq!(verdict(&failing, Some(&message(230)), false), Verdict::Pass);
    }

    #[test]
    fn early_changed_or_from_elsewhere_fails() {
        let failing = job("p", true, Some("m"));
        assert_eq!(verdict(&failing, Some(&message(177)), false), Verdict::Fail);
        let changed = DeadLetter { body: "{\"task\":\"other\"}".to_owned(), ..message(180) };
        assert_eq!(verdict(&failing, Some(&changed), false), Verdict::Fail);
        let elsewhere = DeadLetter { source_arn: Some("arn:other".to_owned()), ..message(180) };
        assert_eq!(verdict(&failing, Some(&elsewhere), false), Verdict::Fail);
        let direct = DeadLetter { source_arn: None, ..message(180) };
        assert_eq!(verdict(&failing, Some(&direct), false), Verdict::Fail);
    }

    #[test]
    fn a_body_that_is_made_anew_has_to_name_the_job() {
        let ids = MessageIds { run_id: None, job_id: "order.ref".to_owned() };
        let named = |body: &str| {
            let message = DeadLetter { body: body.to_owned(), ..message(180) };
            holds(Body::JobId(&ids), &message, &job("p", true, Some("m")))
        };
        assert!(named(r#"{"order":{"ref":"p"}}"#));
        assert!(!named(r#"{"order":{"ref":"q"}}"#));
        // What cannot be read is recognised by its message's id.
        assert!(named("H4sIAAAAAAAAA6tWKkpNUrJSMjQyVqoFAIYk1tQPAAAA"));
        assert!(named(r#"{"bucket":"claims","key":"17"}"#));
    }

    #[test]
    fn of_several_failing_jobs_the_worst_speaks_and_none_was_not_run() {
        let of = |verdicts: &[Verdict]| {
            let evaluations = verdicts.iter().zip(["j1", "j2"]);
            let evaluations = evaluations.map(|(verdict, id)| (id, Evaluation::new(*verdict, "w")));
            let all = of_all(evaluations.collect());
            (all.verdict, all.summary)
        };
        let said = |verdict, summary: &str| (verdict, summary.to_owned());
        assert_eq!(of(&[Verdict::Pass, Verdict::Fail]), said(Verdict::Fail, "j2: w"));
        assert_eq!(
            of(&[Verdict::Warn, Verdict::Inconclusive]),
            said(Verdict::Inconclusive, "j2: w")
        );
        let both = said(Verdict::Pass, "2 failing jobs, the first: w");
        assert_eq!(of(&[Verdict::Pass, Verdict::Pass]), both);
        assert_eq!(of(&[Verdict::Pass]), said(Verdict::Pass, "w"));
        assert_eq!(of(&[]).0, Verdict::NotRun);
    }

    #[test]
    fn clocks_that_disagree_prove_nothing() {
        let failing = job("p", true, Some("m"));
        let ahead = DeadLetter {
            first_received_at: Some(Timestamp::from_millis(SUBMITTED + 400_000)),
            ..message(175)
        };
        assert_eq!(verdict(&failing, Some(&ahead), false), Verdict::Inconclusive);
    }

    #[test]
    fn absence_is_a_failure_only_when_nothing_is_retried_any_more() {
        let failing = job("p", true, Some("m"));
        assert_eq!(verdict(&failing, None, false), Verdict::Fail);
        assert_eq!(verdict(&failing, None, true), Verdict::Inconclusive);
        let mut late = attempt(3, Outcome::Failed);
        late.at = Timestamp::from_millis(SUBMITTED + 200_000);
        let retried = JobEvidence { attempts: vec![late], ..job("p", true, Some("m")) };
        assert_eq!(verdict(&retried, None, false), Verdict::Inconclusive);
        assert_eq!(verdict(&job("p", true, None), None, false), Verdict::NotRun);
    }
}
