//! Permissions: statements of a queue's policy, by label.

use serde_json::{Value, json};

use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Recorded};
use crate::problem::{Problem, Verdict, equal};
use crate::refusal::{INVALID_PARAMETER, MISSING_PARAMETER, OVER_LIMIT};
use crate::refused::{refused, refused_saying};
use crate::stand::Stand;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.permissions.added",
        Recorded("test_sqs_permission_lifecycle"),
        "A permission is a statement of the queue's policy, with the label as its id.",
        run!(added),
    ),
    Case::new(
        "sqs.permissions.label-exists",
        Recorded("test_sqs_permission_lifecycle"),
        "A label that is taken is refused.",
        run!(label_exists),
    ),
    Case::new(
        "sqs.permissions.removed",
        Recorded("test_sqs_permission_lifecycle"),
        "Removing a label removes its statement, and with the last one the policy.",
        run!(removed),
    ),
    Case::new(
        "sqs.permissions.no-such-label",
        Recorded("test_sqs_permission_lifecycle"),
        "Removing a label that is not there is refused.",
        run!(no_such_label),
    ),
    Case::new(
        "sqs.permissions.at-most-seven-actions",
        Api("AddPermission"),
        "A permission for more than seven actions is refused as OverLimit.",
        run!(at_most_seven_actions),
    ),
    Case::new(
        "sqs.permissions.owners-actions",
        Api("AddPermission"),
        "An action that only the owner may perform is refused.",
        run!(owners_actions),
    ),
    Case::new(
        "sqs.permissions.needs-actions",
        Api("AddPermission"),
        "A permission without actions is refused.",
        run!(needs_actions),
    ),
];

/// A queue, its ARN, and the account that it is in.
async fn owned(stand: &Stand) -> Result<(String, String, String), Problem> {
    let url = stand.queue(&[]).await?;
    let arn = stand.arn(&url).await?;
    let account = arn.split(':').nth(4).unwrap_or_default().to_owned();
    Ok((url, arn, account))
}

fn add(
    stand: &Stand,
    url: &str,
    label: &str,
    account: &str,
    actions: &[&str],
) -> aws_sdk_sqs::operation::add_permission::builders::AddPermissionFluentBuilder {
    let actions = actions.iter().map(|action| (*action).to_owned()).collect();
    let request = stand.sqs.add_permission().queue_url(url).label(label);
    request.aws_account_ids(account).set_actions(Some(actions))
}

async fn policy(stand: &Stand, url: &str) -> Result<Value, Problem> {
    let text = stand.attribute(url, "Policy").await?.unwrap_or_default();
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

fn statement(label: &str, account: &str, arn: &str) -> Value {
    json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
        "Action": "SQS:ReceiveMessage",
        "Resource": arn,
    })
}

async fn added(stand: &Stand) -> Verdict {
    let (url, arn, account) = owned(stand).await?;
    add(stand, &url, "one", &account, &["ReceiveMessage"]).send().await?;
    stand
        .eventually(async || {
            let expected = json!({
                "Version": "2008-10-17",
                "Id": format!("{arn}/SQSDefaultPolicy"),
                "Statement": [statement("one", &account, &arn)],
            });
            equal("the policy", &policy(stand, &url).await?, &expected)
        })
        .await
}

async fn label_exists(stand: &Stand) -> Verdict {
    let (url, _, account) = owned(stand).await?;
    add(stand, &url, "one", &account, &["ReceiveMessage"]).send().await?;
    refused_saying(
        add(stand, &url, "one", &account, &["SendMessage"]).send().await,
        INVALID_PARAMETER,
        "Value one for parameter Label is invalid. Reason: Already exists.",
    )
}

async fn removed(stand: &Stand) -> Verdict {
    let (url, arn, account) = owned(stand).await?;
    for label in ["one", "two"] {
        add(stand, &url, label, &account, &["ReceiveMessage"]).send().await?;
    }
    stand.sqs.remove_permission().queue_url(&url).label("one").send().await?;
    stand
        .eventually(async || {
            let expected = json!([statement("two", &account, &arn)]);
            equal("the statements", &policy(stand, &url).await?["Statement"], &expected)
        })
        .await?;
    stand.sqs.remove_permission().queue_url(&url).label("two").send().await?;
    stand.has(&url, &[("Policy", None)]).await
}

async fn no_such_label(stand: &Stand) -> Verdict {
    let (url, _, _) = owned(stand).await?;
    refused_saying(
        stand.sqs.remove_permission().queue_url(&url).label("nobody").send().await,
        INVALID_PARAMETER,
        "Value nobody for parameter Label is invalid. Reason: can't find label.",
    )
}

async fn at_most_seven_actions(stand: &Stand) -> Verdict {
    let (url, _, account) = owned(stand).await?;
    let actions = [
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    ];
    add(stand, &url, "seven", &account, &actions[..7]).send().await?;
    refused_saying(
        add(stand, &url, "eight", &account, &actions).send().await,
        OVER_LIMIT,
        "8 Actions were found, maximum allowed is 7.",
    )
}

async fn owners_actions(stand: &Stand) -> Verdict {
    let (url, _, account) = owned(stand).await?;
    refused_saying(
        add(stand, &url, "one", &account, &["CreateQueue"]).send().await,
        INVALID_PARAMETER,
        "Value SQS:CreateQueue for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this action.",
    )
}

async fn needs_actions(stand: &Stand) -> Verdict {
    let (url, _, account) = owned(stand).await?;
    refused(add(stand, &url, "one", &account, &[]).send().await, MISSING_PARAMETER)
}
