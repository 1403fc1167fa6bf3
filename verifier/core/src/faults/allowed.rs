//! Which anomalies each fault allows, and the faults' names.
//!
//! An anomaly is allowed where the fault does to a correct stack what no stack can hide from its clients. What a correct
//! stack does hide is not allowed: SQS may deliver twice, so a side effect that is done twice is the worker's mistake
//! whatever struck, and so is a job that gets lost.

use super::fault::{Commit, CrashPoint, Fault};
use crate::chaos::Anomaly::{
    BatchPoisoned, EffectAndDlq, InnocentDlq, LateDlq, Lost, OverReceived, PoisonAsSuccess,
    PrematureDlq, Recovered, Redelivered, RedriveLeak, RejectedButEnqueued, ThrottleDlq,
};
use crate::chaos::{Anomaly, AnomalySet};

impl Fault {
    /// Its name, which is that in files.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Error { .. } => "error",
            Self::Disconnect { .. } => "disconnect",
            Self::Latency { .. } => "latency",
            Self::FailEntry { .. } => "fail-entry",
            Self::DelayedDelivery { .. } => "delayed-delivery",
            Self::EmptyReceive { .. } => "empty-receive",
            Self::Reorder => "reorder",
            Self::DuplicateDelivery => "duplicate-delivery",
            Self::VisibilityExpires { .. } => "visibility-expires",
            Self::ReceiveCountDrift { .. } => "receive-count-drift",
            Self::EarlyMove => "early-move",
            Self::LateMove => "late-move",
            Self::DeleteLost => "delete-lost",
            Self::StaleCounts { .. } => "stale-counts",
            Self::ClockSkew { .. } => "clock-skew",
            Self::Throttle => "throttle",
            Self::Crash { .. } => "crash",
            Self::Freeze { .. } => "freeze",
            Self::ColdStart { .. } => "cold-start",
            Self::Answer { .. } => "answer",
            Self::LogLate { .. } => "log-late",
            Self::LogLost => "log-lost",
            Self::LogDoubled => "log-doubled",
            Self::LogTruncated { .. } => "log-truncated",
        }
    }

    /// The anomalies that a history may have in which it struck, although nothing is wrong with the stack.
    pub const fn allows(&self) -> AnomalySet {
        AnomalySet::of(match self {
            Self::Error { .. }
            | Self::Disconnect { .. }
            | Self::Latency { .. }
            | Self::FailEntry { .. } => self.allowed_on_the_wire(),
            Self::EmptyReceive { .. }
            | Self::DuplicateDelivery
            | Self::VisibilityExpires { .. }
            | Self::ReceiveCountDrift { .. }
            | Self::EarlyMove
            | Self::LateMove
            | Self::DeleteLost => self.allowed_in_the_queue(),
            Self::Throttle
            | Self::Crash { .. }
            | Self::Freeze { .. }
            | Self::ColdStart { .. }
            | Self::Answer { .. } => self.allowed_at_the_function(),
            // A message that comes later, or in another order, is still received as often and for as long as promised.
            // What is shown of counts and clocks decides nothing that is judged. A log line that is missing, late or
            // double only hides or repeats what the checker joins by invocation and message.
            Self::DelayedDelivery { .. }
            | Self::Reorder
            | Self::StaleCounts { .. }
            | Self::ClockSkew { .. }
            | Self::LogLate { .. }
            | Self::LogLost
            | Self::LogDoubled
            | Self::LogTruncated { .. } => &[],
        })
    }

    const fn allowed_on_the_wire(&self) -> &'static [Anomaly] {
        match self {
            // The client is told that it may forget the job, and the job is there.
            Self::Error { status: 400..=499, commit: Commit::After, .. } => {
                &[RejectedButEnqueued, Recovered, Redelivered, RedriveLeak]
            }
            // The client cannot know, or its send is repeated and puts a second message of the job into the queue. What takes
            // longer than its client waits ends in the same way.
            Self::Error { commit: Commit::After, .. }
            | Self::Disconnect { commit: Commit::After }
            | Self::Latency { .. } => &[Recovered, Redelivered, RedriveLeak],
            // A client that may not delete what it has copied leaves the job in both queues.
            Self::Error { commit: Commit::Before, .. }
            | Self::Disconnect { commit: Commit::Before } => &[RedriveLeak],
            Self::FailEntry { .. } => &[Redelivered, RedriveLeak],
            _ => &[],
        }
    }

    const fn allowed_in_the_queue(&self) -> &'static [Anomaly] {
        match self {
            // Every receive that finds nothing puts the move off.
            Self::EmptyReceive { .. } => &[LateDlq],
            // Both copies have the message's id, and each has receives of its own; a redrive counts the second, too.
            Self::DuplicateDelivery => &[Redelivered, OverReceived, RedriveLeak],
            // The message comes back while it is worked on, or after a success: at worst until it was received too often,
            // with fewer failures and in less time than the policy says.
            Self::VisibilityExpires { .. } | Self::DeleteLost => {
                &[Redelivered, PrematureDlq, InnocentDlq, EffectAndDlq, RedriveLeak]
            }
            // Receives that nobody saw are used up all the same.
            Self::ReceiveCountDrift { .. } | Self::EarlyMove => &[PrematureDlq, InnocentDlq],
            Self::LateMove => &[OverReceived, LateDlq],
            _ => &[],
        }
    }

    const fn allowed_at_the_function(&self) -> &'static [Anomaly] {
        match self {
            // Throttled batches use receives up, and make the mapping slower.
            Self::Throttle => &[ThrottleDlq, InnocentDlq, LateDlq],
            Self::Crash { at: CrashPoint::BeforeEffect } => &[InnocentDlq],
            // What was done, and what was logged, is done and logged, and only the answer is missing; so it is when a
            // frozen function's time is up half way through a batch.
            Self::Crash { at: CrashPoint::AfterEffect } | Self::Freeze { .. } => {
                &[Recovered, InnocentDlq, EffectAndDlq]
            }
            // The function starts when the batch has already become visible to others.
            Self::ColdStart { .. } => {
                &[Redelivered, PrematureDlq, InnocentDlq, EffectAndDlq, LateDlq, Recovered]
            }
            // The mapping, or the caller of the API, believes whatever arrives.
            Self::Answer { .. } => {
                &[Lost, Recovered, PoisonAsSuccess, InnocentDlq, BatchPoisoned, EffectAndDlq]
            }
            _ => &[],
        }
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
pub fn kinds_that_allow(anomaly: Anomaly) -> Vec<&'static str> {
    let allowing = ALLOWING.iter().filter(|fault| fault.allows().contains(anomaly));
    let mut kinds: Vec<&'static str> = allowing.map(Fault::kind).collect();
    kinds.dedup();
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_the_names_in_files() {
        for text in [
            r#"{"kind":"error","status":500,"code":"x","commit":"after"}"#,
            r#"{"kind":"disconnect","commit":"before"}"#,
            r#"{"kind":"latency","milliseconds":1}"#,
            r#"{"kind":"fail-entry","code":"x","commit":"after"}"#,
            r#"{"kind":"delayed-delivery","milliseconds":1}"#,
            r#"{"kind":"empty-receive","milliseconds":1}"#,
            r#"{"kind":"reorder"}"#,
            r#"{"kind":"duplicate-delivery"}"#,
            r#"{"kind":"visibility-expires","milliseconds":1}"#,
            r#"{"kind":"receive-count-drift","by":1}"#,
            r#"{"kind":"early-move"}"#,
            r#"{"kind":"late-move"}"#,
            r#"{"kind":"delete-lost"}"#,
            r#"{"kind":"stale-counts","milliseconds":1}"#,
            r#"{"kind":"clock-skew","milliseconds":1}"#,
            r#"{"kind":"throttle"}"#,
            r#"{"kind":"crash","at":"before-effect"}"#,
            r#"{"kind":"freeze","milliseconds":1}"#,
            r#"{"kind":"cold-start","milliseconds":1}"#,
            r#"{"kind":"answer","payload":""}"#,
            r#"{"kind":"log-late","milliseconds":1}"#,
            r#"{"kind":"log-lost"}"#,
            r#"{"kind":"log-doubled"}"#,
            r#"{"kind":"log-truncated","bytes":1}"#,
        ] {
            let fault: Fault = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_value(&fault).unwrap()["kind"], fault.kind());
            for anomaly in fault.allows().iter() {
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
            assert!(!fault.allows().contains(Anomaly::DuplicatedEffect), "{fault:?}");
            assert!(!fault.allows().contains(Lost), "{fault:?}");
        }
    }
}
