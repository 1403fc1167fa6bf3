//! `verifier iam-policy`.

use verifier_aws::Aws;
use verifier_core::check::rules::stack_ready;
use verifier_core::check::{QueueEvidence, Selection, StackEvidence};
use verifier_core::iam::{self, Permission, Resources};
use verifier_core::resources::{Found, Named, Resources as KnownResources, Role};

use crate::check::discover;
use crate::config;
use crate::iam::args::{IamCommand, IamPolicyArgs};
use crate::iam::view;
use crate::resources::{self, FoundResources, Wanted};
use crate::shell::endpoint;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) async fn run(args: IamPolicyArgs) -> Result<Exit, Failure> {
    let settings = config::load(&args.settings)?;
    let resources = match args.stack {
        Some(stack) => {
            let named = Named::of(&settings);
            let wanted = Wanted::Stack { name: stack, named, outputs: None };
            let (connection, _clock) = endpoint::reach(args.connection).await?;
            let aws = Aws::connect(&connection).await;
            let is_changed = args.command == IamCommand::Chaos;
            Box::pin(of_stack(&aws, &wanted, is_changed)).await?
        }
        None => Resources::placeholders(args.connection.named_region().as_deref()),
    };
    let permissions: &[Permission] = match args.command {
        IamCommand::Check if settings.settings().jobs.are_sent() => &iam::CHECK_SENDING,
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

/// Fails where a queue is of another stack, which the policy would reach: the template, of a pull request perhaps, has named it.
fn check_owned(stack: &StackEvidence, known: &KnownResources) -> Result<(), Failure> {
    for role in [Role::Queue, Role::DeadLetters] {
        let Some(located) = known.get(role) else { continue };
        if stack.queue_of_output(&located.value).is_none() {
            let (by, queue) = (&located.by, &located.value);
            return Err(not_owned(stack, &format!("{by} names the queue {queue}")));
        }
    }
    Ok(())
}

fn not_owned(stack: &StackEvidence, what: &str) -> Failure {
    Failure {
        next: Some("print the policy without --stack, and put in what is meant".to_owned()),
        ..Failure::usage(format!(
            "{what}, which is no resource of the stack {}: the policy would reach it",
            stack.name
        ))
    }
}

/// Fails where the stack's queue is read by another stack's function, or that writes to a log that is neither the stack's nor
/// its own.
fn check_worker(stack: &StackEvidence, function: &str, log_group: &str) -> Result<(), Failure> {
    let is_of_stack = |kind: &str, id: &str| stack.resource(kind, |other| other == id).is_some();
    if !is_of_stack("AWS::Lambda::Function", function) {
        return Err(not_owned(
            stack,
            &format!("the jobs queue is read by the function {function}"),
        ));
    }
    let is_own = log_group.strip_prefix("/aws/lambda/") == Some(function);
    if is_own || is_of_stack("AWS::Logs::LogGroup", log_group) {
        return Ok(());
    }
    Err(not_owned(stack, &format!("the function {function} writes to the log group {log_group}")))
}

/// The resources of a stack. Each must be there: a policy that leaves one out would look complete.
/// Which function submits jobs is looked for where experiments change it.
async fn of_stack(aws: &Aws, wanted: &Wanted, is_changed: bool) -> Result<Resources, Failure> {
    let FoundResources { stack, resources: known } = resources::find(aws, wanted).await?;
    let stack = stack.unwrap_or_default();
    let name = &stack.name;
    check_owned(&stack, &known)?;
    // Nothing is evaluated, so nothing is looked at that only a check would want to see.
    let nothing_more = Selection::new(vec![stack_ready::CHECK.id.to_owned()], Vec::new());
    let nothing_more = nothing_more.unwrap_or_default();
    let found = Box::pin(discover(aws, Some(&stack), &known, &nothing_more)).await?;
    let missing = |what: &str| {
        Failure::environment(format!("the stack {name} has no {what}, so its ARN is not known"))
    };
    // An output that is not there names no queue, and one that is may name a queue that is not.
    let queue = |queue: Option<QueueEvidence>, role: Role| {
        queue.ok_or_else(|| {
            let what = role.as_str();
            let Found::Missing(output) = known.found(role) else { return missing(what) };
            let next = stack_ready::unnamed(output, &stack, &known.expected_outputs());
            let what =
                format!("the stack {name} has no output {output}, by which its {what} is found");
            Failure { next: Some(next), ..Failure::environment(what) }
        })
    };
    let jobs = queue(found.jobs, Role::Queue)?;
    let dead_letters = queue(found.dead_letters, Role::DeadLetters)?;
    let ([mapping], Some(worker)) = (found.mappings.as_slice(), found.worker) else {
        return Err(missing("single consumer of its jobs queue"));
    };
    check_worker(&stack, mapping.function_name(), &worker.log_group)?;
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

#[cfg(test)]
mod tests {
    use verifier_core::check::StackResource;

    use super::*;

    #[test]
    fn another_stacks_worker_and_another_functions_log_are_refused() {
        let resource = |resource_type: &str, physical_id: &str| StackResource {
            logical_id: "R".to_owned(),
            physical_id: physical_id.to_owned(),
            resource_type: resource_type.to_owned(),
        };
        let resources =
            vec![resource("AWS::Lambda::Function", "worker"), resource("AWS::Logs::LogGroup", "W")];
        let stack = StackEvidence { resources, ..StackEvidence::default() };
        for (function, log_group, is_refused) in [
            ("worker", "/aws/lambda/worker", false),
            ("worker", "W", false),
            ("worker", "/aws/lambda/payments", true),
            ("payments", "/aws/lambda/payments", true),
        ] {
            let checked = check_worker(&stack, function, log_group);
            assert_eq!(checked.is_err(), is_refused, "{function} {log_group}");
        }
    }
}
