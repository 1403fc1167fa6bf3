//! What can be seen of a stack from outside, as lines of a history.
//!
//! A deployed stack shows its worker's outcome lines and its dead-letter queue. What that tells, and whether it tells all,
//! is decided here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use verifier_core::check::LoggedOutcome;
use verifier_core::dead_letters::DeadLetter;
use verifier_core::settings::MessageIds;
use verifier_model::sqs::{AttributeValue, MessageAttribute, md5_of_attributes, md5_of_body};
use verifier_model::time::Timestamp;

use super::history::{Content, Event, Expectation, Line, Queue};
use super::id::Id;

/// Whose jobs are looked at, and since when.
#[derive(Clone, Debug)]
pub struct Watch {
    /// What the ids of a run's jobs begin with; what follows is the job's name in the history.
    pub prefix: String,
    /// Where messages tell which job they hold.
    pub ids: MessageIds,
    /// When the run began.
    pub began_at: Timestamp,
}

/// What was seen of the jobs of a run.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The worker's outcome lines since the run began, of anybody's jobs.
    pub outcomes: Vec<LoggedOutcome>,
    /// The messages in the dead-letter queue, of anybody's jobs, each with when it was seen.
    pub messages: Vec<(Timestamp, DeadLetter)>,
}

impl Watch {
    /// A job's name in the history; `None` if it is none of the run's.
    pub fn name_of<'a>(&self, job_id: &'a str) -> Option<&'a str> {
        job_id.strip_prefix(&self.prefix)
    }

    /// The name of the job in a message.
    pub fn job_in(&self, body: &str) -> Option<String> {
        self.name_of(&self.ids.job_of(body)?).map(str::to_owned)
    }

    /// Milliseconds since the run began.
    pub fn since(&self, at: Timestamp) -> u64 {
        u64::try_from(at.since(self.began_at).as_millis()).unwrap_or(u64::MAX)
    }

    /// The jobs of others that the worker was at since then, by its outcome lines: each by its id, or by that of its message
    /// where the line names no job. Such a message may be the run's own.
    pub fn others(
        &self,
        outcomes: &[LoggedOutcome],
        since: Timestamp,
        is_own_message: impl Fn(&str) -> bool,
    ) -> BTreeSet<String> {
        let name = |outcome: &LoggedOutcome| {
            let line = &outcome.line;
            let is_of_run =
                line.run_id.as_ref().is_some_and(|run| self.prefix.strip_suffix('-') == Some(run));
            match &line.job_id {
                _ if is_of_run => None,
                Some(job) => self.name_of(job).is_none().then(|| job.clone()),
                None => (!is_own_message(&line.message_id)).then(|| line.message_id.clone()),
            }
        };
        outcomes.iter().filter(|outcome| outcome.at >= since).filter_map(name).collect()
    }

    /// Whether a message is none of the run's.
    pub fn is_of_others(&self, message: &DeadLetter) -> bool {
        self.job_in(&message.body).is_none()
    }

    /// The run's own outcome lines, each with the job's name.
    fn own<'a>(
        &'a self,
        observed: &'a Observed,
    ) -> impl Iterator<Item = (&'a str, &'a LoggedOutcome)> {
        observed
            .outcomes
            .iter()
            .filter_map(|outcome| Some((self.name_of(outcome.line.job_id.as_deref()?)?, outcome)))
    }

    /// Whether the outcome lines report every receive: of each message from the first on, and of one that was dead-lettered as
    /// many as the queue allows. A receive after which the worker wrote nothing leaves a gap.
    pub fn tells_every_receive(&self, observed: &Observed, max_receive_count: u32) -> bool {
        let mut counts: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for (_, outcome) in self.own(observed) {
            let line = &outcome.line;
            counts.entry(line.message_id.as_str()).or_default().insert(line.receive_count);
        }
        let is_whole = |seen: &BTreeSet<u32>| {
            let most = seen.last().copied().unwrap_or_default();
            most as usize == seen.len() && seen.first() == Some(&1)
        };
        let is_told = |(_, message): &&(Timestamp, DeadLetter)| {
            let seen = counts.get(message.message_id.as_str());
            self.job_in(&message.body).is_none()
                || seen.is_some_and(|seen| seen.len() >= max_receive_count as usize)
        };
        counts.values().all(is_whole) && observed.messages.iter().all(|message| is_told(&message))
    }

    /// Whether every one of these jobs has come to its end: it has succeeded, or is dead. One of which no attempt can succeed is
    /// only ended when it is dead, whatever its worker says of it.
    pub fn are_ended(&self, observed: &Observed, jobs: &BTreeMap<String, Expectation>) -> bool {
        use contract::Outcome::Succeeded;
        let succeeded = self.own(observed).filter(|(_, outcome)| outcome.line.outcome == Succeeded);
        let succeeded: BTreeSet<&str> = succeeded.map(|(job, _)| job).collect();
        let messages = observed.messages.iter();
        let dead: BTreeSet<String> =
            messages.filter_map(|(_, message)| self.job_in(&message.body)).collect();
        jobs.iter().all(|(job, nature)| {
            let is_done = *nature != Expectation::Poison && succeeded.contains(job.as_str());
            is_done || dead.contains(job)
        })
    }

    /// The lines of a history, in no order. Receives are among them if they are all told.
    pub fn lines(&self, observed: &Observed, with_receives: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        for (job, outcome) in self.own(observed) {
            let told = &outcome.line;
            let at = self.since(outcome.at);
            let (message, job) = (Id::from(told.message_id.as_str()), Id::from(job));
            if with_receives {
                let received = Event::Received {
                    queue: Queue::Jobs,
                    message: message.clone(),
                    job: job.clone(),
                    receive_count: told.receive_count,
                };
                lines.push(Line { at, event: received });
            }
            let attempt = Event::Attempt {
                invocation: Id::from(told.request_id.as_str()),
                message,
                job,
                outcome: told.outcome,
                logged_at: i64::try_from(at).unwrap_or(i64::MAX),
            };
            lines.push(Line { at, event: attempt });
        }
        for (seen_at, message) in &observed.messages {
            let Some(job) = self.job_in(&message.body) else { continue };
            let event = Event::DeadLettered {
                message: Id::from(message.message_id.as_str()),
                job: Id::from(job),
                content: content_of(message),
            };
            lines.push(Line { at: self.since(*seen_at), event });
        }
        lines
    }
}

