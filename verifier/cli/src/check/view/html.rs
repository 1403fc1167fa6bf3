//! The view for people who were not there: one page, which needs nothing else and no network.
//!
//! What is said is decided here, and how it looks in `templates/report.html`, which escapes every text.

use std::io;
use std::time::Duration;

use askama::Template;
use contract::Outcome;
use verifier_core::check::{JobTrace, Overall, Settled, Step, StepKind, Verdict};
use verifier_model::time::Timestamp;

use super::words;
use crate::check::Report;
use crate::report::page;
use crate::report::words::{iso, seconds};
use crate::shell::clean;

/// Where the time axis begins and how long it is, in percent of a lane's width; the rest is room for the marks.
const AXIS_START: f64 = 3.0;
const AXIS_LENGTH: f64 = 94.0;
/// More ticks than that beside the first run into each other on a phone.
const TICKS_MAX: u64 = 5;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    style: &'static str,
    policy: String,
    stack: String,
    region: String,
    run_id: String,
    started_at: String,
    verdict: &'static str,
    class: &'static str,
    counts: String,
    costs: String,
    error: Option<ErrorView>,
    lanes: Vec<Lane>,
    ticks: Vec<Tick>,
    checks: Vec<CheckRow>,
    /// Service, operation, requests.
    calls: Vec<(&'a str, &'a str, u32)>,
    call_count: u32,
    again: &'a str,
}

struct ErrorView {
    what: String,
    next: Option<String>,
}

/// A job on the time axis.
struct Lane {
    name: String,
    message_id: String,
    end: &'static str,
    class: &'static str,
    /// Where it was submitted and where it was last seen, in percent.
    from: String,
    to: String,
    marks: Vec<Mark>,
    /// The same in words.
    history: Vec<(String, String)>,
}

/// Something that was seen of a job, on its lane.
struct Mark {
    /// In percent.
    x: String,
    class: &'static str,
    symbol: String,
    title: String,
}

struct Tick {
    x: String,
    anchor: &'static str,
    label: String,
}

struct CheckRow {
    id: &'static str,
    asserts: &'static str,
    verdict: &'static str,
    class: &'static str,
    symbol: &'static str,
    summary: String,
    expected: String,
    actual: String,
    next: String,
    runbook: String,
    evidence: String,
    /// Whether it needs somebody's attention.
    open: bool,
}

/// The page, as HTML. `again` is the command that repeats the run.
pub(super) fn page(report: &Report, again: &str) -> io::Result<String> {
    let (verdict, class) = match report.overall {
        Overall::Pass => ("Pass", "pass"),
        Overall::Fail => ("Fail", "fail"),
        Overall::Inconclusive => ("Inconclusive", "inconclusive"),
    };
    let axis = Axis::of(&report.jobs);
    let page = Page {
        style: page::STYLE,
        policy: page::policy(page::STYLE),
        stack: clean::line(&report.stack),
        region: clean::line(report.region.as_deref().unwrap_or("no region")),
        run_id: clean::line(&report.run_id),
        started_at: iso(report.started_at),
        verdict,
        class,
        counts: words::counts(report),
        costs: words::costs(report),
        error: report.stopped.as_ref().map(|stopped| ErrorView {
            what: clean::lines(&stopped.what),
            next: stopped.next.as_deref().map(clean::lines),
        }),
        lanes: report.jobs.iter().map(|job| lane(job, &report.run_id, &axis)).collect(),
        ticks: axis.ticks(),
        checks: report.checks.iter().map(|settled| row(settled, report)).collect(),
        calls: report.calls.iter().map(|(operation, count)| call(operation, *count)).collect(),
        call_count: report.call_count(),
        again,
    };
    page.render().map_err(io::Error::other)
}

/// A line can be broken between a service and its operation.
fn call(operation: &str, count: u32) -> (&str, &str, u32) {
    let (service, name) = operation.split_once('.').unwrap_or(("AWS", operation));
    (service, name, count)
}

/// The time from the first submission to the last that was seen of any job.
struct Axis {
    start: Timestamp,
    length: Duration,
}

impl Axis {
    fn of(jobs: &[JobTrace]) -> Self {
        let start = jobs.iter().map(|job| job.submitted_at).min().unwrap_or_default();
        let seen = jobs.iter().flat_map(|job| job.steps.iter().map(|step| step.at));
        let length = seen.max().map_or(Duration::ZERO, |end| end.since(start));
        Self { start, length: length.max(Duration::from_millis(100)) }
    }

    /// Where a time is, in percent of a lane's width.
    fn at(&self, at: Timestamp) -> String {
        let part = at.since(self.start).as_secs_f64() / self.length.as_secs_f64();
        format!("{:.2}%", AXIS_START + AXIS_LENGTH * part.min(1.0))
    }

    /// Round times, and few enough for a phone.
    fn ticks(&self) -> Vec<Tick> {
        let length = u64::try_from(self.length.as_millis()).unwrap_or(u64::MAX);
        let rounds = [
            100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000,
            600_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000,
        ];
        let enough = |step: &u64| length / step <= TICKS_MAX;
        let step = rounds.into_iter().find(enough).unwrap_or(length.max(1));
        let tick = |number: u64| {
            let after = Duration::from_millis(number * step);
            let label = if step < 1000 {
                format!("{:.1} s", after.as_secs_f64())
            } else {
                format!("{} s", after.as_secs())
            };
            let anchor = if number == 0 { "start" } else { "middle" };
            Tick { x: self.at(self.start + after), anchor, label }
        };
        (0..=length / step).map(tick).collect()
    }
}

