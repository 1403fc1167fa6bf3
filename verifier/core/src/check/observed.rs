//! A run's evidence as the account of its messages takes it.

use std::collections::BTreeSet;

use verifier_model::time::Timestamp;

use super::copied::copied;
use super::named::job_named;
use super::{DeadLetter, JobEvidence, LoggedOutcome, RunId};
use crate::account::{
    Expectation, Found, Invocation, Line, Observed, QueueCounts, Submitted, Terms,
};

/// A message of a run that was seen in the dead-letter queue, also after it was deleted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurMessage {
    /// Its id.
    pub message_id: String,
    /// All texts that it holds, in whatever form.
    pub texts: Vec<String>,
    /// When it was sent to its first queue, where that is known.
    pub sent_at: Option<Timestamp>,
    /// When it was seen first.
    pub seen_at: Timestamp,
}

impl OurMessage {
    /// A message of the dead-letter queue.
    pub fn of(message: &DeadLetter) -> Self {
        Self {
            message_id: message.message_id.clone(),
            texts: message.texts(),
            sent_at: message.sent_at,
            seen_at: message.seen_at,
        }
    }

    /// Whether it holds a job, by the job's id, and not by one that only begins with it.
    pub fn is_of(&self, job_id: &str) -> bool {
        self.texts.iter().any(|text| job_named(text, &[job_id]).is_some())
    }

    /// Whether it names something, in whatever form.
    pub fn names(&self, id: &str) -> bool {
        self.texts.iter().any(|text| text.contains(id))
    }
}

/// What was observed of a run: its jobs, what of it was in the dead-letter queue, the invocations, and the jobs queue's
/// counts before and after.
pub fn observed(
    terms: Terms,
    jobs: &[JobEvidence],
    found: &[OurMessage],
    invocations: &[Invocation],
    (before, after): (Option<QueueCounts>, Option<QueueCounts>),
) -> Observed {
    let of_jobs = jobs.iter().map(|job| each_message(submitted(job, jobs, found)));
    let (firsts, copies): (Vec<_>, Vec<_>) = of_jobs.unzip();
    // The jobs come first, in their order; messages that repeated requests made come behind them.
    let jobs = firsts.into_iter().chain(copies.into_iter().flatten()).collect();
    Observed {
        terms,
        jobs,
        invocations: invocations.to_vec(),
        before,
        after,
        counted: Vec::new(),
        strays: 0,
        reads_others: false,
    }
}

/// A job whose request was repeated, as the messages that the requests made: the one that the API named, and the others, each
/// with what was seen of it. More others than repeated requests are not explained by those, and stay with the job.
fn each_message(job: Submitted) -> (Submitted, Vec<Submitted>) {
    let own = job.message_id.clone();
    let is_own = |id: &str| own.as_deref() == Some(id);
    let of_lines = job.lines.iter().filter_map(|line| line.message_id.as_deref());
    let found = job.found.iter().map(|found| found.message_id.as_str());
    let others: BTreeSet<String> =
        of_lines.chain(found).filter(|id| !is_own(id)).map(str::to_owned).collect();
    let repeated = job.requests.saturating_sub(1) as usize;
    if own.is_none() || others.is_empty() || others.len() > repeated {
        return (job, Vec::new());
    }
    let of = |id: &str, or_unnamed: bool| Submitted {
        message_id: Some(id.to_owned()),
        requests: 1,
        lines: (job.lines.iter())
            .filter(|line| line.message_id.as_deref().map_or(or_unnamed, |named| named == id))
            .cloned()
            .collect(),
        found: job.found.iter().filter(|found| found.message_id == id).cloned().collect(),
        ..job.clone()
    };
    let copies = others.iter().map(|id| of(id, false)).collect();
    (of(own.as_deref().unwrap_or_default(), true), copies)
}

/// How many lines of a job under other messages than its own a run keeps: more say nothing more.
const OTHERS_MAX: usize = 1_000;

/// The lines that are of a job, in their order: those of its message, and those that name it under another one. Of these there may be
/// any number, as where a worker sends a job again without end, and the first are enough to tell. The others come second.
pub fn lines_of<'a>(
    lines: &'a [LoggedOutcome],
    job_id: &str,
    message_id: Option<&str>,
) -> (Vec<LoggedOutcome>, Vec<&'a LoggedOutcome>) {
    let (mut kept, mut left) = (Vec::new(), Vec::new());
    let mut others = 0;
    for logged in lines {
        if message_id == Some(logged.line.message_id.as_str()) {
            kept.push(logged.clone());
        } else if logged.line.job_id.as_deref() == Some(job_id) {
            others += 1;
            if others <= OTHERS_MAX {
                kept.push(logged.clone());
            } else {
                left.push(logged);
            }
        }
    }
    (kept, left)
}

/// The job that a message is of: by its id, by the job's id in its body, or by all else in that.
pub(super) fn owner_of<'a>(
    message: &OurMessage,
    all: &'a [JobEvidence],
) -> Option<&'a JobEvidence> {
    let is_its = |job: &&JobEvidence| job.message_id.as_ref() == Some(&message.message_id);
    let named = || {
        let ids: Vec<&str> = all.iter().map(|job| job.job_id.as_str()).collect();
        let id = message.texts.iter().find_map(|text| job_named(text, &ids))?;
        all.iter().find(|job| job.job_id == id)
    };
    let run_id = || all.first().and_then(|job| RunId::of_job(&job.job_id));
    let began_at = all.iter().map(|job| job.submitted_at).min();
    let is_meanwhile = message.sent_at.zip(began_at).is_some_and(|(sent, began)| sent >= began);
    let held = |text: &String| copied(text, all, run_id(), is_meanwhile);
    all.iter().find(is_its).or_else(named).or_else(|| message.texts.iter().find_map(held))
}

