//! The functions that read the queues which messages came from, and where they log.

use std::collections::BTreeMap;

use tokio::sync::Mutex;
use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::{MappingEvidence, QueueEvidence};
use verifier_core::dead_letters::{Consumer, Delivery};

use crate::shell::failure::Failure;

/// What is known of the functions of queues, by the queues' ARNs; `None` where they could not be asked for.
pub(crate) type KnownConsumers = Mutex<BTreeMap<String, Option<Vec<Consumer>>>>;

/// The functions that read a queue. Whoever may not ask for them does without.
pub(crate) async fn consumers_of(
    aws: &Aws,
    queue_arn: &str,
) -> Result<Option<Vec<Consumer>>, AwsError> {
    let Some(mappings) = unless_refused(aws.mappings(queue_arn).await)? else { return Ok(None) };
    let mut consumers = Vec::new();
    for mapping in mappings {
        let function = unless_refused(aws.function(&mapping.function_arn).await)?;
        let Some(function) = function else { return Ok(None) };
        consumers.push(consumer(function.log_group, &mapping));
    }
    Ok(Some(consumers))
}

fn consumer(log_group: String, mapping: &MappingEvidence) -> Consumer {
    let function = mapping.function_arn.clone();
    Consumer { function, log_group, delivery: Delivery::of(mapping) }
}

/// The log group of the one function that reads a queue. Whoever may not ask for mappings does without.
pub(crate) async fn consumers_log_group(
    aws: &Aws,
    source: &QueueEvidence,
) -> Result<Option<String>, Failure> {
    let consumers = consumers_of(aws, source.arn()).await?;
    Ok(match consumers.as_deref() {
        Some([only]) => Some(only.log_group.clone()),
        Some(_) | None => None,
    })
}

fn unless_refused<T>(answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.cause, Cause::Denied | Cause::NotFound | Cause::Other) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
