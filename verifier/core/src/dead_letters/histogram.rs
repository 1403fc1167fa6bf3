//! When things happened, counted in equal spans of time.

use std::time::Duration;

use verifier_model::time::Timestamp;

/// A span of time, and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends; what is then is in the next one, unless this is the last.
    pub until: Timestamp,
    /// How many are in it.
    pub count: usize,
}

/// Times in so many equal spans at most, from the first time to the last one. There is none where there are no times, and one
/// where all are the same.
pub fn histogram(times: &[Timestamp], most: usize) -> Vec<Bucket> {
    let (Some(first), Some(last)) = (times.iter().min().copied(), times.iter().max().copied())
    else {
        return Vec::new();
    };
    let millis = u64::try_from(last.since(first).as_millis()).unwrap_or(u64::MAX);
    let spans = u64::try_from(most.max(1)).unwrap_or(1).min(millis.max(1));
    let width = millis.div_ceil(spans).max(1);
    let begin = |number: u64| first + Duration::from_millis(width.saturating_mul(number));
    let mut buckets: Vec<Bucket> = (0..spans)
        .map(|number| Bucket { from: begin(number), until: begin(number + 1), count: 0 })
        .collect();
    for time in times {
        let behind = u64::try_from(time.since(first).as_millis()).unwrap_or(u64::MAX);
        let number = usize::try_from((behind / width).min(spans - 1)).unwrap_or_default();
        if let Some(bucket) = buckets.get_mut(number) {
            bucket.count += 1;
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_equal_and_few_times_have_few() {
        let at = Timestamp::from_millis;
        let counts = |times: &[u64], most| -> Vec<usize> {
            let times: Vec<Timestamp> = times.iter().copied().map(at).collect();
            histogram(&times, most).iter().map(|bucket| bucket.count).collect()
        };
        assert_eq!(counts(&[], 4), [0; 0]);
        assert_eq!(counts(&[7, 7, 7], 4), [3]);
        assert_eq!(counts(&[0, 10, 20, 40, 40], 4), [1, 1, 1, 2]);
        assert_eq!(counts(&[0, 2], 4), [1, 1]);
    }

    proptest! {
        #[test]
        fn each_time_is_in_one_span(times in prop::collection::vec(0_u64..100_000, 0..50), most in 1_usize..30) {
            let times: Vec<Timestamp> = times.into_iter().map(Timestamp::from_millis).collect();
            let buckets = histogram(&times, most);
            prop_assert!(buckets.len() <= most);
            prop_assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<usize>(), times.len());
            for pair in buckets.windows(2) {
                prop_assert_eq!(pair[0].until, pair[1].from);
            }
            for bucket in &buckets {
                let is_in = |at: &&Timestamp| **at >= bucket.from && **at < bucket.until;
                let inside = times.iter().filter(is_in).count();
                prop_assert!(bucket.count >= inside);
            }
        }
    }
}
