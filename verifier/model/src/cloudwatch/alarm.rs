//! The definition of a metric alarm.

use super::{CloudWatchError, Metric, Statistic};

/// The longest name of an alarm, in characters.
const NAME_CHARS_MAX: usize = 255;
/// The longest time that an alarm looks back, in seconds: a day, or a week with periods of an hour and more.
const LOOKS_BACK_SECONDS_MAX: u64 = 86_400;
const LOOKS_BACK_SECONDS_MAX_OF_HOURS: u64 = 7 * 86_400;

/// The state of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// The metric is within the threshold.
    Ok,
    /// The metric is outside of the threshold.
    Alarm,
    /// It is not known.
    InsufficientData,
}

impl AlarmState {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Ok, Self::Alarm, Self::InsufficientData]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// How a value is compared with the threshold; a value for which it holds is breaching.
///
/// The operators of anomaly detection are not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparisonOperator {
    /// `>=`.
    GreaterThanOrEqualToThreshold,
    /// `>`.
    GreaterThanThreshold,
    /// `<`.
    LessThanThreshold,
    /// `<=`.
    LessThanOrEqualToThreshold,
}

impl ComparisonOperator {
    const ALL: [Self; 4] = [
        Self::GreaterThanOrEqualToThreshold,
        Self::GreaterThanThreshold,
        Self::LessThanThreshold,
        Self::LessThanOrEqualToThreshold,
    ];

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualToThreshold => "GreaterThanOrEqualToThreshold",
            Self::GreaterThanThreshold => "GreaterThanThreshold",
            Self::LessThanThreshold => "LessThanThreshold",
            Self::LessThanOrEqualToThreshold => "LessThanOrEqualToThreshold",
        }
    }

    /// The operator of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.as_str() == name)
    }

    /// Whether a value is breaching.
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThanOrEqualToThreshold => value >= threshold,
            Self::GreaterThanThreshold => value > threshold,
            Self::LessThanThreshold => value < threshold,
            Self::LessThanOrEqualToThreshold => value <= threshold,
        }
    }

    /// As an alarm's reason says it.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::GreaterThanOrEqualToThreshold => "greater than or equal to",
            Self::GreaterThanThreshold => "greater than",
            Self::LessThanThreshold => "less than",
            Self::LessThanOrEqualToThreshold => "less than or equal to",
        }
    }
}

/// What an alarm takes a missing datapoint for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TreatMissingData {
    /// For missing: without any data the state is not known.
    #[default]
    Missing,
    /// For no reason to change the state.
    Ignore,
    /// For a breaching one.
    Breaching,
    /// For one within the threshold.
    NotBreaching,
}

impl TreatMissingData {
    /// Every treatment.
    pub const ALL: [Self; 4] = [Self::Missing, Self::Ignore, Self::Breaching, Self::NotBreaching];

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Ignore => "ignore",
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
        }
    }

    /// The treatment of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|treatment| treatment.as_str() == name)
    }
}

/// A metric alarm, as `PutMetricAlarm` defines it.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricAlarm {
    /// Its name; 1 to 255 characters.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// The metric that it watches.
    pub metric: Metric,
    /// What the metric's samples are measured in.
    pub unit: Option<String>,
    /// How the samples of a period become one value.
    pub statistic: Statistic,
    /// The length of a period: 10, 20, 30, or a multiple of 60.
    pub period_seconds: u32,
    /// How many periods are looked at: N of "M out of N".
    pub evaluation_periods: u32,
    /// How many of them must be breaching: M of "M out of N"; all when absent.
    pub datapoints_to_alarm: Option<u32>,
    /// What values are compared with.
    pub threshold: f64,
    /// How.
    pub comparison: ComparisonOperator,
    /// What missing datapoints are taken for; [`TreatMissingData::Missing`] when absent.
    pub treat_missing_data: Option<TreatMissingData>,
    /// Whether the actions are executed. The model keeps actions, and executes none.
    pub actions_enabled: bool,
    /// The ARNs of what happens in [`AlarmState::Ok`].
    pub ok_actions: Vec<String>,
    /// The ARNs of what happens in [`AlarmState::Alarm`].
    pub alarm_actions: Vec<String>,
    /// The ARNs of what happens in [`AlarmState::InsufficientData`].
    pub insufficient_data_actions: Vec<String>,
}

impl MetricAlarm {
    /// Checks that the values are within their bounds and go together.
    pub fn check(&self) -> Result<(), CloudWatchError> {
        let refused = |reason: String| Err(CloudWatchError::Validation(reason));
        if self.name.is_empty() || self.name.chars().count() > NAME_CHARS_MAX {
            return refused(format!("AlarmName must have 1 to {NAME_CHARS_MAX} characters."));
        }
        let period = u64::from(self.period_seconds);
        if period == 0 || (!period.is_multiple_of(60) && ![10, 20, 30].contains(&period)) {
            return refused("Period must be 10, 20, 30 or a multiple of 60.".to_owned());
        }
        if self.evaluation_periods == 0 {
            return refused("EvaluationPeriods must be at least 1.".to_owned());
        }
        if self.datapoints_to_alarm.is_some_and(|m| m == 0 || m > self.evaluation_periods) {
            return refused("DatapointsToAlarm must be from 1 to EvaluationPeriods.".to_owned());
        }
        let (max, days) = if period >= 3_600 {
            (LOOKS_BACK_SECONDS_MAX_OF_HOURS, "7 days")
        } else {
            (LOOKS_BACK_SECONDS_MAX, "a day")
        };
        if period * u64::from(self.evaluation_periods) > max {
            return refused(format!(
                "Metrics cannot be checked across more than {days} (EvaluationPeriods * Period must be <= {max})."
            ));
        }
        if self.threshold.is_nan() {
            return refused("Threshold must be a number.".to_owned());
        }
        Ok(())
    }

    /// M of "M out of N".
    pub(super) fn datapoints_needed(&self) -> usize {
        self.datapoints_to_alarm.unwrap_or(self.evaluation_periods) as usize
    }
}
