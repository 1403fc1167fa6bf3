//! CloudFormation: the stack, its outputs and its resources.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/>.

use std::collections::BTreeMap;

use serde::Serialize;
use verifier_core::time::Timestamp;

use crate::reply::Reply;
use crate::reply::aws_query::{self, Members};
use crate::stack::{Resource, Stack};

/// The version that marks CloudFormation among the query protocol's services.
pub(crate) const VERSION: &str = "2010-05-15";
const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
/// How many resources a page of `ListStackResources` has.
const PAGE: usize = 100;
const STATUS: &str = "CREATE_COMPLETE";

/// The stack as CloudFormation shows it.
pub(crate) struct CloudFormation {
    pub(crate) stack: Stack,
    pub(crate) created_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeStacksResult {
    stacks: Members<StackXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StackXml {
    stack_name: String,
    stack_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    creation_time: String,
    stack_status: &'static str,
    disable_rollback: bool,
    outputs: Members<OutputXml>,
    tags: Members<TagXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OutputXml {
    output_key: String,
    output_value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagXml {
    key: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListStackResourcesResult {
    stack_resource_summaries: Members<ResourceXml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeStackResourcesResult {
    stack_resources: Members<ResourceXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceXml {
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_id: Option<String>,
    logical_resource_id: String,
    physical_resource_id: String,
    resource_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated_timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    resource_status: &'static str,
}

impl CloudFormation {
    pub(crate) fn handle(&self, action: &str, parameters: &BTreeMap<String, String>) -> Reply {
        match action {
            "DescribeStacks" => self.describe_stacks(parameters),
            "ListStackResources" => self.list_stack_resources(parameters),
            "DescribeStackResources" => self.describe_stack_resources(parameters),
            other => error(
                "InvalidAction",
                &format!("The action {other} is not implemented by the emulator."),
            ),
        }
    }

    fn describe_stacks(&self, parameters: &BTreeMap<String, String>) -> Reply {
        if let Some(name) = parameters.get("StackName")
            && !self.is_named(name)
        {
            return error("ValidationError", &format!("Stack with id {name} does not exist"));
        }
        let outputs = self.stack.outputs.iter().map(|output| OutputXml {
            output_key: output.key.clone(),
            output_value: output.value.clone(),
            description: output.description.clone(),
        });
        let tags = self.stack.tags.iter();
        let stack = StackXml {
            stack_name: self.stack.name.clone(),
            stack_id: self.stack.id.clone(),
            description: self.stack.description.clone(),
            creation_time: iso(self.created_at),
            stack_status: STATUS,
            disable_rollback: false,
            outputs: outputs.collect(),
            tags: tags
                .map(|(key, value)| TagXml { key: key.clone(), value: value.clone() })
                .collect(),
        };
        let stacks = Members::from_iter([stack]);
        aws_query::success("DescribeStacks", NAMESPACE, &DescribeStacksResult { stacks })
    }

    fn list_stack_resources(&self, parameters: &BTreeMap<String, String>) -> Reply {
        if let Some(missing) = self.missing(parameters) {
            return missing;
        }
        let start = parameters.get("NextToken").map_or(Some(0), |token| token.parse().ok());
        let Some(start) = start.filter(|start| *start <= self.stack.resources.len()) else {
            return error("ValidationError", "The NextToken is not valid.");
        };
        let page = self.stack.resources.iter().skip(start).take(PAGE);
        let end = start + PAGE;
        let result = ListStackResourcesResult {
            stack_resource_summaries: page
                .map(|resource| ResourceXml {
                    last_updated_timestamp: Some(iso(self.created_at)),
                    ..summary(resource)
                })
                .collect(),
            next_token: (end < self.stack.resources.len()).then(|| end.to_string()),
        };
        aws_query::success("ListStackResources", NAMESPACE, &result)
    }

    fn describe_stack_resources(&self, parameters: &BTreeMap<String, String>) -> Reply {
        if let Some(missing) = self.missing(parameters) {
            return missing;
        }
        let logical_id = parameters.get("LogicalResourceId");
        let wanted = |resource: &&Resource| logical_id.is_none_or(|id| *id == resource.logical_id);
        // The real operation stops at 100 resources, without saying so.
        let result = DescribeStackResourcesResult {
            stack_resources: self
                .stack
                .resources
                .iter()
                .filter(wanted)
                .take(100)
                .map(|resource| ResourceXml {
                    stack_name: Some(self.stack.name.clone()),
                    stack_id: Some(self.stack.id.clone()),
                    timestamp: Some(iso(self.created_at)),
                    ..summary(resource)
                })
                .collect(),
        };
        aws_query::success("DescribeStackResources", NAMESPACE, &result)
    }

    fn missing(&self, parameters: &BTreeMap<String, String>) -> Option<Reply> {
        match parameters.get("StackName") {
            Some(name) if self.is_named(name) => None,
            Some(name) => {
                Some(error("ValidationError", &format!("Stack with id {name} does not exist")))
            }
            None => Some(error(
                "ValidationError",
                "1 validation error detected: Value null at 'stackName' failed to satisfy constraint: Member must not be null",
            )),
        }
    }

    fn is_named(&self, name: &str) -> bool {
        name == self.stack.name || name == self.stack.id
    }
}

fn summary(resource: &Resource) -> ResourceXml {
    ResourceXml {
        stack_name: None,
        stack_id: None,
        logical_resource_id: resource.logical_id.clone(),
        physical_resource_id: resource.physical_id.clone(),
        resource_type: resource.resource_type.clone(),
        last_updated_timestamp: None,
        timestamp: None,
        resource_status: STATUS,
    }
}

fn error(code: &str, message: &str) -> Reply {
    aws_query::error(400, NAMESPACE, code, message)
}

fn iso(timestamp: Timestamp) -> String {
    let millis = i64::try_from(timestamp.as_millis()).unwrap_or_default();
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
