//! The queues of a redrive: where its messages are, and where they go.

use verifier_aws::Aws;
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::QueueRef;
use verifier_core::redrive::{QueueName, Terms};

use crate::dlq::args::PlaceArgs;
use crate::dlq::{DlqTarget, consumers_log_group, found_or_not, jobs_queue};
use crate::redrive::args::ToArgs;
use crate::redrive::asked::Asked;
use crate::redrive::destination::{Destination, Receiver};
use crate::redrive::functions;
use crate::resources::{parse, queue};
use crate::shell::failure::Failure;

pub(super) fn name_of(queue: &QueueEvidence) -> QueueName {
    QueueName { arn: queue.arn().to_owned(), url: queue.url.clone() }
}

/// The queue that all messages are sent to; nothing where each goes to the queue that it came from.
pub(super) fn name_of_all(to: &[Destination], terms: &Terms) -> QueueName {
    match to {
        [to] if !terms.to_source() => to.name(),
        _ => QueueName::default(),
    }
}

/// Only messages of the queue that was named, or of the one that they are sent to, are sent. Those that do not say where they
/// came from are, too, where the dead-letter queue has no other source and none was named.
pub(super) fn restrict(
    terms: &mut Terms,
    place: &DlqTarget,
    to: &[Destination],
    is_elsewhere: bool,
) {
    if let Some(selected) = &place.sources.selected {
        terms.source_arn = Some(selected.clone());
        terms.is_source_named = true;
        terms.only_with_source = true;
    } else if let ([to], false) = (to, is_elsewhere) {
        terms.source_arn = Some(to.arn().to_owned());
        terms.only_with_source = !place.sources.is_only(to.arn());
    }
}

/// The queues that messages may be sent back to: those whose redrive policies name the dead-letter queue, or the one of them
/// that was named.
pub(super) fn sources(place: &DlqTarget) -> Result<Vec<QueueName>, Failure> {
    let all = place.sources.all.clone().unwrap_or_default();
    let selected = place.sources.selected.as_ref();
    let is_selected = |arn: &String| selected.is_none_or(|selected| selected == arn);
    let named: Vec<QueueName> = all
        .into_iter()
        .filter(is_selected)
        .map(|arn| QueueName { arn, url: String::new() })
        .collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let why = place.sources_not_asked.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    Err(Failure {
        next: Some("send all to a queue that you name with --to".to_owned()),
        ..Failure::usage(format!(
            "no queue is known whose redrive policy names {}{why}",
            place.dead_letters.arn()
        ))
    })
}

/// The queues that messages came from, each with its consumer's log.
pub(super) async fn to_sources(
    place: &DlqTarget,
    sources: &[QueueName],
) -> Result<Vec<Destination>, Failure> {
    let mut to = Vec::new();
    for source in sources {
        let aws = place.aws.clone();
        let queue = queue(&aws, place.endpoint.as_deref(), &source.arn).await?;
        let (log_group, log_not_asked) = found_or_not(consumers_log_group(&aws, &queue).await?);
        to.push(Destination { aws, receiver: Receiver::Queue(queue), log_group, log_not_asked });
    }
    Ok(to)
}

/// Where a journal or a plan sends messages.
pub(super) async fn written_destinations(
    place: &DlqTarget,
    asked: &Asked,
    to: &QueueName,
    terms: &Terms,
) -> Result<Vec<Destination>, Failure> {
    if let Some(function) = &terms.function {
        return Ok(vec![functions::written(place, asked, function).await?]);
    }
    if asked.to.to_function.is_some() {
        return Err(Failure {
            next: Some("leave --to-function out".to_owned()),
            ..Failure::usage("the file sends messages to queues, and invokes no function")
        });
    }
    if !terms.to_source() {
        return Ok(vec![destination(place, asked, Some(to)).await?]);
    }
    if asked.to.is_said() {
        return Err(Failure {
            next: Some("leave --to, --to-stack and --to-source out".to_owned()),
            ..Failure::usage("the file sends each message to the queue that it came from")
        });
    }
    to_sources(place, &terms.sources).await
}

