//! From a stack, or from the names of queues, to the queues, their consumer and its log.

use std::time::Duration;

use verifier_aws::{Aws, AwsError, Cause, Received, ReceivedMessage};
use verifier_core::check::{QueueEvidence, StackEvidence};
use verifier_core::dead_letters::{QueueArn, QueueRef, Sources};
use verifier_core::settings::{MessageIds, OutcomeReader, Outputs};

use crate::config;
use crate::config::args::SettingsArgs;
use crate::dlq::args::PlaceArgs;
use crate::dlq::consumers::{Asked, KnownConsumers, NotAsked, consumers_log_group};
use crate::shell::args::ConnectionArgs;
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
    /// By which outputs stacks report their queues.
    pub(crate) outputs: Outputs,
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
        if args.stack.is_none() && args.dlq.is_none() {
            return Err(Failure {
                next: Some("pass --dlq or --stack".to_owned()),
                ..Failure::usage("no dead-letter queue given")
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
        let connection = in_its_region(args.connection, args.dlq.as_deref())?;
        let (connection, clock) = endpoint::reach(connection).await?;
        let aws = Aws::connect(&connection).await;
        if aws.region().is_none() {
            return Err(AwsError::no_region().into());
        }
        let endpoint = connection.endpoint_url.as_deref();
        let stack = match &args.stack {
            Some(name) => Some(aws.stack(name).await?),
            None => None,
        };
        let (dead_letters, named) = match (&stack, &args.dlq) {
            (Some(stack), _) => of_stack(&aws, endpoint, stack, &settings.outputs).await?,
            (None, dlq) => {
                let dlq = dlq.as_deref().unwrap_or_default();
                of_names(&aws, endpoint, dlq, args.queue.as_deref()).await?
            }
        };
        if dead_letters.redrive_policy().is_some() && !args.allow_moves {
            return Err(moves(&dead_letters));
        }
        let urls = source_urls(&aws, &dead_letters).await?;
        let (urls, sources_not_asked) = (urls.as_ref().ok().cloned(), urls.err());
        let source = match (named, urls.as_deref()) {
            (Some(named), _) => Some(named),
            (None, Some([url])) => Some(queue(&aws, endpoint, url).await?),
            _ => None,
        };
        let sources = Sources {
            all: urls.map(|urls| arns(&dead_letters, &urls)),
            selected: args.queue.and(source.as_ref()).map(|source| source.arn().to_owned()),
        };
        let named_log_group = args.log_group;
        let log_group = match (&named_log_group, &source) {
            (Some(log_group), _) => Ok(Some(log_group.clone())),
            (None, Some(source)) => consumers_log_group(&aws, source).await?,
            (None, None) => Ok(None),
        };
        let (log_group, log_not_asked) = found_or_not(log_group);
        let message_ids = settings.jobs.message_ids();
        let outputs = settings.outputs;
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
            outputs,
        })
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
            outputs: settings.outputs,
        })
    }

    /// What is odd about the queue that was named, if anything is: its redrive policy names another dead-letter queue, or none.
    pub(crate) fn remark(&self) -> Option<String> {
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
    endpoint: Option<&str>,
    stack: &StackEvidence,
    outputs: &Outputs,
) -> Result<(QueueEvidence, Option<QueueEvidence>), Failure> {
    let dead_letters = output(stack, &outputs.dead_letter_queue)?;
    let jobs = output(stack, &outputs.jobs_queue)?;
    let dead_letters = queue(aws, endpoint, dead_letters).await?;
    Ok((dead_letters, Some(queue(aws, endpoint, jobs).await?)))
}

/// The jobs queue of a stack.
pub(crate) async fn jobs_queue(
    aws: &Aws,
    endpoint: Option<&str>,
    name: &str,
    outputs: &Outputs,
) -> Result<QueueEvidence, Failure> {
    let stack = aws.stack(name).await?;
    queue(aws, endpoint, output(&stack, &outputs.jobs_queue)?).await
}

