//! What is said where the log could not be read.

use super::Evaluation;
use crate::evidence::LogEvidence;

/// The evaluation of whatever would have been told by the log, where it could not be read.
pub fn unreadable(log: &LogEvidence) -> Option<Evaluation> {
    let error = log.error.as_ref()?;
    let summary = format!("the log {} could not be read: {error}", log.log_group);
    Some(Evaluation::inconclusive(summary).with_next(log.next()))
}
