//! A mapping as Lambda's API shows it.

use serde_json::{Value, json};

use super::Mapping;
use crate::time::Timestamp;

/// The account and region whose ARNs are shown.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// For example `eu-central-1`.
    pub region: &'a str,
    /// Twelve digits.
    pub account_id: &'a str,
}

impl Home<'_> {
    /// An ARN of Lambda's; `resource` is, for example, `function:worker`.
    pub fn lambda_arn(&self, resource: &str) -> String {
        format!("arn:aws:lambda:{}:{}:{resource}", self.region, self.account_id)
    }
}

/// The structure `EventSourceMappingConfiguration`.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>; which members are
/// there is from recordings.
pub fn describe_mapping(mapping: &Mapping, home: Home<'_>, now: Timestamp) -> Value {
    let configuration = &mapping.configuration;
    let response_types: &[&str] =
        if configuration.report_batch_item_failures { &["ReportBatchItemFailures"] } else { &[] };
    let uuid = &mapping.uuid;
    let mut shown = json!({
        "UUID": uuid,
        "EventSourceMappingArn": home.lambda_arn(&format!("event-source-mapping:{uuid}")),
        "EventSourceArn": configuration.event_source_arn,
        "FunctionArn": home.lambda_arn(&format!("function:{}", configuration.function)),
        "BatchSize": configuration.batch_size,
        "MaximumBatchingWindowInSeconds": configuration.maximum_batching_window_seconds,
        "FunctionResponseTypes": response_types,
        "LastModified": mapping.modified_at.as_seconds(),
        "State": mapping.state(now).as_str(),
        "StateTransitionReason": "USER_INITIATED",
    });
    if let Some(maximum) = configuration.maximum_concurrency {
        shown["ScalingConfig"] = json!({"MaximumConcurrency": maximum});
    }
    shown
}
