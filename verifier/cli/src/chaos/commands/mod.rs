//! `verifier chaos`.

mod explore;
mod judge;
mod list;
mod replay;
mod results;
mod rollback;
mod run;
mod target;

use verifier_chaos::Anomaly;

use crate::chaos::args::{ChaosArgs, ChaosCommand};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) async fn run(args: ChaosArgs) -> Result<Exit, Failure> {
    match args.command {
        ChaosCommand::List(args) => list::run(&args),
        ChaosCommand::Show { name } => list::show(&name),
        ChaosCommand::Run(args) => Box::pin(run::run(*args)).await,
        ChaosCommand::Replay(args) => Box::pin(replay::run(args)).await,
        ChaosCommand::Explore(args) => explore::run(args).await,
        ChaosCommand::Judge(args) => judge::run(&args),
        ChaosCommand::Rollback(args) => Box::pin(rollback::run(args)).await,
    }
}

/// The command that does it again, as it was typed.
fn again() -> String {
    const RESULTS: [&str; 4] = ["--format", "--out", "--history", "--report"];
    crate::shell::reproduce::again(std::env::args_os(), &RESULTS)
}

/// The anomaly of that name.
fn anomaly(name: &str) -> Result<Anomaly, Failure> {
    Anomaly::named(name).ok_or_else(|| {
        let all: Vec<&str> = Anomaly::ALL.iter().map(|anomaly| anomaly.as_str()).collect();
        Failure::usage(format!("there is no anomaly {name}; there are {}", all.join(", ")))
    })
}
