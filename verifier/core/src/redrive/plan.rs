//! A frozen selection of letters, which somebody may look at before it is carried out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{QueueName, Terms};
use crate::dead_letters::Letter;
use crate::time::Timestamp;

/// The schema of a plan.
pub const PLAN_SCHEMA: &str = "verifier.redrive.plan/1";

/// A letter of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// Its id.
    pub message_id: String,
    /// Of what would be sent: see [`Letter::content_sha256`].
    pub content_sha256: String,
    /// When it was sent, for whoever reads the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// How many bytes it has.
    #[serde(default)]
    pub size_bytes: usize,
    /// Why it died, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
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
    /// The letters, those that were sent first in front.
    pub letters: Vec<Planned>,
    /// Letters that may be meant and stay all the same, each with the reason: where they came from is not known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, String>,
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
    /// A letter as a plan names it.
    pub fn of(letter: &Letter, reason: Option<&str>) -> Self {
        Self {
            message_id: letter.message_id.clone(),
            content_sha256: letter.content_sha256(),
            sent_at: letter.sent_at,
            size_bytes: letter.size_bytes(),
            reason: reason.map(str::to_owned),
            source_arn: letter.source_arn.clone(),
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

    /// How many letters came from which queue; last those that do not say.
    pub fn sources(&self) -> Vec<(Option<&str>, usize)> {
        let mut counts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for letter in &self.letters {
            *counts.entry(letter.source_arn.as_deref()).or_default() += 1;
        }
        let unknown = counts.remove(&None).map(|count| (None, count));
        counts.into_iter().chain(unknown).collect()
    }

    /// How many letters died of which reason, those of most letters in front.
    pub fn reasons(&self) -> Vec<(Option<&str>, usize)> {
        let mut counts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for letter in &self.letters {
            *counts.entry(letter.reason.as_deref()).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
    }
}
