//! `verifier dlq`: where dead letters are, looking at them, and why they failed.

pub(crate) mod args;
mod backup;
mod commands;
mod consumers;
mod count;
mod hold;
mod holding;
mod look;
mod messages_file;
mod overview;
mod place;
mod purge;
mod reasons;
mod resend;
mod seen;
mod selection;
mod spool;
mod view;

pub(crate) use backup::{Backup, Export};
pub(crate) use commands::run;
pub(crate) use consumers::{Asked, NotAsked, consumers_log_group, consumers_of};
pub(crate) use hold::{Hold, extend_visibility, release};
pub(crate) use holding::{Handles, Holding, release_all};
pub(crate) use look::{Keeps, Look, Looking, look, look_with};
pub(crate) use messages_file::{MessagesFile, portions};
pub(crate) use place::{DlqTarget, found_or_not, jobs_queue};
pub(crate) use purge::{Purged, purge};
pub(crate) use reasons::{
    Depth as ReasonDepth, attempt_log_in, lines_of_requests, read_log, read_logs, request_log_in,
};
pub(crate) use resend::{Delivered, Delivery};
#[cfg(test)]
pub(crate) use seen::Evidence;
pub(crate) use seen::{Log, Seen, see, tell};
pub(crate) use selection::{Selection, filter_terms, not_evaluable};
pub(crate) use spool::Spool;
