//! How jobs get to the queue.

use serde::{Deserialize, Serialize};

/// How jobs get to the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Submit {
    /// They are posted to the API.
    #[default]
    Http,
    /// They are sent to the queue itself.
    Sqs,
}
