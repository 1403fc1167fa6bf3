//! Sending dead letters back: which, how many at a time, what became of them, and what a journal says was done.
//!
//! Nothing here sends anything. A redrive asks the [`Ledger`] what to do with a message, writes down what it is about to do
//! and what came of it as [`Entry`]s, and lets a [`Ramp`] and the [`Fate`]s of what it has sent decide how to go on.

mod accounting;
mod bounce;
mod course;
mod event;
mod fate;
mod headway;
mod id_set;
mod journal;
mod ledger;
mod native;
mod order;
mod pacer;
mod plan;
mod ramp;
mod redrives;
mod rewrite;
mod room;
mod terms;
mod undo;
mod unwritten;

pub use accounting::Accounting;
pub use bounce::{Bounce, Failing};
pub use course::{Course, MessageEvent, StepCourse, StepFates};
pub use event::FunctionTarget;
pub use fate::{Evidence, Fate, TrackedMessage};
pub use headway::Headway;
pub use id_set::IdSet;
pub use journal::{Entry, Intended, Pair, SCHEMA, whole_lines};
pub use ledger::{Ledger, LedgerError, Treatment};
pub use native::{
    Explanation, NativeStatus, NativeTask, Refusal, Wanted, is_settled, may_have_started,
};
pub use order::overtaking;
pub use pacer::Pacer;
pub use plan::{PLAN_SCHEMA, Plan, PlanError, Planned, Preview, check_size};
pub use ramp::{Climb, Decision, Ramp, RampError};
pub use redrives::{REDRIVES_ATTRIBUTE, REDRIVES_MAX};
pub use rewrite::{Changes, Patch, PatchError, RewriteError};
pub use room::Room;
pub use terms::{FilterTerms, QueueName, Route, Terms, Undone};
pub use undo::{ChangedCopies, OpenCopies, restored};
pub use unwritten::{Done, Unwritten};