/// The queue of the stack that its output names. Whoever wrote the template, of a pull request perhaps, has named it: another
/// stack's queue is named by whoever asks, or by nobody.
pub(crate) fn output<'a>(stack: &'a StackEvidence, name: &str) -> Result<&'a str, Failure> {
    let Some(named) = stack.outputs.get(name) else {
        return Err(Failure {
            next: Some("say in verifier.toml which output names the queue, or name the queue itself with --dlq or --to".to_owned()),
            ..Failure::usage(format!("the stack {} has no output {name}", stack.name))
        });
    };
    if stack.queue_of_output(named).is_some() {
        return Ok(named);
    }
    Err(Failure {
        next: Some("if it is meant, name the queue itself with --dlq, --queue or --to".to_owned()),
        ..Failure::usage(format!(
            "the output {name} of the stack {} names the queue {named}, which is no resource of the stack",
            stack.name
        ))
    })
}

async fn of_names(
    aws: &Aws,
    endpoint: Option<&str>,
    dlq: &str,
    source: Option<&str>,
) -> Result<(QueueEvidence, Option<QueueEvidence>), Failure> {
    let dead_letters = queue(aws, endpoint, dlq).await?;
    let Some(source) = source else { return Ok((dead_letters, None)) };
    let source = queue(aws, endpoint, source).await?;
    let place = |arn: &str| QueueArn::parse(arn).map(|arn| (arn.region, arn.account));
    if place(source.arn()) == place(dead_letters.arn()) {
        return Ok((dead_letters, Some(source)));
    }
    Err(Failure {
        next: Some("name a queue of the same account and region with --queue".to_owned()),
        ..Failure::usage(format!(
            "no message of {} came from {}: a queue and its dead-letter queue are of one account and region",
            dead_letters.arn(),
            source.arn()
        ))
    })
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

/// The connection in the region of the queue that is named, where its URL or ARN says one.
pub(crate) fn in_its_region(
    args: ConnectionArgs,
    named: Option<&str>,
) -> Result<ConnectionArgs, Failure> {
    let Some(named) = named else { return Ok(args) };
    let parsed = parse(named)?;
    let region = match (&args.region, parsed.region()) {
        (Some(asked), Some(said)) if asked != said => {
            return Err(Failure {
                next: Some(format!("leave --region out, or say --region {said}")),
                ..Failure::usage(format!("{named} is in {said}, and --region says {asked}"))
            });
        }
        (asked, said) => asked.clone().or(said.map(str::to_owned)),
    };
    Ok(ConnectionArgs { region, ..args })
}

/// What a command line, an output or a file names.
pub(crate) fn parse(named: &str) -> Result<QueueRef, Failure> {
    QueueRef::parse(named).map_err(|error| Failure::usage(error.to_string()))
}

/// A queue by name, URL or ARN. Region and account of a URL or an ARN count: a queue of the same name elsewhere is refused.
pub(crate) async fn queue(
    aws: &Aws,
    endpoint: Option<&str>,
    named: &str,
) -> Result<QueueEvidence, Failure> {
    let parsed = parse(named)?;
    if let Some(why) = parsed.unreachable_at(endpoint) {
        return Err(elsewhere(named, &why));
    }
    if let (Some(said), Some(region)) = (parsed.region(), aws.region())
        && said != region
    {
        return Err(elsewhere(named, &format!("it is in {said}, and requests go to {region}")));
    }
    let name = parsed.name();
    let url = match &parsed {
        QueueRef::Name(name) => aws.queue_url(name).await?,
        QueueRef::Url { url, .. } => url.clone(),
        QueueRef::Arn(arn) => {
            let url = aws.queue_url_of(name, Some(&arn.account)).await;
            url.map_err(|error| not_found(named, error))?
        }
    };
    let found = aws.queue(name, &url).await.map_err(|error| not_found(named, error))?;
    if parsed.is(found.arn()) {
        return Ok(found);
    }
    Err(elsewhere(named, &format!("the endpoint knows {} by that name", found.arn())))
}

fn not_found(named: &str, error: AwsError) -> Failure {
    if error.cause == Cause::NotFound && named.contains(':') {
        return elsewhere(named, &error.to_string());
    }
    error.into()
}

/// A queue of another account, region or server than requests go to.
fn elsewhere(named: &str, why: &str) -> Failure {
    Failure {
        next: Some(
            "check the account, the region and the name, and choose them with --profile, --region (for a destination --to-profile, --to-region) and --endpoint-url"
                .to_owned(),
        ),
        ..Failure::usage(format!("the queue {named} cannot be reached: {why}; nothing was done"))
    }
}
