//! A job whose end is known beforehand.

/// A job that was submitted to see what the worker makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its id, which its body holds.
    pub job_id: String,
    /// The id of the run, which its body may hold.
    pub run_id: String,
    /// The id of its message, where that is known.
    pub message_id: Option<String>,
    /// Whether it is meant to succeed.
    pub succeeds: bool,
}

impl Probe {
    /// Whether a text holds an id of it.
    pub(super) fn is_named_in(&self, text: &str) -> bool {
        text.contains(&self.job_id)
            || text.contains(&self.run_id)
            || self.message_id.as_ref().is_some_and(|id| text.contains(id))
    }

    /// Whether a text holds the job's id or the message's.
    pub(super) fn is_named_in_by_itself(&self, text: &str) -> bool {
        self.ids().any(|id| text.contains(id))
    }

    /// Whether a text is one of them.
    pub(super) fn is_id(&self, text: &str) -> bool {
        self.ids().any(|id| id == text)
    }

    /// The job's id, and the message's.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        [Some(&self.job_id), self.message_id.as_ref()].into_iter().flatten().map(String::as_str)
    }
}
