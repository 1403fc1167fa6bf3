//! The picture of a history: jobs as lanes on a time axis, faults as bands through all of them, the queues below.
//!
//! Coordinates are percent of the picture's width, so that it fits a phone and a wide screen.

use std::fmt::Write;

use verifier_chaos::{
    Band, ChaosReport, Expectation, InvocationEnd, Lane, LaneEnd, Mark, MarkKind, Sample, Timeline,
};

use super::words::{plural, seconds};
use crate::shell::clean;

/// More lanes than that are not drawn: those with something wrong come first.
const LANES_MAX: usize = 60;
/// Where the axis begins and how long it is; the rest is room for the marks.
const AXIS: (f64, f64) = (2.0, 95.0);
/// Marks that are nearer are drawn beside each other.
const MARK_WIDTH: f64 = 2.4;
/// The narrowest band that one sees.
const BAND_MIN: f64 = 0.5;
/// More ticks than that run into each other on a phone.
const TICKS_MAX: u64 = 6;
/// More strikes of a fault are not drawn one by one.
const STRIKES_MAX: usize = 200;
/// The height of the queues' chart, and of that of latencies, in its own units.
const CHART_HEIGHT: f64 = 100.0;

/// Everything that is drawn.
pub(super) struct Picture {
    pub(super) lanes: Vec<LaneView>,
    /// What is not drawn, in words.
    pub(super) left_out: Option<String>,
    pub(super) bands: Vec<BandView>,
    pub(super) ticks: Vec<Tick>,
    pub(super) depth: Option<Depth>,
    pub(super) latencies: Option<Latencies>,
}

/// A job.
pub(super) struct LaneView {
    pub(super) name: String,
    pub(super) nature: &'static str,
    /// What became of it, and how that is to be taken.
    pub(super) end: String,
    pub(super) class: &'static str,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) marks: Vec<MarkView>,
    /// Where faults struck it, each with its name.
    pub(super) strikes: Vec<(String, String)>,
    /// Where its side effects took place, each with when.
    pub(super) effects: Vec<(String, String)>,
    /// The same in words: when, what, and the line of the history.
    pub(super) story: Vec<(String, String, usize)>,
}

/// Something that happened to a job.
pub(super) struct MarkView {
    pub(super) x: String,
    pub(super) class: &'static str,
    pub(super) symbol: String,
    pub(super) title: String,
}

/// A stretch in which something was wrong on purpose.
pub(super) struct BandView {
    pub(super) kind: &'static str,
    pub(super) operation: String,
    pub(super) times: String,
    pub(super) x: String,
    pub(super) width: String,
    pub(super) strikes: Vec<String>,
}

/// A time on the axis.
pub(super) struct Tick {
    pub(super) x: String,
    pub(super) anchor: &'static str,
    pub(super) label: String,
}

/// How full the queues were.
pub(super) struct Depth {
    pub(super) jobs: String,
    pub(super) dead_letters: String,
    pub(super) max: usize,
}

/// How long jobs took.
pub(super) struct Latencies {
    /// Where, how high, and what.
    pub(super) dots: Vec<(String, String, String)>,
    pub(super) max: String,
}

impl Picture {
    pub(super) fn of(timeline: &Timeline, report: &ChaosReport) -> Self {
        let axis = Axis { length: timeline.ends_at.max(1) };
        let mut lanes: Vec<(u8, &Lane)> =
            timeline.lanes.iter().map(|lane| (Taken::of(lane, report) as u8, lane)).collect();
        // What is wrong first, otherwise in the order of time.
        lanes.sort_by_key(|(taken, _)| *taken);
        let more = lanes.len().saturating_sub(LANES_MAX);
        lanes.truncate(LANES_MAX);
        Self {
            lanes: lanes.into_iter().map(|(_, lane)| lane_view(lane, report, &axis)).collect(),
            left_out: (more > 0)
                .then(|| format!("{} more, nearer to what was expected", plural(more, "job"))),
            bands: timeline.bands.iter().map(|band| band_view(band, &axis)).collect(),
            ticks: axis.ticks(),
            depth: depth(&timeline.depth, &axis),
            latencies: latencies(&timeline.latencies, &axis),
        }
    }
}

