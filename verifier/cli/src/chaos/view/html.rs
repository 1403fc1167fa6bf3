//! The view for people who were not there: one page, which needs nothing else and no network.
//!
//! What is said is decided here and in [`super::picture`], and how it looks in `templates/chaos.html`, which escapes every text.

use std::io;

use askama::Template;
use verifier_chaos::{
    ChaosReport, Event, ExitAt, Experiment, History, JobKind, RedriveBy, Step, Timeline,
};
use verifier_core::check::Overall;

use super::picture::Picture;
use super::words::{self, Counts, seconds};
use crate::chaos::Outcome;
use crate::report::page;
use crate::shell::clean;

/// What looks otherwise than in the report of a check.
const STYLE: &str = include_str!("../../../templates/chaos.css");

#[derive(Template)]
#[template(path = "chaos.html")]
struct Page {
    style: String,
    policy: String,
    name: String,
    description: String,
    target: String,
    seed: Option<u64>,
    verdict: &'static str,
    class: &'static str,
    reason: String,
    costs: String,
    facts: Vec<(&'static str, String)>,
    anomalies: Vec<AnomalyRow>,
    unknown: String,
    is_evaluated: bool,
    picture: Option<Picture>,
    done: Vec<String>,
    schedule: String,
    undone: Vec<(String, String)>,
    replay: String,
}

/// An anomaly that was found.
struct AnomalyRow {
    name: &'static str,
    class: &'static str,
    verdict: String,
    meaning: &'static str,
    jobs: String,
}

/// The page, as HTML.
pub(super) fn page(outcome: &Outcome) -> io::Result<String> {
    let experiment = outcome.experiment.as_ref();
    let evaluated = outcome.evaluated.as_ref();
    let style = format!("{}{STYLE}", crate::report::page::STYLE);
    let page = Page {
        policy: page::policy(&style),
        style,
        name: clean::line(experiment.map_or("A history", |experiment| &experiment.name)),
        description: clean::line(experiment.map_or("", |experiment| &experiment.description)),
        target: clean::line(&outcome.target),
        seed: evaluated.map(|(history, _)| history.header.seed),
        verdict: words::verdict(outcome),
        class: match outcome.overall() {
            Overall::Pass => "pass",
            Overall::Fail => "fail",
            Overall::Inconclusive => "inconclusive",
        },
        reason: clean::line(&words::reason(outcome)),
        costs: words::costs(outcome),
        facts: facts(outcome),
        anomalies: evaluated.map(|(_, report)| rows(report)).unwrap_or_default(),
        unknown: evaluated.map(|(_, report)| report.unknown.to_string()).unwrap_or_default(),
        is_evaluated: evaluated.is_some(),
        picture: evaluated.map(|(history, report)| Picture::of(&Timeline::of(history), report)),
        done: experiment.map(done).unwrap_or_default(),
        schedule: experiment
            .and_then(|experiment| serde_json::to_string_pretty(experiment).ok())
            .map(|json| clean::json(&json))
            .unwrap_or_default(),
        undone: evaluated.map(|(history, _)| undone(history)).unwrap_or_default(),
        replay: clean::line(&outcome.again),
    };
    page.render().map_err(io::Error::other)
}

fn facts(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(explored) = &outcome.explored {
        facts.push(("explored", words::explored(explored)));
        if let Some(failing) = &explored.failing {
            let runs = failing.shrinking_runs.unwrap_or_default();
            facts.push((
                "shrunk",
                format!(
                    "from {} of seed {} to what is below, in {}",
                    words::plural(failing.operations, "operation"),
                    failing.seed,
                    words::plural(runs, "run")
                ),
            ));
        }
    }
    if let Some(steady) = &outcome.before {
        facts.push(("steady state before", clean::line(&steady.summary)));
    }
    if let Some((history, _)) = &outcome.evaluated {
        facts.push(("load", Counts::of(history).in_words()));
        facts.push(("drain", words::drain(history)));
    }
    if let Some(steady) = &outcome.after {
        facts.push(("steady state after", clean::line(&steady.summary)));
    }
    if let Some(replayed) = &outcome.replayed {
        facts.push(("replayed", words::replayed(replayed).to_owned()));
    }
    facts
}

fn rows(report: &ChaosReport) -> Vec<AnomalyRow> {
    let row = |group: words::Group<'_>| {
        let allowance = group.allowance();
        AnomalyRow {
            name: group.anomaly.as_str(),
            class: if allowance.is_some() { "info" } else { "fail" },
            verdict: allowance.unwrap_or_else(|| "violated".to_owned()),
            meaning: group.anomaly.meaning(),
            jobs: group.jobs(),
        }
    };
    words::groups(report).into_iter().map(row).collect()
}

