//! `verifier chaos replay`.

use std::path::Path;

use super::results::Results;
use crate::args::{ChaosReplayArgs, ChaosTarget};
use crate::chaos::{self, Replayed, Sim, Target, digest, experiment_of_file};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::view::Progress;

pub(super) async fn run(args: ChaosReplayArgs) -> Result<Exit, Failure> {
    let experiment = experiment_of_file(&args.file)?;
    let Some(found) = experiment.found.clone() else {
        return Err(nothing_found(&args.file));
    };
    let results = Results::of(&args.results)?;
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new();
    let target = match (args.target, found.target.as_str()) {
        (Some(target), _) => target,
        (None, "sim") => ChaosTarget::Sim,
        (None, other) => {
            return Err(Failure::usage(format!(
                "{} was found on {other}; say with --target what it is replayed on",
                args.file.display()
            )));
        }
    };
    let mut target = match target {
        ChaosTarget::Sim => Target::Sim(Sim::with(found.planted)?),
    };
    let again = super::again();
    let ran = tokio::select! {
        ran = chaos::run(experiment, &mut target, again, &progress) => Some(ran),
        () = interrupt.asked() => None,
    };
    progress.clear();
    let Some(ran) = ran else {
        return Ok(interrupt.exit().await.unwrap_or(Exit::Interrupted));
    };
    let mut outcome = ran?;
    let replayed = match &outcome.judged {
        Some((history, report)) => Replayed {
            expected: found.anomalies,
            is_same: report.violations() == found.anomalies,
            is_identical: digest(history)? == found.history_sha256,
            planted: found.planted,
        },
        None => Replayed {
            expected: found.anomalies,
            is_same: false,
            is_identical: false,
            planted: found.planted,
        },
    };
    outcome.replayed = Some(replayed);
    let exit = results.show(outcome)?;
    Ok(interrupt.exit().await.unwrap_or(exit))
}

fn nothing_found(file: &Path) -> Failure {
    Failure {
        next: Some(format!("verifier chaos run {}", file.display())),
        ..Failure::usage(format!(
            "{} holds nothing that was found before, so there is nothing to compare with",
            file.display()
        ))
    }
}
