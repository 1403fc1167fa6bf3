//! What is known of a request besides its action and its resource.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

use verifier_model::iam::{Caller, Keys};
use verifier_model::time::Timestamp;

use crate::stack::{FunctionSpec, Organization, of_principal, of_resource, of_source};
use crate::template::ACCOUNT_ID;

/// The keys of a request. The loopback is as private as TLS, and counts as such.
pub(super) fn keys(
    caller: &Caller,
    function: Option<&FunctionSpec>,
    (region, organization): (&str, &Organization),
    now: Timestamp,
) -> Keys {
    let millis = i64::try_from(now.as_millis()).unwrap_or_default();
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    let is_service = matches!(caller, Caller::Service(_));
    let keys = Keys::default()
        .with("aws:SecureTransport", "true")
        .with("aws:SourceIp", "127.0.0.1")
        .with("aws:RequestedRegion", region)
        .with("aws:ResourceAccount", ACCOUNT_ID)
        .with("aws:CurrentTime", time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .with("aws:EpochTime", (millis / 1000).to_string())
        .with("aws:ViaAWSService", "false")
        .with("aws:PrincipalIsAWSService", is_service.to_string());
    let keys = match caller {
        // It acts for what is of the account.
        Caller::Service(_) => of_source(keys, organization),
        Caller::Root(_) | Caller::Session { .. } => of_principal(keys, organization),
        Caller::Anonymous | Caller::User(_) => of_resource(keys, organization),
    };
    let keys = match caller {
        Caller::Root(account) => keys
            .with("aws:PrincipalArn", caller.shown())
            .with("aws:PrincipalAccount", account)
            .with("aws:PrincipalType", "Account")
            .with("aws:userid", account),
        Caller::Session { role, session } => keys
            .with("aws:PrincipalArn", role)
            .with("aws:PrincipalAccount", ACCOUNT_ID)
            .with("aws:PrincipalType", "AssumedRole")
            // Its credentials are temporary, and are issued as it is asked for here.
            .with("aws:TokenIssueTime", time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
            .with("aws:userid", format!("AROA:{}", session.rsplit('/').next().unwrap_or_default())),
        Caller::Service(name) => keys.with("aws:PrincipalServiceName", name),
        Caller::Anonymous | Caller::User(_) => keys,
    };
    match function {
        Some(function) => keys.with("lambda:SourceFunctionArn", &function.arn),
        None => keys,
    }
}
