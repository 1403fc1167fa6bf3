//! Views: of a run's events and its report. They never talk to AWS.
//!
//! Each view is a file that writes to whatever it is given. This one chooses among them, and knows stdout.

mod catalogue;
pub(crate) mod chaos;
pub(crate) mod dead_letters;
mod github;
mod headway;
mod html;
mod human;
mod json;
mod jsonl;
mod junit;
mod native;
mod progress;
mod redrive;
#[cfg(test)]
mod sample;
mod settings;
mod summary;
mod words;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use verifier_core::check::{Check, CheckEvent, QueueEvidence};
use verifier_core::iam::Permission;
use verifier_core::redrive::{Ledger, NativeTask, Plan};
use verifier_core::settings::InForce;
use verifier_core::time::Timestamp;

use crate::args::{CheckFormat, Format};
use crate::check::Report;
use crate::commands::redrive::Native;
use crate::failure::Failure;
use crate::files::write_whole;
use crate::ready::Ready;
use crate::redrive::Ended;

use github::Github;
pub(crate) use headway::headway;
use human::Human;
pub(crate) use progress::Progress;

/// The view of one run on stdout, in the format that was asked for.
pub(crate) struct CheckView<'a> {
    kind: Kind,
    progress: &'a Progress,
}

enum Kind {
    Human(Human),
    Json,
    Jsonl,
    Junit,
    Github(Github),
}

impl<'a> CheckView<'a> {
    pub(crate) fn new(format: CheckFormat, progress: &'a Progress) -> Self {
        let kind = match format {
            CheckFormat::Human => Kind::Human(Human::new(terminal_width())),
            CheckFormat::Json => Kind::Json,
            CheckFormat::Jsonl => Kind::Jsonl,
            CheckFormat::Junit => Kind::Junit,
            CheckFormat::Github => {
                Kind::Github(Github::new(format!("verifier-{:032x}", fastrand::u128(..))))
            }
        };
        Self { kind, progress }
    }

    /// Shows an event while the run goes on.
    pub(crate) fn event(&mut self, event: &CheckEvent) {
        match event {
            CheckEvent::Started { stack, .. } => self.progress.say(&format!("checking {stack}")),
            CheckEvent::Waiting(wait) => self.progress.wait(wait),
            CheckEvent::Traced(_) | CheckEvent::Settled(_) => {}
        }
        let kind = &mut self.kind;
        self.progress.suspend(|| {
            print(|out| match kind {
                Kind::Human(human) => human.event(event, out),
                Kind::Github(github) => github.event(event, out),
                Kind::Jsonl => jsonl::event(event, out),
                Kind::Json | Kind::Junit => Ok(()),
            });
        });
    }

    /// Shows the result of the run.
    pub(crate) fn report(&self, report: &Report) {
        print(|out| match &self.kind {
            Kind::Human(human) => human.report(report, out),
            Kind::Json => json::write(report, out),
            Kind::Jsonl => jsonl::report(report, out),
            Kind::Junit => junit::write(report, out),
            Kind::Github(github) => github.report(report, out),
        });
        if let Some(stopped) = &report.stopped {
            print_failure(stopped);
        }
    }
}

/// The file that GitHub shows with the job, where there is one.
pub(crate) fn job_summary() -> Option<PathBuf> {
    std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Appends the summary of a run to the file that GitHub shows with the job. `again` is the command that repeats it.
pub(crate) fn append_summary(report: &Report, again: &str, path: &Path) -> Result<(), Failure> {
    append_to_summary(path, |room| summary::markdown(report, again, room))
}

/// Appends a text to the job summary, in at most as many bytes as there is room for.
fn append_to_summary(path: &Path, text: impl FnOnce(usize) -> String) -> Result<(), Failure> {
    let taken = fs::metadata(path).map_or(0, |file| file.len());
    let room = summary::BYTES_MAX.saturating_sub(usize::try_from(taken).unwrap_or(usize::MAX));
    let text = text(room);
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        Failure::usage(format!("the job summary {} cannot be written: {error}", path.display()))
    })
}

/// Writes the report to a file, in the format that its name ends with. `again` is the command that repeats the run.
pub(crate) fn write_report(report: &Report, again: &str, path: &Path) -> Result<(), Failure> {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let text = match ending {
        "json" => collected(|out| json::write(report, out)),
        "xml" => collected(|out| junit::write(report, out)),
        "md" => Ok(summary::markdown(report, again, summary::BYTES_MAX)),
        _ => html::page(report, again),
    };
    write_text(path, text)
}

fn write_text(path: &Path, text: io::Result<String>) -> Result<(), Failure> {
    text.and_then(|text| write_whole(path, &text)).map_err(|error| {
        Failure::usage(format!("the report {} cannot be written: {error}", path.display()))
    })
}

