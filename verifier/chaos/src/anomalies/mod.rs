//! The anomalies, one to a file: each evaluates the facts of a history and knows nothing of the others.

mod acked_not_enqueued;
mod batch_poisoned;
mod contradicted_outcome;
mod dlq_clone_mismatch;
mod duplicated_effect;
mod effect_and_dlq;
mod innocent_dlq;
mod late_dlq;
mod lost;
mod over_received;
mod phantom;
mod poison_as_success;
mod premature_dlq;
mod recovered;
mod redelivered;
mod redrive_leak;
mod rejected_but_enqueued;
mod stuck_in_flight;
mod throttle_dlq;
mod uncaused_failure;

#[cfg(test)]
mod script;

use super::anomaly::Anomaly;
use super::facts::Facts;
use super::finding::Findings;

/// Finds an anomaly among the facts of a history.
pub(super) type Evaluate = fn(&Facts<'_>, &mut Findings);

/// How an anomaly is found.
pub(super) const fn evaluator(anomaly: Anomaly) -> Evaluate {
    match anomaly {
        Anomaly::Lost => lost::evaluate,
        Anomaly::AckedNotEnqueued => acked_not_enqueued::evaluate,
        Anomaly::Recovered => recovered::evaluate,
        Anomaly::RejectedButEnqueued => rejected_but_enqueued::evaluate,
        Anomaly::Phantom => phantom::evaluate,
        Anomaly::Redelivered => redelivered::evaluate,
        Anomaly::DuplicatedEffect => duplicated_effect::evaluate,
        Anomaly::ContradictedOutcome => contradicted_outcome::evaluate,
        Anomaly::UncausedFailure => uncaused_failure::evaluate,
        Anomaly::PrematureDlq => premature_dlq::evaluate,
        Anomaly::ThrottleDlq => throttle_dlq::evaluate,
        Anomaly::OverReceived => over_received::evaluate,
        Anomaly::LateDlq => late_dlq::evaluate,
        Anomaly::PoisonAsSuccess => poison_as_success::evaluate,
        Anomaly::InnocentDlq => innocent_dlq::evaluate,
        Anomaly::BatchPoisoned => batch_poisoned::evaluate,
        Anomaly::StuckInFlight => stuck_in_flight::evaluate,
        Anomaly::EffectAndDlq => effect_and_dlq::evaluate,
        Anomaly::DlqCloneMismatch => dlq_clone_mismatch::evaluate,
        Anomaly::RedriveLeak => redrive_leak::evaluate,
    }
}
