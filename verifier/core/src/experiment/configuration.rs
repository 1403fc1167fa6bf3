//! The parts of a stack that experiments change, and how they are configured.

use serde::{Deserialize, Serialize};

use super::LEASE_TAG;
use crate::evidence::StackResource;

/// A part of a stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ResourceRef {
    /// A function's reserved concurrency.
    Concurrency {
        /// The function's name or ARN.
        function: String,
    },
    /// An event source mapping.
    Mapping {
        /// Its id.
        uuid: String,
    },
    /// A tag of a queue.
    QueueTag {
        /// The queue's URL.
        queue_url: String,
        /// The tag's key.
        key: String,
    },
    /// How long a queue hides what was received, and when it gives a message up.
    Queue {
        /// The queue's URL.
        queue_url: String,
    },
    /// How long a function may take, and its memory.
    Function {
        /// The function's name or ARN.
        function: String,
    },
}

impl ResourceRef {
    /// Whether it is of a stack with these resources: a journal that was changed, or is another stack's, could name any.
    pub fn belongs_to(&self, resources: &[StackResource]) -> bool {
        let is_there = |resource_type: &str, id: &str| {
            let of_type = resources.iter().filter(|each| each.resource_type == resource_type);
            of_type.into_iter().any(|each| {
                id == each.physical_id
                    || id.ends_with(&format!(":function:{}", each.physical_id))
                    || is_same_queue(id, &each.physical_id)
            })
        };
        match self {
            Self::Concurrency { function } | Self::Function { function } => {
                is_there("AWS::Lambda::Function", function)
            }
            Self::Mapping { uuid } => is_there("AWS::Lambda::EventSourceMapping", uuid),
            Self::Queue { queue_url } => is_there("AWS::SQS::Queue", queue_url),
            Self::QueueTag { queue_url, key } => {
                key == LEASE_TAG && is_there("AWS::SQS::Queue", queue_url)
            }
        }
    }
}

/// Whether two URLs are of one queue: SQS answers with the host by which it was asked, and `CloudFormation` with another.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>.
fn is_same_queue(one: &str, other: &str) -> bool {
    let account_and_name = |url: &str| {
        let mut parts = url.rsplit('/').map(str::to_owned);
        let (name, account) = (parts.next()?, parts.next()?);
        // What stands before them is a URL's.
        url.contains("://").then_some((account, name))
    };
    account_and_name(one).is_some_and(|queue| account_and_name(other) == Some(queue))
}

/// How a part is configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ResourceConfig {
    /// How many invocations of a function run at once; as many as the account has left when absent.
    Concurrency {
        /// The limit.
        reserved: Option<u32>,
    },
    /// An event source mapping's.
    Mapping(MappingState),
    /// The value of a tag; absent when there is no such tag.
    QueueTag {
        /// The value.
        value: Option<String>,
    },
    /// A queue's.
    Queue {
        /// `VisibilityTimeout`.
        visibility_timeout_seconds: u32,
        /// `RedrivePolicy`, as SQS writes it; absent when it has none.
        redrive_policy: Option<String>,
    },
    /// A function's.
    Function {
        /// `Timeout`.
        timeout_seconds: u32,
        /// `MemorySize`.
        memory_megabytes: u32,
    },
}

impl ResourceConfig {
    /// Whether it is how a part of that kind is configured.
    pub fn is_of(&self, part: &ResourceRef) -> bool {
        matches!(
            (self, part),
            (Self::Concurrency { .. }, ResourceRef::Concurrency { .. })
                | (Self::Mapping(_), ResourceRef::Mapping { .. })
                | (Self::QueueTag { .. }, ResourceRef::QueueTag { .. })
                | (Self::Queue { .. }, ResourceRef::Queue { .. })
                | (Self::Function { .. }, ResourceRef::Function { .. })
        )
    }
}

/// What is changed about event source mappings.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MappingState {
    /// Whether it receives.
    pub enabled: bool,
    /// `BatchSize`.
    pub batch_size: u32,
    /// `MaximumBatchingWindowInSeconds`.
    pub batching_window_seconds: u32,
    /// `MaximumConcurrency`.
    pub maximum_concurrency: Option<u32>,
    /// `FunctionResponseTypes`.
    pub response_types: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_belongs_to_the_stack_whose_resource_it_is() {
        let resource = |resource_type: &str, physical_id: &str| StackResource {
            logical_id: "X".into(),
            physical_id: physical_id.into(),
            resource_type: resource_type.into(),
        };
        let resources = [
            resource("AWS::SQS::Queue", "http://h/0/jobs"),
            resource("AWS::Lambda::Function", "worker"),
            resource("AWS::Lambda::EventSourceMapping", "m"),
        ];
        let queue = |name: &str| ResourceRef::Queue { queue_url: format!("http://h/0/{name}") };
        let tag = |key: &str| ResourceRef::QueueTag {
            queue_url: "http://h/0/jobs".into(),
            key: key.into(),
        };
        let function = |name: &str| ResourceRef::Function { function: name.into() };
        for part in [
            queue("jobs"),
            ResourceRef::Queue { queue_url: "https://queue.example/0/jobs".into() },
            tag(LEASE_TAG),
            function("worker"),
            function("arn:aws:lambda:r:0:function:worker"),
            ResourceRef::Concurrency { function: "worker".into() },
            ResourceRef::Mapping { uuid: "m".into() },
        ] {
            assert!(part.belongs_to(&resources), "{part:?}");
        }
        for part in [
            queue("victim"),
            ResourceRef::Queue { queue_url: "http://h/1/jobs".into() },
            tag("owner"),
            function("hello"),
            function("http://h/0/jobs"),
            ResourceRef::Concurrency {
                function: "arn:aws:lambda:r:0:function:other-worker".into(),
            },
            ResourceRef::Mapping { uuid: "n".into() },
        ] {
            assert!(!part.belongs_to(&resources), "{part:?}");
        }
    }
}
