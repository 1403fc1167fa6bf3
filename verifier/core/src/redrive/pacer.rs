//! Spreading messages over time.

use std::time::Duration;

use verifier_model::time::Timestamp;

/// The most messages of a request to SQS.
const BATCH_MAX: u32 = 10;

/// Says when the next messages may be sent, so that there are no more of them in a second than was asked for: after any time
/// there are no more than fit into it, and one batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pacer {
    rate: Option<u32>,
    next_at: Option<Timestamp>,
}

impl Pacer {
    /// One for so many messages a second; as many as can be when absent. A rate of 0 is taken for 1.
    pub fn new(rate: Option<u32>) -> Self {
        Self { rate: rate.map(|rate| rate.max(1)), next_at: None }
    }

    /// The most messages that may be sent at once.
    pub fn batch_max(&self) -> usize {
        self.rate.unwrap_or(BATCH_MAX).min(BATCH_MAX) as usize
    }

    /// How many of those who send are kept busy by the rate, of that many: more would only hold messages while they wait for
    /// their turn. One sends a batch in a second, or sooner.
    pub fn senders(&self, most: usize) -> usize {
        let needed = self.rate.map(|rate| rate.div_ceil(BATCH_MAX) as usize);
        needed.map_or(most, |needed| needed.min(most)).max(1)
    }

    /// When that many messages may be sent. Whoever asks next comes after them. What was not used for a while is not made up
    /// for.
    pub fn turn(&mut self, count: usize, now: Timestamp) -> Timestamp {
        let at = self.next_at.map_or(now, |next| next.max(now));
        if let Some(rate) = self.rate {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            let millis = count.saturating_mul(1_000).div_ceil(u64::from(rate));
            self.next_at = Some(at + Duration::from_millis(millis));
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_rate_nobody_waits() {
        let mut pacer = Pacer::new(None);
        let now = Timestamp::from_millis(7);
        assert_eq!((pacer.turn(10, now), pacer.turn(10, now)), (now, now));
        assert_eq!((pacer.batch_max(), pacer.senders(40)), (10, 40));
    }

    #[test]
    fn a_low_rate_makes_batches_small_and_senders_few() {
        let one = Pacer::new(Some(1));
        assert_eq!((one.batch_max(), one.senders(40)), (1, 1));
        let some = Pacer::new(Some(35));
        assert_eq!((some.batch_max(), some.senders(40), some.senders(2)), (10, 4, 2));
        assert_eq!(Pacer::new(Some(0)).batch_max(), 1);
    }

    proptest! {
        #[test]
        fn after_any_time_no_more_are_sent_than_fit_into_it_and_one_batch(
            rate in 1..2_000_u32,
            asked in proptest::collection::vec((1..11_usize, 0..3_000_u64), 1..200),
        ) {
            let mut pacer = Pacer::new(Some(rate));
            let mut now = Timestamp::from_millis(1_000);
            let mut turns = Vec::new();
            for (count, pause) in asked {
                now = now + Duration::from_millis(pause);
                let count = count.min(pacer.batch_max());
                let at = pacer.turn(count, now);
                prop_assert!(at >= now);
                turns.push((at, count as u64));
            }
            // From any turn on, and not only from the first.
            for begin in 0..turns.len() {
                let mut before = 0;
                for (at, count) in &turns[begin..] {
                    let elapsed = u64::try_from(at.since(turns[begin].0).as_millis()).unwrap();
                    prop_assert!(before * 1_000 <= elapsed * u64::from(rate));
                    before += count;
                }
            }
        }
    }
}
