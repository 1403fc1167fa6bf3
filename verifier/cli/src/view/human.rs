//! The view for people.

use std::fmt::Write;

use owo_colors::{OwoColorize, Style};
use verifier_core::check::{Overall, Settled, Verdict, in_words};

use crate::check::Report;
use crate::ready::Ready;

/// The widest check id.
const ID_WIDTH: usize = 16;

/// The first line.
pub(super) fn header(stack: &str, run_id: &str) -> String {
    format!("{} {}\n", stack.bold(), format!("run {run_id}").dimmed())
}

/// A check: one line, and more when it did not pass.
pub(super) fn settled(settled: &Settled) -> String {
    let judgement = &settled.judgement;
    let (mark, style) = look(judgement.verdict);
    let mut text =
        format!("  {} {:ID_WIDTH$} {}\n", mark.style(style), settled.check.id, judgement.summary);
    for (name, value) in [
        ("expected", &judgement.expected),
        ("actual", &judgement.actual),
        ("next", &judgement.next),
    ] {
        if let Some(value) = value {
            line(&mut text, name, value);
        }
    }
    text
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "      {} {value}", format!("{name:<9}").dimmed());
}

fn look(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Pass => ("✓", Style::new().green()),
        Verdict::Info => ("i", Style::new().blue()),
        Verdict::Warn => ("!", Style::new().yellow()),
        Verdict::Fail => ("✗", Style::new().red().bold()),
        Verdict::Inconclusive => ("?", Style::new().magenta()),
        Verdict::NotExercised => ("–", Style::new().dimmed()),
    }
}

/// The last lines: the verdict, and what it took.
pub(super) fn summary(report: &Report) -> String {
    let verdict = match report.overall {
        Overall::Pass => "PASS".style(Style::new().green().bold()),
        Overall::Fail => "FAIL".style(Style::new().red().bold()),
        Overall::Inconclusive => "INCONCLUSIVE".style(Style::new().magenta().bold()),
    };
    let counts: Vec<String> = [
        (Verdict::Pass, "passed"),
        (Verdict::Info, "for information"),
        (Verdict::Warn, "warned"),
        (Verdict::Fail, "failed"),
        (Verdict::Inconclusive, "inconclusive"),
        (Verdict::NotExercised, "not exercised"),
    ]
    .into_iter()
    .map(|(verdict, words)| (report.count(verdict), words))
    .filter(|(count, _)| *count > 0)
    .map(|(count, words)| format!("{count} {words}"))
    .collect();
    let left = match report.left_behind.len() {
        0 => "nothing left behind".to_owned(),
        _ => format!("left behind: {}", report.left_behind.join("; ")),
    };
    let unjudged = match (&report.stopped, report.count(Verdict::Inconclusive)) {
        (Some(_), count @ 1..) => format!("  ? {count} checks could not be judged\n"),
        _ => String::new(),
    };
    format!(
        "{unjudged}\n{verdict}  {}; {} for {} of the stack's time, {} AWS calls, {left}\n",
        counts.join(", "),
        in_words(report.wall),
        in_words(report.stack_time),
        report.call_count()
    )
}

/// The emulator is up: where, and how to reach it.
pub(super) fn ready(ready: &Ready) -> String {
    let mut text = format!("{} is up at {}\n\n", ready.stack_name.bold(), ready.endpoint.bold());
    for (name, value) in &ready.outputs {
        let _ = writeln!(text, "  {name:<24} {value}");
    }
    text.push_str("\nPoint any AWS client at it:\n\n");
    for (name, value) in &ready.environment {
        let _ = writeln!(text, "  export {name}={value}");
    }
    let _ = writeln!(
        text,
        "\n{} resources have no part in the emulated flow. Ctrl-C ends it.",
        ready.skipped.len()
    );
    text
}
