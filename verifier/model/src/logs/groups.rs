//! All log groups of one account and region, and the operations on groups as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use super::LogsError;
use super::bounds::{check_group_name, check_retention_days, page_size};
use super::error::invalid_token;
use super::events::{Events, LogEvent};
use super::put::{EVENT_OVERHEAD_BYTES, InputLogEvent, RejectedLogEvents, check_put};
use crate::paging::{Listed, page};
use crate::time::Timestamp;

/// The most groups in a page.
const GROUPS_MAX: usize = 50;

/// The service: every log group by name.
#[derive(Clone, Debug, Default)]
pub struct LogGroups {
    groups: BTreeMap<String, LogGroup>,
    next_number: u64,
    /// How long after it was written an event becomes visible.
    pub delivery_delay: Duration,
    /// How many events a page of `FilterLogEvents` looks at, at most. With such a limit a page may be empty although
    /// more follow, as on AWS; without one it looks on until the page is full.
    pub events_searched_max: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct LogGroup {
    created_at: Timestamp,
    retention_days: Option<u32>,
    tags: BTreeMap<String, String>,
    bytes: usize,
    /// When each stream was created.
    pub(super) streams: BTreeMap<String, Timestamp>,
    pub(super) events: Events,
}

/// The parameters of `DescribeLogGroups`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DescribeLogGroups<'a> {
    /// What the groups' names begin with.
    pub name_prefix: Option<&'a str>,
    /// What the groups' names contain; not together with a prefix.
    pub name_pattern: Option<&'a str>,
    /// What the page before ended with.
    pub next_token: Option<&'a str>,
    /// The most groups in the page; 1 to 50, 50 when absent.
    pub limit: Option<usize>,
}

/// A group as `DescribeLogGroups` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroupSummary {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// How many days events are kept; absent if indefinitely.
    pub retention_days: Option<u32>,
    /// How many bytes were ever stored in it.
    pub stored_bytes: usize,
}

impl LogGroup {
    pub(super) fn retention(&self) -> Option<Duration> {
        self.retention_days.map(|days| Duration::from_hours(u64::from(days) * 24))
    }
}

impl LogGroups {
    /// Creates a group.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>.
    pub fn create_group(
        &mut self,
        name: &str,
        tags: BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), LogsError> {
        check_group_name(name)?;
        if self.groups.contains_key(name) {
            return Err(LogsError::GroupExists);
        }
        let group = LogGroup { created_at: now, tags, ..LogGroup::default() };
        self.groups.insert(name.to_owned(), group);
        Ok(())
    }

    /// Deletes a group with all its streams and events.
    pub fn delete_group(&mut self, name: &str) -> Result<(), LogsError> {
        self.groups.remove(name).map(|_| ()).ok_or(LogsError::GroupDoesNotExist)
    }

    /// Says how many days events are kept; `None` keeps them indefinitely.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>.
    pub fn set_retention(&mut self, name: &str, days: Option<u32>) -> Result<(), LogsError> {
        days.map_or(Ok(()), check_retention_days)?;
        self.group_mut(name)?.retention_days = days;
        Ok(())
    }

    /// A group's tags.
    pub fn tags(&self, name: &str) -> Result<&BTreeMap<String, String>, LogsError> {
        self.group(name).map(|group| &group.tags)
    }

    /// A group's tags, to be changed.
    pub fn tags_mut(&mut self, name: &str) -> Result<&mut BTreeMap<String, String>, LogsError> {
        self.group_mut(name).map(|group| &mut group.tags)
    }

    /// A page of the groups, in the order of their names.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>.
    pub fn describe_groups(
        &self,
        request: &DescribeLogGroups<'_>,
    ) -> Result<Listed<LogGroupSummary>, LogsError> {
        let limit = page_size(request.limit, GROUPS_MAX)?;
        if request.name_prefix.is_some() && request.name_pattern.is_some() {
            return Err(LogsError::InvalidParameter(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
                    .to_owned(),
            ));
        }
        let prefix = request.name_prefix.unwrap_or_default();
        let pattern = request.name_pattern.unwrap_or_default();
        let wanted = |name: &str| name.starts_with(prefix) && name.contains(pattern);
        let summary = |(name, group): (&String, &LogGroup)| {
            let summary = LogGroupSummary {
                name: name.clone(),
                created_at: group.created_at,
                retention_days: group.retention_days,
                stored_bytes: group.bytes,
            };
            (name.clone(), summary)
        };
        let groups = self.groups.iter().filter(|(name, _)| wanted(name)).map(summary).collect();
        page(groups, false, request.next_token, limit).map_err(|_| invalid_token())
    }

    /// Stores a batch of events in a stream, but for those that are too old or too new.
    ///
    /// There are no sequence tokens: AWS accepts every one, and none, since 2023.
    pub fn put_events(
        &mut self,
        group: &str,
        stream: &str,
        events: Vec<InputLogEvent>,
        now: Timestamp,
    ) -> Result<RejectedLogEvents, LogsError> {
        let found = self.group(group)?;
        if !found.streams.contains_key(stream) {
            return Err(LogsError::StreamDoesNotExist);
        }
        let acceptance = check_put(&events, found.retention(), now)?;
        let accepted = &acceptance.accepted;
        for event in events.into_iter().skip(accepted.start).take(accepted.len()) {
            self.store(group, stream, event, now);
        }
        Ok(acceptance.rejected)
    }

    /// Stores a line that a service of AWS itself writes, such as Lambda: group and stream are made if they are
    /// missing.
    ///
    /// It becomes visible so much later than other events do.
    pub fn append(
        &mut self,
        group: &str,
        stream: &str,
        event: InputLogEvent,
        late: Duration,
        now: Timestamp,
    ) {
        let ingestion_time = now + self.delivery_delay + late;
        self.store_at(group, stream, event, ingestion_time, now);
    }

    fn store(&mut self, group: &str, stream: &str, event: InputLogEvent, now: Timestamp) {
        self.store_at(group, stream, event, now + self.delivery_delay, now);
    }

    fn store_at(
        &mut self,
        group: &str,
        stream: &str,
        event: InputLogEvent,
        ingestion_time: Timestamp,
        now: Timestamp,
    ) {
        let InputLogEvent { timestamp, message } = event;
        let number = self.next_number;
        self.next_number += 1;
        let new = || LogGroup { created_at: now, ..LogGroup::default() };
        let group = self.groups.entry(group.to_owned()).or_insert_with(new);
        group.streams.entry(stream.to_owned()).or_insert(now);
        group.bytes += message.len() + EVENT_OVERHEAD_BYTES;
        let stream = stream.to_owned();
        group.events.insert(LogEvent { stream, timestamp, ingestion_time, message, number });
    }

    /// Whether there is a group of that name.
    pub fn has_group(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    pub(super) fn group(&self, name: &str) -> Result<&LogGroup, LogsError> {
        self.groups.get(name).ok_or(LogsError::GroupDoesNotExist)
    }

    pub(super) fn group_mut(&mut self, name: &str) -> Result<&mut LogGroup, LogsError> {
        self.groups.get_mut(name).ok_or(LogsError::GroupDoesNotExist)
    }
}
