//! `verifier dlq import FILE`.

use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{DeadLetter, queue_label, with_source};

use super::Started;
use crate::dlq::args::DlqImportArgs;
use crate::dlq::view;
use crate::dlq::{DlqTarget, deliver, queue, read_messages};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) async fn run(args: DlqImportArgs) -> Result<Exit, Failure> {
    // All of it is read before anything is sent.
    let messages = read_messages(&args.file)?;
    let started = Started::at(args.place).await?;
    let to = match &args.to {
        Some(named) => queue(&started.place.aws, started.place.endpoint.as_deref(), named)
            .await
            .inspect_err(|_| started.progress.clear())?,
        None => started.place.dead_letters.clone(),
    };
    let messages: Vec<DeadLetter> =
        messages.into_iter().filter(|message| started.place.sources.selects(message)).collect();
    let messages = with_sources(&started.place, &to, messages)
        .await
        .inspect_err(|_| started.progress.clear())?;
    started.progress.say(&format!(
        "sending {} messages to {}",
        messages.len(),
        queue_label(to.arn())
    ));
    let delivered = deliver(&started.place, &to, &messages, &started.interrupt).await;
    started.progress.clear();
    let printed = view::print_delivered(&to, &delivered, args.format);
    started.end(!delivered.is_complete(), printed).await
}

/// How many messages are named that have no room for their source.
const NAMED: usize = 10;

/// The messages as they are sent: to a dead-letter queue, each with the queue that it came from in an attribute, so that a
/// redrive can send it there. Where one has no room for it, nothing is sent.
async fn with_sources(
    place: &DlqTarget,
    to: &QueueEvidence,
    messages: Vec<DeadLetter>,
) -> Result<Vec<DeadLetter>, Failure> {
    let is_dead_letter_queue = to.arn() == place.dead_letters.arn()
        || !place.aws.dead_letter_sources(to).await?.is_empty();
    if !is_dead_letter_queue {
        return Ok(messages);
    }
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for message in &messages {
        match with_source(message, to.message_bytes_max()) {
            Ok(message) => kept.push(message),
            Err(why) => refused.push(format!("{}: {why}", message.message_id)),
        }
    }
    if refused.is_empty() {
        return Ok(kept);
    }
    let more = match refused.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    refused.truncate(NAMED);
    Err(Failure {
        next: Some(
            "replay the file itself with verifier redrive --from FILE, which needs no attribute"
                .to_owned(),
        ),
        ..Failure::usage(format!(
            "there is no room for the attribute that keeps where messages came from, and nothing was sent: {}{more}",
            refused.join("; ")
        ))
    })
}
