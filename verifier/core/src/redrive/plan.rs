//! A frozen selection of messages, which somebody may look at before it is carried out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use verifier_model::time::Timestamp;

use super::{QueueName, Terms};
use crate::dead_letters::{Cause, DeadLetter, shape};

/// The schema of a plan.
pub const PLAN_SCHEMA: &str = "verifier.redrive.plan/1";

/// Fails where a message would have more bytes than its destination takes.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>; a queue's own
/// `MaximumMessageSize` may be less.
pub fn check_size(bytes: usize, bytes_max: usize, to: &str) -> Result<(), String> {
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(format!("it would have {bytes} bytes as it is sent, and {to} takes at most {bytes_max}"))
}

/// A message of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// Its id.
    pub message_id: String,
    /// Of what would be sent: see [`DeadLetter::content_sha256`].
    pub content_sha256: String,
    /// When it was sent, for whoever reads the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// How many bytes it has.
    #[serde(default)]
    pub size_bytes: usize,
    /// Why it failed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it failed, where that is only inferred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inferred_reason: Option<String>,
    /// The ARN of the queue that it came from, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_arn: Option<String>,
}

/// What a redrive is going to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema: String,
    /// When it was made.
    pub at: Timestamp,
    /// The dead-letter queue.
    pub from: QueueName,
    /// Where messages would be sent; without a name where each goes to the queue that it came from.
    pub to: QueueName,
    /// How.
    pub terms: Terms,
    /// The messages, those that were sent first in front.
    pub messages: Vec<Planned>,
    /// Messages that may be meant and stay all the same, each with the reason: where they came from is not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, String>,
    /// The bodies of a few messages before and after the patch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preview: Vec<Preview>,
    /// How many messages were looked at.
    #[serde(default)]
    pub looked_at: u64,
    /// How many others held then, by the queue's count; nobody has seen those.
    #[serde(default)]
    pub in_flight: u64,
    /// How many were visible and not brought by any receive; on FIFO queues they are behind others of their group.
    #[serde(default)]
    pub not_reachable: u64,
    /// Why there may be more that are meant; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete_because: Option<String>,
}

/// What a patch does to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// Its id.
    pub message_id: String,
    /// Its body.
    pub before: String,
    /// The body that would be sent.
    pub after: String,
}

impl Preview {
    /// The lines that differ: those that go, each with `- `, and those that come, each with `+ `.
    pub fn diff(&self) -> Vec<String> {
        let (before, after): (Vec<&str>, Vec<&str>) =
            (self.before.lines().collect(), self.after.lines().collect());
        let same = |(a, b): &(&&str, &&str)| a == b;
        let ahead = before.iter().zip(&after).take_while(same).count();
        let (gone, come) = (&before[ahead..], &after[ahead..]);
        let behind = gone.iter().rev().zip(come.iter().rev()).take_while(same).count();
        let gone = gone[..gone.len() - behind].iter().map(|line| format!("- {line}"));
        let come = come[..come.len() - behind].iter().map(|line| format!("+ {line}"));
        gone.chain(come).collect()
    }
}

/// A plan that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// It is no plan.
    #[error("it is no plan: {0}")]
    Malformed(String),
    /// It is of another kind.
    #[error("expected the schema {PLAN_SCHEMA}, found {0}")]
    Schema(String),
}

impl Planned {
    /// A message as a plan names it.
    pub fn of(message: &DeadLetter, cause: &Cause) -> Self {
        Self {
            message_id: message.message_id.clone(),
            content_sha256: message.content_sha256(),
            sent_at: message.sent_at,
            size_bytes: message.size_bytes(),
            reason: cause.told().map(str::to_owned),
            inferred_reason: cause.inferred().map(str::to_owned),
            source_arn: message.source_arn.clone(),
        }
    }
}

