//! What decides how a stack's messages fare: its queues, what reads them, and its functions.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{LastUpdateStatus, Runtime};
use verifier_core::check::{MappingEvidence, QueueEvidence};
use verifier_core::experiment::{Circumstances, ResourceConfig};

use crate::configuration::in_order;
use crate::error::failed;
use crate::{Aws, AwsError};

impl Aws {
    /// Everything about these queues, by name and URL, whatever reads them, and these functions that decides how messages
    /// fare. What changes by itself, such as counts and times, is none of it.
    ///
    /// Sources: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>,
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>,
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html> and
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConcurrency.html>.
    pub async fn circumstances(
        &self,
        queues: &[(&str, &str)],
        functions: &[&str],
    ) -> Result<Circumstances, AwsError> {
        let mut all = Circumstances::new();
        for (name, url) in queues {
            let queue = self.queue(name, url).await?;
            all.extend(of_queue(&queue));
            for mapping in self.mappings(queue.arn()).await? {
                all.extend(of_mapping(&mapping, name));
            }
        }
        for function in functions {
            let answer =
                self.lambda.get_function_configuration().function_name(*function).send().await;
            let answer = answer
                .map_err(|error| failed("lambda:GetFunctionConfiguration", function, &error))?;
            all.extend(of_function(&answer, function));
            let reserved = self.reserved_concurrency(function).await?;
            let reserved = reserved.map(|limit| limit.to_string()).unwrap_or_default();
            all.insert(format!("ReservedConcurrentExecutions of {}", short(function)), reserved);
        }
        Ok(all)
    }
}

fn of_queue(queue: &QueueEvidence) -> Circumstances {
    let changes_by_itself =
        |name: &str| name.starts_with("Approximate") || name == "LastModifiedTimestamp";
    let attributes = queue.attributes.iter().filter(|(name, _)| !changes_by_itself(name.as_str()));
    let named = |name: &str| -> String { format!("{name} of {}", queue.name) };
    let mut all: Circumstances =
        attributes.map(|(name, value)| (named(name), value.clone())).collect();
    // A count is a number however it is written.
    if let Some(policy) = all.remove(&named("RedrivePolicy")) {
        let redrive_policy = Some(in_order(&policy));
        let policy = ResourceConfig::Queue { visibility_timeout_seconds: 0, redrive_policy };
        for (field, value) in policy.fields() {
            if field.name() != "VisibilityTimeout" {
                all.insert(named(field.name()), value.to_string());
            }
        }
    }
    all
}

fn of_mapping(mapping: &MappingEvidence, queue: &str) -> Circumstances {
    let is_enabled = !matches!(&*mapping.state, "Disabled" | "Disabling");
    let concurrency = mapping.maximum_concurrency;
    let fields = [
        ("FunctionArn", mapping.function_arn.clone()),
        ("Enabled", is_enabled.to_string()),
        ("BatchSize", mapping.batch_size.to_string()),
        ("MaximumBatchingWindowInSeconds", mapping.batching_window.as_secs().to_string()),
        ("FunctionResponseTypes", mapping.response_types.join(", ")),
        ("MaximumConcurrency", concurrency.map(|most| most.to_string()).unwrap_or_default()),
        ("FilterCriteria", mapping.filters.join(", ")),
    ];
    let uuid = &mapping.uuid;
    let named = |name: &str| format!("{name} of the event source mapping {uuid} of {queue}");
    fields.into_iter().map(|(name, value)| (named(name), value)).collect()
}

fn of_function(answer: &GetFunctionConfigurationOutput, function: &str) -> Circumstances {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let number = |value: Option<i32>| value.map(|value| value.to_string()).unwrap_or_default();
    let layers = answer.layers().iter().filter_map(|layer| layer.arn());
    let fields = [
        ("Timeout", number(answer.timeout())),
        ("MemorySize", number(answer.memory_size())),
        ("CodeSha256", text(answer.code_sha256())),
        ("Handler", text(answer.handler())),
        ("Role", text(answer.role())),
        ("Runtime", text(answer.runtime().map(Runtime::as_str))),
        ("Layers", layers.collect::<Vec<_>>().join(", ")),
        ("Environment", digest_of_environment(answer)),
        ("LastUpdateStatus", text(answer.last_update_status().map(LastUpdateStatus::as_str))),
    ];
    let named = |name: &str| format!("{name} of {}", short(function));
    fields.into_iter().map(|(name, value)| (named(name), value)).collect()
}

/// Tells environments apart, and holds none of their values, which may be secrets.
fn digest_of_environment(answer: &GetFunctionConfigurationOutput) -> String {
    let variables = answer.environment().and_then(|environment| environment.variables());
    let variables: BTreeMap<_, _> = variables.into_iter().flatten().collect();
    if variables.is_empty() {
        return String::new();
    }
    let mut hasher = DefaultHasher::new();
    variables.hash(&mut hasher);
    format!("{:016x} (a digest)", hasher.finish())
}

/// A function's name, where it may be an ARN.
fn short(function: &str) -> &str {
    function.rsplit(':').next().unwrap_or(function)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(attributes: &[(&str, &str)]) -> Circumstances {
        let attributes = attributes.iter();
        of_queue(&QueueEvidence {
            name: "q".to_owned(),
            url: String::new(),
            attributes: attributes.map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        })
    }

    #[test]
    fn a_queue_is_the_same_whatever_is_in_it_and_however_its_policy_is_written() {
        let before = queue(&[
            ("DelaySeconds", "0"),
            ("ApproximateNumberOfMessages", "3"),
            ("LastModifiedTimestamp", "1"),
            ("RedrivePolicy", r#"{"maxReceiveCount":"3","deadLetterTargetArn":"a"}"#),
        ]);
        let now = queue(&[
            ("DelaySeconds", "0"),
            ("ApproximateNumberOfMessages", "0"),
            ("LastModifiedTimestamp", "2"),
            ("RedrivePolicy", r#"{"deadLetterTargetArn":"a","maxReceiveCount":3}"#),
        ]);
        assert_eq!(before, now);
        assert_eq!(before["maxReceiveCount of q"], "3");
        assert_ne!(before, queue(&[("DelaySeconds", "5")]));
    }

    #[test]
    fn an_environment_shows_no_value() {
        let of = |value: &str| {
            let variables = aws_sdk_lambda::types::EnvironmentResponse::builder()
                .variables("KEY", value)
                .build();
            let answer = GetFunctionConfigurationOutput::builder().environment(variables).build();
            of_function(&answer, "arn:aws:lambda:r:0:function:w")["Environment of w"].clone()
        };
        assert_eq!(of("secret"), of("secret"));
        assert_ne!(of("secret"), of("other"));
        assert!(!of("secret").contains("secret"));
    }
}
