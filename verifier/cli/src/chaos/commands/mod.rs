//! `verifier chaos`.

mod analyze;
mod explore;
mod heeded;
mod list;
mod replay;
mod results;
mod rollback;
mod run;
mod target;

use verifier_chaos::Anomaly;
use verifier_core::command::{SecretValues, without_secrets};

use crate::chaos::args::{ChaosArgs, ChaosCommand};
use crate::chaos::live::{Live, stack};
use crate::local::secrets::secret_values;
use crate::shell::args::ConnectionArgs;
use crate::shell::clean;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) async fn run(args: ChaosArgs) -> Result<Exit, Failure> {
    match args.command {
        ChaosCommand::List(args) => list::run(&args),
        ChaosCommand::Show { name } => list::show(&name),
        ChaosCommand::Run(args) => Box::pin(run::run(*args)).await,
        ChaosCommand::Replay(args) => Box::pin(replay::run(args)).await,
        ChaosCommand::Explore(args) => explore::run(args).await,
        ChaosCommand::Analyze(args) => analyze::run(&args),
        ChaosCommand::Rollback(args) => Box::pin(rollback::run(args)).await,
    }
}

/// What says where a run's results go. A journal of before must not be there yet, and so is none of the next run's.
const RESULTS: [&str; 5] = ["--format", "--out", "--history", "--report", "--journal"];

/// The command that does it again, as it was typed.
fn reproduce() -> String {
    crate::shell::reproduce::reproduce(std::env::args_os(), &RESULTS, &secrets())
}

/// The values of the command line that are not printed.
fn secrets() -> SecretValues {
    secret_values(std::env::args_os())
}

/// The same on a deployed stack, wherever it was said where that is.
fn again_on(live: &Live) -> String {
    let variables = live.place.aws.endpoint_variables();
    let endpoint = live.place.aws.endpoint().filter(|_| variables.is_empty());
    let profile = stack::profile(&ConnectionArgs::default());
    let options = [("--endpoint-url", endpoint.map(str::to_owned)), ("--profile", profile)];
    let assigned = variables
        .iter()
        .map(|(name, value)| format!("{name}={} ", clean::word(&without_secrets(value))));
    let again =
        crate::shell::reproduce::again_with(std::env::args_os(), &RESULTS, &options, &secrets());
    assigned.collect::<String>() + &again
}

/// The anomaly of that name.
fn anomaly(name: &str) -> Result<Anomaly, Failure> {
    Anomaly::named(name).ok_or_else(|| {
        let all: Vec<&str> = Anomaly::ALL.iter().map(|anomaly| anomaly.as_str()).collect();
        Failure::usage(format!("there is no anomaly {name}; there are {}", all.join(", ")))
    })
}
