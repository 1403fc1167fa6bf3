//! CloudWatch Logs: finding log groups and the events in them.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/>.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use verifier_core::logs::FilterPattern;
use verifier_core::time::Timestamp;

use crate::logs::{EventQuery, LogStore};
use crate::reply::Reply;
use crate::reply::aws_json::{error, success};
use crate::template::{ACCOUNT_ID, PARTITION};

/// The prefix of `X-Amz-Target` that marks CloudWatch Logs.
pub(crate) const TARGET: &str = "Logs_20140328.";
const JSON: &str = "1.1";
/// The most events in a page of `FilterLogEvents`.
const EVENTS_MAX: usize = 10_000;
/// The most groups in a page of `DescribeLogGroups`.
const GROUPS_MAX: usize = 50;

/// The service.
pub(crate) struct LogsService {
    pub(crate) store: Arc<LogStore>,
    pub(crate) region: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct FilterLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<u64>,
    end_time: Option<u64>,
    filter_pattern: String,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct DescribeLogGroups {
    log_group_name_prefix: String,
    log_group_name_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

impl LogsService {
    pub(crate) fn handle(&self, action: &str, body: &[u8]) -> Reply {
        match action {
            "FilterLogEvents" => parsed(body, |request| self.filter_log_events(request)),
            "DescribeLogGroups" => parsed(body, |request| self.describe_log_groups(request)),
            other => error(
                JSON,
                400,
                "UnknownOperationException",
                &format!("{other} is not implemented by the emulator"),
            ),
        }
    }

    fn filter_log_events(&self, request: FilterLogEvents) -> Reply {
        let group = request.log_group_name.or_else(|| {
            // An ARN, with or without the trailing `:*`.
            let identifier = request.log_group_identifier?;
            let name = identifier.rsplit("log-group:").next()?;
            Some(name.trim_end_matches(":*").to_owned())
        });
        let Some(group) = group else {
            return invalid("Either logGroupName or logGroupIdentifier is required");
        };
        let pattern = match FilterPattern::parse(&request.filter_pattern) {
            Ok(pattern) => pattern,
            Err(problem) => return invalid(&problem.to_string()),
        };
        let skip = match request.next_token.map(|token| token.parse()) {
            None => 0,
            Some(Ok(skip)) => skip,
            Some(Err(_)) => return invalid("The specified nextToken is invalid."),
        };
        let limit = request.limit.unwrap_or(EVENTS_MAX);
        if !(1..=EVENTS_MAX).contains(&limit) {
            return invalid(&format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value between 1 and {EVENTS_MAX}"
            ));
        }
        let streams = |stream: &str| {
            let named = request.log_stream_names.as_ref();
            let prefix = request.log_stream_name_prefix.as_ref();
            named.is_none_or(|names| names.iter().any(|name| name == stream))
                && prefix.is_none_or(|prefix| stream.starts_with(prefix))
        };
        let query = EventQuery {
            pattern: &pattern,
            streams: &streams,
            from: request.start_time.map(Timestamp::from_millis),
            to: request.end_time.map(Timestamp::from_millis),
            skip,
            limit,
        };
        let Some((events, next)) = self.store.events(&group, &query) else {
            return error(
                JSON,
                400,
                "ResourceNotFoundException",
                "The specified log group does not exist.",
            );
        };
        let events: Vec<Value> = events
            .into_iter()
            .map(|event| {
                json!({
                    "logStreamName": event.stream,
                    "timestamp": event.timestamp,
                    "ingestionTime": event.timestamp,
                    "message": event.message,
                    "eventId": format!("{:056}", event.number),
                })
            })
            .collect();
        let mut body = json!({"events": events, "searchedLogStreams": []});
        if let Some(next) = next {
            body["nextToken"] = next.to_string().into();
        }
        success(JSON, &body)
    }

    fn describe_log_groups(&self, request: DescribeLogGroups) -> Reply {
        let start: usize = match request.next_token.map(|token| token.parse()) {
            None => 0,
            Some(Ok(start)) => start,
            Some(Err(_)) => return invalid("The specified nextToken is invalid."),
        };
        let limit = request.limit.unwrap_or(GROUPS_MAX).clamp(1, GROUPS_MAX);
        let groups: Vec<_> = self
            .store
            .groups(&request.log_group_name_prefix)
            .into_iter()
            .filter(|(name, ..)| {
                request.log_group_name_pattern.as_ref().is_none_or(|pattern| name.contains(pattern))
            })
            .collect();
        let page: Vec<Value> = groups
            .iter()
            .skip(start)
            .take(limit)
            .map(|(name, created_at, bytes)| {
                let arn =
                    format!("arn:{PARTITION}:logs:{}:{ACCOUNT_ID}:log-group:{name}", self.region);
                json!({
                    "logGroupName": name,
                    "creationTime": created_at,
                    "metricFilterCount": 0,
                    "arn": format!("{arn}:*"),
                    "logGroupArn": arn,
                    "storedBytes": bytes,
                    "logGroupClass": "STANDARD",
                })
            })
            .collect();
        let mut body = json!({"logGroups": page});
        if start + limit < groups.len() {
            body["nextToken"] = (start + limit).to_string().into();
        }
        success(JSON, &body)
    }
}

fn parsed<T: for<'de> Deserialize<'de>>(body: &[u8], then: impl FnOnce(T) -> Reply) -> Reply {
    match serde_json::from_slice(body) {
        Ok(request) => then(request),
        Err(problem) => error(JSON, 400, "SerializationException", &problem.to_string()),
    }
}

fn invalid(message: &str) -> Reply {
    error(JSON, 400, "InvalidParameterException", message)
}
