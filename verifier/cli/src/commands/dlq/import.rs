//! `verifier dlq import FILE`.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use verifier_core::dead_letters::{Letter, record};

use super::Started;
use crate::args::DlqImportArgs;
use crate::dead_letters::{deliver, queue};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::view::dead_letters as view;

pub(crate) async fn run(args: DlqImportArgs) -> Result<Exit, Failure> {
    // All of it is read before anything is sent.
    let letters = read(&args.file)?;
    let started = Started::at(args.place).await?;
    let to = match &args.to {
        Some(named) => {
            queue(&started.place.aws, named).await.inspect_err(|_| started.progress.clear())?
        }
        None => started.place.dead_letters.clone(),
    };
    started.progress.say(&format!("sending {} letters to {}", letters.len(), to.name));
    let delivered = deliver(&started.place, &to, &letters, &started.interrupt).await;
    started.progress.clear();
    let printed = view::print_delivered(&to.name, &delivered, args.format);
    started.end(!delivered.is_complete(), printed).await
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
