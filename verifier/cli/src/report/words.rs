//! Words that the views of several commands share.

use std::time::Duration;

use verifier_model::time::Timestamp;

/// A time as ISO 8601 writes it, in UTC.
pub(crate) fn iso(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or_default();
    jiff::Timestamp::from_millisecond(millis).unwrap_or_default().to_string()
}

/// `60.1 s`
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
