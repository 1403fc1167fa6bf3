//! An experiment, from its steady state to its steady state.

use std::time::Instant;

use verifier_chaos::{Experiment, evaluate, missing};
use verifier_core::check::Overall;

use super::outcome::Outcome;
use super::target::{By, Target};
use crate::shell::failure::Failure;

/// Runs an experiment. Without a steady state to begin with, nothing is done to the target.
pub(crate) async fn run_experiment(
    experiment: Experiment,
    target: &mut Target,
    again: String,
    by: By<'_>,
) -> Result<Outcome, Failure> {
    let (began, progress) = (Instant::now(), by.progress);
    let schedule = experiment.schedule();
    progress.say(&format!("{}: the steady state before", experiment.name));
    let before = target.steady_state(&schedule, &experiment.steady_state, by).await?;
    let is_steady = before.overall == Overall::Pass;
    let mut outcome = Outcome { before: Some(before), ..Outcome::of(target.name(), again) };
    if is_steady {
        progress.say(&format!("{}: load and faults, seed {}", experiment.name, experiment.seed));
        let mut history = target.run(&schedule, experiment.limits(), by).await?;
        history.header.allows = history.header.allows.union(experiment.allow);
        let report = evaluate(&history);
        outcome.missing = missing(&experiment, &history, &report);
        progress.say(&format!("{}: the steady state after", experiment.name));
        let after = target.steady_state(&schedule, &experiment.steady_state, by).await?;
        // Who evaluates the history alone has to know that, too.
        history.header.not_seen.clone_from(&outcome.missing);
        if after.overall != Overall::Pass {
            history.header.not_seen.push("that the steady state held after it".to_owned());
        }
        outcome.evaluated = Some((history, report));
        outcome.after = Some(after);
    }
    outcome.experiment = Some(experiment);
    outcome.calls = target.calls();
    outcome.wall = began.elapsed();
    Ok(outcome)
}
