//! CloudFormation: a stack, its outputs and its resources.

use aws_sdk_cloudformation::types::{StackStatus, TemplateStage};
use verifier_core::check::{StackEvidence, StackResource};

use crate::error::failed;
use crate::{Aws, AwsError, Cause};

impl Aws {
    /// A stack with its outputs, tags and resources.
    pub async fn stack(&self, name: &str) -> Result<StackEvidence, AwsError> {
        let answer = self
            .cloudformation
            .describe_stacks()
            .stack_name(name)
            .send()
            .await
            .map_err(|error| failed("cloudformation:DescribeStacks", name, &error))?;
        let stack = answer.stacks().first().ok_or_else(|| AwsError {
            cause: Cause::NoSuchStack,
            action: "cloudformation:DescribeStacks",
            resource: name.to_owned(),
            code: None,
            message: "the answer holds no stack".to_owned(),
        })?;
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        Ok(StackEvidence {
            name: text(stack.stack_name()),
            id: text(stack.stack_id()),
            status: stack
                .stack_status()
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            status_reason: stack.stack_status_reason().map(str::to_owned),
            outputs: stack
                .outputs()
                .iter()
                .map(|output| (text(output.output_key()), text(output.output_value())))
                .collect(),
            tags: stack.tags().iter().map(|tag| (text(tag.key()), text(tag.value()))).collect(),
            resources: self.resources(name).await?,
        })
    }

    /// The text of a stack's template, of which CloudFormation has carried out the transforms.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html>.
    pub async fn template(&self, name: &str) -> Result<String, AwsError> {
        let request = self.cloudformation.get_template().stack_name(name);
        let answer = request.template_stage(TemplateStage::Processed).send().await;
        let answer = answer.map_err(|error| failed("cloudformation:GetTemplate", name, &error))?;
        Ok(answer.template_body().unwrap_or_default().to_owned())
    }

    /// The names of all stacks that are not deleted.
    pub async fn stack_names(&self) -> Result<Vec<String>, AwsError> {
        let mut names = Vec::new();
        // A stack that was deleted stays in the list for 90 days, and there is one for each old preview.
        let present = StackStatus::values().iter().filter(|status| **status != "DELETE_COMPLETE");
        let filter = present.map(|status| StackStatus::from(*status)).collect();
        let request = self.cloudformation.list_stacks().set_stack_status_filter(Some(filter));
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("cloudformation:ListStacks", "*", &error))?;
            let summaries = page.stack_summaries().iter();
            names.extend(summaries.filter_map(|stack| stack.stack_name()).map(str::to_owned));
        }
        Ok(names)
    }

    async fn resources(&self, name: &str) -> Result<Vec<StackResource>, AwsError> {
        let mut resources = Vec::new();
        let mut pages =
            self.cloudformation.list_stack_resources().stack_name(name).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| failed("cloudformation:ListStackResources", name, &error))?;
            for summary in page.stack_resource_summaries() {
                resources.push(StackResource {
                    logical_id: summary.logical_resource_id().unwrap_or_default().to_owned(),
                    physical_id: summary.physical_resource_id().unwrap_or_default().to_owned(),
                    resource_type: summary.resource_type().unwrap_or_default().to_owned(),
                });
            }
        }
        Ok(resources)
    }
}