/// How what became of a job is to be taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Violated,
    Allowed,
    Open,
    Good,
}

impl Taken {
    fn of(lane: &Lane, report: &ChaosReport) -> Self {
        let mut findings = report
            .findings
            .iter()
            .filter(|finding| finding.job.as_deref() == Some(lane.job.as_str()))
            .peekable();
        let is_found = findings.peek().is_some();
        if findings.any(|finding| finding.allowance.is_none()) {
            Self::Violated
        } else if is_found {
            Self::Allowed
        } else if lane.end == LaneEnd::Open {
            Self::Open
        } else {
            Self::Good
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Violated => "fail",
            Self::Allowed => "info",
            Self::Open => "inconclusive",
            Self::Good => "pass",
        }
    }
}

/// The time from the beginning to the last line.
struct Axis {
    length: u64,
}

impl Axis {
    fn at(&self, at: u64) -> f64 {
        AXIS.0 + AXIS.1 * ratio(at, self.length)
    }

    /// Round times, and few enough for a phone.
    fn ticks(&self) -> Vec<Tick> {
        let rounds = [
            100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000,
            600_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000,
        ];
        let enough = |step: &u64| self.length / step <= TICKS_MAX;
        let step = rounds.into_iter().find(enough).unwrap_or(self.length);
        let tick = |number: u64| {
            let at = number * step;
            let label = if step < 1_000 { seconds(at) } else { format!("{} s", at / 1_000) };
            let anchor = if number == 0 { "start" } else { "middle" };
            Tick { x: percent(self.at(at)), anchor, label }
        };
        (0..=self.length / step).map(tick).collect()
    }
}

/// Times and counts are far below where a float loses any.
#[allow(clippy::cast_precision_loss)]
fn ratio(part: u64, whole: u64) -> f64 {
    (part as f64 / whole.max(1) as f64).min(1.0)
}

fn percent(x: f64) -> String {
    format!("{x:.2}%")
}

fn lane_view(lane: &Lane, report: &ChaosReport, axis: &Axis) -> LaneView {
    let taken = Taken::of(lane, report);
    let mut anomalies: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.job.as_deref() == Some(lane.job.as_str()))
        .map(|finding| finding.anomaly.as_str())
        .collect();
    anomalies.dedup();
    let end = match (lane.end, anomalies.is_empty()) {
        (end, true) => end_in_words(end).to_owned(),
        (end, false) => format!("{}: {}", end_in_words(end), anomalies.join(", ")),
    };
    let first = lane.marks.first().map_or(0, |mark| mark.at);
    let last = lane.marks.last().map_or(first, |mark| mark.at);
    let strikes = lane.marks.iter().filter_map(|mark| match mark.kind {
        MarkKind::Fault(kind) => Some((percent(axis.at(mark.at)), kind.to_owned())),
        _ => None,
    });
    let effects = lane.marks.iter().filter_map(|mark| match mark.kind {
        MarkKind::Effect | MarkKind::EffectAgain => {
            Some((percent(axis.at(mark.at)), format!("done at {}", seconds(mark.at))))
        }
        _ => None,
    });
    LaneView {
        name: clean::line(&lane.job),
        nature: match lane.nature {
            Some(Expectation::Healthy) => "healthy",
            Some(Expectation::Flaky) => "flaky",
            Some(Expectation::Poison) => "poison",
            None => "never submitted",
        },
        end,
        class: taken.class(),
        from: percent(axis.at(first)),
        to: percent(axis.at(last)),
        marks: mark_views(&lane.marks, axis),
        strikes: strikes.collect(),
        effects: effects.collect(),
        story: lane
            .marks
            .iter()
            .map(|mark| (seconds(mark.at), mark_in_words(mark.kind), mark.line))
            .collect(),
    }
}

