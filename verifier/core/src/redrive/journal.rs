//! What a redrive writes down: one JSON document a line, in the order in which things happen.
//!
//! A letter goes through intent, sent and deleted. The intent is on the disk before the message is sent, and its new id
//! before the letter is deleted, so that whenever the process ends, what may have happened is written down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use verifier_model::time::Timestamp;

use super::{Accounting, Bounce, Changes, Patch, PatchError, Planned};
use crate::dead_letters::{Filter, FilterError, Letter};

/// The schema of a journal, which its first line names.
pub const SCHEMA: &str = "verifier.redrive.journal/1";

/// A queue by its names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueName {
    /// Its ARN.
    pub arn: String,
    /// Its URL.
    pub url: String,
}

/// A letter that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intended {
    /// The letter's id.
    pub id: String,
    /// The letter itself where something else is sent in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<Letter>,
}

/// A letter and the message that took its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The letter's id.
    pub from: String,
    /// The message's id.
    pub to: String,
    /// The ARN of the queue that the message was sent to, where each goes to the queue that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
}

/// Which letters are meant, as text.
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
        let mut filter = Filter::default();
        if let Some(expression) = &self.expression {
            filter = filter.with_expression(expression)?;
        }
        filter.older_than = seconds(self.older_than_seconds);
        filter.newer_than = seconds(self.newer_than_seconds);
        filter.receives = self.receives;
        filter.reason.clone_from(&self.reason);
        Ok(filter)
    }
}

/// How a redrive goes on: what a resumed one needs to know of the one before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terms {
    /// Which letters are meant; beside a plan, those of the plan.
    pub filter: FilterTerms,
    /// Whether only the letters of a plan are meant, which stand in the journal.
    pub is_planned: bool,
    /// Only letters that came from this queue, or do not tell; any when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_arn: Option<String>,
    /// Whether the user has named that queue: then letters of others are not meant; otherwise they stay and are named.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_source_named: bool,
    /// Whether those that do not tell where they came from stay, too: several queues share the dead-letter queue.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_with_source: bool,
    /// The queues that letters came from, where each is sent to its own; empty where all go to one queue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<QueueName>,
    /// The sizes of the ramp's steps; empty for all at once.
    pub steps: Vec<u64>,
    /// How many bounces stop it.
    pub stop_after: u64,
    /// The most letters; all when absent.
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
}

/// Where a letter goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the destination of that number: to that of [`Terms::sources`], or to the only one.
    To(usize),
    /// Nowhere: it came from another queue than the one that is meant.
    Other,
    /// Nowhere, though it may be meant: where it came from is not known, or is no destination. Says why.
    Unknown(String),
}

impl Terms {
    /// What is changed of each message.
    pub fn changes(&self) -> Result<Changes, PatchError> {
        let text = self.patch_text.clone().or(self.patch.as_ref().map(Value::to_string));
        Ok(Changes {
            patch: text.as_deref().map(Patch::read).transpose()?,
            patch_non_objects: self.patch_non_objects,
            attributes: self.attributes.clone(),
        })
    }

