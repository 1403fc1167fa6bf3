//! `verifier`: proves a preview stack, breaks it on purpose and replays its dead letters.

mod admin;
mod args;
mod chaos;
mod check;
mod clean;
mod clock;
mod commands;
mod config;
mod dead_letters;
mod endpoint;
mod exit;
mod failure;
mod files;
mod interrupt;
mod journal;
mod local_stack;
mod output;
mod ready;
mod redrive;
#[cfg(test)]
mod stand;
mod view;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use args::{Command, VerifierArgs};
use clap::Parser;
use exit::Exit;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    output::init(std::env::args_os());
    std::panic::set_hook(Box::new(view::print_panic));
    let args = match VerifierArgs::try_parse() {
        Ok(args) => args,
        Err(error) => return not_parsed(&error),
    };
    init_tracing(args.verbose);
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                view::error_line(&format!("the runtime cannot be started: {error}"));
                return Exit::Bug.into();
            }
        };
    let run = async {
        // Beyond a limit of the file size (setrlimit(2)) a write then fails, where it would otherwise end the process.
        let _too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
        match args.command {
            Command::Check(args) => Box::pin(commands::check::run(args)).await,
            Command::Chaos(args) => Box::pin(commands::chaos::run(*args)).await,
            Command::Config(args) => commands::config::run(&args),
            Command::Dlq(args) => Box::pin(commands::dlq::run(args)).await,
            Command::Explain(args) => commands::explain::run(&args),
            Command::IamPolicy(args) => Box::pin(commands::iam_policy::run(args)).await,
            Command::Local(args) => commands::local::run(args).await,
            Command::Man(args) => commands::manual::man(&args),
            Command::Completions(args) => commands::manual::completions(&args),
            Command::Redrive(args) => Box::pin(commands::redrive::run(*args)).await,
        }
    };
    // What went wrong is said by the hook.
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(run)));
    // A blocking read of a pipe that nobody closes must not keep the process alive.
    runtime.shutdown_background();
    match outcome {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            view::print_failure(&failure);
            failure.exit.into()
        }
        Err(_) => Exit::Bug.into(),
    }
}

/// Help and version come this way too, and are results. What was typed is shown in an error, and may be anything.
fn not_parsed(error: &clap::Error) -> ExitCode {
    let text = error.render();
    if !error.use_stderr() {
        return match output::print(|out| write!(out, "{}", text.ansi())) {
            Ok(()) => Exit::Passed.into(),
            Err(failure) => {
                view::print_failure(&failure);
                failure.exit.into()
            }
        };
    }
    let plain = text.to_string();
    let is_harmless = clean::document(&plain) == plain;
    output::tell(&if is_harmless { text.ansi().to_string() } else { clean::lines(&plain) });
    Exit::Usage.into()
}

/// Logs go to stderr: warnings, or more with `-v`, or what `VERIFIER_LOG` says.
fn init_tracing(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    let default = match verbose {
        0 => "error",
        1 => "info,verifier=debug,verifier_emulator=debug",
        _ => "debug",
    };
    let filter =
        EnvFilter::try_from_env("VERIFIER_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| output::LogLines).init();
}
