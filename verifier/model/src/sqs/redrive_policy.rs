//! The policies by which queues name, and accept, each other as dead-letter queues.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SqsError;
use super::error::invalid_parameter;

/// The most queues that a [`RedriveAllowPolicy`] may name.
const SOURCE_QUEUES_MAX: usize = 10;

/// The refusal of a target that is no ARN.
pub(super) const BAD_TARGET: &str = "Invalid value for deadLetterTargetArn.";

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
        let invalid = |reason: &str| invalid_parameter("RedrivePolicy", text, reason);
        let value: Value = serde_json::from_str(text)
            .map_err(|_| invalid("Redrive policy is not a valid JSON map."))?;
        let member = |name: &str| {
            value.get(name).ok_or_else(|| {
                invalid(&format!("Redrive policy does not contain mandatory attribute: {name}."))
            })
        };
        let (target, count) = (member("deadLetterTargetArn")?, member("maxReceiveCount")?);
        let target = target.as_str().ok_or_else(|| invalid(BAD_TARGET))?;
        let max_receive_count = whole_number(count)
            .filter(|count| (1..=1_000).contains(count))
            .ok_or_else(|| {
                let shown = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
                invalid(&format!(
                    "Invalid value for maxReceiveCount: {shown}, valid values are from 1 to 1000 both inclusive."
                ))
            })?;
        Ok(Self { dead_letter_target_arn: target.to_owned(), max_receive_count })
    }

    /// The JSON text of the attribute.
    pub fn to_json(&self) -> String {
        json!(self).to_string()
    }

    /// Whether the target has the six parts of an ARN of SQS.
    pub(super) fn has_queue_arn(&self) -> bool {
        let parts: Vec<&str> = self.dead_letter_target_arn.split(':').collect();
        matches!(parts[..], ["arn", _, "sqs", _, _, name] if !name.is_empty())
    }
}

fn whole_number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
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
        let invalid = || {
            SqsError::InvalidParameterValue(format!(
                "Value {text} for parameter RedriveAllowPolicy is invalid."
            ))
        };
        let policy: Self = serde_json::from_str(text).map_err(|_| invalid())?;
        match &policy {
            Self::ByQueue { source_queue_arns }
                if source_queue_arns.is_empty() || source_queue_arns.len() > SOURCE_QUEUES_MAX =>
            {
                Err(invalid())
            }
            _ => Ok(policy),
        }
    }

    /// The JSON text of the attribute.
    pub fn to_json(&self) -> String {
        json!(self).to_string()
    }

    /// Whether the queue of this ARN may name the queue as its dead-letter queue.
    pub fn allows(&self, source_queue_arn: &str) -> bool {
        match self {
            Self::AllowAll => true,
            Self::DenyAll => false,
            Self::ByQueue { source_queue_arns } => {
                source_queue_arns.iter().any(|arn| arn == source_queue_arn)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrive_policy_is_read_and_each_defect_is_named() {
        let read = |text: &str| RedrivePolicy::parse(text).map(|policy| policy.max_receive_count);
        let reason = |text: &str| {
            let message = RedrivePolicy::parse(text).unwrap_err().to_string();
            message.split_once("Reason: ").unwrap().1.to_owned()
        };
        let arn = "arn:aws:sqs:eu-central-1:000000000000:dlq";
        assert_eq!(
            read(&format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":3}}"#)),
            Ok(3)
        );
        assert_eq!(
            read(&format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"1000"}}"#)),
            Ok(1_000)
        );
        assert_eq!(reason("{"), "Redrive policy is not a valid JSON map.");
        assert_eq!(
            reason(r#"{"maxReceiveCount":3}"#),
            "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."
        );
        assert_eq!(
            reason(&format!(r#"{{"deadLetterTargetArn":"{arn}"}}"#)),
            "Redrive policy does not contain mandatory attribute: maxReceiveCount."
        );
        assert_eq!(reason(r#"{"deadLetterTargetArn":1,"maxReceiveCount":3}"#), BAD_TARGET);
        for count in ["0", "1001", "-1", "1.5"] {
            assert_eq!(
                reason(&format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{count}}}"#)),
                format!(
                    "Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive."
                )
            );
        }
    }

    #[test]
    fn a_redrive_allow_policy_names_one_to_ten_queues() {
        let by_queue = |count: usize| {
            let arns = vec!["arn:aws:sqs:eu-central-1:000000000000:jobs"; count];
            json!({"redrivePermission": "byQueue", "sourceQueueArns": arns}).to_string()
        };
        for bad in ["", "{}", r#"{"redrivePermission":"some"}"#, &by_queue(0), &by_queue(11)] {
            assert!(RedriveAllowPolicy::parse(bad).is_err(), "{bad}");
        }
        let policy = RedriveAllowPolicy::parse(&by_queue(10)).unwrap();
        assert!(policy.allows("arn:aws:sqs:eu-central-1:000000000000:jobs"));
        assert!(!policy.allows("arn:aws:sqs:eu-central-1:000000000000:other"));
        assert_eq!(RedriveAllowPolicy::parse(&policy.to_json()), Ok(policy));
        assert!(
            RedriveAllowPolicy::parse(r#"{"redrivePermission":"allowAll"}"#).unwrap().allows("x")
        );
        assert!(
            !RedriveAllowPolicy::parse(r#"{"redrivePermission":"denyAll"}"#).unwrap().allows("x")
        );
    }
}
