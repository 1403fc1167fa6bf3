//! Reading events: `FilterLogEvents` over a whole group, `GetLogEvents` over one stream.

use std::time::Duration;

use super::bounds::page_size;
use super::events::Gap;
use super::put::BATCH_BYTES_MAX;
use super::{FilterPattern, LogEvent, LogGroups, LogsError};
use crate::time::Timestamp;

/// The most events in a page. It has at most as many bytes as a batch of `PutLogEvents`, too.
const EVENTS_MAX: usize = 10_000;
const FILTERED: char = 'n';
const FORWARD: char = 'f';
const BACKWARD: char = 'b';

/// The parameters of `FilterLogEvents`.
#[derive(Clone, Copy, Debug)]
pub struct FilterLogEvents<'a> {
    /// Which messages are wanted.
    pub pattern: &'a FilterPattern,
    /// From which streams; all when absent. Not together with a prefix.
    pub stream_names: Option<&'a [String]>,
    /// What the streams' names begin with.
    pub stream_name_prefix: Option<&'a str>,
    /// The earliest timestamp.
    pub start_time: Option<Timestamp>,
    /// The latest timestamp.
    pub end_time: Option<Timestamp>,
    /// What the page before ended with.
    pub next_token: Option<&'a str>,
    /// The most events in the page; 1 to 10,000, 10,000 when absent.
    pub limit: Option<usize>,
}

/// A page of `FilterLogEvents`: possibly empty although more follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilteredPage {
    /// In the order of their timestamps, those of all streams interleaved.
    pub events: Vec<LogEvent>,
    /// Where to go on; absent on the last page.
    pub next_token: Option<String>,
}

/// The parameters of `GetLogEvents`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GetLogEvents<'a> {
    /// The stream.
    pub stream: &'a str,
    /// The earliest timestamp.
    pub start_time: Option<Timestamp>,
    /// The timestamp before which events end.
    pub end_time: Option<Timestamp>,
    /// Whether the first page holds the earliest events, or else the latest.
    pub start_from_head: bool,
    /// A token of an earlier page, which also says in which direction to go.
    pub next_token: Option<&'a str>,
    /// The most events in the page; 1 to 10,000, 10,000 when absent.
    pub limit: Option<usize>,
}

/// A page of `GetLogEvents`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// In the order of their timestamps.
    pub events: Vec<LogEvent>,
    /// Leads to later events. At the end it is the token that was given.
    pub next_forward_token: String,
    /// Leads to earlier events. At the beginning it is the token that was given.
    pub next_backward_token: String,
}

impl LogGroups {
    /// A page of a group's events that match.
    ///
    /// A page sees the events that are visible when it is asked for: one that arrives between two pages and has an
    /// earlier timestamp than where they stand is found by the next search only.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.
    pub fn filter_events(
        &self,
        group: &str,
        request: &FilterLogEvents<'_>,
        now: Timestamp,
    ) -> Result<FilteredPage, LogsError> {
        let mut room = Room::of(request.limit)?;
        let from = match request.next_token {
            Some(token) => Gap::of_token(token, FILTERED)?,
            None => Gap::at(request.start_time.unwrap_or_default()),
        };
        // That this is refused is documented; the words are our own.
        if request.stream_names.is_some() && request.stream_name_prefix.is_some() {
            return Err(LogsError::InvalidParameter(
                "logStreamNamePrefix and logStreamNames are mutually exclusive parameters."
                    .to_owned(),
            ));
        }
        let group = self.group(group)?;
        let mut names = request.stream_names.into_iter().flatten();
        if names.any(|name| !group.streams.contains_key(name)) {
            return Err(LogsError::StreamDoesNotExist);
        }
        // The end is inclusive here.
        let to = request.end_time.map(|end| Gap::at(end + Duration::from_millis(1)));
        let mut events = Vec::new();
        let visible = group.events.visible(from, to, group.retention(), now);
        for (searched, event) in visible.enumerate() {
            let wanted = request.wants(event);
            let looked_enough = self.events_searched_max.is_some_and(|max| searched >= max.max(1));
            if looked_enough || (wanted && !room.takes(event)) {
                let next_token = Some(Gap::before(event).token(FILTERED));
                return Ok(FilteredPage { events, next_token });
            }
            if wanted {
                events.push(event.clone());
            }
        }
        Ok(FilteredPage { events, next_token: None })
    }

    /// A page of a stream's events, in either direction.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html>.
    pub fn get_events(
        &self,
        group: &str,
        request: &GetLogEvents<'_>,
        now: Timestamp,
    ) -> Result<EventPage, LogsError> {
        let mut room = Room::of(request.limit)?;
        let group = self.group(group)?;
        if !group.streams.contains_key(request.stream) {
            return Err(LogsError::StreamDoesNotExist);
        }
        let mut from = Gap::at(request.start_time.unwrap_or_default());
        let mut to = request.end_time.map(Gap::at);
        let (gap, backward) = match request.next_token {
            None => (None, !request.start_from_head),
            Some(token) => {
                let backward = token.starts_with(BACKWARD);
                let gap = Gap::of_token(token, if backward { BACKWARD } else { FORWARD })?;
                if backward {
                    to = Some(to.map_or(gap, |to| to.min(gap)));
                } else {
                    from = from.max(gap);
                }
                (Some(gap), backward)
            }
        };
        let in_stream = |event: &&LogEvent| event.stream == request.stream;
        let visible = group.events.visible(from, to, group.retention(), now).filter(in_stream);
        let events: Vec<LogEvent> = if backward {
            let mut events: Vec<_> = visible.rev().take_while(|event| room.takes(event)).collect();
            events.reverse();
            events.into_iter().cloned().collect()
        } else {
            visible.take_while(|event| room.takes(event)).cloned().collect()
        };
        // A page without events stays where it stands; a first one stands before whatever comes.
        let stand = gap.unwrap_or_default();
        let forward = events.last().map_or(stand, Gap::after);
        let backward = events.first().map_or(stand, Gap::before);
        Ok(EventPage {
            events,
            next_forward_token: forward.token(FORWARD),
            next_backward_token: backward.token(BACKWARD),
        })
    }
}

impl FilterLogEvents<'_> {
    fn wants(&self, event: &LogEvent) -> bool {
        let named = |names: &[String]| names.contains(&event.stream);
        self.stream_names.is_none_or(named)
            && self.stream_name_prefix.is_none_or(|prefix| event.stream.starts_with(prefix))
            && self.pattern.matches(&event.message)
    }
}

/// How much a page still takes.
struct Room {
    events: usize,
    bytes: usize,
    empty: bool,
}

impl Room {
    fn of(limit: Option<usize>) -> Result<Self, LogsError> {
        Ok(Self { events: page_size(limit, EVENTS_MAX)?, bytes: BATCH_BYTES_MAX, empty: true })
    }

    /// Takes an event in if it fits; the first one always does.
    fn takes(&mut self, event: &LogEvent) -> bool {
        let fits = self.events > 0 && (self.empty || event.message.len() <= self.bytes);
        if fits {
            self.events -= 1;
            self.bytes = self.bytes.saturating_sub(event.message.len());
            self.empty = false;
        }
        fits
    }
}
