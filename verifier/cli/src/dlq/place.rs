//! From a stack, or from the names of queues, to the queues, their consumer and its log.

use std::time::Duration;

use verifier_aws::{Aws, AwsError, Received, ReceivedMessage};
use verifier_core::check::{QueueEvidence, StackEvidence};
use verifier_core::dead_letters::{Depth, QueueArn, Sources, moved_on};
use verifier_core::resources::{Named, Resources, Role};
use verifier_core::settings::{InForce, MessageIds, OutcomeReader};

use crate::config::args::SettingsArgs;
use crate::dlq::args::PlaceArgs;
use crate::dlq::consumers::{Asked, KnownConsumers, NotAsked, consumers_log_group};
use crate::resources::args::ResourceArgs;
use crate::resources::{self, FoundResources, Wanted, in_its_region, queue};
use crate::shell::clock::RunClock;
use crate::shell::endpoint;
use crate::shell::failure::Failure;

/// Where dead letters are, and where they came from.
pub(crate) struct DlqTarget {
    pub(crate) aws: Aws,
    pub(crate) clock: RunClock,
    pub(crate) dead_letters: QueueEvidence,
    /// The queue that was named, or the only one whose redrive policy names the dead-letter queue; `None` where none does, or
    /// several do.
    pub(crate) source: Option<QueueEvidence>,
    /// The queues whose redrive policies name the dead-letter queue, and which of them is meant.
    pub(crate) sources: Sources,
    /// Why it is not known which queues those are, where they could not be asked for.
    pub(crate) sources_not_asked: Option<String>,
    /// The endpoint that requests go to, if it is not AWS's.
    pub(crate) endpoint: Option<String>,
    /// The log group of the function that reads that queue; `None` where none does, or several do.
    pub(crate) log_group: Option<String>,
    /// Why it is not known which function that is, where it could not be asked for.
    pub(crate) log_not_asked: Option<NotAsked>,
    /// The log group that the user has named, if one was.
    pub(crate) named_log_group: Option<String>,
    /// What was asked of the functions that read queues.
    pub(super) consumers: KnownConsumers,
    /// Reads outcomes from its lines.
    pub(crate) reader: OutcomeReader,
    /// Where its messages say which job they are.
    pub(crate) message_ids: MessageIds,
    /// The stack that was named, if one was.
    pub(crate) stack: Option<StackEvidence>,
    /// The resources that it was found by.
    pub(crate) resources: Resources,
    /// By which outputs stacks report their queues.
    pub(crate) named: Named,
    /// The queue that receives may move messages to, and how many it held before, where it is known.
    moves_to: Option<(String, Option<u64>)>,
}

impl DlqTarget {
    /// Receives dead letters, each with its job's id: in every command the same lines tell of it.
    pub(crate) async fn receive(
        &self,
        how: Received,
        most: usize,
    ) -> Result<Vec<ReceivedMessage>, AwsError> {
        let mut received = self.aws.receive_messages(&self.dead_letters, how, most).await?;
        for hand in &mut received {
            hand.message.job_id = self.message_ids.job_of(&hand.message.body);
        }
        Ok(received)
    }

    /// Finds it. A dead-letter queue with a redrive policy of its own is refused unless that was allowed.
    pub(crate) async fn find(args: PlaceArgs) -> Result<Self, Failure> {
        let (settings, wanted) = wanted_of(&args)?;
        Box::pin(Self::of_wanted(&settings, &wanted, args)).await
    }

