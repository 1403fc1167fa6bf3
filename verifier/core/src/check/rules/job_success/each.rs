//! What became of one good job.

use crate::account::{Account, Attempt, Explained, MessageAccount, MessageEnd, Unexplained};
use crate::check::{LogEvidence, Verdict, ids_in_words};

/// How much of a line is shown.
const LINE_CHARS_MAX: usize = 200;

/// What became of one good job. Where it shared the fate of the failing job's batch, `job.isolation` says so.
pub(super) fn of(account: &Account, job: &MessageAccount, log: &LogEvidence) -> (Verdict, String) {
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
            let others = ids_in_words(&job.copies);
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
        MessageEnd::Unaccounted if account.is_done_elsewhere(job) => (
            Verdict::Warn,
            "is a second message of a job that was submitted again, since a request got no answer, or an error; the first was done, and of this one there is no line: the worker may know the job by its id and skip it, or have dropped it".to_owned(),
        ),
        MessageEnd::Unaccounted => of_unaccounted(account, job, log, &attempts()),
        MessageEnd::DoneOnce | MessageEnd::DoneMoreThanOnce { .. } => of_done(account, job),
    }
}

/// What became of a job of which nothing tells where it is. That it failed is written; that nothing was written of it convicts the
/// worker only where the log is whole.
fn of_unaccounted(
    account: &Account,
    job: &MessageAccount,
    log: &LogEvidence,
    attempts: &str,
) -> (Verdict, String) {
    let is_failed = job.attempts.iter().any(Attempt::failed);
    if let Some(missing) = account.missing_lines(job).filter(|_| !is_failed) {
        let why = missing.in_words();
        return (
            Verdict::Inconclusive,
            format!("{why}; of this job there is no success: {attempts}"),
        );
    }
    if log.is_closed_at(job.submitted_at) {
        return (Verdict::Fail, format!("no success: {attempts}"));
    }
    (Verdict::Inconclusive, format!("no line of the log is later than its submission; {attempts}"))
}

fn of_done(account: &Account, job: &MessageAccount) -> (Verdict, String) {
    let is_redelivered = account.is_redelivered(job);
    if job.end == (MessageEnd::DoneMoreThanOnce { delivered_twice: false }) && !is_redelivered {
        return (Verdict::Fail, format!("succeeded more than once: {}", told(job)));
    }
    if job.attempts.iter().any(Attempt::failed) && account.breach(job).is_none() {
        return (Verdict::Fail, format!("was failed before it succeeded: {}", told(job)));
    }
    if let Some(remark) = account.remarked_again(job).filter(|_| account.breach(job).is_none()) {
        let why = format!("was done, and came again: its line says {}", remark.word);
        return (Verdict::Fail, why);
    }
    if let Some(again) = job.attempts.iter().find(|attempt| account.is_done_again(attempt)) {
        let (count, after) = (again.receive_count, again.again_after.as_secs_f64());
        let why = format!("was done more than once in receive {count}: again {after:.3} s later");
        return (Verdict::Fail, why);
    }
    if let Some(unexplained) = account.unexplained(job).filter(|_| account.breach(job).is_none()) {
        let verdict = match unexplained {
            Unexplained::SeveralDeliveries { .. } | Unexplained::SeveralLines { .. } => {
                Verdict::Warn
            }
            _ => Verdict::Inconclusive,
        };
        return (verdict, left_open(account, job, &unexplained));
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
        Unexplained::SeveralDeliveries { lines } => {
            format!(
                "was in one batch several times, as SQS may hand a message out, and done {lines} times there"
            )
        }
        Unexplained::SeveralLines { receive_count, lines } => format!(
            "{lines} lines of one moment say that it succeeded in receive {receive_count}: the log stored a line several times, or it was done several times at once"
        ),
        Unexplained::SeveralTimes { receive_count, lines, of_failing } => format!(
            "{lines} lines say that it succeeded in receive {receive_count}, and {of_failing} of a failing job's receive: it was done more than once, or is written of more than once; let the worker write one line for each time that it does a job"
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
