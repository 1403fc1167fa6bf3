//! Which anomalies each fault allows.
//!
//! An anomaly is allowed where the fault does to a correct stack what no stack can hide from its clients. What a correct
//! stack does hide is not allowed: SQS may deliver twice, so a side effect that is done twice is the worker's mistake
//! whatever struck, and so is a job that gets lost.

use verifier_model::faults::{Commit, CrashPoint, Fault};

use crate::Anomaly::{
    BatchPoisoned, ContradictedOutcome, EffectAndDlq, InnocentDlq, LateDlq, Lost, OverReceived,
    PoisonAsSuccess, PrematureDlq, Recovered, Redelivered, RedriveLeak, RejectedButEnqueued,
    ThrottleDlq, UncausedFailure,
};
use crate::{Anomaly, AnomalySet};

impl AnomalySet {
    /// The anomalies that the jobs may have which it struck, although nothing is wrong with the stack.
    pub const fn allowed_by(fault: &Fault) -> Self {
        Self::of(match fault {
            Fault::Error { .. }
            | Fault::Disconnect { .. }
            | Fault::Latency { .. }
            | Fault::FailEntry { .. } => allowed_on_the_wire(fault),
            Fault::EmptyReceive { .. }
            | Fault::DuplicateDelivery
            | Fault::VisibilityExpires { .. }
            | Fault::ReceiveCountDrift { .. }
            | Fault::EarlyMove
            | Fault::LateMove
            | Fault::DeleteLost => allowed_in_the_queue(fault),
            Fault::Throttle
            | Fault::Crash { .. }
            | Fault::Freeze { .. }
            | Fault::ColdStart { .. }
            | Fault::Answer { .. } => allowed_at_the_function(fault),
            // A message that comes later, or in another order, is still received as often and for as long as promised.
            // What is shown of counts and clocks decides nothing that is evaluated. A log line that is missing, late or
            // double only hides or repeats what the checker joins by invocation and message.
            Fault::DelayedDelivery { .. }
            | Fault::Reorder
            | Fault::StaleCounts { .. }
            | Fault::ClockSkew { .. }
            | Fault::LogLate { .. }
            | Fault::LogLost
            | Fault::LogDoubled
            | Fault::LogTruncated { .. } => &[],
        })
    }
}

impl AnomalySet {
    /// The anomalies that other jobs may have which are there meanwhile: what a batch holds up is a turn that others wait for.
    pub const fn allowed_beyond(fault: &Fault) -> Self {
        Self::of(match fault {
            Fault::Throttle | Fault::ColdStart { .. } => &[LateDlq],
            _ => &[],
        })
    }
}

const fn allowed_on_the_wire(fault: &Fault) -> &'static [Anomaly] {
    match fault {
        // The client is told that it may forget the job, and the job is there.
        Fault::Error { status: 400..=499, commit: Commit::After, .. } => {
            &[RejectedButEnqueued, Recovered, Redelivered, RedriveLeak, UncausedFailure]
        }
        // The client cannot know, or its send is repeated and puts a second message of the job into the queue. What takes
        // longer than its client waits ends in the same way.
        Fault::Error { commit: Commit::After, .. }
        | Fault::Disconnect { commit: Commit::After }
        | Fault::Latency { .. } => &[Recovered, Redelivered, RedriveLeak, UncausedFailure],
        // A client that may not delete what it has copied leaves the job in both queues. A worker whose own request fails, here
        // and above, may fail its job.
        Fault::Error { commit: Commit::Before, .. }
        | Fault::Disconnect { commit: Commit::Before } => &[RedriveLeak, UncausedFailure],
        Fault::FailEntry { .. } => &[Redelivered, RedriveLeak, UncausedFailure],
        _ => &[],
    }
}

const fn allowed_in_the_queue(fault: &Fault) -> &'static [Anomaly] {
    match fault {
        // Every receive that finds nothing puts the move off.
        Fault::EmptyReceive { .. } => &[LateDlq],
        // Both copies have the message's id, and each has receives of its own; a redrive counts the second, too.
        Fault::DuplicateDelivery => &[Redelivered, OverReceived, RedriveLeak, UncausedFailure],
        // The message comes back while it is worked on, or after a success: at worst until it was received too often,
        // with fewer failures and in less time than the policy says.
        Fault::VisibilityExpires { .. } | Fault::DeleteLost => {
            &[Redelivered, PrematureDlq, InnocentDlq, EffectAndDlq, RedriveLeak]
        }
        // Receives that nobody saw are used up all the same.
        Fault::ReceiveCountDrift { .. } | Fault::EarlyMove => &[PrematureDlq, InnocentDlq],
        Fault::LateMove => &[OverReceived, LateDlq],
        _ => &[],
    }
}

