//! Lambda: invoking a function with an event, and which functions put failed events into a queue.

use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::operation::RequestId;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionEventInvokeConfig, InvocationType};
use verifier_core::check::FunctionEvidence;
use verifier_core::dead_letters::Resend;

use crate::dead_letters::of_request;
use crate::error::failed;
use crate::{Aws, AwsError, Sent};

/// The status by which Lambda says that it has queued an event.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
const ACCEPTED: i32 = 202;

/// A function that may be invoked with events.
pub struct Invocable {
    /// How it is configured.
    pub function: FunctionEvidence,
    /// The ARN of the queue or the topic where events go that it has failed, if it has one.
    pub dead_letter_arn: Option<String>,
}

/// Where records of failures go by a configuration.
fn on_failure(config: &FunctionEventInvokeConfig) -> Option<String> {
    let on_failure = config.destination_config()?.on_failure()?;
    on_failure.destination().filter(|arn| !arn.is_empty()).map(str::to_owned)
}

impl Aws {
    /// A function by name or ARN, which may name a version or an alias.
    pub async fn invocable(&self, name: &str) -> Result<Invocable, AwsError> {
        let answer = self.asked_function(name).await?;
        let dead_letters = answer.dead_letter_config().and_then(|config| config.target_arn());
        let dead_letter_arn = dead_letters.filter(|arn| !arn.is_empty()).map(str::to_owned);
        Ok(Invocable { function: crate::functions::evidence(name, &answer), dead_letter_arn })
    }

    /// The functions of the account in the region, each with the queue or the topic where events go that it has failed, if
    /// it has one.
    pub async fn functions(&self) -> Result<Vec<(String, Option<String>)>, AwsError> {
        let mut functions = Vec::new();
        let mut pages = self.lambda.list_functions().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("lambda:ListFunctions", "all", &error))?;
            functions.extend(page.functions().iter().filter_map(|function| {
                let config = function.dead_letter_config();
                let arn = config.and_then(|config| config.target_arn());
                let arn = arn.filter(|arn| !arn.is_empty()).map(str::to_owned);
                Some((function.function_name()?.to_owned(), arn))
            }));
        }
        Ok(functions)
    }

    /// The names of the functions of the account in the region that put events which they have failed into a queue.
    pub async fn functions_with_dead_letter_queue(
        &self,
        queue_arn: &str,
    ) -> Result<Vec<String>, AwsError> {
        let functions = self.functions().await?.into_iter();
        let of_queue = functions.filter(|(_, arn)| arn.as_deref() == Some(queue_arn));
        Ok(of_queue.map(|(name, _)| name).collect())
    }

    /// Where a function and its versions and aliases send the records of asynchronous invocations that have failed.
    pub async fn failure_destinations(&self, function: &str) -> Result<Vec<String>, AwsError> {
        let mut arns = Vec::new();
        let request = self.lambda.list_function_event_invoke_configs().function_name(function);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                failed("lambda:ListFunctionEventInvokeConfigs", function, &error)
            })?;
            arns.extend(page.function_event_invoke_configs().iter().filter_map(on_failure));
        }
        Ok(arns)
    }

    /// Invokes a function asynchronously with events, one after the other. The id of what is confirmed is that of the
    /// invocation, by which Lambda's log and its dead letters name it.
    ///
    /// The SDK does not repeat the request by itself: an event that may have been accepted must not be sent again before that
    /// was written down.
    pub async fn invoke(&self, function_arn: &str, events: &[Resend]) -> Vec<Sent> {
        let mut sent = Vec::new();
        for event in events {
            sent.push(self.invoke_one(function_arn, event).await);
        }
        sent
    }

    async fn invoke_one(&self, function_arn: &str, event: &Resend) -> Sent {
        let request = self
            .lambda
            .invoke()
            .function_name(function_arn)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event.body.as_bytes()))
            .customize()
            .config_override(Builder::new().retry_config(RetryConfig::disabled()));
        match request.send().await {
            Ok(answer) if answer.status_code() == ACCEPTED => Sent::Confirmed {
                // Without an id the event is known by the message alone, and nothing tells what becomes of it.
                message_id: answer
                    .request_id()
                    .map_or_else(|| format!("event-of-{}", event.from), str::to_owned),
                trace_lost: event.trace_header.is_some(),
            },
            Ok(answer) => Sent::Unknown {
                why: format!("Lambda answered {}, and not {ACCEPTED}", answer.status_code()),
            },
            Err(error) => of_request("lambda:InvokeFunction", function_arn, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::{DestinationConfig, OnFailure, OnSuccess};

    use super::*;

    #[test]
    fn only_the_destination_of_failures_is_a_dead_letter_queue() {
        let (failures, successes) = (OnFailure::builder(), OnSuccess::builder());
        let of = |config| FunctionEventInvokeConfig::builder().destination_config(config).build();
        let both = DestinationConfig::builder()
            .on_failure(failures.destination("arn:failures").build())
            .on_success(successes.destination("arn:successes").build())
            .build();
        assert_eq!(on_failure(&of(both)).as_deref(), Some("arn:failures"));
        assert_eq!(on_failure(&of(DestinationConfig::builder().build())), None);
        assert_eq!(on_failure(&FunctionEventInvokeConfig::builder().build()), None);
    }
}
