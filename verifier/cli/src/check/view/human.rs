//! The view for people.

use std::io::{self, Write};

use owo_colors::{OwoColorize, Style};
use textwrap::{Options, WordSplitter};
use verifier_core::check::{CheckEvent, JobTrace, Overall, Settled, Verdict};

use super::words;
use crate::check::Report;
use crate::report::words::seconds;
use crate::shell::clean;

/// The widest check id.
const ID_WIDTH: usize = 16;
/// Where the summary of a check begins.
const SUMMARY_COLUMN: usize = 4 + ID_WIDTH + 1;
/// Where the value of a detail begins.
const DETAIL_COLUMN: usize = 6 + 10;
/// The widest time of a step.
const STAMP_WIDTH: usize = 8;
/// The least room in which a summary beside its check's id can be read.
const SUMMARY_MIN: usize = 44;
/// Narrower terminals are taken to be that wide.
const WIDTH_MIN: usize = 40;

/// The view, and what it has to remember: the events before tell what a failure is explained with.
#[derive(Debug, Default)]
pub(super) struct Human {
    /// The terminal's width in columns; without one, nothing is wrapped.
    width: Option<usize>,
    jobs: Vec<JobTrace>,
}

impl Human {
    pub(super) fn new(width: Option<usize>) -> Self {
        Self { width: width.map(|width| width.max(WIDTH_MIN)), jobs: Vec::new() }
    }

    /// Shows an event; most checks are a line, and more when they did not pass.
    pub(super) fn event(&mut self, event: &CheckEvent, out: &mut dyn Write) -> io::Result<()> {
        match event {
            CheckEvent::Started { stack, run_id, .. } => {
                writeln!(
                    out,
                    "{} {}",
                    clean::line(stack).bold(),
                    format!("run {}", clean::line(run_id)).dimmed()
                )
            }
            CheckEvent::Waiting(_) => Ok(()),
            CheckEvent::Traced(jobs) => {
                self.jobs.clone_from(jobs);
                Ok(())
            }
            // What was left out on purpose is counted at the end, and not shown line by line.
            CheckEvent::Settled(settled) if settled.evaluation.is_left_out() => Ok(()),
            CheckEvent::Settled(settled) => self.settled(settled, out),
        }
    }

    fn settled(&self, settled: &Settled, out: &mut dyn Write) -> io::Result<()> {
        let evaluation = &settled.evaluation;
        let id = settled.check.id;
        let (mark, style) = look(evaluation.verdict);
        let summary = clean::line(&evaluation.summary);
        let beside = self.width.is_none_or(|width| width >= SUMMARY_COLUMN + SUMMARY_MIN);
        let fits = self
            .width
            .is_none_or(|width| SUMMARY_COLUMN + textwrap::core::display_width(&summary) <= width);
        if beside || fits {
            let lines = self.wrapped(&summary, SUMMARY_COLUMN);
            writeln!(out, "  {} {id:ID_WIDTH$} {lines}", mark.style(style))?;
        } else {
            writeln!(out, "  {} {id}", mark.style(style))?;
            writeln!(out, "    {}", self.wrapped(&summary, 4))?;
        }
        for (name, value) in [("expected", &evaluation.expected), ("actual", &evaluation.actual)] {
            if let Some(value) = value {
                self.detail(name, &clean::line(value), out)?;
            }
        }
        let explained =
            matches!(evaluation.verdict, Verdict::Fail | Verdict::Warn | Verdict::Inconclusive);
        if explained {
            for job in words::jobs_of(id, &self.jobs) {
                self.history(job, out)?;
            }
        }
        if let Some(next) = &evaluation.next {
            // A command that is broken into lines cannot be copied.
            writeln!(out, "      {} {}", label("next"), clean::line(next))?;
        }
        if explained {
            self.detail("see", &settled.check.runbook(), out)?;
        }
        Ok(())
    }

    /// What became of a job, each step with its time.
    fn history(&self, job: &JobTrace, out: &mut dyn Write) -> io::Result<()> {
        self.detail("job", &clean::line(&job.job_id), out)?;
        for step in &job.steps {
            let at = seconds(job.after(step));
            let what = self.wrapped(&words::step(&step.what), DETAIL_COLUMN + STAMP_WIDTH + 2);
            writeln!(out, "      {} {at:>STAMP_WIDTH$}  {what}", label(""))?;
        }
        self.detail("last seen", &words::last_seen(job), out)
    }

    fn detail(&self, name: &str, value: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "      {} {}", label(name), self.wrapped(value, DETAIL_COLUMN))
    }

    /// The last lines: the verdict, and what it took.
    pub(super) fn report(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let (words, style) = match report.overall {
            Overall::Pass => ("PASS", Style::new().green().bold()),
            Overall::Fail => ("FAIL", Style::new().red().bold()),
            Overall::Inconclusive => ("INCONCLUSIVE", Style::new().magenta().bold()),
        };
        if let (Some(_), count @ 1..) = (&report.stopped, report.count(Verdict::Inconclusive)) {
            writeln!(out, "  ? {count} checks could not be evaluated")?;
        }
        let text = format!("{} in {}", words::counts(report), words::costs(report));
        let indent = words.len() + 2;
        writeln!(out, "\n{}  {}", words.style(style), self.wrapped(&text, indent))
    }

    /// A text that begins in a column, in lines that fit the terminal and begin in the same column.
    fn wrapped(&self, text: &str, column: usize) -> String {
        let Some(width) = self.width else {
            return text.to_owned();
        };
        let options = Options::new(width.saturating_sub(column).max(10))
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::wrap(text, options).join(&format!("\n{}", " ".repeat(column)))
    }
}

fn label(name: &str) -> String {
    format!("{name:<9}").dimmed().to_string()
}

fn look(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Pass => ("✓", Style::new().green()),
        Verdict::Info => ("i", Style::new().blue()),
        Verdict::Warn => ("!", Style::new().yellow()),
        Verdict::Fail => ("✗", Style::new().red().bold()),
        Verdict::Inconclusive => ("?", Style::new().magenta()),
        Verdict::NotRun => ("–", Style::new().dimmed()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn shown(report: &Report, width: Option<usize>) -> String {
        let mut view = Human::new(width);
        let mut out = Vec::new();
        for event in sample::events(report) {
            view.event(&event, &mut out).unwrap();
        }
        view.report(report, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn a_failure_explains_itself() {
        insta::assert_snapshot!(shown(&sample::failing(), None));
    }

    #[test]
    fn a_narrow_terminal_is_filled_and_not_exceeded() {
        let text = shown(&sample::failing(), Some(60));
        let command = "aws logs filter-log-events";
        for line in text.lines().filter(|line| !line.contains(command)) {
            assert!(line.chars().count() <= 60, "{line}");
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn eighty_columns_keep_the_summaries_beside_their_checks() {
        insta::assert_snapshot!(shown(&sample::passing(), Some(80)));
    }
}
