//! CloudWatch: how old a queue's oldest message is.

use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Datapoint, Dimension, Statistic};
use verifier_model::time::Timestamp;

use crate::error::failed;
use crate::{Aws, AwsError};

/// The IAM action.
const ACTION: &str = "cloudwatch:GetMetricStatistics";
/// How far back a datapoint is looked for. SQS writes one a minute, some minutes late.
const BACK: Duration = Duration::from_mins(15);
/// What a datapoint is of, in seconds.
const PERIOD_SECONDS: i32 = 60;

impl Aws {
    /// How long the oldest message has been in a queue, by the last datapoint of CloudWatch; `None` where there is none, as of a
    /// queue that is empty, or that has not been used for six hours. In a dead-letter queue it counts from when the message
    /// came there.
    ///
    /// Source: `ApproximateAgeOfOldestMessage` in
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>.
    pub async fn oldest_age(
        &self,
        queue: &str,
        now: Timestamp,
    ) -> Result<Option<Duration>, AwsError> {
        let at = |time: Timestamp| {
            DateTime::from_millis(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
        };
        let answer = self
            .cloudwatch
            .get_metric_statistics()
            .namespace("AWS/SQS")
            .metric_name("ApproximateAgeOfOldestMessage")
            .dimensions(Dimension::builder().name("QueueName").value(queue).build())
            .start_time(at(now - BACK))
            .end_time(at(now))
            .period(PERIOD_SECONDS)
            .statistics(Statistic::Maximum)
            .send()
            .await
            .map_err(|error| failed(ACTION, queue, &error))?;
        Ok(last_maximum(answer.datapoints()))
    }
}

/// The value of the last datapoint, in seconds. They come in no order.
fn last_maximum(datapoints: &[Datapoint]) -> Option<Duration> {
    let last = datapoints.iter().max_by_key(|point| point.timestamp().map(DateTime::secs))?;
    Duration::try_from_secs_f64(last.maximum()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_datapoint_counts_wherever_it_stands() {
        let point = |minute: i64, age: f64| {
            Datapoint::builder().timestamp(DateTime::from_secs(minute * 60)).maximum(age).build()
        };
        let points = [point(2, 120.0), point(3, 180.0), point(1, 600.0)];
        assert_eq!(last_maximum(&points), Some(Duration::from_mins(3)));
        assert_eq!(last_maximum(&[]), None);
        // A number that is no time is none.
        assert_eq!(last_maximum(&[point(1, -1.0)]), None);
    }
}
