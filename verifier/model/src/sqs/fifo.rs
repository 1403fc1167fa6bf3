//! The attributes that only FIFO queues have.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>, section
//! "FIFO queues".

use super::SqsError;

/// What a FIFO queue was configured with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FifoAttributes {
    /// Whether a message without a deduplication id gets one from the SHA-256 of its body.
    pub content_based_deduplication: bool,
    /// Among which messages a deduplication id is unique.
    pub deduplication_scope: DeduplicationScope,
    /// What the throughput quota applies to. The model has no quota; it only keeps the value.
    pub throughput_limit: FifoThroughputLimit,
}

/// Among which messages a deduplication id is unique.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeduplicationScope {
    /// Among all of the queue.
    #[default]
    Queue,
    /// Among those of one message group.
    MessageGroup,
}

impl DeduplicationScope {
    /// The attribute's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::MessageGroup => "messageGroup",
        }
    }
}

/// What the throughput quota of a FIFO queue applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FifoThroughputLimit {
    /// The whole queue.
    #[default]
    PerQueue,
    /// Each message group.
    PerMessageGroupId,
}

impl FifoThroughputLimit {
    /// The attribute's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PerQueue => "perQueue",
            Self::PerMessageGroupId => "perMessageGroupId",
        }
    }
}

impl FifoAttributes {
    /// Sets one attribute from its text.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        let invalid = || SqsError::InvalidAttributeValue(name.to_owned());
        match name {
            "ContentBasedDeduplication" => self.content_based_deduplication = boolean(name, value)?,
            "DeduplicationScope" => {
                self.deduplication_scope =
                    [DeduplicationScope::Queue, DeduplicationScope::MessageGroup]
                        .into_iter()
                        .find(|scope| scope.as_str() == value)
                        .ok_or_else(invalid)?;
            }
            "FifoThroughputLimit" => {
                self.throughput_limit =
                    [FifoThroughputLimit::PerQueue, FifoThroughputLimit::PerMessageGroupId]
                        .into_iter()
                        .find(|limit| limit.as_str() == value)
                        .ok_or_else(invalid)?;
            }
            other => return Err(SqsError::InvalidAttributeName(other.to_owned())),
        }
        Ok(())
    }

    /// A quota for each group is allowed only when deduplication is by group, too. The reason is in our own words.
    pub(super) fn check(self) -> Result<(), SqsError> {
        let by_group = self.deduplication_scope == DeduplicationScope::MessageGroup;
        if self.throughput_limit == FifoThroughputLimit::PerMessageGroupId && !by_group {
            return Err(SqsError::InvalidAttributeValue(
                "FifoThroughputLimit. Reason: perMessageGroupId is allowed only when DeduplicationScope is messageGroup"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

/// Reads `true` or `false`, in any case: some clients write `True`.
pub(super) fn boolean(name: &str, value: &str) -> Result<bool, SqsError> {
    value.to_ascii_lowercase().parse().map_err(|_| SqsError::InvalidAttributeValue(name.to_owned()))
}
