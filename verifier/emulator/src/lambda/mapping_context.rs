//! What the workers of all event source mappings share: what the mappings are, and what they work on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use verifier_model::event_source_mapping::{EventSourceMappings, Mapping};
use verifier_model::time::Timestamp;

use super::functions::Functions;
use crate::clock::{Clock, Signal};
use crate::queues::Queues;

/// What every mapping works with.
pub(super) struct MappingContext {
    pub(super) clock: Clock,
    pub(super) sqs: Arc<Queues>,
    pub(super) functions: Arc<Functions>,
    pub(super) region: String,
    /// Evidence when any mapping was created, changed or deleted.
    pub(super) changed: Signal,
    pub(super) model: Mutex<EventSourceMappings>,
}

impl MappingContext {
    /// Looks at the mappings at the present time.
    pub(super) fn look<T>(&self, look: impl FnOnce(&EventSourceMappings, Timestamp) -> T) -> T {
        look(&self.model(), self.clock.now())
    }

    /// Changes the mappings at the present time; their workers take it up at once.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut EventSourceMappings, Timestamp) -> T,
    ) -> T {
        let result = change(&mut self.model(), self.clock.now());
        self.changed.notify(&self.clock);
        result
    }

    /// The mapping of that id.
    pub(super) fn find(&self, uuid: &str) -> Option<Mapping> {
        self.look(|model, now| model.get(uuid, now).ok().cloned())
    }

    fn model(&self) -> MutexGuard<'_, EventSourceMappings> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
