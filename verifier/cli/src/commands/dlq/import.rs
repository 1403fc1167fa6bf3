//! `verifier dlq import FILE`.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{Letter, queue_label, record, with_source};

use super::Started;
use crate::args::DlqImportArgs;
use crate::dead_letters::{Place, deliver, queue};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::view::dead_letters as view;

pub(crate) async fn run(args: DlqImportArgs) -> Result<Exit, Failure> {
    // All of it is read before anything is sent.
    let letters = read(&args.file)?;
    let started = Started::at(args.place).await?;
    let to = match &args.to {
        Some(named) => queue(&started.place.aws, started.place.endpoint.as_deref(), named)
            .await
            .inspect_err(|_| started.progress.clear())?,
        None => started.place.dead_letters.clone(),
    };
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

/// The letters of a file that is as it was written.
fn read(path: &Path) -> Result<Vec<Letter>, Failure> {
    let shown = if path.as_os_str() == "-" { "stdin".into() } else { path.display().to_string() };
    let unreadable = |error: io::Error| {
        Failure::usage(format!("the letters of {shown} cannot be read: {error}"))
    };
    let input: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(files::bounded(BufReader::new(io::stdin())))
    } else {
        Box::new(files::lines(path).map_err(unreadable)?)
    };
    let refused = |error: record::RecordError| Failure {
        next: Some("nothing was sent; take the file as it was written".to_owned()),
        ..Failure::usage(format!("{shown} is not what was exported: {error}"))
    };
    let mut reader = record::Reader::default();
    let mut letters = Vec::new();
    for line in input.lines() {
        let line = line.map_err(unreadable)?;
        letters.extend(reader.read(&line).map_err(refused)?);
    }
    reader.finish().map_err(refused)?;
    Ok(letters)
}
