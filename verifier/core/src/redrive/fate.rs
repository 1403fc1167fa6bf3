//! What has become of a message that took a message's place.

use std::time::Duration;

use contract::Outcome;
use verifier_model::time::Timestamp;

use crate::dead_letters::{Attempt, shape};

/// A message that was sent in a message's place, and what the message died of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedMessage {
    /// The message's id.
    pub from: String,
    /// The message's id.
    pub to: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Why the message failed before the redrive, where that is known.
    pub old_reason: Option<String>,
}

/// What is reported a message.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Its attempts by the log; `None` when there is no log to read.
    pub attempts: Option<&'a [Attempt]>,
    /// Whether it was seen in the dead-letter queue.
    pub is_dead: bool,
    /// What a service has written on it there of why it failed.
    pub written: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
    /// How long a message takes to the dead-letter queue at most.
    pub bound: Duration,
}

/// What has become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It may still go either way. A failure for another reason than before is a warning.
    Pending {
        /// Why an attempt failed, if one did.
        warning: Option<String>,
    },
    /// A line says that it succeeded.
    Succeeded,
    /// There is no log, and it did not come back in the time in which it would have.
    NotBounced,
    /// It failed for the reason that the message died of, or is dead again.
    Bounced {
        /// Why, where that is known.
        reason: Option<String>,
    },
    /// There is a log that does not tell how it ended, and it did not come back.
    Unknown,
}

impl TrackedMessage {
    /// Evaluates what is reported it.
    ///
    /// One failure for the old reason is a bounce: the message would fail so again until it is dead, and meanwhile others
    /// would be sent after it. Having been seen dead weighs more than any line.
    pub fn fate(&self, told: Evidence<'_>) -> Fate {
        let attempts = told.attempts.unwrap_or_default();
        let of = |outcome| attempts.iter().filter(move |each| each.outcome == Some(outcome));
        let last_failure = of(Outcome::Failed).next_back();
        let reason = last_failure.and_then(|attempt| attempt.reason.clone());
        if told.is_dead {
            return Fate::Bounced { reason: told.written.map(str::to_owned).or(reason) };
        }
        if of(Outcome::Succeeded).next().is_some() {
            return Fate::Succeeded;
        }
        let old = self.old_reason.as_deref().map(shape);
        let same =
            |attempt: &&Attempt| old.is_some() && attempt.reason.as_deref().map(shape) == old;
        if of(Outcome::Failed).any(|attempt| same(&attempt)) {
            return Fate::Bounced { reason: self.old_reason.clone() };
        }
        if told.now < self.sent_at + told.bound {
            return Fate::Pending { warning: reason };
        }
        if told.attempts.is_none() { Fate::NotBounced } else { Fate::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT_AT: Timestamp = Timestamp::from_millis(1_000_000);
    const BOUND: Duration = Duration::from_mins(4);

    fn attempt(outcome: Outcome, reason: &str) -> Attempt {
        Attempt {
            at: SENT_AT,
            outcome: Some(outcome),
            receive_count: Some(1),
            request_id: None,
            reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
            line: String::new(),
        }
    }

    fn fate(attempts: Option<&[Attempt]>, is_dead: bool, after: Duration) -> Fate {
        let watched = TrackedMessage {
            from: "old".to_owned(),
            to: "new".to_owned(),
            sent_at: SENT_AT,
            old_reason: Some("full".to_owned()),
        };
        let (now, bound) = (SENT_AT + after, BOUND);
        watched.fate(Evidence { attempts, is_dead, written: None, now, bound })
    }

    #[test]
    fn a_success_is_a_success_unless_it_is_dead() {
        let log = [attempt(Outcome::Failed, "other"), attempt(Outcome::Succeeded, "")];
        assert_eq!(fate(Some(&log), false, Duration::ZERO), Fate::Succeeded);
        let reason = Some("other".to_owned());
        assert_eq!(fate(Some(&log), true, Duration::ZERO), Fate::Bounced { reason });
    }

    #[test]
    fn the_old_reason_is_a_bounce_and_another_one_a_warning() {
        let reason = |text: &str| Some(text.to_owned());
        let old = [attempt(Outcome::Failed, "full")];
        assert_eq!(
            fate(Some(&old), false, Duration::ZERO),
            Fate::Bounced { reason: reason("full") }
        );
        let other = [attempt(Outcome::Failed, "slow")];
        let pending = Fate::Pending { warning: reason("slow") };
        assert_eq!(fate(Some(&other), false, Duration::ZERO), pending);
        assert_eq!(fate(Some(&other), false, BOUND), Fate::Unknown);
    }

    #[test]
    fn without_a_log_only_time_tells() {
        let early = Duration::from_secs(239);
        assert_eq!(fate(None, false, early), Fate::Pending { warning: None });
        assert_eq!(fate(None, false, BOUND), Fate::NotBounced);
        assert_eq!(fate(None, true, early), Fate::Bounced { reason: None });
        // A log that tells nothing is no proof of a success.
        assert_eq!(fate(Some(&[]), false, BOUND), Fate::Unknown);
    }
}
