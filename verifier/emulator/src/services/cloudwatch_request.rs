//! CloudWatch: what requests hold.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use verifier_model::cloudwatch::{
    CloudWatchError, ComparisonOperator, Metric, MetricAlarm, Statistic, TreatMissingData,
};
use verifier_model::time::Timestamp;

/// The members of all operations' requests; each operation has some of them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Request {
    pub(super) alarm_name: Option<String>,
    pub(super) alarm_names: Option<Vec<String>>,
    pub(super) alarm_name_prefix: Option<String>,
    pub(super) alarm_types: Option<Vec<String>>,
    pub(super) action_prefix: Option<String>,
    pub(super) state_value: Option<String>,
    pub(super) state_reason: Option<String>,
    pub(super) max_records: Option<usize>,
    pub(super) next_token: Option<String>,
    pub(super) alarm_description: Option<String>,
    pub(super) actions_enabled: Option<bool>,
    #[serde(rename = "OKActions")]
    pub(super) ok_actions: Vec<String>,
    pub(super) alarm_actions: Vec<String>,
    pub(super) insufficient_data_actions: Vec<String>,
    pub(super) namespace: Option<String>,
    pub(super) metric_name: Option<String>,
    pub(super) dimensions: Vec<Dimension>,
    pub(super) statistic: Option<String>,
    pub(super) extended_statistic: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) period: Option<u32>,
    pub(super) evaluation_periods: Option<u32>,
    pub(super) datapoints_to_alarm: Option<u32>,
    pub(super) threshold: Option<f64>,
    pub(super) comparison_operator: Option<String>,
    pub(super) treat_missing_data: Option<String>,
    pub(super) metrics: Option<Value>,
    #[serde(rename = "ResourceARN")]
    pub(super) resource_arn: Option<String>,
    pub(super) tags: Vec<Tag>,
    pub(super) tag_keys: Vec<String>,
    pub(super) statistics: Vec<String>,
    pub(super) start_time: Option<f64>,
    pub(super) end_time: Option<f64>,
    pub(super) metric_data_queries: Vec<MetricDataQuery>,
    pub(super) scan_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Dimension {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// What an operation answers.
pub(super) type Answer = Result<Value, CloudWatchError>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MetricDataQuery {
    pub(super) id: String,
    pub(super) label: Option<String>,
    pub(super) metric_stat: Option<MetricStat>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MetricStat {
    pub(super) metric: MetricName,
    pub(super) period: u32,
    pub(super) stat: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MetricName {
    pub(super) namespace: String,
    pub(super) metric_name: String,
    #[serde(default)]
    pub(super) dimensions: Vec<Dimension>,
}

impl Request {
    pub(super) fn metric(&self) -> Result<Metric, CloudWatchError> {
        Ok(Metric {
            namespace: self.namespace.clone().ok_or(missing("Namespace"))?,
            name: self.metric_name.clone().ok_or(missing("MetricName"))?,
            dimensions: dimensions(&self.dimensions),
        })
    }

    pub(super) fn definition(self) -> Result<MetricAlarm, CloudWatchError> {
        if self.metrics.is_some() || self.extended_statistic.is_some() {
            return Err(CloudWatchError::Validation(
                "The emulator evaluates neither metric math nor percentiles.".to_owned(),
            ));
        }
        let treatment = self.treat_missing_data.as_deref();
        let treat_missing_data = treatment
            .map(|name| one_of("TreatMissingData", name, TreatMissingData::parse))
            .transpose()?;
        let statistic = self.statistic.as_deref().ok_or(missing("Statistic"))?;
        let comparison =
            self.comparison_operator.as_deref().ok_or(missing("ComparisonOperator"))?;
        Ok(MetricAlarm {
            metric: self.metric()?,
            name: self.alarm_name.ok_or(missing("AlarmName"))?,
            description: self.alarm_description,
            unit: self.unit,
            statistic: one_of("Statistic", statistic, Statistic::parse)?,
            period_seconds: self.period.ok_or(missing("Period"))?,
            evaluation_periods: self.evaluation_periods.ok_or(missing("EvaluationPeriods"))?,
            datapoints_to_alarm: self.datapoints_to_alarm,
            threshold: self.threshold.ok_or(missing("Threshold"))?,
            comparison: one_of("ComparisonOperator", comparison, ComparisonOperator::parse)?,
            treat_missing_data,
            actions_enabled: self.actions_enabled.unwrap_or(true),
            ok_actions: self.ok_actions,
            alarm_actions: self.alarm_actions,
            insufficient_data_actions: self.insufficient_data_actions,
        })
    }
}

pub(super) fn dimensions(dimensions: &[Dimension]) -> BTreeMap<String, String> {
    let pair = |dimension: &Dimension| (dimension.name.clone(), dimension.value.clone());
    dimensions.iter().map(pair).collect()
}

/// A time as AWS's JSON writes it.
pub(super) fn seconds(time: Timestamp) -> f64 {
    std::time::Duration::from_millis(time.as_millis()).as_secs_f64()
}

pub(super) fn missing(parameter: &'static str) -> CloudWatchError {
    CloudWatchError::MissingParameter(parameter)
}

/// The value of that name.
pub(super) fn one_of<T>(
    parameter: &str,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, CloudWatchError> {
    parse(name).ok_or_else(|| {
        CloudWatchError::Validation(format!("{name} is no {parameter} that the emulator knows."))
    })
}
