//! The view for programs that look on: one event a line, `verifier.check.event/1`.
//!
//! Like those of `json`, these types are the format.

use std::io::{self, Write};

use serde::Serialize;
use verifier_core::check::CheckEvent;

use super::json::{self, CheckView, JobView, ReportView};
use crate::check::Report;
use crate::report::words::iso;

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    #[serde(flatten)]
    event: EventView<'a>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum EventView<'a> {
    Started { stack: &'a str, run_id: &'a str, at: String },
    Waiting { what: &'a str, since: String, due_at: String, bound_at: String, why: &'a str },
    Traced { jobs: Vec<JobView<'a>> },
    Settled { check: CheckView<'a> },
    Finished { report: Box<ReportView<'a>> },
}

/// Writes an event as a line.
pub(super) fn event(event: &CheckEvent, out: &mut dyn Write) -> io::Result<()> {
    line(
        match event {
            CheckEvent::Started { stack, run_id, at } => {
                EventView::Started { stack, run_id, at: iso(*at) }
            }
            CheckEvent::Waiting(wait) => EventView::Waiting {
                what: &wait.what,
                since: iso(wait.since),
                due_at: iso(wait.due_at),
                bound_at: iso(wait.bound_at),
                why: &wait.why,
            },
            CheckEvent::Traced(jobs) => {
                EventView::Traced { jobs: jobs.iter().map(json::job).collect() }
            }
            CheckEvent::Settled(settled) => EventView::Settled { check: json::check(settled) },
        },
        out,
    )
}

/// Writes the last line: the report, as the view `json` shows it.
pub(super) fn report(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    line(EventView::Finished { report: Box::new(json::view(report)) }, out)
}

fn line(event: EventView<'_>, out: &mut dyn Write) -> io::Result<()> {
    crate::report::json::line(&Line { schema: "verifier.check.event/1", event }, out)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::sample;
    use super::*;

    #[test]
    fn every_event_is_a_line_of_its_own() {
        let sample = sample::failing();
        let mut out = Vec::new();
        let events = sample::events(&sample);
        for happened in &events {
            event(happened, &mut out).unwrap();
        }
        report(&sample, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), events.len() + 1);
        let mut first_of_a_kind: Vec<&Value> = Vec::new();
        for line in &lines {
            if !first_of_a_kind.iter().any(|known| known["event"] == line["event"]) {
                first_of_a_kind.push(line);
            }
        }
        // The report is the one of the view `json`, which has a snapshot of its own.
        let shown = first_of_a_kind.iter().filter(|line| line["event"] != "finished");
        let shown: Vec<String> = shown.map(|line| format!("{line:#}")).collect();
        insta::assert_snapshot!(shown.join("\n"));
        assert_eq!(
            lines.last().unwrap()["report"],
            serde_json::to_value(json::view(&sample)).unwrap()
        );
    }
}
