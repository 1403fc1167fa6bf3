//! Random schedules, one after another, until one violates what holds; and the smallest that still does.

use std::collections::BTreeMap;
use std::ops::Range;

use super::anomaly::AnomalySet;
use super::checker::{Verdict, evaluate};
use super::history::{Event, History};
use super::schedule::Schedule;
use super::shrink::{Shrunk, shrink};

/// How often each kind of fault struck, or each kind of setting was changed, at each operation.
pub type Coverage = BTreeMap<(&'static str, String), u64>;

/// What an exploration came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exploration {
    /// How many schedules were run, the failing one included and its shrinking not.
    pub schedules: u64,
    /// How many of them could not be evaluated, since they were not drained.
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

/// What a stretch of random schedules came to. Stretches may be surveyed at the same time, and are put together in their
/// order: so what is found does not depend on how many there were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// How many schedules were run, the failing one included.
    pub schedules: u64,
    /// How many of them could not be evaluated, since they were not drained.
    pub unknown: u64,
    /// What struck where.
    pub coverage: Coverage,
    /// The first that violates what holds, and which anomalies nothing allows in it. Nothing behind it was run.
    pub failing: Option<(Schedule, AnomalySet)>,
}

/// Runs the schedules of `count` seeds from `seed` on, and stops at the first failure, which it shrinks.
///
/// `run` runs a schedule, on whatever target.
pub fn explore<E>(
    seed: u64,
    count: u64,
    run: &mut dyn FnMut(&Schedule) -> Result<History, E>,
) -> Result<Exploration, E> {
    survey(seed, 0..count, run)?.conclude(run)
}

/// Runs the schedules of the seeds that are so far behind `seed`, until one fails.
pub fn survey<E>(
    seed: u64,
    numbers: Range<u64>,
    run: &mut dyn FnMut(&Schedule) -> Result<History, E>,
) -> Result<Survey, E> {
    let mut survey = Survey::default();
    for number in numbers {
        let schedule = Schedule::generate(seed.wrapping_add(number));
        let history = run(&schedule)?;
        survey.schedules += 1;
        cover(&mut survey.coverage, &history);
        let report = evaluate(&history);
        survey.unknown += u64::from(report.verdict == Verdict::Unknown);
        if report.verdict == Verdict::False {
            survey.failing = Some((schedule, report.violations()));
            break;
        }
    }
    Ok(survey)
}

impl Survey {
    /// Adds what the stretch behind this one came to. Behind a failure nothing counts.
    pub fn append(&mut self, next: Self) {
        if self.failing.is_some() {
            return;
        }
        self.schedules += next.schedules;
        self.unknown += next.unknown;
        for (pair, count) in next.coverage {
            *self.coverage.entry(pair).or_default() += count;
        }
        self.failing = next.failing;
    }

    /// Shrinks the failure, if there is one.
    pub fn conclude<E>(
        self,
        run: &mut dyn FnMut(&Schedule) -> Result<History, E>,
    ) -> Result<Exploration, E> {
        let Self { schedules, unknown, coverage, failing } = self;
        let failure = match failing {
            Some((schedule, violations)) => {
                let shrunk = shrink(&schedule, violations, run)?;
                Some(Failure { schedule, violations, shrunk })
            }
            None => None,
        };
        Ok(Exploration { schedules, unknown, coverage, failure })
    }
}

fn cover(coverage: &mut Coverage, history: &History) {
    for line in &history.lines {
        let pair = match &line.event {
            Event::Fault { fault, operation, .. } => (fault.kind(), operation.to_string()),
            Event::Changed { setting } => (setting.kind(), setting.operation().to_owned()),
            _ => continue,
        };
        *coverage.entry(pair).or_default() += 1;
    }
}
