//! What is wrong with a policy.

/// A policy that AWS would refuse, or that holds what is not known here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct PolicyError {
    /// Where in the document, for example `Statement[1].Condition.StringLike`.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl PolicyError {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}
