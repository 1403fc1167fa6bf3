//! The functions that read the queues which messages came from, and where they log.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream::iter;
use tokio::sync::Mutex;
use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::{MappingEvidence, QueueEvidence};
use verifier_core::dead_letters::{Consumer, Consumers, DeadLetter, Delivery};

use super::DlqTarget;
use crate::shell::failure::Failure;

/// How many queues are asked about at once.
const AT_ONCE: usize = 4;

/// What is known of the functions of queues, by the queues' ARNs; `None` where they could not be asked for.
pub(crate) type KnownConsumers = Mutex<BTreeMap<String, Option<Vec<Consumer>>>>;

impl DlqTarget {
    /// The functions that read the queues which messages came from, or that all may have come from which do not say it. Each queue is
    /// asked about once.
    pub(crate) async fn consumers(&self, messages: &[&DeadLetter]) -> Result<Consumers, AwsError> {
        let mut sources: BTreeSet<&str> =
            messages.iter().filter_map(|message| message.source_arn.as_deref()).collect();
        if messages.iter().any(|message| message.source_arn.is_none()) {
            sources.extend(self.sources.all.iter().flatten().map(String::as_str));
            sources.extend(self.source.as_ref().map(QueueEvidence::arn));
        }
        // The others tell whose log it is that the user has named.
        if self.named_log_group.is_some() {
            sources.extend(self.sources.all.iter().flatten().map(String::as_str));
        }
        let mut known = self.consumers.lock().await;
        let unknown: Vec<String> = sources
            .into_iter()
            .filter(|arn| !known.contains_key(*arn))
            .map(str::to_owned)
            .collect();
        let asked = iter(unknown).map(async |arn| (consumers_of(&self.aws, &arn).await, arn));
        let asked: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
        for (consumers, arn) in asked {
            known.insert(arn, consumers?);
        }
        let of_known = |(arn, consumers): (&String, &Option<Vec<Consumer>>)| {
            Some((arn.clone(), consumers.clone()?))
        };
        Ok(Consumers {
            by_source: known.iter().filter_map(of_known).collect(),
            may_be_shared: self.sources.may_be_shared(),
            named: self.named_log_group.clone(),
        })
    }
}

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
    Consumer { log_group, delivery: Delivery::of(mapping) }
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
