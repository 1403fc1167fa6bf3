//! `verifier chaos`: experiments, where they come from, what they are run against, and what comes of it.

pub(crate) mod args;
mod builtin;
mod commands;
mod exploration;
mod file;
pub(crate) mod live;
mod names;
mod outcome;
mod parse;
mod rolled_back;
mod run;
mod sim;
mod target;
mod view;

pub(crate) use builtin::Builtin;
pub(crate) use commands::run;
pub(crate) use exploration::{Budget, explore, rate};
pub(crate) use file::{experiment_from, experiment_of_file};
pub(crate) use outcome::{Explored, Outcome, Replayed, Steady, digest, written};
pub(crate) use sim::Sim;
pub(crate) use target::{By, Target};
