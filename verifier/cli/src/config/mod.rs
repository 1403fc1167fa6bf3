//! `verifier config`, and the settings that other commands go by.

pub(crate) mod args;
mod command;
mod load;
mod view;

pub(crate) use command::run;
pub(crate) use load::{check_posting, file, load};
