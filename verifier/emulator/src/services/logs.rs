//! CloudWatch Logs over its JSON protocol.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/>.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use verifier_model::logs::{
    DescribeLogGroups, DescribeLogStreams, FilterLogEvents, FilterPattern, GetLogEvents,
    InputLogEvent, LogEvent, LogGroupSummary, LogGroups, LogStreamSummary, LogsError, StreamOrder,
};
use verifier_model::time::Timestamp;

use crate::logs::LogStore;
use crate::reply::Reply;
use crate::reply::aws_json::{error, success};
use crate::template::{ACCOUNT_ID, PARTITION};

/// The prefix of `X-Amz-Target` that marks CloudWatch Logs.
pub(crate) const TARGET: &str = "Logs_20140328.";
const JSON: &str = "1.1";

/// The service.
pub(crate) struct LogsService {
    pub(crate) store: Arc<LogStore>,
    pub(crate) region: String,
}

/// The members of all operations' requests; each operation has some of them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    retention_in_days: Option<u32>,
    log_stream_name: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: bool,
    log_events: Vec<Event>,
    start_time: Option<u64>,
    end_time: Option<u64>,
    start_from_head: bool,
    filter_pattern: String,
    next_token: Option<String>,
    limit: Option<usize>,
    resource_arn: Option<String>,
    tags: BTreeMap<String, String>,
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
struct Event {
    timestamp: u64,
    message: String,
}

type Answer = Result<Value, LogsError>;

impl Request {
    /// The group, by its name or by its ARN with or without the trailing `:*`.
    fn group(&self) -> Result<&str, LogsError> {
        let name = self.log_group_name.as_deref();
        let identifier = || self.log_group_identifier.as_deref().map(name_in_arn);
        name.or_else(identifier).ok_or_else(|| missing("logGroupName"))
    }

    fn stream(&self) -> Result<&str, LogsError> {
        self.log_stream_name.as_deref().ok_or_else(|| missing("logStreamName"))
    }

    fn tagged_group(&self) -> Result<&str, LogsError> {
        self.resource_arn.as_deref().map(name_in_arn).ok_or_else(|| missing("resourceArn"))
    }

    fn start(&self) -> Option<Timestamp> {
        self.start_time.map(Timestamp::from_millis)
    }

    fn end(&self) -> Option<Timestamp> {
        self.end_time.map(Timestamp::from_millis)
    }
}

