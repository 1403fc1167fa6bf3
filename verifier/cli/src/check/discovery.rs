//! From a stack's outputs to its queues, its consumer and the consumer's configuration. Nothing is guessed.

use futures::future::join_all;
use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::rules::{cfg_alarm, cfg_consumer};
use verifier_core::check::{
    Discovered, MappingEvidence, Need, QueueEvidence, Selection, StackEvidence, Unanswered, unread,
};
use verifier_core::experiment::LEASE_TAG;
use verifier_core::settings::{Outputs, queue_name};

/// Follows the outputs, as far as the selected checks need it.
///
/// What only one check is about is an error of that check alone, should AWS refuse it.
pub(crate) async fn discover(
    aws: &Aws,
    stack: &StackEvidence,
    outputs: &Outputs,
    selection: &Selection,
) -> Result<Discovered, AwsError> {
    let alarms = async {
        let queue = stack.outputs.get(&outputs.dead_letter_queue);
        let queue = queue.filter(|_| selection.needs(Need::Alarms))?;
        Some(
            aws.alarms_on_queue(queue_name(queue), cfg_alarm::METRIC)
                .await
                .map_err(|error| unanswered(&error)),
        )
    };
    let (jobs, dead_letters, alarms) = tokio::join!(
        queue(aws, stack, &outputs.jobs_queue),
        queue(aws, stack, &outputs.dead_letter_queue),
        alarms
    );
    let (jobs, dead_letters) = (jobs?, dead_letters?);
    let mappings = mappings(aws, jobs.as_ref(), dead_letters.as_ref(), selection);
    let experiment_lock = async {
        let jobs = jobs.as_ref().filter(|_| selection.needs(Need::ExperimentLock))?;
        Some(aws.queue_tag(&jobs.url, LEASE_TAG).await.map_err(|error| unanswered(&error)))
    };
    let others = async {
        let wanted = selection.needs(Need::OtherQueues);
        let urls = if wanted { other_queues(stack, outputs) } else { Vec::new() };
        let counted = urls.iter().map(|url| aws.queue(name_in(url), url));
        // What may not be read tells nothing.
        join_all(counted).await.into_iter().filter_map(Result::ok).collect()
    };
    let (mappings, experiment_lock, other_queues) = tokio::join!(mappings, experiment_lock, others);
    let Mappings { of_jobs, of_dead_letters, others } = mappings?;
    let mappings = cfg_consumer::that_read(of_jobs);
    let is_of_worker = |other: &&MappingEvidence| {
        mappings.iter().any(|mapping| mapping.function_name() == other.function_name())
    };
    let unread = unread(other_queues, &others);
    let others = others.iter().filter(is_of_worker);
    let other_sources = others.map(|other| name_of(&other.event_source_arn).to_owned()).collect();
    let worker = match mappings.as_slice() {
        [mapping] => Some(aws.function(&mapping.function_arn).await?),
        _ => None,
    };
    let log_group = match &worker {
        Some(worker) if selection.needs(Need::LogGroup) => {
            Some(aws.log_group(&worker.log_group).await.map_err(|error| unanswered(&error)))
        }
        _ => None,
    };
    Ok(Discovered {
        jobs,
        dead_letters,
        mappings,
        dead_letter_mappings: of_dead_letters,
        other_sources,
        unread,
        worker,
        log_group,
        alarms,
        experiment_lock,
    })
}

/// How many of a stack's other queues are counted at most: each costs two calls.
const OTHER_QUEUES_MAX: usize = 10;

/// The URLs of the stack's queues beside those that the outputs name as the jobs queue and its dead-letter queue.
pub(crate) fn other_queues<'a>(stack: &'a StackEvidence, outputs: &Outputs) -> Vec<&'a str> {
    let named = [&outputs.jobs_queue, &outputs.dead_letter_queue].into_iter();
    let named = named.filter_map(|output| stack.outputs.get(output));
    let named: Vec<&str> = named.map(|value| queue_name(value)).collect();
    let queues = stack.resources.iter().filter(|each| each.resource_type == "AWS::SQS::Queue");
    let others = queues.map(|each| each.physical_id.as_str());
    others.filter(|url| !named.contains(&name_in(url))).take(OTHER_QUEUES_MAX).collect()
}

/// The name in a queue's URL.
fn name_in(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// That AWS did not answer what only some checks are about.
fn unanswered(error: &AwsError) -> Unanswered {
    Unanswered { what: error.to_string(), next: error.next() }
}

/// The mappings of an account.
#[derive(Default)]
struct Mappings {
    /// Those that read the jobs queue.
    of_jobs: Vec<MappingEvidence>,
    /// Those that read the dead-letter queue.
    of_dead_letters: Vec<MappingEvidence>,
    /// All that read neither, where they were seen.
    others: Vec<MappingEvidence>,
}

/// The name at the end of an ARN.
fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

/// The mappings that read the jobs queue, and those that read the dead-letter queue where that is asked for. One call tells of both
/// in an account whose mappings are on one page.
async fn mappings(
    aws: &Aws,
    jobs: Option<&QueueEvidence>,
    dead_letters: Option<&QueueEvidence>,
    selection: &Selection,
) -> Result<Mappings, AwsError> {
    let dead_letters = dead_letters.filter(|_| selection.needs(Need::DeadLetterMappings));
    if let (Some(jobs), Some(dead_letters)) = (jobs, dead_letters)
        && let Some(all) = aws.mappings_on_a_page().await?
    {
        let mut found = Mappings::default();
        for mapping in all {
            let of_source = match mapping.event_source_arn.as_str() {
                arn if arn == jobs.arn() => &mut found.of_jobs,
                arn if arn == dead_letters.arn() => &mut found.of_dead_letters,
                _ => &mut found.others,
            };
            of_source.push(mapping);
        }
        return Ok(found);
    }
    let of = async |queue: Option<&QueueEvidence>| match queue {
        Some(queue) => aws.mappings(queue.arn()).await,
        None => Ok(Vec::new()),
    };
    let (jobs, dead_letters) = tokio::join!(of(jobs), of(dead_letters));
    Ok(Mappings { of_jobs: jobs?, of_dead_letters: dead_letters?, others: Vec::new() })
}

/// The queue that an output names; `None` when there is no such output or no such queue.
async fn queue(
    aws: &Aws,
    stack: &StackEvidence,
    output: &str,
) -> Result<Option<QueueEvidence>, AwsError> {
    let Some(name) = stack.outputs.get(output).map(|value| queue_name(value)) else {
        return Ok(None);
    };
    let url = match stack.queue(name) {
        // The physical id of a queue is its URL.
        Some(resource) => Ok(resource.physical_id.clone()),
        None => aws.queue_url(name).await,
    };
    let found = match url {
        Ok(url) => aws.queue(name, &url).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(queue) => Ok(Some(queue)),
        Err(error) if error.cause == Cause::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