/// Marks from left to right; those that would lie on each other are moved on a little.
fn mark_views(marks: &[Mark], axis: &Axis) -> Vec<MarkView> {
    let mut right = f64::MIN;
    let mut views = Vec::new();
    for mark in marks {
        let (class, symbol) = match mark.kind {
            MarkKind::Submitted | MarkKind::Effect | MarkKind::Fault(_) => continue,
            MarkKind::Refused => ("refused", "–".to_owned()),
            MarkKind::Unanswered => ("unanswered", "?".to_owned()),
            MarkKind::Throttled => ("throttled", "T".to_owned()),
            MarkKind::BrokenOff(_) => ("failed", "!".to_owned()),
            MarkKind::Succeeded => ("succeeded", "✓".to_owned()),
            MarkKind::Failed(receive) => ("failed", receive.to_string()),
            MarkKind::EffectAgain => ("again", "2×".to_owned()),
            MarkKind::DeadLettered => ("message", "D".to_owned()),
            MarkKind::MovedBack => ("moved", "↩".to_owned()),
        };
        let x = axis.at(mark.at).max(right + MARK_WIDTH);
        right = x;
        let title = format!("{}: {}", seconds(mark.at), mark_in_words(mark.kind));
        views.push(MarkView { x: percent(x.min(99.0)), class, symbol, title });
    }
    views
}

fn mark_in_words(kind: MarkKind) -> String {
    match kind {
        MarkKind::Submitted => "submitted".to_owned(),
        MarkKind::Refused => "refused".to_owned(),
        MarkKind::Unanswered => "not answered".to_owned(),
        MarkKind::Throttled => "its batch was throttled".to_owned(),
        MarkKind::Succeeded => "succeeded".to_owned(),
        MarkKind::Failed(receive) => format!("receive {receive} failed"),
        MarkKind::BrokenOff(InvocationEnd::TimedOut) => "its invocation timed out".to_owned(),
        MarkKind::BrokenOff(InvocationEnd::Crashed) => "its invocation crashed".to_owned(),
        MarkKind::BrokenOff(_) => "its invocation failed".to_owned(),
        MarkKind::Effect => "its side effect took place".to_owned(),
        MarkKind::EffectAgain => "done once more".to_owned(),
        MarkKind::DeadLettered => "dead-lettered".to_owned(),
        MarkKind::MovedBack => "moved back to the jobs queue".to_owned(),
        MarkKind::Fault(kind) => format!("struck by {kind}"),
    }
}

const fn end_in_words(end: LaneEnd) -> &'static str {
    match end {
        LaneEnd::Done => "done",
        LaneEnd::DeadLettered => "dead-lettered",
        LaneEnd::DoneAndDeadLettered => "done and dead-lettered",
        LaneEnd::Refused => "refused",
        LaneEnd::Unanswered => "never arrived",
        LaneEnd::Open => "gone",
    }
}

fn band_view(band: &Band, axis: &Axis) -> BandView {
    let (from, until) = (axis.at(band.from), axis.at(band.until));
    let count = band.strikes.len();
    let times = match (count, band.until - band.from) {
        (1, 0) => format!("once, at {}", seconds(band.from)),
        (1, _) => format!("from {} to {}", seconds(band.from), seconds(band.until)),
        _ => format!("{count} times, from {} to {}", seconds(band.from), seconds(band.until)),
    };
    let strikes = band.strikes.iter().take(STRIKES_MAX);
    BandView {
        kind: band.kind,
        operation: clean::line(&band.operation),
        times,
        x: percent(from),
        width: percent((until - from).max(BAND_MIN)),
        strikes: strikes.map(|at| percent(axis.at(*at))).collect(),
    }
}

