//! The state of an alarm, from the latest datapoints of its metric.

use super::{AlarmState, TreatMissingData};

/// A period's datapoint as an alarm sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// There is none.
    Missing,
    /// It is within the threshold.
    NotBreaching,
    /// It is not.
    Breaching,
}

/// What an evaluation comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The alarm is in this state now.
    State(AlarmState),
    /// The alarm stays in the state that it has.
    Retained,
}

/// How many datapoints an evaluation looks at, so that it can do without some that are missing.
///
/// AWS says only that there are more than the evaluation periods; in its examples, two more.
pub fn evaluation_range(evaluation_periods: usize) -> usize {
    evaluation_periods + 2
}

/// Evaluates an alarm: "M out of N", where datapoints may be missing.
///
/// `range` holds the datapoints of the evaluation range, the latest last.
///
/// * With N datapoints or more, the latest N decide.
/// * With fewer, all of them decide together with as many that are filled in as N lacks, which count as breaching or
///   not, or, if they are not to be filled in, not at all.
/// * Missing data that is not filled in cannot hide a breach indefinitely: if all there is breaches and the earliest is at
///   least M periods old, that is an alarm. If it is younger, the next datapoint may still contradict it, and AWS says
///   only that the alarm does not go off yet; here it stays as it is.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>, the two
/// tables of which are among the tests.
pub fn evaluate(
    range: &[Point],
    evaluation_periods: usize,
    datapoints_to_alarm: usize,
    treat_missing_data: TreatMissingData,
) -> Outcome {
    let latest = range.iter().rev().filter(|point| **point != Point::Missing);
    let latest: Vec<Point> = latest.take(evaluation_periods).copied().collect();
    let breaching = latest.iter().filter(|point| **point == Point::Breaching).count();
    let lacking = evaluation_periods - latest.len();
    let decided = |breaching: usize| {
        let alarm = breaching >= datapoints_to_alarm;
        Outcome::State(if alarm { AlarmState::Alarm } else { AlarmState::Ok })
    };
    match treat_missing_data {
        TreatMissingData::Breaching => return decided(breaching + lacking),
        TreatMissingData::NotBreaching => return decided(breaching),
        _ if lacking == 0 || breaching >= datapoints_to_alarm => return decided(breaching),
        TreatMissingData::Missing | TreatMissingData::Ignore => {}
    }
    let ignores = treat_missing_data == TreatMissingData::Ignore;
    if latest.is_empty() {
        let unknown = Outcome::State(AlarmState::InsufficientData);
        return if ignores { Outcome::Retained } else { unknown };
    }
    if breaching < latest.len() {
        return decided(breaching);
    }
    let earliest = range.iter().position(|point| *point == Point::Breaching);
    let age = earliest.map_or(0, |index| range.len() - index);
    if age >= datapoints_to_alarm && !ignores {
        return Outcome::State(AlarmState::Alarm);
    }
    Outcome::Retained
}
