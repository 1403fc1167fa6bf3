//! `verifier iam-policy`.

pub(crate) mod args;
mod command;
mod view;

pub(crate) use command::run;
