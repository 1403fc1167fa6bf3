//! What an emulator sees of an experiment in its inside: each send, receive and delete, each batch and how its invocation ended.
//!
//! A deployed stack shows its worker's lines and its dead-letter queue, and what neither tells is unknown. An emulator knows, so
//! that nothing is concluded from what a worker says of itself.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use verifier_chaos::{Event, Id, InvocationEnd, Line, Observation, Queue, Watch, content_of_body};
use verifier_emulator::{HowEnded, Inside, Observed, Seen};
use verifier_model::time::Timestamp;

use super::faults::Names;
use crate::shell::admin::Admin;
use crate::shell::failure::Failure;

/// What the witness sees without exception.
pub(super) const SEES: [Observation; 5] = [
    Observation::Sends,
    Observation::Receives,
    Observation::Attempts,
    Observation::Batches,
    Observation::Deletes,
];

/// An emulator that looks on.
pub(super) struct Witness(Admin);

impl Witness {
    /// Has an emulator look on from now.
    pub(super) async fn begin(emulator: Admin) -> Result<Self, Failure> {
        let witness = Self(emulator);
        witness.asked(Method::PUT).await?;
        Ok(witness)
    }

    /// What was seen until now; then nobody looks on any more.
    pub(super) async fn end(&self) -> Result<Observed, Failure> {
        let text = self.asked(Method::GET).await?;
        self.asked(Method::DELETE).await?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::environment(format!("the emulator tells otherwise what it has seen: {error}"))
        })
    }

    async fn asked(&self, method: Method) -> Result<String, Failure> {
        let failed = |problem: String| {
            Failure::environment(format!("the emulator cannot be asked what it sees: {problem}"))
        };
        let answer = self.0.request(method, "observed").send().await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        let is_done = answer.status().is_success();
        let text = answer.text().await.map_err(|error| failed(error.to_string()))?;
        if is_done { Ok(text) } else { Err(failed(text)) }
    }
}

/// The lines of a history that what was seen gives, in its order, until a time: those about the run's own jobs.
pub(super) fn lines(
    observed: &Observed,
    watch: &Watch,
    names: &Names,
    until: Timestamp,
) -> Vec<Line> {
    let mut telling = Telling { watch, names, jobs: BTreeMap::new(), invocations: BTreeSet::new() };
    let seen = observed.events.iter().filter(|seen| seen.at <= until);
    let mut lines = Vec::new();
    for Seen { at, event } in seen {
        let at = watch.since(*at);
        lines.extend(telling.events(event).into_iter().map(|event| Line { at, event }));
    }
    lines
}

/// What is needed to tell events, and what earlier ones have told.
struct Telling<'a> {
    watch: &'a Watch,
    names: &'a Names,
    /// The run's own messages, each with its job.
    jobs: BTreeMap<&'a str, Id>,
    /// The invocations of which one was told.
    invocations: BTreeSet<&'a str>,
}

