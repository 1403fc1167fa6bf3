//! What a redrive was asked to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Changes, FunctionTarget, Patch, PatchError};
use crate::dead_letters::{DeadLetter, Filter, FilterError, Service};

/// A queue by its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueName {
    /// Its ARN.
    pub arn: String,
    /// Its URL.
    pub url: String,
}

/// The redrive whose changes are undone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// The path of its journal, which holds the messages as they were.
    pub journal: String,
    /// Its name, by which the journal is known again.
    pub redrive: String,
}

/// Which messages are meant, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FilterTerms {
    /// A JMESPath expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// See [`Filter::older_than`], in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_than_seconds: Option<u64>,
    /// See [`Filter::newer_than`], in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newer_than_seconds: Option<u64>,
    /// See [`Filter::receives`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receives: Option<(u32, u32)>,
    /// See [`Filter::reason`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl FilterTerms {
    /// The filter of these terms.
    pub fn filter(&self) -> Result<Filter, FilterError> {
        let seconds = |value: Option<u64>| value.map(std::time::Duration::from_secs);
        let Self { expression, older_than_seconds, newer_than_seconds, receives, reason } = self;
        let mut filter = Filter::default();
        if let Some(expression) = expression {
            filter = filter.with_expression(expression)?;
        }
        filter.older_than = seconds(*older_than_seconds);
        filter.newer_than = seconds(*newer_than_seconds);
        filter.receives = *receives;
        filter.reason.clone_from(reason);
        Ok(filter)
    }
}

/// How a redrive goes on: what a resumed one needs to know of the one before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terms {
    /// Which messages are meant; beside a plan, those of the plan.
    pub filter: FilterTerms,
    /// Whether only the messages of a plan are meant, which stand in the journal.
    pub is_planned: bool,
    /// Only messages that came from this queue, or do not tell; any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_arn: Option<String>,
    /// Whether the user has named that queue: then messages of others are not meant; otherwise they stay and are named.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_source_named: bool,
    /// Whether those that do not tell where they came from stay, too: several queues share the dead-letter queue.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_with_source: bool,
    /// The queues that messages came from, where each is sent to its own; empty where all go to one queue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<QueueName>,
    /// The sizes of the ramp's steps; empty for all at once.
    pub steps: Vec<u64>,
    /// How many bounces stop it.
    pub stop_after: u64,
    /// The most messages; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
    /// The most messages in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// How many requests are made at once.
    pub concurrency: usize,
    /// A JSON merge patch of the bodies, for readers: its numbers may be rounded here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<Value>,
    /// The patch as it was written, which counts; journals of before do not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch_text: Option<String>,
    /// See [`Changes::patch_non_objects`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub patch_non_objects: bool,
    /// See [`Changes::attributes`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Option<String>>,
    /// How often a message may be redriven; without bound when absent, as in journals of before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrives_max: Option<u32>,
    /// Whether each message carries an attribute that says how often it was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub counts_redrives: bool,
    /// The redrive whose changed copies are meant, each of which its original takes the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone: Option<Undone>,
    /// The function that is invoked with the events of messages, where they are sent to no queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionTarget>,
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the destination of that number: to that of [`Terms::sources`], or to the only one.
    To(usize),
    /// Nowhere: it came from another queue than the one that is meant.
    Other,
    /// Nowhere, though it may be meant: where it came from is not known, or is no destination. Says why.
    Unknown(String),
}

impl QueueName {
    /// Whether a queue of that URL is at the same endpoint: names and account numbers are the same at any emulator. What is not
    /// known is not held against it, and all endpoints of AWS lead to the same queue.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>.
    pub fn is_at_the_endpoint_of(&self, url: &str) -> bool {
        let host = |url: &str| {
            let host = url.split_once("://").map_or(url, |(_, rest)| rest);
            host.split('/')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
                .replace("localhost:", "127.0.0.1:")
        };
        let (own, other) = (host(&self.url), host(url));
        let is_aws = |host: &str| {
            let host = host.split(':').next().unwrap_or_default();
            [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"]
                .iter()
                .any(|end| host.ends_with(end))
        };
        own.is_empty() || other.is_empty() || own == other || is_aws(&own) && is_aws(&other)
    }
}

impl Terms {
    /// Whether anything is changed of messages, so that there is something to undo.
    pub fn has_changes(&self) -> bool {
        self.patch.is_some() || self.patch_text.is_some() || !self.attributes.is_empty()
    }

    /// What is changed of each message.
    pub fn changes(&self) -> Result<Changes, PatchError> {
        let text = self.patch_text.clone().or(self.patch.as_ref().map(Value::to_string));
        Ok(Changes {
            patch: text.as_deref().map(Patch::read).transpose()?,
            patch_non_objects: self.patch_non_objects,
            attributes: self.attributes.clone(),
        })
    }

    /// Whether each message is sent to the queue that it came from.
    pub fn to_source(&self) -> bool {
        !self.sources.is_empty()
    }

