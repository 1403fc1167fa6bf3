//! From a stack, or from the names of queues, to the queues, their consumer and its log.

use std::time::Duration;

use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::{QueueEvidence, StackEvidence};
use verifier_core::settings::{OutcomeReader, Outputs, queue_name};

use crate::args::{PlaceArgs, SettingsArgs};
use crate::clock::RunClock;
use crate::config;
use crate::endpoint;
use crate::failure::Failure;

/// Where dead letters are, and where they came from.
pub(crate) struct Place {
    pub(crate) aws: Aws,
    pub(crate) clock: RunClock,
    pub(crate) dead_letters: QueueEvidence,
    /// The queue that they come from; `None` where none names the dead-letter queue, or several do.
    pub(crate) source: Option<QueueEvidence>,
    /// The log group of the function that reads that queue; `None` where none does, or several do.
    pub(crate) log_group: Option<String>,
    /// Reads outcomes from its lines.
    pub(crate) reader: OutcomeReader,
    /// The stack that was named, if one was.
    pub(crate) stack: Option<StackEvidence>,
    /// By which outputs stacks tell of their queues.
    pub(crate) outputs: Outputs,
}

impl Place {
    /// Finds it. A dead-letter queue with a redrive policy of its own is refused unless that was allowed.
    pub(crate) async fn find(args: PlaceArgs) -> Result<Self, Failure> {
        if args.stack.is_none() && args.dlq.is_none() {
            return Err(Failure {
                next: Some("name the stack with --stack, or the queue with --dlq".to_owned()),
                ..Failure::usage("it is not said which dead-letter queue is meant")
            });
        }
        let settings = SettingsArgs {
            config: args.config,
            receives: None,
            timeout: None,
            allow_any_origin: false,
        };
        let settings = config::load(&settings)?.settings().clone();
        let reader = settings.outcomes.reader().map_err(Failure::usage)?;
        let (connection, clock) = endpoint::reach(args.connection).await?;
        let aws = Aws::connect(&connection).await;
        if aws.region().is_none() {
            return Err(AwsError::no_region().into());
        }
        let stack = match &args.stack {
            Some(name) => Some(aws.stack(name).await?),
            None => None,
        };
        let (dead_letters, source) = match (&stack, &args.dlq) {
            (Some(stack), _) => of_stack(&aws, stack, &settings.outputs).await?,
            (None, dlq) => {
                let dlq = dlq.as_deref().unwrap_or_default();
                of_names(&aws, dlq, args.queue.as_deref()).await?
            }
        };
        if dead_letters.redrive_policy().is_some() && !args.allow_moves {
            return Err(moves(&dead_letters));
        }
        let log_group = match (args.log_group, &source) {
            (Some(log_group), _) => Some(log_group),
            (None, Some(source)) => consumers_log_group(&aws, source).await?,
            (None, None) => None,
        };
        let outputs = settings.outputs;
        Ok(Self { aws, clock, dead_letters, source, log_group, reader, stack, outputs })
    }

    /// How long the dead-letter queue keeps a message from when it was first sent.
    pub(crate) fn retention(&self) -> Option<Duration> {
        self.dead_letters.retention()
    }

    /// The queue that the letters come from, where a command cannot do without.
    pub(crate) fn needed_source(&self) -> Result<&QueueEvidence, Failure> {
        self.source.as_ref().ok_or_else(|| Failure {
            next: Some("name it with --queue, or another destination with --to".to_owned()),
            ..Failure::usage(format!(
                "not exactly one queue has {} for its dead-letter queue",
                self.dead_letters.name
            ))
        })
    }
}

fn moves(queue: &QueueEvidence) -> Failure {
    let policy = queue.redrive_policy();
    let target = policy.map(|policy| policy.dead_letter_target_arn).unwrap_or_default();
    Failure {
        next: Some("raise its maxReceiveCount first, or go on with --allow-moves".to_owned()),
        ..Failure::usage(format!(
            "{} has a redrive policy of its own: each receive counts, and may move messages to {target}",
            queue.name
        ))
    }
}

async fn of_stack(
    aws: &Aws,
    stack: &StackEvidence,
    outputs: &Outputs,
) -> Result<(QueueEvidence, Option<QueueEvidence>), Failure> {
    let dead_letters = output(stack, &outputs.dead_letter_queue)?;
    let jobs = output(stack, &outputs.jobs_queue)?;
    Ok((queue(aws, dead_letters).await?, Some(queue(aws, jobs).await?)))
}

/// The jobs queue of a stack.
pub(crate) async fn jobs_queue(
    aws: &Aws,
    name: &str,
    outputs: &Outputs,
) -> Result<QueueEvidence, Failure> {
    let stack = aws.stack(name).await?;
    queue(aws, output(&stack, &outputs.jobs_queue)?).await
}

/// The queue that an output of a stack names.
fn output<'a>(stack: &'a StackEvidence, name: &str) -> Result<&'a str, Failure> {
    let named = stack.outputs.get(name).map(String::as_str);
    named.ok_or_else(|| Failure {
        next: Some("say in verifier.toml which output names the queue, or name the queue itself with --dlq or --to".to_owned()),
        ..Failure::usage(format!("the stack {} has no output {name}", stack.name))
    })
}

async fn of_names(
    aws: &Aws,
    dlq: &str,
    source: Option<&str>,
) -> Result<(QueueEvidence, Option<QueueEvidence>), Failure> {
    let dead_letters = queue(aws, dlq).await?;
    let source = match source {
        Some(source) => Some(queue(aws, source).await?),
        None => match aws.dead_letter_sources(&dead_letters).await?.as_slice() {
            [url] => Some(queue(aws, url).await?),
            _ => None,
        },
    };
    Ok((dead_letters, source))
}

/// A queue by name, URL or ARN.
pub(crate) async fn queue(aws: &Aws, named: &str) -> Result<QueueEvidence, Failure> {
    let name = queue_name(named);
    let url = if named.contains("://") { named.to_owned() } else { aws.queue_url(name).await? };
    Ok(aws.queue(name, &url).await?)
}

/// The log group of the one function that reads a queue. Whoever may not ask for mappings does without.
pub(crate) async fn consumers_log_group(
    aws: &Aws,
    source: &QueueEvidence,
) -> Result<Option<String>, Failure> {
    let unknown = |error: AwsError| match error.cause {
        Cause::Denied | Cause::NotFound | Cause::Other => Ok(None),
        _ => Err(error.into()),
    };
    let mappings = match aws.mappings(source.arn()).await {
        Ok(mappings) => mappings,
        Err(error) => return unknown(error),
    };
    let [mapping] = mappings.as_slice() else {
        return Ok(None);
    };
    match aws.function(&mapping.function_arn).await {
        Ok(function) => Ok(Some(function.log_group)),
        Err(error) => unknown(error),
    }
}
