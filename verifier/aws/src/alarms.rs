//! CloudWatch: who watches a queue.

use aws_sdk_cloudwatch::types::{Dimension, MetricAlarm, MetricStat};
use verifier_core::check::AlarmEvidence;

use crate::error::failed;
use crate::{Aws, AwsError};

/// The IAM action.
const ACTION: &str = "cloudwatch:DescribeAlarmsForMetric";

impl Aws {
    /// Every alarm that is answered for that metric of a queue, with what it is on: not every endpoint keeps to the question.
    /// Composite ones and those on expressions are not found this way.
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

/// The metric of an alarm whose list holds nothing else.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html>.
fn only_metric(alarm: &MetricAlarm) -> Option<&MetricStat> {
    match alarm.metrics() {
        [only] if only.expression().is_none() => only.metric_stat(),
        _ => None,
    }
}

fn evidence(alarm: &MetricAlarm) -> AlarmEvidence {
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    let statistic = alarm.statistic().map(|statistic| statistic.as_str().to_owned());
    let dimension = |dimension: &Dimension| {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        (text(dimension.name()), text(dimension.value()))
    };
    // The same alarm may be written as a list of one metric.
    let listed = only_metric(alarm);
    let metric = listed.and_then(MetricStat::metric);
    let dimensions = metric.map_or_else(|| alarm.dimensions(), |metric| metric.dimensions());
    AlarmEvidence {
        name: alarm.alarm_name().unwrap_or_default().to_owned(),
        description: alarm.alarm_description().map(str::to_owned),
        namespace: metric
            .map_or_else(|| alarm.namespace(), |metric| metric.namespace())
            .unwrap_or_default()
            .to_owned(),
        metric: metric
            .map_or_else(|| alarm.metric_name(), |metric| metric.metric_name())
            .unwrap_or_default()
            .to_owned(),
        dimensions: dimensions.iter().map(dimension).collect(),
        is_expression: (!alarm.metrics().is_empty() && metric.is_none())
            || alarm.threshold_metric_id().is_some(),
        statistic: statistic
            .or_else(|| alarm.extended_statistic().map(str::to_owned))
            .or_else(|| listed.and_then(MetricStat::stat).map(str::to_owned))
            .unwrap_or_default(),
        comparison: alarm
            .comparison_operator()
            .map(|operator| operator.as_str().to_owned())
            .unwrap_or_default(),
        threshold: alarm.threshold(),
        period_seconds: number(alarm.period().or_else(|| listed.and_then(MetricStat::period)))
            .unwrap_or_default(),
        evaluation_periods: number(alarm.evaluation_periods()).unwrap_or_default(),
        datapoints_to_alarm: number(alarm.datapoints_to_alarm()),
        treat_missing_data: alarm.treat_missing_data().map(str::to_owned),
        unit: alarm.unit().map(|unit| unit.as_str().to_owned()),
        // CloudWatch always says; an endpoint that does not has the default.
        actions_enabled: alarm.actions_enabled().unwrap_or(true),
        alarm_actions: alarm.alarm_actions().to_vec(),
    }
}
