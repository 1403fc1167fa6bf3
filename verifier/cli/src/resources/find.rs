//! Asking a stack for its resources.

use futures::future::join_all;
use verifier_aws::{Aws, AwsError};
use verifier_core::check::{QueueEvidence, StackEvidence, StackResource};
use verifier_core::resources::{Found, Resources, Role, only_pair};

use super::wanted::Wanted;
use crate::shell::failure::Failure;

/// How many queues of a stack are looked at, where nothing names its jobs queue: each costs a call.
const QUEUES_MAX: usize = 20;

/// The resources that were wanted.
#[derive(Debug)]
pub(crate) struct FoundResources {
    /// Their stack, where they are of one.
    pub(crate) stack: Option<StackEvidence>,
    pub(crate) resources: Resources,
}

/// Finds what is wanted. Where nothing names the queues of a stack, they are taken if they can be no others.
pub(crate) async fn find(aws: &Aws, wanted: &Wanted) -> Result<FoundResources, AwsError> {
    if aws.region().is_none() {
        return Err(AwsError::no_region());
    }
    let (name, named, outputs) = match wanted {
        Wanted::Known(resources) => {
            return Ok(FoundResources { stack: None, resources: resources.clone() });
        }
        Wanted::Stack { name, named, outputs } => (name, named, outputs),
    };
    let mut stack = aws.stack(name).await?;
    if let Some(outputs) = outputs {
        stack.outputs.clone_from(outputs);
    }
    let mut resources = Resources::of_stack(named, &stack);
    let is_missing = |role| matches!(resources.found(role), Found::Missing(_));
    if named.says_no_queue() && is_missing(Role::Queue) && is_missing(Role::DeadLetters) {
        take_only_pair(aws, &stack, &mut resources).await?;
    }
    Ok(FoundResources { stack: Some(stack), resources })
}

fn is_queue(one: &StackResource) -> bool {
    one.resource_type == "AWS::SQS::Queue"
}

async fn take_only_pair(
    aws: &Aws,
    stack: &StackEvidence,
    resources: &mut Resources,
) -> Result<(), AwsError> {
    let all: Vec<&StackResource> = stack.resources.iter().filter(|one| is_queue(one)).collect();
    if all.len() > QUEUES_MAX {
        return Ok(());
    }
    let name = |url: &str| url.rsplit('/').next().unwrap_or(url).to_owned();
    let asked =
        all.iter().map(async |one| aws.queue(&name(&one.physical_id), &one.physical_id).await);
    let asked: Result<Vec<QueueEvidence>, AwsError> = join_all(asked).await.into_iter().collect();
    let queues = match asked {
        Ok(queues) => queues,
        // One that may not be read may have a redrive policy, too.
        Err(error) if error.may_be_denied() => return Ok(()),
        Err(error) => return Err(error),
    };
    let id = |queue: &QueueEvidence| {
        let of_url = all.iter().find(|one| one.physical_id == queue.url);
        of_url.map(|one| one.logical_id.as_str()).unwrap_or_default()
    };
    if let Some((jobs, dead)) = only_pair(&queues) {
        resources.set_only_pair((&jobs.url, id(jobs)), (&dead.url, id(dead)));
    }
    Ok(())
}

/// The queue of the stack that something names. The template, of a pull request perhaps, has named it: a queue of another stack is
/// named on the command line, and without the stack.
pub(crate) fn owned<'a>(
    stack: &StackEvidence,
    resources: &'a Resources,
    role: Role,
) -> Result<Option<&'a str>, Failure> {
    let located = match resources.found(role) {
        Found::At(located) => located,
        Found::None => return Ok(None),
        Found::Missing(output) => {
            let option = role.option().unwrap_or_default();
            let queues = stack.resources.iter().filter(|one| is_queue(one));
            let queues: Vec<&str> = queues.map(|one| one.logical_id.as_str()).collect();
            let queues = match queues.as_slice() {
                [] => String::new(),
                queues => format!(" (the stack's queues are {})", queues.join(", ")),
            };
            return Err(Failure {
                next: Some(format!(
                    "say in verifier.toml which output or which logical id names the {}{queues}, or name it itself with {option}",
                    role.as_str()
                )),
                ..Failure::usage(format!("the stack {} has no output {output}", stack.name))
            });
        }
    };
    if stack.queue_of_output(&located.value).is_some() {
        return Ok(Some(&located.value));
    }
    Err(Failure {
        next: Some(
            "if it is meant, name the queue itself with --dlq, --queue or --to, and leave --stack out"
                .to_owned(),
        ),
        ..Failure::usage(format!(
            "{} names the queue {}, which is no resource of the stack {}",
            located.by, located.value, stack.name
        ))
    })
}
