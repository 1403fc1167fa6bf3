//! An experiment, from its steady state to its steady state.

use std::time::Instant;

use verifier_core::chaos::{Experiment, judge};
use verifier_core::check::Overall;

use super::outcome::Outcome;
use super::target::Target;
use crate::failure::Failure;
use crate::view::Progress;

/// Runs an experiment. Without a steady state to begin with, nothing is done to the target.
pub(crate) async fn run(
    experiment: Experiment,
    target: &mut Target,
    again: String,
    progress: &Progress,
) -> Result<Outcome, Failure> {
    let began = Instant::now();
    let schedule = experiment.schedule();
    progress.say(&format!("{}: the steady state before", experiment.name));
    let before = target.steady_state(&schedule, &experiment.steady_state).await?;
    let mut outcome = Outcome {
        target: target.name().to_owned(),
        before: Some(before),
        after: None,
        explored: None,
        replayed: None,
        judged: None,
        wall: began.elapsed(),
        again,
        files: Vec::new(),
        experiment: None,
    };
    let is_steady = outcome.before.as_ref().is_some_and(|steady| steady.overall == Overall::Pass);
    if is_steady {
        progress.say(&format!("{}: load and faults, seed {}", experiment.name, experiment.seed));
        let mut history = target.run(&schedule, experiment.limits()).await?;
        history.header.allows = experiment.allow;
        let report = judge(&history);
        outcome.judged = Some((history, report));
        progress.say(&format!("{}: the steady state after", experiment.name));
        outcome.after = Some(target.steady_state(&schedule, &experiment.steady_state).await?);
    }
    outcome.experiment = Some(experiment);
    outcome.wall = began.elapsed();
    Ok(outcome)
}
