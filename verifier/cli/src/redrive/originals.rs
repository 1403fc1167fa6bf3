//! The messages that a redrive has changed, as its journal keeps them.

use std::path::{Path, PathBuf};

use verifier_core::dead_letters::DeadLetter;
use verifier_core::redrive::{ChangedCopies, Changes, Entry, QueueName, Terms, Undone, restored};

use crate::dlq::Spool;
use crate::redrive::ledger_file::{each_line, read_ledger};
use crate::shell::failure::Failure;

/// The originals of a redrive's changed copies.
#[derive(Debug)]
pub(super) struct Originals {
    copies: ChangedCopies,
    /// The originals, outside of memory.
    spool: Spool,
}

impl Originals {
    /// Reads a journal. It has been read as a ledger, so that its lines are known to be entries.
    fn read(path: &Path) -> Result<Self, Failure> {
        let (mut copies, mut spool) = (ChangedCopies::default(), Spool::new());
        each_line(path, |line| {
            let Ok(entry) = serde_json::from_slice::<Entry>(line) else { return Ok(()) };
            copies.take(&entry).into_iter().try_for_each(|original| spool.add(original))
        })?;
        Ok(Self { copies, spool })
    }

    /// How many messages have changed copies.
    pub(super) fn count(&self) -> usize {
        self.copies.count()
    }

    /// How many more may have copies that are not known.
    pub(super) fn unknown_copies(&self) -> usize {
        self.copies.unknown_count()
    }

    /// Which copies are not undone, by whether a copy's original was sent.
    pub(super) fn not_undone(&self, is_undone: impl Fn(&str) -> bool) -> Option<String> {
        self.copies.open(is_undone).why()
    }

    /// What takes the place of a message; `None` where it is no changed copy.
    fn in_place_of(&self, message: &DeadLetter) -> Option<Result<DeadLetter, Failure>> {
        let id = self.copies.original_of(&message.message_id)?;
        let head = DeadLetter { message_id: id.to_owned(), ..DeadLetter::default() };
        Some(self.spool.whole(&head).map(|original| restored(message, original)))
    }
}

/// What is sent in a message's place.
#[derive(Debug)]
pub(super) enum Rewrite {
    /// The message with changes, if there are any.
    Changes(Changes),
    /// The message that it was before another redrive changed it.
    Originals(Originals),
}

impl Rewrite {
    /// What these terms ask for.
    pub(super) fn of(terms: &Terms) -> Result<Self, Failure> {
        let Some(Undone { journal, redrive }) = &terms.undone else {
            let changes = terms.changes().map_err(|error| Failure::usage(error.to_string()))?;
            return Ok(Self::Changes(changes));
        };
        let path = Path::new(journal);
        let begun = begun(path)?;
        if begun.redrive != *redrive {
            return Err(Failure::usage(format!(
                "the journal {journal} is of the redrive {}, not of {redrive}, whose originals are to be sent: restore it from a copy",
                begun.redrive
            )));
        }
        Originals::read(path).map(Self::Originals)
    }

    /// What is not undone of what was to be, by whether a copy's original was sent; `None` where nothing is undone.
    pub(super) fn not_undone(&self, is_undone: impl Fn(&str) -> bool) -> Option<String> {
        match self {
            Self::Changes(_) => None,
            Self::Originals(originals) => originals.not_undone(is_undone),
        }
    }

    /// Whether a message is meant, as far as this says.
    pub(super) fn is_selected(&self, message: &DeadLetter) -> bool {
        match self {
            Self::Changes(_) => true,
            Self::Originals(originals) => {
                originals.copies.original_of(&message.message_id).is_some()
            }
        }
    }

    /// The message as it is sent where that is another one; why it cannot be, as an error.
    pub(super) fn apply(&self, message: &DeadLetter) -> Result<Option<DeadLetter>, String> {
        match self {
            Self::Changes(changes) if changes.is_nothing() => Ok(None),
            Self::Changes(changes) => {
                changes.apply(message).map(Some).map_err(|error| error.to_string())
            }
            Self::Originals(originals) => match originals.in_place_of(message) {
                Some(original) => original.map(Some).map_err(|failure| failure.what),
                None => Err("it is no changed copy of the redrive that is undone".to_owned()),
            },
        }
    }
}

/// How a redrive began that may be undone.
pub(super) struct Begun {
    pub(super) undone: Undone,
    redrive: String,
    pub(super) from: QueueName,
    pub(super) to: QueueName,
    pub(super) terms: Terms,
}

/// Reads how a redrive began, from its journal.
pub(super) fn begun(path: &Path) -> Result<Begun, Failure> {
    let ledger = read_ledger(path)?;
    let Some(Entry::Started { redrive, from, to, terms, .. }) = ledger.started().cloned() else {
        return Err(Failure::usage("the journal does not say how the redrive began"));
    };
    let journal = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    let undone = Undone { journal: journal.display().to_string(), redrive: redrive.clone() };
    Ok(Begun { undone, redrive, from, to, terms: *terms })
}
