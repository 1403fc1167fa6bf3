//! How parts of a stack are configured, and changing that.

use std::collections::BTreeSet;

use aws_sdk_lambda::types::{
    FunctionResponseType, LastUpdateStatus, LastUpdateStatusReasonCode, ScalingConfig,
};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;
use verifier_core::experiment::{Field, MappingState, ResourceConfig, ResourceRef, Update};

use crate::error::failed;
use crate::{Aws, AwsError};

impl Aws {
    /// How a part is configured now. Of one that is on its way, how it is going to be.
    pub async fn configuration(&self, part: &ResourceRef) -> Result<ResourceConfig, AwsError> {
        Ok(self.configured(part).await?.0)
    }

    /// The same, and whether that is in force by now.
    pub async fn configured(
        &self,
        part: &ResourceRef,
    ) -> Result<(ResourceConfig, Update), AwsError> {
        let at_once = |configuration| (configuration, Update::Done);
        match part {
            ResourceRef::Concurrency { function } => {
                let reserved = self.reserved_concurrency(function).await?;
                Ok(at_once(ResourceConfig::Concurrency { reserved }))
            }
            ResourceRef::Mapping { uuid } => self.mapping_configuration(uuid).await,
            ResourceRef::QueueTag { queue_url, key } => {
                let value = self.queue_tag(queue_url, key).await?;
                Ok(at_once(ResourceConfig::QueueTag { value }))
            }
            ResourceRef::Queue { queue_url } => {
                Ok(at_once(self.queue_configuration(queue_url).await?))
            }
            ResourceRef::Function { function } => self.function_configuration(function).await,
        }
    }

    /// How many invocations of a function run at once; `None` where as many do as the account has left.
    pub(crate) async fn reserved_concurrency(
        &self,
        function: &str,
    ) -> Result<Option<u32>, AwsError> {
        let answer = self.lambda.get_function_concurrency().function_name(function).send().await;
        let answer =
            answer.map_err(|error| failed("lambda:GetFunctionConcurrency", function, &error))?;
        let reserved = answer.reserved_concurrent_executions();
        Ok(reserved.and_then(|limit| u32::try_from(limit).ok()))
    }

    /// The value of a queue's tag; `None` where it has no such tag.
    pub async fn queue_tag(&self, url: &str, key: &str) -> Result<Option<String>, AwsError> {
        let answer = self.sqs.list_queue_tags().queue_url(url).send().await;
        let answer = answer.map_err(|error| failed("sqs:ListQueueTags", url, &error))?;
        Ok(answer.tags().and_then(|tags| tags.get(key)).cloned())
    }

