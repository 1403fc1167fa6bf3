//! Parts, and what is wrong about them, in words.

use std::path::Path;

use verifier_chaos::{Difference, UndoError, UndoLedger};
use verifier_core::experiment::ResourceRef;

use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::journal::failed;

/// Why there is nothing to restore about a part that is not there.
pub(super) const GONE: &str = "it is gone";

/// What somebody else has changed, in words.
pub(crate) fn told(others: &[Difference]) -> String {
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    format!("another actor has changed it: {}", others.join("; "))
}

pub(super) fn not_so(part: &ResourceRef) -> Failure {
    Failure::environment(format!("{} is not as it was set: another actor changes it", name(part)))
}

/// That AWS has given an update up.
pub(super) fn failed_update(part: &ResourceRef, why: &str) -> Failure {
    Failure {
        next: Some("see to the reason, or deploy the stack again".to_owned()),
        ..Failure::environment(format!(
            "AWS did not carry out the last update of {}, so what was before it is in force: {why}",
            name(part)
        ))
    }
}

/// A part, in words.
pub(crate) fn name(part: &ResourceRef) -> String {
    match part {
        ResourceRef::Concurrency { function } => format!("the reserved concurrency of {function}"),
        ResourceRef::Mapping { uuid } => format!("the event source mapping {uuid}"),
        ResourceRef::QueueTag { key, queue_url } => {
            format!("the tag {key} of {}", queue_url.rsplit('/').next().unwrap_or(queue_url))
        }
        ResourceRef::Queue { queue_url } => {
            let queue = queue_url.rsplit('/').next().unwrap_or(queue_url);
            format!("the visibility timeout and redrive policy of {queue}")
        }
        ResourceRef::Function { function } => format!("the timeout and memory of {function}"),
    }
}

/// What an undo journal tells.
pub(super) fn read(path: &Path) -> Result<UndoLedger, Failure> {
    UndoLedger::read(&text(path)?).map_err(|error| malformed(path, &error))
}

/// What stands in an undo journal.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    files::read_text(path).map_err(|error| failed(path, "read", &error))
}

/// That a journal cannot be followed, with what it covers.
pub(crate) fn malformed(path: &Path, error: &UndoError) -> Failure {
    let covered = match error {
        UndoError::Malformed { covered, .. } if !covered.is_empty() => {
            format!("; the lines before it report {}", names(covered))
        }
        _ => String::new(),
    };
    Failure {
        next: Some("restore it from a copy; nothing was done".to_owned()),
        ..Failure::usage(format!("{}: {error}{covered}", path.display()))
    }
}

/// Parts, in words.
pub(crate) fn names(parts: &[ResourceRef]) -> String {
    parts.iter().map(name).collect::<Vec<_>>().join(", ")
}
