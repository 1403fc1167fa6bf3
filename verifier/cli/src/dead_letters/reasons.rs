//! Asking the consumer's log about messages.

use std::time::Duration;

use verifier_aws::AwsError;
use verifier_core::dead_letters::{Stories, log_pattern};
use verifier_core::time::Timestamp;

use super::Place;

/// How much before a message was sent its lines are looked for: clocks differ.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// What the log tells of messages since a point in time. `None` where there is no log to ask.
///
/// A few are looked for by their ids; for more than fit into one pattern, every line is read.
pub(crate) async fn stories(
    place: &Place,
    ids: &[String],
    since: Timestamp,
) -> Option<Result<Stories, AwsError>> {
    let log_group = place.log_group.as_deref()?;
    let mut stories = Stories::of(ids.iter().cloned());
    if ids.is_empty() {
        return Some(Ok(stories));
    }
    let pattern = log_pattern(ids.iter().map(String::as_str));
    let take = |at: Timestamp, line: &str| stories.take(at, line, &place.reader);
    let read = place.aws.log_lines(log_group, pattern.as_deref(), since - CLOCK_SKEW, take).await;
    Some(read.map(|()| stories))
}
