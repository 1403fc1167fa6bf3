//! The job summary of GitHub Actions, in its Markdown.

use std::fmt::Write;

use contract::Outcome;
use verifier_core::check::{Overall, Settled, StepKind, Verdict};

use super::words;
use crate::check::Report;
use crate::clean;

/// The most that a step's summary may have; the upload of more is refused as a whole.
///
/// Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits>.
pub(super) const BYTES_MAX: usize = 1024 * 1024;
/// More arrows than that make a diagram that nobody reads.
const ARROWS_MAX: usize = 60;
/// Stands where something was left out.
const CUT: &str = "\n\n*The rest was cut: a summary may have 1,024 KB.*\n";

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
            "The run ended early, and {unreached} checks were not judged: {}.\n",
            inline(&stopped.what)
        );
        if let Some(next) = &stopped.next {
            block(&mut text, "text", next);
        }
    }
    // The worst first: whoever reads on a phone sees little more.
    let order = [Verdict::Fail, Verdict::Inconclusive, Verdict::NotExercised, Verdict::Warn];
    for verdict in order {
        let of_it = |settled: &&Settled| settled.judgement.verdict == verdict;
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
    let judgement = &settled.judgement;
    let _ = writeln!(
        text,
        "#### {} `{}`: {}\n\n{}\n",
        mark(judgement.verdict),
        settled.check.id,
        judgement.verdict,
        inline(&judgement.summary)
    );
    for (name, value) in [("expected", &judgement.expected), ("actual", &judgement.actual)] {
        if let Some(value) = value {
            let _ = writeln!(text, "* {name}: {}", inline(value));
        }
    }
    for job in words::jobs_of(settled.check.id, &report.jobs) {
        let _ = writeln!(text, "* job {}", inline(&job.job_id));
        for step in &job.steps {
            let at = words::seconds(job.after(step));
            let _ = writeln!(text, "  * {at}: {}", inline(&words::step(&step.what)));
        }
        let _ = writeln!(text, "  * last seen {}", inline(&words::last_seen(job)));
    }
    let _ = writeln!(text, "* see {}\n", settled.check.runbook());
    if let Some(next) = &judgement.next {
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
        let verdict = settled.judgement.verdict;
        let _ = writeln!(
            text,
            "| `{}` | {} {verdict} | {} |",
            settled.check.id,
            mark(verdict),
            inline(&settled.judgement.summary)
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
        let _ = write!(diagram, "\n  {arrow} ({})", words::seconds(at.since(start)));
    }
    if count > ARROWS_MAX {
        let _ = write!(diagram, "\n  Note over V,D: {} more", count - ARROWS_MAX);
    }
    block(text, "mermaid", &diagram);
}

/// A name that is nothing else to Mermaid.
pub(super) fn mermaid(name: &str) -> String {
    let known = |c: char| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    name.chars().map(known).collect()
}

/// A fenced block. The fence is longer than any in the text, so that none ends it.
pub(super) fn block(text: &mut String, language: &str, content: &str) {
    let content = clean::lines(content);
    let longest = content.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(text, "{fence}{language}\n{content}\n{fence}\n");
}

/// What GitHub makes a link or a mention of by itself, whatever is escaped: only code is left alone.
///
/// Source: <https://docs.github.com/en/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls>.
const LINKS: [&str; 5] = ["@", "#", "://", "www.", "gh-"];

/// A text in a line or in a cell of a table, without any meaning to Markdown or HTML. What GitHub would link is code.
pub(super) fn inline(text: &str) -> String {
    let text = clean::line(text);
    let lower = text.to_ascii_lowercase();
    let escaped = escaped(&text);
    let is_linked = LINKS.iter().any(|link| lower.contains(link));
    if is_linked { format!("<code>{escaped}</code>") } else { escaped }
}

fn escaped(text: &str) -> String {
    let mut shown = String::new();
    // What begins a line may begin a list, a rule or an underlined heading.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    for (index, c) in text.char_indices() {
        let begins_block = matches!(c, '-' | '+' | '=') && index == 0
            || matches!(c, '.' | ')')
                && index == digits
                && digits > 0
                && !text[index + 1..].starts_with(|next: char| next != ' ');
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '@' | '$' => {
                // Writing to a String cannot fail, here and below.
                let _ = write!(shown, "&#{};", u32::from(c));
            }
            // A link by itself is found by it.
            ':' if text[index..].starts_with("://") => shown.push_str("&#58;"),
            _ if begins_block => {
                let _ = write!(shown, "&#{};", u32::from(c));
            }
            _ => shown.push(c),
        }
    }
    shown
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::Info => "ℹ️",
        Verdict::Warn => "⚠️",
        Verdict::Fail => "❌",
        Verdict::Inconclusive => "❔",
        Verdict::NotExercised => "➖",
    }
}

/// At most that many bytes, and a note where something is missing. Without room for the note there is nothing.
pub(super) fn cut(mut text: String, room: usize) -> String {
    if text.len() <= room {
        return text;
    }
    let Some(mut end) = room.checked_sub(CUT.len()) else {
        return String::new();
    };
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // A line that is cut in the middle, or a fence that is left open, would swallow the note.
    end = text[..end].rfind("\n\n").unwrap_or_default();
    text.truncate(end);
    text.push_str(CUT);
    text
}

#[cfg(test)]
mod tests {
    use verifier_core::check::Judgement;

    use super::super::sample;
    use super::*;

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
        assert!(text.contains("11 checks were not judged: AWS could not be asked"), "{text}");
        assert!(text.contains("aws sts get-caller-identity"), "{text}");
        assert!(!text.contains("mermaid") && !text.contains("####"), "{text}");
    }

    #[test]
    fn it_never_exceeds_its_room_and_says_when_something_is_missing() {
        let long = "ü".repeat(BYTES_MAX);
        let report = sample::with("job.accept", &Judgement::fail("refused", "202", long), false);
        for room in [BYTES_MAX, 5000, 301, CUT.len(), CUT.len() - 1, 0] {
            let text = markdown(&report, sample::AGAIN, room);
            assert!(text.len() <= room, "{} > {room}", text.len());
            assert!(text.ends_with(CUT) || room < CUT.len(), "{room}");
        }
        assert!(markdown(&report, sample::AGAIN, BYTES_MAX).starts_with("### ❌ FAIL"));
    }

    #[test]
    fn a_text_with_fences_stays_in_its_block() {
        let mut text = String::new();
        block(&mut text, "sh", "echo ````x````");
        assert_eq!(text, "`````sh\necho ````x````\n`````\n\n");
    }

    #[test]
    fn nothing_is_linked_mentioned_or_listed_by_a_text() {
        for (text, shown) in [
            ("@all", "<code>&#64;all</code>"),
            ("fixes #1 | x", "<code>fixes &#35;1 &#124; x</code>"),
            ("http://x.example/a", "<code>http&#58;//x.example/a</code>"),
            ("see www.x.example", "<code>see www.x.example</code>"),
            ("GH-1", "<code>GH-1</code>"),
            ("1. one", "1&#46; one"),
            ("- one", "&#45; one"),
            ("180.7 s, 60 s: 3", "180.7 s, 60 s: 3"),
        ] {
            assert_eq!(inline(text), shown);
        }
    }
}
