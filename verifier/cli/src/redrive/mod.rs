//! `verifier redrive`: carrying out what the core decides.

mod batch;
mod engine;
mod headway;
mod ledger_file;
mod step;
mod watching;

pub(crate) use engine::{Destination, Ended, Engine, Guards};
pub(crate) use ledger_file::read_ledger;
