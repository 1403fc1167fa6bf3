//! `verifier init`: the settings for a stack that the verifier has never seen.

pub(crate) mod args;
mod bodies;
mod command;
mod found;
mod probe;
mod view;

pub(crate) use command::run;
