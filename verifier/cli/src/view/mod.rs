//! Views: of a run's events and its report. They never talk to AWS.
//!
//! Each view is a file that writes to whatever it is given. This one chooses among them, and knows stdout.

mod catalogue;
pub(crate) mod chaos;
pub(crate) mod dead_letters;
mod github;
mod headway;
#[cfg(test)]
mod hostile;
mod html;
mod human;
mod json;
mod jsonl;
mod junit;
mod native;
mod page;
mod progress;
mod redrive;

pub(crate) use redrive::{Left as LeftInQueue, ask, destination, line};
#[cfg(test)]
mod sample;
mod settings;
mod summary;
mod told;
mod words;

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use github::Github;
use serde_json::Value;
use verifier_core::check::{Check, CheckEvent, QueueEvidence};
use verifier_core::iam::Permission;
use verifier_core::redrive::{Ledger, NativeTask, Plan};
use verifier_core::settings::InForce;
use verifier_model::time::Timestamp;

use crate::args::{CheckFormat, Format, ResultFormat};
use crate::check::Report;
use crate::clean;
use crate::commands::redrive::Native;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, Target};
use crate::output::{print, print_commands, tell};
use crate::ready::Ready;
use crate::redrive::Ended;
pub(crate) use headway::headway;
use human::Human;
pub(crate) use progress::Progress;
pub(crate) use told::annotate_failure;

/// The view of one run on stdout, in the format that was asked for.
pub(crate) struct CheckView<'a> {
    kind: Kind,
    progress: &'a Progress,
    /// Set when stdout took no more; nothing is printed from then on, and the run goes on.
    lost: Option<Failure>,
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
            CheckFormat::Github => Kind::Github(Github::new(github::token())),
        };
        Self { kind, progress, lost: None }
    }

    /// Shows an event while the run goes on.
    pub(crate) fn event(&mut self, event: &CheckEvent) {
        match event {
            CheckEvent::Started { stack, .. } => self.progress.say(&format!("checking {stack}")),
            CheckEvent::Waiting(wait) => self.progress.wait(wait),
            CheckEvent::Traced(_) | CheckEvent::Settled(_) => {}
        }
        if self.lost.is_some() {
            return;
        }
        let kind = &mut self.kind;
        self.lost = self.progress.suspend(|| match kind {
            Kind::Human(human) => print(|out| human.event(event, out)).err(),
            Kind::Github(github) => print_commands(|out| github.event(event, out)).err(),
            Kind::Jsonl => print(|out| jsonl::event(event, out)).err(),
            Kind::Json | Kind::Junit => None,
        });
    }

    /// Shows the result of the run. Fails where anything of it could not be printed.
    pub(crate) fn report(&mut self, report: &Report) -> Result<(), Failure> {
        let printed = match (self.lost.take(), &self.kind) {
            (Some(lost), _) => Err(lost),
            (None, Kind::Human(human)) => print(|out| human.report(report, out)),
            (None, Kind::Json) => print(|out| json::write(report, out)),
            (None, Kind::Jsonl) => print(|out| jsonl::report(report, out)),
            (None, Kind::Junit) => print(|out| junit::write(report, out)),
            (None, Kind::Github(github)) => print_commands(|out| github.report(report, out)),
        };
        if let Some(stopped) = &report.stopped {
            print_failure(stopped);
        }
        printed
    }
}

/// How a command ends that has done its work, where something of the result could not be written. Whatever was found weighs
/// more than that.
pub(crate) fn finish(exit: Exit, written: Result<(), Failure>) -> Result<Exit, Failure> {
    match written {
        Err(failure) if exit != Exit::Passed => {
            print_failure(&failure);
            Ok(exit)
        }
        written => written.map(|()| exit),
    }
}

/// The first of several that could not be written; each of the others is shown here.
pub(crate) fn first_lost(
    written: impl IntoIterator<Item = Result<(), Failure>>,
) -> Result<(), Failure> {
    let mut first = Ok(());
    for failure in written.into_iter().filter_map(Result::err) {
        match &first {
            Ok(()) => first = Err(failure),
            Err(_) => print_failure(&failure),
        }
    }
    first
}

