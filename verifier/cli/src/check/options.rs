//! What a run is asked to do.

use std::time::Duration;

use verifier_core::check::Selection;

use super::outputs::Outputs;

/// What a run is asked to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) stack: String,
    /// The `maxReceiveCount` that is expected; any when `None`.
    pub(crate) receives: Option<u32>,
    pub(crate) strict: bool,
    pub(crate) selection: Selection,
    /// How long the run may take, by the stack's clock.
    pub(crate) timeout: Option<Duration>,
    /// The stack's outputs, where CloudFormation is not to be asked for them.
    pub(crate) outputs: Option<Outputs>,
    /// Whether an API that any page may call is taken for meant that way.
    pub(crate) allow_any_origin: bool,
}
