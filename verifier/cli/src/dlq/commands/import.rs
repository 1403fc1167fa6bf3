//! `verifier dlq import FILE`.

use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{Letter, queue_label, with_source};

use super::Started;
use crate::dlq::args::DlqImportArgs;
use crate::dlq::view;
use crate::dlq::{Place, deliver, queue, read_letters};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

pub(crate) async fn run(args: DlqImportArgs) -> Result<Exit, Failure> {
    // All of it is read before anything is sent.
    let letters = read_letters(&args.file)?;
    let started = Started::at(args.place).await?;
    let to = match &args.to {
        Some(named) => queue(&started.place.aws, started.place.endpoint.as_deref(), named)
            .await
            .inspect_err(|_| started.progress.clear())?,
        None => started.place.dead_letters.clone(),
    };
    let letters: Vec<Letter> =
        letters.into_iter().filter(|letter| started.place.sources.selects(letter)).collect();
    let letters = with_sources(&started.place, &to, letters)
        .await
        .inspect_err(|_| started.progress.clear())?;
    started.progress.say(&format!(
        "sending {} letters to {}",
        letters.len(),
        queue_label(to.arn())
    ));
    let delivered = deliver(&started.place, &to, &letters, &started.interrupt).await;
    started.progress.clear();
    let printed = view::print_delivered(&to, &delivered, args.format);
    started.end(!delivered.is_complete(), printed).await
}

/// How many letters are named that have no room for their source.
const NAMED: usize = 10;

/// The letters as they are sent: to a dead-letter queue, each with the queue that it came from in an attribute, so that a
/// redrive can send it there. Where one has no room for it, nothing is sent.
async fn with_sources(
    place: &Place,
    to: &QueueEvidence,
    letters: Vec<Letter>,
) -> Result<Vec<Letter>, Failure> {
    let is_dead_letter_queue = to.arn() == place.dead_letters.arn()
        || !place.aws.dead_letter_sources(to).await?.is_empty();
    if !is_dead_letter_queue {
        return Ok(letters);
    }
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for letter in &letters {
        match with_source(letter, to.message_bytes_max()) {
            Ok(letter) => kept.push(letter),
            Err(why) => refused.push(format!("{}: {why}", letter.message_id)),
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
