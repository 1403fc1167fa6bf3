//! Creating a stack from a template that the emulator can stand in for.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>.

use std::collections::BTreeMap;

use serde::Serialize;

use super::stacks::CreateStack;
use super::{CloudFormation, Parameters, members, required, success};
use crate::reply::{Refusal, Reply};
use crate::roots::Author;
use crate::template::{ACCOUNT_ID, PARTITION, Template};

/// The longest template that a request may carry.
const TEMPLATE_BYTES_MAX: usize = 51_200;
/// The longest name of a stack.
const NAME_MAX: usize = 128;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreateStackResult {
    stack_id: String,
}

impl CloudFormation {
    /// Creates a stack. A template that is not well-formed is refused; one whose resources cannot be created leaves a
    /// stack that is rolled back, and its events say why.
    pub(super) fn create_stack(&self, parameters: &Parameters) -> Result<Reply, Refusal> {
        let name = required(parameters, "StackName")?;
        check_name(name)?;
        let Some(body) = parameters.get("TemplateBody") else {
            return Err(invalid("Either Template URL or Template Body must be specified."));
        };
        if body.len() > TEMPLATE_BYTES_MAX {
            return Err(invalid(format!(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {TEMPLATE_BYTES_MAX}"
            )));
        }
        let values = pairs(parameters, "Parameters.member.", ("ParameterKey", "ParameterValue"));
        let template = Template::processed(body, &values)
            .map_err(|problem| invalid(format!("Template format error: {problem}")))?;
        check_capabilities(&template, &members(parameters, "Capabilities.member."))?;
        let mut stacks = self.stacks();
        if stacks.find(name).is_some_and(|record| record.name == name) {
            return Err(Refusal::new(
                "AlreadyExistsException",
                format!("Stack [{name}] already exists"),
            ));
        }
        let id = format!(
            "arn:{PARTITION}:cloudformation:{}:{ACCOUNT_ID}:stack/{name}/00000000-0000-0000-0000-{:012}",
            self.world.region,
            stacks.count()
        );
        let request = CreateStack {
            name: name.to_owned(),
            id: id.clone(),
            template,
            template_body: body.clone(),
            parameters: values,
            tags: pairs(parameters, "Tags.member.", ("Key", "Value")),
            author: Author::Request,
        };
        // The failure is in the stack's events, as on AWS, where this answer comes before it.
        if let Err(reason) = stacks.create(&self.world, request) {
            tracing::warn!(stack = name, "rolled back: {reason}");
        }
        Ok(success("CreateStack", &CreateStackResult { stack_id: id }))
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if starts_well && is_plain && name.len() <= NAME_MAX {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )))
}

/// A template with IAM resources has to be acknowledged, as on AWS.
fn check_capabilities(template: &Template, capabilities: &[&str]) -> Result<(), Refusal> {
    let is_iam = |kind: &str| kind.starts_with("AWS::IAM::");
    let has_iam = template.resources.values().any(|resource| is_iam(&resource.resource_type));
    let acknowledged = capabilities
        .iter()
        .any(|capability| matches!(*capability, "CAPABILITY_IAM" | "CAPABILITY_NAMED_IAM"));
    if has_iam && !acknowledged {
        return Err(Refusal::new(
            "InsufficientCapabilitiesException",
            "Requires capabilities : [CAPABILITY_IAM]",
        ));
    }
    Ok(())
}

/// A list of pairs: `PREFIX1.KEY`, `PREFIX1.VALUE` and so on.
fn pairs(
    parameters: &Parameters,
    prefix: &str,
    (key, value): (&str, &str),
) -> BTreeMap<String, String> {
    let pair = |number: usize| {
        let member = |name: &str| parameters.get(&format!("{prefix}{number}.{name}")).cloned();
        Some((member(key)?, member(value).unwrap_or_default()))
    };
    (1..).map_while(pair).collect()
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}
