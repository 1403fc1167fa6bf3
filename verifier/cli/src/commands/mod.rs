//! The commands.

mod again;

pub(crate) mod chaos;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod dlq;
pub(crate) mod explain;
pub(crate) mod iam_policy;
pub(crate) mod local;
pub(crate) mod manual;
pub(crate) mod redrive;

use again::again;