/// What a message with that body holds, as far as the order of fields and white space do not matter: an API may write a job
/// again.
pub fn content_of_body(body: &str) -> Content {
    let canonical = serde_json::from_str::<Value>(body).map(|value| value.to_string());
    let md5_of_body = md5_of_body(canonical.as_deref().unwrap_or(body));
    Content { md5_of_body: md5_of_body.into(), md5_of_attributes: None }
}

/// What a message holds.
fn content_of(message: &DeadLetter) -> Content {
    let attributes: BTreeMap<String, MessageAttribute> = message
        .attributes
        .iter()
        .map(|(name, attribute)| {
            let value = match (&attribute.string_value, attribute.bytes()) {
                (None, Some(bytes)) => AttributeValue::Binary(bytes),
                (text, _) => AttributeValue::Text(text.clone().unwrap_or_default()),
            };
            let data_type = attribute.data_type.clone();
            (name.clone(), MessageAttribute { data_type, value })
        })
        .collect();
    Content {
        md5_of_attributes: md5_of_attributes(&attributes).map(Id::from),
        ..content_of_body(&message.body)
    }
}

#[cfg(test)]
mod tests {
    use contract::{Outcome, OutcomeLine};

    use super::*;

    const BEGAN: Timestamp = Timestamp::from_millis(1_000_000);

    fn watch() -> Watch {
        Watch { prefix: "run-1-".to_owned(), ids: MessageIds::default(), began_at: BEGAN }
    }

    fn outcome(job_id: &str, message: &str, receive_count: u32, outcome: Outcome) -> LoggedOutcome {
        let line = OutcomeLine {
            run_id: None,
            job_id: Some(job_id.to_owned()),
            message_id: message.to_owned(),
            receive_count,
            outcome,
            reason: None,
            request_id: format!("q-{receive_count}"),
            batch_size: 1,
        };
        LoggedOutcome {
            at: BEGAN + std::time::Duration::from_secs(receive_count.into()),
            line,
            is_placed: false,
        }
    }

