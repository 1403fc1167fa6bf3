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

    /// Says how much of something is done: a bar on a terminal. The detail is rate and time to go, which go by another clock
    /// than the terminal's.
    pub(crate) fn measure(&self, done: u64, of: u64, detail: &str) {
        match &self.0 {
            Kind::Terminal(bar) => {
                if bar.length().is_none()
                    && let Ok(style) =
                        ProgressStyle::with_template("{wide_bar} {pos}/{len} {percent}% {msg}")
                {
                    bar.set_style(style);
                }
                bar.set_length(of.max(done));
                bar.set_position(done);
                bar.set_message(detail.to_owned());
            }
            Kind::Plain => self.say(&measured(done, of, detail)),
        }
    }

    /// Prints something else without disturbing the line.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
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

/// The line of a measure, where there is no bar.
fn measured(done: u64, of: u64, detail: &str) -> String {
    let percent = done.saturating_mul(100).checked_div(of).map(|percent| percent.min(100));
    let percent = percent.map_or_else(String::new, |percent| format!(" ({percent}%)"));
    format!("{done} of {of}{percent}: {detail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_is_a_line_where_there_is_no_bar() {
        assert_eq!(measured(3, 10, "moving, 1.0/s"), "3 of 10 (30%): moving, 1.0/s");
        assert_eq!(measured(0, 0, "completed"), "0 of 0: completed");
        assert_eq!(measured(11, 10, "completed"), "11 of 10 (100%): completed");
    }
}
