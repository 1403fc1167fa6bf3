//! Views of a check's events and of its report. They never talk to AWS.
//!
//! Each view is a file that writes to whatever it is given. This one chooses among them, and knows stdout.

mod catalogue;
mod github;
#[cfg(test)]
mod hostile;
mod html;
mod human;
mod json;
mod jsonl;
mod junit;
#[cfg(test)]
mod sample;
mod summary;
mod words;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

use github::Github;
use human::Human;
use verifier_core::check::{Check, CheckEvent};

use super::Report;
use super::args::CheckFormat;
use crate::report::github::token;
use crate::report::job_summary::{BYTES_MAX, append_to_summary};
use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::files::{self, Target};
use crate::shell::output::{print, print_commands};
use crate::shell::print::{print_failure, terminal_width};
use crate::shell::progress::Progress;

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
            CheckFormat::Github => Kind::Github(Github::new(token())),
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

/// Appends the summary of a run to the file that GitHub shows with the job. `again` is the command that repeats it.
pub(crate) fn append_summary(report: &Report, again: &str, path: &Path) -> Result<(), Failure> {
    append_to_summary(path, |room| summary::markdown(report, again, room))
}

/// Writes the report to a file, in the format that its name ends with. `again` is the command that repeats the run.
pub(crate) fn write_report(report: &Report, again: &str, path: &Path) -> Result<(), Failure> {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let text = match ending {
        "json" => collected(|out| json::write(report, out)),
        "xml" => collected(|out| junit::write(report, out)),
        "md" => Ok(summary::markdown(report, again, BYTES_MAX)),
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

/// Shows what there is to say of a check.
pub(crate) fn print_explanation(check: &Check) -> Result<(), Failure> {
    print(|out| out.write_all(catalogue::explanation(check).as_bytes()))
}