    /// The same of resources that are known to be wanted, whatever of them `args` names.
    pub(crate) async fn of_wanted(
        settings: &InForce,
        wanted: &Wanted,
        args: PlaceArgs,
    ) -> Result<Self, Failure> {
        let named = Named::of(settings).outputs_only();
        let settings = settings.settings();
        let reader = settings.outcomes.reader().map_err(Failure::usage)?;
        let connection = in_its_region(args.connection, wanted.queue())?;
        let (connection, clock) = endpoint::reach(connection).await?;
        let aws = Aws::connect(&connection).await;
        let endpoint = connection.endpoint_url.as_deref();
        let FoundResources { stack, resources } = resources::find(&aws, wanted).await?;
        let (dead_letters, source) = queues(&aws, endpoint, stack.as_ref(), &resources).await?;
        if dead_letters.redrive_policy().is_some() && !args.allow_moves {
            return Err(moves(&dead_letters));
        }
        let moves_to = match dead_letters.redrive_policy() {
            Some(policy) => {
                let next = policy.dead_letter_target_arn;
                let before = depth(&aws, endpoint, &next).await;
                Some((next, before))
            }
            None => None,
        };
        let urls = source_urls(&aws, &dead_letters).await?;
        let (urls, sources_not_asked) = (urls.as_ref().ok().cloned(), urls.err());
        let source = match (source, urls.as_deref()) {
            (Some(source), _) => Some(source),
            (None, Some([url])) => Some(queue(&aws, endpoint, url).await?),
            _ => None,
        };
        let sources = Sources {
            all: urls.map(|urls| arns(&dead_letters, &urls)),
            selected: args.queue.and(source.as_ref()).map(|source| source.arn().to_owned()),
        };
        let named_log_group = match (args.log_group, resources.value(Role::Function)) {
            (Some(log_group), _) => Some(log_group),
            (None, Some(function)) => Some(aws.function(function).await?.log_group),
            (None, None) => None,
        };
        let log_group = match (&named_log_group, &source) {
            (Some(log_group), _) => Ok(Some(log_group.clone())),
            (None, Some(source)) => consumers_log_group(&aws, source).await?,
            (None, None) => Ok(None),
        };
        let (log_group, log_not_asked) = found_or_not(log_group);
        let message_ids = settings.jobs.message_ids();
        let endpoint = connection.endpoint_url;
        Ok(Self {
            aws,
            clock,
            dead_letters,
            source,
            sources,
            sources_not_asked,
            endpoint,
            log_group,
            log_not_asked,
            named_log_group,
            consumers: KnownConsumers::default(),
            reader,
            message_ids,
            stack,
            resources,
            named,
            moves_to,
        })
    }

    /// What this command's receives have done beside what was asked for, where the dead-letter queue has a redrive policy of its own.
    pub(crate) async fn moved_on(&self) -> Option<String> {
        let (next, before) = self.moves_to.as_ref()?;
        // Who has received nothing has moved nothing.
        let counts = self.aws.calls().counts();
        if !counts.contains_key(RECEIVES) {
            return None;
        }
        moved_on(next, *before, depth(&self.aws, self.endpoint.as_deref(), next).await)
    }

    /// A queue that is known already, without anything around it. `aws` goes on counting what is asked.
    pub(crate) fn of_queue(
        aws: Aws,
        clock: RunClock,
        endpoint: Option<String>,
        dead_letters: QueueEvidence,
    ) -> Result<Self, Failure> {
        let settings = verifier_core::settings::Settings::default();
        let reader = settings.outcomes.reader().map_err(Failure::usage)?;
        Ok(Self {
            aws,
            clock,
            dead_letters,
            source: None,
            sources: Sources::default(),
            sources_not_asked: None,
            endpoint,
            log_group: None,
            log_not_asked: None,
            named_log_group: None,
            consumers: KnownConsumers::default(),
            reader,
            message_ids: settings.jobs.message_ids(),
            stack: None,
            resources: Resources::of_names(&Named::default()),
            named: Named::default(),
            moves_to: None,
        })
    }

    /// What is to be said of the queues before anything else.
    pub(crate) fn remark(&self) -> Option<String> {
        self.resources.remark().or_else(|| self.odd_source())
    }