/// A job as the account takes it, with those of the messages found that are its own.
pub fn submitted(job: &JobEvidence, all: &[JobEvidence], found: &[OurMessage]) -> Submitted {
    let is_own = |message: &&OurMessage| {
        owner_of(message, all).is_some_and(|owner| owner.job_id == job.job_id)
    };
    Submitted {
        job_id: job.job_id.clone(),
        expectation: if job.fails { Expectation::Fails } else { Expectation::Succeeds },
        message_id: job.message_id.clone(),
        submitted_at: job.submitted_at,
        requests: job.requests,
        lines: job.attempts.iter().map(line).collect(),
        found: found
            .iter()
            .filter(is_own)
            .map(|message| Found {
                message_id: message.message_id.clone(),
                seen_at: message.seen_at,
            })
            .collect(),
    }
}

fn line(logged: &LoggedOutcome) -> Line {
    let LoggedOutcome { at, line, is_placed } = logged;
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let number = |number: u32| (number > 0).then_some(number);
    Line {
        at: *at,
        message_id: text(&line.message_id),
        receive_count: number(line.receive_count),
        outcome: line.outcome,
        reason: line.reason.clone(),
        request_id: text(&line.request_id),
        batch_size: number(line.batch_size),
        is_placed: *is_placed,
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::rules::job_accept::tests::job;
    use super::super::rules::job_success::tests::attempt;
    use super::*;

    fn message(id: &str, body: &str) -> OurMessage {
        OurMessage {
            message_id: id.to_owned(),
            texts: vec![body.to_owned()],
            sent_at: None,
            seen_at: Timestamp::default(),
        }
    }

    #[test]
    fn of_a_job_that_is_sent_again_without_end_all_lines_of_its_message_and_the_first_others_are_kept()
     {
        let line = |message_id: &str, job_id: &str| {
            let mut line = attempt(1, Outcome::Failed);
            message_id.clone_into(&mut line.line.message_id);
            line.line.job_id = Some(job_id.to_owned());
            line
        };
        let mut lines = vec![line("m-a", "a")];
        lines.extend((0..OTHERS_MAX + 5).map(|number| line(&format!("x{number}"), "a")));
        lines.extend([line("m-a", "renamed"), line("m-b", "b")]);
        let (kept, left) = lines_of(&lines, "a", Some("m-a"));
        assert_eq!((kept.len(), left.len()), (OTHERS_MAX + 2, 5));
        assert_eq!(kept.last(), lines.iter().rev().nth(1));
        assert_eq!(lines_of(&lines, "b", None).0.len(), 1);
    }

    #[test]
    fn each_message_that_a_repeated_request_made_is_accounted_for_by_itself() {
        let terms = Terms {
            max_receive_count: 3,
            visibility_timeout: std::time::Duration::from_mins(1),
            delay: std::time::Duration::ZERO,
            batch_size: 5,
        };
        let messages = |requests| -> Vec<(String, Option<String>)> {
            let jobs = [
                JobEvidence { requests, ..job("a", true, Some("m-a")) },
                job("b", false, Some("m-b")),
            ];
            let found = [message("m-a", "a"), message("m-x", r#"{"jobId":"a"}"#)];
            let observed = observed(terms, &jobs, &found, &[], (None, None));
            let each = observed.jobs.into_iter();
            each.map(|each| (each.job_id, each.message_id)).collect()
        };
        let named = |job: &str, id: &str| (job.to_owned(), Some(id.to_owned()));
        assert_eq!(messages(2), [named("a", "m-a"), named("b", "m-b"), named("a", "m-x")]);
        // A second message that no request explains is a copy, and stays with the job.
        assert_eq!(messages(1), [named("a", "m-a"), named("b", "m-b")]);
    }

    #[test]
    fn a_message_is_a_jobs_by_its_id_or_by_its_body() {
        let jobs = [job("a", false, Some("m-a")), job("b", true, Some("m-b"))];
        let found = [message("m-a", "changed"), message("m-x", r#""a""#), message("m-b", r#""a""#)];
        let of = |at: usize| -> Vec<String> {
            let found = submitted(&jobs[at], &jobs, &found).found;
            found.into_iter().map(|found| found.message_id).collect()
        };
        assert_eq!(of(0), ["m-a", "m-x"]);
        // It has all that the job has but the id.
        let run = RunId::new(Timestamp::from_millis(2_000_000_000), 7);
        let body = format!(r#"{{"task":"t","jobId":"{run}-g"}}"#);
        let own =
            JobEvidence { body: body.clone(), ..job(&format!("{run}-g"), false, Some("m-g")) };
        let copied = |body: String| {
            submitted(&own, std::slice::from_ref(&own), &[message("m-x", &body)]).found.len()
        };
        let (renamed, further) = (body.replace("-g", "-g-x"), body.replace("t\",", "mail\","));
        assert_eq!([copied(renamed.clone()), copied(further.replace("-g", "-g-x"))], [1, 0]);
        // Whatever its body says, that is the message which the API named for the other job.
        assert_eq!(of(1), ["m-b"]);
    }
}