impl LogsService {
    /// Answers a request at stack time `now`.
    pub(crate) fn handle(&self, action: &str, body: &[u8], now: Timestamp) -> Reply {
        let request: Request = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(problem) => {
                return error(JSON, 400, "SerializationException", &problem.to_string());
            }
        };
        match self.answer(action, request, now) {
            Some(Ok(body)) => success(JSON, &body),
            Some(Err(refusal)) => error(JSON, 400, refusal.code(), &refusal.to_string()),
            None => error(
                JSON,
                400,
                "UnknownOperationException",
                &format!("{action} is not implemented by the emulator"),
            ),
        }
    }

    fn answer(&self, action: &str, request: Request, now: Timestamp) -> Option<Answer> {
        let groups = &mut *self.store.lock();
        Some(match action {
            "CreateLogGroup" => create_log_group(groups, request, now),
            "DeleteLogGroup" => done(request.group().and_then(|group| groups.delete_group(group))),
            "DescribeLogGroups" => self.describe_log_groups(groups, &request),
            "PutRetentionPolicy" => put_retention_policy(groups, &request),
            "DeleteRetentionPolicy" => {
                done(request.group().and_then(|group| groups.set_retention(group, None)))
            }
            "CreateLogStream" => create_log_stream(groups, &request, now),
            "DeleteLogStream" => delete_log_stream(groups, &request),
            "DescribeLogStreams" => self.describe_log_streams(groups, &request, now),
            "PutLogEvents" => put_log_events(groups, request, now),
            "GetLogEvents" => get_log_events(groups, &request, now),
            "FilterLogEvents" => filter_log_events(groups, &request, now),
            "TagResource" | "UntagResource" => change_tags(groups, request),
            "ListTagsForResource" => {
                let tags = request.tagged_group().and_then(|group| groups.tags(group));
                tags.map(|tags| json!({"tags": tags}))
            }
            _ => return None,
        })
    }

    fn arn(&self, group: &str) -> String {
        format!("arn:{PARTITION}:logs:{}:{ACCOUNT_ID}:log-group:{group}", self.region)
    }

    fn describe_log_groups(&self, groups: &LogGroups, request: &Request) -> Answer {
        let page = groups.describe_groups(&DescribeLogGroups {
            name_prefix: request.log_group_name_prefix.as_deref(),
            name_pattern: request.log_group_name_pattern.as_deref(),
            next_token: request.next_token.as_deref(),
            limit: request.limit,
        })?;
        let shown: Vec<Value> = page.items.iter().map(|group| self.shown_group(group)).collect();
        Ok(with_token(json!({"logGroups": shown}), page.next_token))
    }

    fn shown_group(&self, group: &LogGroupSummary) -> Value {
        let arn = self.arn(&group.name);
        let mut shown = json!({
            "logGroupName": group.name,
            "creationTime": group.created_at,
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "logGroupArn": arn,
            "storedBytes": group.stored_bytes,
            "logGroupClass": "STANDARD",
        });
        if let Some(days) = group.retention_days {
            shown["retentionInDays"] = days.into();
        }
        shown
    }

    fn describe_log_streams(
        &self,
        groups: &LogGroups,
        request: &Request,
        now: Timestamp,
    ) -> Answer {
        let group = request.group()?;
        let order = match request.order_by.as_deref() {
            None | Some("LogStreamName") => StreamOrder::Name,
            Some("LastEventTime") => StreamOrder::LastEventTime,
            Some(other) => {
                return Err(LogsError::InvalidParameter(format!(
                    "1 validation error detected: Value '{other}' at 'orderBy' failed to satisfy constraint: Member must satisfy enum value set: [LogStreamName, LastEventTime]"
                )));
            }
        };
        let describe = DescribeLogStreams {
            name_prefix: request.log_stream_name_prefix.as_deref(),
            order,
            descending: request.descending,
            next_token: request.next_token.as_deref(),
            limit: request.limit,
        };
        let page = groups.describe_streams(group, &describe, now)?;
        let arn = self.arn(group);
        let shown: Vec<Value> =
            page.items.iter().map(|stream| shown_stream(stream, &arn)).collect();
        Ok(with_token(json!({"logStreams": shown}), page.next_token))
    }
}

fn shown_stream(stream: &LogStreamSummary, group_arn: &str) -> Value {
    let mut shown = json!({
        "logStreamName": stream.name,
        "creationTime": stream.created_at,
        "arn": format!("{group_arn}:log-stream:{}", stream.name),
        // AWS has shown nothing else since 2019.
        "storedBytes": 0,
    });
    let times = [
        ("firstEventTimestamp", stream.first_event_at),
        ("lastEventTimestamp", stream.last_event_at),
        ("lastIngestionTime", stream.last_ingestion_at),
    ];
    for (member, time) in times {
        if let Some(time) = time {
            shown[member] = time.as_millis().into();
        }
    }
    shown
}

fn create_log_group(groups: &mut LogGroups, request: Request, now: Timestamp) -> Answer {
    let name = request.group()?.to_owned();
    done(groups.create_group(&name, request.tags, now))
}

fn put_retention_policy(groups: &mut LogGroups, request: &Request) -> Answer {
    let days = request.retention_in_days.ok_or_else(|| missing("retentionInDays"))?;
    done(groups.set_retention(request.group()?, Some(days)))
}

fn create_log_stream(groups: &mut LogGroups, request: &Request, now: Timestamp) -> Answer {
    done(groups.create_stream(request.group()?, request.stream()?, now))
}

fn delete_log_stream(groups: &mut LogGroups, request: &Request) -> Answer {
    done(groups.delete_stream(request.group()?, request.stream()?))
}

