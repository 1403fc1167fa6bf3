//! `verifier chaos run`.

use verifier_core::chaos::{Anomaly, Experiment, Found};

use super::results::Results;
use super::target;
use crate::args::{AbortArgs, ChaosRunArgs, PlantArgs};
use crate::chaos::{digest, experiment_from};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::view::Progress;

pub(super) async fn run(args: ChaosRunArgs) -> Result<Exit, Failure> {
    let mut experiment = experiment_from(&args.experiment)?;
    experiment.found = None;
    if let Some(seed) = args.seed {
        experiment.seed = seed;
    }
    limit(&mut experiment, args.abort);
    let results = Results::of(&args.results)?;
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let planted = planted(&args.plant)?;
    let found = target::find(args.target, args.live, (&experiment, planted), &progress).await?;
    let Some(mut outcome) = found.carry_out(experiment, &interrupt, &progress).await? else {
        return Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted));
    };
    // What is written can be replayed.
    if let (Some(experiment), Some((history, report))) = (&mut outcome.experiment, &outcome.judged)
    {
        experiment.found = Some(Found {
            target: outcome.target.clone(),
            anomalies: report.violations(),
            planted,
            history_sha256: digest(history)?,
        });
    }
    let exit = results.show(outcome)?;
    Ok(interrupt.exit().await.unwrap_or(exit))
}

/// Puts the limits of the command line in the place of the experiment's.
fn limit(experiment: &mut Experiment, abort: AbortArgs) {
    if let Some(duration) = abort.max_duration {
        experiment.abort.max_duration_seconds = Some(duration.as_secs());
    }
    if let Some(calls) = abort.max_cost_calls {
        experiment.abort.max_cost_calls = Some(calls);
    }
}

/// The anomaly of the bug that is to be planted.
pub(super) fn planted(args: &PlantArgs) -> Result<Option<Anomaly>, Failure> {
    args.plant.as_deref().map(super::anomaly).transpose()
}