    /// The message that a patch is of: where a function is invoked, its event is.
    pub fn patchable(&self, message: &DeadLetter) -> Result<DeadLetter, String> {
        match &self.function {
            Some(function) => function.with_event(message),
            None => Ok(message.clone()),
        }
    }

    /// Where a message goes. Several queues may share a dead-letter queue, and a message must not be sent to one that is not its
    /// own unless that was asked for.
    pub fn route(&self, message: &DeadLetter) -> Route {
        if let Some(function) = &self.function {
            return match function.event(message) {
                Ok(_) => Route::To(0),
                Err(why) => Route::Unknown(why),
            };
        }
        let unknown = unknown_source(message);
        if self.to_source() {
            let Some(source) = &message.source_arn else {
                return Route::Unknown(unknown);
            };
            return match self.sources.iter().position(|queue| queue.arn == *source) {
                Some(at) => Route::To(at),
                None => Route::Unknown(format!(
                    "it came from {source}, whose redrive policy does not name the dead-letter queue any more: send it with --to QUEUE"
                )),
            };
        }
        match (&self.source_arn, &message.source_arn) {
            (Some(meant), Some(found)) if meant != found && self.is_source_named => Route::Other,
            (Some(meant), Some(found)) if meant != found => Route::Unknown(format!(
                "it came from {found}, and not from {meant}: send it with --to-source, --queue or --to"
            )),
            (Some(_), None) if self.only_with_source => Route::Unknown(unknown),
            _ => Route::To(0),
        }
    }
}

/// Why a message without a source stays, and what sends it.
fn unknown_source(message: &DeadLetter) -> String {
    match message.service() {
        Some(service @ (Service::AsyncInvocation | Service::InvocationRecord)) => format!(
            "it came from no queue, and is {}: invoke the function with --to-function NAME",
            service.one()
        ),
        Some(service) => {
            format!("it came from no queue, and is {}: send it with --to QUEUE", service.one())
        }
        None => "it does not say which queue it came from: send it with --to QUEUE".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(source: Option<&str>) -> DeadLetter {
        DeadLetter { source_arn: source.map(str::to_owned), ..DeadLetter::default() }
    }

    #[test]
    fn a_queue_of_the_same_name_at_another_endpoint_is_another_one() {
        let at = |written: &str, found: &str| {
            let written = QueueName { arn: "a".to_owned(), url: written.to_owned() };
            written.is_at_the_endpoint_of(found)
        };
        let local = "http://127.0.0.1:4566/000000000000/q";
        assert!(at(local, local) && at(local, "http://localhost:4566/000000000000/q"));
        assert!(at("", local) && at(local, ""));
        assert!(!at(local, "http://127.0.0.1:4567/000000000000/q"));
        assert!(!at(local, "https://sqs.eu-west-1.amazonaws.com/000000000000/q"));
        assert!(!at(
            "https://sqs.eu-west-1.amazonaws.com.evil.example/1/q",
            "https://sqs.eu-west-1.amazonaws.com/1/q"
        ));
        // AWS's own endpoints lead to the same queue.
        assert!(at(
            "https://sqs.eu-west-1.amazonaws.com/1/q",
            "https://eu-west-1.queue.amazonaws.com/1/q"
        ));
    }

    #[test]
    fn a_message_goes_to_its_own_queue_or_nowhere() {
        let queue = |arn: &str| QueueName { arn: arn.to_owned(), url: String::new() };
        let terms = Terms { sources: vec![queue("a"), queue("b")], ..Terms::default() };
        let route = |source| terms.route(&from(source));
        assert_eq!(route(Some("b")), Route::To(1));
        assert!(matches!(route(None), Route::Unknown(why) if why.contains("--to")));
        assert!(matches!(route(Some("c")), Route::Unknown(why) if why.contains("came from c")));
    }

    #[test]
    fn a_message_of_another_queue_stays_and_one_without_a_source_is_sent_where_there_is_one_only() {
        let terms = Terms { source_arn: Some("a".to_owned()), ..Terms::default() };
        assert_eq!(terms.route(&from(Some("a"))), Route::To(0));
        assert!(
            matches!(terms.route(&from(Some("b"))), Route::Unknown(why) if why.contains("from b"))
        );
        let named = Terms { is_source_named: true, ..terms.clone() };
        assert_eq!(named.route(&from(Some("b"))), Route::Other, "nobody has asked for it");
        assert_eq!(terms.route(&from(None)), Route::To(0));
        let shared = Terms { only_with_source: true, ..terms };
        assert_eq!(shared.route(&from(Some("a"))), Route::To(0));
        assert!(matches!(shared.route(&from(None)), Route::Unknown(_)));
        // Whoever names another queue means all.
        let any = Terms::default();
        assert_eq!(any.route(&from(None)), Route::To(0));
        assert_eq!(any.route(&from(Some("b"))), Route::To(0));
    }
}
