//! Views of experiments, explorations and judgements.

mod human;
mod json;
mod rollback;
mod words;

use verifier_core::chaos::Experiment;

use super::print;
use crate::args::{ChaosFormat, Format};
use crate::chaos::Outcome;
use crate::commands::chaos::RolledBack;

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
    });
}

/// Shows what a rollback did.
pub(crate) fn print_rollback(done: &RolledBack, format: Format) {
    print(|out| match format {
        Format::Human => rollback::human(done, out),
        Format::Json => super::json::pretty(&rollback::json(done), out),
    });
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
