//! What can be wrong with a history, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::observation::Observation;

/// Declares the anomalies: of each the variant, its name in reports and files, and what it says of a history, for people.
macro_rules! anomalies {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal: $meaning:literal,)+) => {
        /// An anomaly. R stands for the attempts at a job, S for its distinct side effects, D for its copies in the
        /// dead-letter queue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum Anomaly {
            $($(#[$doc])+ $variant,)+
        }

        impl Anomaly {
            /// How many there are.
            const COUNT: usize = [$($name),+].len();

            /// Every anomaly, in the order of reports.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant),+];

            /// Its name in reports and files.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it says of a history, for people.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }
        }
    };
}

anomalies! {
    /// Accepted, and neither done nor dead-lettered when everything was drained.
    Lost = "lost": "accepted, and neither done nor dead-lettered when all was drained",
    /// Accepted, although no send was committed.
    AckedNotEnqueued = "acked-not-enqueued": "accepted, although no send was committed",
    /// The client could not know whether it was accepted, and it was; worth knowing and not an error.
    Recovered = "recovered": "the client could not know whether it was accepted, and it was",
    /// Refused, and seen all the same.
    RejectedButEnqueued = "rejected-but-enqueued": "refused, and seen all the same",
    /// Seen, and never submitted.
    Phantom = "phantom": "seen, and never submitted",
    /// Attempted again although no attempt failed; valid on a standard queue, and counted.
    Redelivered = "redelivered": "attempted again although no attempt failed",
    /// More than one distinct side effect.
    DuplicatedEffect = "duplicated-effect": "done more than once",
    /// The worker's line calls it done, and its response names it as failed.
    ContradictedOutcome = "contradicted-outcome": "called done by its line, and failed by the response to its batch",
    /// The worker failed it at an attempt at which it was not declared to fail.
    UncausedFailure = "uncaused-failure": "failed at an attempt that nothing made fail",
    /// Dead-lettered too early: after fewer failed attempts than the policy says without throttling, or before as many
    /// visibility timeouts have passed.
    PrematureDlq = "premature-dlq": "dead-lettered after too few failures, or too early",
    /// Dead-lettered after fewer attempts than the policy says, since throttled batches count as receives.
    ThrottleDlq = "throttle-dlq": "dead-lettered since throttles used its receives up",
    /// Received more often than the policy says in one life on the queue.
    OverReceived = "over-received": "received more often than the policy says",
    /// Still failing, and not dead-lettered, when it was due there.
    LateDlq = "late-dlq": "still failing when it was due in the dead-letter queue",
    /// A job that can only fail was deleted, and is in no dead-letter queue.
    PoisonAsSuccess = "poison-as-success": "can only fail, and was deleted as if it had succeeded",
    /// A healthy job was dead-lettered.
    InnocentDlq = "innocent-dlq": "healthy, and dead-lettered",
    /// A healthy job was retried only because another one of its batch failed.
    BatchPoisoned = "batch-poisoned": "healthy, and retried only since another message of its batch failed",
    /// Received and neither deleted nor visible again, past its visibility timeout and without an invocation.
    StuckInFlight = "stuck-in-flight": "received, and never deleted nor visible again",
    /// Done, and dead-lettered too.
    EffectAndDlq = "effect-and-dlq": "done, and dead-lettered too",
    /// What is in the dead-letter queue is not what was submitted.
    DlqCloneMismatch = "dlq-clone-mismatch": "another body or other attributes in the dead-letter queue",
    /// A redrive lost count: moved and remaining are not what was there before, or a job is in both queues.
    RedriveLeak = "redrive-leak": "a redrive lost count, or left a job in both queues",
}

