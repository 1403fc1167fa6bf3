//! What every command needs of the machine that it runs on: files, time, the terminal, how it ends.
//!
//! Nothing here knows a command.

pub(crate) mod admin;
pub(crate) mod args;
pub(crate) mod ask;
pub(crate) mod clean;
pub(crate) mod clock;
pub(crate) mod endpoint;
pub(crate) mod exit;
pub(crate) mod failure;
pub(crate) mod files;
pub(crate) mod interrupt;
pub(crate) mod journal;
pub(crate) mod output;
pub(crate) mod print;
pub(crate) mod progress;
pub(crate) mod renamed;
pub(crate) mod reproduce;
#[cfg(test)]
pub(crate) mod stand;
