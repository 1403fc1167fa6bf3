//! What a run is asked to do.

use verifier_core::check::Selection;
use verifier_core::settings::Settings;

use super::outputs::Outputs;

/// What a run is asked to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) stack: String,
    pub(crate) strict: bool,
    /// Whether a dead-letter queue with a redrive policy of its own is received from.
    pub(crate) allow_moves: bool,
    pub(crate) selection: Selection,
    /// What is known of the stack beforehand.
    pub(crate) settings: Settings,
    /// The stack's outputs, where CloudFormation is not to be asked for them.
    pub(crate) outputs: Option<Outputs>,
}
