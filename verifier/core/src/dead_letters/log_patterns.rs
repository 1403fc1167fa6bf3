//! Filter patterns by which a log is searched for messages and invocations.

use super::invocations::Invocations;
use crate::account::Invocation;

/// The longest filter pattern that CloudWatch Logs takes, in characters.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>.
const PATTERN_CHARS_MAX: usize = 1024;

/// A filter pattern for lines in which one of those ids stands, or which tell how invocations began and ended; `None` for more
/// ids than fit into one.
pub fn invocations_pattern<'a>(ids: impl IntoIterator<Item = &'a str>) -> Option<String> {
    log_pattern(ids.into_iter().chain(Invocation::MARKS).chain(Invocations::MARKS))
}

/// A filter pattern for lines in which one of those ids stands; `None` for more than fit into one.
pub fn log_pattern<'a>(ids: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let terms: Vec<String> = ids.into_iter().map(|id| format!("?\"{id}\"")).collect();
    let pattern = terms.join(" ");
    (pattern.len() <= PATTERN_CHARS_MAX).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_holds_as_many_ids_as_fit() {
        assert_eq!(log_pattern(["a", "b"]).as_deref(), Some("?\"a\" ?\"b\""));
        let id = "12345678-1234-1234-1234-123456789012";
        assert!(log_pattern([id; 25]).is_some());
        assert!(log_pattern([id; 26]).is_none());
    }
}
