//! What became of a case.

use crate::problem::Problem;

/// What came of a case at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint does what AWS does.
    Passed,
    /// It does not, or it could not be told.
    Problem(Problem),
    /// It takes long, and that was not asked for.
    NotRun,
}
