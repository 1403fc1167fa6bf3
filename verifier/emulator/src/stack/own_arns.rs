//! ARNs in which a template names its own account and region in its text.
//!
//! A stack that was synthesised for one account says so wherever it has to build an ARN by itself, and is sound there. Here it has
//! another account and region: what its policies name is taken for what is here.

use serde_json::Value;

use crate::template::ACCOUNT_ID;

/// The elements of policies, and the properties of permissions, that hold ARNs of resources.
const OF_RESOURCES: [&str; 5] =
    ["Resource", "NotResource", "SourceArn", "aws:SourceArn", "AWS:SourceArn"];
const OF_ACCOUNTS: [&str; 3] = ["SourceAccount", "aws:SourceAccount", "AWS:SourceAccount"];

/// The document with the ARNs of resources as they would be here.
pub(crate) fn as_own(document: &Value, region: &str) -> Value {
    match document {
        Value::Array(items) => items.iter().map(|item| as_own(item, region)).collect(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let own = if OF_RESOURCES.contains(&name.as_str()) {
                    each_text(value, &|text| own_arn(text, region))
                } else if OF_ACCOUNTS.contains(&name.as_str()) {
                    each_text(value, &|text| own_account(text).to_owned())
                } else {
                    as_own(value, region)
                };
                (name.clone(), own)
            };
            fields.iter().map(field).collect()
        }
        other => other.clone(),
    }
}

fn each_text(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| each_text(item, change)).collect(),
        other => other.clone(),
    }
}

fn own_account(text: &str) -> &str {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { ACCOUNT_ID } else { text }
}

/// An ARN as it would be here.
pub(super) fn own_arn(text: &str, region: &str) -> String {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, service, named, account, resource] = parts[..] else {
        return text.to_owned();
    };
    let is_pattern = named.is_empty() || named.contains(['*', '?', '$']);
    let named = if is_pattern { named } else { region };
    let account = own_account(account);
    format!("arn:{partition}:{service}:{named}:{account}:{resource}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_account_and_region_of_resources_are_those_here_and_principals_stay() {
        let document = json!({"Statement": [{
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Resource": ["arn:aws:sqs:eu-central-1:111122223333:jobs", "arn:aws:sqs:*:*:a:b", "arn:aws:s3:::b", "*"],
            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:eu-west-1:111122223333:t"}, "StringEquals": {"aws:SourceAccount": "111122223333"}},
        }]});
        let expected = json!({"Statement": [{
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Resource": ["arn:aws:sqs:us-local-1:000000000000:jobs", "arn:aws:sqs:*:*:a:b", "arn:aws:s3:::b", "*"],
            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:us-local-1:000000000000:t"}, "StringEquals": {"aws:SourceAccount": "000000000000"}},
        }]});
        assert_eq!(as_own(&document, "us-local-1"), expected);
    }
}
