//! What an experiment writes down before it changes anything, one JSON document a line.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::configuration::{Configuration, Part};
use crate::time::Timestamp;

/// The schema of an undo journal, which its first line names.
pub const UNDO_SCHEMA: &str = "verifier.chaos.undo/1";

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum UndoEntry {
    /// The experiment began.
    Started {
        /// [`UNDO_SCHEMA`].
        schema: String,
        /// Names the run.
        run: String,
        /// The stack's name.
        stack: String,
        /// The region that it is in.
        region: String,
        /// When.
        at: Timestamp,
    },
    /// A part is about to be changed for the first time. On the disk before it is.
    Saved {
        /// The part.
        part: Part,
        /// How it is.
        before: Configuration,
    },
    /// A part is as it was before, by what AWS says of it.
    Restored {
        /// The part.
        part: Part,
        /// When.
        at: Timestamp,
    },
}

/// A journal that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UndoError {
    /// A line is no entry.
    #[error("line {line} of the undo journal is no entry: {problem}")]
    Malformed {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// It does not begin as a journal does.
    #[error("it is no undo journal: it does not begin with the schema {UNDO_SCHEMA}")]
    NoJournal,
}

/// What has to be put back, by what was written down.
#[derive(Clone, Debug, Default)]
pub struct UndoLedger {
    lines: usize,
    started: Option<UndoEntry>,
    /// In the order in which they were saved.
    saved: Vec<(Part, Configuration)>,
    restored: BTreeSet<Part>,
}

impl UndoLedger {
    /// Reads the whole lines of a journal. A last line that is not whole was being written when the process ended, and nothing
    /// was done after it.
    pub fn read(text: &str) -> Result<Self, UndoError> {
        let mut ledger = Self::default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            ledger.lines += 1;
            let entry = serde_json::from_str(line).map_err(|error| {
                let problem = error.to_string();
                if ledger.started.is_some() {
                    UndoError::Malformed { line: ledger.lines, problem }
                } else {
                    UndoError::NoJournal
                }
            })?;
            let begins =
                matches!(&entry, UndoEntry::Started { schema, .. } if schema == UNDO_SCHEMA);
            if ledger.started.is_some() == begins {
                return Err(UndoError::NoJournal);
            }
            if let UndoEntry::Saved { part, before } = &entry
                && !before.is_of(part)
            {
                let problem = "what was saved is of another kind of resource".to_owned();
                return Err(UndoError::Malformed { line: ledger.lines, problem });
            }
            ledger.apply(&entry);
        }
        if ledger.started.is_none() {
            return Err(UndoError::NoJournal);
        }
        Ok(ledger)
    }

    /// Takes what has happened.
    pub fn apply(&mut self, entry: &UndoEntry) {
        match entry {
            UndoEntry::Started { .. } => self.started = Some(entry.clone()),
            // How it was before the first change counts; whatever was saved later is the experiment's own doing.
            UndoEntry::Saved { part, before } => {
                if self.before(part).is_none() {
                    self.saved.push((part.clone(), before.clone()));
                }
                self.restored.remove(part);
            }
            UndoEntry::Restored { part, .. } => {
                self.restored.insert(part.clone());
            }
        }
    }

    /// How the experiment began.
    pub fn started(&self) -> Option<&UndoEntry> {
        self.started.as_ref()
    }

    /// How a part was before it was changed; `None` if it never was.
    pub fn before(&self, part: &Part) -> Option<&Configuration> {
        self.saved.iter().find(|(saved, _)| saved == part).map(|(_, before)| before)
    }

    /// What may still be changed, the last change first, each with how it was.
    pub fn open(&self) -> Vec<(Part, Configuration)> {
        let open = self.saved.iter().rev().filter(|(part, _)| !self.restored.contains(part));
        open.cloned().collect()
    }

    /// Everything that was saved, with how it was.
    pub fn saved(&self) -> BTreeMap<&Part, &Configuration> {
        self.saved.iter().map(|(part, before)| (part, before)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(number: usize) -> Part {
        Part::Concurrency { function: number.to_string() }
    }

    fn reserved(limit: u32) -> Configuration {
        Configuration::Concurrency { reserved: Some(limit) }
    }

    fn started() -> UndoEntry {
        UndoEntry::Started {
            schema: UNDO_SCHEMA.to_owned(),
            run: "r".to_owned(),
            stack: "s".to_owned(),
            region: "eu-central-1".to_owned(),
            at: Timestamp::default(),
        }
    }

    fn text(entries: &[UndoEntry]) -> String {
        entries.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n").collect()
    }

    #[test]
    fn what_was_saved_last_is_put_back_first_and_once() {
        let saved = |number| UndoEntry::Saved { part: part(number), before: reserved(7) };
        let restored =
            |number| UndoEntry::Restored { part: part(number), at: Timestamp::default() };
        let ledger =
            UndoLedger::read(&text(&[started(), saved(1), saved(2), saved(3), restored(2)]));
        let open: Vec<Part> = ledger.unwrap().open().into_iter().map(|(part, _)| part).collect();
        assert_eq!(open, [part(3), part(1)]);
    }

    #[test]
    fn how_it_was_before_the_first_change_counts() {
        let saved = |limit| UndoEntry::Saved { part: part(1), before: reserved(limit) };
        let restored = UndoEntry::Restored { part: part(1), at: Timestamp::default() };
        let ledger = UndoLedger::read(&text(&[started(), saved(7), restored, saved(0)])).unwrap();
        assert_eq!(ledger.open(), [(part(1), reserved(7))]);
    }

    #[test]
    fn what_is_no_journal_is_refused() {
        for text in ["", "{}\n", "{\"event\":\"started\"}\n", "no JSON\n"] {
            assert_eq!(UndoLedger::read(text).unwrap_err(), UndoError::NoJournal, "{text}");
        }
        let broken = text(&[started()]) + "{}\n";
        assert!(matches!(UndoLedger::read(&broken), Err(UndoError::Malformed { line: 2, .. })));
    }

    proptest! {
        /// Wherever the journal ends, whatever may have been changed is put back: what is changed was saved before.
        #[test]
        fn a_journal_that_was_cut_off_forgets_no_change(
            parts in proptest::collection::vec(0..4_usize, 1..12), cut in any::<prop::sample::Index>(),
        ) {
            let mut entries = vec![started()];
            for number in &parts {
                entries.push(UndoEntry::Saved { part: part(*number), before: reserved(9) });
            }
            let whole = text(&entries);
            let cut = cut.index(whole.len()) + 1;
            let journal = &whole[..cut];
            let Ok(ledger) = UndoLedger::read(journal) else {
                // Not even its beginning is whole, so nothing was done.
                prop_assert!(cut < text(&[started()]).len());
                return Ok(());
            };
            let changed = journal.matches('\n').count() - 1;
            for number in &parts[..changed] {
                prop_assert!(ledger.open().contains(&(part(*number), reserved(9))));
            }
        }
    }
}
