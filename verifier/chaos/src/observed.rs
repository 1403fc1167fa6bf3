//! What can be seen of a stack from outside, as lines of a history.
//!
//! A deployed stack shows its worker's outcome lines and its dead-letter queue. What that tells, and whether it tells all,
//! is decided here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use verifier_core::check::LoggedOutcome;
use verifier_core::dead_letters::DeadLetter;
use verifier_core::settings::{EffectLine, MessageIds};
use verifier_model::sqs::md5_of_body;
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
    /// Whether the queue's message is the body that was submitted. Otherwise it is not known what a message has to hold.
    pub message_is_body: bool,
}

/// What was seen of the jobs of a run.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The worker's outcome lines since the run began, of anybody's jobs.
    pub outcomes: Vec<LoggedOutcome>,
    /// The side effects that the worker's lines tell, of anybody's jobs, each with when it was logged.
    pub effects: Vec<(Timestamp, EffectLine)>,
    /// The messages in the dead-letter queue, of anybody's jobs, each with when it was seen.
    pub messages: Vec<(Timestamp, DeadLetter)>,
    /// The messages of the run's own jobs, as those know of them who sent them.
    pub sent: Vec<SentMessage>,
}

/// A message of a job of the run, by who sent it: a client that was told its id, or a redrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// When.
    pub at: Timestamp,
    /// The job's name in the history.
    pub job: String,
    /// The message's id.
    pub message: String,
}

/// An outcome line of one of the run's own jobs.
struct Own<'a> {
    job: &'a str,
    message: Id,
    outcome: &'a LoggedOutcome,
}

/// Which message holds which job, for lines that name only one of them.
struct Names<'a> {
    jobs: BTreeMap<&'a str, Cow<'a, str>>,
    /// The messages of each job, in the order in which they were sent.
    messages: BTreeMap<&'a str, Vec<(Timestamp, &'a str)>>,
}

impl<'a> Names<'a> {
    fn of(watch: &Watch, observed: &'a Observed) -> Self {
        let mut names = Self { jobs: BTreeMap::new(), messages: BTreeMap::new() };
        for (_, message) in &observed.messages {
            if let Some(job) = watch.job_in(&message.body) {
                names.jobs.insert(&message.message_id, job.into());
            }
        }
        for SentMessage { at, job, message } in &observed.sent {
            names.jobs.insert(message, job.into());
            names.messages.entry(job).or_default().push((*at, message));
        }
        names.messages.values_mut().for_each(|messages| messages.sort_unstable());
        names
    }

    /// The message that a job was at a time: the last that was sent until then.
    fn message_of(&self, job: &str, at: Timestamp) -> Id {
        let messages = self.messages.get(job).map(Vec::as_slice).unwrap_or_default();
        let until = messages.iter().take_while(|(sent_at, _)| *sent_at <= at).last();
        match until.or(messages.first()) {
            Some((_, message)) => Id::from(*message),
            // What holds it is not told anywhere: it is taken for one message.
            None => Id::from(format!("message of {job}")),
        }
    }
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

