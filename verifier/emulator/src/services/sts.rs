//! STS: who is asking.

use serde::Serialize;

use crate::reply::{Reply, aws_query};
use crate::template::ACCOUNT_ID;

/// The version that marks STS among the query protocol's services.
pub(crate) const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    arn: String,
    user_id: &'static str,
    account: &'static str,
}

pub(crate) fn handle(action: &str) -> Reply {
    match action {
        "GetCallerIdentity" => aws_query::success(
            action,
            NAMESPACE,
            &CallerIdentity {
                arn: format!("arn:aws:iam::{ACCOUNT_ID}:root"),
                user_id: ACCOUNT_ID,
                account: ACCOUNT_ID,
            },
        ),
        other => aws_query::error(
            400,
            NAMESPACE,
            "InvalidAction",
            &format!("The action {other} is not valid for this endpoint."),
        ),
    }
}
