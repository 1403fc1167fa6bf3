//! CloudWatch: alarms on the stack's queues and functions.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/>.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use verifier_model::cloudwatch::{
    Alarm, AlarmState, Alarms, CloudWatchError, ComparisonOperator, Datapoint, DescribeAlarms,
    Metric, MetricAlarm, QueueMetrics, Statistic, TreatMissingData,
};
use verifier_model::time::Timestamp;

use super::cloudwatch_metrics::{MetricDataQuery, get_metric_data, get_metric_statistics};
use super::cloudwatch_wire::{self as wire, Protocol};
use super::sqs::SqsService;
use crate::lambda::Functions;
use crate::reply::Reply;

/// The service.
pub(crate) struct CloudWatchService {
    pub(crate) alarms: Arc<Mutex<Alarms>>,
    pub(crate) sqs: Arc<SqsService>,
    pub(crate) functions: Arc<Functions>,
}

/// The members of all operations' requests; each operation has some of them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Request {
    alarm_name: Option<String>,
    alarm_names: Option<Vec<String>>,
    alarm_name_prefix: Option<String>,
    alarm_types: Option<Vec<String>>,
    action_prefix: Option<String>,
    state_value: Option<String>,
    state_reason: Option<String>,
    max_records: Option<usize>,
    next_token: Option<String>,
    alarm_description: Option<String>,
    actions_enabled: Option<bool>,
    #[serde(rename = "OKActions")]
    ok_actions: Vec<String>,
    alarm_actions: Vec<String>,
    insufficient_data_actions: Vec<String>,
    namespace: Option<String>,
    metric_name: Option<String>,
    dimensions: Vec<Dimension>,
    statistic: Option<String>,
    extended_statistic: Option<String>,
    unit: Option<String>,
    pub(super) period: Option<u32>,
    evaluation_periods: Option<u32>,
    datapoints_to_alarm: Option<u32>,
    threshold: Option<f64>,
    comparison_operator: Option<String>,
    treat_missing_data: Option<String>,
    metrics: Option<Value>,
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<String>,
    tags: Vec<Tag>,
    tag_keys: Vec<String>,
    pub(super) statistics: Vec<String>,
    pub(super) start_time: Option<f64>,
    pub(super) end_time: Option<f64>,
    pub(super) metric_data_queries: Vec<MetricDataQuery>,
    pub(super) scan_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Dimension {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

pub(super) type Answer = Result<Value, CloudWatchError>;

impl CloudWatchService {
    pub(crate) fn handle(&self, action: &str, protocol: Protocol, body: &[u8]) -> Reply {
        let request = wire::decode(protocol, body)
            .and_then(|body| serde_json::from_value(body).map_err(|problem| problem.to_string()));
        let request: Request = match request {
            Ok(request) => request,
            Err(problem) => return wire::error(protocol, 400, "SerializationException", &problem),
        };
        match self.answer(action, request) {
            Some(Ok(body)) => wire::success(protocol, &body),
            Some(Err(refusal)) => wire::refusal(protocol, &refusal),
            None => wire::error(
                protocol,
                400,
                "UnknownOperationException",
                &format!("{action} is not implemented by the emulator"),
            ),
        }
    }

    fn answer(&self, action: &str, request: Request) -> Option<Answer> {
        let alarms = &mut *self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        self.sqs.metrics(|queues, now| {
            let datapoint = |metric: &Metric, from: Timestamp, to: Timestamp| {
                self.datapoint(queues, metric, from, to)
            };
            alarms.advance(now, &datapoint);
            Some(match action {
                "DescribeAlarms" => describe_alarms(alarms, &request),
                "DescribeAlarmsForMetric" => describe_alarms_for_metric(alarms, &request),
                "PutMetricAlarm" => put_metric_alarm(alarms, request, now),
                "DeleteAlarms" => {
                    let names = request.alarm_names.ok_or(missing("AlarmNames"));
                    names.and_then(|names| alarms.delete(&names)).map(|()| json!({}))
                }
                "SetAlarmState" => set_alarm_state(alarms, request, now),
                "ListTagsForResource" | "TagResource" | "UntagResource" => {
                    tags(alarms, request, action == "ListTagsForResource")
                }
                "GetMetricStatistics" => get_metric_statistics(&request, now, &datapoint),
                "GetMetricData" => get_metric_data(&request, now, &datapoint),
                _ => return None,
            })
        })
    }

    /// What a metric was in a period. Of a metric that the emulator does not have, nothing is known, as on AWS of one
    /// that nobody reports.
    fn datapoint(
        &self,
        queues: &QueueMetrics,
        metric: &Metric,
        from: Timestamp,
        to: Timestamp,
    ) -> Option<Datapoint> {
        let of_queue = queues.datapoint(metric, from, to);
        of_queue.or_else(|| self.functions.metrics.datapoint(metric, from, to))
    }
}

impl Request {
    pub(super) fn metric(&self) -> Result<Metric, CloudWatchError> {
        Ok(Metric {
            namespace: self.namespace.clone().ok_or(missing("Namespace"))?,
            name: self.metric_name.clone().ok_or(missing("MetricName"))?,
            dimensions: dimensions(&self.dimensions),
        })
    }

    fn definition(self) -> Result<MetricAlarm, CloudWatchError> {
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

fn describe_alarms(alarms: &Alarms, request: &Request) -> Answer {
    let state = request.state_value.as_deref();
    let state = state.map(|name| one_of("StateValue", name, AlarmState::parse)).transpose()?;
    // There are no composite alarms here. Without a type, only metric alarms are meant.
    let metric_alarms =
        request.alarm_types.as_ref().is_none_or(|types| types.iter().any(|t| t == "MetricAlarm"));
    let page = alarms.describe(&DescribeAlarms {
        names: request.alarm_names.as_deref(),
        name_prefix: request.alarm_name_prefix.as_deref(),
        action_prefix: request.action_prefix.as_deref(),
        state,
        next_token: request.next_token.as_deref(),
        max_records: request.max_records,
    })?;
    if !metric_alarms {
        return Ok(json!({"MetricAlarms": [], "CompositeAlarms": []}));
    }
    let shown: Vec<Value> = page.items.into_iter().map(shown_alarm).collect();
    let mut answer = json!({"MetricAlarms": shown, "CompositeAlarms": []});
    if let Some(token) = page.next_token {
        answer["NextToken"] = token.into();
    }
    Ok(answer)
}

fn describe_alarms_for_metric(alarms: &Alarms, request: &Request) -> Answer {
    let metric = request.metric()?;
    let wanted = |alarm: &&Alarm| {
        let definition = &alarm.definition;
        let statistic = definition.statistic.as_str();
        request.statistic.as_deref().is_none_or(|wanted| wanted == statistic)
            && request.period.is_none_or(|period| period == definition.period_seconds)
            && (request.unit.is_none() || request.unit == definition.unit)
    };
    let shown: Vec<Value> = alarms.for_metric(&metric).filter(wanted).map(shown_alarm).collect();
    Ok(json!({"MetricAlarms": shown}))
}

fn put_metric_alarm(alarms: &mut Alarms, mut request: Request, now: Timestamp) -> Answer {
    let tags = std::mem::take(&mut request.tags).into_iter().map(|tag| (tag.key, tag.value));
    let tags = tags.collect();
    alarms.put(request.definition()?, tags, now)?;
    Ok(json!({}))
}

fn set_alarm_state(alarms: &mut Alarms, request: Request, now: Timestamp) -> Answer {
    let name = request.alarm_name.ok_or(missing("AlarmName"))?;
    let state = request.state_value.ok_or(missing("StateValue"))?;
    let state = one_of("StateValue", &state, AlarmState::parse)?;
    let reason = request.state_reason.ok_or(missing("StateReason"))?;
    alarms.set_state(&name, state, reason, now)?;
    Ok(json!({}))
}

fn tags(alarms: &mut Alarms, request: Request, list: bool) -> Answer {
    let tags = alarms.tags_mut(&request.resource_arn.ok_or(missing("ResourceARN"))?)?;
    if list {
        let shown = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
        return Ok(json!({"Tags": shown.collect::<Vec<_>>()}));
    }
    tags.retain(|key, _| !request.tag_keys.contains(key));
    tags.extend(request.tags.into_iter().map(|tag| (tag.key, tag.value)));
    Ok(json!({}))
}

fn shown_alarm(alarm: &Alarm) -> Value {
    let definition = &alarm.definition;
    let dimensions = definition.metric.dimensions.iter();
    let dimensions = dimensions.map(|(name, value)| json!({"Name": name, "Value": value}));
    let mut shown = json!({
        "AlarmName": definition.name,
        "AlarmArn": alarm.arn,
        "AlarmConfigurationUpdatedTimestamp": seconds(alarm.configured_at),
        "ActionsEnabled": definition.actions_enabled,
        "OKActions": definition.ok_actions,
        "AlarmActions": definition.alarm_actions,
        "InsufficientDataActions": definition.insufficient_data_actions,
        "StateValue": alarm.state.as_str(),
        "StateReason": alarm.state_reason,
        "StateUpdatedTimestamp": seconds(alarm.state_updated_at),
        "StateTransitionedTimestamp": seconds(alarm.state_transitioned_at),
        "MetricName": definition.metric.name,
        "Namespace": definition.metric.namespace,
        "Statistic": definition.statistic.as_str(),
        "Dimensions": dimensions.collect::<Vec<_>>(),
        "Period": definition.period_seconds,
        "EvaluationPeriods": definition.evaluation_periods,
        "Threshold": definition.threshold,
        "ComparisonOperator": definition.comparison.as_str(),
    });
    let treatment = definition.treat_missing_data.map(TreatMissingData::as_str);
    let optional = [
        ("AlarmDescription", definition.description.clone().map(Value::from)),
        ("Unit", definition.unit.clone().map(Value::from)),
        ("DatapointsToAlarm", definition.datapoints_to_alarm.map(Value::from)),
        ("TreatMissingData", treatment.map(Value::from)),
    ];
    let present = optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    if let Value::Object(members) = &mut shown {
        members.extend(present.collect::<Map<_, _>>());
    }
    shown
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
