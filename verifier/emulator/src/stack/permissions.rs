//! Who may invoke a function besides those whose own policies allow it: the function's policy.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html>.

use serde_json::{Value, json};
use verifier_model::iam::{
    Attached, Caller, Decision, Keys, Policies, Policy, Request, ResourceRule, decide,
};

use super::build::{Builder, Resolved, function_name};
use super::own_arns::as_own;
use super::{FunctionSpec, RouteSpec, StageSpec};
use crate::template::{ACCOUNT_ID, PARTITION, TemplateError};

/// What invokes functions for HTTP APIs.
pub(crate) const API_GATEWAY: &str = "apigateway.amazonaws.com";

impl Builder<'_> {
    /// The stages for which functions' policies let an API invoke a route's function.
    pub(super) fn permitted_stages(
        &self,
        api: &Resolved<'_>,
        stages: &[StageSpec],
        route: &RouteSpec,
        functions: &[FunctionSpec],
    ) -> Result<Vec<String>, TemplateError> {
        let mut permitted = Vec::new();
        let Some(function) = functions.iter().find(|each| each.name == route.function) else {
            return Ok(permitted);
        };
        for stage in stages {
            if self.may_invoke(
                &source(self.region(), &api.physical_id, &stage.name, route),
                function,
            )? {
                permitted.push(stage.name.clone());
            }
        }
        Ok(permitted)
    }

    fn may_invoke(&self, source: &str, function: &FunctionSpec) -> Result<bool, TemplateError> {
        let request = Request {
            caller: Caller::Service(API_GATEWAY.to_owned()),
            action: "lambda:InvokeFunction".to_owned(),
            resource: function.arn.clone(),
            keys: Keys::default()
                .with("aws:SourceArn", source)
                .with("aws:SourceAccount", ACCOUNT_ID)
                .with("aws:SecureTransport", "true"),
        };
        for permission in self.of_type("AWS::Lambda::Permission") {
            let policy = policy(permission, function, self.region())?;
            let policies = Policies {
                identity: &[],
                boundary: None,
                session: None,
                resource: policy.as_ref(),
                resource_account: ACCOUNT_ID,
                rule: ResourceRule::Either,
            };
            if matches!(decide(&request, &policies), Decision::Allowed(_)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The ARN by which an API names a route of its to the function.
///
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.
fn source(region: &str, api: &str, stage: &str, route: &RouteSpec) -> String {
    let route = match route.key.split_once(' ') {
        Some(("ANY", path)) => format!("*{path}"),
        Some((method, path)) => format!("{method}{path}"),
        None => route.key.clone(),
    };
    format!("arn:{PARTITION}:execute-api:{region}:{ACCOUNT_ID}:{api}/{stage}/{route}")
}

/// The statement that a permission adds to a function's policy; none where it is another's.
fn policy(
    permission: &Resolved<'_>,
    function: &FunctionSpec,
    region: &str,
) -> Result<Option<Attached>, TemplateError> {
    let text = |name: &str| permission.properties.get(name).and_then(Value::as_str);
    let target = text("FunctionName").unwrap_or_default();
    if function_name(target) != function.name {
        return Ok(None);
    }
    let principal = match text("Principal") {
        Some("*") => json!("*"),
        Some(service) if service.contains(".amazonaws.com") => json!({"Service": service}),
        principal => json!({"AWS": principal}),
    };
    let mut conditions = json!({});
    if let Some(arn) = text("SourceArn") {
        conditions["ArnLike"] = json!({"aws:SourceArn": arn});
    }
    if let Some(account) = text("SourceAccount") {
        conditions["StringEquals"] = json!({"aws:SourceAccount": account});
    }
    let document = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": permission.logical_id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": text("Action").unwrap_or_default(),
        "Resource": function.arn,
        "Condition": conditions,
    }]});
    match Policy::of_resource(&as_own(&document, region)) {
        Ok(policy) => Ok(Some(Attached { name: permission.logical_id.to_owned(), policy })),
        Err(_) if !permission.is_whole => Ok(None),
        Err(error) => Err(permission.refused(error.to_string())),
    }
}
