//! What the API's model allows: names, limits, retention periods.

use super::LogsError;
use super::error::constraint;

/// The longest name of a group or a stream, in characters.
const NAME_CHARS_MAX: usize = 512;

/// The days that a retention policy may name.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>.
const RETENTION_DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// Checks the name of a log group.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>.
pub(super) fn check_group_name(name: &str) -> Result<(), LogsError> {
    check_length(name, "logGroupName")?;
    if name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_/#".contains(c)) {
        return Ok(());
    }
    Err(constraint(
        name,
        "logGroupName",
        r"satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+",
    ))
}

/// Checks the name of a log stream.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html>.
pub(super) fn check_stream_name(name: &str) -> Result<(), LogsError> {
    check_length(name, "logStreamName")?;
    if name.contains([':', '*']) {
        return Err(constraint(
            name,
            "logStreamName",
            "satisfy regular expression pattern: [^:*]*",
        ));
    }
    Ok(())
}

/// Checks the days of a retention policy.
pub(super) fn check_retention_days(days: u32) -> Result<(), LogsError> {
    if RETENTION_DAYS.contains(&days) {
        return Ok(());
    }
    let allowed: Vec<String> = RETENTION_DAYS.iter().map(u32::to_string).collect();
    let rule = format!("satisfy enum value set: [{}]", allowed.join(", "));
    Err(constraint(&days.to_string(), "retentionInDays", &rule))
}

/// The size of a page: what was asked for, from 1 to `max`; `max` when nothing was.
pub(super) fn page_size(limit: Option<usize>, max: usize) -> Result<usize, LogsError> {
    match limit {
        None => Ok(max),
        Some(0) => Err(constraint("0", "limit", "have value greater than or equal to 1")),
        Some(limit) if limit > max => {
            let rule = format!("have value less than or equal to {max}");
            Err(constraint(&limit.to_string(), "limit", &rule))
        }
        Some(limit) => Ok(limit),
    }
}

fn check_length(name: &str, member: &str) -> Result<(), LogsError> {
    if name.is_empty() {
        return Err(constraint(name, member, "have length greater than or equal to 1"));
    }
    if name.chars().count() > NAME_CHARS_MAX {
        let rule = format!("have length less than or equal to {NAME_CHARS_MAX}");
        return Err(constraint(name, member, &rule));
    }
    Ok(())
}
