//! Views: of a run's events and its report. They never talk to AWS.

mod catalogue;
mod human;
mod json;
mod progress;
mod settings;

use std::io::Write;

use verifier_core::check::{Check, CheckEvent};
use verifier_core::settings::InForce;

use crate::args::Format;
use crate::check::Report;
use crate::failure::Failure;
use crate::ready::Ready;

pub(crate) use progress::Progress;

/// Shows an event while the run goes on.
pub(crate) fn print_event(event: &CheckEvent, format: Format, progress: &Progress) {
    match event {
        CheckEvent::Started { stack, run_id, .. } => {
            progress.say(&format!("checking {stack}"));
            if format == Format::Human {
                progress.suspend(|| print(&human::header(stack, run_id)));
            }
        }
        CheckEvent::Progress(step) => progress.say(step),
        CheckEvent::Waiting(wait) => progress.wait(wait),
        CheckEvent::Settled(settled) => {
            if format == Format::Human {
                progress.suspend(|| print(&human::settled(settled)));
            }
        }
    }
}

/// Shows the result of a run.
pub(crate) fn print_report(report: &Report, format: Format) {
    match format {
        Format::Human => print(&human::summary(report)),
        Format::Json => print(&json::report(report)),
    }
    if let Some(stopped) = &report.stopped {
        print_failure(stopped);
    }
}

/// Shows every check that there is.
pub(crate) fn print_catalogue(format: Format) {
    print(&match format {
        Format::Human => catalogue::list(),
        Format::Json => catalogue::json(),
    });
}

/// Shows the settings in force.
pub(crate) fn print_settings(settings: &InForce, format: Format) {
    print(&match format {
        Format::Human => settings::human(settings),
        Format::Json => settings::json(settings),
    });
}

/// Shows what there is to say of a check.
pub(crate) fn print_explanation(check: &Check) {
    print(&catalogue::explanation(check));
}

/// Shows that the emulator is up.
pub(crate) fn print_ready(ready: &Ready, format: Format) {
    match format {
        Format::Human => print(&human::ready(ready)),
        Format::Json => print(&(serde_json::to_string_pretty(ready).unwrap_or_default() + "\n")),
    }
}

/// Shows on stderr why a command could not do its work.
pub(crate) fn print_failure(failure: &Failure) {
    error_line(&failure.what);
    if let Some(next) = &failure.next {
        let _ = writeln!(anstream::stderr(), "       {next}");
    }
}

/// An error, on stderr.
pub(crate) fn error_line(text: &str) {
    use owo_colors::OwoColorize;
    let _ = writeln!(anstream::stderr(), "{} {text}", "error:".red().bold());
}

/// Prints a result. A reader that has closed the pipe wants no more, which is no error.
fn print(text: &str) {
    let mut stdout = anstream::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
