//! The attributes of a queue, and their bounds.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{MESSAGE_BYTES_MAX, SqsError};

/// What a queue was configured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueAttributes {
    /// How long a received message stays invisible unless the receive says otherwise; 0 to 43,200 s.
    pub visibility_timeout_seconds: u32,
    /// How long a new message stays invisible; 0 to 900 s.
    pub delay_seconds: u32,
    /// How long a message is kept; 60 to 1,209,600 s.
    pub message_retention_period_seconds: u32,
    /// The largest message; 1,024 to 1,048,576 bytes.
    pub maximum_message_size_bytes: usize,
    /// How long a receive waits unless it says otherwise; 0 to 20 s.
    pub receive_message_wait_time_seconds: u32,
    /// Where messages go that were received too often.
    pub redrive_policy: Option<RedrivePolicy>,
    /// Which queues may name this one as their dead-letter queue.
    pub redrive_allow_policy: Option<RedriveAllowPolicy>,
    /// Encryption with keys that SQS owns; on by default.
    pub sqs_managed_sse_enabled: bool,
    /// Encryption with a KMS key, which then takes the place of the SQS-owned keys.
    pub kms_master_key_id: Option<String>,
    /// How long a KMS data key is reused; 60 to 86,400 s.
    pub kms_data_key_reuse_period_seconds: u32,
    /// The access policy, as JSON text.
    pub policy: Option<String>,
}

impl Default for QueueAttributes {
    fn default() -> Self {
        Self {
            visibility_timeout_seconds: 30,
            delay_seconds: 0,
            message_retention_period_seconds: 345_600,
            maximum_message_size_bytes: MESSAGE_BYTES_MAX,
            receive_message_wait_time_seconds: 0,
            redrive_policy: None,
            redrive_allow_policy: None,
            sqs_managed_sse_enabled: true,
            kms_master_key_id: None,
            kms_data_key_reuse_period_seconds: 300,
            policy: None,
        }
    }
}

impl QueueAttributes {
    /// Sets one attribute from its text, as the API takes it.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        match name {
            "VisibilityTimeout" => {
                self.visibility_timeout_seconds = bounded(name, value, 0, 43_200)?;
            }
            "DelaySeconds" => self.delay_seconds = bounded(name, value, 0, 900)?,
            "MessageRetentionPeriod" => {
                self.message_retention_period_seconds = bounded(name, value, 60, 1_209_600)?;
            }
            "MaximumMessageSize" => {
                self.maximum_message_size_bytes = bounded(name, value, 1_024, 1_048_576)? as usize;
            }
            "ReceiveMessageWaitTimeSeconds" => {
                self.receive_message_wait_time_seconds = bounded(name, value, 0, 20)?;
            }
            "RedrivePolicy" => {
                self.redrive_policy =
                    if value.is_empty() { None } else { Some(RedrivePolicy::parse(value)?) };
            }
            "RedriveAllowPolicy" => {
                self.redrive_allow_policy =
                    if value.is_empty() { None } else { Some(RedriveAllowPolicy::parse(value)?) };
            }
            "SqsManagedSseEnabled" => self.sqs_managed_sse_enabled = boolean(name, value)?,
            "KmsMasterKeyId" => {
                self.kms_master_key_id = (!value.is_empty()).then(|| value.to_owned());
                if self.kms_master_key_id.is_some() {
                    self.sqs_managed_sse_enabled = false;
                }
            }
            "KmsDataKeyReusePeriodSeconds" => {
                self.kms_data_key_reuse_period_seconds = bounded(name, value, 60, 86_400)?;
            }
            "Policy" => self.policy = (!value.is_empty()).then(|| value.to_owned()),
            other => return Err(SqsError::InvalidAttributeName(other.to_owned())),
        }
        Ok(())
    }

    /// The attributes as the API shows them.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let mut map = BTreeMap::from([
            ("VisibilityTimeout".to_owned(), self.visibility_timeout_seconds.to_string()),
            ("DelaySeconds".to_owned(), self.delay_seconds.to_string()),
            (
                "MessageRetentionPeriod".to_owned(),
                self.message_retention_period_seconds.to_string(),
            ),
            ("MaximumMessageSize".to_owned(), self.maximum_message_size_bytes.to_string()),
            (
                "ReceiveMessageWaitTimeSeconds".to_owned(),
                self.receive_message_wait_time_seconds.to_string(),
            ),
            ("SqsManagedSseEnabled".to_owned(), self.sqs_managed_sse_enabled.to_string()),
        ]);
        if let Some(policy) = &self.redrive_policy {
            map.insert("RedrivePolicy".to_owned(), policy.to_json());
        }
        if let Some(policy) = &self.redrive_allow_policy {
            map.insert("RedriveAllowPolicy".to_owned(), policy.to_json());
        }
        if let Some(key) = &self.kms_master_key_id {
            map.insert("KmsMasterKeyId".to_owned(), key.clone());
            map.insert(
                "KmsDataKeyReusePeriodSeconds".to_owned(),
                self.kms_data_key_reuse_period_seconds.to_string(),
            );
        }
        if let Some(policy) = &self.policy {
            map.insert("Policy".to_owned(), policy.clone());
        }
        map
    }

    /// The visibility timeout as a duration.
    pub fn visibility_timeout(&self) -> Duration {
        Duration::from_secs(self.visibility_timeout_seconds.into())
    }

    /// The retention period as a duration.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(self.message_retention_period_seconds.into())
    }
}

