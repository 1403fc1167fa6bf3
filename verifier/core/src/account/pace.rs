//! How fast a message is retried.

use std::time::Duration;

use verifier_model::time::Timestamp;

use super::attempt::TOLERANCE;
use super::{Account, MessageAccount};

/// How much longer than the receive before it a receive is at least hidden by a worker that backs off.
const BACKOFF: f64 = 1.2;

impl Account {
    /// When a message is dead-lettered at the latest by the pace of its receives, where the worker lengthens its visibility timeout;
    /// `None` where it does not, or where one receive alone was seen. A worker that backs off is taken to double the time again.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
    pub fn lengthened_until(&self, message: &MessageAccount) -> Option<Timestamp> {
        let mut seen: Vec<(u32, Timestamp)> =
            message.attempts.iter().map(|each| (each.receive_count, each.line.at)).collect();
        seen.sort_unstable();
        seen.dedup_by_key(|(count, _)| *count);
        let gaps: Vec<Duration> = seen
            .windows(2)
            .map(|pair| pair[1].1.since(pair[0].1) / (pair[1].0 - pair[0].0))
            .collect();
        let (last_count, last_at) = seen.last()?;
        let longest = *gaps.iter().max()?;
        if longest <= self.terms.visibility_timeout + TOLERANCE {
            return None;
        }
        let grows = gaps.windows(2).any(|pair| pair[1] > pair[0].mul_f64(BACKOFF));
        let gap = if grows { longest * 2 } else { longest };
        let left = self.terms.max_receive_count.saturating_sub(*last_count) + 1;
        Some(*last_at + gap.saturating_mul(left))
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::Submitted;
    use super::super::attempt::tests::line;
    use super::super::inference::tests::account;
    use super::super::message::tests::job;
    use super::*;

    /// Until when, in seconds since the submission, by receives that failed at those.
    fn until(receives: &[(u64, u32)]) -> Option<u64> {
        let failed = |(at, count): &(u64, u32)| line(*at, *count, Outcome::Failed, "");
        let poison = Submitted { lines: receives.iter().map(failed).collect(), ..job("p", true) };
        let account = account(vec![poison], Vec::new());
        let until = account.lengthened_until(&account.messages[0])?;
        Some(until.since(Timestamp::from_millis(1_000_000)).as_secs())
    }

    #[test]
    fn the_longest_time_between_receives_is_taken_for_those_that_are_left() {
        assert_eq!(until(&[(0, 1), (120, 2)]), Some(360));
        assert_eq!(until(&[(0, 1), (120, 2), (240, 3)]), Some(360));
        assert_eq!(until(&[(0, 1), (240, 3)]), Some(360));
    }

    #[test]
    fn one_that_grows_is_taken_to_grow_on() {
        assert_eq!(until(&[(0, 1), (30, 2), (150, 3)]), Some(390));
    }

    #[test]
    fn at_the_queues_own_pace_and_with_one_receive_nothing_is_lengthened() {
        assert_eq!(until(&[(0, 1), (60, 2), (121, 3)]), None);
        assert_eq!(until(&[(0, 1)]), None);
        assert_eq!(until(&[]), None);
    }
}
