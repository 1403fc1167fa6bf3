//! Which operations an endpoint has answered at all.
//!
//! Some emulators answer an operation that they do not have, and a request that they fail on, in the same way: with a
//! server error without a code. Only the other answers of a run tell the two apart.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// The operations that were answered otherwise than by a server error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered(Arc<Mutex<BTreeSet<String>>>);

impl Answered {
    /// Whether an operation was answered, by a name like `SendMessage`.
    pub(crate) fn has(&self, operation: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(operation)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Answered {
    fn name(&self) -> &'static str {
        "verifier::Answered"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answered = context.response().status().as_u16() < 500;
        if let Some(operation) = config.load::<Metadata>().filter(|_| answered) {
            let name = operation.name().to_owned();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
        }
        Ok(())
    }
}
