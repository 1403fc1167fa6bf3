//! Failing jobs with one receive more or less than the policy allows, which SQS may count or make by itself.
//!
//! SQS counts a receive whose answer its consumer never gets, and a server that was not told may hand a message out once more. As
//! with good jobs, one of those is an accident of the moment, and what happens to failing jobs again and again is not.
//!
//! Sources: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/avoiding-inconsistent-message-processing.html>
//! and <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>.

use std::collections::BTreeMap;

use super::{Account, Expectation, MessageAccount, is_one_delivery_twice, is_one_receive_twice};

/// How far what was seen of a failing job's receives is from what the policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Each allowed receive once, or told by an invocation that failed.
    All,
    /// One more than that, one less, or one by another number.
    OneOff,
    /// Anything else.
    Else,
}

impl Account {
    /// Whether SQS explains that a failing job was received once more or less than it may be: each other failing job was received
    /// as often as it may.
    pub fn is_miscounted(&self, failing: &MessageAccount) -> bool {
        let is_other = |other: &&MessageAccount| {
            other.job_id != failing.job_id || other.message_id != failing.message_id
        };
        let mut others = self.that(Expectation::Fails).filter(is_other);
        self.seen(failing) == Seen::OneOff
            && failing.dead_lettered.is_some()
            && others.all(|other| self.seen(other) == Seen::All)
    }

    fn seen(&self, failing: &MessageAccount) -> Seen {
        let most = self.terms.max_receive_count;
        let mut of_counts = BTreeMap::<u32, Vec<&super::Attempt>>::new();
        for attempt in &failing.attempts {
            of_counts.entry(attempt.receive_count).or_default().push(attempt);
        }
        let unseen = self.unseen(failing);
        let is_inferred = |count: u32| {
            unseen.iter().any(|each| each.receive_count == count && each.explained.is_failure())
        };
        let missing =
            (1..=most).filter(|count| !of_counts.contains_key(count) && !is_inferred(*count));
        let timeout = self.terms.visibility_timeout;
        let is_once = |each: &[&super::Attempt]| {
            is_one_delivery_twice(each, timeout) || is_one_receive_twice(each, timeout)
        };
        let again = of_counts.values().filter(|each| !is_once(each));
        let again: usize = again.map(|each| each.len() - 1).sum();
        let above = of_counts.range(most + 1..).count();
        let is_far = of_counts.range(most + 2..).next().is_some();
        match (missing.count(), again + above) {
            _ if is_far || of_counts.contains_key(&0) => Seen::Else,
            (0, 0) => Seen::All,
            (0 | 1, 0 | 1) => Seen::OneOff,
            _ => Seen::Else,
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::Submitted;
    use super::super::attempt::tests::line;
    use super::super::inference::tests::account;
    use super::super::message::tests::{found, job};

    /// A failing job that was received at those seconds, by those counts.
    fn failing(name: &str, receives: &[(u64, u32)]) -> Submitted {
        let failed =
            |(at, count): &(u64, u32)| line(*at, *count, Outcome::Failed, &format!("{name}{at}"));
        let lines = receives.iter().map(failed).collect();
        Submitted { lines, found: vec![found(&format!("m-{name}"))], ..job(name, true) }
    }

    fn of(receives: &[&[(u64, u32)]]) -> bool {
        let jobs = ["p", "q"].iter().zip(receives).map(|(name, each)| failing(name, each));
        let account = account(jobs.collect(), Vec::new());
        account.is_miscounted(&account.messages[0])
    }

    const ALL: &[(u64, u32)] = &[(0, 1), (60, 2), (120, 3)];
    const LATE: &[(u64, u32)] = &[(0, 1), (60, 2), (120, 3), (180, 4)];
    const SHORT: &[(u64, u32)] = &[(0, 1), (60, 3)];

    #[test]
    fn one_receive_more_or_less_of_one_failing_job_is_an_accident() {
        assert!(!of(&[ALL, ALL]));
        let again: &[(u64, u32)] = &[(0, 1), (60, 2), (120, 2), (180, 3)];
        for off in [LATE, SHORT, again, &[(0, 1), (60, 2), (120, 4)]] {
            assert!(of(&[off, ALL]) && of(&[off]), "{off:?}");
        }
    }

    #[test]
    fn two_receives_or_several_jobs_are_none() {
        let again: &[(u64, u32)] = &[(0, 1), (60, 1), (120, 1), (180, 2), (240, 3)];
        for off in [&[(0, 1)], again, &[LATE, &[(240, 5)]].concat()] {
            assert!(!of(&[off, ALL]), "{off:?}");
        }
        let high: &[(u64, u32)] = &[(0, 2), (60, 3), (120, 4)];
        for both in [LATE, SHORT, high] {
            assert!(!of(&[both, both]), "{both:?}");
        }
    }

    #[test]
    fn one_that_is_not_in_the_dead_letter_queue_is_none() {
        let gone = Submitted { found: Vec::new(), ..failing("p", LATE) };
        let account = account(vec![gone], Vec::new());
        assert!(!account.is_miscounted(&account.messages[0]));
    }
}
