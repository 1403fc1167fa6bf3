//! `verifier local`: the stack on this machine.

pub(crate) mod args;
mod assembly;
mod command;
mod finding;
mod includes;
mod ready;
mod sam;
pub(crate) mod secrets;
pub(crate) mod stack;
mod view;
mod workspace;

pub(crate) use command::run;
