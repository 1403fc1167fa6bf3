//! What a worker's log reports messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::{Outcome, OutcomeLine};
use verifier_model::time::Timestamp;

use super::failures::Handed;
use super::invocations::Invocations;
use super::named::{Named, OwnIds, words_of};
use super::reason::{failure_in, reason_in};
use super::{Asked, Attempt, Cause, DeadLetter, Delivery, RequestLog};
use crate::settings::OutcomeReader;

/// How much of a line is kept.
const LINE_CHARS_MAX: usize = 1000;
/// The shortest id of a job that is looked for in lines of any shape, in bytes.
const JOB_ID_MIN: usize = 6;
/// How much before a message was sent a line about its job may seem to be written: clocks differ. What is older is about another
/// message of that job.
const WRITTEN_BEFORE: Duration = Duration::from_secs(2);

/// What a log reports some messages.
#[derive(Clone, Debug, Default)]
pub struct AttemptLog {
    ids: BTreeSet<String>,
    /// The messages of jobs, by the jobs' ids.
    jobs: BTreeMap<String, Vec<String>>,
    /// When messages were sent.
    sent: BTreeMap<String, Timestamp>,
    /// Messages that a line is about.
    named: BTreeSet<String>,
    /// The first failure in a line of text that mentions a message alone.
    mentioned: BTreeMap<String, String>,
    /// When messages were received first, and how their function got them, where the log is that function's.
    received: BTreeMap<String, (Timestamp, Delivery)>,
    /// The queues that messages came from.
    sources: BTreeMap<String, String>,
    invocations: Invocations,
    /// Why messages failed by what a service has written on them.
    written: BTreeMap<String, String>,
    attempts: BTreeMap<String, Vec<Attempt>>,
    /// Why messages failed by how invocations ended.
    by_invocation: BTreeMap<String, Cause>,
}

impl AttemptLog {
    /// Of messages with those ids.
    pub fn of(ids: impl IntoIterator<Item = String>) -> Self {
        Self { ids: ids.into_iter().collect(), ..Self::default() }
    }

