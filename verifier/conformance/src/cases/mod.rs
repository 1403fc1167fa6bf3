//! The cases, a file for each subject. In every file, first the list, then what each case does, in the same order.

mod attributes;
mod batches;
mod dead_letters;
mod fifo;
mod fifo_groups;
mod logs;
mod message_attributes;
mod move_tasks;
mod permissions;
mod queues;
mod receiving;
mod redrive_policies;
mod sending;
mod visibility;

use crate::case::Case;

/// Every case, by subject.
const ALL: &[&[Case]] = &[
    queues::CASES,
    attributes::CASES,
    redrive_policies::CASES,
    sending::CASES,
    message_attributes::CASES,
    receiving::CASES,
    visibility::CASES,
    batches::CASES,
    dead_letters::CASES,
    fifo::CASES,
    fifo_groups::CASES,
    move_tasks::CASES,
    permissions::CASES,
    logs::CASES,
];

/// Turns an async function into what a case is run by.
macro_rules! run {
    ($function:ident) => {
        |stand| Box::pin($function(stand))
    };
}
use run;

/// Every case, by subject.
pub fn cases() -> Vec<Case> {
    ALL.concat()
}
