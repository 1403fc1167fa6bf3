//! The view for GitHub Actions: the human view in the log, and an annotation for whatever is open.
//!
//! Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.

use std::io::{self, Write};

use verifier_core::check::{CheckEvent, Settled, Verdict};

use super::human::Human;
use super::words;
use crate::check::Report;
use crate::report::github::{Kind, Note, annotate_all, guarded};

/// The view, and the human one in it.
#[derive(Debug)]
pub(super) struct Github {
    human: Human,
    /// Ends the stretch in which the log obeys no commands; nobody else can know it.
    token: String,
}

impl Github {
    pub(super) fn new(token: String) -> Self {
        Self { human: Human::new(None), token }
    }

    pub(super) fn event(&mut self, event: &CheckEvent, out: &mut dyn Write) -> io::Result<()> {
        if let CheckEvent::Started { .. } = event {
            // What a stack answers is shown below, and must not become a command of the workflow.
            writeln!(out, "::stop-commands::{}", self.token)?;
        }
        let mut text = Vec::new();
        self.human.event(event, &mut text)?;
        guarded(&text, out)
    }

    pub(super) fn report(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let mut text = Vec::new();
        self.human.report(report, &mut text)?;
        guarded(&text, out)?;
        writeln!(out, "::{}::", self.token)?;
        let mut notes = Vec::new();
        notes.extend(
            report.stopped.as_ref().map(|stopped| Note::failure("the run ended early", stopped)),
        );
        let taken = notes.len();
        annotate_all(&notes, 0, out)?;
        let open = report.checks.iter().filter_map(|settled| {
            Some(Note {
                kind: kind(settled, report)?,
                title: title(settled),
                message: message(settled),
            })
        });
        annotate_all(&open.collect::<Vec<_>>(), taken, out)
    }
}

fn kind(settled: &Settled, report: &Report) -> Option<Kind> {
    if !words::is_open(settled, report) {
        return None;
    }
    match settled.evaluation.verdict {
        Verdict::Warn if !report.strict => Some(Kind::Warning),
        Verdict::NotRun => Some(Kind::Warning),
        _ => Some(Kind::Error),
    }
}

fn title(settled: &Settled) -> String {
    match settled.evaluation.verdict {
        Verdict::Fail => settled.check.id.to_owned(),
        verdict => format!("{} ({verdict})", settled.check.id),
    }
}

fn message(settled: &Settled) -> String {
    let evaluation = &settled.evaluation;
    let mut lines = vec![evaluation.summary.clone()];
    for (name, value) in [
        ("expected", &evaluation.expected),
        ("actual", &evaluation.actual),
        ("next", &evaluation.next),
    ] {
        lines.extend(value.as_ref().map(|value| format!("{name}: {value}")));
    }
    lines.push(format!("see: {}", settled.check.runbook()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use verifier_core::check::Evaluation;

    use super::super::sample;
    use super::*;
    use crate::report::github::ANNOTATIONS_MAX;

    fn shown(report: &Report) -> String {
        let mut view = Github::new("a-token".to_owned());
        let mut out = Vec::new();
        for event in sample::events(report) {
            view.event(&event, &mut out).unwrap();
        }
        view.report(report, &mut out).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn an_allowed_warning_is_not_annotated() {
        let warning = Evaluation::new(Verdict::Warn, "no alarm").with_allowance("known");
        for strict in [false, true] {
            let report = sample::with("cfg.alarm", &warning, strict);
            let text = shown(&report);
            assert!(!text.contains("::warning") && !text.contains("::error title"), "{text}");
        }
    }

    #[test]
    fn what_is_open_is_annotated_after_the_log() {
        insta::assert_snapshot!(shown(&sample::failing()));
    }

    #[test]
    fn nothing_is_annotated_when_all_is_well() {
        let text = shown(&sample::passing());
        let (_, annotations) = text.split_once("::a-token::\n").unwrap();
        assert_eq!(annotations, "");
    }

    #[test]
    fn the_last_of_too_many_says_how_many_more_there_are() {
        let mut report = sample::stopped();
        report.stopped = None;
        let text = shown(&report);
        let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("::error ")).collect();
        assert_eq!(errors.len(), ANNOTATIONS_MAX);
        let more = format!("::error title={} more::", report.checks.len() - ANNOTATIONS_MAX + 1);
        assert!(errors[ANNOTATIONS_MAX - 1].starts_with(&more), "{}", errors[ANNOTATIONS_MAX - 1]);
    }

    #[test]
    fn a_run_that_was_stopped_is_annotated_once() {
        let text = shown(&sample::stopped());
        let commands: Vec<&str> =
            text.lines().filter(|line| line.starts_with("::error ")).collect();
        assert_eq!(
            commands,
            [
                "::error title=the run ended early::AWS could not be asked%0Anext: aws sts get-caller-identity"
            ]
        );
    }

    #[test]
    fn no_text_of_the_stacks_becomes_a_command() {
        let hostile = "x\n::error::y\r\n::a-token::\r::set-output name=a::b";
        let report =
            sample::with("job.accept", &Evaluation::fail(hostile, hostile, hostile), false);
        let text = shown(&report);
        let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("::")).collect();
        assert_eq!(commands[..2], ["::stop-commands::a-token", "::a-token::"]);
        assert_eq!(commands.len(), 3, "{text}");
        assert!(commands[2].starts_with(r"::error title=job.accept::x%0A::error::y\r%0A"));
    }
}
