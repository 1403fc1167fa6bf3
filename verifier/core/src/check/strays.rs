//! Signs of refused bodies that were put on the queue all the same.

use super::{Evaluation, OtherQueue, Rewritten, Verdict};
use crate::account::{Breach, Whose};

/// What reports refused bodies that were put on the queue all the same and were not seen themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// How many messages the jobs queue holds more than before, beside jobs that may still be there; `None` where it was not counted.
    pub queued: Option<u64>,
    /// By how many messages the jobs queue grew when the bodies were posted once more, where that was tried, and how many those
    /// were: a surplus alone may be of anybody.
    pub grown: Option<(u64, usize)>,
    /// What shows that the worker was handed messages of which it wrote nothing.
    pub swallowed: Vec<String>,
    /// Whether it was handed such messages again when the bodies were posted once more, where that was tried and can be told.
    pub swallowed_again: Option<bool>,
    /// The ids of dead letters that name no run and were sent while the bodies were posted.
    pub dead: Vec<String>,
    /// Whether messages of other senders were seen, which may be those.
    pub others_seen: bool,
    /// Whose those messages may be, by when they were handed out.
    pub whose: Option<Whose>,
    /// What shows that the bodies were enqueued in another form, as jobs of their own, where anything may.
    pub rewritten: Option<Rewritten>,
    /// What the worker reads beside the jobs queue, by name: messages of which it wrote nothing may be of there.
    pub other_sources: Vec<String>,
    /// The stack's other queues that hold more than before.
    pub other_queues: Vec<OtherQueue>,
}

impl Strays {
    /// Whether the queue grew by all the bodies that were posted once more.
    pub(super) fn is_confirmed(&self) -> bool {
        self.grown.is_some_and(|(grown, posted)| posted > 0 && grown >= posted as u64)
    }

    /// Whether what shows that messages are there did not come again when the bodies were posted once more: others send, or the
    /// counts are old, or messages of the run are there twice.
    pub(super) fn is_unconfirmed(&self) -> bool {
        let is_of_others = matches!(
            self.whose,
            Some(Whose::Others | Whose::DeliveredAgain { or_of_the_run: false })
        );
        let is_swallowed = !self.swallowed.is_empty()
            && self.swallowed_again != Some(false)
            && self.other_sources.is_empty()
            && !is_of_others;
        !is_swallowed && self.dead.is_empty() && !self.is_confirmed()
    }

    /// Whether all that was seen are jobs of the run that SQS delivered once more: the bodies were posted again, and nothing of
    /// them came.
    pub(super) fn is_delivered_again(&self) -> bool {
        matches!(self.whose, Some(Whose::DeliveredAgain { .. }))
            && self.swallowed_again == Some(false)
            && self.queued.unwrap_or_default() == 0
            && self.dead.is_empty()
    }

    /// That as many messages of no known job came when the bodies were posted as may be those, and none when they were posted again;
    /// `None` where that is not so, or they may be further work, or of others, who are known.
    pub(super) fn came_once(&self) -> Option<Evaluation> {
        let is_of_others =
            |each: &Rewritten| each.before + each.elsewhere > 0 || !self.other_sources.is_empty();
        let rewritten = self.rewritten.as_ref()?;
        (rewritten.ahead > 0 && !is_of_others(rewritten)).then_some(())?;
        let what = format!(
            "refused, but {}: those may have been enqueued at first alone, or are of another sender, or jobs under other ids",
            rewritten.in_words()
        );
        Some(Evaluation::inconclusive(what).with_next(
            "look at what the submit function sends for a body that it refuses; run the check while no other sender is active, too",
        ))
    }

    /// Whether messages of which the worker wrote nothing are of another source of its: the bodies were posted again, and nothing
    /// of them came.
    fn is_of_other_sources(&self) -> bool {
        !self.other_sources.is_empty() && self.swallowed_again == Some(false)
    }

    /// Whose they may be that were seen, where nothing confirms that they are the bodies.
    pub(super) fn or_whose(&self) -> String {
        if self.is_one_returned() {
            return "a good job that SQS handed out again, since it lost its delete, or that the worker left".to_owned();
        }
        if self.swallowed.is_empty() || self.other_sources.is_empty() {
            return "of other senders, or good jobs that came again".to_owned();
        }
        format!(
            "of other senders, or of {}, which the worker reads, too",
            self.other_sources.join(", ")
        )
    }

    /// What shows that messages are there which are no job of this run.
    pub(super) fn shown(&self) -> Option<String> {
        let queued = self.queued.filter(|count| *count > 0);
        let queued = queued.map(|count| {
            let again = match self.grown {
                Some((grown, posted)) if self.is_confirmed() => {
                    format!(", and {grown} more since {posted} were posted again")
                }
                Some(_) => ", and no more since the bodies were posted again".to_owned(),
                None => String::new(),
            };
            let messages = if count == 1 { "message" } else { "messages" };
            format!("the jobs queue holds {count} {messages} more than before{again}")
        });
        let dead = self.dead.iter().map(|id| {
            format!("{id} in the dead-letter queue was sent while the bodies were posted")
        });
        let again = match (self.swallowed_again, self.swallowed.is_empty()) {
            (Some(true), false) => Some("again when the bodies were posted once more".to_owned()),
            (Some(false), false) => {
                Some("not again when the bodies were posted once more".to_owned())
            }
            _ => None,
        };
        let swallowed = self.swallowed.iter().cloned().chain(again);
        let swallowed = swallowed.filter(|_| !self.is_of_other_sources());
        let all = queued.into_iter().chain(swallowed).chain(dead);
        let all: Vec<String> = all.collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl Strays {
    /// Whether one message was not written of, when good jobs would have come again: one may, since SQS lost its delete.
    fn is_one_returned(&self) -> bool {
        matches!(self.whose, Some(Whose::Returned { messages: 1, .. }))
    }

    /// The good jobs that must have come again without a line, those first that had met the failing one: messages were
    /// swallowed that are neither of others nor refused bodies, nor of another source of the worker's.
    pub(super) fn returned(&self) -> (&[Breach], &[Breach]) {
        match &self.whose {
            Some(Whose::Returned { shared, apart, .. })
                if !self.is_one_returned()
                    && !self.others_seen
                    && self.other_sources.is_empty()
                    && self.swallowed_again != Some(true) =>
            {
                (shared, apart)
            }
            _ => (&[], &[]),
        }
    }

    /// The same evaluation of jobs, left open where messages were seen that nothing explains and `api.reject`, which concludes
    /// from them, was not run: good jobs may be among them.
    pub fn leave_open(&self, evaluation: Evaluation, is_concluded: bool) -> Evaluation {
        let is_red = matches!(evaluation.verdict, Verdict::Fail | Verdict::Inconclusive);
        match self.shown() {
            Some(shown) if !is_red && !is_concluded => Evaluation {
                summary: format!("{}, but {shown}: good jobs may be among them", evaluation.summary),
                verdict: Verdict::Inconclusive,
                next: Some("look at what the queue holds and at what those invocations were handed; run api.reject, too".to_owned()),
                ..evaluation
            },
            _ => evaluation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_is_told_as_one() {
        let shown = |count| Strays { queued: Some(count), ..Strays::default() }.shown();
        let (one, two) = (shown(1).unwrap_or_default(), shown(2).unwrap_or_default());
        assert!(one.contains("holds 1 message more"), "{one}");
        assert!(two.contains("holds 2 messages more"), "{two}");
        assert_eq!(shown(0), None);
    }
}
