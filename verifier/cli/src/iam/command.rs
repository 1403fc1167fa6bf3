//! `verifier iam-policy`.

use verifier_aws::Aws;
use verifier_core::check::rules::stack_ready;
use verifier_core::check::{QueueEvidence, Selection, StackEvidence};
use verifier_core::iam::{self, Permission, Resources};
use verifier_core::settings::{Outputs, queue_name};

use crate::check::discover;
use crate::config;
use crate::iam::args::{IamCommand, IamPolicyArgs};
use crate::iam::view;
use crate::shell::endpoint;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) async fn run(args: IamPolicyArgs) -> Result<Exit, Failure> {
    let resources = match args.stack {
        Some(stack) => {
            let outputs = config::load(&args.settings)?.settings().outputs.clone();
            let (connection, _clock) = endpoint::reach(args.connection).await?;
            let aws = Aws::connect(&connection).await;
            let is_changed = args.command == IamCommand::Chaos;
            Box::pin(resources(&aws, &stack, &outputs, is_changed)).await?
        }
        None => Resources::placeholders(),
    };
    let permissions: &[Permission] = match args.command {
        IamCommand::Check => &iam::CHECK,
        IamCommand::DlqQueues => &iam::DLQ_QUEUES,
        IamCommand::DlqLook => &iam::DLQ_LOOK,
        IamCommand::DlqPurge => &iam::DLQ_PURGE,
        IamCommand::DlqImport => &iam::DLQ_IMPORT,
        IamCommand::Redrive => &iam::REDRIVE,
        IamCommand::RedriveNative => &iam::REDRIVE_NATIVE,
        IamCommand::Chaos => &iam::CHAOS,
    };
    view::print_policy(&iam::policy(permissions, &resources), permissions)?;
    view::tell_keys(&iam::needed_on_unknown(permissions, &resources), resources.is_of_stack);
    Ok(Exit::Passed)
}

/// Fails where an output leads to a queue of another stack, which the policy would reach: whoever wrote the template, of a pull
/// request perhaps, has named it.
fn check_owned(stack: &StackEvidence, outputs: &Outputs) -> Result<(), Failure> {
    let named = [&outputs.jobs_queue, &outputs.dead_letter_queue];
    let named = named.iter().filter_map(|output| Some((output, stack.outputs.get(*output)?)));
    for (output, queue) in named {
        if stack.queue(queue_name(queue)).is_none() {
            return Err(Failure {
                next: Some("print the policy without --stack, and put in what is meant".to_owned()),
                ..Failure::usage(format!(
                    "the output {output} of the stack {} names the queue {queue}, which is no resource of the stack: the policy would reach it",
                    stack.name
                ))
            });
        }
    }
    Ok(())
}

/// The resources of a stack. Each must be there: a policy that leaves one out would look complete.
/// Which function submits jobs is looked for where experiments change it.
async fn resources(
    aws: &Aws,
    name: &str,
    outputs: &Outputs,
    is_changed: bool,
) -> Result<Resources, Failure> {
    let stack = aws.stack(name).await?;
    check_owned(&stack, outputs)?;
    // Nothing is evaluated, so nothing is looked at that only a check would want to see.
    let nothing_more = Selection::new(vec![stack_ready::CHECK.id.to_owned()], Vec::new());
    let found = discover(aws, &stack, outputs, &nothing_more.unwrap_or_default()).await?;
    let missing = |what: &str| {
        Failure::environment(format!("the stack {name} has no {what}, so its ARN is not known"))
    };
    // An output that is not there names no queue, and one that is may name a queue that is not.
    let queue = |queue: Option<QueueEvidence>, output: &str, what: &str| {
        queue.ok_or_else(|| {
            if stack.outputs.contains_key(output) {
                return missing(what);
            }
            let next = stack_ready::unnamed(output, &stack, &outputs.expected());
            let what =
                format!("the stack {name} has no output {output}, by which its {what} is found");
            Failure { next: Some(next), ..Failure::environment(what) }
        })
    };
    let jobs = queue(found.jobs, &outputs.jobs_queue, "jobs queue")?;
    let dead_letters = queue(found.dead_letters, &outputs.dead_letter_queue, "dead-letter queue")?;
    let ([mapping], Some(worker)) = (found.mappings.as_slice(), found.worker) else {
        return Err(missing("single consumer of its jobs queue"));
    };
    let functions =
        stack.resources.iter().filter(|one| one.resource_type == "AWS::Lambda::Function");
    let functions: Vec<String> = functions.map(|function| function.physical_id.clone()).collect();
    let submit = if is_changed {
        aws.function_with_queue(&functions, (&jobs.url, &jobs.name)).await?
    } else {
        None
    };
    let function = &mapping.function_arn;
    Resources::of(&stack, &jobs, &dead_letters, function, submit.as_deref(), &worker.log_group)
        .ok_or_else(|| missing("jobs queue with an ARN"))
}
