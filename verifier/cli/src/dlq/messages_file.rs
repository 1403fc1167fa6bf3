//! Reading messages from a file that `export` or `purge` wrote.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use verifier_core::dead_letters::{DeadLetter, record};

use crate::shell::failure::Failure;
use crate::shell::files;

/// The messages of a file that is as it was written.
pub(crate) fn read_messages(path: &Path) -> Result<Vec<DeadLetter>, Failure> {
    let shown = if path.as_os_str() == "-" { "stdin".into() } else { path.display().to_string() };
    let unreadable = |error: io::Error| {
        Failure::usage(format!("the messages of {shown} cannot be read: {error}"))
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
    let mut messages = Vec::new();
    for line in input.lines() {
        let line = line.map_err(unreadable)?;
        messages.extend(reader.read(&line).map_err(refused)?);
    }
    reader.finish().map_err(refused)?;
    Ok(messages)
}
