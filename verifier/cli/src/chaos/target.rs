//! What experiments are run against.
//!
//! This is the one place that knows which targets there are. Each says how a steady state is looked at, and runs a schedule
//! to its end, everything restored; whatever it could see of that is the history.

use std::collections::BTreeMap;

use verifier_chaos::{History, Limits, Schedule, SteadyState};

use super::live::{Guarded, Live};
use super::outcome::Steady;
use super::sim::Sim;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// By whom a run is ended early, and where it says how it goes.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) progress: &'a Progress,
}

/// A target.
pub(crate) enum Target {
    /// The stack in-process, under virtual time.
    Sim(Sim),
    /// A stack that is really there.
    Live(Box<Live>),
}

impl Target {
    /// What it is called in histories and files.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sim(_) => "sim",
            Self::Live(live) => live.target,
        }
    }

    /// How often each operation of AWS was called.
    pub(crate) fn calls(&self) -> BTreeMap<String, u32> {
        match self {
            Self::Sim(_) => BTreeMap::new(),
            Self::Live(live) => live.place.aws.calls().counts(),
        }
    }

    /// Looks whether what has to hold does.
    pub(crate) async fn steady_state(
        &mut self,
        schedule: &Schedule,
        state: &SteadyState,
        by: By<'_>,
    ) -> Result<Steady, Failure> {
        match self {
            Self::Sim(sim) => sim.steady_state(schedule),
            Self::Live(live) => Box::pin(live.steady_state(state, by.interrupt)).await,
        }
    }

    /// Runs a schedule, restores everything, and waits until all is processed.
    pub(crate) async fn run(
        &mut self,
        schedule: &Schedule,
        limits: Limits,
        by: By<'_>,
    ) -> Result<History, Failure> {
        match self {
            Self::Sim(sim) => sim.simulate(schedule, limits),
            Self::Live(live) => {
                let By { interrupt, progress } = by;
                let guarded = Guarded { limits, interrupt, progress };
                Box::pin(live.run(schedule, guarded)).await
            }
        }
    }
}