    /// Of what a log is asked about.
    pub fn of_asked<'a>(asked: impl IntoIterator<Item = &'a Asked<'a>>) -> Self {
        let mut log = Self::default();
        for Asked { message, by_job, delivery } in asked {
            let DeadLetter { message_id, job_id, sent_at, first_received_at, source_arn, .. } =
                message;
            log.sent.extend(sent_at.map(|at| (message_id.clone(), at)));
            log.ids.insert(message_id.clone());
            if let Some(source) = source_arn {
                log.sources.insert(message_id.clone(), source.clone());
            }
            if let Some(job_id) = job_id.as_ref().filter(|_| *by_job) {
                log.jobs.entry(job_id.clone()).or_default().push(message_id.clone());
            }
            if let (Some(at), Some(delivery)) = (first_received_at, delivery) {
                log.received.insert(message_id.clone(), (*at, *delivery));
            }
        }
        log
    }

    /// Takes what another log reports.
    pub fn join(&mut self, other: Self) {
        let Self { ids, jobs, sent, named, mentioned, written, attempts, by_invocation, .. } =
            other;
        self.ids.extend(ids);
        self.sent.extend(sent);
        self.named.extend(named);
        for (id, reason) in mentioned {
            self.mentioned.entry(id).or_insert(reason);
        }
        self.jobs.extend(jobs);
        self.written.extend(written);
        for (id, attempts) in attempts {
            for attempt in attempts {
                self.add(id.clone(), attempt);
            }
        }
        for (id, cause) in by_invocation {
            let known = self.by_invocation.entry(id).or_default();
            // What is told counts more.
            if known.told().is_none() {
                *known = cause;
            }
        }
    }

    /// Takes an event of a log stream: what it says of messages, and of the invocation.
    pub fn take_event(&mut self, stream: &str, at: Timestamp, line: &str, reader: &OutcomeReader) {
        self.take(at, line, reader);
        let named = self.names_in(at, line, reader);
        self.invocations.take(stream, at, line.trim_end(), named);
    }

    /// Which messages a line names.
    fn names_in(&self, at: Timestamp, line: &str, reader: &OutcomeReader) -> Named {
        if let Some(outcome) = reader.read_any(line) {
            let own: BTreeSet<String> = self.messages_of(at, &outcome).into_iter().collect();
            let others = if own.is_empty() {
                name_of(outcome).into_iter().collect()
            } else {
                BTreeSet::new()
            };
            return Named { own, others, mentioned: BTreeSet::new() };
        }
        let mut mentioned = self.named_in(at, &words_of(line.trim()));
        let Some(OwnIds { messages, jobs }) = OwnIds::of(line, reader) else {
            return Named { mentioned, ..Named::default() };
        };
        let (own, others): (BTreeSet<String>, BTreeSet<String>) = if messages.is_empty() {
            let own = jobs.iter().flat_map(|job| self.of_job(at, job)).collect();
            (own, jobs.into_iter().filter(|job| !self.jobs.contains_key(job)).collect())
        } else {
            messages.into_iter().partition(|id| self.ids.contains(id))
        };
        mentioned.retain(|id| !own.contains(id));
        Named { own, mentioned, others }
    }

    /// The messages that an outcome is of: by its message id, or where it has none by its job's.
    fn messages_of(&self, at: Timestamp, outcome: &OutcomeLine) -> Vec<String> {
        if !outcome.message_id.is_empty() {
            return self.ids.get(&outcome.message_id).cloned().into_iter().collect();
        }
        outcome.job_id.iter().flat_map(|job_id| self.of_job(at, job_id)).collect()
    }

    /// The messages of a job that were sent when a line about it was written.
    fn of_job(&self, at: Timestamp, job_id: &str) -> impl Iterator<Item = String> {
        let was_sent =
            move |id: &&String| self.sent.get(*id).is_none_or(|sent| *sent <= at + WRITTEN_BEFORE);
        self.jobs.get(job_id).into_iter().flatten().filter(was_sent).cloned()
    }

    /// The messages whose ids stand in a line, or those of their jobs.
    fn named_in(&self, at: Timestamp, line: &str) -> BTreeSet<String> {
        let by_id = words(line).filter(|word| self.ids.contains(*word)).map(str::to_owned);
        let by_job = job_words(line).flat_map(|word| self.of_job(at, word));
        by_id.chain(by_job).collect()
    }

    /// Why messages failed is not known yet.
    pub fn lacks_reasons(&self) -> bool {
        self.ids.iter().any(|id| self.reason(id).is_none())
    }

    /// Takes a line for those that it reports: an outcome by the settings, or else a line in which an id stands.
    pub fn take(&mut self, at: Timestamp, line: &str, reader: &OutcomeReader) {
        let whole = line.trim();
        let line: String = whole.chars().take(LINE_CHARS_MAX).collect();
        if let Some(outcome) = reader.read_any(&line) {
            let messages = self.messages_of(at, &outcome);
            let attempt = Attempt {
                at,
                outcome: Some(outcome.outcome),
                receive_count: Some(outcome.receive_count),
                request_id: Some(outcome.request_id).filter(|id| !id.is_empty()),
                reason: outcome.reason,
                line,
            };
            for id in messages {
                self.named.insert(id.clone());
                self.add(id, attempt.clone());
            }
            return;
        }
        // Of the whole line: what was cut is no JSON any more.
        let Named { own, mentioned, others } = self.names_in(at, whole, reader);
        if own.is_empty() && others.is_empty() && mentioned.len() == 1 {
            self.mention(whole, &mentioned);
        }
        for id in own.iter().chain(&mentioned) {
            let is_own = own.contains(id);
            let reason = if is_own { reason_in(whole, self.name_in(whole, id)) } else { None };
            let (outcome, receive_count, request_id) = (None, None, None);
            let line = line.clone();
            self.add(id.clone(), Attempt { at, outcome, receive_count, request_id, reason, line });
        }
        self.named.extend(own);
    }

    /// Takes the failure that a line of text tells which mentions a message alone.
    fn mention(&mut self, line: &str, mentioned: &BTreeSet<String>) {
        let Some(failure) = failure_in(line) else { return };
        for id in mentioned {
            let name = self.name_in(line, id);
            // Where the words themselves do not have it, a field does that is not about the message.
            if failure.contains(name)
                && let Some(reason) = reason_in(line, name)
            {
                self.mentioned.entry(id.clone()).or_insert(reason);
            }
        }
    }

    fn add(&mut self, id: String, attempt: Attempt) {
        let attempts = self.attempts.entry(id).or_default();
        // Pages may repeat an event, and at-least-once delivery of logs does.
        if !attempts.contains(&attempt) {
            attempts.push(attempt);
            attempts.sort_by_key(|attempt| attempt.at);
        }
    }

    /// Takes what services have written on messages that they could not deliver.
    pub fn take_attributes<'a>(&mut self, messages: impl IntoIterator<Item = &'a DeadLetter>) {
        for message in messages {
            if let Some(reason) = message.written_reason() {
                self.written.insert(message.message_id.clone(), reason);
            }
        }
    }

    /// What is known of a message, in the order of its times.
    pub fn attempts(&self, id: &str) -> &[Attempt] {
        self.attempts.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// What was tried with a message: the attempts whose lines tell how they ended, or else every line that names it.
    pub fn tries(&self, id: &str) -> Vec<&Attempt> {
        let attempts = self.attempts(id);
        let ended: Vec<&Attempt> =
            attempts.iter().filter(|attempt| attempt.outcome.is_some()).collect();
        if ended.is_empty() { attempts.iter().collect() } else { ended }
    }

    /// Why a message failed last, where that is told. Of a line that the settings cannot read it is the first that looks like a
    /// failure: what comes later often follows from it. Where no line of its own tells, the end of an invocation does that held
    /// it. What is deleted or sent for its reason is chosen by this, and never by what is inferred.
    pub fn reason(&self, id: &str) -> Option<&str> {
        let attempts = self.attempts(id);
        let failed = attempts.iter().rev().find(|each| each.outcome == Some(Outcome::Failed));
        let told = failed.and_then(|attempt| attempt.reason.as_deref());
        told.or_else(|| attempts.iter().find_map(|attempt| attempt.reason.as_deref()))
            .or_else(|| self.by_invocation.get(id).and_then(Cause::told))
            .or_else(|| self.written.get(id).map(String::as_str))
    }

    /// Why a message failed, and how that is known.
    pub fn cause(&self, id: &str) -> Cause {
        match self.reason(id) {
            Some(reason) => Cause::Told(reason.to_owned()),
            None => self.mentioned.get(id).cloned().map_or_else(
                || self.by_invocation.get(id).cloned().unwrap_or_default(),
                Cause::Inferred,
            ),
        }
    }

    /// Looks for what invocations tell, when all events were taken.
    pub fn conclude(&mut self) {
        let failures = self.invocations.failures(&self.sources);
        for id in &self.ids {
            let by_time = || {
                let (at, delivery) = *self.received.get(id)?;
                let source = self.sources.get(id).map(String::as_str);
                Some(failures.by_time(Handed { id, source, at, delivery }))
            };
            let cause = match failures.told(id) {
                Some(reason) => Some(Cause::Told(reason.to_owned())),
                // The worker names it: it was in the invocations that do, and others say nothing of it.
                None if self.named.contains(id) => None,
                None => match failures.mentioned(id) {
                    Some(reason) => Some(Cause::Inferred(reason.to_owned())),
                    None => by_time(),
                },
            };
            if let Some(cause) = cause.filter(|cause| *cause != Cause::Unknown) {
                self.by_invocation.insert(id.clone(), cause);
            }
        }
    }

    /// The name by which a line is about a message: the message's id, or its job's.
    fn name_in<'a>(&'a self, line: &str, id: &'a str) -> &'a str {
        let is_of = |messages: &Vec<String>| messages.iter().any(|message| message == id);
        let of_job = || {
            job_words(line).find_map(|word| {
                self.jobs.get_key_value(word).filter(|(_, messages)| is_of(messages))
            })
        };
        if line.contains(id) { id } else { of_job().map_or(id, |(job_id, _)| job_id) }
    }
}

