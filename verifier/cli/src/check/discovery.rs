//! From what is known of the resources to the queues, its consumer and the consumer's configuration. Nothing is guessed.

use futures::future::join_all;
use verifier_aws::{Aws, AwsError, Cause};
use verifier_core::check::rules::{cfg_alarm, cfg_consumer};
use verifier_core::check::{
    Discovered, MappingEvidence, Need, QueueEvidence, Selection, StackEvidence, Unanswered, unread,
};
use verifier_core::dead_letters::QueueArn;
use verifier_core::experiment::LEASE_TAG;
use verifier_core::resources::{Located, Resources, Role};
use verifier_core::settings::queue_name;

use crate::resources;
use crate::shell::failure::Failure;

/// Why something was not discovered.
#[derive(Debug)]
pub(crate) enum Undiscovered {
    /// AWS could not be asked.
    Aws(AwsError),
    /// What was named is of another account, region or endpoint.
    Unreachable(Failure),
}

impl From<AwsError> for Undiscovered {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

impl From<Undiscovered> for Failure {
    fn from(undiscovered: Undiscovered) -> Self {
        match undiscovered {
            Undiscovered::Aws(error) => error.into(),
            Undiscovered::Unreachable(failure) => failure,
        }
    }
}

/// Follows the resources that are known, as far as the selected checks need it.
///
/// What only one check is about is an error of that check alone, should AWS refuse it.
pub(crate) async fn discover(
    aws: &Aws,
    stack: Option<&StackEvidence>,
    resources: &Resources,
    selection: &Selection,
) -> Result<Discovered, Undiscovered> {
    let alarms_on = async |name: Option<&str>| {
        let name = name.filter(|_| selection.needs(Need::Alarms))?;
        let alarms = aws.alarms_on_queue(name, cfg_alarm::METRIC).await;
        Some(alarms.map_err(|error| unanswered(&error)))
    };
    let known = resources.value(Role::DeadLetters).map(queue_name);
    let (jobs, dead_letters, alarms) = tokio::join!(
        queue(aws, stack, resources.get(Role::Queue)),
        queue(aws, stack, resources.get(Role::DeadLetters)),
        alarms_on(known)
    );
    let (jobs, mut dead_letters, mut alarms) = (jobs?, dead_letters?, alarms);
    if resources.has_no(Role::DeadLetters) {
        dead_letters = Box::pin(followed(aws, jobs.as_ref())).await?;
        let name = dead_letters.as_ref().map(|queue| queue.name.as_str());
        alarms = Box::pin(alarms_on(name)).await;
    }
    let mappings = mappings(aws, jobs.as_ref(), dead_letters.as_ref(), selection);
    let experiment_lock = async {
        let jobs = jobs.as_ref().filter(|_| selection.needs(Need::ExperimentLock))?;
        Some(aws.queue_tag(&jobs.url, LEASE_TAG).await.map_err(|error| unanswered(&error)))
    };
    let others = async {
        let stack = stack.filter(|_| selection.needs(Need::OtherQueues));
        let own = [jobs.as_ref(), dead_letters.as_ref()];
        let urls = stack.map(|stack| others_than(stack, own)).unwrap_or_default();
        let counted = urls.iter().map(|url| aws.queue(name_in(url), url));
        // What may not be read tells nothing.
        join_all(counted).await.into_iter().filter_map(Result::ok).collect()
    };
    let (mappings, experiment_lock, other_queues) = tokio::join!(mappings, experiment_lock, others);
    let Mappings { of_jobs, of_dead_letters, others } = mappings?;
    let named = resources.value(Role::Function);
    let is_named = |mapping: &MappingEvidence| named.is_none_or(|named| mapping.invokes(named));
    let (mappings, rivals) = cfg_consumer::that_read(of_jobs).into_iter().partition(is_named);
    let (mappings, rivals): (Vec<MappingEvidence>, Vec<MappingEvidence>) = (mappings, rivals);
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
        rivals,
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

/// The URLs of the stack's queues beside the jobs queue and its dead-letter queue.
pub(crate) fn other_queues<'a>(stack: &'a StackEvidence, found: &Discovered) -> Vec<&'a str> {
    others_than(stack, [found.jobs.as_ref(), found.dead_letters.as_ref()])
}

fn others_than<'a>(stack: &'a StackEvidence, own: [Option<&QueueEvidence>; 2]) -> Vec<&'a str> {
    let is_own = |url: &&str| own.iter().flatten().any(|queue| queue.name == name_in(url));
    let queues = stack.resources.iter().filter(|each| each.resource_type == "AWS::SQS::Queue");
    let urls = queues.map(|each| each.physical_id.as_str());
    urls.filter(|url| !is_own(url)).take(OTHER_QUEUES_MAX).collect()
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

/// The queue that is known; `None` when nothing names one, or a stack is to have it and it is not there.
async fn queue(
    aws: &Aws,
    stack: Option<&StackEvidence>,
    located: Option<&Located>,
) -> Result<Option<QueueEvidence>, Undiscovered> {
    let Some(Located { value, .. }) = located else { return Ok(None) };
    let Some(stack) = stack else {
        let found = Box::pin(resources::queue(aws, aws.endpoint(), value)).await;
        return found.map(Some).map_err(Undiscovered::Unreachable);
    };
    let name = queue_name(value);
    let url = match stack.queue(name) {
        // The physical id of a queue is its URL.
        Some(resource) => Ok(resource.physical_id.clone()),
        None => aws.queue_url(name).await,
    };
    let found = match url {
        Ok(url) => aws.queue(name, &url).await,
        Err(error) => Err(error),
    };
    unless_gone(found)
}

/// The dead-letter queue that the jobs queue's redrive policy names; `None` where it names none that is there.
async fn followed(
    aws: &Aws,
    jobs: Option<&QueueEvidence>,
) -> Result<Option<QueueEvidence>, Undiscovered> {
    let policy = jobs.and_then(QueueEvidence::redrive_policy);
    let Some(arn) = policy.and_then(|policy| QueueArn::parse(&policy.dead_letter_target_arn))
    else {
        return Ok(None);
    };
    // A redrive policy leads to a queue of the same account and region, or nowhere.
    if aws.region() != Some(arn.region.as_str()) {
        return Ok(None);
    }
    let found = match aws.queue_url_of(&arn.name, Some(&arn.account)).await {
        Ok(url) => aws.queue(&arn.name, &url).await,
        Err(error) => Err(error),
    };
    let found = unless_gone(found)?;
    Ok(found.filter(|queue| queue.arn() == arn.to_string()))
}

fn unless_gone(
    found: Result<QueueEvidence, AwsError>,
) -> Result<Option<QueueEvidence>, Undiscovered> {
    match found {
        Ok(queue) => Ok(Some(queue)),
        Err(error) if error.cause == Cause::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
