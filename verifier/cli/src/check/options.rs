//! What a run is asked to do.

use verifier_core::check::Selection;
use verifier_core::settings::Settings;

use crate::resources::Wanted;

/// What a run is asked to do.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Which resources are checked.
    pub(crate) wanted: Wanted,
    pub(crate) strict: bool,
    /// Whether a dead-letter queue with a redrive policy of its own is received from.
    pub(crate) allow_moves: bool,
    pub(crate) selection: Selection,
    /// What is known of the stack beforehand.
    pub(crate) settings: Settings,
}
