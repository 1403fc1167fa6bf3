//! What there is: the stack, its template, its queues and what reads them.

use futures::future::try_join_all;
use serde_json::Value;
use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::{MappingEvidence, QueueEvidence, StackEvidence};
use verifier_core::dead_letters::QueueArn;
use verifier_core::init::{FoundQueue, outputs_of};
use verifier_emulator::Template;

use crate::shell::failure::Failure;

/// What there is.
pub(super) struct Found {
    pub(super) stack: StackEvidence,
    /// The template, with its intrinsic functions by their long names.
    pub(super) template: Value,
    /// The stack's queues, and those of others that are their dead-letter queues.
    pub(super) queues: Vec<FoundQueue>,
    mappings: Vec<MappingEvidence>,
}

impl Found {
    /// Asks for it.
    pub(super) async fn of(aws: &Aws, name: &str) -> Result<Self, Failure> {
        let stack = aws.stack(name).await?;
        let text = aws.template(name).await?;
        let template = Template::parse(&text).map_err(|error| {
            Failure::environment(format!(
                "the template of the stack {name} cannot be read: {error}"
            ))
        })?;
        let mut queues = queues_of(aws, &stack).await?;
        let mappings = mappings(aws, &queues).await?;
        for queue in &mut queues {
            queue.is_read =
                mappings.iter().any(|mapping| mapping.event_source_arn == queue.queue.arn());
        }
        Ok(Self { stack, template: template.written().clone(), queues, mappings })
    }

    /// The functions that read a queue, by their ARNs.
    pub(super) fn readers(&self, queue: &QueueEvidence) -> Vec<&str> {
        let of_queue =
            self.mappings.iter().filter(|mapping| mapping.event_source_arn == queue.arn());
        of_queue.map(|mapping| mapping.function_arn.as_str()).collect()
    }
}

/// The stack's queues with the dead-letter queues that they name, which may be of another stack.
async fn queues_of(aws: &Aws, stack: &StackEvidence) -> Result<Vec<FoundQueue>, Failure> {
    let own = stack.resources.iter().filter(|each| each.resource_type == "AWS::SQS::Queue");
    let asked = own.map(async |resource| {
        let url = &resource.physical_id;
        let name = url.rsplit('/').next().unwrap_or(url);
        let queue = aws.queue(name, url).await?;
        let logical_id = Some(resource.logical_id.clone());
        Ok::<_, AwsError>(FoundQueue {
            outputs: outputs_of(stack, name),
            queue,
            logical_id,
            is_read: false,
        })
    });
    let mut queues = try_join_all(asked).await?;
    let targets: Vec<String> = queues
        .iter()
        .filter_map(|queue| Some(queue.queue.redrive_policy()?.dead_letter_target_arn))
        .collect();
    for arn in targets {
        if queues.iter().any(|queue| queue.queue.arn() == arn) {
            continue;
        }
        if let Some(queue) = of_others(aws, &arn).await? {
            queues.push(FoundQueue { queue, ..FoundQueue::default() });
        }
    }
    Ok(queues)
}

/// A queue that is not the stack's; `None` where there is none.
async fn of_others(aws: &Aws, arn: &str) -> Result<Option<QueueEvidence>, Failure> {
    let Some(parsed) = QueueArn::parse(arn) else { return Ok(None) };
    let url = match aws.queue_url_of(&parsed.name, Some(&parsed.account)).await {
        Ok(url) => url,
        Err(error) if error.cause == Cause::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(aws.queue(&parsed.name, &url).await?))
}

/// What reads the queues that have a dead-letter queue.
async fn mappings(aws: &Aws, queues: &[FoundQueue]) -> Result<Vec<MappingEvidence>, Failure> {
    let asked = queues.iter().filter(|queue| queue.queue.redrive_policy().is_some());
    let asked = asked.map(|queue| aws.mappings(queue.queue.arn()));
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}
