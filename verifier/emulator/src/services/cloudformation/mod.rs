//! CloudFormation: stacks, their outputs, resources and events.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/>.

mod create;
mod stacks;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use self::stacks::StackRecord;
use self::view::{EventXml, ResourceXml, StackXml, SummaryXml};
use crate::reply::aws_query::{self, Members};
use crate::reply::{Refusal, Reply};
use crate::world::World;

pub(crate) use self::stacks::{CreateStack, Stacks};

/// The version that marks CloudFormation among the query protocol's services.
pub(crate) const VERSION: &str = "2010-05-15";
const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
/// How many entries a page of a list has.
const PAGE: usize = 100;

/// The service.
pub(crate) struct CloudFormation {
    pub(crate) world: Arc<World>,
    pub(crate) stacks: Mutex<Stacks>,
}

type Parameters = BTreeMap<String, String>;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeStacksResult {
    stacks: Members<StackXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListStacksResult {
    stack_summaries: Members<SummaryXml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
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
struct DescribeStackEventsResult {
    stack_events: Members<EventXml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetTemplateResult {
    template_body: String,
}

impl CloudFormation {
    pub(crate) fn handle(&self, action: &str, parameters: &Parameters) -> Reply {
        let answer = match action {
            "CreateStack" => self.create_stack(parameters),
            "DeleteStack" => self.delete_stack(parameters),
            "DescribeStacks" => self.describe_stacks(parameters),
            "ListStacks" => self.list_stacks(parameters),
            "ListStackResources" => self.list_stack_resources(parameters),
            "DescribeStackResources" => self.describe_stack_resources(parameters),
            "DescribeStackEvents" => self.describe_stack_events(parameters),
            "GetTemplate" => self.get_template(parameters),
            other => Err(Refusal::new(
                "InvalidAction",
                format!("The action {other} is not implemented by the emulator."),
            )),
        };
        answer.unwrap_or_else(|refusal| refusal.query(NAMESPACE))
    }

    pub(crate) fn stacks(&self) -> MutexGuard<'_, Stacks> {
        self.stacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe_stacks(&self, parameters: &Parameters) -> Result<Reply, Refusal> {
        let stacks = self.stacks();
        let found = match parameters.get("StackName") {
            Some(name) => vec![stacks.find(name).ok_or_else(|| missing(name))?],
            None => stacks.present().collect(),
        };
        let stacks = found.into_iter().map(view::stack).collect();
        Ok(success("DescribeStacks", &DescribeStacksResult { stacks }))
    }

    fn list_stacks(&self, parameters: &Parameters) -> Result<Reply, Refusal> {
        let wanted = members(parameters, "StackStatusFilter.member.");
        let stacks = self.stacks();
        let found: Vec<&StackRecord> = stacks
            .all()
            .filter(|record| wanted.is_empty() || wanted.contains(&record.status.as_str()))
            .collect();
        let (page, next_token) = page_of(&found, parameters)?;
        let stack_summaries = page.iter().map(|record| view::summary(record)).collect();
        Ok(success("ListStacks", &ListStacksResult { stack_summaries, next_token }))
    }

    fn list_stack_resources(&self, parameters: &Parameters) -> Result<Reply, Refusal> {
        let stacks = self.stacks();
        let record = named(&stacks, parameters)?;
        let (page, next_token) = page_of(record.resources(), parameters)?;
        let summaries = page.iter().map(|resource| view::resource_summary(record, resource));
        let stack_resource_summaries = summaries.collect();
        let result = ListStackResourcesResult { stack_resource_summaries, next_token };
        Ok(success("ListStackResources", &result))
    }

    fn describe_stack_resources(&self, parameters: &Parameters) -> Result<Reply, Refusal> {
        let stacks = self.stacks();
        let record = named(&stacks, parameters)?;
        let logical_id = parameters.get("LogicalResourceId");
        // The real operation stops at 100 resources, without saying so.
        let stack_resources = record
            .resources()
            .iter()
            .filter(|resource| logical_id.is_none_or(|id| *id == resource.logical_id))
            .take(PAGE)
            .map(|resource| view::resource(record, resource))
            .collect();
        let result = DescribeStackResourcesResult { stack_resources };
        Ok(success("DescribeStackResources", &result))
    }

    fn describe_stack_events(&self, parameters: &Parameters) -> Result<Reply, Refusal> {
        let stacks = self.stacks();
        let record = named(&stacks, parameters)?;
        let newest_first: Vec<EventXml> = record
            .events
            .iter()
            .enumerate()
            .rev()
            .map(|(number, event)| view::event(record, number, event))
            .collect();
        let (start, next_token) = bounds(newest_first.len(), parameters)?;
        let stack_events = newest_first.into_iter().skip(start).take(PAGE).collect();
        let result = DescribeStackEventsResult { stack_events, next_token };
        Ok(success("DescribeStackEvents", &result))
    }

    fn get_template(&self, parameters: &Parameters) -> Result<Reply, Refusal> {
        let stacks = self.stacks();
        let template_body = named(&stacks, parameters)?.template_body.clone();
        Ok(success("GetTemplate", &GetTemplateResult { template_body }))
    }

    fn delete_stack(&self, parameters: &Parameters) -> Result<Reply, Refusal> {
        let name = required(parameters, "StackName")?;
        self.stacks().delete(&self.world, name);
        Ok(aws_query::done("DeleteStack", NAMESPACE))
    }
}

fn named<'s>(stacks: &'s Stacks, parameters: &Parameters) -> Result<&'s StackRecord, Refusal> {
    let name = required(parameters, "StackName")?;
    stacks.find(name).ok_or_else(|| missing(name))
}

fn required<'p>(parameters: &'p Parameters, name: &str) -> Result<&'p str, Refusal> {
    parameters.get(name).map(String::as_str).ok_or_else(|| {
        let mut member = name.to_owned();
        member.get_mut(..1).map(str::make_ascii_lowercase);
        Refusal::new(
            "ValidationError",
            format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ),
        )
    })
}

/// The values of a list: `PREFIX1`, `PREFIX2` and so on.
fn members<'p>(parameters: &'p Parameters, prefix: &str) -> Vec<&'p str> {
    (1..)
        .map_while(|number| parameters.get(&format!("{prefix}{number}")))
        .map(String::as_str)
        .collect()
}

fn page_of<'i, T>(
    items: &'i [T],
    parameters: &Parameters,
) -> Result<(&'i [T], Option<String>), Refusal> {
    let (start, next) = bounds(items.len(), parameters)?;
    let end = start.saturating_add(PAGE).min(items.len());
    Ok((items.get(start..end).unwrap_or_default(), next))
}

/// Where the page that is asked for starts, and the token of the next one.
fn bounds(length: usize, parameters: &Parameters) -> Result<(usize, Option<String>), Refusal> {
    let start = parameters.get("NextToken").map_or(Some(0), |token| token.parse().ok());
    let start = start.filter(|start| *start <= length);
    let start =
        start.ok_or_else(|| Refusal::new("ValidationError", "The NextToken is not valid."))?;
    let end = start.saturating_add(PAGE);
    Ok((start, (end < length).then(|| end.to_string())))
}

fn missing(name: &str) -> Refusal {
    Refusal::new("ValidationError", format!("Stack with id {name} does not exist"))
}

fn success(action: &str, result: &impl Serialize) -> Reply {
    aws_query::success(action, NAMESPACE, result)
}
