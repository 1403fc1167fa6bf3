//! `verifier check`: gathering the evidence and having it judged.

mod discovery;
mod letters;
mod report;
mod run;

pub(crate) use discovery::discover;
pub(crate) use report::Report;
pub(crate) use run::{Options, Run};
