//! The functions that read the queues which messages came from, and where they log.

use std::collections::BTreeMap;

use tokio::sync::Mutex;
use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::{MappingEvidence, QueueEvidence};
use verifier_core::dead_letters::{Consumer, Delivery};

use crate::shell::failure::Failure;

/// What was asked for, or why it could not be.
pub(crate) type Asked<T> = Result<T, NotAsked>;

/// Why something could not be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotAsked {
    /// The action, on which resource, and what came of it.
    pub(crate) why: String,
    /// Whether the caller may not ask: what there is is not known, and somebody can change that.
    pub(crate) is_denied: bool,
}

/// What is known of the functions of queues, by the queues' ARNs.
pub(crate) type KnownConsumers = Mutex<BTreeMap<String, Asked<Vec<Consumer>>>>;

/// The functions that read a queue. Whoever may not ask for them does without.
pub(crate) async fn consumers_of(
    aws: &Aws,
    queue_arn: &str,
) -> Result<Asked<Vec<Consumer>>, AwsError> {
    let mappings = match unless_refused(aws.mappings(queue_arn).await)? {
        Ok(mappings) => mappings,
        Err(why) => return Ok(Err(why)),
    };
    let mut consumers = Vec::new();
    for mapping in mappings {
        match unless_refused(aws.function(&mapping.function_arn).await)? {
            Ok(function) => consumers.push(consumer(function.log_group, &mapping)),
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(consumers))
}

fn consumer(log_group: String, mapping: &MappingEvidence) -> Consumer {
    let function = mapping.function_arn.clone();
    Consumer { function, log_group, delivery: Delivery::of(mapping) }
}

/// The log group of the one function that reads a queue; `None` where none does, or several do. Whoever may not ask for mappings
/// does without.
pub(crate) async fn consumers_log_group(
    aws: &Aws,
    source: &QueueEvidence,
) -> Result<Asked<Option<String>>, Failure> {
    let consumers = consumers_of(aws, source.arn()).await?;
    Ok(consumers.map(|consumers| match consumers.as_slice() {
        [only] => Some(only.log_group.clone()),
        _ => None,
    }))
}

fn unless_refused<T>(answer: Result<T, AwsError>) -> Result<Asked<T>, AwsError> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) if matches!(error.cause, Cause::Denied | Cause::NotFound | Cause::Other) => {
            Ok(Err(NotAsked { why: error.to_string(), is_denied: error.may_be_denied() }))
        }
        Err(error) => Err(error),
    }
}