/// What an experiment does, in sentences.
fn done(experiment: &Experiment) -> Vec<String> {
    let steps = experiment.load.iter().map(step_in_words);
    let faults = experiment.faults.iter().map(|rule| format!("fault: {}", rule.in_words()));
    let changes = experiment.changes.iter().map(|change| {
        format!(
            "change: {} from {} to {}",
            change.setting.kind(),
            seconds(change.from_milliseconds),
            seconds(change.until_milliseconds)
        )
    });
    let undo = format!("{}: everything is restored", seconds(experiment.undo_at_milliseconds));
    steps.chain(faults).chain(changes).chain(std::iter::once(undo)).collect()
}

fn step_in_words(step: &Step) -> String {
    let at = seconds(step.at_milliseconds());
    match step {
        Step::Submit { name, job, times: 1, .. } => {
            format!("{at}: submit {} {name}", job_in_words(*job))
        }
        Step::Submit { name, job, times, .. } => {
            format!("{at}: submit {} {name}, {times} times", job_in_words(*job))
        }
        Step::Burst { name, count, every_milliseconds, job, .. } => format!(
            "{at}: submit {count} {} jobs {name}, {} apart",
            job_in_words(*job),
            seconds(*every_milliseconds)
        ),
        Step::Purge { .. } => format!("{at}: the jobs queue is purged"),
        Step::Redrive { by: RedriveBy::Client, .. } => {
            format!("{at}: a client moves dead letters back")
        }
        Step::Redrive { by: RedriveBy::MoveTask, .. } => {
            format!("{at}: SQS moves dead letters back")
        }
    }
}

fn job_in_words(job: JobKind) -> String {
    match job {
        JobKind::Good => "good".to_owned(),
        JobKind::Slow { milliseconds } => format!("slow ({milliseconds} ms)"),
        JobKind::Flaky { fails } => format!("flaky (fails {fails} times)"),
        JobKind::Poison => "poison".to_owned(),
        JobKind::Malformed => "malformed".to_owned(),
        JobKind::Oversize => "oversize".to_owned(),
        JobKind::CutOff => "cut-off".to_owned(),
        JobKind::Exiting { at: ExitAt::Before } => "exiting (before its work)".to_owned(),
        JobKind::Exiting { at: ExitAt::After } => "exiting (after its work)".to_owned(),
        JobKind::Garbling => "garbling".to_owned(),
    }
}

fn undone(history: &History) -> Vec<(String, String)> {
    let undone = history.lines.iter().filter_map(|line| match &line.event {
        Event::Undo { what } => Some((seconds(line.at), clean::line(what))),
        _ => None,
    });
    undone.collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_page_shows_anomalies_lanes_bands_and_the_way_to_repeat_it() {
        let page = page(&sample::violating()).unwrap();
        crate::report::page::assert_policy(&page);
        // How it looks is the stylesheet's business.
        let (head, rest) = page.split_once("<style>").unwrap();
        let (style, body) = rest.split_once("</style>").unwrap();
        let head = head.replace(&crate::report::page::policy(style), "POLICY");
        insta::assert_snapshot!(format!("{head}{body}"));
    }

    #[test]
    fn no_text_becomes_markup() {
        let page = page(&sample::hostile()).unwrap();
        assert!(!page.contains("<script") && !page.contains("\" onload"), "{page}");
        crate::shell::clean::tests::assert_clean(&page);
    }

    #[test]
    fn the_page_loads_nothing() {
        for outcome in [sample::passing(), sample::violating(), sample::stopped()] {
            let page = page(&outcome).unwrap();
            for other in ["src=", "<link", "@import", "url(", "http://", "https://"] {
                assert!(!page.contains(other), "{other}");
            }
        }
    }

    #[test]
    fn a_redrive_under_faults_is_drawn_in_full() {
        let page = page(&sample::passing()).unwrap();
        for part in ["stale-counts, 20 times", "↩", "a client moves dead letters back"] {
            assert!(page.contains(part), "{part}");
        }
    }
}