impl Anomaly {
    /// The anomaly of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|anomaly| anomaly.as_str() == name)
    }

    /// What a target has to observe for the anomaly to be looked for. Without it, what is not seen would be taken for
    /// what did not happen, so the anomaly is unknown.
    pub const fn needs(self) -> &'static [Observation] {
        use Observation::{Attempts, Batches, Deletes, Receives, Sends};
        match self {
            Self::Lost
            | Self::Recovered
            | Self::RejectedButEnqueued
            | Self::Phantom
            | Self::Redelivered
            | Self::ThrottleDlq
            | Self::UncausedFailure
            | Self::PoisonAsSuccess
            | Self::EffectAndDlq => &[Attempts],
            Self::AckedNotEnqueued => &[Sends],
            Self::OverReceived => &[Receives],
            // An attempt after which nothing was written counts as one that failed, and shows only among the receives.
            Self::PrematureDlq | Self::LateDlq => &[Receives, Attempts],
            Self::BatchPoisoned => &[Batches, Receives, Attempts],
            Self::ContradictedOutcome => &[Batches, Attempts],
            Self::StuckInFlight => &[Receives, Deletes, Attempts],
            // They are about the submits and the dead-letter queue, of which every target knows; and effects are seen in one of
            // two ways: see [`Self::needs_one_of`].
            Self::DuplicatedEffect
            | Self::InnocentDlq
            | Self::DlqCloneMismatch
            | Self::RedriveLeak => &[],
        }
    }

    /// Of what a target has to observe one at least.
    pub const fn needs_one_of(self) -> &'static [Observation] {
        match self {
            Self::DuplicatedEffect => &[Observation::Effects, Observation::EffectLines],
            _ => &[],
        }
    }

    /// What it has to observe besides for the anomaly to be excluded: some are found by one of several signs, and each
    /// target sees the first of them.
    pub const fn needs_to_be_excluded(self) -> &'static [Observation] {
        match self {
            // A worker may say that it has done what it has not, and the other way round.
            Self::Lost | Self::EffectAndDlq => &[Observation::Effects],
            // A mapping may keep what the worker calls done, and delete what it calls failed.
            Self::PrematureDlq | Self::PoisonAsSuccess => &[Observation::Deletes],
            _ => &[],
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of anomalies; in files a list of their names.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Anomaly>", into = "Vec<Anomaly>")]
pub struct AnomalySet(u32);

impl AnomalySet {
    /// No anomaly.
    pub const NONE: Self = Self(0);

    /// These.
    pub const fn of(anomalies: &[Anomaly]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < anomalies.len() {
            bits |= anomalies[index].bit();
            index += 1;
        }
        Self(bits)
    }

    /// Whether it is one of them.
    pub const fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & anomaly.bit() != 0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of them are in the other set.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Those of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of it that are not in the other set.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Adds one.
    pub const fn insert(&mut self, anomaly: Anomaly) {
        self.0 |= anomaly.bit();
    }

    /// Its members, in the order of reports.
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.into_iter().filter(move |anomaly| self.contains(*anomaly))
    }
}

impl fmt::Debug for AnomalySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The names, separated by commas.
impl fmt::Display for AnomalySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Anomaly::as_str).collect();
        f.pad(&names.join(", "))
    }
}

impl From<Vec<Anomaly>> for AnomalySet {
    fn from(anomalies: Vec<Anomaly>) -> Self {
        Self::of(&anomalies)
    }
}

impl From<AnomalySet> for Vec<Anomaly> {
    fn from(set: AnomalySet) -> Self {
        set.iter().collect()
    }
}

impl FromIterator<Anomaly> for AnomalySet {
    fn from_iter<I: IntoIterator<Item = Anomaly>>(anomalies: I) -> Self {
        let mut set = Self::NONE;
        anomalies.into_iter().for_each(|anomaly| set.insert(anomaly));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files_and_sets_keep_their_members() {
        for anomaly in Anomaly::ALL {
            assert_eq!(serde_json::to_value(anomaly).unwrap(), anomaly.as_str());
            assert_eq!(Anomaly::named(anomaly.as_str()), Some(anomaly));
            let set = AnomalySet::of(&[anomaly]);
            assert_eq!(set.iter().collect::<Vec<_>>(), [anomaly]);
            let text = serde_json::to_string(&set).unwrap();
            assert_eq!(serde_json::from_str::<AnomalySet>(&text).unwrap(), set);
        }
        let all: AnomalySet = Anomaly::ALL.into_iter().collect();
        assert_eq!(all.iter().count(), Anomaly::ALL.len());
        assert!(AnomalySet::of(&[Anomaly::Lost]).is_subset(all));
        assert!(!all.is_subset(AnomalySet::of(&[Anomaly::Lost])));
    }
}
