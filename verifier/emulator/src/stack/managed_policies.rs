//! The policies of AWS's own that functions are given, as far as they are about what is emulated.
//!
//! Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>.

use serde_json::{Map, Value, json};

/// What every execution role of Lambda's may do with its log.
const LOG: [&str; 3] = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
/// What reading a queue takes.
const QUEUE: [&str; 3] = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
/// What looks at queues and changes nothing.
const LOOK: [&str; 6] = [
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ListDeadLetterSourceQueues",
    "sqs:ListMessageMoveTasks",
    "sqs:ListQueueTags",
    "sqs:ListQueues",
];

/// The document of the policy of that name; none where it is not known.
pub(super) fn managed(name: &str) -> Option<Value> {
    let both = [&QUEUE[..], &LOG[..]].concat();
    let actions: &[&str] = match name {
        "AWSLambdaBasicExecutionRole"
        | "AWSLambdaVPCAccessExecutionRole"
        | "AWSLambdaDynamoDBExecutionRole"
        | "AWSLambdaKinesisExecutionRole"
        | "AWSLambdaMSKExecutionRole" => &LOG,
        "AWSLambdaSQSQueueExecutionRole" => &both,
        "AWSLambdaExecute" | "CloudWatchLogsFullAccess" | "CloudWatchFullAccess" => &["logs:*"],
        "AWSLambdaRole" => &["lambda:InvokeFunction"],
        "AWSLambda_FullAccess" => &["lambda:*"],
        "AmazonSQSFullAccess" => &["sqs:*"],
        "AmazonSQSReadOnlyAccess" => &LOOK,
        "AdministratorAccess" => &["*"],
        "PowerUserAccess" => {
            let others = ["iam:*", "organizations:*", "account:*"];
            return Some(document(&json!({"NotAction": others})));
        }
        _ => return None,
    };
    Some(document(&json!({"Action": actions})))
}

fn document(actions: &Value) -> Value {
    let mut statement = actions.clone();
    statement["Effect"] = "Allow".into();
    statement["Resource"] = "*".into();
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

/// Which of AWS's own policies a role has that are not known here.
pub(super) fn unknown_policies(properties: &Map<String, Value>) -> Option<String> {
    let arns = list(properties.get("ManagedPolicyArns"));
    let names = arns.iter().filter_map(Value::as_str).filter(|arn| arn.contains(":aws:policy/"));
    let names = names.filter_map(|arn| arn.rsplit('/').next());
    let unknown: Vec<&str> = names.filter(|name| managed(name).is_none()).collect();
    (!unknown.is_empty())
        .then(|| format!("has policies that grant nothing here: {}", unknown.join(", ")))
}

/// The values of a property that may be a list, or one.
pub(super) fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.clone(),
        Some(value) => vec![value.clone()],
    }
}

#[cfg(test)]
mod tests {
    use verifier_model::iam::Policy;

    use super::*;

    #[test]
    fn those_of_execution_roles_are_known_and_can_be_read() {
        for name in
            ["AWSLambdaBasicExecutionRole", "AWSLambdaSQSQueueExecutionRole", "PowerUserAccess"]
        {
            let document = managed(name).expect(name);
            assert!(Policy::of_identity(&document).is_ok(), "{name}");
        }
        assert!(managed("AmazonDynamoDBFullAccess").is_none());
    }
}
