//! CloudWatch: what the metrics of queues and functions were.

use serde_json::{Value, json};
use verifier_model::cloudwatch::{CloudWatchError, Datapoint, Metric, Statistic};
use verifier_model::time::Timestamp;

use super::cloudwatch_request::{Answer, Request, dimensions, missing, one_of, seconds};

/// The most datapoints in an answer of `GetMetricStatistics`.
const DATAPOINTS_MAX: u64 = 1_440;

type Lookup<'a> = &'a dyn Fn(&Metric, Timestamp, Timestamp) -> Option<Datapoint>;

/// The periods that a request asks for, each with its end. What lies in the future is not known yet.
struct Periods {
    start: u64,
    end: u64,
    millis: u64,
}

impl Periods {
    fn of(request: &Request, period_seconds: u32, now: Timestamp) -> Result<Self, CloudWatchError> {
        let start = millis(request.start_time.ok_or(missing("StartTime"))?);
        let end = millis(request.end_time.ok_or(missing("EndTime"))?);
        if start >= end {
            return Err(CloudWatchError::Validation(
                "The parameter StartTime must be less than the parameter EndTime.".to_owned(),
            ));
        }
        if period_seconds == 0 {
            return Err(CloudWatchError::Validation("Period must be greater than 0.".to_owned()));
        }
        // AWS begins with a whole minute.
        let millis = u64::from(period_seconds) * 1_000;
        let start = start - start % 60_000;
        if (end - start).div_ceil(millis) > DATAPOINTS_MAX {
            return Err(CloudWatchError::InvalidParameterCombination(format!(
                "You have requested more than {DATAPOINTS_MAX} datapoints, which is the limit. Reduce the number by increasing Period, or by decreasing the time range."
            )));
        }
        Ok(Self { start, end: end.min(now.as_millis() + 1), millis })
    }

    fn datapoints(&self, metric: &Metric, lookup: Lookup<'_>) -> Vec<(Timestamp, Datapoint)> {
        let mut datapoints = Vec::new();
        let mut from = self.start;
        while from < self.end {
            let to = (from + self.millis).min(self.end);
            let start = Timestamp::from_millis(from);
            let found = lookup(metric, start, Timestamp::from_millis(to));
            datapoints.extend(found.map(|datapoint| (start, datapoint)));
            from += self.millis;
        }
        datapoints
    }
}

/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html>.
pub(super) fn get_metric_statistics(
    request: &Request,
    now: Timestamp,
    lookup: Lookup<'_>,
) -> Answer {
    let metric = request.metric()?;
    let statistics = request.statistics.iter();
    let statistics: Vec<Statistic> = statistics
        .map(|name| one_of("Statistic", name, Statistic::parse))
        .collect::<Result<_, _>>()?;
    if statistics.is_empty() {
        return Err(missing("Statistics"));
    }
    let periods = Periods::of(request, request.period.ok_or(missing("Period"))?, now)?;
    let unit = if metric.name.contains("Age") { "Seconds" } else { "Count" };
    let shown = |(start, datapoint): (Timestamp, Datapoint)| {
        let mut shown = json!({"Timestamp": seconds(start), "Unit": unit});
        for statistic in &statistics {
            shown[statistic.as_str()] = datapoint.value(*statistic).into();
        }
        shown
    };
    let datapoints = periods.datapoints(&metric, lookup).into_iter().map(shown);
    let datapoints: Vec<Value> = datapoints.collect();
    Ok(json!({"Label": metric.name, "Datapoints": datapoints}))
}

/// How many metrics a request may ask for.
const QUERIES_MAX: usize = 500;

/// Every datapoint in one page. Expressions are refused.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>.
pub(super) fn get_metric_data(request: &Request, now: Timestamp, lookup: Lookup<'_>) -> Answer {
    if request.metric_data_queries.len() > QUERIES_MAX {
        return Err(CloudWatchError::Validation(format!(
            "The collection MetricDataQueries must not have a size greater than {QUERIES_MAX}."
        )));
    }
    let mut results = Vec::new();
    for query in &request.metric_data_queries {
        let Some(stat) = &query.metric_stat else {
            return Err(CloudWatchError::Validation(format!(
                "The query {} is an expression, and the emulator evaluates none.",
                query.id
            )));
        };
        let metric = Metric {
            namespace: stat.metric.namespace.clone(),
            name: stat.metric.metric_name.clone(),
            dimensions: dimensions(&stat.metric.dimensions),
        };
        let statistic = one_of("Stat", &stat.stat, Statistic::parse)?;
        let mut found = Periods::of(request, stat.period, now)?.datapoints(&metric, lookup);
        if request.scan_by.as_deref() != Some("TimestampAscending") {
            found.reverse();
        }
        let values = found.iter().map(|(_, datapoint)| datapoint.value(statistic));
        results.push(json!({
            "Id": query.id,
            "Label": query.label.as_deref().unwrap_or(&metric.name),
            "Timestamps": found.iter().map(|(start, _)| seconds(*start)).collect::<Vec<_>>(),
            "Values": values.collect::<Vec<_>>(),
            "StatusCode": "Complete",
        }));
    }
    Ok(json!({"MetricDataResults": results, "Messages": []}))
}

/// The nearest millisecond: the number nearest to one may lie a hair below it.
fn millis(seconds: f64) -> u64 {
    let duration = std::time::Duration::try_from_secs_f64(seconds + 0.0005).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