fn bounded(name: &str, value: &str, min: u32, max: u32) -> Result<u32, SqsError> {
    value
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| SqsError::InvalidAttributeValue(name.to_owned()))
}

fn boolean(name: &str, value: &str) -> Result<bool, SqsError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(SqsError::InvalidAttributeValue(name.to_owned())),
    }
}

/// Where messages go that were received too often, and how often that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RedrivePolicy {
    /// The ARN of the dead-letter queue.
    pub dead_letter_target_arn: String,
    /// How often a message may be received before it is moved; 1 to 1,000.
    pub max_receive_count: u32,
}

impl RedrivePolicy {
    /// Reads the JSON text of the attribute; `maxReceiveCount` may be a number or a string of digits.
    pub fn parse(text: &str) -> Result<Self, SqsError> {
        let invalid = |reason: &str| {
            SqsError::InvalidParameterValue(format!(
                "Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}"
            ))
        };
        let value: Value = serde_json::from_str(text)
            .map_err(|_| invalid("Redrive policy is not a valid JSON map."))?;
        let arn = value.get("deadLetterTargetArn").and_then(Value::as_str).ok_or_else(|| {
            invalid("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
        })?;
        let count = value.get("maxReceiveCount").ok_or_else(|| {
            invalid("Redrive policy does not contain mandatory attribute: maxReceiveCount.")
        })?;
        let count = match count {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let max_receive_count = count
            .and_then(|count| u32::try_from(count).ok())
            .filter(|count| (1..=1_000).contains(count))
            .ok_or_else(|| invalid("Invalid value for maxReceiveCount."))?;
        Ok(Self { dead_letter_target_arn: arn.to_owned(), max_receive_count })
    }

    /// The JSON text of the attribute.
    pub fn to_json(&self) -> String {
        json!({
            "deadLetterTargetArn": self.dead_letter_target_arn,
            "maxReceiveCount": self.max_receive_count,
        })
        .to_string()
    }
}

/// Which queues may name a queue as their dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "redrivePermission")]
pub enum RedriveAllowPolicy {
    /// Every queue of the account and region.
    AllowAll,
    /// None.
    DenyAll,
    /// The named ones, at most ten.
    #[serde(rename_all = "camelCase")]
    ByQueue {
        /// The ARNs of the queues.
        source_queue_arns: Vec<String>,
    },
}

impl RedriveAllowPolicy {
    /// Reads the JSON text of the attribute.
    pub fn parse(text: &str) -> Result<Self, SqsError> {
        serde_json::from_str(text).map_err(|_| {
            SqsError::InvalidParameterValue(format!(
                "Value {text} for parameter RedriveAllowPolicy is invalid."
            ))
        })
    }

    /// The JSON text of the attribute.
    pub fn to_json(&self) -> String {
        json!(self).to_string()
    }
}
