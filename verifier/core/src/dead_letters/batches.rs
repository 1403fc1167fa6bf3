//! How many messages go into one request.

use std::ops::Range;

use verifier_model::sqs::BATCH_ENTRIES_MAX;

/// Divides messages of those sizes, in their order, into batches: of at most ten, and of at most so many bytes together.
///
/// A message that is too large by itself gets a batch of its own, so that its refusal takes no other with it.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
pub fn batches(sizes: &[usize], bytes_max: usize) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0_usize);
    for (index, size) in sizes.iter().enumerate() {
        let is_full = index - start == BATCH_ENTRIES_MAX || bytes.saturating_add(*size) > bytes_max;
        if index > start && is_full {
            batches.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes = bytes.saturating_add(*size);
    }
    if start < sizes.len() {
        batches.push(start..sizes.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neither_count_nor_bytes_are_exceeded() {
        assert!(batches(&[], 10).is_empty());
        assert_eq!(batches(&[1; 23], 100), [0..10, 10..20, 20..23]);
        assert_eq!(batches(&[4, 6, 1], 10), [0..2, 2..3]);
        assert_eq!(batches(&[1, 11, 1, 1], 10), [0..1, 1..2, 2..4]);
    }

    proptest! {
        #[test]
        fn each_message_is_in_one_batch_and_no_batch_ends_early(
            sizes in prop::collection::vec(0_usize..40, 0..60),
            bytes_max in 1_usize..100,
        ) {
            let all = batches(&sizes, bytes_max);
            let covered: Vec<usize> = all.iter().cloned().flatten().collect();
            prop_assert_eq!(covered, (0..sizes.len()).collect::<Vec<_>>());
            for (number, batch) in all.iter().enumerate() {
                let bytes: usize = sizes[batch.clone()].iter().sum();
                prop_assert!(!batch.is_empty() && batch.len() <= BATCH_ENTRIES_MAX);
                prop_assert!(bytes <= bytes_max || batch.len() == 1);
                if let Some(next) = all.get(number + 1) {
                    let with_next = bytes + sizes[next.start];
                    prop_assert!(batch.len() == BATCH_ENTRIES_MAX || with_next > bytes_max);
                }
            }
        }
    }
}
