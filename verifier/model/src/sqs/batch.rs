//! What every batch request must satisfy before any of its entries is looked at.

use std::collections::BTreeSet;

use super::SqsError;

/// The most entries that a batch may have.
pub const BATCH_ENTRIES_MAX: usize = 10;

/// Checks the ids of a batch: at least one, at most ten, well formed and distinct.
///
/// `entry_kind` is the name of the entries' shape, which AWS repeats in the error for an empty batch.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
pub fn check_batch<'a>(
    entry_kind: &'static str,
    ids: impl IntoIterator<Item = &'a str>,
) -> Result<(), SqsError> {
    let ids: Vec<&str> = ids.into_iter().collect();
    if ids.is_empty() {
        return Err(SqsError::EmptyBatchRequest(entry_kind));
    }
    if ids.len() > BATCH_ENTRIES_MAX {
        return Err(SqsError::TooManyEntriesInBatchRequest(ids.len()));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if ids.iter().any(|id| id.is_empty() || id.len() > 80 || !id.chars().all(allowed)) {
        return Err(SqsError::InvalidBatchEntryId);
    }
    let mut seen = BTreeSet::new();
    match ids.iter().find(|id| !seen.insert(**id)) {
        Some(repeated) => Err(SqsError::BatchEntryIdsNotDistinct((*repeated).to_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_defect_of_a_batch_has_its_own_error() {
        let check = |ids: &[&str]| check_batch("SendMessageBatchRequestEntry", ids.iter().copied());
        assert_eq!(check(&["a", "b-_9"]), Ok(()));
        assert!(matches!(check(&[]), Err(SqsError::EmptyBatchRequest(_))));
        let eleven: Vec<String> = (0..11).map(|n| n.to_string()).collect();
        let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
        assert_eq!(check(&eleven), Err(SqsError::TooManyEntriesInBatchRequest(11)));
        assert_eq!(check(&eleven[..10]), Ok(()));
        assert_eq!(check(&["a", ""]), Err(SqsError::InvalidBatchEntryId));
        assert_eq!(check(&["a b"]), Err(SqsError::InvalidBatchEntryId));
        assert_eq!(check(&[&"x".repeat(81)]), Err(SqsError::InvalidBatchEntryId));
        assert_eq!(check(&[&"x".repeat(80)]), Ok(()));
        assert_eq!(
            check(&["a", "b", "a"]),
            Err(SqsError::BatchEntryIdsNotDistinct("a".to_owned()))
        );
    }
}
