//! CloudWatch: who watches a queue.

use aws_sdk_cloudwatch::types::{Dimension, MetricAlarm};
use verifier_core::check::AlarmEvidence;

use crate::error::failed;
use crate::{Aws, AwsError};

/// The IAM action.
const ACTION: &str = "cloudwatch:DescribeAlarmsForMetric";

impl Aws {
    /// Every alarm on that metric of a queue. Composite ones and those on expressions are not found this way.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmsForMetric.html>.
    pub async fn alarms_on_queue(
        &self,
        queue: &str,
        metric: &str,
    ) -> Result<Vec<AlarmEvidence>, AwsError> {
        let answer = self
            .cloudwatch
            .describe_alarms_for_metric()
            .namespace("AWS/SQS")
            .metric_name(metric)
            .dimensions(Dimension::builder().name("QueueName").value(queue).build())
            .send()
            .await
            .map_err(|error| failed(ACTION, queue, &error))?;
        Ok(answer.metric_alarms().iter().map(evidence).collect())
    }
}

fn evidence(alarm: &MetricAlarm) -> AlarmEvidence {
    AlarmEvidence {
        name: alarm.alarm_name().unwrap_or_default().to_owned(),
        description: alarm.alarm_description().map(str::to_owned),
        metric: alarm.metric_name().unwrap_or_default().to_owned(),
        comparison: alarm
            .comparison_operator()
            .map(|operator| operator.as_str().to_owned())
            .unwrap_or_default(),
        threshold: alarm.threshold(),
    }
}
