//! `verifier`: proves a preview stack, breaks it on purpose and replays its dead letters.

mod args;
mod chaos;
mod check;
mod config;
mod dlq;
mod iam;
mod init;
mod local;
mod manual;
mod redrive;
mod report;
mod resources;
mod shell;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use args::{Command, VerifierArgs};
use clap::{CommandFactory, Parser};
use shell::exit::Exit;
use shell::print::{error_line, print_failure, print_panic};
use shell::renamed::say_new_name;
use shell::{clean, output};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    output::init(std::env::args_os());
    std::panic::set_hook(Box::new(print_panic));
    let args = match VerifierArgs::try_parse() {
        Ok(args) => args,
        Err(mut error) => {
            say_new_name(&mut error);
            return not_parsed(&error);
        }
    };
    init_tracing(args.verbose);
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                error_line(&format!("the runtime cannot be started: {error}"));
                return Exit::Bug.into();
            }
        };
    let run = async {
        // Beyond a limit of the file size (setrlimit(2)) a write then fails, where it would otherwise end the process.
        let _too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
        match args.command {
            Command::Check(args) => Box::pin(check::run(args)).await,
            Command::Chaos(args) => Box::pin(chaos::run(*args)).await,
            Command::Config(args) => config::run(&args),
            Command::Dlq(args) => Box::pin(dlq::run(args)).await,
            Command::Explain(args) => check::explain(&args),
            Command::IamPolicy(args) => Box::pin(iam::run(args)).await,
            Command::Init(args) => Box::pin(init::run(*args)).await,
            Command::Local(args) => local::run(args).await,
            Command::Man(args) => manual::man(&args, VerifierArgs::command()),
            Command::Completions(args) => manual::completions(&args, VerifierArgs::command()),
            Command::Redrive(args) => Box::pin(redrive::run(*args)).await,
        }
    };
    // What went wrong is said by the hook.
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(run)));
    // A blocking read of a pipe that nobody closes must not keep the process alive.
    runtime.shutdown_background();
    let exit = match outcome {
        Ok(Ok(exit)) => exit,
        Ok(Err(failure)) => {
            print_failure(&failure);
            failure.exit
        }
        Err(_) => Exit::Bug,
    };
    output::end();
    exit.into()
}

/// Help and version come this way too, and are results. What was typed is shown in an error, and may be anything.
fn not_parsed(error: &clap::Error) -> ExitCode {
    let text = error.render();
    if !error.use_stderr() {
        return match output::print(|out| write!(out, "{}", text.ansi())) {
            Ok(()) => Exit::Passed.into(),
            Err(failure) => {
                print_failure(&failure);
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
