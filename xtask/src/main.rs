//! The project's own tasks: `cargo xtask test`, `conformance`, `gen`, `notices`, `package`, `docs`, `deny`, `bench`,
//! `matrix`, `mutants` and `soak`.

mod architecture;
mod args;
mod awscli2;
mod bench;
mod bench_emulator;
mod bench_gate;
mod bench_lambdas;
mod bench_redrive;
mod browser;
mod build;
mod cargo_tool;
mod chaos;
mod chromium;
mod command;
mod conformance;
mod debian;
mod deny;
mod dependencies;
mod docs;
mod failure;
mod features;
mod graph;
mod lint;
mod modules;
mod moto;
mod notices;
mod npm;
mod package;
mod project;
mod python;
mod rust_tests;
mod server;
mod soak;
mod steps;
mod suite;
mod version;
mod walkthrough;
mod words;

use std::io::Write;
use std::process::ExitCode;

use args::{Arguments, Bench, Command, Soak};
use clap::Parser;
use failure::Failure;
use project::Project;

fn main() -> ExitCode {
    perform(Arguments::parse().command).unwrap_or_else(|failure| {
        // Whoever has closed stderr does not want to know.
        let _ = writeln!(std::io::stderr(), "error: {failure}");
        ExitCode::FAILURE
    })
}

fn perform(command: Command) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    let project = Project::find()?;
    match command {
        Command::Test(asked) if asked.list => {
            out.write_all(suite::list(&steps::STEPS).as_bytes())?;
        }
        // What runs beside the main lane is this program again, which only does it.
        Command::Test(asked) if asked.beside => {
            for step in suite::choose(&steps::STEPS, &asked.steps) {
                (step.run)(&project, &mut out)?;
            }
        }
        Command::Test(asked) => {
            let chosen = suite::choose(&steps::STEPS, &asked.steps);
            let passed = suite::run(&chosen, &project, &mut out)?;
            return Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Conformance(asked) => {
            conformance::compare(&project, &asked.options(), &mut out)?;
        }
        Command::Notices => out.write_all(notices::notices(&project)?.as_bytes())?,
        Command::Gen => steps::generate(&project, &mut out)?,
        Command::Package { arch } => {
            package::run(&project, arch, &mut out)?;
        }
        Command::Walkthrough => walkthrough::run(&project, &mut out)?,
        Command::Docs { pages: Some(folder) } => docs::release(&project, &folder)?,
        Command::Docs { pages: None } => docs::build(&project, &mut out)?,
        Command::Deny { offline } => deny::check(&project, offline, &mut out)?,
        Command::Bench(what) => bench(&project, &what, &mut out)?,
        Command::Mutants => chaos::mutants(&project)?,
        Command::Matrix(asked) => soak::matrix(&project, &asked)?,
        Command::Soak(what) => soak(&project, &what, &mut out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn bench(project: &Project, what: &Bench, out: &mut dyn Write) -> Result<(), Failure> {
    match what {
        Bench::Check(asked) => bench::check(project, asked.runs, out),
        Bench::Emulator => bench_emulator::run(project, out),
        Bench::Lambdas(asked) => bench_lambdas::run(project, asked.runs, out),
        Bench::Redrive { many } => bench_redrive::run(project, *many, out),
        Bench::Sim => chaos::bench(project),
    }
}

fn soak(project: &Project, what: &Soak, out: &mut dyn Write) -> Result<(), Failure> {
    match *what {
        Soak::Check { cases } => soak::check(project, cases),
        Soak::Workers { cases } => soak::workers(project, cases),
        Soak::Emulator { cases } => soak::emulator(project, cases, out),
        Soak::Chaos { cases } => chaos::soak(project, cases),
        Soak::ChaosTargets { cases } => chaos::targets(project, cases),
        Soak::RedriveKill { cases } => soak::redrive_kill(project, cases),
    }
}