/// Steps, in a box of 100 by [`CHART_HEIGHT`].
fn depth(samples: &[Sample], axis: &Axis) -> Option<Depth> {
    let max = samples.iter().map(|sample| sample.jobs.max(sample.dead_letters)).max()?;
    let line = |count: &dyn Fn(&Sample) -> usize| {
        let y = |count: usize| CHART_HEIGHT * (1.0 - ratio(count as u64, max as u64));
        let mut path = format!("M{:.2} {CHART_HEIGHT:.1}", axis.at(0));
        for sample in samples {
            // Writing to a String cannot fail.
            let _ = write!(path, " H{:.2} V{:.1}", axis.at(sample.at), y(count(sample)));
        }
        let _ = write!(path, " H{:.2}", axis.at(axis.length));
        path
    };
    let (jobs, dead_letters) = (line(&|sample| sample.jobs), line(&|sample| sample.dead_letters));
    Some(Depth { jobs, dead_letters, max })
}

fn latencies(latencies: &[(u64, u64)], axis: &Axis) -> Option<Latencies> {
    // One dot is no distribution.
    let max = latencies.iter().map(|(_, took)| *took).max().filter(|_| latencies.len() > 1)?.max(1);
    let dot = |(at, took): &(u64, u64)| {
        let y = 92.0 * (1.0 - ratio(*took, max)) + 4.0;
        (percent(axis.at(*at)), percent(y), format!("done after {}", seconds(*took)))
    };
    Some(Latencies { dots: latencies.iter().map(dot).collect(), max: seconds(max) })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::chaos::Outcome;

    fn of(outcome: &Outcome) -> Picture {
        let (history, report) = outcome.evaluated.as_ref().unwrap();
        Picture::of(&Timeline::of(history), report)
    }

    #[test]
    fn the_job_that_something_is_wrong_with_comes_first() {
        let picture = of(&sample::violating());
        let first = &picture.lanes[0];
        assert_eq!((first.name.as_str(), first.class), ("early", "fail"));
        assert_eq!(first.end, "gone: poison-as-success");
        assert!(picture.lanes[1..].iter().all(|lane| lane.class == "pass"));
    }

    #[test]
    fn marks_do_not_lie_on_each_other_and_stay_within() {
        for outcome in [sample::passing(), sample::violating(), sample::stopped()] {
            for lane in of(&outcome).lanes {
                let xs: Vec<f64> = lane
                    .marks
                    .iter()
                    .map(|mark| mark.x.trim_end_matches('%').parse().unwrap())
                    .collect();
                assert!(xs.windows(2).all(|pair| pair[0] < pair[1]), "{xs:?}");
                assert!(xs.iter().all(|x| (0.0..=100.0).contains(x)), "{xs:?}");
            }
        }
    }

    #[test]
    fn of_many_jobs_some_are_drawn_and_the_others_told() {
        let lane = |number: usize| Lane {
            job: format!("j{number}"),
            nature: Some(Expectation::Healthy),
            marks: Vec::new(),
            end: LaneEnd::Done,
        };
        let timeline =
            Timeline { ends_at: 10, lanes: (0..100).map(lane).collect(), ..Timeline::default() };
        let report = sample::passing().evaluated.unwrap().1;
        let picture = Picture::of(&timeline, &report);
        assert_eq!(picture.lanes.len(), LANES_MAX);
        assert_eq!(picture.left_out.as_deref(), Some("40 jobs more, nearer to what was expected"));
        assert!(picture.depth.is_none() && picture.latencies.is_none());
    }

    #[test]
    fn the_axis_has_round_ticks_and_few_of_them() {
        for (length, labels) in [
            (1, vec!["0.0 s"]),
            (450, vec!["0.0 s", "0.1 s", "0.2 s", "0.3 s", "0.4 s"]),
            (180_250, vec!["0 s", "30 s", "60 s", "90 s", "120 s", "150 s", "180 s"]),
        ] {
            let shown: Vec<String> =
                Axis { length }.ticks().into_iter().map(|tick| tick.label).collect();
            assert_eq!(shown, labels, "{length} ms");
        }
    }
}
