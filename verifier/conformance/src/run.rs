//! Running cases against one endpoint, several at a time.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::case::Case;
use crate::endpoint::Endpoint;
use crate::outcome::Outcome;
use crate::problem::Problem;
use crate::report::Column;

/// How cases are run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Also those that take long where time cannot be skipped.
    pub slow: bool,
    /// How many at a time.
    pub at_a_time: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { slow: false, at_a_time: 32 }
    }
}

/// How long a case may take, in wall time, beyond what it says; more than a case whose every wait ends without a message.
const BOUND: Duration = Duration::from_secs(90);

/// Runs cases until they are done, or until they are to end. What a case has made is removed either way.
pub async fn run(
    endpoint: &Endpoint,
    cases: &[Case],
    options: Options,
    end: &CancellationToken,
) -> Column {
    let (chosen, left_out): (Vec<Case>, Vec<Case>) = cases
        .iter()
        .partition(|case| case.takes_seconds.is_none() || options.slow || endpoint.skips_time());
    let mut column = Column::new(&endpoint.name);
    for case in left_out {
        column.outcomes.insert(case.id, Outcome::NotRun);
    }
    let runs = chosen.into_iter().map(|case| async move {
        let (outcome, left_behind) = run_one(endpoint, case, end).await;
        (case.id, outcome, left_behind)
    });
    let mut runs = stream::iter(runs).buffer_unordered(options.at_a_time.max(1));
    while let Some((id, outcome, left_behind)) = runs.next().await {
        column.outcomes.insert(id, outcome);
        column.left_behind.extend(left_behind);
    }
    for outcome in column.outcomes.values_mut() {
        tell_apart(outcome, endpoint);
    }
    column
}

/// A server error without a code is a deviation of an operation that was answered elsewhere, and otherwise the sign of
/// one that is not there.
fn tell_apart(outcome: &mut Outcome, endpoint: &Endpoint) {
    if let Outcome::Problem(Problem::ServerError { operation, expected, actual }) = outcome {
        let problem = if endpoint.has_answered(operation) {
            Problem::deviation(std::mem::take(expected), std::mem::take(actual))
        } else {
            Problem::NotSupported(std::mem::take(operation))
        };
        *outcome = Outcome::Problem(problem);
    }
}

async fn run_one(
    endpoint: &Endpoint,
    case: Case,
    end: &CancellationToken,
) -> (Outcome, Vec<String>) {
    if end.is_cancelled() {
        return (not_evaluated("interrupted"), Vec::new());
    }
    let stand = match endpoint.open().await {
        Ok(stand) => stand,
        Err(problem) => return (Outcome::Problem(problem), Vec::new()),
    };
    let bound = BOUND + Duration::from_secs(case.takes_seconds.unwrap_or(0).into());
    let outcome = tokio::select! {
        verdict = (case.run)(&stand) => verdict.map_or_else(Outcome::Problem, |()| Outcome::Passed),
        () = tokio::time::sleep(bound) => {
            not_evaluated(&format!("not done within {} s", bound.as_secs()))
        }
        () = end.cancelled() => not_evaluated("interrupted"),
    };
    (outcome, stand.clean_up().await)
}

fn not_evaluated(why: &str) -> Outcome {
    Outcome::Problem(Problem::NotEvaluated(why.to_owned()))
}
