//! How far AWS's clock is from this machine's, by the `Date` of its answers.

use std::time::Duration;

use verifier_model::time::Timestamp;

/// What is known of the offset of a server's clock, in milliseconds: added to this machine's time, it gives the server's.
///
/// A `Date` header has whole seconds, rounded down, and was written at some moment between the request and its answer. So
/// each answer bounds the offset from both sides, and the bounds of many answers narrow each other. As long as no offset at
/// all is possible, none is assumed.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc9110#name-date>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    least_millis: i64,
    most_millis: i64,
}

/// How much of an offset is not told from none: what the clocks of AWS's own services differ by.
const NEGLIGIBLE_MILLIS: i64 = 500;

impl Default for ClockOffset {
    fn default() -> Self {
        Self { least_millis: i64::MIN / 2, most_millis: i64::MAX / 2 }
    }
}

impl ClockOffset {
    /// Takes an answer into account: its date, and when the request was sent and the answer received by this machine's
    /// clock. An answer that contradicts those before, as after this clock was set, begins again.
    #[must_use]
    pub fn narrowed(self, date_seconds: u64, sent_at: Timestamp, received_at: Timestamp) -> Self {
        let millis = |value: u64| i64::try_from(value).unwrap_or(i64::MAX / 4);
        let date = millis(date_seconds.saturating_mul(1000));
        let one = Self {
            least_millis: date.saturating_sub(millis(received_at.as_millis())),
            most_millis: date.saturating_add(1000).saturating_sub(millis(sent_at.as_millis())),
        };
        let both = Self {
            least_millis: self.least_millis.max(one.least_millis),
            most_millis: self.most_millis.min(one.most_millis),
        };
        if both.least_millis <= both.most_millis { both } else { one }
    }

    /// The offset, in milliseconds: zero where none is possible or nothing is known.
    pub fn millis(self) -> i64 {
        if self == Self::default() || (self.least_millis <= 0 && self.most_millis >= 0) {
            return 0;
        }
        let middle = i64::midpoint(self.least_millis, self.most_millis);
        if middle.abs() <= NEGLIGIBLE_MILLIS { 0 } else { middle }
    }

    /// A time of this machine's clock, by the server's.
    pub fn apply(self, local: Timestamp) -> Timestamp {
        let millis = self.millis();
        let by = Duration::from_millis(millis.unsigned_abs());
        if millis < 0 { local - by } else { local + by }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    /// An answer of a server whose clock is so far ahead, which took so long.
    fn answered(offset: ClockOffset, ahead_millis: i64, at: u64, latency: u64) -> ClockOffset {
        let server = (at + latency / 2).saturating_add_signed(ahead_millis);
        let local = Timestamp::from_millis;
        offset.narrowed(server / 1000, local(at), local(at + latency))
    }

    #[test]
    fn a_clock_that_may_be_right_is_taken_for_right() {
        assert_eq!(answered(ClockOffset::default(), 0, NOW + 700, 40).millis(), 0);
        assert_eq!(ClockOffset::default().millis(), 0);
        assert_eq!(answered(ClockOffset::default(), 300, NOW, 40).millis(), 0);
    }

    #[test]
    fn a_clock_that_is_ahead_or_behind_is_found_to_a_second() {
        for ahead in [-90_000, -3_000, 3_000, 90_000] {
            let offset = answered(ClockOffset::default(), ahead, NOW + 123, 40);
            assert!((offset.millis() - ahead).abs() <= 600, "{ahead}: {offset:?}");
        }
        let set_anew = answered(answered(ClockOffset::default(), 90_000, NOW, 40), 0, NOW, 40);
        assert_eq!(set_anew.millis(), 0);
    }

    proptest! {
        #[test]
        fn more_answers_never_lead_further_away(
            ahead in -200_000_i64..200_000,
            answers in prop::collection::vec((0..10_000_u64, 0..2_000_u64), 1..20),
        ) {
            let mut offset = ClockOffset::default();
            let mut width = i64::MAX;
            for (at, latency) in answers {
                offset = answered(offset, ahead, NOW + at, latency);
                prop_assert!(offset.least_millis <= ahead && ahead <= offset.most_millis);
                prop_assert!(offset.most_millis - offset.least_millis <= width);
                width = offset.most_millis - offset.least_millis;
            }
            let found = offset.apply(Timestamp::from_millis(NOW)).as_millis();
            let real = NOW.saturating_add_signed(ahead);
            prop_assert!(found.abs_diff(real) <= 3_000);
        }
    }
}