/// The file that GitHub shows with the job, where there is one.
pub(crate) fn job_summary() -> Option<PathBuf> {
    std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Fails where the job summary cannot be appended to, before anything has taken its time. Nothing is written.
pub(crate) fn check_summary() -> Result<Option<PathBuf>, Failure> {
    let path = job_summary();
    if let Some(path) = &path {
        files::append(path, b"").map_err(|error| files::failed("job summary", path, &error))?;
    }
    Ok(path)
}

/// Appends the summary of a run to the file that GitHub shows with the job. `again` is the command that repeats it.
pub(crate) fn append_summary(report: &Report, again: &str, path: &Path) -> Result<(), Failure> {
    append_to_summary(path, |room| summary::markdown(report, again, room))
}

/// Appends a text to the job summary, in at most as many bytes as there is room for.
fn append_to_summary(path: &Path, text: impl FnOnce(usize) -> String) -> Result<(), Failure> {
    let taken = std::fs::metadata(path).map_or(0, |file| file.len());
    let room = summary::BYTES_MAX.saturating_sub(usize::try_from(taken).unwrap_or(usize::MAX));
    let appended = files::append(path, clean::document(&text(room)).as_bytes());
    appended.map_err(|error| files::failed("job summary", path, &error))
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
    write_text(&Target::named(path), text)
}

fn write_text(target: &Target, text: io::Result<String>) -> Result<(), Failure> {
    let written = text.and_then(|text| target.write_report(clean::document(&text).as_bytes()));
    written.map_err(|error| files::failed("report", target.path(), &error))
}

fn collected(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<String> {
    let mut bytes = Vec::new();
    write(&mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Shows every check that there is.
pub(crate) fn print_catalogue(format: CheckFormat) -> Result<(), Failure> {
    let text = match format {
        CheckFormat::Json | CheckFormat::Jsonl => catalogue::json(),
        // The catalogue is no result, so there is nothing in it for programs that read results.
        CheckFormat::Human | CheckFormat::Junit | CheckFormat::Github => catalogue::list(),
    };
    print(|out| out.write_all(text.as_bytes()))
}

/// Shows the settings in force.
pub(crate) fn print_settings(settings: &InForce, format: Format) -> Result<(), Failure> {
    let text = match format {
        Format::Human => settings::human(settings),
        Format::Json => settings::json(settings),
    };
    print(|out| out.write_all(text.as_bytes()))
}

/// Shows what there is to say of a check.
pub(crate) fn print_explanation(check: &Check) -> Result<(), Failure> {
    print(|out| out.write_all(catalogue::explanation(check).as_bytes()))
}

/// Shows that the emulator is up.
pub(crate) fn print_ready(ready: &Ready, format: Format) -> Result<(), Failure> {
    print(|out| match format {
        Format::Human => human::ready(ready, out),
        Format::Json => json::pretty(ready, out),
    })
}

/// Shows an IAM policy, and on stderr which of its actions a good run does without.
pub(crate) fn print_policy(policy: &Value, permissions: &[Permission]) -> Result<(), Failure> {
    let printed = print(|out| json::pretty(policy, out));
    for permission in permissions {
        if let Some(when) = permission.only_when {
            tell(&format!("{} is only called when {when}\n", permission.action));
        }
    }
    printed
}

/// Shows what a redrive came to.
pub(crate) fn print_redrive(ended: &Ended, format: ResultFormat) -> Result<(), Failure> {
    told::show(
        format,
        "redrive",
        |out| redrive::human(ended, out),
        || redrive::json(ended),
        || redrive::notes(ended.stopped.as_deref(), &ended.ledger),
    )
}

/// Shows what a redrive's journal tells.
pub(crate) fn print_redrive_status(
    ledger: &Ledger,
    journal: &str,
    left: &LeftInQueue,
    format: ResultFormat,
) -> Result<(), Failure> {
    told::show(
        format,
        "redrive status",
        |out| redrive::status(ledger, journal, left, out),
        || redrive::status_json(ledger, journal, left),
        || redrive::notes(None, ledger),
    )
}

/// Shows what a redrive would do.
pub(crate) fn print_plan(plan: &Plan, now: Timestamp, format: ResultFormat) -> Result<(), Failure> {
    told::show(format, "redrive", |out| redrive::plan(plan, now, out), || plan, Vec::new)
}

/// Shows what became of a task of SQS's, and on stderr that it goes on, if it does.
pub(crate) fn print_native(ended: &Native, format: ResultFormat) -> Result<(), Failure> {
    let printed = told::show(
        format,
        "redrive --native",
        |out| native::human(ended, out),
        || native::json(ended),
        || native::notes(ended),
    );
    if let Some(left) = native::left(ended) {
        tell(&format!("{left}\n"));
    }
    printed
}

/// Shows what a task of SQS's would do.
pub(crate) fn print_native_plan(
    source: &QueueEvidence,
    destination: Option<&str>,
    rate: Option<u32>,
    format: ResultFormat,
) -> Result<(), Failure> {
    told::show(
        format,
        "redrive --native",
        |out| writeln!(out, "{}", native::plan(source, destination, rate)),
        || native::plan_json(source, destination, rate),
        Vec::new,
    )
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
        tell(&format!("       {}\n", indented(next)));
    }
}

/// An error, on stderr.
pub(crate) fn error_line(text: &str) {
    use owo_colors::OwoColorize;
    tell(&format!("{} {}\n", "error:".red().bold(), indented(text)));
}

/// A defect, on stderr; with its calls if `RUST_BACKTRACE` is set.
pub(crate) fn print_panic(panic: &std::panic::PanicHookInfo<'_>) {
    error_line(&format!("this is a defect of the verifier: {panic}"));
    let calls = std::backtrace::Backtrace::capture();
    if calls.status() == std::backtrace::BacktraceStatus::Captured {
        tell(&format!("{}\n", clean::lines(&calls.to_string())));
    }
}

/// A text below a label: none of its lines looks like one of ours.
fn indented(text: &str) -> String {
    clean::lines(text).replace('\n', "\n       ")
}

/// Prints bytes as they are.
pub(crate) fn print_raw(bytes: &[u8]) -> Result<(), Failure> {
    print(|out| out.write_all(bytes))
}

/// The width that lines are wrapped to; none for a file or a pipe, where a line is a line.
fn terminal_width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(stdout).map(|(width, _)| usize::from(width.0))
}
