//! Lambda: who consumes a queue, and how it is configured.

use std::time::Duration;

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, FilterCriteria, FilterCriteriaError, LoggingConfig,
    ScalingConfig,
};
use verifier_core::check::{FunctionEvidence, MappingEvidence};
use verifier_model::time::Timestamp;

use crate::error::failed;
use crate::{Aws, AwsError};

impl Aws {
    /// Every event source mapping that reads the queue of that ARN.
    pub async fn mappings(&self, queue_arn: &str) -> Result<Vec<MappingEvidence>, AwsError> {
        let mut mappings = Vec::new();
        let request = self.lambda.list_event_source_mappings().event_source_arn(queue_arn);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| failed("lambda:ListEventSourceMappings", queue_arn, &error))?;
            mappings.extend(page.event_source_mappings().iter().map(mapping_evidence));
        }
        Ok(mappings)
    }

    /// Every event source mapping of the account in the region where all are on one page, which is a call for all that is asked of
    /// them; `None` where there are more.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>, a page holds 100 at most.
    pub async fn mappings_on_a_page(&self) -> Result<Option<Vec<MappingEvidence>>, AwsError> {
        let page = self.lambda.list_event_source_mappings().send().await;
        let page = page.map_err(|error| failed("lambda:ListEventSourceMappings", "all", &error))?;
        let is_all = page.next_marker().is_none_or(str::is_empty);
        let mappings = page.event_source_mappings().iter().map(mapping_evidence);
        Ok(is_all.then(|| mappings.collect()))
    }

    /// A function's configuration, by name or ARN.
    pub async fn function(&self, name: &str) -> Result<FunctionEvidence, AwsError> {
        Ok(evidence(name, &self.asked_function(name).await?))
    }

    pub(crate) async fn asked_function(
        &self,
        name: &str,
    ) -> Result<GetFunctionConfigurationOutput, AwsError> {
        let answer = self.lambda.get_function_configuration().function_name(name).send().await;
        answer.map_err(|error| failed("lambda:GetFunctionConfiguration", name, &error))
    }
}

/// What is known of a function that was asked for by that name.
pub(crate) fn evidence(asked: &str, answer: &GetFunctionConfigurationOutput) -> FunctionEvidence {
    let name = answer.function_name().unwrap_or(asked).to_owned();
    let logging = answer.logging_config();
    let log_group = logging.and_then(|logging| logging.log_group()).map(str::to_owned);
    FunctionEvidence {
        // Functions from before log groups could be chosen have this one.
        log_group: log_group.unwrap_or_else(|| format!("/aws/lambda/{name}")),
        log_format: logging
            .and_then(|logging| logging.log_format())
            .map_or("Text", |format| format.as_str())
            .to_owned(),
        timeout: Duration::from_secs(number(answer.timeout()).into()),
        arn: answer.function_arn().unwrap_or_default().to_owned(),
        application_log_level: logging
            .and_then(LoggingConfig::application_log_level)
            .map(|level| level.as_str().to_owned()),
        system_log_level: logging
            .and_then(LoggingConfig::system_log_level)
            .map(|level| level.as_str().to_owned()),
        state: answer.state().map(|state| {
            let reason = answer.state_reason().unwrap_or_default();
            (state.as_str().to_owned(), reason.to_owned())
        }),
        last_update: answer.last_update_status().map(|status| {
            let reason = answer.last_update_status_reason().unwrap_or_default();
            (status.as_str().to_owned(), reason.to_owned())
        }),
        name,
    }
}

fn mapping_evidence(mapping: &EventSourceMappingConfiguration) -> MappingEvidence {
    MappingEvidence {
        uuid: mapping.uuid().unwrap_or_default().to_owned(),
        event_source_arn: mapping.event_source_arn().unwrap_or_default().to_owned(),
        function_arn: mapping.function_arn().unwrap_or_default().to_owned(),
        state: mapping.state().unwrap_or_default().to_owned(),
        batch_size: number(mapping.batch_size()),
        batching_window: Duration::from_secs(
            number(mapping.maximum_batching_window_in_seconds()).into(),
        ),
        response_types: mapping
            .function_response_types()
            .iter()
            .map(|kind| kind.as_str().to_owned())
            .collect(),
        filters: filters(mapping),
        filters_error: mapping.filter_criteria_error().map(filters_error),
        last_processing_result: mapping.last_processing_result().map(str::to_owned),
        state_reason: mapping.state_transition_reason().map(str::to_owned),
        maximum_concurrency: mapping
            .scaling_config()
            .and_then(ScalingConfig::maximum_concurrency)
            .and_then(|most| u32::try_from(most).ok()),
        last_modified: mapping
            .last_modified()
            .and_then(|at| u64::try_from(at.to_millis().ok()?).ok())
            .map(Timestamp::from_millis),
    }
}

/// The patterns of a mapping's filters.
fn filters(mapping: &EventSourceMappingConfiguration) -> Vec<String> {
    let filters = mapping.filter_criteria().map(FilterCriteria::filters).unwrap_or_default();
    filters.iter().map(|filter| filter.pattern().unwrap_or_default().to_owned()).collect()
}

/// Why filters that are encrypted could not be read.
fn filters_error(error: &FilterCriteriaError) -> String {
    let (code, message) = (error.error_code(), error.message());
    format!("{}: {}", code.unwrap_or("no code"), message.unwrap_or("no message"))
}

fn number(value: Option<i32>) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or_default()
}
