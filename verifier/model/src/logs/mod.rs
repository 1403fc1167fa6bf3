//! The model of Amazon CloudWatch Logs.
//!
//! [`LogGroups`] holds every log group of one account and region and answers the operations of its API as a pure state
//! machine; the time enters as an argument. The emulator serves it over HTTP.
//!
//! An event has two times: when it was written (`timestamp`), and when it becomes visible to readers
//! (`ingestionTime`). Between them lies a delay that can be set, since on AWS logs arrive seconds late.

mod bounds;
mod error;
mod events;
mod filter_pattern;
mod groups;
mod put;
mod read;
mod streams;

pub use error::LogsError;
pub use events::LogEvent;
pub use filter_pattern::{FilterPattern, FilterPatternError};
pub use groups::{DescribeLogGroups, LogGroupSummary, LogGroups};
pub use put::{
    Acceptance, BATCH_BYTES_MAX, EVENT_OVERHEAD_BYTES, EVENTS_IN_BATCH_MAX, InputLogEvent,
    RejectedLogEvents, check_put,
};
pub use read::{EventPage, FilterLogEvents, FilteredPage, GetLogEvents};
pub use streams::{DescribeLogStreams, LogStreamSummary, StreamOrder};
