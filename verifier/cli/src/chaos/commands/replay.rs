//! `verifier chaos replay`.

use std::path::Path;

use super::results::Results;
use super::target;
use crate::chaos::args::{ChaosReplayArgs, ChaosTarget, LiveArgs};
use crate::chaos::{Replayed, digest, experiment_of_file};
use crate::shell::clean;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

pub(super) async fn run(args: ChaosReplayArgs) -> Result<Exit, Failure> {
    let experiment = experiment_of_file(&args.file)?;
    let Some(found) = experiment.found.clone() else {
        return Err(nothing_found(&args.file));
    };
    let results = Results::of(&args.results, &[("the experiment", &args.file)])?;
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let target = match (args.target, found.target.as_str()) {
        (Some(target), _) => target,
        (None, "sim") => ChaosTarget::Sim,
        (None, "local") => ChaosTarget::Local,
        (None, other) => {
            return Err(Failure::usage(format!(
                "{} was found on {other}; say with --target what it is replayed on",
                args.file.display()
            )));
        }
    };
    let with = (&experiment, found.seeded);
    let place = target::find(target, LiveArgs::default(), with, &progress).await?;
    let Some(mut outcome) = place.carry_out(experiment, &interrupt, &progress).await? else {
        return Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted));
    };
    let replayed = match &outcome.evaluated {
        Some((history, report)) => Replayed {
            expected: found.anomalies,
            is_same: report.violations() == found.anomalies,
            is_identical: digest(history)? == found.history_sha256,
            seeded: found.seeded,
        },
        None => Replayed {
            expected: found.anomalies,
            is_same: false,
            is_identical: false,
            seeded: found.seeded,
        },
    };
    outcome.replayed = Some(replayed);
    let exit = results.show(outcome)?;
    Ok(interrupt.exit().await.unwrap_or(exit))
}

fn nothing_found(file: &Path) -> Failure {
    Failure {
        next: Some(format!("verifier chaos run {}", clean::word(&file.to_string_lossy()))),
        ..Failure::usage(format!(
            "{} holds nothing that was found before, so there is nothing to compare with",
            file.display()
        ))
    }
}
