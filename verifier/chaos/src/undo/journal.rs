//! What an experiment writes down before it changes anything, one JSON document a line.
//!
//! Everything that it is going to change is saved before the lease is claimed, and the lease is claimed before anything is
//! changed. So a journal of whose run a queue has the tag reports everything; one that does not was cut.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use verifier_core::experiment::{LEASE_TAG, ResourceConfig, ResourceRef};
use verifier_model::time::Timestamp;

use crate::Setting;

/// The schema of an undo journal, which its first line names.
pub const UNDO_SCHEMA: &str = "verifier.chaos.undo/1";

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum UndoEntry {
    /// The experiment began.
    Started(Started),
    /// How a part is that is going to be changed. On the disk before anything is changed.
    Saved {
        /// The part.
        part: ResourceRef,
        /// How it is.
        before: ResourceConfig,
        /// What may be set about it, in the course of the experiment.
        settings: Vec<Setting>,
    },
    /// The lease is the run's, and everything is as it was saved. On the disk before anything else is changed.
    Claimed {
        /// The value of the tag.
        lease: String,
        /// When.
        at: Timestamp,
    },
    /// What the experiment changed about a part is as it was before, by what AWS says of it.
    Restored {
        /// The part.
        part: ResourceRef,
        /// When.
        at: Timestamp,
    },
    /// A part is gone, or somebody else has changed what the experiment changed: there is nothing that could be restored.
    Left {
        /// The part.
        part: ResourceRef,
        /// Why, for people.
        why: String,
        /// When.
        at: Timestamp,
    },
}

/// How an experiment began, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// [`UNDO_SCHEMA`].
    pub schema: String,
    /// Names the run.
    pub run: String,
    /// The stack's name.
    pub stack: String,
    /// The stack's id: one that is deleted and created again has another.
    pub stack_id: String,
    /// The region that it is in.
    pub region: String,
    /// The endpoint that was asked, if it is another than AWS's.
    pub endpoint: Option<String>,
    /// All that is going to be saved.
    pub parts: Vec<ResourceRef>,
    /// When.
    pub at: Timestamp,
}

/// How a part was, and what may have been set about it since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// How it was.
    pub before: ResourceConfig,
    /// The settings that the experiment changes of it.
    pub settings: Vec<Setting>,
}

/// A journal that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UndoError {
    /// Nothing stands in it, or its first line is not whole. Nothing is changed before that line is.
    #[error("the first line of the undo journal was never written")]
    NotBegun,
    /// A line is no entry, or none that can are there.
    #[error("line {line} of the undo journal is no entry: {problem}")]
    Malformed {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// What the lines before it report that is not restored.
        covered: Vec<ResourceRef>,
    },
    /// It does not begin as a journal does.
    #[error("it is no undo journal: it does not begin with the schema {UNDO_SCHEMA}")]
    NoJournal,
}

/// What has to be restored, by what was written down.
#[derive(Clone, Debug, Default)]
pub struct UndoLedger {
    started: Option<Started>,
    /// In the order in which they were saved.
    saved: Vec<(ResourceRef, Saved)>,
    lease: Option<String>,
    restored: BTreeSet<ResourceRef>,
    left: BTreeMap<ResourceRef, String>,
    is_torn: bool,
}

