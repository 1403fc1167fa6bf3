//! Every event source mapping: the model of what they are, and the tasks that do what they say.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;
use verifier_model::event_source_mapping::{EventSourceMappings, MappingConfiguration};
use verifier_model::time::Timestamp;

use super::functions::Functions;
use super::mapping::run_mapping;
use super::mapping_context::MappingContext;
use crate::clock::{Clock, Signal};
use crate::queues::Queues;

/// The mappings of the emulator.
pub(crate) struct Mappings {
    context: Arc<MappingContext>,
    workers: Mutex<JoinSet<()>>,
}

impl Mappings {
    pub(crate) fn new(
        clock: Clock,
        sqs: Arc<Queues>,
        functions: Arc<Functions>,
        region: String,
    ) -> Self {
        let (changed, model) = (Signal::default(), Mutex::default());
        let context = MappingContext { clock, sqs, functions, region, changed, model };
        Self { context: Arc::new(context), workers: Mutex::default() }
    }

    /// Looks at the mappings at the present time.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&EventSourceMappings, Timestamp) -> T) -> T {
        self.context.look(look)
    }

    /// Changes the mappings at the present time; their workers take it up at once.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut EventSourceMappings, Timestamp) -> T,
    ) -> T {
        self.context.change(change)
    }

    /// Takes up a mapping of a stack, which polls from now on.
    pub(crate) fn deploy(&self, uuid: &str, configuration: MappingConfiguration) {
        self.change(|model, now| model.deploy(uuid, configuration, now));
        self.start(uuid);
    }

    /// Starts to work for a mapping that was added to the model.
    pub(crate) fn start(&self, uuid: &str) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        while workers.try_join_next().is_some() {}
        let context = self.context.clone();
        let clock = &self.context.clock;
        clock.spawn(&mut workers, |busy| run_mapping(busy, uuid.to_owned(), context));
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
}
