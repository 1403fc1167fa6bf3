//! How a check is evaluated: when in a run, and from what.

use std::time::Duration;

use super::addresses::{Addresses, OneOrMore, Question, Reply};
use super::configuration::{Configuration, StackFacts};
use super::followed::{Followed, Submission};
use super::granted::Roles;
use super::leftovers::Leftovers;
use super::verdict::Evaluation;
use crate::evidence::{JobEvidence, Rejection};

/// A check's function, by the stage of a run that has its evidence. A run walks through the stages in this order, and in
/// each through [`CHECKS`](super::CHECKS).
#[derive(Clone, Copy, Debug)]
pub enum Evaluate {
    /// From the stack as CloudFormation describes it, before anything else is asked.
    Stack(fn(&StackFacts<'_>) -> Evaluation),
    /// From how the stack's resources are configured.
    Configuration(fn(&Configuration<'_>) -> Evaluation),
    /// From what the page or the API answers.
    Probe(Probe),
    /// From how jobs were accepted; where a run ends early, from what is known of that by then.
    Submission(fn(&Submission<'_>) -> Evaluation),
    /// From what became of the run's jobs.
    Jobs(fn(&Followed<'_>) -> Evaluation),
    /// From what the run leaves behind.
    Leftovers(fn(&Leftovers) -> Evaluation),
    /// From what the stack's roles were used for.
    Roles(fn(&Roles<'_>) -> Evaluation),
}

/// Questions to the page or the API. They are asked again while the answer is bad, since a deployment takes a while to
/// reach each edge.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// How long after the run's start it may answer badly.
    pub patience: Duration,
    /// What to ask, all at the same time; or why there is nothing to ask.
    pub ask: fn(&Addresses) -> Result<OneOrMore<Question>, String>,
    /// Evaluates the replies, which are in the order of the questions.
    pub evaluate: fn(&Addresses, &OneOrMore<Reply>) -> Evaluation,
    /// Evaluates what only the submissions show, once the replies are good; `None` where they show nothing more.
    pub confirm: Option<fn(&Addresses, &Posted<'_>) -> Option<Evaluation>>,
}

/// What the API answered to what the run posted.
#[derive(Clone, Copy, Debug)]
pub struct Posted<'a> {
    /// Jobs.
    pub jobs: &'a [JobEvidence],
    /// Bodies that it has to refuse.
    pub rejections: &'a [Rejection],
}

/// Evidence that costs calls and is gathered only where a check that is asked for needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `Discovered::alarms`.
    Alarms,
    /// `Discovered::dead_letter_mappings`.
    DeadLetterMappings,
    /// `Discovered::experiment_lock`.
    ExperimentLock,
    /// `Discovered::log_group`.
    LogGroup,
    /// The jobs queue's counts before each return of the failing jobs to it.
    CountsBeforeReturns,
    /// Bodies that the API has to refuse.
    RefusedBodies,
    /// `Discovered::unread`, and what those queues hold at the end.
    OtherQueues,
}

impl Evaluate {
    /// Whether it needs jobs in the stack.
    pub fn needs_jobs(&self) -> bool {
        matches!(self, Self::Submission(_) | Self::Jobs(_))
    }
}
