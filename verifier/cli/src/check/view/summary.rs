//! The job summary of GitHub Actions, in its Markdown.

use std::fmt::Write;

use contract::Outcome;
use verifier_core::check::{Overall, Settled, StepKind, Verdict};

use super::words;
use crate::check::Report;
use crate::report::job_summary::{block, cut, inline, mermaid};
use crate::report::words::seconds;

/// More arrows than that make a diagram that nobody reads.
const ARROWS_MAX: usize = 60;

/// The summary of a run, in at most that many bytes. `again` is the command that repeats the run.
pub(super) fn markdown(report: &Report, again: &str, room: usize) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let (mark, verdict) = match report.overall {
        Overall::Pass => ("✅", "PASS"),
        Overall::Fail => ("❌", "FAIL"),
        Overall::Inconclusive => ("❔", "INCONCLUSIVE"),
    };
    let _ = writeln!(
        text,
        "### {mark} {verdict}: {}\n\n{}; {}.\n",
        inline(&report.stack),
        words::counts(report),
        inline(&words::costs(report))
    );
    if let Some(stopped) = &report.stopped {
        let unreached =
            report.checks.iter().filter(|settled| words::is_unreached(settled, report)).count();
        let _ = writeln!(
            text,
            "The run ended early, and {unreached} checks were not evaluated: {}.\n",
            inline(&stopped.what)
        );
        if let Some(next) = &stopped.next {
            block(&mut text, "text", next);
        }
    }
    // The worst first: whoever reads on a phone sees little more.
    let order = [Verdict::Fail, Verdict::Inconclusive, Verdict::NotRun, Verdict::Warn];
    for verdict in order {
        let of_it = |settled: &&Settled| settled.evaluation.verdict == verdict;
        for settled in
            report.checks.iter().filter(of_it).filter(|settled| words::is_open(settled, report))
        {
            open(&mut text, settled, report);
        }
    }
    let folds = |settled: &&Settled| {
        !words::is_open(settled, report) && !words::is_unreached(settled, report)
    };
    folded(&mut text, report.checks.iter().filter(folds));
    timeline(&mut text, report);
    let _ = writeln!(text, "Run it again:\n");
    block(&mut text, "sh", again);
    cut(text, room)
}

/// A check that needs attention, unfolded.
fn open(text: &mut String, settled: &Settled, report: &Report) {
    let evaluation = &settled.evaluation;
    let _ = writeln!(
        text,
        "#### {} `{}`: {}\n\n{}\n",
        mark(evaluation.verdict),
        settled.check.id,
        evaluation.verdict,
        inline(&evaluation.summary)
    );
    for (name, value) in [("expected", &evaluation.expected), ("actual", &evaluation.actual)] {
        if let Some(value) = value {
            let _ = writeln!(text, "* {name}: {}", inline(value));
        }
    }
    for job in words::jobs_of(settled.check.id, &report.jobs) {
        let _ = writeln!(text, "* job {}", inline(&job.job_id));
        for step in &job.steps {
            let at = seconds(job.after(step));
            let _ = writeln!(text, "  * {at}: {}", inline(&words::step(&step.what)));
        }
        let _ = writeln!(text, "  * last seen {}", inline(&words::last_seen(job)));
    }
    let _ = writeln!(text, "* see {}\n", settled.check.runbook());
    if let Some(next) = &evaluation.next {
        block(text, "text", next);
    }
}

/// Checks that need no attention, behind a line.
fn folded<'a>(text: &mut String, checks: impl Iterator<Item = &'a Settled>) {
    let checks: Vec<&Settled> = checks.collect();
    if checks.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "<details><summary>{} checks without anything to do</summary>\n\n| check | verdict | found |\n|---|---|---|",
        checks.len()
    );
    for settled in checks {
        let verdict = settled.evaluation.verdict;
        let _ = writeln!(
            text,
            "| `{}` | {} {verdict} | {} |",
            settled.check.id,
            mark(verdict),
            inline(&settled.evaluation.summary)
        );
    }
    text.push_str("\n</details>\n\n");
}

/// Who handed which job to whom, in the order of time.
fn timeline(text: &mut String, report: &Report) {
    let Some(start) = report.jobs.iter().map(|job| job.submitted_at).min() else {
        return;
    };
    let mut arrows = Vec::new();
    for job in report.jobs.iter().filter(|job| job.message_id.is_some()) {
        let name = mermaid(words::job_name(job, &report.run_id));
        arrows.push((job.submitted_at, 0, format!("V->>Q: {name} submitted")));
        for step in &job.steps {
            let arrow = match &step.what {
                StepKind::Attempt { receive_count, outcome, .. } => {
                    let (line, done) = match outcome {
                        Outcome::Succeeded => ("->>", "succeeded"),
                        Outcome::Failed => ("-x", "failed"),
                    };
                    format!("Q{line}W: {name}, receive {receive_count} {done}")
                }
                StepKind::DeadLettered => format!("Q->>D: {name} dead-lettered"),
            };
            arrows.push((step.at, 1, arrow));
        }
    }
    arrows.sort();
    let (count, mut diagram) = (
        arrows.len(),
        String::from(
            "sequenceDiagram\n  participant V as verifier\n  participant Q as jobs queue\n  participant W as worker\n  participant D as dead-letter queue",
        ),
    );
    for (at, _, arrow) in arrows.into_iter().take(ARROWS_MAX) {
        let _ = write!(diagram, "\n  {arrow} ({})", seconds(at.since(start)));
    }
    if count > ARROWS_MAX {
        let _ = write!(diagram, "\n  Note over V,D: {} more", count - ARROWS_MAX);
    }
    block(text, "mermaid", &diagram);
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::Info => "ℹ️",
        Verdict::Warn => "⚠️",
        Verdict::Fail => "❌",
        Verdict::Inconclusive => "❔",
        Verdict::NotRun => "➖",
    }
}

#[cfg(test)]
mod tests {
    use verifier_core::check::Evaluation;

    use super::super::sample;
    use super::*;
    use crate::report::job_summary::{BYTES_MAX, CUT};

    #[test]
    fn open_checks_come_first_and_passes_are_folded() {
        insta::assert_snapshot!(markdown(&sample::failing(), sample::AGAIN, BYTES_MAX));
    }

    #[test]
    fn a_good_run_is_a_line_and_a_timeline() {
        insta::assert_snapshot!(markdown(&sample::passing(), sample::AGAIN, BYTES_MAX));
    }

    #[test]
    fn a_run_that_was_stopped_says_why() {
        let text = markdown(&sample::stopped(), sample::AGAIN, BYTES_MAX);
        assert!(text.contains("11 checks were not evaluated: AWS could not be asked"), "{text}");
        assert!(text.contains("aws sts get-caller-identity"), "{text}");
        assert!(!text.contains("mermaid") && !text.contains("####"), "{text}");
    }

    #[test]
    fn it_never_exceeds_its_room_and_says_when_something_is_missing() {
        let long = "ü".repeat(BYTES_MAX);
        let report = sample::with("job.accept", &Evaluation::fail("refused", "202", long), false);
        for room in [BYTES_MAX, 5000, 301, CUT.len(), CUT.len() - 1, 0] {
            let text = markdown(&report, sample::AGAIN, room);
            assert!(text.len() <= room, "{} > {room}", text.len());
            assert!(text.ends_with(CUT) || room < CUT.len(), "{room}");
        }
        assert!(markdown(&report, sample::AGAIN, BYTES_MAX).starts_with("### ❌ FAIL"));
    }
}
