//! What a journal says was done, and what that means for a letter.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{Accounting, Bounce, Entry, IdSet, Planned, SCHEMA};

/// What to do with a letter that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Send it and delete it then.
    Send,
    /// Only delete it: a message has taken its place already, and the deletion was lost or never came.
    DeleteOnly,
    /// Leave it: it is a message of this redrive that has come back.
    Bounced,
    /// Leave it: it could not be sent before.
    Leave,
    /// Leave it: it is none of the plan's.
    NotPlanned,
    /// Leave it: it is not any more what was planned.
    Changed,
}

/// A journal that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// A line is no entry.
    #[error("line {line} of the journal is no entry: {problem}")]
    Malformed {
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// It does not begin as a journal does.
    #[error("it is no journal of a redrive: it does not begin with the schema {SCHEMA}")]
    NoJournal,
}

/// Everything that was written down, as far as it still matters.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    lines: u64,
    started: Option<Entry>,
    planned: BTreeMap<String, String>,
    /// Letters that are about to be sent, or may have been.
    intended: BTreeSet<String>,
    /// Letters whose place a message has taken.
    sent: IdSet,
    /// Those of them that are not known to be deleted, and their messages.
    undeleted: BTreeMap<String, String>,
    /// The messages.
    messages: IdSet,
    ambiguous: BTreeSet<String>,
    not_sent: BTreeMap<String, String>,
    changed: BTreeSet<String>,
    /// Letters whose messages overtook one of their group.
    out_of_order: BTreeSet<String>,
    /// By the message's id.
    bounced: BTreeMap<String, Bounce>,
    /// How many have bounced since the redrive was taken up again.
    bounces: u64,
    /// Messages in the step of a ramp that is not judged yet.
    unjudged: BTreeMap<String, String>,
    /// The queues that those were sent to, where each goes to its own.
    queues: BTreeMap<String, String>,
    succeeded: u64,
    succeeded_by_absence: u64,
    steps: usize,
    ended: bool,
    /// Why it went no further, and how many letters were left, when it ended the last time.
    stopped: Option<String>,
    left_at_end: Option<u64>,
}

impl Ledger {
    /// Takes a line of a journal.
    pub fn read(&mut self, line: &str) -> Result<(), LedgerError> {
        self.lines += 1;
        let malformed = |error: serde_json::Error| LedgerError::Malformed {
            line: self.lines,
            problem: error.to_string(),
        };
        let entry: Entry = match serde_json::from_str(line) {
            Ok(entry) => entry,
            Err(_) if self.started.is_none() => return Err(LedgerError::NoJournal),
            Err(error) => return Err(malformed(error)),
        };
        let begins = matches!(&entry, Entry::Started { schema, .. } if schema == SCHEMA);
        if self.started.is_some() == begins {
            return Err(LedgerError::NoJournal);
        }
        self.apply(&entry);
        Ok(())
    }

