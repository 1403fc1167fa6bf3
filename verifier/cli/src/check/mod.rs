//! `verifier check` and `verifier explain`: gathering the evidence, having it evaluated, and showing the verdict.

pub(crate) mod args;
mod command;
mod dead_letters;
mod discovery;
mod environment;
mod explain;
mod options;
pub(crate) mod report;
mod run;
mod view;

pub(crate) use command::{Target, checked, run};
pub(crate) use dead_letters::{DeadLetters, Search};
pub(crate) use discovery::discover;
pub(crate) use explain::run as explain;
pub(crate) use options::Options;
pub(crate) use report::Report;
pub(crate) use run::Run;
