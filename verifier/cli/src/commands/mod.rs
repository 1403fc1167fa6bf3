//! The commands.

pub(crate) mod check;
pub(crate) mod local;
