//! `verifier redrive`: dead letters sent back, step by step.

pub(crate) mod args;
mod asked;
mod batch;
mod causes;
mod command;
mod destination;
mod ended;
mod engine;
mod expected;
mod from_file;
mod functions;
mod headway;
mod ledger_file;
mod native;
mod originals;
mod planning;
mod queues;
mod returned;
mod room;
mod step;
mod terms;
mod view;
mod watching;

pub(crate) use command::run;
pub(crate) use destination::{Destination, Receiver};
pub(crate) use engine::{Engine, Guards};
