//! How parts of a stack are configured, and changing that.

use aws_sdk_lambda::types::{FunctionResponseType, ScalingConfig};
use verifier_core::chaos::{Configuration, MappingState, Part};

use crate::error::failed;
use crate::{Aws, AwsError};

/// An event source mapping, and whether what was asked of it last is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// How it is configured, or is going to be.
    pub state: MappingState,
    /// Whether that is so by now; else it is on its way.
    pub is_settled: bool,
}

impl Aws {
    /// How a part is configured now. Of a mapping that is on its way, how it is going to be.
    pub async fn configuration(&self, part: &Part) -> Result<Configuration, AwsError> {
        match part {
            Part::Concurrency { function } => {
                let answer =
                    self.lambda.get_function_concurrency().function_name(function).send().await;
                let answer = answer
                    .map_err(|error| failed("lambda:GetFunctionConcurrency", function, &error))?;
                let reserved = answer.reserved_concurrent_executions();
                let reserved = reserved.and_then(|limit| u32::try_from(limit).ok());
                Ok(Configuration::Concurrency { reserved })
            }
            Part::Mapping { uuid } => Ok(Configuration::Mapping(self.mapped(uuid).await?.state)),
            Part::QueueTag { queue_url, key } => {
                let answer = self.sqs.list_queue_tags().queue_url(queue_url).send().await;
                let answer =
                    answer.map_err(|error| failed("sqs:ListQueueTags", queue_url, &error))?;
                let value = answer.tags().and_then(|tags| tags.get(key)).cloned();
                Ok(Configuration::QueueTag { value })
            }
        }
    }

    /// An event source mapping, by its id.
    pub async fn mapped(&self, uuid: &str) -> Result<Mapped, AwsError> {
        let answer = self.lambda.get_event_source_mapping().uuid(uuid).send().await;
        let answer =
            answer.map_err(|error| failed("lambda:GetEventSourceMapping", uuid, &error))?;
        let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
        let state = answer.state().unwrap_or_default();
        let concurrency = answer.scaling_config().and_then(ScalingConfig::maximum_concurrency);
        let response_types = answer.function_response_types().iter();
        Ok(Mapped {
            is_settled: matches!(state, "Enabled" | "Disabled"),
            state: MappingState {
                // One that is being updated says neither; it goes on as it was asked to.
                enabled: !matches!(state, "Disabled" | "Disabling"),
                batch_size: number(answer.batch_size()).unwrap_or_default(),
                batching_window_seconds: number(answer.maximum_batching_window_in_seconds())
                    .unwrap_or_default(),
                maximum_concurrency: number(concurrency),
                response_types: response_types.map(|kind| kind.as_str().to_owned()).collect(),
            },
        })
    }

    /// Configures a part. A mapping is only told to, and gets there by itself; one that is on its way refuses.
    pub async fn configure(&self, part: &Part, wanted: &Configuration) -> Result<(), AwsError> {
        match (part, wanted) {
            (Part::Concurrency { function }, Configuration::Concurrency { reserved }) => {
                self.reserve(function, *reserved).await
            }
            (Part::Mapping { uuid }, Configuration::Mapping(state)) => {
                self.update_mapping(uuid, state).await
            }
            (Part::QueueTag { queue_url, key }, Configuration::QueueTag { value }) => {
                self.tag_queue(queue_url, key, value.as_deref()).await
            }
            // A journal that somebody has changed may say so.
            _ => Err(AwsError {
                cause: crate::Cause::Other,
                action: "lambda:UpdateEventSourceMapping",
                resource: format!("{part:?}"),
                code: None,
                message: "the configuration is of another kind of part".to_owned(),
            }),
        }
    }

    async fn reserve(&self, function: &str, reserved: Option<u32>) -> Result<(), AwsError> {
        if let Some(limit) = reserved {
            let limit = i32::try_from(limit).unwrap_or(i32::MAX);
            let request = self.lambda.put_function_concurrency().function_name(function);
            let answer = request.reserved_concurrent_executions(limit).send().await;
            answer.map_err(|error| failed("lambda:PutFunctionConcurrency", function, &error))?;
        } else {
            let request = self.lambda.delete_function_concurrency().function_name(function);
            let answer = request.send().await;
            answer.map_err(|error| failed("lambda:DeleteFunctionConcurrency", function, &error))?;
        }
        Ok(())
    }

    async fn update_mapping(&self, uuid: &str, state: &MappingState) -> Result<(), AwsError> {
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let response_types = state.response_types.iter();
        let response_types = response_types.map(|kind| FunctionResponseType::from(kind.as_str()));
        let scaling = ScalingConfig::builder()
            .set_maximum_concurrency(state.maximum_concurrency.map(number))
            .build();
        let request = self
            .lambda
            .update_event_source_mapping()
            .uuid(uuid)
            .enabled(state.enabled)
            .batch_size(number(state.batch_size))
            .maximum_batching_window_in_seconds(number(state.batching_window_seconds))
            .set_function_response_types(Some(response_types.collect()))
            .scaling_config(scaling);
        let answer = request.send().await;
        answer.map_err(|error| failed("lambda:UpdateEventSourceMapping", uuid, &error)).map(drop)
    }

    async fn tag_queue(&self, url: &str, key: &str, value: Option<&str>) -> Result<(), AwsError> {
        if let Some(value) = value {
            let answer = self.sqs.tag_queue().queue_url(url).tags(key, value).send().await;
            answer.map_err(|error| failed("sqs:TagQueue", url, &error))?;
        } else {
            let answer = self.sqs.untag_queue().queue_url(url).tag_keys(key).send().await;
            answer.map_err(|error| failed("sqs:UntagQueue", url, &error))?;
        }
        Ok(())
    }

    /// The function among these that has a queue's URL or name in its environment: the one that sends to it. `None` where none
    /// has, or several do.
    pub async fn function_with_queue(
        &self,
        functions: &[String],
        queue: (&str, &str),
    ) -> Result<Option<String>, AwsError> {
        let mut found = Vec::new();
        for function in functions {
            let answer =
                self.lambda.get_function_configuration().function_name(function).send().await;
            let answer = match answer
                .map_err(|error| failed("lambda:GetFunctionConfiguration", function, &error))
            {
                Ok(answer) => answer,
                // A helper of the deployment that is gone, or that an emulator does without.
                Err(error) if error.cause == crate::Cause::NotFound => continue,
                Err(error) => return Err(error),
            };
            let environment = answer.environment().and_then(|environment| environment.variables());
            let mut values = environment.into_iter().flat_map(|variables| variables.values());
            if values.any(|value| value == queue.0 || value == queue.1) {
                found.push(answer.function_name().unwrap_or(function).to_owned());
            }
        }
        let [function] = found.as_slice() else { return Ok(None) };
        Ok(Some(function.clone()))
    }
}
