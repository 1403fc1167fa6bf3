//! What a metric is, and what is known of it for a period.

use std::collections::BTreeMap;

/// Names a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// For example `AWS/SQS`.
    pub namespace: String,
    /// For example `ApproximateNumberOfMessagesVisible`.
    pub name: String,
    /// For example `QueueName` and the queue's name.
    pub dimensions: BTreeMap<String, String>,
}

impl Metric {
    /// The value of the metric's dimension, if it has this one only.
    pub fn only_dimension(&self, name: &str) -> Option<&str> {
        let mut dimensions = self.dimensions.iter();
        match (dimensions.next(), dimensions.next()) {
            (Some((key, value)), None) if key == name => Some(value),
            _ => None,
        }
    }
}

/// How the samples of a period become one value.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// How many samples there are.
    SampleCount,
    /// Their sum by their number.
    Average,
    /// Their sum.
    Sum,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
}

impl Statistic {
    /// Every statistic.
    pub const ALL: [Self; 5] =
        [Self::SampleCount, Self::Average, Self::Sum, Self::Minimum, Self::Maximum];

    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SampleCount => "SampleCount",
            Self::Average => "Average",
            Self::Sum => "Sum",
            Self::Minimum => "Minimum",
            Self::Maximum => "Maximum",
        }
    }

    /// The statistic of that name. Percentiles are not supported.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|statistic| statistic.as_str() == name)
    }
}

/// The samples of a metric in a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Datapoint {
    /// How many there are; more than 0.
    pub sample_count: f64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub minimum: f64,
    /// The largest.
    pub maximum: f64,
}

impl Datapoint {
    /// The value of a statistic.
    pub fn value(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::SampleCount => self.sample_count,
            Statistic::Average => self.sum / self.sample_count,
            Statistic::Sum => self.sum,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
        }
    }
}
