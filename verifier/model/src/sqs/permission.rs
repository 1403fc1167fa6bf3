//! Permissions: statements of a queue's access policy, by label.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html>; the policy's
//! form and the refusals of labels are from recordings.

use serde_json::{Value, json};

use super::error::invalid_parameter;
use super::{Sqs, SqsError};
use crate::time::Timestamp;

/// The most actions that one permission may name.
const ACTIONS_MAX: usize = 7;

/// What others than the owner may be allowed to do.
const ACTIONS: [&str; 9] = [
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];

impl Sqs {
    /// Allows accounts to perform actions on a queue, by a statement of its policy that has the label as its id.
    pub fn add_permission(
        &mut self,
        name: &str,
        label: &str,
        account_ids: &[String],
        actions: &[String],
        now: Timestamp,
    ) -> Result<(), SqsError> {
        check_permission(label, account_ids, actions)?;
        let arn = self.arn(name);
        self.advance(now);
        let queue = self.queue_mut(name, now)?;
        let mut policy = match &queue.attributes.policy {
            Some(policy) => read_policy(policy)?,
            None => json!({
                "Version": "2008-10-17",
                "Id": format!("{arn}/SQSDefaultPolicy"),
                "Statement": [],
            }),
        };
        let statements = statements_mut(&mut policy)?;
        if statements.iter().any(|statement| statement["Sid"] == label) {
            return Err(invalid_parameter("Label", label, "Already exists."));
        }
        let principals = account_ids.iter().map(|id| format!("arn:aws:iam::{id}:root"));
        statements.push(json!({
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": one_or_many(principals)},
            "Action": one_or_many(actions.iter().map(|action| format!("SQS:{action}"))),
            "Resource": arn,
        }));
        queue.attributes.policy = Some(policy.to_string());
        queue.modified_at = now;
        Ok(())
    }

    /// Takes the statement with the label out of a queue's policy; a policy without statements is no policy.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_RemovePermission.html>.
    pub fn remove_permission(
        &mut self,
        name: &str,
        label: &str,
        now: Timestamp,
    ) -> Result<(), SqsError> {
        self.advance(now);
        let queue = self.queue_mut(name, now)?;
        let unknown = || invalid_parameter("Label", label, "can't find label.");
        let mut policy = read_policy(queue.attributes.policy.as_ref().ok_or_else(unknown)?)?;
        let statements = statements_mut(&mut policy)?;
        let before = statements.len();
        statements.retain(|statement| statement["Sid"] != label);
        if statements.len() == before {
            return Err(unknown());
        }
        let is_empty = statements.is_empty();
        queue.attributes.policy = (!is_empty).then(|| policy.to_string());
        queue.modified_at = now;
        Ok(())
    }
}

fn check_permission(
    label: &str,
    account_ids: &[String],
    actions: &[String],
) -> Result<(), SqsError> {
    let missing = |parameter: &str| Err(SqsError::MissingParameter(parameter.to_owned()));
    if label.is_empty() {
        return missing("Label");
    }
    if actions.is_empty() {
        return missing("Actions");
    }
    if account_ids.is_empty() {
        return Err(invalid_parameter("PrincipalId", "[]", "Unable to verify."));
    }
    if actions.len() > ACTIONS_MAX {
        return Err(SqsError::TooManyActions(actions.len()));
    }
    match actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
        Some(action) => Err(invalid_parameter(
            "ActionName",
            &format!("SQS:{action}"),
            "Only the queue owner is allowed to invoke this action.",
        )),
        None => Ok(()),
    }
}

fn read_policy(text: &str) -> Result<Value, SqsError> {
    serde_json::from_str(text).map_err(|_| invalid_policy())
}

fn statements_mut(policy: &mut Value) -> Result<&mut Vec<Value>, SqsError> {
    policy.get_mut("Statement").and_then(Value::as_array_mut).ok_or_else(invalid_policy)
}

fn invalid_policy() -> SqsError {
    SqsError::InvalidAttributeValue("Policy".to_owned())
}

/// A list, unless it has one element only.
fn one_or_many(texts: impl Iterator<Item = String>) -> Value {
    let mut texts: Vec<Value> = texts.map(Value::String).collect();
    if texts.len() == 1 { texts.swap_remove(0) } else { Value::Array(texts) }
}
