//! `verifier man` and `verifier completions`.

pub(crate) mod args;
mod command;

pub(crate) use command::{completions, man};
