//! Random schedules, one after another, until one violates what holds; and the smallest that still does.

use std::collections::BTreeMap;

use super::anomaly::AnomalySet;
use super::checker::{ChaosReport, Verdict, judge};
use super::history::{Event, History};
use super::schedule::Schedule;
use super::shrink::{Shrunk, shrink};

/// How often each kind of fault struck at each operation.
pub type Coverage = BTreeMap<(&'static str, String), u64>;

/// What an exploration came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exploration {
    /// How many schedules were run, the failing one included and its shrinking not.
    pub schedules: u64,
    /// How many of them could not be judged, since they were not drained.
    pub unknown: u64,
    /// What struck where.
    pub coverage: Coverage,
    /// The first failure.
    pub failure: Option<Failure>,
}

/// A schedule that violates what holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The schedule as it was drawn.
    pub schedule: Schedule,
    /// Which anomalies it has that nothing allows.
    pub violations: AnomalySet,
    /// The smallest schedule that still fails; absent if the failure did not happen again.
    pub shrunk: Option<Shrunk>,
}

/// Runs the schedules of `count` seeds from `seed` on, and stops at the first failure, which it shrinks.
///
/// `run` runs a schedule, on whatever target.
pub fn explore<E>(
    seed: u64,
    count: u64,
    run: &mut dyn FnMut(&Schedule) -> Result<History, E>,
) -> Result<Exploration, E> {
    let mut exploration = Exploration::default();
    for number in 0..count {
        let schedule = Schedule::generate(seed.wrapping_add(number));
        let history = run(&schedule)?;
        exploration.schedules += 1;
        cover(&mut exploration.coverage, &history);
        let report = judge(&history);
        exploration.unknown += u64::from(report.verdict == Verdict::Unknown);
        if report.verdict == Verdict::False {
            exploration.failure = Some(failure(schedule, &report, run)?);
            break;
        }
    }
    Ok(exploration)
}

fn failure<E>(
    schedule: Schedule,
    report: &ChaosReport,
    run: &mut dyn FnMut(&Schedule) -> Result<History, E>,
) -> Result<Failure, E> {
    let violations = report.violations();
    let shrunk = shrink(&schedule, violations, run)?;
    Ok(Failure { schedule, violations, shrunk })
}

fn cover(coverage: &mut Coverage, history: &History) {
    for line in &history.lines {
        if let Event::Fault { fault, operation, .. } = &line.event {
            *coverage.entry((fault.kind(), operation.to_string())).or_default() += 1;
        }
    }
}
