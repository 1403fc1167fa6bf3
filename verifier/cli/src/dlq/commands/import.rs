//! `verifier dlq import FILE`.

use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{DeadLetter, queue_label, with_source};

use super::Started;
use crate::dlq::args::{DlqImportArgs, PlaceArgs};
use crate::dlq::view;
use crate::dlq::{Delivered, Delivery, MessagesFile, portions};
use crate::resources::queue;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) async fn run(args: DlqImportArgs) -> Result<Exit, Failure> {
    // All of it is read before anything is sent.
    let file = MessagesFile::read(&args.file)?;
    let is_named = args.place.is_named();
    let started = Started::at(place(args.place, args.to.as_deref())).await?;
    if let Some(note) = file.note() {
        started.progress.say(&note);
    }
    let imported = import(&started, &file, args.to.as_deref(), is_named).await;
    started.progress.clear();
    let (to, delivered) = imported?;
    let printed = view::print_delivered(&to, &delivered, args.format);
    started.end(!delivered.is_complete(), printed).await
}

/// Where the queue of `--to` is all that is named, the command is about that one. Its own redrive policy does not matter: nothing
/// is received.
fn place(mut place: PlaceArgs, to: Option<&str>) -> PlaceArgs {
    if !place.is_named() {
        place.dlq = to.map(str::to_owned);
    }
    place.allow_moves = true;
    place
}

async fn import(
    started: &Started,
    file: &MessagesFile,
    named: Option<&str>,
    is_dlq_named: bool,
) -> Result<(QueueEvidence, Delivered), Failure> {
    let place = &started.place;
    let to = match named {
        Some(named) => queue(&place.aws, place.endpoint.as_deref(), named).await?,
        None => place.dead_letters.clone(),
    };
    // In a dead-letter queue each message says which queue it came from, so that a redrive can send it there.
    let keeps_sources = is_dlq_named && to.arn() == place.dead_letters.arn()
        || !place.aws.dead_letter_sources(&to).await?.is_empty();
    let selected = || {
        let messages = file.messages()?;
        Ok::<_, Failure>(messages.filter(|message| {
            message.as_ref().map_or(true, |message| place.sources.selects(message))
        }))
    };
    // In the order of a FIFO queue none may overtake one that cannot be sent.
    let count = if keeps_sources && to.is_fifo() {
        check_room(selected()?, to.message_bytes_max())?
    } else {
        selected()?.count()
    };
    started.progress.say(&format!("sending {count} messages to {}", queue_label(to.arn())));
    let mut delivery = Delivery::new(place, &to, &started.interrupt);
    for portion in portions(selected()?) {
        let mut portion = portion?;
        if keeps_sources {
            let mut kept = Vec::new();
            for message in portion {
                match with_source(&message, to.message_bytes_max()) {
                    Ok(message) => kept.push(message),
                    Err(why) => delivery.leave(
                        message.message_id,
                        format!("there is no room for the attribute that keeps where it came from: {why}; send it with verifier redrive --from FILE, which needs none"),
                    ),
                }
            }
            portion = kept;
        }
        delivery.send(&portion).await;
    }
    let delivered = delivery.end();
    Ok((to, delivered))
}

/// How many messages are named that have no room for their source.
const NAMED: usize = 10;

/// Fails where a message has no room for the attribute that says which queue it came from: then nothing is sent. Says how many
/// there are.
fn check_room(
    messages: impl Iterator<Item = Result<DeadLetter, Failure>>,
    bytes_max: usize,
) -> Result<usize, Failure> {
    let (mut count, mut refused, mut named) = (0, 0, Vec::new());
    for message in messages {
        let message = message?;
        count += 1;
        if let Err(why) = with_source(&message, bytes_max) {
            refused += 1;
            if named.len() < NAMED {
                named.push(format!("{}: {why}", message.message_id));
            }
        }
    }
    if refused == 0 {
        return Ok(count);
    }
    let more = match refused - named.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(Failure {
        next: Some(
            "replay the file itself with verifier redrive --from FILE, which needs no attribute"
                .to_owned(),
        ),
        ..Failure::usage(format!(
            "there is no room for the attribute that keeps where messages came from, and nothing was sent: {}{more}",
            named.join("; ")
        ))
    })
}