    /// Whether each letter is sent to the queue that it came from.
    pub fn to_source(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Where a letter goes. Several queues may share a dead-letter queue, and a letter must not be sent to one that is not its
    /// own unless that was asked for.
    pub fn route(&self, letter: &Letter) -> Route {
        let unknown = "it does not say which queue it came from: send it with --to QUEUE";
        if self.to_source() {
            let Some(source) = &letter.source_arn else {
                return Route::Unknown(unknown.to_owned());
            };
            return match self.sources.iter().position(|queue| queue.arn == *source) {
                Some(at) => Route::To(at),
                None => Route::Unknown(format!(
                    "it came from {source}, whose redrive policy does not name the dead-letter queue any more: send it with --to QUEUE"
                )),
            };
        }
        match (&self.source_arn, &letter.source_arn) {
            (Some(meant), Some(found)) if meant != found && self.is_source_named => Route::Other,
            (Some(meant), Some(found)) if meant != found => Route::Unknown(format!(
                "it came from {found}, and not from {meant}: send it with --to-source, --queue or --to"
            )),
            (Some(_), None) if self.only_with_source => Route::Unknown(unknown.to_owned()),
            _ => Route::To(0),
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Entry {
    /// The redrive began.
    Started {
        /// [`SCHEMA`].
        schema: String,
        /// Names the redrive.
        redrive: String,
        /// When.
        at: Timestamp,
        /// Who asked for it, by STS or else by the system's user name.
        who: String,
        /// Why, in the words of whoever asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// The dead-letter queue.
        from: QueueName,
        /// Where messages are sent; without a name where each is sent to the queue that it came from ([`Terms::sources`]).
        to: QueueName,
        /// How.
        terms: Box<Terms>,
    },
    /// Letters that are meant, where a plan names them.
    Planned {
        /// The letters.
        letters: Vec<Planned>,
    },
    /// The redrive was taken up again.
    Resumed {
        /// When.
        at: Timestamp,
        /// By whom.
        who: String,
        /// Whether what has bounced is sent again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        retry_bounced: bool,
    },
    /// A step of the ramp began.
    Step {
        /// Its number, from 1.
        number: usize,
        /// How many letters it may take.
        size: u64,
    },
    /// Letters are about to be sent.
    Intent {
        /// When.
        at: Timestamp,
        /// The letters.
        letters: Vec<Intended>,
    },
    /// Messages may have arrived or not, and the letters are sent again.
    Ambiguous {
        /// The letters' ids.
        ids: Vec<String>,
        /// Why it is not known.
        why: String,
    },
    /// Messages were offered to SQS until it was given up, and no answer said what became of them: they may have arrived up to
    /// that many times. The letters stay where they are.
    Unconfirmed {
        /// How often each was offered without an answer, by the letters' ids.
        letters: BTreeMap<String, u32>,
        /// Why it is not known.
        why: String,
    },
    /// SQS has confirmed messages.
    Sent {
        /// Which letter became which message.
        letters: Vec<Pair>,
    },
    /// Letters were not sent, and stay where they are.
    NotSent {
        /// Their ids, each with the reason.
        letters: BTreeMap<String, String>,
    },
    /// Messages of FIFO queues were sent though one before them of their group was not.
    OutOfOrder {
        /// The letters' ids.
        ids: Vec<String>,
    },
    /// Messages were sent with a trace header that SQS did not say to have.
    TraceLost {
        /// The letters' ids.
        ids: Vec<String>,
    },
    /// Letters are not what was planned, and stay.
    Changed {
        /// Their ids.
        ids: Vec<String>,
    },
    /// Letters that were sent are deleted, or were seen to be gone.
    Deleted {
        /// Their ids.
        ids: Vec<String>,
    },
    /// What has become of the messages of a step.
    Judged {
        /// The step's number.
        number: usize,
        /// How many succeeded.
        succeeded: u64,
        /// Of those, how many of which only that is known: they did not come back.
        #[serde(default)]
        by_absence: u64,
        /// Those that failed again.
        bounced: Vec<Bounce>,
        /// How many of which it is not known.
        unknown: u64,
    },
    /// The redrive is over, or stopped.
    Ended {
        /// When.
        at: Timestamp,
        /// Why it went no further; absent when it is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopped: Option<String>,
        /// What became of everything.
        accounting: Accounting,
    },
}

/// How many bytes of a journal are whole lines. What is behind them was being written when the process ended.
pub fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(source: Option<&str>) -> Letter {
        Letter { source_arn: source.map(str::to_owned), ..Letter::default() }
    }

    #[test]
    fn a_letter_goes_to_its_own_queue_or_nowhere() {
        let queue = |arn: &str| QueueName { arn: arn.to_owned(), url: String::new() };
        let terms = Terms { sources: vec![queue("a"), queue("b")], ..Terms::default() };
        let route = |source| terms.route(&from(source));
        assert_eq!(route(Some("b")), Route::To(1));
        assert!(matches!(route(None), Route::Unknown(why) if why.contains("--to")));
        assert!(matches!(route(Some("c")), Route::Unknown(why) if why.contains("came from c")));
    }

    #[test]
    fn a_letter_of_another_queue_stays_and_one_without_a_source_is_sent_where_there_is_one_only() {
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
