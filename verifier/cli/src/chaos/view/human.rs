//! The view for people.

use std::io::{self, Write};

use owo_colors::{OwoColorize, Style};
use textwrap::Options;
use verifier_chaos::{ChaosReport, Experiment, History, Timeline};
use verifier_core::check::Overall;

use super::words::{self, Counts, Group};
use crate::chaos::{Explored, Outcome, Steady};
use crate::shell::clean;

/// The widest name of an experiment, of a step or of an anomaly.
const NAME_WIDTH: usize = 22;
/// Where what is said of it begins.
const COLUMN: usize = 4 + NAME_WIDTH + 1;
/// Narrower terminals are taken to be that wide.
const WIDTH_MIN: usize = 60;

/// The built-in experiments.
pub(super) fn list(
    experiments: &[Experiment],
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for experiment in experiments {
        let text = wrapped(&experiment.description, width, NAME_WIDTH + 1);
        writeln!(out, "{:NAME_WIDTH$} {text}", experiment.name.bold())?;
    }
    Ok(())
}

/// What came of it.
pub(super) fn outcome(
    outcome: &Outcome,
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut view = View { width, out };
    view.headline(outcome)?;
    if let Some(explored) = &outcome.explored {
        view.explored(explored)?;
    }
    if let Some(steady) = &outcome.before {
        view.steady("steady before", steady)?;
    }
    if let Some((history, report)) = &outcome.evaluated {
        view.history(history)?;
        view.report(report)?;
    }
    for missing in &outcome.missing {
        view.line("?", Style::new().magenta(), "not seen", missing)?;
    }
    if let Some(steady) = &outcome.after {
        view.steady("steady after", steady)?;
    }
    if let Some(replayed) = &outcome.replayed {
        let (mark, style) = if replayed.is_same { pass() } else { fail() };
        view.line(mark, style, "replayed", words::replayed(replayed))?;
    }
    for (what, path) in &outcome.files {
        view.line("·", Style::new().dimmed(), what, &path.display().to_string())?;
    }
    view.conclusion(outcome)
}

/// How often each fault struck at each operation.
pub(super) fn coverage(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let pairs = outcome.explored.iter().flat_map(|explored| &explored.coverage);
    for ((kind, operation), count) in pairs {
        writeln!(out, "{kind:NAME_WIDTH$} {operation:24} {count:>9}")?;
    }
    Ok(())
}

struct View<'o> {
    width: Option<usize>,
    out: &'o mut dyn Write,
}

impl View<'_> {
    fn headline(&mut self, outcome: &Outcome) -> io::Result<()> {
        let name = outcome.experiment.as_ref().map(|experiment| experiment.name.as_str());
        let seed = outcome.evaluated.as_ref().map(|(history, _)| history.header.seed);
        let name =
            name.unwrap_or(if outcome.explored.is_some() { "exploration" } else { "history" });
        let seed = seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
        let about = format!("on {}{seed}", clean::line(&outcome.target));
        writeln!(self.out, "{} {}", clean::line(name).bold(), about.dimmed())?;
        let description = outcome.experiment.as_ref().map(|experiment| &experiment.description);
        if let Some(description) = description.filter(|text| !text.is_empty()) {
            writeln!(self.out, "  {}", wrapped(&clean::line(description), self.width, 2).dimmed())?;
        }
        Ok(())
    }

    fn explored(&mut self, explored: &Explored) -> io::Result<()> {
        let (mark, style) = if explored.failing.is_none() { pass() } else { fail() };
        self.line(mark, style, "explored", &words::explored(explored))?;
        let Some(failing) = &explored.failing else {
            return Ok(());
        };
        let found = format!(
            "seed {}, {}: {}",
            failing.seed,
            words::plural(failing.operations, "operation"),
            failing.violations
        );
        self.line(mark, style, "found", &found)?;
        let shrunk = match failing.shrinking_runs {
            Some(runs) => format!("to what is below, in {}", words::plural(runs, "run")),
            None => "no, since it did not fail again".to_owned(),
        };
        self.line("·", Style::new().dimmed(), "shrunk", &shrunk)
    }

    fn steady(&mut self, name: &str, steady: &Steady) -> io::Result<()> {
        let (mark, style) = if steady.overall == Overall::Pass { pass() } else { fail() };
        self.line(mark, style, name, &steady.summary)
    }

    fn history(&mut self, history: &History) -> io::Result<()> {
        let timeline = Timeline::of(history);
        let plain = Style::new().dimmed();
        self.line("·", plain, "load", &Counts::of(history).in_words())?;
        let faults = words::faults(&timeline);
        let faults = if faults.is_empty() { "none" } else { &faults };
        self.line("·", plain, "faults", faults)?;
        self.line("·", plain, "drain", &words::drain(history))
    }

    fn report(&mut self, report: &ChaosReport) -> io::Result<()> {
        for group in words::groups(report) {
            self.group(&group)?;
        }
        if !report.unknown.is_empty() {
            let text = format!("cannot be excluded: {}", report.unknown);
            self.line("?", Style::new().magenta(), "unknown", &text)?;
        }
        Ok(())
    }

    fn group(&mut self, group: &Group<'_>) -> io::Result<()> {
        let name = group.anomaly.as_str();
        let (meaning, jobs) = (group.anomaly.meaning(), group.jobs());
        if let Some(allowance) = group.allowance() {
            let text = format!("{allowance}: {jobs}");
            return self.line("i", Style::new().blue(), name, &text);
        }
        let (mark, style) = fail();
        self.line(mark, style, name, &format!("{meaning}: {jobs}"))?;
        self.line(" ", style, "", &group.would_be_allowed())
    }

    fn conclusion(&mut self, outcome: &Outcome) -> io::Result<()> {
        let verdict = words::verdict(outcome);
        let style = match outcome.overall() {
            Overall::Pass => Style::new().green().bold(),
            Overall::Fail => Style::new().red().bold(),
            Overall::Inconclusive => Style::new().magenta().bold(),
        };
        let (reason, costs) = (words::reason(outcome), words::costs(outcome));
        writeln!(self.out, "\n{}  {}; {costs}", verdict.style(style), clean::line(&reason))?;
        if outcome.overall() != Overall::Pass && !outcome.again.is_empty() {
            // A command that is broken into lines cannot be copied.
            writeln!(self.out, "{}  {}", "again".dimmed(), clean::line(&outcome.again))?;
        }
        Ok(())
    }

    fn line(&mut self, mark: &str, style: Style, name: &str, text: &str) -> io::Result<()> {
        let text = wrapped(&clean::line(text), self.width, COLUMN);
        writeln!(self.out, "  {} {name:NAME_WIDTH$} {text}", mark.style(style))
    }
}

fn pass() -> (&'static str, Style) {
    ("✓", Style::new().green())
}

fn fail() -> (&'static str, Style) {
    ("✗", Style::new().red())
}

/// A text in lines that fit beside a column of that width.
fn wrapped(text: &str, width: Option<usize>, column: usize) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let room = width.max(WIDTH_MIN).saturating_sub(column).max(20);
    let lines = textwrap::wrap(text, Options::new(room).break_words(false));
    lines.join(&format!("\n{:column$}", ""))
}