impl UndoLedger {
    /// Reads a journal. A last line that is whole counts, with its end or without, as an editor may leave it. One that is not
    /// was being written when the process ended, and what it reports was not done.
    pub fn read(text: &str) -> Result<Self, UndoError> {
        let mut ledger = Self::default();
        let lines = text.split_inclusive('\n').enumerate();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let entry = match serde_json::from_str(line) {
                Ok(entry) => entry,
                Err(_) if !line.ends_with('\n') && is_beginning_of_object(line) => {
                    ledger.is_torn = true;
                    break;
                }
                Err(error) => return Err(ledger.problem(index, error.to_string())),
            };
            if let Some(problem) = ledger.contradiction(&entry) {
                return Err(ledger.problem(index, problem));
            }
            ledger.apply(&entry);
        }
        if ledger.started.is_none() {
            return Err(UndoError::NotBegun);
        }
        Ok(ledger)
    }

    fn problem(&self, index: usize, problem: String) -> UndoError {
        if self.started.is_none() {
            return UndoError::NoJournal;
        }
        let covered = self.open().into_iter().map(|(part, _)| part).collect();
        UndoError::Malformed { line: index + 1, problem, covered }
    }

    /// Why an entry cannot come next, if it cannot: such a journal was put together from others, or changed.
    fn contradiction(&self, entry: &UndoEntry) -> Option<String> {
        let saved = |part: &ResourceRef| self.saved.iter().any(|(saved, _)| saved == part);
        let problem = match (entry, &self.started) {
            (UndoEntry::Started(started), None) if started.schema == UNDO_SCHEMA => return None,
            (UndoEntry::Started(_), Some(_)) => "a run begins in the middle of another",
            (_, None) => "nothing has begun yet",
            (UndoEntry::Saved { part, before, .. }, Some(started)) => {
                if !before.is_of(part) {
                    "what was saved is of another kind of resource"
                } else if matches!(before, ResourceConfig::QueueTag { value: Some(_) }) {
                    "an experiment lock that another run holds is not claimed"
                } else if !started.parts.contains(part) {
                    "a part was saved that the first line does not name"
                } else if saved(part) {
                    "a part was saved twice"
                } else {
                    return None;
                }
            }
            (UndoEntry::Claimed { .. }, Some(_)) if !self.is_complete() => {
                "the experiment lock was claimed before everything was saved: lines are missing before it"
            }
            (UndoEntry::Restored { part, .. } | UndoEntry::Left { part, .. }, Some(_))
                if !saved(part) =>
            {
                "a part was restored that was not saved: lines are missing before it"
            }
            _ => return None,
        };
        Some(problem.to_owned())
    }

    /// Takes what has happened.
    pub fn apply(&mut self, entry: &UndoEntry) {
        match entry {
            UndoEntry::Started(started) => self.started = Some(started.clone()),
            UndoEntry::Saved { part, before, settings } => {
                let saved = Saved { before: before.clone(), settings: settings.clone() };
                self.saved.push((part.clone(), saved));
            }
            UndoEntry::Claimed { lease, .. } => self.lease = Some(lease.clone()),
            UndoEntry::Restored { part, .. } => {
                self.restored.insert(part.clone());
            }
            UndoEntry::Left { part, why, .. } => {
                self.left.insert(part.clone(), why.clone());
            }
        }
    }

    /// How the experiment began.
    pub fn started(&self) -> Option<&Started> {
        self.started.as_ref()
    }

    /// The value of the lease's tag, once it was the run's.
    pub fn lease(&self) -> Option<&str> {
        self.lease.as_deref()
    }

    /// Whether its last line was cut off while it was written.
    pub fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Whether everything that is going to be changed was saved. Before that, nothing is.
    pub fn is_complete(&self) -> bool {
        let parts = self.started.iter().flat_map(|started| &started.parts);
        parts.into_iter().all(|part| self.saved(part).is_some())
    }

    /// How a part was before it was changed; `None` if it was not saved.
    pub fn saved(&self, part: &ResourceRef) -> Option<&Saved> {
        self.saved.iter().find(|(saved, _)| saved == part).map(|(_, saved)| saved)
    }

    /// What may still be changed, the last that was saved first, each with how it was.
    pub fn open(&self) -> Vec<(ResourceRef, Saved)> {
        let is_open =
            |part: &ResourceRef| !self.restored.contains(part) && !self.left.contains_key(part);
        self.saved.iter().rev().filter(|(part, _)| is_open(part)).cloned().collect()
    }

    /// What the run had the lease to change, and was restored: each with how it was.
    pub fn restored(&self) -> Vec<(ResourceRef, Saved)> {
        let had_lease = self.lease.is_some();
        let is_restored = |part: &ResourceRef| had_lease && self.restored.contains(part);
        self.saved.iter().filter(|(part, _)| is_restored(part)).cloned().collect()
    }

    /// What could not be restored and never can be, each with why.
    pub fn left(&self) -> &BTreeMap<ResourceRef, String> {
        &self.left
    }

    /// The queue whose tag is the lease.
    pub fn lease_queue(&self) -> Option<&str> {
        let parts = self.started.iter().flat_map(|started| &started.parts);
        parts.into_iter().find_map(|part| match part {
            ResourceRef::QueueTag { queue_url, key } if key == LEASE_TAG => {
                Some(queue_url.as_str())
            }
            _ => None,
        })
    }
}

/// Whether a text may be the beginning of an entry.
fn is_beginning_of_object(text: &str) -> bool {
    text.starts_with('{')
        && serde_json::from_str::<serde_json::Value>(text).is_err_and(|e| e.is_eof())
}

#[cfg(test)]
mod tests;
