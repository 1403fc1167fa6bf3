//! Seeded bugs: for every anomaly a wrong part of a stack that makes exactly it fire.
//!
//! They prove the prover: a checker that misses one, or an exploration that does not come across it, is wrong itself.

mod wrong_functions;
mod wrong_queues;

use wrong_functions::{WrongSubmit, WrongWorker};
use wrong_queues::{WrongRedriver, WrongRules};

use super::anomaly::Anomaly;
use super::history::History;
use super::schedule::{Schedule, ScheduleError};
use super::simulator::{Limits, Parts, simulate_within};

/// A stack with one wrong part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeededBug {
    /// What the wrong part makes fire.
    pub anomaly: Anomaly,
}

impl SeededBug {
    /// One for every anomaly, in the order of reports.
    pub fn all() -> impl Iterator<Item = Self> {
        Anomaly::ALL.into_iter().map(|anomaly| Self { anomaly })
    }

    /// What is wrong.
    pub const fn description(self) -> &'static str {
        match self.anomaly {
            Anomaly::Lost => {
                "the worker calls a job done that failed twice, without having done it"
            }
            Anomaly::AckedNotEnqueued => {
                "the submit function answers slow jobs before it sends them, and forgets them"
            }
            Anomaly::Recovered => "the submit function fails after it has sent a slow job",
            Anomaly::RejectedButEnqueued => {
                "the submit function validates jobs after it has sent them"
            }
            Anomaly::Phantom => "the submit function sends flaky jobs twice, under two ids",
            Anomaly::Redelivered => "the queue forgets the first delete of every message",
            Anomaly::DuplicatedEffect => {
                "the worker repeats the effect of slow jobs under another key"
            }
            Anomaly::ContradictedOutcome => {
                "the worker names slow jobs as failed at their first receive, although it has done them"
            }
            Anomaly::UncausedFailure => "the worker fails slow jobs at their first receive",
            Anomaly::PrematureDlq => "the queue counts one receive too many of what has failed",
            Anomaly::ThrottleDlq => "the mapping gives batches up that are on their last receive",
            Anomaly::OverReceived => {
                "the queue counts receives from zero, with timeouts that are shorter accordingly"
            }
            Anomaly::LateDlq => "the queue hides messages too long after their second receive",
            Anomaly::PoisonAsSuccess => "the worker does what poison asks for",
            Anomaly::InnocentDlq => {
                "the worker names slow jobs as failed where no other job is, and logs nothing of them"
            }
            Anomaly::BatchPoisoned => "the worker names another message of the batch, too",
            Anomaly::StuckInFlight => {
                "the queue never shows messages again after their second receive"
            }
            Anomaly::EffectAndDlq => {
                "the worker notices that poison is poison when the effect is done"
            }
            Anomaly::DlqCloneMismatch => "the redriving client rewrites bodies",
            Anomaly::RedriveLeak => "the redriving client does not delete what it has copied",
        }
    }

    /// Runs a schedule on that stack.
    pub fn simulate(self, schedule: &Schedule) -> Result<History, ScheduleError> {
        self.simulate_within(schedule, Limits::default())
    }

    /// The same within limits.
    pub fn simulate_within(
        self,
        schedule: &Schedule,
        limits: Limits,
    ) -> Result<History, ScheduleError> {
        let mut parts = Parts {
            submit: &mut WrongSubmit(self.anomaly),
            worker: &mut WrongWorker(self.anomaly),
            rules: &mut WrongRules(self.anomaly),
            redriver: &mut WrongRedriver(self.anomaly),
        };
        simulate_within(schedule, limits, &mut parts)
    }
}

#[cfg(test)]
mod tests;
