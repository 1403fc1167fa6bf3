//! What was learnt of the lines of a log.

use crate::settings::Outcomes;

/// How outcomes are read, and what is not sure about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Learnt {
    /// The settings.
    pub(super) outcomes: Outcomes,
    /// Keys of `[outcomes]` that were not seen or could be others, each with the reason.
    pub(super) unsure: Vec<(&'static str, String)>,
}

/// Why it is not known what a failure looks like.
pub(super) const NO_FAILURE: &str =
    "no line was seen that only a job that fails has; an uncaught error is seen without one";
