//! The attributes of a queue, and their bounds.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::fifo::boolean;
use super::{FifoAttributes, MESSAGE_BYTES_MAX, RedriveAllowPolicy, RedrivePolicy, SqsError};

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
    /// What only FIFO queues have; `None` makes a standard queue.
    pub fifo: Option<FifoAttributes>,
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
            fifo: None,
        }
    }
}

/// Every name by which attributes can be asked for.
const NAMES: [&str; 22] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "ContentBasedDeduplication",
    "CreatedTimestamp",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "LastModifiedTimestamp",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "QueueArn",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
    "All",
];

impl QueueAttributes {
    /// Checks the names that a `GetQueueAttributes` request asks for: one that a queue merely does not have is fine.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.
    pub fn check_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), SqsError> {
        match names.into_iter().find(|name| !NAMES.contains(name)) {
            Some(unknown) => Err(SqsError::InvalidAttributeName(unknown.to_owned())),
            None => Ok(()),
        }
    }

    /// The attributes of a new queue, from the texts of a `CreateQueue` request.
    pub fn from_request(request: &BTreeMap<String, String>) -> Result<Self, SqsError> {
        let mut attributes = Self::default();
        // The kind of the queue decides which others it may have.
        if let Some(fifo) = request.get(FIFO_QUEUE) {
            attributes.set(FIFO_QUEUE, fifo)?;
        }
        attributes.set_all(request)?;
        Ok(attributes)
    }

    /// The attributes after a `SetQueueAttributes` request: all of its changes, or an error.
    pub fn changed_by(&self, request: &BTreeMap<String, String>) -> Result<Self, SqsError> {
        if self.fifo.is_none() && request.contains_key(FIFO_QUEUE) {
            return Err(SqsError::InvalidAttributeName(FIFO_QUEUE.to_owned()));
        }
        let mut attributes = self.clone();
        attributes.set_all(request)?;
        Ok(attributes)
    }

    fn set_all(&mut self, request: &BTreeMap<String, String>) -> Result<(), SqsError> {
        let kms = request.get("KmsMasterKeyId").is_some_and(|key| !key.is_empty());
        if kms
            && request.get("SqsManagedSseEnabled").is_some_and(|on| on.eq_ignore_ascii_case("true"))
        {
            return Err(SqsError::ConflictingEncryption);
        }
        for (name, value) in request {
            self.set(name, value)?;
        }
        self.fifo.map_or(Ok(()), FifoAttributes::check)
    }

    /// Sets one attribute from its text, as the API takes it. `FifoQueue` has to come before the other attributes of
    /// FIFO queues.
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
                self.redrive_policy = unless_empty(value, RedrivePolicy::parse)?;
            }
            "RedriveAllowPolicy" => {
                self.redrive_allow_policy = unless_empty(value, RedriveAllowPolicy::parse)?;
            }
            "SqsManagedSseEnabled" | "KmsMasterKeyId" | "KmsDataKeyReusePeriodSeconds" => {
                self.set_encryption(name, value)?;
            }
            "Policy" => self.policy = unless_empty(value, policy)?,
            FIFO_QUEUE => self.set_kind(value)?,
            other => match &mut self.fifo {
                Some(fifo) => fifo.set(other, value)?,
                // As recorded: for these two, and not for the others.
                None if matches!(other, "DeduplicationScope" | "FifoThroughputLimit") => {
                    return Err(SqsError::OnlyForFifo(other.to_owned()));
                }
                None => return Err(SqsError::InvalidAttributeName(other.to_owned())),
            },
        }
        Ok(())
    }

    /// One kind of encryption takes the place of the other.
    fn set_encryption(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        match name {
            "SqsManagedSseEnabled" => {
                self.sqs_managed_sse_enabled = boolean(name, value)?;
                if self.sqs_managed_sse_enabled {
                    self.kms_master_key_id = None;
                }
            }
            "KmsMasterKeyId" => {
                self.kms_master_key_id = (!value.is_empty()).then(|| value.to_owned());
                if self.kms_master_key_id.is_some() {
                    self.sqs_managed_sse_enabled = false;
                }
            }
            _ => self.kms_data_key_reuse_period_seconds = bounded(name, value, 60, 86_400)?,
        }
        Ok(())
    }

    /// A standard queue does not know the attribute, and a FIFO queue stays one.
    fn set_kind(&mut self, value: &str) -> Result<(), SqsError> {
        match (boolean(FIFO_QUEUE, value)?, self.fifo) {
            (true, fifo) => self.fifo = Some(fifo.unwrap_or_default()),
            (false, None) => return Err(SqsError::InvalidAttributeName(FIFO_QUEUE.to_owned())),
            (false, Some(_)) => {
                return Err(SqsError::InvalidAttributeValue(format!(
                    "{FIFO_QUEUE}. Reason: Modifying queue type is not supported"
                )));
            }
        }
        Ok(())
    }

    /// The attributes as the API shows them.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        let mut put = |name: &str, value: String| {
            map.insert(name.to_owned(), value);
        };
        put("VisibilityTimeout", self.visibility_timeout_seconds.to_string());
        put("DelaySeconds", self.delay_seconds.to_string());
        put("MessageRetentionPeriod", self.message_retention_period_seconds.to_string());
        put("MaximumMessageSize", self.maximum_message_size_bytes.to_string());
        put("ReceiveMessageWaitTimeSeconds", self.receive_message_wait_time_seconds.to_string());
        put("SqsManagedSseEnabled", self.sqs_managed_sse_enabled.to_string());
        if let Some(policy) = &self.redrive_policy {
            put("RedrivePolicy", policy.to_json());
        }
        if let Some(policy) = &self.redrive_allow_policy {
            put("RedriveAllowPolicy", policy.to_json());
        }
        if let Some(key) = &self.kms_master_key_id {
            put("KmsMasterKeyId", key.clone());
            put("KmsDataKeyReusePeriodSeconds", self.kms_data_key_reuse_period_seconds.to_string());
        }
        if let Some(policy) = &self.policy {
            put("Policy", policy.clone());
        }
        if let Some(fifo) = &self.fifo {
            put(FIFO_QUEUE, true.to_string());
            put("ContentBasedDeduplication", fifo.content_based_deduplication.to_string());
            put("DeduplicationScope", fifo.deduplication_scope.as_str().to_owned());
            put("FifoThroughputLimit", fifo.throughput_limit.as_str().to_owned());
        }
        map
    }

    /// The visibility timeout as a duration.
    pub fn visibility_timeout(&self) -> Duration {
        Duration::from_secs(self.visibility_timeout_seconds.into())
    }

    /// The delay as a duration.
    pub fn delay(&self) -> Duration {
        Duration::from_secs(self.delay_seconds.into())
    }

    /// The retention period as a duration.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(self.message_retention_period_seconds.into())
    }
}

/// The attribute that makes a FIFO queue.
const FIFO_QUEUE: &str = "FifoQueue";

/// An empty text takes a policy away.
fn unless_empty<T>(
    value: &str,
    parse: impl FnOnce(&str) -> Result<T, SqsError>,
) -> Result<Option<T>, SqsError> {
    if value.is_empty() { Ok(None) } else { parse(value).map(Some) }
}

/// The longest access policy, in bytes.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html>.
const POLICY_BYTES_MAX: usize = 8192;

/// An access policy is a JSON object; what it allows is not the model's business.
fn policy(text: &str) -> Result<String, SqsError> {
    if text.len() > POLICY_BYTES_MAX {
        return Err(SqsError::InvalidAttributeValue("Policy".to_owned()));
    }
    let is_object = serde_json::from_str::<Value>(text).is_ok_and(|policy| policy.is_object());
    is_object
        .then(|| text.to_owned())
        .ok_or_else(|| SqsError::InvalidAttributeValue("Policy".to_owned()))
}

fn bounded(name: &str, value: &str, min: u32, max: u32) -> Result<u32, SqsError> {
    value
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| SqsError::InvalidAttributeValue(name.to_owned()))
}
