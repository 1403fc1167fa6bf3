//! What experiments are run against.
//!
//! This is the one place that knows which targets there are. Each says how a steady state is looked at, and runs a schedule
//! to its end, everything put back; whatever it could see of that is the history.

use verifier_core::chaos::{History, Limits, Schedule, SteadyState};

use super::outcome::Steady;
use super::sim::Sim;
use crate::failure::Failure;

/// A target.
pub(crate) enum Target {
    /// The stack in-process, under virtual time.
    Sim(Sim),
}

impl Target {
    /// What it is called in histories and files.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sim(_) => "sim",
        }
    }

    /// Looks whether what has to hold does.
    #[allow(clippy::unused_async, reason = "targets outside of this process wait")]
    pub(crate) async fn steady_state(
        &mut self,
        schedule: &Schedule,
        _state: &SteadyState,
    ) -> Result<Steady, Failure> {
        match self {
            Self::Sim(sim) => sim.steady_state(schedule),
        }
    }

    /// Runs a schedule, puts everything back, and waits until all is worked off.
    #[allow(clippy::unused_async, reason = "targets outside of this process wait")]
    pub(crate) async fn run(
        &mut self,
        schedule: &Schedule,
        limits: Limits,
    ) -> Result<History, Failure> {
        match self {
            Self::Sim(sim) => sim.simulate(schedule, limits),
        }
    }
}
