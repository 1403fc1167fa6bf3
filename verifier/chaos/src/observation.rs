//! What a target may be able to see.

use serde::{Deserialize, Serialize};

/// Something that a target may be able to see. What clients do, what comes into the dead-letter queue and what leaves it,
/// every target sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observation {
    /// Every send that was committed.
    Sends,
    /// Every receive from the jobs queue.
    Receives,
    /// Every attempt, whether by its invocation or by its outcome line.
    Attempts,
    /// Which messages an invocation got together.
    Batches,
    /// Every side effect; otherwise a succeeded attempt stands for one.
    Effects,
    /// The side effects that the worker's lines tell. A succeeded attempt stands for one, too: it may have none.
    EffectLines,
    /// Every delete from the jobs queue.
    Deletes,
}

impl Observation {
    /// Everything, as the simulator sees it.
    pub const ALL: &'static [Self] =
        &[Self::Sends, Self::Receives, Self::Attempts, Self::Batches, Self::Effects, Self::Deletes];
}