    async fn queue_configuration(&self, url: &str) -> Result<ResourceConfig, AwsError> {
        let answer = self
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::VisibilityTimeout)
            .attribute_names(QueueAttributeName::RedrivePolicy)
            .send()
            .await
            .map_err(|error| failed("sqs:GetQueueAttributes", url, &error))?;
        let text = |name| answer.attributes().and_then(|attributes| attributes.get(&name));
        let seconds =
            text(QueueAttributeName::VisibilityTimeout).and_then(|text| text.parse().ok());
        Ok(ResourceConfig::Queue {
            visibility_timeout_seconds: seconds.unwrap_or_default(),
            redrive_policy: text(QueueAttributeName::RedrivePolicy).map(|text| in_order(text)),
        })
    }

    async fn function_configuration(
        &self,
        function: &str,
    ) -> Result<(ResourceConfig, Update), AwsError> {
        let answer = self.lambda.get_function_configuration().function_name(function).send().await;
        let answer =
            answer.map_err(|error| failed("lambda:GetFunctionConfiguration", function, &error))?;
        let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
        let configuration = ResourceConfig::Function {
            timeout_seconds: number(answer.timeout()).unwrap_or_default(),
            memory_megabytes: number(answer.memory_size()).unwrap_or_default(),
        };
        let update = Update::of_function(
            answer.last_update_status().map(LastUpdateStatus::as_str),
            answer.last_update_status_reason(),
            answer.last_update_status_reason_code().map(LastUpdateStatusReasonCode::as_str),
        );
        Ok((configuration, update))
    }

    async fn mapping_configuration(
        &self,
        uuid: &str,
    ) -> Result<(ResourceConfig, Update), AwsError> {
        let answer = self.lambda.get_event_source_mapping().uuid(uuid).send().await;
        let answer =
            answer.map_err(|error| failed("lambda:GetEventSourceMapping", uuid, &error))?;
        let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
        let state = answer.state().unwrap_or_default();
        let concurrency = answer.scaling_config().and_then(ScalingConfig::maximum_concurrency);
        let response_types = answer.function_response_types().iter();
        let configuration = ResourceConfig::Mapping(MappingState {
            // One that is being updated says neither; it goes on as it was asked to.
            enabled: !matches!(state, "Disabled" | "Disabling"),
            batch_size: number(answer.batch_size()).unwrap_or_default(),
            batching_window_seconds: number(answer.maximum_batching_window_in_seconds())
                .unwrap_or_default(),
            maximum_concurrency: number(concurrency),
            response_types: response_types.map(|kind| kind.as_str().to_owned()).collect(),
        });
        Ok((configuration, Update::of_mapping(state)))
    }

    /// Configures these fields of a part, and tells nothing about the others, which stay as they are; without a field there
    /// is nothing to tell. A mapping and a function are only told to, and get there by themselves; while they are on their
    /// way they refuse.
    pub async fn configure(
        &self,
        part: &ResourceRef,
        wanted: &ResourceConfig,
        fields: &BTreeSet<Field>,
    ) -> Result<(), AwsError> {
        if fields.is_empty() {
            return Ok(());
        }
        match (part, wanted) {
            (ResourceRef::Concurrency { function }, ResourceConfig::Concurrency { reserved }) => {
                self.reserve(function, *reserved).await
            }
            (ResourceRef::Mapping { uuid }, ResourceConfig::Mapping(state)) => {
                self.update_mapping(uuid, state, fields).await
            }
            (ResourceRef::QueueTag { queue_url, key }, ResourceConfig::QueueTag { value }) => {
                self.tag_queue(queue_url, key, value.as_deref()).await
            }
            (
                ResourceRef::Queue { queue_url },
                ResourceConfig::Queue { visibility_timeout_seconds, redrive_policy },
            ) => {
                let policy = redrive_policy.as_deref();
                self.set_queue(queue_url, (*visibility_timeout_seconds, policy), fields).await
            }
            (
                ResourceRef::Function { function },
                ResourceConfig::Function { timeout_seconds, memory_megabytes },
            ) => self.set_function(function, (*timeout_seconds, *memory_megabytes), fields).await,
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

    async fn update_mapping(
        &self,
        uuid: &str,
        state: &MappingState,
        fields: &BTreeSet<Field>,
    ) -> Result<(), AwsError> {
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let told = |field| fields.contains(&field);
        let response_types = state.response_types.iter();
        let response_types = response_types.map(|kind| FunctionResponseType::from(kind.as_str()));
        let scaling = ScalingConfig::builder()
            .set_maximum_concurrency(state.maximum_concurrency.map(number))
            .build();
        let request = self
            .lambda
            .update_event_source_mapping()
            .uuid(uuid)
            .set_enabled(told(Field::Enabled).then_some(state.enabled))
            .set_batch_size(told(Field::BatchSize).then_some(number(state.batch_size)))
            .set_maximum_batching_window_in_seconds(
                told(Field::BatchingWindow).then_some(number(state.batching_window_seconds)),
            )
            .set_function_response_types(
                told(Field::ResponseTypes).then(|| response_types.collect()),
            )
            // One that names no limit takes it away.
            .set_scaling_config(told(Field::MaximumConcurrency).then_some(scaling));
        let answer = request.send().await;
        answer.map_err(|error| failed("lambda:UpdateEventSourceMapping", uuid, &error)).map(drop)
    }

    async fn set_queue(
        &self,
        url: &str,
        (visibility_timeout_seconds, redrive_policy): (u32, Option<&str>),
        fields: &BTreeSet<Field>,
    ) -> Result<(), AwsError> {
        let mut request = self.sqs.set_queue_attributes().queue_url(url);
        if fields.contains(&Field::VisibilityTimeout) {
            let timeout = visibility_timeout_seconds.to_string();
            request = request.attributes(QueueAttributeName::VisibilityTimeout, timeout);
        }
        if fields.contains(&Field::MaxReceiveCount) || fields.contains(&Field::RedrivePolicy) {
            // An empty text takes the policy away.
            let policy = redrive_policy.unwrap_or_default();
            request = request.attributes(QueueAttributeName::RedrivePolicy, policy);
        }
        let answer = request.send().await;
        answer.map_err(|error| failed("sqs:SetQueueAttributes", url, &error)).map(drop)
    }

    async fn set_function(
        &self,
        function: &str,
        (timeout_seconds, memory_megabytes): (u32, u32),
        fields: &BTreeSet<Field>,
    ) -> Result<(), AwsError> {
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let told = |field| fields.contains(&field);
        let answer = self
            .lambda
            .update_function_configuration()
            .function_name(function)
            .set_timeout(told(Field::Timeout).then_some(number(timeout_seconds)))
            .set_memory_size(told(Field::MemorySize).then_some(number(memory_megabytes)))
            .send()
            .await;
        answer
            .map_err(|error| failed("lambda:UpdateFunctionConfiguration", function, &error))
            .map(drop)
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
    ///
    /// # Errors
    ///
    /// Also where none has, and Lambda shows not all variables, since the caller may not use the key that encrypts them.
    pub async fn function_with_queue(
        &self,
        functions: &[String],
        queue: (&str, &str),
    ) -> Result<Option<String>, AwsError> {
        let (mut found, mut hidden) = (Vec::new(), None);
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
            if let Some(error) = answer.environment().and_then(|environment| environment.error()) {
                hidden.get_or_insert_with(|| hidden_variables(function, error.message()));
            }
            let environment = answer.environment().and_then(|environment| environment.variables());
            let mut values = environment.into_iter().flat_map(|variables| variables.values());
            if values.any(|value| value == queue.0 || value == queue.1) {
                found.push(answer.function_name().unwrap_or(function).to_owned());
            }
        }
        only(found, hidden)
    }
}

/// The one that was found; a failure where it may be one that could not be looked at.
fn only<E>(mut found: Vec<String>, hidden: Option<E>) -> Result<Option<String>, E> {
    match (found.len(), hidden) {
        (0, Some(hidden)) => Err(hidden),
        (1, _) => Ok(found.pop()),
        _ => Ok(None),
    }
}

/// That Lambda answers without the variables of a function, whose key the caller may not use.
///
/// Source: `EnvironmentError` in <https://docs.aws.amazon.com/lambda/latest/api/API_EnvironmentError.html>.
fn hidden_variables(function: &str, message: Option<&str>) -> AwsError {
    AwsError {
        cause: crate::Cause::Denied,
        action: "lambda:GetFunctionConfiguration",
        resource: function.to_owned(),
        code: Some("KMSAccessDeniedException".to_owned()),
        message: message.unwrap_or("its variables could not be decrypted").to_owned(),
    }
}

/// A policy with its fields in their order, so that equal ones are equal texts; and as it was if it is none.
pub(crate) fn in_order(policy: &str) -> String {
    serde_json::from_str::<Value>(policy).map_or_else(|_| policy.to_owned(), |it| it.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_whose_variables_are_hidden_matters_only_where_none_is_found() {
        let found =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(only(found(&["S"]), Some("hidden")), Ok(Some("S".to_owned())));
        assert_eq!(only(found(&["S", "T"]), Some("hidden")), Ok(None));
        assert_eq!(only(found(&[]), None::<&str>), Ok(None));
        assert_eq!(only(found(&[]), Some("hidden")), Err("hidden"));
        let hidden = hidden_variables("S", None);
        assert!(hidden.next().contains("kms:Decrypt on the KMS key of S"), "{}", hidden.next());
    }
}
