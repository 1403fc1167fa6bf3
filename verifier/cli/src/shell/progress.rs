//! What goes on, on stderr: a line that changes on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use verifier_core::check::{Wait, whole_seconds};

use crate::shell::clean;
use crate::shell::output::{beside, tell, told, write_to_stderr};

/// The progress line of a command.
pub(crate) struct Progress(Kind);

enum Kind {
    Terminal(ProgressBar),
    Plain(Mutex<Last>),
    /// Nobody wants to know.
    Hidden,
}

/// What was said last, so that it is not said again and again.
#[derive(Default)]
struct Last {
    detail: String,
    measured_at: Option<Instant>,
}

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(100);
/// How often what is measured often is said, where there is no bar.
const MEASURED_EVERY: Duration = Duration::from_secs(2);
/// A bar, and below it how it goes.
const BAR: &str = "{wide_bar} {pos}/{len} {percent}%\n{wide_msg}";
/// The same, below what is being done.
const BAR_WITH_DETAIL: &str = "{prefix}\n{wide_bar} {pos}/{len} {percent}%\n{wide_msg}";

impl Progress {
    /// A progress line, which is plain text when stderr is no terminal.
    pub(crate) fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(Kind::Plain(Mutex::default()));
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed:>4}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self(Kind::Terminal(bar))
    }

    /// A progress line that nobody sees.
    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        Self(Kind::Terminal(ProgressBar::hidden()))
    }

    /// One that says nothing: for parts of something that has a line of its own.
    pub(crate) const fn hidden() -> Self {
        Self(Kind::Hidden)
    }

    /// Says what is being done.
    pub(crate) fn say(&self, step: &str) {
        match &self.0 {
            Kind::Terminal(bar) => {
                let (bar, step) = (bar.clone(), told(step));
                beside(move || bar.set_message(step));
            }
            Kind::Plain(_) => tell(&format!("{}\n", clean::line(step))),
            Kind::Hidden => {}
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
                let (bar, detail) = (bar.clone(), told(detail));
                beside(move || draw(&bar, (done, of), detail));
            }
            Kind::Plain(_) => self.say(&measured(done, of, detail)),
            Kind::Hidden => {}
        }
    }

    /// The same of what changes many times a second: where there is no bar, it is said every few seconds. Without `of`, how
    /// much there is to do is not known.
    pub(crate) fn measure_often(
        &self,
        done: u64,
        of: Option<u64>,
        detail: impl FnOnce() -> String,
    ) {
        if let Kind::Plain(last) = &self.0 {
            let mut last = lock(last);
            if last.measured_at.is_some_and(|at| at.elapsed() < MEASURED_EVERY) {
                return;
            }
            last.measured_at = Some(Instant::now());
        }
        match of {
            Some(of) => self.measure(done, of, &detail()),
            None => self.say(&format!("{done}: {}", detail())),
        }
    }

    /// Says what is being done beside what is measured, unless it was said last.
    pub(crate) fn detail(&self, line: &str) {
        match &self.0 {
            Kind::Terminal(bar) => {
                let (bar, line) = (bar.clone(), told(line));
                beside(move || bar.set_prefix(line));
            }
            Kind::Plain(last) => {
                let mut last = lock(last);
                if last.detail != line {
                    line.clone_into(&mut last.detail);
                    drop(last);
                    self.say(line);
                }
            }
            Kind::Hidden => {}
        }
    }

    /// Says a line that stays, without disturbing the one that changes.
    pub(crate) fn keep(&self, line: &str) {
        let line = format!("{line}\n");
        match &self.0 {
            Kind::Terminal(bar) => {
                let bar = bar.clone();
                beside(move || bar.suspend(|| write_to_stderr(&line)));
            }
            Kind::Plain(_) | Kind::Hidden => tell(&line),
        }
    }

    /// Prints something else without disturbing the line.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.0 {
            Kind::Terminal(bar) => bar.suspend(print),
            Kind::Plain(_) | Kind::Hidden => print(),
        }
    }

    /// Takes the line away until [`Progress::go_on`], so that it does not overwrite a question.
    pub(crate) fn pause(&self) {
        self.clear();
    }

    /// Draws the line again.
    pub(crate) fn go_on(&self) {
        if let Kind::Terminal(bar) = &self.0 {
            let bar = bar.clone();
            beside(move || {
                bar.reset();
                bar.enable_steady_tick(TICK);
            });
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if let Kind::Terminal(bar) = &self.0 {
            let bar = bar.clone();
            beside(move || bar.finish_and_clear());
        }
    }
}

/// Draws how much of something is done.
fn draw(bar: &ProgressBar, (done, of): (u64, u64), detail: String) {
    let template = if bar.prefix().is_empty() { BAR } else { BAR_WITH_DETAIL };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_length(of.max(done));
    bar.set_position(done);
    bar.set_message(detail);
}

fn lock(last: &Mutex<Last>) -> MutexGuard<'_, Last> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
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
