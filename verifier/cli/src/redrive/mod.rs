//! `verifier redrive`: dead letters sent back, step by step.

pub(crate) mod args;
mod batch;
mod command;
mod ended;
mod engine;
mod expected;
mod from_file;
mod headway;
mod ledger_file;
mod native;
mod originals;
mod planning;
mod queues;
mod room;
mod step;
mod terms;
mod view;
mod watching;

pub(crate) use command::run;
pub(crate) use engine::{Destination, Engine, Guards};