impl<'a> Telling<'a> {
    fn events(&mut self, event: &'a Inside) -> Vec<Event> {
        match event {
            Inside::Sent { queue, message, body }
            | Inside::MovedBack { queue, message, body, .. }
                if *queue == self.names.jobs =>
            {
                let Some(job) = self.watch.job_in(body) else { return Vec::new() };
                let job = Id::from(job);
                self.jobs.insert(message, job.clone());
                vec![Event::Sent { message: Id::from(message.as_str()), job }]
            }
            Inside::Received { queue, message, receive_count } if *queue == self.names.jobs => {
                let Some(job) = self.jobs.get(message.as_str()).cloned() else { return Vec::new() };
                let (queue, message) = (Queue::Jobs, Id::from(message.as_str()));
                vec![Event::Received { queue, message, job, receive_count: *receive_count }]
            }
            Inside::Deleted { queue, message } if *queue == self.names.jobs => {
                let is_own = self.jobs.contains_key(message.as_str());
                let (queue, message) = (Queue::Jobs, Id::from(message.as_str()));
                if is_own { vec![Event::Deleted { queue, message }] } else { Vec::new() }
            }
            Inside::DeadLettered { queue, message, body } if *queue == self.names.dead_letters => {
                let Some(job) = self.watch.job_in(body) else { return Vec::new() };
                let (message, job) = (Id::from(message.as_str()), Id::from(job));
                vec![Event::DeadLettered { message, job, content: content_of_body(body) }]
            }
            Inside::Throttled { function, messages } if *function == self.names.worker => {
                let messages = self.own(messages);
                if messages.is_empty() {
                    return Vec::new();
                }
                vec![Event::Throttled { messages: Some(messages) }]
            }
            Inside::Invoked { function, invocation, messages }
                if *function == self.names.worker =>
            {
                let messages = self.own(messages);
                if messages.is_empty() {
                    return Vec::new();
                }
                self.invocations.insert(invocation);
                vec![Event::Invoked { invocation: Id::from(invocation.as_str()), messages }]
            }
            Inside::Ended { invocation, how, kept, named, .. }
                if self.invocations.contains(invocation.as_str()) =>
            {
                let id = Id::from(invocation.as_str());
                let named = named.as_ref().map(|named| self.own(named));
                let ended = Event::Ended { invocation: id.clone(), how: end_of(*how), named };
                let kept = self.own(kept).into_iter();
                let kept = kept.map(|message| Event::Kept { invocation: id.clone(), message });
                [ended].into_iter().chain(kept).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Those of the run's jobs.
    fn own(&self, messages: &[String]) -> Vec<Id> {
        let own = messages.iter().filter(|message| self.jobs.contains_key(message.as_str()));
        own.map(|message| Id::from(message.as_str())).collect()
    }
}

fn end_of(how: HowEnded) -> InvocationEnd {
    match how {
        HowEnded::Responded => InvocationEnd::Responded,
        HowEnded::Errored => InvocationEnd::Errored,
        HowEnded::TimedOut => InvocationEnd::TimedOut,
        HowEnded::Crashed => InvocationEnd::Crashed,
    }
}

#[cfg(test)]
mod tests {
    use verifier_core::settings::MessageIds;

    use super::*;

    fn told(events: &str, until: u64) -> Vec<String> {
        let text = format!(r#"{{"isWhole":true,"events":[{events}]}}"#);
        let observed: Observed = serde_json::from_str(&text).unwrap();
        let watch = Watch {
            prefix: "r-".to_owned(),
            ids: MessageIds::default(),
            began_at: Timestamp::from_millis(100),
            message_is_body: true,
        };
        let names = Names {
            jobs: "J".to_owned(),
            dead_letters: "D".to_owned(),
            worker: "W".to_owned(),
            submit: None,
            has_route: true,
            has_contract: true,
            prefix: "r-".to_owned(),
        };
        let lines = lines(&observed, &watch, &names, Timestamp::from_millis(until));
        lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect()
    }

    fn at(at: u64, event: &str) -> String {
        format!(r#"{{"at":{at},"event":{event}}}"#)
    }

    const SENT: &str = r#"{"sent":{"queue":"J","message":"m","body":"{\"jobId\":\"r-a\"}"}}"#;

    #[test]
    fn a_batch_is_told_from_its_send_to_its_end() {
        let events = [
            at(100, SENT),
            at(101, r#"{"received":{"queue":"J","message":"m","receiveCount":1}}"#),
            at(102, r#"{"invoked":{"function":"W","invocation":"i","messages":["m","x"]}}"#),
            at(
                103,
                r#"{"ended":{"function":"W","invocation":"i","how":"timedOut","kept":["m","x"]}}"#,
            ),
            at(104, r#"{"deadLettered":{"queue":"D","message":"m","body":"{\"jobId\":\"r-a\"}"}}"#),
        ];
        let told = told(&events.join(","), 104);
        let kinds: Vec<bool> = told
            .iter()
            .zip(["sent", "received", "invoked", "ended", "kept", "dead-lettered"])
            .map(|(line, kind)| line.contains(&format!("\"{kind}\":")))
            .collect();
        assert_eq!(kinds, [true; 6], "{told:?}");
        assert!(told[2].contains(r#""messages":["m"]"#), "of others nothing is told: {told:?}");
        assert!(told[3].contains("timed-out") && told[0].starts_with(r#"{"at":0,"#), "{told:?}");
    }

    #[test]
    fn what_an_answer_named_is_told_where_the_mapping_ignores_it() {
        let ended = |named: &str| {
            let events = [
                at(100, SENT),
                at(101, r#"{"invoked":{"function":"W","invocation":"i","messages":["m","x"]}}"#),
                at(
                    102,
                    &format!(
                        r#"{{"ended":{{"function":"W","invocation":"i","how":"responded","kept":[]{named}}}}}"#
                    ),
                ),
            ];
            told(&events.join(","), 104).pop().unwrap_or_default()
        };
        assert!(ended(r#","named":["m","x"]"#).contains(r#""named":["m"]"#));
        assert!(ended(r#","named":[]"#).contains(r#""named":[]"#), "it named nothing");
        assert!(!ended("").contains("named"), "an emulator of before does not tell");
    }

    #[test]
    fn what_is_of_others_and_what_comes_later_is_left_out() {
        let others = [
            at(100, r#"{"sent":{"queue":"J","message":"m","body":"{\"jobId\":\"other\"}"}}"#),
            at(101, r#"{"received":{"queue":"J","message":"m","receiveCount":1}}"#),
            at(102, r#"{"invoked":{"function":"W","invocation":"i","messages":["m"]}}"#),
            at(103, r#"{"ended":{"function":"W","invocation":"i","how":"responded","kept":[]}}"#),
            at(103, r#"{"deleted":{"queue":"J","message":"m"}}"#),
            at(103, r#"{"purged":{"queue":"J","message":"m"}}"#),
            at(104, r#"{"sent":{"queue":"D","message":"n","body":"{\"jobId\":\"r-a\"}"}}"#),
        ];
        assert_eq!(told(&others.join(","), 200), [""; 0]);
        let deleted = at(150, r#"{"deleted":{"queue":"J","message":"m"}}"#);
        assert_eq!(told(&format!("{},{deleted}", at(100, SENT)), 149).len(), 1);
        assert_eq!(told(&format!("{},{deleted}", at(100, SENT)), 150).len(), 2);
    }
}
