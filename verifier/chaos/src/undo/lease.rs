//! Whether a run has its lease, by what the tag was read to say one time after another.
//!
//! What was written may be read late: for a while, a reading may show what was there before. So no single reading takes a
//! lease away, and none is enough to have one.
//!
//! A run that finds its lease gone makes no further change, and restores what it has changed. Whoever claims the lease
//! meanwhile waits for longer than the run takes to find out, and looks whether what it has saved has stayed as it was: so
//! it never takes what another run has set for how the stack was.

use std::time::Duration;

use verifier_model::time::Timestamp;

use super::rollback::Standing;

/// How often a run looks whether it still has the lease, besides before each change.
pub const LEASE_EVERY: Duration = Duration::from_secs(2);
/// For how long the tag has to say otherwise until the lease is taken for lost.
pub const LEASE_LOST_AFTER: Duration = Duration::from_secs(3);
/// For how long the tag has to name a run until the lease is taken for its own. More than the two above and a change that
/// was under way.
pub const LEASE_SETTLES: Duration = Duration::from_secs(10);
/// How long a tag that was just set may be read as before.
pub const LEASE_READS_WITHIN: Duration = Duration::from_mins(1);

/// Whether a lease is still held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is.
    Yes,
    /// It did not read so just now. Nothing may be changed until it is known.
    Unclear,
    /// It is not any more.
    Lost,
}

/// What a lease that a run has was read to be.
#[derive(Clone, Debug, Default)]
pub struct HeldReadings {
    other_since: Option<Timestamp>,
}

impl HeldReadings {
    /// Takes another reading.
    pub fn take(&mut self, standing: &Standing, now: Timestamp) -> Held {
        if *standing == Standing::Ours {
            self.other_since = None;
            return Held::Yes;
        }
        let since = *self.other_since.get_or_insert(now);
        if now >= since + LEASE_LOST_AFTER { Held::Lost } else { Held::Unclear }
    }
}

/// Whether a lease that was just claimed is a run's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is.
    Ours,
    /// Nobody can say yet.
    Unclear,
    /// Another run has claimed it, too, and later. Holds what the tag says.
    Others(String),
    /// The tag does not read as it was set.
    Unreadable,
}

/// What a lease that a run has just claimed was read to be.
#[derive(Clone, Debug)]
pub struct ClaimReadings {
    set_at: Timestamp,
    ours_since: Option<Timestamp>,
}

impl ClaimReadings {
    /// The tag was set then.
    pub fn since(set_at: Timestamp) -> Self {
        Self { set_at, ours_since: None }
    }

    /// Takes another reading.
    pub fn take(&mut self, standing: &Standing, now: Timestamp) -> Claimed {
        match standing {
            Standing::Ours => {
                let since = *self.ours_since.get_or_insert(now);
                if now >= since + LEASE_SETTLES { Claimed::Ours } else { Claimed::Unclear }
            }
            Standing::Others(value) => Claimed::Others(value.clone()),
            Standing::Free | Standing::Gone => {
                self.ours_since = None;
                let is_over = now >= self.set_at + LEASE_READS_WITHIN;
                if is_over { Claimed::Unreadable } else { Claimed::Unclear }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default() + Duration::from_secs(seconds)
    }

    fn others() -> Standing {
        Standing::Others("x until 5".to_owned())
    }

    #[test]
    fn a_lease_is_lost_when_it_reads_so_for_long_enough() {
        let mut readings = HeldReadings::default();
        assert_eq!(readings.take(&Standing::Ours, at(0)), Held::Yes);
        assert_eq!(readings.take(&Standing::Free, at(2)), Held::Unclear);
        assert_eq!(readings.take(&others(), at(4)), Held::Unclear);
        assert_eq!(readings.take(&Standing::Free, at(5)), Held::Lost);
    }

    #[test]
    fn one_late_reading_takes_no_lease_away() {
        let mut readings = HeldReadings::default();
        assert_eq!(readings.take(&Standing::Free, at(0)), Held::Unclear);
        assert_eq!(readings.take(&Standing::Ours, at(2)), Held::Yes);
        assert_eq!(readings.take(&Standing::Free, at(4)), Held::Unclear);
        assert_eq!(readings.take(&Standing::Free, at(6)), Held::Unclear);
    }

    #[test]
    fn a_claim_has_to_read_so_all_the_time() {
        let mut readings = ClaimReadings::since(at(0));
        assert_eq!(readings.take(&Standing::Free, at(1)), Claimed::Unclear);
        assert_eq!(readings.take(&Standing::Ours, at(2)), Claimed::Unclear);
        assert_eq!(readings.take(&Standing::Free, at(11)), Claimed::Unclear);
        assert_eq!(readings.take(&Standing::Ours, at(12)), Claimed::Unclear);
        assert_eq!(readings.take(&Standing::Ours, at(21)), Claimed::Unclear);
        assert_eq!(readings.take(&Standing::Ours, at(22)), Claimed::Ours);
    }

    #[test]
    fn the_later_of_two_has_it_and_what_never_reads_is_nobodys() {
        let mut readings = ClaimReadings::since(at(0));
        assert_eq!(readings.take(&others(), at(3)), Claimed::Others("x until 5".to_owned()));
        let mut readings = ClaimReadings::since(at(0));
        assert_eq!(readings.take(&Standing::Free, at(59)), Claimed::Unclear);
        assert_eq!(readings.take(&Standing::Free, at(60)), Claimed::Unreadable);
    }

    proptest! {
        /// A run that looks as often as it should knows that its lease is gone before another one may change anything.
        #[test]
        fn whoever_lost_it_knows_before_the_other_begins(lost_at in 0_u64..10_000, first_look in 0_u64..2_000) {
            let millis = |at: u64| Timestamp::default() + Duration::from_millis(at);
            let (mut held, mut claim) = (HeldReadings::default(), ClaimReadings::since(millis(lost_at)));
            let mut look = first_look;
            let knows_at = loop {
                let standing = if look >= lost_at { others() } else { Standing::Ours };
                match held.take(&standing, millis(look)) {
                    Held::Lost => break look,
                    Held::Unclear => look += 1_000,
                    Held::Yes => look += 2_000,
                }
            };
            let mut look = lost_at;
            let begins_at = loop {
                match claim.take(&Standing::Ours, millis(look)) {
                    Claimed::Ours => break look,
                    _ => look += 1_000,
                }
            };
            prop_assert!(knows_at + 3_000 <= begins_at, "{knows_at} and {begins_at}");
        }
    }
}