fn lane(job: &JobTrace, run_id: &str, axis: &Axis) -> Lane {
    let last = job.last_seen().map_or(job.submitted_at, |step| step.at);
    let (end, class) = match (&job.message_id, job.has_ended(), job.last_seen()) {
        (None, ..) => ("not accepted", "fail"),
        (Some(_), true, Some(Step { what: StepKind::DeadLettered, .. })) => {
            ("dead-lettered", if job.fails { "pass" } else { "fail" })
        }
        (Some(_), true, _) => ("succeeded", if job.fails { "fail" } else { "pass" }),
        (Some(_), false, Some(_)) => ("not seen to end", "inconclusive"),
        (Some(_), false, None) => ("never seen", "fail"),
    };
    let submitted = ("0.0 s".to_owned(), "submitted".to_owned());
    let seen = job.steps.iter().map(|step| (seconds(job.after(step)), words::step(&step.what)));
    Lane {
        name: clean::line(words::job_name(job, run_id)),
        message_id: clean::line(job.message_id.as_deref().unwrap_or("none")),
        end,
        class,
        from: axis.at(job.submitted_at),
        to: axis.at(last),
        marks: job.steps.iter().map(|step| mark(job, step, axis)).collect(),
        history: std::iter::once(submitted).chain(seen).collect(),
    }
}

fn mark(job: &JobTrace, step: &Step, axis: &Axis) -> Mark {
    let (class, symbol) = match &step.what {
        StepKind::Attempt { outcome: Outcome::Succeeded, .. } => ("succeeded", "✓".to_owned()),
        StepKind::Attempt { receive_count, .. } => ("failed", receive_count.to_string()),
        StepKind::DeadLettered => ("message", "D".to_owned()),
    };
    let title = format!("{}: {}", seconds(job.after(step)), words::step(&step.what));
    Mark { x: axis.at(step.at), class, symbol, title }
}

fn row(settled: &Settled, report: &Report) -> CheckRow {
    let evaluation = &settled.evaluation;
    let (class, symbol) = match evaluation.verdict {
        Verdict::Pass => ("pass", "✓"),
        Verdict::Info => ("info", "i"),
        Verdict::Warn => ("warn", "!"),
        Verdict::Fail => ("fail", "✗"),
        Verdict::Inconclusive => ("inconclusive", "?"),
        Verdict::NotRun => ("skipped", "–"),
    };
    let text = |value: &Option<String>| clean::line(value.as_deref().unwrap_or_default());
    let evidence = if evaluation.evidence.is_empty() {
        String::new()
    } else {
        clean::json(&serde_json::to_string_pretty(&evaluation.evidence).unwrap_or_default())
    };
    CheckRow {
        id: settled.check.id,
        asserts: settled.check.asserts,
        verdict: evaluation.verdict.as_str(),
        class,
        symbol,
        summary: if words::is_unreached(settled, report) {
            "the run ended before".to_owned()
        } else {
            clean::line(&evaluation.summary)
        },
        expected: text(&evaluation.expected),
        actual: text(&evaluation.actual),
        next: text(&evaluation.next),
        runbook: settled.check.runbook(),
        evidence,
        open: words::is_open(settled, report),
    }
}

#[cfg(test)]
mod tests {
    use verifier_core::check::Evaluation;

    use super::super::sample;
    use super::*;

    #[test]
    fn the_page_shows_lanes_checks_and_calls() {
        let page = page(&sample::failing(), sample::AGAIN).unwrap();
        crate::report::page::assert_policy(&page);
        // How it looks is the stylesheet's business.
        let (head, rest) = page.split_once("<style>").unwrap();
        let (style, body) = rest.split_once("</style>").unwrap();
        let head = head.replace(&crate::report::page::policy(style), "POLICY");
        insta::assert_snapshot!(format!("{head}{body}"));
    }

    #[test]
    fn no_text_of_the_stacks_becomes_markup() {
        let hostile = "</td><script>alert(1)</script>\" onload='x'";
        let evaluation = Evaluation::fail(hostile, hostile, hostile)
            .with_next(hostile)
            .with_evidence(hostile, hostile);
        let mut report = sample::with("api.hello", &evaluation, false);
        report.stack = hostile.to_owned();
        report.jobs[0].job_id = hostile.to_owned();
        report.jobs[0].message_id = Some(hostile.to_owned());
        report.calls.insert(hostile.to_owned(), 1);
        let page = page(&report, hostile).unwrap();
        assert!(!page.contains("<script") && !page.contains("\" onload"), "{page}");
        assert_eq!(
            page.matches("</td>").count(),
            self::page(&sample::passing(), "").unwrap().matches("</td>").count() + 2
        );
    }

    #[test]
    fn the_page_loads_nothing() {
        let page = page(&sample::failing(), sample::AGAIN).unwrap();
        for other in ["src=", "<link", "@import", "url(", "http://", "https://"] {
            assert!(!page.contains(other), "{other}");
        }
    }

    #[test]
    fn an_axis_has_round_ticks_and_few_of_them() {
        for (millis, labels) in [
            (400, vec!["0.0 s", "0.1 s", "0.2 s", "0.3 s", "0.4 s"]),
            (6050, vec!["0 s", "2 s", "4 s", "6 s"]),
            (180_250, vec!["0 s", "60 s", "120 s", "180 s"]),
            (900_000, vec!["0 s", "300 s", "600 s", "900 s"]),
        ] {
            let axis = Axis { start: Timestamp::default(), length: Duration::from_millis(millis) };
            let shown: Vec<String> = axis.ticks().into_iter().map(|tick| tick.label).collect();
            assert_eq!(shown, labels, "{millis} ms");
        }
    }
}