/// The place that a journal or a plan names, unless the command line names another.
pub(super) async fn place_of(mut args: PlaceArgs, from: &QueueName) -> Result<DlqTarget, Failure> {
    let is_stack_or_file = args.is_named() && args.queue.is_none();
    if args.dlq.is_none() && !is_stack_or_file {
        // The ARN, since account and region count; where the endpoint is may have changed.
        args.dlq = Some(from.arn.clone());
    }
    let place = DlqTarget::find(args).await?;
    if place.dead_letters.arn() == from.arn {
        check_endpoint(from, &place.dead_letters)?;
        return Ok(place);
    }
    Err(Failure {
        next: Some("leave --stack and --dlq out: the file names the queue".to_owned()),
        ..Failure::usage(format!(
            "the file is of {}, not of {}",
            from.arn,
            place.dead_letters.arn()
        ))
    })
}

/// Fails where a queue of that name is at another endpoint than the file says: it is another queue, with messages of its own.
pub(super) fn check_endpoint(written: &QueueName, found: &QueueEvidence) -> Result<(), Failure> {
    if written.is_at_the_endpoint_of(&found.url) {
        return Ok(());
    }
    Err(Failure {
        next: Some(format!("name the endpoint of {} with --endpoint-url", written.url)),
        ..Failure::usage(format!(
            "the file is of the queue {}, and {} is another one of that name: nothing was sent",
            written.url, found.url
        ))
    })
}

/// Where messages are sent: where it was said, or where a file says, or the queue that the messages come from.
pub(super) async fn destination(
    place: &DlqTarget,
    asked: &Asked,
    written: Option<&QueueName>,
) -> Result<Destination, Failure> {
    let Asked { to: ToArgs { to, to_stack, .. }, log_group, .. } = asked;
    // An ARN and a URL say the region.
    let named = to.as_deref().or(written.map(|queue| queue.arn.as_str()));
    let said = named.map(parse).transpose()?;
    let said = said.as_ref().and_then(QueueRef::region);
    let aws = asked.client(place, named, said).await?;
    let endpoint = place.endpoint.as_deref();
    let queue = match (to, to_stack, written) {
        (Some(named), _, _) => queue(&aws, endpoint, named).await?,
        (None, Some(stack), _) => jobs_queue(&aws, endpoint, stack, &place.named).await?,
        (None, None, Some(written)) => queue(&aws, endpoint, &written.arn).await?,
        (None, None, None) => place.needed_source()?.clone(),
    };
    if let Some(written) = written.filter(|written| written.arn != queue.arn()) {
        return Err(Failure {
            next: Some("leave --to and --to-stack out: the file names the queue".to_owned()),
            ..Failure::usage(format!("the file sends to {}, not to {}", written.arn, queue.arn()))
        });
    }
    if let Some(written) = written {
        check_endpoint(written, &queue)?;
    }
    if queue.arn() == place.dead_letters.arn() {
        return Err(Failure::usage(format!(
            "{} is the dead-letter queue itself: its messages would be sent to where they are",
            queue.arn()
        )));
    }
    let is_source = place.source.as_ref().is_some_and(|source| source.arn() == queue.arn());
    let (log_group, log_not_asked) = match log_group {
        Some(log_group) => (Some(log_group.clone()), None),
        None if is_source => (place.log_group.clone(), place.log_not_asked.clone()),
        None => found_or_not(consumers_log_group(&aws, &queue).await?),
    };
    Ok(Destination { aws, receiver: Receiver::Queue(queue), log_group, log_not_asked })
}

/// Who asks, for the record: by STS, or else by the name of the system's user.
pub(super) async fn who(aws: &Aws) -> String {
    match aws.caller().await {
        Some(arn) => arn,
        None => std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned()),
    }
}
