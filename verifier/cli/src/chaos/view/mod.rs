//! Views of experiments, explorations and evaluations.

mod github;
mod html;
mod human;
mod json;
mod picture;
mod rollback;
#[cfg(test)]
mod sample;
mod sequence;
mod summary;
mod words;

use std::io;
use std::path::Path;

use verifier_chaos::Experiment;

use crate::chaos::Outcome;
use crate::chaos::rolled_back::RolledBack;
use crate::shell::args::{Format, ResultFormat};
use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::output::{print, print_commands, tell};

/// Shows the built-in experiments.
pub(crate) fn print_list(experiments: &[Experiment], format: Format) -> Result<(), Failure> {
    print(|out| match format {
        Format::Human => human::list(experiments, crate::shell::print::terminal_width(), out),
        Format::Json => crate::report::json::pretty(&json::list(experiments), out),
    })
}

/// Shows a file.
pub(crate) fn print_text(text: &str) -> Result<(), Failure> {
    print(|out| out.write_all(text.as_bytes()))
}

/// Shows what came of it.
pub(crate) fn print_outcome(outcome: &Outcome, format: ResultFormat) -> Result<(), Failure> {
    match format {
        ResultFormat::Human => {
            print(|out| human::outcome(outcome, crate::shell::print::terminal_width(), out))
        }
        ResultFormat::Json => print(|out| crate::report::json::pretty(&json::view(outcome), out)),
        ResultFormat::Github => {
            print_commands(|out| github::write(outcome, &crate::report::github::token(), out))
        }
    }
}

/// Shows what a rollback did.
pub(crate) fn print_rollback(done: &RolledBack, format: ResultFormat) -> Result<(), Failure> {
    crate::report::result::show(
        format,
        "chaos rollback",
        |out| rollback::human(done, out),
        || rollback::json(done),
        || rollback::notes(done),
    )
}

/// Appends the result to the file that GitHub shows with the job.
pub(crate) fn append_summary(outcome: &Outcome, path: &Path) -> Result<(), Failure> {
    crate::report::job_summary::append_to_summary(path, |room| summary::markdown(outcome, room))
}

/// Writes the result as a page.
pub(crate) fn page(outcome: &Outcome) -> io::Result<String> {
    html::page(outcome).map(|page| clean::document(&page))
}

/// Shows on stderr how often each fault struck at each operation.
pub(crate) fn print_coverage(outcome: &Outcome) {
    let mut text = Vec::new();
    let _ = human::coverage(outcome, &mut text);
    tell(&String::from_utf8_lossy(&text));
}

/// The result as JSON.
pub(crate) fn json(outcome: &Outcome) -> String {
    crate::report::json::text(&json::view(outcome))
}