    fn message(job_id: &str, message: &str) -> (Timestamp, DeadLetter) {
        let body = format!(r#"{{"jobId": "{job_id}", "task": "t"}}"#);
        (BEGAN, DeadLetter { message_id: message.to_owned(), body, ..DeadLetter::default() })
    }

    #[test]
    fn a_gap_among_the_receives_is_noticed() {
        let told = |counts: &[u32], dead: bool| {
            let outcomes =
                counts.iter().map(|count| outcome("run-1-a", "m", *count, Outcome::Failed));
            let messages = if dead { vec![message("run-1-a", "m")] } else { Vec::new() };
            watch().tells_every_receive(&Observed { outcomes: outcomes.collect(), messages }, 3)
        };
        assert!(told(&[1, 2, 3], true));
        assert!(told(&[1, 2], false));
        assert!(!told(&[1, 3], false), "the second wrote nothing");
        assert!(!told(&[2, 3], true), "the first wrote nothing");
        assert!(!told(&[1, 2], true), "the last wrote nothing");
        assert!(!told(&[], true), "none wrote anything");
        // The same line may come twice.
        assert!(told(&[1, 1, 2, 3], true));
    }

    #[test]
    fn jobs_of_others_are_told_apart_and_left_out() {
        let observed = Observed {
            outcomes: vec![
                outcome("run-1-a", "m", 1, Outcome::Succeeded),
                outcome("run-2-a", "n", 1, Outcome::Succeeded),
            ],
            messages: vec![message("run-1-b", "o"), message("other", "p")],
        };
        let lines = watch().lines(&observed, true);
        assert_eq!(lines.len(), 3, "a receive, an attempt and a message: {lines:?}");
        assert_eq!(watch().lines(&observed, false).len(), 2);
        assert!(
            watch().tells_every_receive(&Observed { messages: Vec::new(), ..observed.clone() }, 3)
        );
        let ended = |names: &[&str], nature| {
            let jobs = names.iter().map(|name| ((*name).to_owned(), nature)).collect();
            watch().are_ended(&observed, &jobs)
        };
        assert!(ended(&["a", "b"], Expectation::Flaky));
        assert!(!ended(&["a", "c"], Expectation::Flaky));
        // What the worker says of a job of which no attempt can succeed is not its end.
        assert!(ended(&["b"], Expectation::Poison));
        assert!(!ended(&["a", "b"], Expectation::Poison));
    }

    #[test]
    fn whatever_else_the_worker_was_at_is_somebody_elses() {
        let later = BEGAN + std::time::Duration::from_secs(2);
        let others = |outcomes: &[LoggedOutcome]| -> Vec<String> {
            watch().others(outcomes, later, |message| message == "own").into_iter().collect()
        };
        let nameless = |message: &str| {
            let mut outcome = outcome("", message, 3, Outcome::Failed);
            outcome.line.job_id = None;
            outcome
        };
        let own = outcome("run-1-a", "m", 3, Outcome::Failed);
        assert!(others(&[own.clone(), nameless("own")]).is_empty());
        let theirs = outcome("run-2-a", "n", 2, Outcome::Failed);
        assert_eq!(others(&[own.clone(), theirs.clone(), theirs]), ["run-2-a"]);
        assert_eq!(others(&[own, nameless("x")]), ["x"]);
        // What was worked on before anything was changed has suffered nothing.
        assert!(others(&[outcome("run-2-a", "n", 1, Outcome::Failed)]).is_empty());
        // A line may name the run, and no job.
        let mut by_run = nameless("x");
        by_run.line.run_id = Some("run-1".to_owned());
        assert!(others(&[by_run]).is_empty());
    }

    #[test]
    fn a_job_that_was_only_written_anew_is_the_same() {
        let same = content_of_body(r#"{"task":"t","jobId":"x"}"#);
        assert_eq!(content_of_body(r#"{ "jobId": "x", "task": "t" }"#), same);
        assert_ne!(content_of_body(r#"{"task":"u","jobId":"x"}"#), same);
        assert_ne!(content_of_body("no JSON"), content_of_body("no json"));
    }
}
