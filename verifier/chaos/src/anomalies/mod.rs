//! The anomalies, one to a file: each judges the facts of a history and knows nothing of the others.

mod acked_not_enqueued;
mod batch_poisoned;
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

#[cfg(test)]
mod script;

use super::anomaly::Anomaly;
use super::facts::Facts;
use super::finding::Findings;

/// How an anomaly is found.
type Judge = fn(&Facts<'_>, &mut Findings);

/// Every anomaly with how it is found, in the order of reports.
pub(super) const JUDGES: [(Anomaly, Judge); 18] = [
    (Anomaly::Lost, lost::judge),
    (Anomaly::AckedNotEnqueued, acked_not_enqueued::judge),
    (Anomaly::Recovered, recovered::judge),
    (Anomaly::RejectedButEnqueued, rejected_but_enqueued::judge),
    (Anomaly::Phantom, phantom::judge),
    (Anomaly::Redelivered, redelivered::judge),
    (Anomaly::DuplicatedEffect, duplicated_effect::judge),
    (Anomaly::PrematureDlq, premature_dlq::judge),
    (Anomaly::ThrottleDlq, throttle_dlq::judge),
    (Anomaly::OverReceived, over_received::judge),
    (Anomaly::LateDlq, late_dlq::judge),
    (Anomaly::PoisonAsSuccess, poison_as_success::judge),
    (Anomaly::InnocentDlq, innocent_dlq::judge),
    (Anomaly::BatchPoisoned, batch_poisoned::judge),
    (Anomaly::StuckInFlight, stuck_in_flight::judge),
    (Anomaly::EffectAndDlq, effect_and_dlq::judge),
    (Anomaly::DlqCloneMismatch, dlq_clone_mismatch::judge),
    (Anomaly::RedriveLeak, redrive_leak::judge),
];
