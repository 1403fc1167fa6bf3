//! `verifier check`: what is asserted of a stack, and how each assertion is judged from evidence.
//!
//! Each rule is a file below `rules`, with the check's entry in the catalogue and a pure function from evidence to a
//! [`Judgement`]. Gathering the evidence is somebody else's business.

mod catalogue;
mod event;
mod evidence;
pub mod rules;
mod trace;
mod verdict;

pub use catalogue::{CHECKS, Check, find_check};
pub use event::{CheckEvent, Settled, Wait};
pub use evidence::{
    Answer, DeadLetter, Exchange, FunctionEvidence, JobEvidence, LogEvidence, LoggedOutcome,
    MappingEvidence, QueueEvidence, StackEvidence, StackResource,
};
pub use trace::{JobTrace, Step, StepKind};
pub use verdict::{Judgement, Overall, Verdict, overall};
