//! Every event source mapping: the model of what they are, and the tasks that do what they say.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinSet;
use verifier_model::event_source_mapping::{EventSourceMappings, Mapping, MappingConfiguration};
use verifier_model::time::Timestamp;

use super::Functions;
use super::mapping::run_mapping;
use crate::clock::{Clock, Signal};
use crate::services::sqs::SqsService;

/// The mappings of the emulator.
pub(crate) struct Mappings {
    pub(super) clock: Clock,
    pub(super) sqs: Arc<SqsService>,
    pub(super) functions: Arc<Functions>,
    pub(super) region: String,
    /// Evidence when any mapping was created, changed or deleted.
    pub(super) changed: Signal,
    model: Mutex<EventSourceMappings>,
    workers: Mutex<JoinSet<()>>,
}

impl Mappings {
    pub(crate) fn new(
        clock: Clock,
        sqs: Arc<SqsService>,
        functions: Arc<Functions>,
        region: String,
    ) -> Self {
        Self {
            clock,
            sqs,
            functions,
            region,
            changed: Signal::default(),
            model: Mutex::default(),
            workers: Mutex::default(),
        }
    }

    /// Looks at the mappings at the present time.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&EventSourceMappings, Timestamp) -> T) -> T {
        look(&self.model(), self.clock.now())
    }

    /// Changes the mappings at the present time; their workers take it up at once.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut EventSourceMappings, Timestamp) -> T,
    ) -> T {
        let result = change(&mut self.model(), self.clock.now());
        self.changed.notify(&self.clock);
        result
    }

    /// Takes up a mapping of a stack, which polls from now on.
    pub(crate) fn deploy(self: &Arc<Self>, uuid: &str, configuration: MappingConfiguration) {
        self.change(|model, now| model.deploy(uuid, configuration, now));
        self.start(uuid);
    }

    /// Starts to work for a mapping that was added to the model.
    pub(crate) fn start(self: &Arc<Self>, uuid: &str) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        while workers.try_join_next().is_some() {}
        self.clock.spawn(&mut workers, |busy| run_mapping(busy, uuid.to_owned(), self.clone()));
    }

    /// Ends every worker and waits until they have ended.
    pub(crate) async fn shut_down(&self) {
        let mut workers =
            std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        workers.shutdown().await;
    }

    /// Ends every worker, without waiting.
    pub(crate) fn abort(&self) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    pub(super) fn find(&self, uuid: &str) -> Option<Mapping> {
        self.look(|model, now| model.get(uuid, now).ok().cloned())
    }

    fn model(&self) -> MutexGuard<'_, EventSourceMappings> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
