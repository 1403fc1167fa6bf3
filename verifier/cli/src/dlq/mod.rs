//! `verifier dlq`: where dead letters are, looking at them, and why they died.

pub(crate) mod args;
mod backup;
mod commands;
mod count;
mod hold;
mod letters_file;
mod look;
mod overview;
mod place;
mod portions;
mod reasons;
mod resend;
mod seen;
mod selection;
mod view;

pub(crate) use backup::{Backup, Export};
pub(crate) use commands::run;
pub(crate) use hold::{Hold, hand_back, hold_anew};
pub(crate) use letters_file::read_letters;
pub(crate) use look::{Look, Looking, look, look_with};
pub(crate) use place::{Place, consumers_log_group, in_its_region, jobs_queue, parse, queue};
pub(crate) use portions::{Purged, purge};
pub(crate) use reasons::{lines_of_requests, stories, stories_in};
pub(crate) use resend::{Delivered, deliver};
#[cfg(test)]
pub(crate) use seen::Told;
pub(crate) use seen::{Log, Seen, see, tell};
pub(crate) use selection::{Selection, filter_terms, not_evaluable};
