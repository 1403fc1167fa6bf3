//! The fields of a part of a stack, which AWS takes one by one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::configuration::ResourceConfig;

/// The field of a redrive policy that experiments change.
const MAX_RECEIVE_COUNT: &str = "maxReceiveCount";

/// A field of a part's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// `ReservedConcurrentExecutions`.
    ReservedConcurrency,
    /// `Enabled`.
    Enabled,
    /// `BatchSize`.
    BatchSize,
    /// `MaximumBatchingWindowInSeconds`.
    BatchingWindow,
    /// `ScalingConfig.MaximumConcurrency`.
    MaximumConcurrency,
    /// `FunctionResponseTypes`.
    ResponseTypes,
    /// A tag's value.
    Tag,
    /// `VisibilityTimeout`.
    VisibilityTimeout,
    /// `maxReceiveCount` of the `RedrivePolicy`.
    MaxReceiveCount,
    /// The rest of the `RedrivePolicy`.
    RedrivePolicy,
    /// `Timeout`.
    Timeout,
    /// `MemorySize`.
    MemorySize,
}

impl Field {
    /// AWS's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReservedConcurrency => "ReservedConcurrentExecutions",
            Self::Enabled => "Enabled",
            Self::BatchSize => "BatchSize",
            Self::BatchingWindow => "MaximumBatchingWindowInSeconds",
            Self::MaximumConcurrency => "MaximumConcurrency",
            Self::ResponseTypes => "FunctionResponseTypes",
            Self::Tag => "the tag",
            Self::VisibilityTimeout => "VisibilityTimeout",
            Self::MaxReceiveCount => MAX_RECEIVE_COUNT,
            Self::RedrivePolicy => "RedrivePolicy",
            Self::Timeout => "Timeout",
            Self::MemorySize => "MemorySize",
        }
    }
}

impl ResourceConfig {
    /// What each field says; null where the part has none.
    pub fn fields(&self) -> BTreeMap<Field, Value> {
        match self {
            Self::Concurrency { reserved } => {
                BTreeMap::from([(Field::ReservedConcurrency, (*reserved).into())])
            }
            Self::Mapping(state) => BTreeMap::from([
                (Field::Enabled, state.enabled.into()),
                (Field::BatchSize, state.batch_size.into()),
                (Field::BatchingWindow, state.batching_window_seconds.into()),
                (Field::MaximumConcurrency, state.maximum_concurrency.into()),
                (Field::ResponseTypes, state.response_types.clone().into()),
            ]),
            Self::QueueTag { value } => BTreeMap::from([(Field::Tag, value.clone().into())]),
            Self::Queue { visibility_timeout_seconds, redrive_policy } => {
                let (count, rest) = policy_parts(redrive_policy.as_deref());
                BTreeMap::from([
                    (Field::VisibilityTimeout, (*visibility_timeout_seconds).into()),
                    (Field::MaxReceiveCount, count),
                    (Field::RedrivePolicy, rest),
                ])
            }
            Self::Function { timeout_seconds, memory_megabytes } => BTreeMap::from([
                (Field::Timeout, (*timeout_seconds).into()),
                (Field::MemorySize, (*memory_megabytes).into()),
            ]),
        }
    }

    /// Takes one field from another configuration of the same part.
    pub fn take(&mut self, other: &Self, field: Field) {
        match (self, other, field) {
            (Self::Concurrency { reserved }, Self::Concurrency { reserved: other }, _) => {
                *reserved = *other;
            }
            (Self::QueueTag { value }, Self::QueueTag { value: other }, _) => {
                value.clone_from(other);
            }
            (Self::Mapping(to), Self::Mapping(from), _) => match field {
                Field::Enabled => to.enabled = from.enabled,
                Field::BatchSize => to.batch_size = from.batch_size,
                Field::BatchingWindow => to.batching_window_seconds = from.batching_window_seconds,
                Field::MaximumConcurrency => to.maximum_concurrency = from.maximum_concurrency,
                Field::ResponseTypes => to.response_types.clone_from(&from.response_types),
                _ => {}
            },
            (
                Self::Queue { visibility_timeout_seconds, .. },
                Self::Queue { visibility_timeout_seconds: other, .. },
                Field::VisibilityTimeout,
            ) => *visibility_timeout_seconds = *other,
            (
                Self::Queue { redrive_policy, .. },
                Self::Queue { redrive_policy: other, .. },
                Field::MaxReceiveCount,
            ) => with_max_receive_count(redrive_policy, policy_parts(other.as_deref()).0),
            (
                Self::Function { timeout_seconds, .. },
                Self::Function { timeout_seconds: other, .. },
                Field::Timeout,
            ) => *timeout_seconds = *other,
            (
                Self::Function { memory_megabytes, .. },
                Self::Function { memory_megabytes: other, .. },
                Field::MemorySize,
            ) => *memory_megabytes = *other,
            // The rest of a redrive policy is no experiment's.
            _ => {}
        }
    }

    /// Whether these fields say the same here as there.
    pub fn agrees(&self, other: &Self, fields: &BTreeSet<Field>) -> bool {
        let (own, others) = (self.fields(), other.fields());
        fields.iter().all(|field| own.get(field) == others.get(field))
    }
}

/// A redrive policy's count, as a number also where it is written as a text, and everything else of it.
fn policy_parts(policy: Option<&str>) -> (Value, Value) {
    let Some(text) = policy else { return (Value::Null, Value::Null) };
    let Ok(Value::Object(mut policy)) = serde_json::from_str(text) else {
        return (Value::Null, text.into());
    };
    let count = policy.remove(MAX_RECEIVE_COUNT).unwrap_or_default();
    let number = count.as_str().and_then(|text| text.parse::<u64>().ok());
    (number.map_or(count, Value::from), Value::Object(policy))
}

/// The same policy with another count. What is no policy stays as it is.
pub fn with_max_receive_count(policy: &mut Option<String>, count: Value) {
    let parsed = policy.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let Some(Value::Object(mut fields)) = parsed else { return };
    fields.insert(MAX_RECEIVE_COUNT.to_owned(), count);
    *policy = Some(Value::Object(fields).to_string());
}
