//! Messages of no known job that the worker had while the jobs of a run were under way.
//!
//! More messages than the run accounts for are never nothing: what was accepted once may have been done twice, under another id.

/// How many messages of no known job came to the worker, and what tells whose they may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownWork {
    /// How many came since the first job was submitted.
    pub messages: usize,
    /// How many of those came before any job was done, so that they are no further work that the worker sent itself.
    pub ahead: usize,
    /// Of how many submissions of jobs the first invocation was handed one, too, where that is so of each.
    pub accompanied: Option<usize>,
    /// Whether such messages came at other times, too, when nothing of the run was submitted: of another sender, then.
    pub is_seen_elsewhere: bool,
    /// What the worker reads beside the jobs queue, by name: they may be of there.
    pub other_sources: Vec<String>,
}

impl UnknownWork {
    /// Whether they are copies of the jobs, or of another sender of whom nothing else is known.
    pub fn is_suspect(&self) -> bool {
        let is_alone = !self.is_seen_elsewhere && self.other_sources.is_empty();
        self.accompanied.is_some() || (self.ahead > 0 && is_alone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_further_work_or_of_a_sender_who_is_known_is_no_suspect() {
        let of = |ahead, is_seen_elsewhere, sources: &[&str]| {
            let other_sources = sources.iter().map(|name| (*name).to_owned()).collect();
            let messages = 2;
            UnknownWork { messages, ahead, is_seen_elsewhere, other_sources, accompanied: None }
                .is_suspect()
        };
        assert!(of(1, false, &[]));
        assert!(!of(0, false, &[]));
        assert!(!of(1, true, &[]));
        assert!(!of(1, false, &["Audits"]));
        assert!(UnknownWork { accompanied: Some(2), ..UnknownWork::default() }.is_suspect());
    }
}
