//! What the execution environments of all functions share.

use std::sync::Arc;

use super::process_group::ProcessGroups;
use crate::access::Access;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::listener::Connections;
use crate::logs::LogStore;

/// What every environment of the emulator is made with.
pub(crate) struct EnvironmentContext {
    pub(crate) access: Arc<Access>,
    pub(crate) clock: Clock,
    /// Of all ports, which Runtime APIs are among.
    pub(crate) connections: Arc<Connections>,
    pub(crate) faults: Faults,
    pub(crate) logs: Arc<LogStore>,
    pub(crate) groups: ProcessGroups,
    pub(crate) region: String,
    /// Where the function's AWS clients turn to.
    pub(crate) endpoint: String,
}
