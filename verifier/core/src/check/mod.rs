//! `verifier check`: what is asserted of a stack, and how each assertion is evaluated from evidence.
//!
//! Each rule is a file below `rules`, with the check's entry in the catalogue, which holds its pure function from evidence
//! to an [`Evaluation`]. A run walks through [`CHECKS`] at each stage ([`Evaluate`]); `verifier/aws` gathers the evidence.

mod accompanied;
mod addresses;
mod adopted;
mod budget;
mod catalogue;
mod configuration;
mod copied;
mod early;
mod evaluate;
mod event;
mod followed;
mod granted;
mod leftovers;
mod meanwhile;
mod named;
mod nameless;
mod observed;
mod of_the_run;
mod other_queues;
mod others;
mod owner;
mod policy;
mod renamed;
mod rewritten;
pub mod rules;
pub mod script;
mod selection;
mod sent_job;
mod settings;
mod strays;
mod trace;
mod unknown;
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
pub use accompanied::unknown_work;
pub use addresses::{Addresses, OneOrMore, Question, Reply};
pub use adopted::adopt;
pub use budget::call_budget;
pub use catalogue::{Check, Severity};
pub use configuration::{Asked, Configuration, Discovered, StackFacts, Subject, Unanswered};
use configuration::{are_one, are_swapped, no_consumer, no_queues};
pub use early::on_time;
pub use evaluate::{Evaluate, Need, Posted, Probe};
pub use event::{CheckEvent, Settled, Wait};
pub use followed::{FailingJob, Followed, Hidden, Submission};
pub use granted::{RoleGrants, Roles};
pub use leftovers::Leftovers;
pub use meanwhile::Meanwhile;
pub use named::job_of_id;
pub use nameless::nameless;
pub use observed::{OurMessage, lines_of, observed, submitted};
pub use of_the_run::of_the_run;
pub use other_queues::{OtherQueue, unread};
pub use others::{Others, Own};
pub use owner::Owner;
pub use renamed::renamed_check;
pub use rewritten::Rewritten;
pub use rules::{CHECKS, find_check};
pub use selection::{Selection, UnknownCheck, hint};
pub use sent_job::SentJob;
pub use settings::{absent, explained, nothing_to_evaluate, read_settings};
pub use strays::Strays;
pub use trace::{JobTrace, Step, StepKind};
pub use unknown::{Known, Unknown};
pub use unreadable::unreadable;
pub use verdict::{Evaluation, Overall, Verdict, Weight, overall};
pub use words::{age_in_words, ids_in_words, in_words, whole_seconds};