    /// What is odd about the queue that was named, if anything is: its redrive policy names another dead-letter queue, or none.
    fn odd_source(&self) -> Option<String> {
        let selected = self.sources.selected.as_ref()?;
        let all = self.sources.all.as_ref()?;
        (!all.contains(selected)).then(|| {
            let sources = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
            format!(
                "{selected} (--queue) does not have {} for its dead-letter queue now; the queues that do: {sources}",
                self.dead_letters.arn()
            )
        })
    }

    /// How long the dead-letter queue keeps a message from when it was first sent.
    pub(crate) fn retention(&self) -> Option<Duration> {
        self.dead_letters.retention()
    }

    /// The queue that the messages come from, where a command cannot do without.
    pub(crate) fn needed_source(&self) -> Result<&QueueEvidence, Failure> {
        self.source.as_ref().ok_or_else(|| {
            let sources = match self.sources.all.as_deref() {
                None => format!(
                    "which do is not known: {}",
                    self.sources_not_asked.as_deref().unwrap_or("it was not asked")
                ),
                Some([]) => "none does".to_owned(),
                Some(all) => all.join(", "),
            };
            Failure {
                next: Some(
                    "send each message to the queue that it came from with --to-source, only those of one queue with --queue, or all to another queue with --to; events of asynchronous invocations of Lambda go back with --to-function"
                        .to_owned(),
                ),
                ..Failure::usage(format!(
                    "no single queue is known that has {} for its dead-letter queue: {sources}",
                    self.dead_letters.arn()
                ))
            }
        })
    }
}

/// By which name receives are counted.
const RECEIVES: &str = "SQS.ReceiveMessage";

