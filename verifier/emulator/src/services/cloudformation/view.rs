//! Stacks, resources and events as CloudFormation writes them.

use serde::Serialize;
use verifier_model::time::Timestamp;

use super::stacks::{StackEvent, StackRecord};
use crate::reply::aws_query::Members;
use crate::stack::{Output, Resource};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StackXml {
    stack_name: String,
    stack_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    creation_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_time: Option<String>,
    stack_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_status_reason: Option<String>,
    disable_rollback: bool,
    parameters: Members<ParameterXml>,
    outputs: Members<OutputXml>,
    tags: Members<TagXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterXml {
    parameter_key: String,
    parameter_value: String,
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

/// An entry of `ListStacks`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SummaryXml {
    stack_id: String,
    stack_name: String,
    creation_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_time: Option<String>,
    stack_status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ResourceXml {
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

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EventXml {
    stack_id: String,
    event_id: String,
    stack_name: String,
    logical_resource_id: String,
    physical_resource_id: String,
    resource_type: String,
    timestamp: String,
    resource_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_status_reason: Option<String>,
}

pub(super) fn stack(record: &StackRecord) -> StackXml {
    let parameters = record.parameters.iter().map(|(key, value)| ParameterXml {
        parameter_key: key.clone(),
        parameter_value: value.clone(),
    });
    let tags = record.tags.iter();
    let stack = record.stack.as_ref();
    StackXml {
        stack_name: record.name.clone(),
        stack_id: record.id.clone(),
        description: stack.and_then(|stack| stack.description.clone()),
        creation_time: iso(record.created_at),
        deletion_time: record.deleted_at.map(iso),
        stack_status: record.status.as_str(),
        stack_status_reason: record.status_reason.clone(),
        disable_rollback: false,
        parameters: parameters.collect(),
        outputs: stack
            .map(|stack| stack.outputs.iter())
            .into_iter()
            .flatten()
            .map(output)
            .collect(),
        tags: tags.map(|(key, value)| TagXml { key: key.clone(), value: value.clone() }).collect(),
    }
}

fn output(output: &Output) -> OutputXml {
    OutputXml {
        output_key: output.key.clone(),
        output_value: output.value.clone(),
        description: output.description.clone(),
    }
}

pub(super) fn summary(record: &StackRecord) -> SummaryXml {
    SummaryXml {
        stack_id: record.id.clone(),
        stack_name: record.name.clone(),
        creation_time: iso(record.created_at),
        deletion_time: record.deleted_at.map(iso),
        stack_status: record.status.as_str(),
    }
}

/// An entry of `ListStackResources`.
pub(super) fn resource_summary(record: &StackRecord, resource: &Resource) -> ResourceXml {
    ResourceXml {
        stack_name: None,
        stack_id: None,
        logical_resource_id: resource.logical_id.clone(),
        physical_resource_id: resource.physical_id.clone(),
        resource_type: resource.resource_type.clone(),
        last_updated_timestamp: Some(iso(record.created_at)),
        timestamp: None,
        resource_status: "CREATE_COMPLETE",
    }
}

/// An entry of `DescribeStackResources`.
pub(super) fn resource(record: &StackRecord, resource: &Resource) -> ResourceXml {
    ResourceXml {
        stack_name: Some(record.name.clone()),
        stack_id: Some(record.id.clone()),
        last_updated_timestamp: None,
        timestamp: Some(iso(record.created_at)),
        ..resource_summary(record, resource)
    }
}

pub(super) fn event(record: &StackRecord, number: usize, event: &StackEvent) -> EventXml {
    EventXml {
        stack_id: record.id.clone(),
        event_id: format!("{}-{number:06}", event.resource.logical_id),
        stack_name: record.name.clone(),
        logical_resource_id: event.resource.logical_id.clone(),
        physical_resource_id: event.resource.physical_id.clone(),
        resource_type: event.resource.resource_type.clone(),
        timestamp: iso(event.at),
        resource_status: event.status,
        resource_status_reason: event.reason.clone(),
    }
}

fn iso(timestamp: Timestamp) -> String {
    let millis = i64::try_from(timestamp.as_millis()).unwrap_or_default();
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
