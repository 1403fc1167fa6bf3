//! Where messages go: a queue, or a function that is invoked with their events.

use std::time::Duration;

use verifier_aws::{Aws, Sent};
use verifier_core::check::{FunctionEvidence, QueueEvidence};
use verifier_core::dead_letters::Resend;
use verifier_core::redrive::{FunctionTarget, QueueName};

use crate::dlq::{DlqTarget, NotAsked};

/// How large the events of a batch are together at most; each has a request of its own.
const EVENTS_BYTES_MAX: usize = 1_048_576;

/// Where messages are sent: it may be in another region or account.
pub(crate) struct Destination {
    pub(crate) aws: Aws,
    pub(crate) receiver: Receiver,
    /// The log group of the function that reads the queue, where one does, or that is invoked.
    pub(crate) log_group: Option<String>,
    /// Why it is not known which function that is, where it could not be asked for.
    pub(crate) log_not_asked: Option<NotAsked>,
}

/// What takes messages.
pub(crate) enum Receiver {
    Queue(QueueEvidence),
    /// A function, and whether what it fails comes back to the dead-letter queue.
    Function {
        function: FunctionEvidence,
        owns_queue: bool,
    },
}

impl Destination {
    /// The queue, where it is one.
    pub(crate) const fn queue(&self) -> Option<&QueueEvidence> {
        match &self.receiver {
            Receiver::Queue(queue) => Some(queue),
            Receiver::Function { .. } => None,
        }
    }

    pub(crate) fn arn(&self) -> &str {
        match &self.receiver {
            Receiver::Queue(queue) => queue.arn(),
            Receiver::Function { function, .. } => &function.arn,
        }
    }

    /// By which names a plan and a journal know it.
    pub(crate) fn name(&self) -> QueueName {
        let url = self.queue().map(|queue| queue.url.clone()).unwrap_or_default();
        QueueName { arn: self.arn().to_owned(), url }
    }

    /// Whether it keeps the order of messages.
    pub(crate) fn is_fifo(&self) -> bool {
        self.queue().is_some_and(QueueEvidence::is_fifo)
    }

    /// How large a batch may be.
    pub(crate) fn bytes_max(&self) -> usize {
        self.queue().map_or(EVENTS_BYTES_MAX, QueueEvidence::message_bytes_max)
    }

    /// Whether what fails there comes back to the dead-letter queue.
    pub(crate) fn comes_back(&self, place: &DlqTarget) -> bool {
        match &self.receiver {
            Receiver::Queue(queue) => queue
                .redrive_policy()
                .is_some_and(|policy| policy.dead_letter_target_arn == place.dead_letters.arn()),
            Receiver::Function { owns_queue, .. } => *owns_queue,
        }
    }

    /// How long what fails there takes to the dead-letter queue, when nothing is late. Where a queue has no redrive policy it
    /// never gets there, and only the log tells: for as long as one receive may take.
    pub(crate) fn fails_within(&self) -> Duration {
        match &self.receiver {
            Receiver::Queue(queue) => {
                let visibility_timeout = queue.visibility_timeout().unwrap_or_default();
                let receives = queue.redrive_policy().map_or(1, |policy| policy.max_receive_count);
                visibility_timeout * receives
            }
            Receiver::Function { function, .. } => FunctionTarget::fails_within(function.timeout),
        }
    }

    /// Sends messages, by one request where it is a queue.
    pub(crate) async fn send(&self, messages: &[Resend]) -> Vec<Sent> {
        match &self.receiver {
            Receiver::Queue(queue) => self.aws.resend(queue, messages).await,
            Receiver::Function { function, .. } => self.aws.invoke(&function.arn, messages).await,
        }
    }
}