/// How many messages a queue counts; `None` where it cannot be asked.
async fn depth(aws: &Aws, endpoint: Option<&str>, arn: &str) -> Option<u64> {
    queue(aws, endpoint, arn).await.ok().map(|queue| Depth::of(&queue).total())
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

/// The settings, and which resources are wanted by them. A dead-letter queue that the command line names leaves the file's queue and
/// function aside: those are of another one.
fn wanted_of(args: &PlaceArgs) -> Result<(InForce, Wanted), Failure> {
    let PlaceArgs { stack, dlq, queue, function, files, config, .. } = args;
    let settings = SettingsArgs { config: config.clone(), ..SettingsArgs::default() };
    let named = ResourceArgs {
        queue: queue.clone(),
        dlq: dlq.clone(),
        function: function.clone(),
        ..ResourceArgs::default()
    };
    let mut settings = resources::load(&settings, &named)?;
    if dlq.is_some() && stack.is_none() {
        if queue.is_none() {
            settings.set(Role::Queue.key(), "--dlq", |all| all.resources.queue = None);
        }
        if function.is_none() {
            settings.set(Role::Function.key(), "--dlq", |all| all.resources.function = None);
        }
    }
    let wanted = resources::wanted(stack.as_deref(), files, &settings)?;
    let wanted = wanted.ok_or_else(|| Failure {
        next: Some(
            "pass --dlq, --queue or --stack, or name a queue below [resources] in verifier.toml"
                .to_owned(),
        ),
        ..Failure::usage("no dead-letter queue given")
    })?;
    Ok((settings, wanted))
}

/// The dead-letter queue, and the queue that its messages came from where that is known.
async fn queues(
    aws: &Aws,
    endpoint: Option<&str>,
    stack: Option<&StackEvidence>,
    resources: &Resources,
) -> Result<(QueueEvidence, Option<QueueEvidence>), Failure> {
    let value = |role| match stack {
        Some(stack) => resources::owned(stack, resources, role),
        None => Ok(resources.value(role)),
    };
    let (dlq, source) = (value(Role::DeadLetters)?, value(Role::Queue)?);
    let dead_letters = match dlq {
        Some(dlq) => Some(queue(aws, endpoint, dlq).await?),
        None => None,
    };
    let Some(source) = source else {
        let unnamed = || Failure::usage("no dead-letter queue given");
        return dead_letters.map(|dead_letters| (dead_letters, None)).ok_or_else(unnamed);
    };
    let source = queue(aws, endpoint, source).await?;
    let dead_letters = match dead_letters {
        Some(dead_letters) => dead_letters,
        None => followed(aws, endpoint, stack, &source).await?,
    };
    refuse_what_cannot_be_its_source(&dead_letters, &source)?;
    Ok((dead_letters, Some(source)))
}

/// The queue that the redrive policy of a queue names; of a stack, where that is.
async fn followed(
    aws: &Aws,
    endpoint: Option<&str>,
    stack: Option<&StackEvidence>,
    source: &QueueEvidence,
) -> Result<QueueEvidence, Failure> {
    let next = Some("name the dead-letter queue with --dlq".to_owned());
    let Some(policy) = source.redrive_policy() else {
        let what = format!(
            "no dead-letter queue follows from {}, which has no redrive policy that names one",
            source.arn()
        );
        return Err(Failure { next, ..Failure::usage(what) });
    };
    let arn = &policy.dead_letter_target_arn;
    if let Some(stack) = stack.filter(|stack| stack.queue_of_output(arn).is_none()) {
        let what = format!(
            "the redrive policy of {} names {arn}, which is no resource of the stack {}",
            source.arn(),
            stack.name
        );
        let next = Some("if it is meant, name it with --dlq, and leave --stack out".to_owned());
        return Err(Failure { next, ..Failure::usage(what) });
    }
    queue(aws, endpoint, arn).await
}

/// The jobs queue of a stack.
pub(crate) async fn jobs_queue(
    aws: &Aws,
    endpoint: Option<&str>,
    name: &str,
    named: &Named,
) -> Result<QueueEvidence, Failure> {
    let wanted = Wanted::Stack { name: name.to_owned(), named: named.clone(), outputs: None };
    let FoundResources { stack, resources } = resources::find(aws, &wanted).await?;
    let stack = stack.unwrap_or_default();
    let jobs = resources::owned(&stack, &resources, Role::Queue)?.unwrap_or_default();
    queue(aws, endpoint, jobs).await
}

/// Fails where no message of the one can have come from the other.
fn refuse_what_cannot_be_its_source(
    dead_letters: &QueueEvidence,
    source: &QueueEvidence,
) -> Result<(), Failure> {
    let refused = |why: &str, next: &str| {
        Err(Failure {
            next: Some(next.to_owned()),
            ..Failure::usage(format!(
                "no message of {} came from {}: {why}",
                dead_letters.arn(),
                source.arn()
            ))
        })
    };
    let place = |arn: &str| QueueArn::parse(arn).map(|arn| (arn.region, arn.account));
    if place(source.arn()) != place(dead_letters.arn()) {
        return refused(
            "a queue and its dead-letter queue are of one account and region",
            "name a queue of the same account and region with --queue",
        );
    }
    if source.arn() == dead_letters.arn() {
        return refused("they are one queue", "name the other one of the two");
    }
    Ok(())
}

/// The log group that was asked for, and why it is not known where it could not be.
pub(crate) fn found_or_not(asked: Asked<Option<String>>) -> (Option<String>, Option<NotAsked>) {
    match asked {
        Ok(log_group) => (log_group, None),
        Err(not_asked) => (None, Some(not_asked)),
    }
}

/// The URLs of the queues whose redrive policies name a dead-letter queue; or why the caller may not ask.
async fn source_urls(
    aws: &Aws,
    dead_letters: &QueueEvidence,
) -> Result<Result<Vec<String>, String>, Failure> {
    match aws.dead_letter_sources(dead_letters).await {
        Ok(urls) => Ok(Ok(urls)),
        Err(error) if error.may_be_denied() => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn arns(dead_letters: &QueueEvidence, urls: &[String]) -> Vec<String> {
    let Some(arn) = QueueArn::parse(dead_letters.arn()) else { return Vec::new() };
    let mut arns: Vec<String> = urls.iter().map(|url| arn.beside(url).to_string()).collect();
    arns.sort();
    arns
}
