//! What can be wrong with a history, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::observation::Observation;

/// An anomaly. R stands for the attempts at a job, S for its distinct side effects, D for its copies in the
/// dead-letter queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Anomaly {
    /// Accepted, and neither done nor dead-lettered when everything was drained.
    Lost,
    /// Accepted, although no send was committed.
    AckedNotEnqueued,
    /// The client could not know whether it was accepted, and it was; worth knowing and not an error.
    Recovered,
    /// Refused, and seen all the same.
    RejectedButEnqueued,
    /// Seen, and never submitted.
    Phantom,
    /// Attempted again although no attempt failed; valid on a standard queue, and counted.
    Redelivered,
    /// More than one distinct side effect.
    DuplicatedEffect,
    /// Dead-lettered too early: after fewer failed attempts than the policy says without throttling, or before as many
    /// visibility timeouts have passed.
    PrematureDlq,
    /// Dead-lettered after fewer attempts than the policy says, since throttled batches count as receives.
    ThrottleDlq,
    /// Received more often than the policy says in one life on the queue.
    OverReceived,
    /// Still failing, and not dead-lettered, when it was due there.
    LateDlq,
    /// A job that can only fail was deleted, and is in no dead-letter queue.
    PoisonAsSuccess,
    /// A healthy job was dead-lettered.
    InnocentDlq,
    /// A healthy job was retried only because another one of its batch failed.
    BatchPoisoned,
    /// Received and neither deleted nor visible again, past its visibility timeout and without an invocation.
    StuckInFlight,
    /// Done, and dead-lettered too.
    EffectAndDlq,
    /// What is in the dead-letter queue is not what was submitted.
    DlqCloneMismatch,
    /// A redrive lost count: moved and remaining are not what was there before, or a job is in both queues.
    RedriveLeak,
}

impl Anomaly {
    /// Every anomaly, in the order of reports.
    pub const ALL: [Self; 18] = [
        Self::Lost,
        Self::AckedNotEnqueued,
        Self::Recovered,
        Self::RejectedButEnqueued,
        Self::Phantom,
        Self::Redelivered,
        Self::DuplicatedEffect,
        Self::PrematureDlq,
        Self::ThrottleDlq,
        Self::OverReceived,
        Self::LateDlq,
        Self::PoisonAsSuccess,
        Self::InnocentDlq,
        Self::BatchPoisoned,
        Self::StuckInFlight,
        Self::EffectAndDlq,
        Self::DlqCloneMismatch,
        Self::RedriveLeak,
    ];

    /// Its name in reports and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::AckedNotEnqueued => "acked-not-enqueued",
            Self::Recovered => "recovered",
            Self::RejectedButEnqueued => "rejected-but-enqueued",
            Self::Phantom => "phantom",
            Self::Redelivered => "redelivered",
            Self::DuplicatedEffect => "duplicated-effect",
            Self::PrematureDlq => "premature-dlq",
            Self::ThrottleDlq => "throttle-dlq",
            Self::OverReceived => "over-received",
            Self::LateDlq => "late-dlq",
            Self::PoisonAsSuccess => "poison-as-success",
            Self::InnocentDlq => "innocent-dlq",
            Self::BatchPoisoned => "batch-poisoned",
            Self::StuckInFlight => "stuck-in-flight",
            Self::EffectAndDlq => "effect-and-dlq",
            Self::DlqCloneMismatch => "dlq-clone-mismatch",
            Self::RedriveLeak => "redrive-leak",
        }
    }

    /// What it says of a history, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Lost => "accepted, and neither done nor dead-lettered when all was drained",
            Self::AckedNotEnqueued => "accepted, although no send was committed",
            Self::Recovered => "the client could not know whether it was accepted, and it was",
            Self::RejectedButEnqueued => "refused, and seen all the same",
            Self::Phantom => "seen, and never submitted",
            Self::Redelivered => "attempted again although no attempt failed",
            Self::DuplicatedEffect => "done more than once",
            Self::PrematureDlq => "dead-lettered after too few failures, or too early",
            Self::ThrottleDlq => "dead-lettered since throttles used its receives up",
            Self::OverReceived => "received more often than the policy says",
            Self::LateDlq => "still failing when it was due in the dead-letter queue",
            Self::PoisonAsSuccess => "can only fail, and was deleted as if it had succeeded",
            Self::InnocentDlq => "healthy, and dead-lettered",
            Self::BatchPoisoned => {
                "healthy, and retried only since another message of its batch failed"
            }
            Self::StuckInFlight => "received, and never deleted nor visible again",
            Self::EffectAndDlq => "done, and dead-lettered too",
            Self::DlqCloneMismatch => "another body or other attributes in the dead-letter queue",
            Self::RedriveLeak => "a redrive lost count, or left a job in both queues",
        }
    }

    /// The anomaly of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|anomaly| anomaly.as_str() == name)
    }

    /// What a target has to observe for the anomaly to be looked for. Without it, what is not seen would be taken for
    /// what did not happen, so the anomaly is unknown.
    pub const fn needs(self) -> &'static [Observation] {
        use Observation::{Attempts, Batches, Deletes, Effects, Receives, Sends};
        match self {
            Self::Lost
            | Self::Recovered
            | Self::RejectedButEnqueued
            | Self::Phantom
            | Self::Redelivered
            | Self::ThrottleDlq
            | Self::PoisonAsSuccess
            | Self::EffectAndDlq => &[Attempts],
            Self::AckedNotEnqueued => &[Sends],
            Self::DuplicatedEffect => &[Effects],
            Self::OverReceived => &[Receives],
            // An attempt after which nothing was written counts as one that failed, and shows only among the receives.
            Self::PrematureDlq | Self::LateDlq => &[Receives, Attempts],
            Self::BatchPoisoned => &[Batches, Receives, Attempts],
            Self::StuckInFlight => &[Receives, Deletes, Attempts],
            // They are about the submits and the dead-letter queue, of which every target knows.
            Self::InnocentDlq | Self::DlqCloneMismatch | Self::RedriveLeak => &[],
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
        assert_eq!(all.iter().count(), 18);
        assert!(AnomalySet::of(&[Anomaly::Lost]).is_subset(all));
        assert!(!all.is_subset(AnomalySet::of(&[Anomaly::Lost])));
    }
}
