//! The KMS key of a queue.

use serde_json::{Value, json};

use crate::evidence::QueueEvidence;

/// The key of a queue, as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueKey {
    /// The key's ARN; the pattern of all keys of the account and the region where an alias names it.
    pub arn: String,
    /// The alias, which may point to another key tomorrow.
    pub alias: Option<String>,
}

impl QueueKey {
    /// The key that a queue's attributes name: by its id, its ARN, an alias or an alias' ARN. `None` where the caller needs
    /// no permission for it.
    ///
    /// Source: `KmsMasterKeyId` in
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>, whose forms are
    /// those of `KeyId` in <https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html>.
    pub fn of(queue: &QueueEvidence) -> Option<Self> {
        // A template names it: a star in it would be a pattern in the policy.
        let is_named = |id: &&String| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '_' | '-');
            !id.is_empty() && id.chars().all(is_part)
        };
        let id = queue.attributes.get("KmsMasterKeyId").filter(is_named)?;
        let arn: Vec<&str> = queue.arn().split(':').collect();
        let ["arn", partition, _, region, account, _] = arn.as_slice() else { return None };
        let of_account = format!("arn:{partition}:kms:{region}:{account}:");
        let (before, name) = match id.rsplit_once(':') {
            Some((before, name)) => (format!("{before}:"), name),
            None => (of_account, id.as_str()),
        };
        match name.split_once('/') {
            Some(("alias", "aws/sqs")) => None,
            Some(("alias", _)) => {
                Some(Self { arn: format!("{before}key/*"), alias: Some(name.to_owned()) })
            }
            Some(_) => Some(Self { arn: format!("{before}{name}"), alias: None }),
            None => Some(Self { arn: format!("{before}key/{name}"), alias: None }),
        }
    }

    /// The condition under which a policy allows it: that SQS asks, and that the alias points to the key.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html>.
    pub(super) fn condition(&self) -> Value {
        let parts: Vec<&str> = self.arn.split(':').collect();
        let (partition, region) = (parts.get(1), parts.get(3).copied().unwrap_or_default());
        let sqs = format!("sqs.{region}.amazonaws.com");
        let services = match partition {
            Some(&"aws-cn") => json!([sqs, format!("{sqs}.cn")]),
            _ => json!(sqs),
        };
        let mut condition = json!({"StringEquals": {"kms:ViaService": services}});
        if let Some(alias) = &self.alias {
            condition["ForAnyValue:StringEquals"] = json!({"kms:ResourceAliases": alias});
        }
        condition
    }
}
