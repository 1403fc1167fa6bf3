//! Messages that the worker deleted itself before their batch failed.

use super::attempt::TOLERANCE;
use super::{Account, Attempt, Expectation, InvocationEnd, MessageAccount};
use crate::time::Timestamp;

/// What became of a message whose batch failed behind its success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It did not come again when it was due.
    Deleted,
    /// It came again, or may have.
    Left,
    /// It was not due again before the end of what is known.
    NotDue,
}

impl Account {
    /// Marks the attempts whose invocation failed and whose message the worker must have deleted itself, as was usual before partial
    /// batch responses: it was done, and a visibility timeout later it was not there.
    ///
    /// That needs all of what would show it: no other attempt, nothing of it in the dead-letter queue, no more messages queued than
    /// before, and since it was due again no invocation that ended well and left messages unwritten.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
    pub(super) fn mark_deleted(&mut self) {
        if self.surplus != Some(0) {
            return;
        }
        let fates: Vec<Option<Fate>> = self.messages.iter().map(|job| self.fate(job)).collect();
        let is_any = |fate| fates.contains(&Some(fate));
        // What was not due again by the end is taken to have fared as what was.
        if !is_any(Fate::Deleted) || is_any(Fate::Left) {
            return;
        }
        let deleted = self.messages.iter_mut().zip(&fates).filter(|(_, fate)| fate.is_some());
        for attempt in deleted.flat_map(|(message, _)| &mut message.attempts) {
            attempt.is_deleted = true;
        }
    }

    /// What became of a good job that was done in a batch that failed; `None` where it was in none.
    fn fate(&self, job: &MessageAccount) -> Option<Fate> {
        let failed =
            |attempt: &Attempt| attempt.says_succeeded() && attempt.failed_whole().is_some();
        let is_good = job.expectation == Expectation::Succeeds;
        let attempt = job.attempts.iter().find(|attempt| is_good && failed(attempt))?;
        let due_at = attempt.line.at + self.terms.visibility_timeout;
        let is_alone = job.attempts.len() == 1 && job.silent.is_empty() && job.copies.is_empty();
        Some(if !is_alone || job.dead_lettered.is_some() || self.may_have_come_again(due_at) {
            Fate::Left
        } else if self.seen_until().is_some_and(|until| until >= due_at + TOLERANCE) {
            Fate::Deleted
        } else {
            Fate::NotDue
        })
    }

    /// Whether a message that was due again at a time may have been received since, without a line of it.
    fn may_have_come_again(&self, due_at: Timestamp) -> bool {
        let from = due_at - TOLERANCE.min(self.terms.visibility_timeout / 2);
        let is_written = |id: &str| {
            self.messages.iter().any(|message| message.requests().any(|request| request == id))
        };
        self.unwritten().iter().any(|each| each.at >= from)
            || self.invocations.iter().any(|each| {
                let ended_well =
                    matches!(each.end, InvocationEnd::Success | InvocationEnd::Unknown);
                ended_well && each.started_at() >= from && !is_written(&each.request_id)
            })
    }

    /// Until when the ends of invocations are known.
    fn seen_until(&self) -> Option<Timestamp> {
        self.invocations.iter().map(|each| each.ended_at).max()
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::{account, invocation};
    use super::super::message::tests::{found, job};
    use super::super::{Invocation, Isolation, Line, Submitted};
    use super::*;

    const DONE: Outcome = Outcome::Succeeded;
    const ERROR: InvocationEnd = InvocationEnd::Error;

    /// The failing job failed its batch at 0, 60 and 120 s, and so did what the good job was in.
    fn isolation(good: Submitted, more: Vec<Invocation>) -> Isolation {
        let failed = |at, count, request| line(at, count, Outcome::Failed, request);
        let poison = Submitted {
            lines: vec![failed(0, 1, "b1"), failed(60, 2, "b2"), failed(120, 3, "b3")],
            found: vec![found("m-p")],
            ..job("p", true)
        };
        let mut ends: Vec<Invocation> =
            [(0, "b1"), (60, "b2"), (120, "b3")].map(|(at, id)| invocation(at, id, ERROR)).into();
        ends.extend(more);
        counted(vec![poison, good], ends, Some(0)).isolation()
    }

    /// The account where the jobs queue holds so many messages more than before.
    fn counted(jobs: Vec<Submitted>, ends: Vec<Invocation>, surplus: Option<u64>) -> Account {
        let mut account = account(jobs, ends);
        account.surplus = surplus;
        for attempt in account.messages.iter_mut().flat_map(|message| &mut message.attempts) {
            attempt.is_deleted = false;
        }
        account.mark_deleted();
        account
    }

    fn good(lines: Vec<Line>) -> Submitted {
        Submitted { lines, ..job("g", false) }
    }

    fn is_broken(isolation: &Isolation) -> bool {
        matches!(isolation, Isolation::Broken { .. })
    }

    #[test]
    fn one_that_was_done_in_a_failed_batch_and_did_not_come_again_was_deleted() {
        let first = || vec![line(0, 1, DONE, "b1")];
        assert_eq!(isolation(good(first()), Vec::new()), Isolation::Held { met: 1 });
        let dead = Submitted { found: vec![found("m-g")], ..good(first()) };
        assert!(is_broken(&isolation(dead, Vec::new())));
        let again = vec![line(0, 1, DONE, "b1"), line(60, 2, DONE, "b2")];
        assert!(is_broken(&isolation(good(again), Vec::new())));
    }

    #[test]
    fn one_that_may_have_come_again_in_silence_was_not() {
        let first = || good(vec![line(0, 1, DONE, "b1")]);
        let silent = |at, end| vec![invocation(at, "x", end)];
        assert!(is_broken(&isolation(first(), silent(61, InvocationEnd::Success))));
        assert!(is_broken(&isolation(first(), silent(61, InvocationEnd::Unknown))));
        // Before it was due again, that was another message.
        assert!(!is_broken(&isolation(first(), silent(20, InvocationEnd::Success))));
        // One that failed again is dead-lettered in the end.
        assert!(!is_broken(&isolation(first(), silent(61, ERROR))));
    }

    #[test]
    fn before_it_is_due_again_and_while_the_queue_holds_more_than_before_nothing_is_known() {
        let last = || good(vec![line(120, 1, DONE, "b3")]);
        assert!(is_broken(&isolation(last(), Vec::new())));
        // Unless others show what the worker does.
        let both = |lines| {
            let ends = vec![invocation(0, "b1", ERROR), invocation(120, "b3", ERROR)];
            let other = Submitted { job_id: "h".to_owned(), ..good(lines) };
            counted(vec![last(), other], ends, Some(0)).messages[0].attempts[0].is_deleted
        };
        assert!(both(vec![line(0, 1, DONE, "b1")]));
        assert!(!both(vec![line(0, 1, DONE, "b1"), line(60, 2, DONE, "b2")]));
        let is_deleted = |surplus| {
            let ends = vec![invocation(0, "b1", ERROR), invocation(100, "y", ERROR)];
            let account = counted(vec![good(vec![line(0, 1, DONE, "b1")])], ends, surplus);
            account.messages[0].attempts[0].is_deleted
        };
        assert_eq!([Some(0), Some(1), None].map(is_deleted), [true, false, false]);
    }
}
