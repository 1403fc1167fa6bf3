//! `verifier redrive`: carrying out what the core decides.

mod batch;
mod engine;
mod headway;
mod journal_file;
mod step;
mod watching;

pub(crate) use engine::{Destination, Ended, Engine, Guards};
pub(crate) use journal_file::{JournalFile, read_ledger};
