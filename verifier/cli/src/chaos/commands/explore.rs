//! `verifier chaos explore`.

use std::sync::Arc;

use super::results::Results;
use super::run::seeded;
use crate::chaos::args::ChaosExploreArgs;
use crate::chaos::view;
use crate::chaos::{Budget, Sim, explore};
use crate::shell::clean;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

pub(super) async fn run(args: ChaosExploreArgs) -> Result<Exit, Failure> {
    let mut results = Results::of(&args.results, &[])?;
    let interrupt = Arc::new(Interrupt::listen()?);
    // Short enough to be typed, and exact for programs that read numbers as floats.
    let seed = args.seed.unwrap_or_else(|| fastrand::u32(..).into());
    results.keep_experiment_in(&format!("chaos-{seed}.json"))?;
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or_else(|| available().try_into().unwrap_or(u16::MAX));
    let budget = Budget { seed, schedules: args.schedules, jobs, duration: args.max_duration };
    let sim = Sim::with(seeded(&args.bug)?)?;
    let explored = {
        let interrupt = Arc::clone(&interrupt);
        tokio::task::spawn_blocking(move || {
            let progress = Progress::new();
            progress.say(&format!("exploring from seed {seed} with {jobs} at once"));
            let explored = explore(sim, budget, &|| interrupt.is_asked(), &progress);
            progress.clear();
            explored
        })
        .await
    };
    let mut outcome = explored.map_err(|error| Failure {
        what: format!("the exploration panicked: {error}"),
        next: None,
        exit: Exit::Bug,
    })??;
    outcome.again = match (&outcome.experiment, results.experiment()) {
        (Some(_), Some(file)) => {
            format!("verifier chaos replay {}", clean::word(&file.to_string_lossy()))
        }
        _ => format!("verifier chaos explore --seed {seed} --schedules {}", args.schedules),
    };
    if args.coverage {
        view::print_coverage(&outcome);
    }
    let exit = results.show(outcome)?;
    let stopped = match Arc::into_inner(interrupt) {
        Some(interrupt) => interrupt.exit().await,
        None => None,
    };
    Ok(stopped.unwrap_or(exit))
}
