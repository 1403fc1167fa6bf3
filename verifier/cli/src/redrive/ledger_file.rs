//! Reading the journal of a redrive.

use std::io::BufRead;
use std::path::Path;

use verifier_core::redrive::Ledger;

use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::journal::failed;

/// What a journal tells.
pub(crate) fn read_ledger(path: &Path) -> Result<Ledger, Failure> {
    let mut ledger = Ledger::default();
    let cut_off = each_line(path, |line| {
        let text = String::from_utf8_lossy(line);
        ledger.read(text.trim_end()).map_err(|error| Failure {
            next: Some("restore it from a copy; nothing was done".to_owned()),
            ..Failure::usage(format!("{}: {error}", path.display()))
        })
    })?;
    if ledger.started().is_none() {
        let what = if cut_off {
            "is no journal of a redrive, or was cut off in its first line: it was left as it is"
        } else {
            "is empty: the redrive had not begun, so start it again"
        };
        return Err(Failure::usage(format!("{} {what}", path.display())));
    }
    Ok(ledger)
}

/// Reads a journal line by line, without the one that was being written when the process ended: whether there is such a one.
pub(super) fn each_line(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let mut reader = files::lines(path).map_err(|error| failed(path, "read", &error))?;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        read.map_err(|error| failed(path, "read", &error))?;
        if line.last() != Some(&b'\n') {
            return Ok(!line.is_empty());
        }
        take(&line)?;
    }
}