    /// What a message with a submitted body has to hold, where that is known.
    pub fn content_of(&self, body: &str) -> Content {
        if self.message_is_body { content_of_body(body) } else { Content::unknown() }
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

    /// The run's own outcome lines, each with its job and its message, of which it may name only one.
    fn own<'a>(&'a self, names: &'a Names<'a>, observed: &'a Observed) -> Vec<Own<'a>> {
        let own = observed.outcomes.iter().filter_map(|outcome| {
            let line = &outcome.line;
            let job = match &line.job_id {
                Some(job) => self.name_of(job)?,
                None => names.jobs.get(line.message_id.as_str())?.as_ref(),
            };
            let message = if line.message_id.is_empty() {
                names.message_of(job, outcome.at)
            } else {
                Id::from(line.message_id.as_str())
            };
            Some(Own { job, message, outcome })
        });
        own.collect()
    }

    /// Whether the outcome lines report every receive: of each message from the first on, and of one that was dead-lettered as
    /// many as the queue allows. A receive after which the worker wrote nothing leaves a gap; lines without a receive count tell
    /// none.
    pub fn tells_every_receive(&self, observed: &Observed, max_receive_count: u32) -> bool {
        let names = Names::of(self, observed);
        let own = self.own(&names, observed);
        let mut counts: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for Own { message, outcome, .. } in &own {
            counts.entry(message).or_default().insert(outcome.line.receive_count);
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
    /// only ended when it is dead, whatever its worker says of it; and where the worker's lines tell effects, one that has succeeded
    /// has an effect, whose line may still come.
    pub fn are_ended(&self, observed: &Observed, jobs: &BTreeMap<String, Expectation>) -> bool {
        use contract::Outcome::Succeeded;
        let names = Names::of(self, observed);
        let own = self.own(&names, observed);
        let succeeded = own.iter().filter(|own| own.outcome.line.outcome == Succeeded);
        let succeeded: BTreeSet<&str> = succeeded.map(|own| own.job).collect();
        let messages = observed.messages.iter();
        let dead: BTreeSet<String> =
            messages.filter_map(|(_, message)| self.job_in(&message.body)).collect();
        let effects = observed.effects.iter();
        let told: BTreeSet<&str> =
            effects.filter_map(|(_, effect)| self.name_of(&effect.job_id)).collect();
        jobs.iter().all(|(job, nature)| {
            let is_told = told.is_empty() || told.contains(job.as_str());
            let has_succeeded = succeeded.contains(job.as_str()) && is_told;
            let is_done = *nature != Expectation::Poison && has_succeeded;
            is_done || dead.contains(job)
        })
    }

    /// Whether the worker's lines tell side effects of the run's jobs.
    pub fn tells_effects(&self, observed: &Observed) -> bool {
        observed.effects.iter().any(|(_, effect)| self.name_of(&effect.job_id).is_some())
    }

    /// The lines of a history, in no order. Receives are among them if they are all told.
    ///
    /// A log may hold a line twice: an attempt is a message in an invocation, and was received once for it.
    pub fn lines(&self, observed: &Observed, with_receives: bool) -> Vec<Line> {
        let names = Names::of(self, observed);
        let mut received = BTreeSet::new();
        let mut lines = Vec::new();
        for Own { job, message, outcome } in self.own(&names, observed) {
            let told = &outcome.line;
            let at = self.since(outcome.at);
            let job = Id::from(job);
            // A line that names no invocation is of one of its own.
            let invocation = match told.request_id.as_str() {
                "" => Id::from(format!("{message} at {at}")),
                request => Id::from(request),
            };
            if with_receives && received.insert((message.clone(), invocation.clone())) {
                let received = Event::Received {
                    queue: Queue::Jobs,
                    message: message.clone(),
                    job: job.clone(),
                    receive_count: told.receive_count,
                };
                lines.push(Line { at, event: received });
            }
            let attempt = Event::Attempt {
                invocation,
                message,
                job,
                outcome: told.outcome,
                logged_at: i64::try_from(at).unwrap_or(i64::MAX),
            };
            lines.push(Line { at, event: attempt });
        }
        for (at, EffectLine { job_id, key }) in &observed.effects {
            let Some(job) = self.name_of(job_id) else { continue };
            let (message, key) = (names.message_of(job, *at), Id::from(key.as_str()));
            let event = Event::Effect { job: Id::from(job), message, key, token: None };
            lines.push(Line { at: self.since(*at), event });
        }
        for (seen_at, message) in &observed.messages {
            let Some(job) = self.job_in(&message.body) else { continue };
            let event = Event::DeadLettered {
                message: Id::from(message.message_id.as_str()),
                job: Id::from(job),
                // Which attributes the stack has added is not known.
                content: content_of_body(&message.body),
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

#[cfg(test)]
mod tests {
    use contract::{Outcome, OutcomeLine};

    use super::*;

    const BEGAN: Timestamp = Timestamp::from_millis(1_000_000);

    fn watch() -> Watch {
        Watch {
            prefix: "run-1-".to_owned(),
            ids: MessageIds::default(),
            began_at: BEGAN,
            message_is_body: true,
        }
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
            let observed =
                Observed { outcomes: outcomes.collect(), messages, ..Observed::default() };
            watch().tells_every_receive(&observed, 3)
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
            ..Observed::default()
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
        // Where effects are told, the line of one may still come.
        let told = |job_id: &str| {
            let effect = EffectLine { job_id: job_id.to_owned(), key: String::new() };
            let observed = Observed { effects: vec![(BEGAN, effect)], ..observed.clone() };
            let jobs = [("a".to_owned(), Expectation::Healthy)];
            watch().are_ended(&observed, &jobs.into_iter().collect())
        };
        assert!(told("run-1-a") && !told("run-1-b") && told("run-2-b"));
    }

    #[test]
    fn a_line_that_the_log_holds_twice_is_one_receive() {
        let twice = vec![outcome("run-1-a", "m", 1, Outcome::Succeeded); 2];
        let observed = Observed { outcomes: twice, ..Observed::default() };
        let lines = watch().lines(&observed, true);
        let is_receive = |line: &&Line| matches!(line.event, Event::Received { .. });
        assert_eq!(lines.iter().filter(is_receive).count(), 1);
    }

    #[test]
    fn a_line_that_names_only_the_job_or_only_the_message_finds_the_other() {
        let sent = |seconds, job: &str, message: &str| SentMessage {
            at: BEGAN + std::time::Duration::from_secs(seconds),
            job: job.to_owned(),
            message: message.to_owned(),
        };
        let nameless = |receive_count, job: Option<&str>, message: &str| {
            let mut outcome = outcome("", message, receive_count, Outcome::Succeeded);
            outcome.line.job_id = job.map(str::to_owned);
            outcome
        };
        let found = |outcome: LoggedOutcome| {
            let sent = vec![sent(0, "a", "m"), sent(5, "a", "again"), sent(0, "b", "n")];
            let observed = Observed { outcomes: vec![outcome], sent, ..Observed::default() };
            watch().lines(&observed, false).into_iter().find_map(|line| match line.event {
                Event::Attempt { job, message, .. } => Some(format!("{job} {message}")),
                _ => None,
            })
        };
        assert_eq!(found(nameless(1, Some("run-1-a"), "")).as_deref(), Some("a m"));
        assert_eq!(found(nameless(6, Some("run-1-a"), "")).as_deref(), Some("a again"));
        assert_eq!(found(nameless(1, None, "n")).as_deref(), Some("b n"));
        assert_eq!(found(nameless(1, None, "x")), None);
        assert_eq!(found(nameless(1, Some("run-1-c"), "")).as_deref(), Some("c message of c"));
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