impl Plan {
    /// Reads one.
    pub fn read(text: &str) -> Result<Self, PlanError> {
        let plan: Self =
            serde_json::from_str(text).map_err(|error| PlanError::Malformed(error.to_string()))?;
        if plan.schema == PLAN_SCHEMA { Ok(plan) } else { Err(PlanError::Schema(plan.schema)) }
    }

    /// Why carrying it out does not do all that was asked for, where it does not: some messages were not reached, or stay.
    pub fn shortfall(&self) -> Option<String> {
        let reached = self.in_flight == 0 && self.not_reachable == 0;
        if let Some(why) = self.incomplete_because.as_ref().filter(|_| !reached) {
            return Some(format!("not all messages were reached: {why}"));
        }
        if !self.left_out.is_empty() {
            return Some(format!("{} messages stay, which the plan names", self.left_out.len()));
        }
        let nothing = self.messages.is_empty() && self.looked_at > 0;
        nothing
            .then(|| format!("none of the {} messages that were seen is selected", self.looked_at))
    }

    /// How many messages came from which queue; last those that do not say.
    pub fn sources(&self) -> Vec<(Option<&str>, usize)> {
        let mut counts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for message in &self.messages {
            *counts.entry(message.source_arn.as_deref()).or_default() += 1;
        }
        let unknown = counts.remove(&None).map(|count| (None, count));
        counts.into_iter().chain(unknown).collect()
    }

    /// How many messages died of which cause, by the shapes of reasons; those of most messages in front.
    pub fn causes(&self) -> Vec<(Cause, usize)> {
        let mut counts: BTreeMap<Cause, usize> = BTreeMap::new();
        for message in &self.messages {
            let told = message.reason.as_deref().map(|reason| Cause::Told(shape(reason)));
            let inferred = message.inferred_reason.as_deref().map(shape).map(Cause::Inferred);
            *counts.entry(told.or(inferred).unwrap_or_default()).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_destination_does_not_take_is_seen_before_it_is_sent() {
        assert_eq!(check_size(1024, 1024, "q"), Ok(()));
        let why = check_size(1025, 1024, "q").unwrap_err();
        assert!(why.contains("1025 bytes") && why.contains("q takes at most 1024"), "{why}");
    }

    #[test]
    fn a_plan_that_does_not_reach_all_says_so() {
        let plan = Plan {
            schema: PLAN_SCHEMA.to_owned(),
            at: Timestamp::default(),
            from: QueueName::default(),
            to: QueueName::default(),
            terms: Terms::default(),
            messages: Vec::new(),
            left_out: BTreeMap::new(),
            preview: Vec::new(),
            looked_at: 0,
            in_flight: 0,
            not_reachable: 0,
            incomplete_because: None,
        };
        assert_eq!(plan.shortfall(), None, "an empty queue has nothing to send");
        let none = Plan { looked_at: 3, ..plan.clone() };
        assert!(none.shortfall().unwrap().contains("none of the 3"));
        let held = Plan {
            in_flight: 30,
            incomplete_because: Some("30 in flight".to_owned()),
            ..plan.clone()
        };
        assert!(held.shortfall().unwrap().ends_with("30 in flight"));
        // As many as were asked for is all that was asked for.
        let asked =
            Plan { incomplete_because: Some("5 were asked for".to_owned()), ..plan.clone() };
        assert_eq!(asked.shortfall(), None);
        let stays = BTreeMap::from([("m".to_owned(), "why".to_owned())]);
        assert!(Plan { left_out: stays, ..plan }.shortfall().is_some());
    }

    #[test]
    fn a_diff_has_the_lines_that_differ() {
        let diff = |before: &str, after: &str| {
            let (before, after) = (before.to_owned(), after.to_owned());
            Preview { message_id: "m".to_owned(), before, after }.diff()
        };
        assert_eq!(diff("{}", r#"{"a":1}"#), ["- {}", r#"+ {"a":1}"#]);
        assert_eq!(diff("{\n1\n}", "{\n1,\n2\n}"), ["- 1", "+ 1,", "+ 2"]);
        assert!(diff("a\nb", "a\nb").is_empty());
    }
}
