//! An operation, and what it needs.

/// What an action is allowed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// The stack.
    Stack,
    /// The jobs queue and the dead-letter queue.
    Queues,
    /// The jobs queue alone.
    JobsQueue,
    /// The dead-letter queue alone.
    DeadLetterQueue,
    /// All queues of the account and the region.
    AllQueues,
    /// The function that reads the jobs queue.
    Worker,
    /// All functions of the stack.
    Functions,
    /// The worker's settings, which a version or an alias has none of.
    WorkerSettings,
    /// The worker and the function that submits jobs, whose concurrency experiments reserve.
    Concurrencies,
    /// Event source mappings, whose ids nobody knows before: those that lead to the worker.
    Mappings,
    /// The log group of that function.
    WorkerLogGroup,
    /// The action cannot be allowed on single resources.
    Any,
}

/// An operation that the verifier calls, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The operation, as the SDK names it, for example `SQS.DeleteMessageBatch`.
    pub operation: &'static str,
    /// The IAM action, for example `sqs:DeleteMessage`.
    pub action: &'static str,
    /// What it is allowed on.
    pub resource: ResourceKind,
    /// When it is called, where a good run does without it.
    pub only_when: Option<&'static str>,
}

/// A permission that every run needs.
pub(super) const fn always(
    operation: &'static str,
    action: &'static str,
    resource: ResourceKind,
) -> Permission {
    Permission { operation, action, resource, only_when: None }
}

/// When something is called that not every run calls.
pub(super) struct When(pub(super) &'static str);

impl When {
    pub(super) const fn calls(
        self,
        operation: &'static str,
        action: &'static str,
        resource: ResourceKind,
    ) -> Permission {
        Permission { operation, action, resource, only_when: Some(self.0) }
    }
}
