//! CloudWatch: alarms on the stack's queues and functions.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/>.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use verifier_model::cloudwatch::{
    Alarm, AlarmState, Alarms, CloudWatchError, Datapoint, DescribeAlarms, Metric, QueueMetrics,
    TreatMissingData,
};
use verifier_model::time::Timestamp;

use super::cloudwatch_metrics::{get_metric_data, get_metric_statistics};
use super::cloudwatch_request::{Answer, Request, missing, one_of, seconds};
use super::cloudwatch_wire::{self as wire, Protocol};
use crate::lambda::Functions;
use crate::queues::Queues;
use crate::reply::Reply;

/// The service.
pub(crate) struct CloudWatchService {
    pub(crate) alarms: Arc<Mutex<Alarms>>,
    pub(crate) sqs: Arc<Queues>,
    pub(crate) functions: Arc<Functions>,
}

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
    let tags: BTreeMap<String, String> = tags.collect();
    is_at_most("tags", tags.len(), TAGS_MAX)?;
    let description = request.alarm_description.as_ref().map_or(0, String::len);
    is_at_most("alarmDescription", description, DESCRIPTION_MAX)?;
    alarms.put(request.definition()?, tags, now)?;
    Ok(json!({}))
}

fn set_alarm_state(alarms: &mut Alarms, request: Request, now: Timestamp) -> Answer {
    let name = request.alarm_name.ok_or(missing("AlarmName"))?;
    let state = request.state_value.ok_or(missing("StateValue"))?;
    let state = one_of("StateValue", &state, AlarmState::parse)?;
    let reason = request.state_reason.ok_or(missing("StateReason"))?;
    is_at_most("stateReason", reason.len(), REASON_MAX)?;
    alarms.set_state(&name, state, reason, now)?;
    Ok(json!({}))
}

fn tags(alarms: &mut Alarms, request: Request, list: bool) -> Answer {
    let tags = alarms.tags_mut(&request.resource_arn.ok_or(missing("ResourceARN"))?)?;
    if list {
        let shown = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
        return Ok(json!({"Tags": shown.collect::<Vec<_>>()}));
    }
    for key in &request.tag_keys {
        tags.remove(key);
    }
    let new: BTreeMap<String, String> =
        request.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    let added = new.keys().filter(|key| !tags.contains_key(*key)).count();
    is_at_most("tags", tags.len() + added, TAGS_MAX)?;
    tags.extend(new);
    Ok(json!({}))
}

/// How many tags an alarm may have.
const TAGS_MAX: usize = 50;
/// How long its description may be, in bytes, and the reason of a state that is set.
const DESCRIPTION_MAX: usize = 1024;
const REASON_MAX: usize = 1023;

fn is_at_most(name: &str, length: usize, most: usize) -> Result<(), CloudWatchError> {
    if length <= most {
        return Ok(());
    }
    Err(CloudWatchError::Validation(format!(
        "1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must have length less than or equal to {most}"
    )))
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
