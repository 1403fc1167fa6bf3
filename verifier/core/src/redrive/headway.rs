//! How fast something goes, and how much longer it takes at that rate.

use std::time::Duration;

/// How much is done, of how much, and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Headway {
    /// How many are done.
    pub done: u64,
    /// How many there are, where that is known.
    pub of: Option<u64>,
    /// For how long it goes on.
    pub elapsed: Duration,
    /// The most in a second, where there is a limit.
    pub limit: Option<u32>,
}

impl Headway {
    /// How many a second: as it went until now, but no more than the limit; before anything can be said, the limit.
    pub fn rate(&self) -> Option<f64> {
        let limit = self.limit.map(f64::from);
        if self.done > 0 && self.elapsed >= Duration::from_secs(1) {
            let observed = count(self.done) / self.elapsed.as_secs_f64();
            return Some(limit.map_or(observed, |limit| observed.min(limit)));
        }
        limit
    }

    /// How much longer it takes at that rate.
    pub fn remaining(&self) -> Option<Duration> {
        let left = count(self.of?.saturating_sub(self.done));
        Duration::try_from_secs_f64(left / self.rate()?).ok()
    }
}

fn count(messages: u64) -> f64 {
    // No queue holds so many that this rounds.
    f64::from(u32::try_from(messages).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headway(done: u64, seconds: u64, limit: Option<u32>) -> Headway {
        Headway { done, of: Some(100), elapsed: Duration::from_secs(seconds), limit }
    }

    #[test]
    fn the_rate_is_what_was_seen_but_no_more_than_the_limit() {
        assert_eq!(headway(50, 10, None).rate(), Some(5.0));
        assert_eq!(headway(50, 10, Some(2)).rate(), Some(2.0));
        assert_eq!(headway(0, 10, Some(2)).rate(), Some(2.0));
        assert_eq!(headway(50, 0, None).rate(), None, "a first moment says nothing");
        assert_eq!(headway(0, 10, None).rate(), None);
    }

    #[test]
    fn what_is_left_takes_as_long_as_the_rate_says() {
        assert_eq!(headway(50, 10, None).remaining(), Some(Duration::from_secs(10)));
        assert_eq!(headway(120, 10, None).remaining(), Some(Duration::ZERO));
        assert_eq!(headway(0, 10, None).remaining(), None);
        let unknown = Headway { of: None, ..headway(50, 10, None) };
        assert_eq!(unknown.remaining(), None);
    }
}
