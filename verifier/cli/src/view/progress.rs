//! What goes on, on stderr: a line that changes on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use verifier_core::check::{Wait, whole_seconds};

/// The progress line of a command.
pub(crate) struct Progress(Kind);

enum Kind {
    Terminal(ProgressBar),
    Plain,
}

impl Progress {
    /// A progress line, which is plain text when stderr is no terminal.
    pub(crate) fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(Kind::Plain);
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed:>4}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Kind::Terminal(bar))
    }

    /// Says what is being done.
    pub(crate) fn say(&self, step: &str) {
        match &self.0 {
            Kind::Terminal(bar) => bar.set_message(step.to_owned()),
            Kind::Plain => {
                let _ = writeln!(std::io::stderr(), "{step}");
            }
        }
    }

    /// Says what is waited for, when it is due, and until when at most.
    pub(crate) fn wait(&self, wait: &Wait) {
        let due = whole_seconds(wait.due_at.since(wait.since));
        let bound = whole_seconds(wait.bound_at.since(wait.since));
        // The times come first, since a narrow terminal cuts the rest.
        self.say(&format!(
            "due in {due} s, given up after {bound} s: {} ({})",
            wait.what, wait.why
        ));
    }

    /// Prints something else without disturbing the line.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        match &self.0 {
            Kind::Terminal(bar) => bar.suspend(print),
            Kind::Plain => print(),
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let Kind::Terminal(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
