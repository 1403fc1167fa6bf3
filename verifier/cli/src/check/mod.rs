//! `verifier check`: gathering the evidence and having it judged.

mod discovery;
mod environment;
mod letters;
mod options;
pub(crate) mod outputs;
mod report;
mod run;

pub(crate) use discovery::discover;
pub(crate) use options::Options;
pub(crate) use report::Report;
pub(crate) use run::Run;
