//! Views of experiments, explorations and judgements.

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

use std::path::Path;

use verifier_core::chaos::Experiment;

use super::print;
use crate::args::{ChaosFormat, Format};
use crate::chaos::Outcome;
use crate::commands::chaos::RolledBack;
use crate::failure::Failure;

/// Shows the built-in experiments.
pub(crate) fn print_list(experiments: &[Experiment], format: Format) {
    print(|out| match format {
        Format::Human => human::list(experiments, super::terminal_width(), out),
        Format::Json => super::json::pretty(&json::list(experiments), out),
    });
}

/// Shows a file.
pub(crate) fn print_text(text: &str) {
    print(|out| out.write_all(text.as_bytes()));
}

/// Shows what came of it.
pub(crate) fn print_outcome(outcome: &Outcome, format: ChaosFormat) {
    print(|out| match format {
        ChaosFormat::Human => human::outcome(outcome, super::terminal_width(), out),
        ChaosFormat::Json => super::json::pretty(&json::view(outcome), out),
        ChaosFormat::Github => {
            github::write(outcome, &format!("verifier-{:032x}", fastrand::u128(..)), out)
        }
    });
}

/// Shows what a rollback did.
pub(crate) fn print_rollback(done: &RolledBack, format: Format) {
    print(|out| match format {
        Format::Human => rollback::human(done, out),
        Format::Json => super::json::pretty(&rollback::json(done), out),
    });
}

/// Appends the result to the file that GitHub shows with the job.
pub(crate) fn append_summary(outcome: &Outcome, path: &Path) -> Result<(), Failure> {
    super::append_to_summary(path, |room| summary::markdown(outcome, room))
}

/// Writes the result as a page.
pub(crate) fn write_page(outcome: &Outcome, path: &Path) -> Result<(), Failure> {
    super::write_text(path, html::page(outcome))
}

/// Shows on stderr how often each fault struck at each operation.
pub(crate) fn print_coverage(outcome: &Outcome) {
    let _ = human::coverage(outcome, &mut anstream::stderr());
}

/// The result as JSON.
pub(crate) fn json(outcome: &Outcome) -> String {
    let mut text = serde_json::to_string_pretty(&json::view(outcome)).unwrap_or_default();
    text.push('\n');
    text
}
