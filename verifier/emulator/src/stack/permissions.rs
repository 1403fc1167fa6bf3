//! Who may invoke a function besides those whose own policies allow it: the function's policy.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html>.

use serde_json::{Value, json};
use verifier_model::iam::{
    Attached, Caller, Decision, Keys, Policies, Policy, Request, ResourceRule, decide,
};

use super::build::{Builder, Resolved, function_name};
use super::organization::{of_principal, of_source};
use super::own_arns::as_own;
use super::{FunctionSpec, Organization, RouteSpec, StageSpec};
use crate::template::{ACCOUNT_ID, PARTITION, TemplateError};

/// What invokes functions for HTTP APIs.
pub(crate) const API_GATEWAY: &str = "apigateway.amazonaws.com";

impl Builder<'_> {
    /// The stages for which functions' policies let an API invoke a route's function.
    pub(super) fn permitted_stages(
        &self,
        api: &Resolved<'_>,
        stages: &[StageSpec],
        (route, function): (&RouteSpec, &FunctionSpec),
        organization: &Organization,
    ) -> Result<Vec<String>, TemplateError> {
        let mut permitted = Vec::new();
        if let Some(role) = &route.credentials {
            if self.may_invoke_as(role, function, organization)? {
                permitted.extend(stages.iter().map(|stage| stage.name.clone()));
            }
            return Ok(permitted);
        }
        for stage in stages {
            let source = source(self.region(), &api.physical_id, &stage.name, route);
            if self.may_invoke(&source, function, organization)? {
                permitted.push(stage.name.clone());
            }
        }
        Ok(permitted)
    }

    /// Whether the role that an integration names lets an API invoke the function. Of one that the template does not have,
    /// nothing is known.
    ///
    /// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.
    fn may_invoke_as(
        &self,
        arn: &str,
        function: &FunctionSpec,
        organization: &Organization,
    ) -> Result<bool, TemplateError> {
        let roles = self.roles()?;
        let Some(role) = roles.iter().find(|role| role.arn == arn) else { return Ok(true) };
        let assumes = Request {
            caller: Caller::Service(API_GATEWAY.to_owned()),
            action: "sts:AssumeRole".to_owned(),
            resource: role.arn.clone(),
            keys: of_source(Keys::default().with("aws:SourceAccount", ACCOUNT_ID), organization),
        };
        let trust = Policies {
            identity: &[],
            boundary: None,
            session: None,
            resource: role.trust.as_ref(),
            resource_account: ACCOUNT_ID,
            rule: ResourceRule::Resource,
        };
        let name = role.arn.rsplit('/').next().unwrap_or_default();
        let invokes = Request {
            caller: Caller::Session {
                role: role.arn.clone(),
                session: format!(
                    "arn:{PARTITION}:sts::{ACCOUNT_ID}:assumed-role/{name}/BackplaneAssumeRoleSession"
                ),
            },
            action: "lambda:InvokeFunction".to_owned(),
            resource: function.arn.clone(),
            keys: of_principal(Keys::default().with("aws:SecureTransport", "true"), organization),
        };
        let own = Policies {
            identity: &role.identity,
            boundary: role.boundary.as_ref(),
            resource: None,
            rule: ResourceRule::Either,
            ..trust
        };
        let is_trusted = matches!(decide(&assumes, &trust), Decision::Allowed(_));
        Ok(is_trusted && matches!(decide(&invokes, &own), Decision::Allowed(_)))
    }

    fn may_invoke(
        &self,
        source: &str,
        function: &FunctionSpec,
        organization: &Organization,
    ) -> Result<bool, TemplateError> {
        let keys = Keys::default()
            .with("aws:SourceArn", source)
            .with("aws:SourceAccount", ACCOUNT_ID)
            .with("aws:SecureTransport", "true");
        let request = Request {
            caller: Caller::Service(API_GATEWAY.to_owned()),
            action: "lambda:InvokeFunction".to_owned(),
            resource: function.arn.clone(),
            keys: of_source(keys, organization),
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
        conditions["StringEquals"]["aws:SourceAccount"] = account.into();
    }
    if let Some(organization) = text("PrincipalOrgID") {
        conditions["StringEquals"]["aws:PrincipalOrgID"] = organization.into();
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