impl From<RequestLog> for AttemptLog {
    /// The attempts of invocations, by the ids of those.
    fn from(log: RequestLog) -> Self {
        Self { attempts: log.into_attempts(), ..Self::default() }
    }
}

/// What an outcome is of.
fn name_of(outcome: OutcomeLine) -> Option<String> {
    Some(outcome.message_id).filter(|id| !id.is_empty()).or(outcome.job_id)
}

/// Words that ids of jobs may be, where they are long enough to be no number or word that stands there by chance.
fn job_words(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '#' | '/');
    line.split(move |c| !is_part(c))
        .map(|word| word.trim_matches(['.', ':', '-', '/']))
        .filter(|word| word.len() >= JOB_ID_MIN && word.contains(|c: char| c.is_ascii_digit()))
}

/// Words that message ids may be.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use contract::{OUTCOME_EVENT, OutcomeLine};
    use serde_json::json;

    use super::*;
    use crate::settings::Settings;

    const AT: Timestamp = Timestamp::from_millis(5);

    fn reader() -> OutcomeReader {
        Settings::default().outcomes.reader().unwrap()
    }

    fn line(message_id: &str, receive_count: u32, reason: Option<&str>) -> String {
        let line = OutcomeLine {
            run_id: None,
            job_id: Some("j".to_owned()),
            message_id: message_id.to_owned(),
            receive_count,
            outcome: if reason.is_some() { Outcome::Failed } else { Outcome::Succeeded },
            reason: reason.map(str::to_owned),
            request_id: "r".to_owned(),
            batch_size: 1,
        };
        let mut fields = serde_json::to_value(line).unwrap();
        fields["event"] = OUTCOME_EVENT.into();
        json!({"timestamp": "t", "level": "INFO", "fields": fields}).to_string()
    }

    #[test]
    fn outcome_lines_tell_attempts_and_the_last_reason() {
        let mut attempt_log = AttemptLog::of(["m-1".to_owned(), "m-2".to_owned()]);
        for (at, text) in [
            (1, line("m-1", 1, Some("slow"))),
            (2, line("m-3", 1, Some("other"))),
            (3, line("m-1", 2, Some("refused"))),
            (3, line("m-1", 2, Some("refused"))),
        ] {
            attempt_log.take(Timestamp::from_millis(at), &text, &reader());
        }
        let told: Vec<_> =
            attempt_log.attempts("m-1").iter().map(|attempt| attempt.receive_count).collect();
        assert_eq!(told, [Some(1), Some(2)]);
        assert_eq!(attempt_log.reason("m-1"), Some("refused"));
        assert_eq!((attempt_log.attempts("m-2").len(), attempt_log.reason("m-2")), (0, None));
        assert_eq!(attempt_log.attempts("m-3").len(), 0);
    }

    #[test]
    fn lines_of_other_workers_tell_by_the_id() {
        let mut attempt_log = AttemptLog::of(["0a-1".to_owned(), "0a-2".to_owned()]);
        attempt_log.take(AT, "START handling 0a-1", &reader());
        attempt_log.take(AT, "[ERROR] message 0a-1: no such customer", &reader());
        attempt_log.take(AT, "[ERROR] message 0a-2: no such customer", &reader());
        assert_eq!(attempt_log.attempts("0a-1").len(), 2);
        // Text may be about another message: it is shown, and selects nothing.
        let inferred = Cause::Inferred("[ERROR] message …: no such customer".to_owned());
        assert_eq!((attempt_log.reason("0a-1"), attempt_log.cause("0a-1")), (None, inferred));
        assert_eq!(attempt_log.cause("0a-1"), attempt_log.cause("0a-2"));
        // Logs deliver at least once.
        attempt_log.take(AT, "START handling 0a-1", &reader());
        assert_eq!((attempt_log.attempts("0a-1").len(), attempt_log.tries("0a-1").len()), (2, 2));
        attempt_log.take(AT, &line("0a-1", 1, Some("slow")), &reader());
        assert_eq!((attempt_log.attempts("0a-1").len(), attempt_log.tries("0a-1").len()), (3, 1));
    }

    const ONE: &str = "c1a7f3a2-9a11-4c4e-8d26-1f0c7a3c5d10";

    /// What the lines of an invocation, without the last one's failure of the batch, tell of `a-1`, and of `b-1`.
    fn causes(lines: &[&str]) -> (Cause, Cause) {
        let mut log = AttemptLog::of(["a-1".to_owned(), "b-1".to_owned()]);
        let start = format!("START RequestId: {ONE} Version: $LATEST");
        for line in [start.as_str()].iter().chain(lines) {
            log.take_event("s", AT, line, &reader());
        }
        log.conclude();
        (log.cause("a-1"), log.cause("b-1"))
    }

    #[test]
    fn a_line_tells_nothing_of_a_message_that_it_merely_mentions() {
        let told = |reason: &str| Cause::Told(reason.to_owned());
        for (line, of_b) in [
            (r#"{"level":"ERROR","message":"ValueError: bad","inReplyTo":"a-1"}"#, Cause::Unknown),
            (
                r#"{"level":"ERROR","message":"ValueError: bad","messageId":"b-1","relatedMessageId":"a-1"}"#,
                told("ValueError: bad"),
            ),
            ("[ERROR] b-1 conflicts with a-1", Cause::Unknown),
            ("[WARN] a-1 KeyError on cache, fallback used", Cause::Unknown),
        ] {
            assert_eq!(causes(&[line]), (Cause::Unknown, of_b), "{line}");
        }
        let waiting = causes(&["[ERROR] TimeoutError while waiting for a-1"]).0;
        assert_eq!(waiting.told(), None);
        assert_eq!(waiting.inferred(), Some("[ERROR] TimeoutError while waiting for …"));
    }

    #[test]
    fn an_error_without_an_id_is_that_of_the_message_which_its_invocation_held_alone() {
        let holds =
            |id: &str| format!(r#"{{"level":"INFO","message":"start","messageId":"{id}"}}"#);
        let (holds_a, holds_b) = (holds("a-1"), holds("b-1"));
        let error = "[ERROR] KeyError: 'price'";
        let told = Cause::Told(error.to_owned());
        assert_eq!(causes(&[&holds_a, error]), (told, Cause::Unknown));
        // Of two it is not known which it was of.
        assert_eq!(causes(&[&holds_a, &holds_b, error]), (Cause::Unknown, Cause::Unknown));
        assert_eq!(causes(&[&holds_a, &holds("c-1"), error]).0, Cause::Unknown);
        // Text does not say that it held what it mentions.
        let inferred = Cause::Inferred(error.to_owned());
        assert_eq!(causes(&["[INFO] processing a-1", error]), (inferred, Cause::Unknown));
    }

    #[test]
    fn a_line_tells_nothing_of_a_message_of_its_job_that_was_sent_later() {
        let sent_at = Timestamp::from_millis(100_000);
        let message = DeadLetter {
            message_id: "a-1".to_owned(),
            job_id: Some("job-17".to_owned()),
            sent_at: Some(sent_at),
            ..DeadLetter::default()
        };
        let asked = Asked { message: &message, by_job: true, delivery: None };
        let line = r#"{"level":"ERROR","message":"KeyError: 'price'","jobId":"job-17"}"#;
        let of_copy = r#"{"level":"ERROR","message":"KeyError","jobId":"job-17","messageId":"z"}"#;
        let cause = |at: Timestamp, line: &str| {
            let mut log = AttemptLog::of_asked([&asked]);
            log.take_event("s", at, line, &reader());
            log.conclude();
            log.cause("a-1")
        };
        let told = Cause::Told("KeyError: 'price'".to_owned());
        assert_eq!(cause(sent_at - Duration::from_secs(30), line), Cause::Unknown);
        assert_eq!(cause(sent_at - Duration::from_secs(1), line), told, "clocks differ");
        assert_eq!(cause(sent_at + Duration::from_secs(1), line), told);
        assert_eq!(cause(sent_at + Duration::from_secs(1), of_copy), Cause::Unknown);
    }
}
