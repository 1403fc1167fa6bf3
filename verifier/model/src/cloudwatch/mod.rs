//! The model of Amazon CloudWatch: metrics of queues and functions, and metric alarms on them.
//!
//! [`Alarms`] holds the alarms of one account and region, [`QueueMetrics`] and [`Counter`] what their metrics were. All
//! are pure: the time enters as an argument. An alarm's state is a function of its metric's history, so it does not
//! matter when somebody asks for it.

mod alarm;
mod alarms;
mod error;
mod evaluation;
mod metric;
mod queue_metrics;
mod series;

pub use alarm::{AlarmState, ComparisonOperator, MetricAlarm, TreatMissingData};
pub use alarms::{Alarm, Alarms, DescribeAlarms};
pub use error::CloudWatchError;
pub use evaluation::{Outcome, Point, evaluate, evaluation_range};
pub use metric::{Datapoint, Metric, Statistic};
pub use queue_metrics::QueueMetrics;
pub use series::{Counter, Gauge, Level};