fn put_log_events(groups: &mut LogGroups, mut request: Request, now: Timestamp) -> Answer {
    let events = std::mem::take(&mut request.log_events).into_iter().map(|event| InputLogEvent {
        timestamp: Timestamp::from_millis(event.timestamp),
        message: event.message,
    });
    let rejected = groups.put_events(request.group()?, request.stream()?, events.collect(), now)?;
    // AWS still returns a token, which nobody has to repeat any more.
    let mut answer = json!({"nextSequenceToken": format!("{:056}", now.as_millis())});
    let indices = [
        ("tooNewLogEventStartIndex", rejected.too_new_start_index),
        ("tooOldLogEventEndIndex", rejected.too_old_end_index),
        ("expiredLogEventEndIndex", rejected.expired_end_index),
    ];
    for (member, index) in indices {
        if let Some(index) = index {
            answer["rejectedLogEventsInfo"][member] = index.into();
        }
    }
    Ok(answer)
}

fn get_log_events(groups: &LogGroups, request: &Request, now: Timestamp) -> Answer {
    let get = GetLogEvents {
        stream: request.stream()?,
        start_time: request.start(),
        end_time: request.end(),
        start_from_head: request.start_from_head,
        next_token: request.next_token.as_deref(),
        limit: request.limit,
    };
    let page = groups.get_events(request.group()?, &get, now)?;
    let shown = |event: LogEvent| {
        json!({
            "timestamp": event.timestamp,
            "ingestionTime": event.ingestion_time,
            "message": event.message,
        })
    };
    Ok(json!({
        "events": page.events.into_iter().map(shown).collect::<Vec<_>>(),
        "nextForwardToken": page.next_forward_token,
        "nextBackwardToken": page.next_backward_token,
    }))
}

/// How long a pattern may be, in characters, and how many streams may be named.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.
const PATTERN_MAX: usize = 1024;
const STREAMS_MAX: usize = 100;
/// How many tags a group may have.
const TAGS_MAX: usize = 50;

fn is_at_most(name: &str, length: usize, most: usize) -> Result<(), LogsError> {
    if length <= most {
        return Ok(());
    }
    Err(LogsError::InvalidParameter(format!(
        "1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must have length less than or equal to {most}"
    )))
}

fn filter_log_events(groups: &LogGroups, request: &Request, now: Timestamp) -> Answer {
    is_at_most("filterPattern", request.filter_pattern.chars().count(), PATTERN_MAX)?;
    let streams = request.log_stream_names.as_ref().map_or(0, Vec::len);
    is_at_most("logStreamNames", streams, STREAMS_MAX)?;
    let pattern = FilterPattern::parse(&request.filter_pattern)
        .map_err(|problem| LogsError::InvalidParameter(problem.to_string()))?;
    let filter = FilterLogEvents {
        pattern: &pattern,
        stream_names: request.log_stream_names.as_deref(),
        stream_name_prefix: request.log_stream_name_prefix.as_deref(),
        start_time: request.start(),
        end_time: request.end(),
        next_token: request.next_token.as_deref(),
        limit: request.limit,
    };
    let page = groups.filter_events(request.group()?, &filter, now)?;
    let shown = |event: &LogEvent| {
        json!({
            "logStreamName": event.stream,
            "timestamp": event.timestamp,
            "ingestionTime": event.ingestion_time,
            "message": event.message,
            "eventId": event.event_id(),
        })
    };
    let events: Vec<Value> = page.events.iter().map(shown).collect();
    // AWS no longer says which streams it searched.
    Ok(with_token(json!({"events": events, "searchedLogStreams": []}), page.next_token))
}

fn change_tags(groups: &mut LogGroups, request: Request) -> Answer {
    let tags = groups.tags_mut(request.tagged_group()?)?;
    for key in &request.tag_keys {
        tags.remove(key);
    }
    let added = request.tags.keys().filter(|key| !tags.contains_key(*key)).count();
    is_at_most("tags", tags.len() + added, TAGS_MAX)?;
    tags.extend(request.tags);
    Ok(json!({}))
}

fn name_in_arn(identifier: &str) -> &str {
    let name = identifier.rsplit("log-group:").next().unwrap_or(identifier);
    name.trim_end_matches(":*")
}

fn done(result: Result<(), LogsError>) -> Answer {
    result.map(|()| json!({}))
}

fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        answer["nextToken"] = token.into();
    }
    answer
}

fn missing(member: &str) -> LogsError {
    LogsError::InvalidParameter(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}
