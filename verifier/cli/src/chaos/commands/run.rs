//! `verifier chaos run`.

use std::path::PathBuf;

use verifier_chaos::{Anomaly, Experiment, Found};

use super::heeded::refuse_unheeded;
use super::results::Results;
use super::target;
use crate::chaos::args::{AbortArgs, BugArgs, ChaosRunArgs, ChaosTarget};
use crate::chaos::{Builtin, digest, experiment_from};
use crate::config;
use crate::local::args::TemplateArgs;
use crate::local::stack;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::files::{self, Named};
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

pub(super) async fn run(args: ChaosRunArgs) -> Result<Exit, Failure> {
    let mut experiment = experiment_from(&args.experiment)?;
    experiment.found = None;
    if let Some(seed) = args.seed {
        experiment.seed = seed;
    }
    limit(&mut experiment, args.abort);
    refuse_unheeded(args.target, &args.live)?;
    let inputs = inputs(&args)?;
    let inputs: Vec<Named<'_>> = inputs.iter().map(|(what, path)| (*what, &**path)).collect();
    if let Some(journal) = &args.live.journal {
        files::check_new(journal).map_err(|error| files::failed("journal", journal, &error))?;
    }
    let results = Results::of(&args.results, &inputs)?;
    if let Some(journal) = &args.live.journal {
        results.refuse_what_is_named_after(journal)?;
    }
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let seeded = seeded(&args.bug)?;
    let found = target::find(args.target, args.live, (&experiment, seeded), &progress);
    let found = match Box::pin(interrupt.unless_asked(found)).await {
        Ok(found) => found,
        Err(failure) => return Err(interrupt.explains(failure).await),
    };
    let mut outcome = match found.carry_out(experiment, &interrupt, &progress).await {
        Ok(Some(outcome)) => outcome,
        Ok(None) => return Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted)),
        Err(failure) => return Err(interrupt.explains(failure).await),
    };
    // What is written can be replayed.
    if let (Some(experiment), Some((history, report))) =
        (&mut outcome.experiment, &outcome.evaluated)
    {
        experiment.found = Some(Found {
            target: outcome.target.clone(),
            anomalies: report.violations(),
            seeded,
            history_sha256: digest(history)?,
        });
    }
    let exit = results.show(outcome)?;
    Ok(interrupt.exit().await.unwrap_or(exit))
}

/// The files that are read or that a run keeps, with the word for each.
fn inputs(args: &ChaosRunArgs) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    let ChaosRunArgs { experiment, target, live, .. } = args;
    let is_file = Builtin::named(experiment).is_none();
    let mut inputs: Vec<(&'static str, PathBuf)> = Vec::new();
    inputs.extend(is_file.then(|| ("the experiment", experiment.into())));
    inputs.extend(live.journal.clone().map(|journal| ("--journal", journal)));
    inputs.extend(live.template.clone().map(|template| ("--template", template)));
    inputs.extend(live.resources.files.file());
    let is_live = live.is_deployed() || *target != ChaosTarget::Sim;
    if is_live {
        inputs.extend(config::file(live.config.as_deref())?);
    }
    if is_live && !live.is_deployed() && live.template.is_none() {
        inputs.extend(stack::inputs(&TemplateArgs::default()));
    }
    Ok(inputs)
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

/// The anomaly of the bug that is to be seeded.
pub(super) fn seeded(args: &BugArgs) -> Result<Option<Anomaly>, Failure> {
    args.bug.as_deref().map(super::anomaly).transpose()
}
