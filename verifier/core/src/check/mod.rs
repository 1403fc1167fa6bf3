//! `verifier check`: what is asserted of a stack, and how each assertion is evaluated from evidence.
//!
//! Each rule is a file below `rules`, with the check's entry in the catalogue and a pure function from evidence to an
//! [`Evaluation`]. Gathering the evidence is somebody else's business.

mod budget;
mod catalogue;
mod event;
mod observed;
mod owner;
mod policy;
mod renamed;
pub mod rules;
mod script;
mod selection;
mod settings;
mod trace;
mod unreadable;
mod verdict;
mod words;

pub use crate::evidence::{
    AlarmEvidence, Answer, DeadLetter, Exchange, FunctionEvidence, HeldMessage, JobEvidence,
    LogEvidence, LogGroupEvidence, LogLines, LoggedOutcome, MappingEvidence, Preflight,
    QueueEvidence, Rejection, StackEvidence, StackResource,
};
pub use crate::nearest::nearest;
pub use crate::run_id::RunId;
pub use budget::call_budget;
pub use catalogue::{CHECKS, Check, Severity, find_check};
pub use event::{CheckEvent, Settled, Wait};
pub use observed::{OurMessage, job_named, observed, submitted};
pub use owner::Owner;
pub use renamed::renamed_check;
pub use selection::{Selection, UnknownCheck, hint};
pub use settings::{absent, explained, read_settings};
pub use trace::{JobTrace, Step, StepKind};
pub use unreadable::unreadable;
pub use verdict::{Evaluation, Overall, Verdict, Weight, overall};
pub use words::{age_in_words, in_words, whole_seconds};
