//! `verifier chaos replay`.

use std::path::Path;

use super::results::Results;
use super::target;
use crate::args::{ChaosReplayArgs, ChaosTarget, LiveArgs};
use crate::chaos::{self, By, Replayed, digest, experiment_of_file};
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
        (None, "local") => ChaosTarget::Local,
        (None, other) => {
            return Err(Failure::usage(format!(
                "{} was found on {other}; say with --target what it is replayed on",
                args.file.display()
            )));
        }
    };
    let with = (&experiment, found.planted);
    let mut place = target::find(target, LiveArgs::default(), with, &progress).await?;
    let again = super::again();
    let is_live = place.is_live();
    let by = By { interrupt: &interrupt, progress: &progress };
    let ran = tokio::select! {
        ran = chaos::run(experiment, &mut place.target, again, by) => Some(ran),
        () = interrupt.asked(), if !is_live => None,
    };
    progress.clear();
    place.shut_down().await;
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
