//! Event source mappings over the API.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use verifier_model::event_source_mapping::{
    Ends, Mapping, MappingChanges, MappingError, describe_mapping,
};

use super::{LambdaService, Page, function_name};
use crate::reply::aws_json::{rest, rest_error};
use crate::reply::{Refusal, Reply};

/// How many mappings a page has.
const MAPPINGS_PER_PAGE: usize = 100;

/// What creating and updating have in common.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MappingRequest {
    event_source_arn: Option<String>,
    function_name: Option<String>,
    batch_size: Option<u32>,
    maximum_batching_window_in_seconds: Option<u32>,
    enabled: Option<bool>,
    function_response_types: Option<Vec<String>>,
    scaling_config: Option<ScalingConfig>,
    filter_criteria: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScalingConfig {
    maximum_concurrency: Option<u32>,
}

impl MappingRequest {
    fn changes(&self) -> Result<MappingChanges, Refusal> {
        if let Some(kind) =
            self.function_response_types.iter().flatten().find(|kind| *kind != REPORT)
        {
            return Err(Refusal::new(
                "ValidationException",
                format!(
                    "1 validation error detected: Value '[{kind}]' at 'functionResponseTypes' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [{REPORT}]]"
                ),
            ));
        }
        if self.filter_criteria.as_ref().is_some_and(has_filters) {
            // Messages that no filter matches are deleted unseen, so to take it for granted would be a lie.
            let message = "FilterCriteria are not implemented by the emulator".to_owned();
            return Err(Refusal { status: 501, code: "NotImplementedException", message });
        }
        Ok(MappingChanges {
            function: self.function_name.as_deref().map(|name| function_name(name).to_owned()),
            batch_size: self.batch_size,
            maximum_batching_window_seconds: self.maximum_batching_window_in_seconds,
            enabled: self.enabled,
            report_batch_item_failures: self
                .function_response_types
                .as_ref()
                .map(|kinds| !kinds.is_empty()),
            maximum_concurrency: self
                .scaling_config
                .as_ref()
                .map(|config| config.maximum_concurrency),
        })
    }
}

const REPORT: &str = "ReportBatchItemFailures";

fn has_filters(criteria: &Value) -> bool {
    criteria["Filters"].as_array().is_some_and(|filters| !filters.is_empty())
}

impl LambdaService {
    pub(super) fn create_mapping(&self, request: &MappingRequest) -> Reply {
        let Some(arn) = request.event_source_arn.as_deref().filter(|arn| arn.contains(":sqs:"))
        else {
            return rest_error(
                400,
                "InvalidParameterValueException",
                "The emulator maps SQS queues only: EventSourceArn must be the ARN of a queue",
            );
        };
        let changes = match request.changes() {
            Ok(changes) => changes,
            Err(refusal) => return refusal.rest(),
        };
        let name = changes.function.as_deref().unwrap_or_default();
        if let Some(action) = self.lacks(name, arn) {
            return rest_error(
                400,
                "InvalidParameterValueException",
                &format!(
                    "The function execution role does not have permissions to call {action} on SQS"
                ),
            );
        }
        let ends = self.ends(name, arn);
        let uuid = self.world.functions.new_id();
        let created =
            self.world.mappings.change(|model, now| model.create(&uuid, arn, &changes, &ends, now));
        if created.is_ok() {
            self.world.mappings.start(&uuid);
        }
        self.accepted(created)
    }

    /// What of reading a queue the function's role does not allow.
    fn lacks(&self, function: &str, arn: &str) -> Option<&'static str> {
        let configuration = self.world.functions.configuration(function)?;
        let queue = arn.rsplit(':').next().unwrap_or_default();
        self.world.lacks(&configuration.spec, queue, arn)
    }

    pub(super) fn update_mapping(&self, uuid: &str, request: &MappingRequest) -> Reply {
        let changes = match request.changes() {
            Ok(changes) => changes,
            Err(refusal) => return refusal.rest(),
        };
        let present = self.world.mappings.look(|model, now| model.get(uuid, now).cloned());
        let updated = present.and_then(|present| {
            let present = present.configuration;
            let function = changes.function.as_deref().unwrap_or(&present.function);
            let ends = self.ends(function, &present.event_source_arn);
            self.world.mappings.change(|model, now| model.update(uuid, &changes, &ends, now))
        });
        self.accepted(updated)
    }

    pub(super) fn delete_mapping(&self, uuid: &str) -> Reply {
        let deleted = self.world.mappings.change(|model, now| model.delete(uuid, now));
        self.accepted(deleted)
    }

    pub(super) fn mapping(&self, uuid: &str) -> Reply {
        let found = self.world.mappings.look(|model, now| model.get(uuid, now).cloned());
        self.shown(200, found)
    }

    pub(super) fn list_mappings(&self, query: &BTreeMap<String, String>) -> Reply {
        let page = match Page::asked_for(query, MAPPINGS_PER_PAGE) {
            Ok(page) => page,
            Err(refusal) => return refusal.rest(),
        };
        let event_source = query.get("EventSourceArn");
        let function = query.get("FunctionName").map(|name| function_name(name));
        let home = self.world.home();
        let found: Vec<Value> = self.world.mappings.look(|model, now| {
            let wanted = |mapping: &&Mapping| {
                let configuration = &mapping.configuration;
                event_source.is_none_or(|arn| *arn == configuration.event_source_arn)
                    && function.is_none_or(|name| name == configuration.function)
            };
            let found = model.list(now).filter(wanted);
            found.map(|mapping| describe_mapping(mapping, home, now)).collect()
        });
        let (mappings, next) = page.of(found);
        let mut body = json!({"EventSourceMappings": mappings});
        if let Some(next) = next {
            body["NextMarker"] = next.into();
        }
        rest(200, &body)
    }

    fn ends(&self, function: &str, event_source_arn: &str) -> Ends {
        let world = &self.world;
        let visibility_timeout_seconds = world.sqs.look(|sqs| {
            let queue = sqs.queue_of_arn(event_source_arn)?;
            let attributes = sqs.configuration(queue).ok()?;
            Some(u64::from(attributes.visibility_timeout_seconds))
        });
        let configuration = world.functions.configuration(function);
        Ends {
            function_arn: world.home().lambda_arn(&format!("function:{function}")),
            visibility_timeout_seconds,
            function_timeout_seconds: configuration
                .map(|configuration| configuration.spec.timeout_seconds),
        }
    }

    fn accepted(&self, result: Result<Mapping, MappingError>) -> Reply {
        self.shown(202, result)
    }

    fn shown(&self, status: u16, result: Result<Mapping, MappingError>) -> Reply {
        match result {
            Ok(mapping) => {
                let now = self.world.sqs.now();
                rest(status, &describe_mapping(&mapping, self.world.home(), now))
            }
            Err(error) => rest_error(error.status(), error.code(), &error.to_string()),
        }
    }
}
