//! The project's own tasks: `cargo xtask test`, `conformance`, `gen`, `notices`, `package`, `bench`, `matrix`, `mutants` and `soak`.

mod architecture;
mod args;
mod awscli2;
mod bench;
mod bench_emulator;
mod bench_gate;
mod bench_lambdas;
mod bench_redrive;
mod browser;
mod chaos;
mod chromium;
mod command;
mod conformance;
mod debian;
mod dependencies;
mod failure;
mod graph;
mod licence;
mod lint;
mod moto;
mod notices;
mod npm;
mod package;
mod project;
mod python;
mod server;
mod soak;
mod steps;
mod suite;
mod version;

use std::io::Write;
use std::process::ExitCode;

use args::{Request, USAGE};
use failure::Failure;
use project::Project;

fn main() -> ExitCode {
    let outcome = args::parse(std::env::args().skip(1)).and_then(perform);
    outcome.unwrap_or_else(|failure| {
        say_error(&failure);
        ExitCode::from(failure.exit)
    })
}

fn perform(request: Request) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    match request {
        Request::Help => out.write_all(USAGE.as_bytes())?,
        Request::ListSteps => out.write_all(suite::list(&steps::STEPS).as_bytes())?,
        Request::Test(names) => {
            let chosen = suite::choose(&steps::STEPS, &names)?;
            let passed = suite::run(&chosen, &Project::find()?, &mut out)?;
            return Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Request::Conformance(options) => {
            conformance::compare(&Project::find()?, &options, &mut out)?;
        }
        Request::Notices => out.write_all(notices::notices(&Project::find()?)?.as_bytes())?,
        Request::Generate => steps::generate(&Project::find()?, &mut out)?,
        Request::Package(architecture) => {
            package::run(&Project::find()?, architecture, &mut out)?;
        }
        Request::BenchEmulator => bench_emulator::run(&Project::find()?, &mut out)?,
        Request::BenchCheck { runs } => bench::check(&Project::find()?, runs, &mut out)?,
        Request::BenchLambdas { runs } => bench_lambdas::run(&Project::find()?, runs, &mut out)?,
        Request::BenchRedrive { many } => bench_redrive::run(&Project::find()?, many, &mut out)?,
        Request::SoakRedriveKill { cases } => soak::redrive_kill(&Project::find()?, cases)?,
        Request::BenchSim => chaos::bench(&Project::find()?)?,
        Request::Mutants => chaos::mutants(&Project::find()?)?,
        Request::SoakChaosTargets { cases } => chaos::targets(&Project::find()?, cases)?,
        Request::SoakChaos { cases } => chaos::soak(&Project::find()?, cases)?,
        Request::Matrix(asked) => soak::matrix(&Project::find()?, &asked)?,
        Request::SoakCheck { cases } => soak::check(&Project::find()?, cases)?,
        Request::SoakEmulator { cases } => soak::emulator(&Project::find()?, cases, &mut out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn say_error(failure: &Failure) {
    // Whoever has closed stderr does not want to know.
    let _ = writeln!(std::io::stderr(), "error: {failure}");
}