    /// Takes what has happened.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Started { .. } => self.started = Some(entry.clone()),
            Entry::Planned { letters } => self.plan(letters),
            Entry::Resumed { .. } => self.resume(),
            Entry::Step { number, .. } => self.steps = *number,
            Entry::Intent { letters, .. } => {
                for letter in letters {
                    // What could not be sent before is sent now, after all.
                    self.not_sent.remove(&letter.id);
                    self.intended.insert(letter.id.clone());
                }
            }
            Entry::Ambiguous { ids, .. } => self.ambiguous.extend(ids.iter().cloned()),
            Entry::Sent { letters } => {
                for pair in letters {
                    self.intended.remove(&pair.from);
                    self.sent.insert(&pair.from);
                    self.messages.insert(&pair.to);
                    self.undeleted.insert(pair.from.clone(), pair.to.clone());
                    if self.steps > 0 {
                        self.unjudged.insert(pair.to.clone(), pair.from.clone());
                        if let Some(queue) = &pair.queue {
                            self.queues.insert(pair.to.clone(), queue.clone());
                        }
                    }
                }
            }
            Entry::NotSent { letters } => {
                for (id, why) in letters {
                    self.intended.remove(id);
                    self.not_sent.insert(id.clone(), why.clone());
                }
            }
            Entry::OutOfOrder { ids } => self.out_of_order.extend(ids.iter().cloned()),
            Entry::Changed { ids } => self.changed.extend(ids.iter().cloned()),
            Entry::Deleted { ids } => {
                for id in ids {
                    self.undeleted.remove(id);
                }
            }
            Entry::Judged { succeeded, by_absence, bounced, .. } => {
                // A journal may say anything.
                self.succeeded = self.succeeded.saturating_add(*succeeded);
                self.bounces += bounced.len() as u64;
                self.succeeded_by_absence = self.succeeded_by_absence.saturating_add(*by_absence);
                self.bounced.extend(bounced.iter().map(|each| (each.to.clone(), each.clone())));
                self.unjudged.clear();
                self.queues.clear();
            }
            Entry::Ended { stopped, accounting, .. } => {
                self.ended = true;
                self.stopped.clone_from(stopped);
                self.left_at_end = Some(accounting.left);
            }
        }
    }

    fn plan(&mut self, letters: &[Planned]) {
        for letter in letters {
            self.planned.insert(letter.message_id.clone(), letter.content_sha256.clone());
        }
    }

    /// What was about to be sent when the process ended may have been.
    fn resume(&mut self) {
        self.ambiguous.append(&mut self.intended);
        // What could not be sent then may be sent now.
        self.not_sent.clear();
        // Whoever goes on has mended what made messages fail.
        self.bounces = 0;
        self.ended = false;
        self.stopped = None;
        self.left_at_end = None;
    }

    /// How the redrive began.
    pub fn started(&self) -> Option<&Entry> {
        self.started.as_ref()
    }

    /// Whether the journal says how the redrive ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Why it went no further, where it ended and was not done.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// How many letters were in the dead-letter queue when it ended.
    pub fn left_at_end(&self) -> Option<u64> {
        self.left_at_end
    }

    /// Whether there may be something to go on with: it was cut off, was stopped, or has not done all that it was to do.
    pub fn may_go_on(&self) -> bool {
        !self.ended || self.stopped.is_some() || !self.accounting(0).is_clean()
    }

    /// How many steps of the ramp have begun.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// How many letters a plan names.
    pub fn planned(&self) -> usize {
        self.planned.len()
    }

    /// How many letters were sent.
    pub fn replayed(&self) -> u64 {
        self.sent.len() as u64
    }

    /// The letters that may have been sent more than once.
    pub fn ambiguous(&self) -> impl Iterator<Item = &str> {
        self.ambiguous.iter().chain(&self.intended).map(String::as_str)
    }

    /// The letters that were sent and are not known to be deleted, each with its message's id.
    pub fn undeleted(&self) -> &BTreeMap<String, String> {
        &self.undeleted
    }

    /// The letters that could not be sent, each with the reason.
    pub fn not_sent(&self) -> &BTreeMap<String, String> {
        &self.not_sent
    }

    /// The letters of the plan that were not what it says.
    pub fn changed(&self) -> &BTreeSet<String> {
        &self.changed
    }

    /// The letters whose messages were sent though one before them of their group was not.
    pub fn out_of_order(&self) -> &BTreeSet<String> {
        &self.out_of_order
    }

    /// The messages that failed again, by their ids.
    pub fn bounced(&self) -> &BTreeMap<String, Bounce> {
        &self.bounced
    }

    /// How many messages have failed again since the redrive began, or was taken up again.
    pub fn bounces(&self) -> u64 {
        self.bounces
    }

    /// The messages of which nothing is known yet, each with its letter's id.
    pub fn unjudged(&self) -> &BTreeMap<String, String> {
        &self.unjudged
    }

    /// The ARN of the queue that such a message was sent to, where each goes to its own.
    pub fn queue_of(&self, message_id: &str) -> Option<&str> {
        self.queues.get(message_id).map(String::as_str)
    }

    /// What to do with a letter of that id and content.
    pub fn treatment(&self, id: &str, content_sha256: impl FnOnce() -> String) -> Treatment {
        if self.messages.contains(id) {
            Treatment::Bounced
        } else if self.sent.contains(id) {
            Treatment::DeleteOnly
        } else if self.not_sent.contains_key(id) || self.changed.contains(id) {
            Treatment::Leave
        } else if self.planned.is_empty() {
            Treatment::Send
        } else {
            match self.planned.get(id) {
                None => Treatment::NotPlanned,
                Some(planned) if *planned == content_sha256() => Treatment::Send,
                Some(_) => Treatment::Changed,
            }
        }
    }

    /// What became of every letter, with `left` in the dead-letter queue by its count.
    pub fn accounting(&self, left: u64) -> Accounting {
        let planned = self.planned.keys();
        let is_gone = |id: &&String| {
            !self.sent.contains(id)
                && !self.not_sent.contains_key(*id)
                && !self.changed.contains(*id)
        };
        let count = |count: usize| count as u64;
        Accounting {
            replayed: self.replayed(),
            succeeded: self.succeeded,
            succeeded_by_absence: self.succeeded_by_absence,
            bounced: count(self.bounced.len()),
            unknown: self
                .replayed()
                .saturating_sub(self.succeeded.saturating_add(count(self.bounced.len()))),
            ambiguous: count(self.ambiguous().collect::<BTreeSet<_>>().len()),
            not_deleted: count(self.undeleted.len()),
            not_sent: count(self.not_sent.len()),
            changed: count(self.changed.len()),
            out_of_order: count(self.out_of_order.len()),
            missing: count(planned.filter(is_gone).count()),
            left,
        }
    }
}
