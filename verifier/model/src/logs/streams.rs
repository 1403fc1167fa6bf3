//! Log streams: what they are created, deleted and described as.

use std::collections::BTreeMap;

use super::bounds::{check_stream_name, page_size};
use super::error::invalid_token;
use super::events::Gap;
use super::{LogGroups, LogsError};
use crate::paging::{Listed, page};
use crate::time::Timestamp;

/// The most streams in a page.
const STREAMS_MAX: usize = 50;

/// By what `DescribeLogStreams` sorts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamOrder {
    /// `LogStreamName`.
    #[default]
    Name,
    /// `LastEventTime`; streams without events come first.
    LastEventTime,
}

/// The parameters of `DescribeLogStreams`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DescribeLogStreams<'a> {
    /// What the streams' names begin with; not together with [`StreamOrder::LastEventTime`].
    pub name_prefix: Option<&'a str>,
    /// By what they are sorted.
    pub order: StreamOrder,
    /// Whether the last comes first.
    pub descending: bool,
    /// What the page before ended with.
    pub next_token: Option<&'a str>,
    /// The most streams in the page; 1 to 50, 50 when absent.
    pub limit: Option<usize>,
}

/// A stream as `DescribeLogStreams` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStreamSummary {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// The earliest timestamp among its visible events.
    pub first_event_at: Option<Timestamp>,
    /// The latest one. AWS shows it up to an hour late, which the model does not.
    pub last_event_at: Option<Timestamp>,
    /// When the last of its visible events arrived.
    pub last_ingestion_at: Option<Timestamp>,
}

impl LogGroups {
    /// Creates a stream.
    pub fn create_stream(
        &mut self,
        group: &str,
        stream: &str,
        now: Timestamp,
    ) -> Result<(), LogsError> {
        check_stream_name(stream)?;
        let group = self.group_mut(group)?;
        if group.streams.contains_key(stream) {
            return Err(LogsError::StreamExists);
        }
        group.streams.insert(stream.to_owned(), now);
        Ok(())
    }

    /// Deletes a stream with all its events.
    pub fn delete_stream(&mut self, group: &str, stream: &str) -> Result<(), LogsError> {
        let group = self.group_mut(group)?;
        group.streams.remove(stream).ok_or(LogsError::StreamDoesNotExist)?;
        group.events.forget_stream(stream);
        Ok(())
    }

    /// A page of a group's streams.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html>.
    pub fn describe_streams(
        &self,
        group: &str,
        request: &DescribeLogStreams<'_>,
        now: Timestamp,
    ) -> Result<Listed<LogStreamSummary>, LogsError> {
        let limit = page_size(request.limit, STREAMS_MAX)?;
        if request.order == StreamOrder::LastEventTime && request.name_prefix.is_some() {
            return Err(LogsError::InvalidParameter(
                "Cannot order by LastEventTime with a logStreamNamePrefix.".to_owned(),
            ));
        }
        let prefix = request.name_prefix.unwrap_or_default();
        let summaries = self.summaries(group, now)?.into_iter();
        let keyed = summaries.filter(|stream| stream.name.starts_with(prefix)).map(|stream| {
            let time = match request.order {
                StreamOrder::Name => String::new(),
                StreamOrder::LastEventTime => {
                    let millis = stream.last_event_at.map_or(0, Timestamp::as_millis);
                    format!("{millis:020}/")
                }
            };
            (time + &stream.name, stream)
        });
        page(keyed.collect(), request.descending, request.next_token, limit)
            .map_err(|_| invalid_token())
    }

    fn summaries(&self, group: &str, now: Timestamp) -> Result<Vec<LogStreamSummary>, LogsError> {
        let group = self.group(group)?;
        let mut streams = BTreeMap::new();
        for (name, created_at) in &group.streams {
            let summary = LogStreamSummary {
                name: name.clone(),
                created_at: *created_at,
                first_event_at: None,
                last_event_at: None,
                last_ingestion_at: None,
            };
            streams.insert(name.as_str(), summary);
        }
        for event in group.events.visible(Gap::default(), None, group.retention(), now) {
            if let Some(stream) = streams.get_mut(event.stream.as_str()) {
                stream.first_event_at.get_or_insert(event.timestamp);
                stream.last_event_at = Some(event.timestamp);
                stream.last_ingestion_at = stream.last_ingestion_at.max(Some(event.ingestion_time));
            }
        }
        Ok(streams.into_values().collect())
    }
}
