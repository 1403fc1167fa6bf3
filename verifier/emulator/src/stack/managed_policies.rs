//! The policies of AWS's own that functions are given, as far as they are about what is emulated.
//!
//! Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>.

use serde_json::{Value, json};

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

/// What is known of a managed policy that a role names by its ARN.
#[derive(Debug, PartialEq)]
pub(super) enum Managed {
    /// It is one of AWS's, with this document as far as it is about what is emulated.
    Known(Value),
    /// It is of AWS or of an account, and not known here.
    Unknown,
    /// AWS has none of that ARN, and says so.
    Refused(String),
}

/// What is known of the policy of that ARN.
///
/// Sources: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html>, and the pages of the list above,
/// which have each policy's path.
pub(super) fn managed(arn: &str) -> Managed {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "iam", "", account, named] = parts[..] else {
        return Managed::Refused(format!("ARN {arn} is not valid."));
    };
    let Some(path) = named.strip_prefix("policy/") else {
        return Managed::Refused(format!("ARN {arn} is not valid."));
    };
    if account != "aws" {
        return Managed::Unknown;
    }
    if let Some(document) = of_aws(path) {
        return Managed::Known(document);
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let elsewhere = [name.to_owned(), format!("service-role/{name}")];
    if elsewhere.iter().any(|path| of_aws(path).is_some()) {
        return Managed::Refused(format!("Policy {arn} does not exist or is not attachable."));
    }
    Managed::Unknown
}

/// The document of AWS's policy at that path; none where it is not known.
fn of_aws(path: &str) -> Option<Value> {
    let both = [&QUEUE[..], &LOG[..]].concat();
    let actions: &[&str] = match path {
        "service-role/AWSLambdaBasicExecutionRole"
        | "service-role/AWSLambdaVPCAccessExecutionRole"
        | "service-role/AWSLambdaDynamoDBExecutionRole"
        | "service-role/AWSLambdaKinesisExecutionRole"
        | "service-role/AWSLambdaMSKExecutionRole" => &LOG,
        "service-role/AWSLambdaSQSQueueExecutionRole" => &both,
        "AWSLambdaExecute" | "CloudWatchLogsFullAccess" | "CloudWatchFullAccess" => &["logs:*"],
        "service-role/AWSLambdaRole" => &["lambda:InvokeFunction"],
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
        for path in [
            "service-role/AWSLambdaBasicExecutionRole",
            "service-role/AWSLambdaSQSQueueExecutionRole",
            "PowerUserAccess",
        ] {
            let Managed::Known(document) = managed(&format!("arn:aws:iam::aws:policy/{path}"))
            else {
                panic!("{path}");
            };
            assert!(Policy::of_identity(&document).is_ok(), "{path}");
        }
    }

    #[test]
    fn of_others_nothing_is_known_and_what_is_no_policy_is_refused() {
        for arn in [
            "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess",
            "arn:aws:iam::111122223333:policy/AdministratorAccess",
            "arn:aws:iam::111122223333:policy/team/boundary",
        ] {
            assert_eq!(managed(arn), Managed::Unknown, "{arn}");
        }
        for arn in [
            "AWSLambdaBasicExecutionRole",
            "arn:aws:iam::aws:role/r",
            "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole",
            "arn:aws:iam::aws:policy/service-role/AmazonSQSFullAccess",
        ] {
            assert!(matches!(managed(arn), Managed::Refused(_)), "{arn}");
        }
    }
}