fn collected(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<String> {
    let mut bytes = Vec::new();
    write(&mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Shows every check that there is.
pub(crate) fn print_catalogue(format: CheckFormat) {
    let text = match format {
        CheckFormat::Json | CheckFormat::Jsonl => catalogue::json(),
        // The catalogue is no result, so there is nothing in it for programs that read results.
        CheckFormat::Human | CheckFormat::Junit | CheckFormat::Github => catalogue::list(),
    };
    print(|out| out.write_all(text.as_bytes()));
}

/// Shows the settings in force.
pub(crate) fn print_settings(settings: &InForce, format: Format) {
    let text = match format {
        Format::Human => settings::human(settings),
        Format::Json => settings::json(settings),
    };
    print(|out| out.write_all(text.as_bytes()));
}

/// Shows what there is to say of a check.
pub(crate) fn print_explanation(check: &Check) {
    print(|out| out.write_all(catalogue::explanation(check).as_bytes()));
}

/// Shows that the emulator is up.
pub(crate) fn print_ready(ready: &Ready, format: Format) {
    print(|out| match format {
        Format::Human => human::ready(ready, out),
        Format::Json => json::pretty(ready, out),
    });
}

/// Shows an IAM policy, and on stderr which of its actions a good run does without.
pub(crate) fn print_policy(policy: &Value, permissions: &[Permission]) {
    print(|out| json::pretty(policy, out));
    for permission in permissions {
        if let Some(when) = permission.only_when {
            let _ =
                writeln!(anstream::stderr(), "{} is only called when {when}", permission.action);
        }
    }
}

/// Shows what a redrive came to.
pub(crate) fn print_redrive(ended: &Ended, format: Format) {
    print(|out| match format {
        Format::Human => redrive::human(ended, out),
        Format::Json => json::pretty(&redrive::json(ended), out),
    });
}

/// Shows what a redrive's journal tells.
pub(crate) fn print_redrive_status(ledger: &Ledger, journal: &str, format: Format) {
    print(|out| match format {
        Format::Human => redrive::status(ledger, journal, out),
        Format::Json => json::pretty(&redrive::status_json(ledger, journal), out),
    });
}

/// Shows what a redrive would do.
pub(crate) fn print_plan(plan: &Plan, now: Timestamp, format: Format) {
    print(|out| match format {
        Format::Human => redrive::plan(plan, now, out),
        Format::Json => json::pretty(plan, out),
    });
}

/// Shows what became of a task of SQS's, and on stderr that it goes on, if it does.
pub(crate) fn print_native(ended: &Native, format: Format) {
    print(|out| match format {
        Format::Human => native::human(ended, out),
        Format::Json => json::pretty(&native::json(ended), out),
    });
    if let Some(left) = native::left(ended) {
        let _ = writeln!(anstream::stderr(), "{left}");
    }
}

/// Shows what a task of SQS's would do.
pub(crate) fn print_native_plan(
    source: &QueueEvidence,
    destination: Option<&str>,
    rate: Option<u32>,
    format: Format,
) {
    print(|out| match format {
        Format::Human => writeln!(out, "{}", native::plan(source, destination, rate)),
        Format::Json => json::pretty(&native::plan_json(source, destination, rate), out),
    });
}

/// What a task of SQS's would do, in words.
pub(crate) fn native_plan(
    source: &QueueEvidence,
    destination: Option<&str>,
    rate: Option<u32>,
) -> String {
    native::plan(source, destination, rate)
}

/// Where a task of SQS's moves letters, in words.
pub(crate) fn native_way(destination: Option<&str>) -> String {
    native::way(destination)
}

/// How many letters a task of SQS's has moved, in words.
pub(crate) fn native_moved(task: &NativeTask) -> String {
    native::moved(task)
}

/// How fast a task of SQS's is, in words.
pub(crate) fn native_pace(task: &NativeTask, now: Timestamp) -> String {
    native::pace(task, now)
}

/// Whether there is somebody at a terminal who can be asked.
pub(crate) fn can_ask() -> bool {
    redrive::can_ask()
}

/// Asks on the terminal.
pub(crate) fn confirm(question: &str) -> bool {
    redrive::confirm(question)
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

/// Prints bytes as they are.
pub(crate) fn print_raw(bytes: &[u8]) {
    print(|out| out.write_all(bytes));
}

/// Prints a result. A reader that has closed the pipe wants no more, which is no error.
fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    let mut stdout = anstream::stdout().lock();
    let _ = write(&mut stdout).and_then(|()| stdout.flush());
}

/// The width that lines are wrapped to; none for a file or a pipe, where a line is a line.
fn terminal_width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(stdout).map(|(width, _)| usize::from(width.0))
}