const fn allowed_at_the_function(fault: &Fault) -> &'static [Anomaly] {
    match fault {
        // Throttled batches use receives up, and make the mapping slower.
        Fault::Throttle => &[ThrottleDlq, InnocentDlq, LateDlq],
        Fault::Crash { at: CrashPoint::BeforeEffect } => &[InnocentDlq],
        // What was done, and what was logged, is done and logged, and only the answer is missing; so it is when a
        // frozen function's time is up half way through a batch.
        Fault::Crash { at: CrashPoint::AfterEffect } | Fault::Freeze { .. } => {
            &[Recovered, InnocentDlq, EffectAndDlq]
        }
        // The function starts when the batch has already become visible to others.
        Fault::ColdStart { .. } => {
            &[Redelivered, PrematureDlq, InnocentDlq, EffectAndDlq, LateDlq, Recovered]
        }
        // The mapping, or the caller of the API, believes whatever arrives.
        Fault::Answer { .. } => &[
            Lost,
            Recovered,
            ContradictedOutcome,
            PoisonAsSuccess,
            InnocentDlq,
            BatchPoisoned,
            EffectAndDlq,
        ],
        _ => &[],
    }
}

/// Every fault that allows something, in the forms that differ in what they allow.
static ALLOWING: [Fault; 20] = [
    error(403, Commit::Before),
    error(403, Commit::After),
    error(500, Commit::After),
    Fault::Disconnect { commit: Commit::Before },
    Fault::Disconnect { commit: Commit::After },
    Fault::Latency { milliseconds: 0 },
    Fault::FailEntry { code: String::new(), commit: Commit::After, sender_fault: false },
    Fault::EmptyReceive { milliseconds: 0 },
    Fault::DuplicateDelivery,
    Fault::VisibilityExpires { milliseconds: 0 },
    Fault::ReceiveCountDrift { by: 1 },
    Fault::EarlyMove,
    Fault::LateMove,
    Fault::DeleteLost,
    Fault::Throttle,
    Fault::Crash { at: CrashPoint::BeforeEffect },
    Fault::Crash { at: CrashPoint::AfterEffect },
    Fault::Freeze { milliseconds: 0 },
    Fault::ColdStart { milliseconds: 0 },
    Fault::Answer { payload: String::new() },
];

const fn error(status: u16, commit: Commit) -> Fault {
    Fault::Error { status, code: String::new(), message: String::new(), commit }
}

/// The kinds of faults that allow an anomaly, at least in one of their forms.
pub(crate) fn kinds_that_allow(anomaly: Anomaly) -> Vec<&'static str> {
    let allowing = ALLOWING.iter().filter(|fault| AnomalySet::allowed_by(fault).contains(anomaly));
    let mut kinds: Vec<&'static str> = allowing.map(Fault::kind).collect();
    kinds.dedup();
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_that_allows_an_anomaly_is_named_with_it() {
        for fault in &ALLOWING {
            for anomaly in AnomalySet::allowed_by(fault).iter() {
                assert!(kinds_that_allow(anomaly).contains(&fault.kind()), "{fault:?} {anomaly}");
            }
        }
    }

    #[test]
    fn what_allows_an_anomaly_is_named_and_some_are_allowed_by_nothing() {
        assert_eq!(kinds_that_allow(Anomaly::OverReceived), ["duplicate-delivery", "late-move"]);
        assert_eq!(kinds_that_allow(Anomaly::RejectedButEnqueued), ["error"]);
        let never = Anomaly::ALL.into_iter().filter(|one| kinds_that_allow(*one).is_empty());
        assert_eq!(
            never.collect::<Vec<_>>(),
            [
                Anomaly::AckedNotEnqueued,
                Anomaly::Phantom,
                Anomaly::DuplicatedEffect,
                Anomaly::StuckInFlight,
                Anomaly::DlqCloneMismatch,
            ]
        );
    }

    #[test]
    fn no_fault_excuses_what_a_correct_stack_hides() {
        for fault in [
            Fault::DuplicateDelivery,
            Fault::DeleteLost,
            Fault::Crash { at: CrashPoint::AfterEffect },
            Fault::Disconnect { commit: Commit::After },
        ] {
            assert!(
                !AnomalySet::allowed_by(&fault).contains(Anomaly::DuplicatedEffect),
                "{fault:?}"
            );
            assert!(!AnomalySet::allowed_by(&fault).contains(Lost), "{fault:?}");
        }
    }
}
