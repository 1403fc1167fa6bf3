//! The history of a metric, from which the datapoint of any period follows.

use std::collections::VecDeque;
use std::time::Duration;

use super::Datapoint;
use crate::time::Timestamp;

/// The most changes or samples that are remembered. When there are more, the older half is forgotten, and the metric
/// has no data for that time: an emulator that runs for days must not grow indefinitely.
const HISTORY_MAX: usize = 65_536;

/// What a gauge shows until it changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    /// Always the same.
    Constant(f64),
    /// The seconds since then.
    SecondsSince(Timestamp),
}

impl Level {
    fn at(self, time: Timestamp) -> f64 {
        match self {
            Self::Constant(value) => value,
            Self::SecondsSince(start) => time.since(start).as_secs_f64(),
        }
    }
}

/// A metric that has a value at any time, such as the number of messages in a queue.
///
/// It is known exactly, where AWS looks now and then: the maximum and the minimum of a period are the largest and the
/// smallest value that there was, the average is weighted by time. There is one sample a minute.
#[derive(Clone, Debug, Default)]
pub struct Gauge {
    /// Since when it shows what, in the order of time.
    changes: VecDeque<(Timestamp, Level)>,
}

impl Gauge {
    /// The gauge shows something else from now on.
    pub fn set(&mut self, level: Level, now: Timestamp) {
        if self.changes.back().is_some_and(|(_, last)| *last == level) {
            return;
        }
        forget_half_of_too_many(&mut self.changes);
        self.changes.push_back((now, level));
    }

    /// What it showed in a period, which ends before `to`; `None` if that is not known.
    pub fn datapoint(&self, from: Timestamp, to: Timestamp) -> Option<Datapoint> {
        let (first, _) = self.changes.front()?;
        let from = from.max(*first);
        if from >= to {
            return None;
        }
        let begun = self.changes.partition_point(|(at, _)| *at <= from);
        let mut datapoint = Datapoint {
            sample_count: minutes(to.since(from)),
            sum: 0.0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
        };
        for index in begun.saturating_sub(1)..self.changes.len() {
            let (at, level) = self.changes[index];
            if at >= to {
                break;
            }
            let next = self.changes.get(index + 1).map_or(to, |(next, _)| (*next).min(to));
            let (start, end) = (level.at(at.max(from)), level.at(next));
            let share = next.since(at.max(from)).as_secs_f64() / to.since(from).as_secs_f64();
            datapoint.sum += f64::midpoint(start, end) * share * datapoint.sample_count;
            datapoint.minimum = datapoint.minimum.min(start).min(end);
            datapoint.maximum = datapoint.maximum.max(start).max(end);
        }
        Some(datapoint)
    }
}

/// A metric of single events, such as the invocations of a function: a sample for each.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    samples: VecDeque<(Timestamp, f64)>,
    /// Since when a period without samples counts as zero; never, if absent.
    zero_since: Option<Timestamp>,
}

impl Counter {
    /// A metric that is reported as zero for as long as nothing happens, from now on.
    pub fn with_zeros(now: Timestamp) -> Self {
        Self { samples: VecDeque::new(), zero_since: Some(now) }
    }

    /// Adds a sample.
    pub fn add(&mut self, value: f64, now: Timestamp) {
        if forget_half_of_too_many(&mut self.samples)
            && let (Some(zero_since), Some((kept, _))) =
                (&mut self.zero_since, self.samples.front())
        {
            // What was before is not zero, but forgotten.
            *zero_since = *kept;
        }
        self.samples.push_back((now, value));
    }

    /// The samples of a period, which ends before `to`; `None` if nothing was reported.
    pub fn datapoint(&self, from: Timestamp, to: Timestamp) -> Option<Datapoint> {
        let start = self.samples.partition_point(|(at, _)| *at < from);
        let end = self.samples.partition_point(|(at, _)| *at < to);
        let mut datapoint: Option<Datapoint> = None;
        for (_, value) in self.samples.range(start..end.max(start)) {
            let so_far = datapoint.get_or_insert(Datapoint {
                sample_count: 0.0,
                sum: 0.0,
                minimum: *value,
                maximum: *value,
            });
            so_far.sample_count += 1.0;
            so_far.sum += value;
            so_far.minimum = so_far.minimum.min(*value);
            so_far.maximum = so_far.maximum.max(*value);
        }
        let zero = Datapoint { sample_count: 1.0, sum: 0.0, minimum: 0.0, maximum: 0.0 };
        let reported = self.zero_since.is_some_and(|since| since < to);
        datapoint.or(reported.then_some(zero))
    }
}

fn minutes(duration: Duration) -> f64 {
    (duration.as_secs_f64() / 60.0).ceil()
}

/// Whether anything was forgotten.
fn forget_half_of_too_many<T>(history: &mut VecDeque<T>) -> bool {
    let too_many = history.len() >= HISTORY_MAX;
    if too_many {
        history.drain(..HISTORY_MAX / 2);
    }
    too_many
}
