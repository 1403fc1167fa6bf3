//! What one line of a log reports of a message.

use contract::Outcome;
use verifier_model::time::Timestamp;

/// One line that reports a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it was logged.
    pub at: Timestamp,
    /// How it ended; `None` where the line does not say it in the words of the settings.
    pub outcome: Option<Outcome>,
    /// The number of the receive, where it tells.
    pub receive_count: Option<u32>,
    /// The invocation, where it tells.
    pub request_id: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
    /// The line.
    pub line: String,
}
