//! What the jobs queue held while the failing job waited for its return, by its counts.
//!
//! A worker that fails its batch, and remembers what it did, writes nothing when good jobs come again. But while they wait for
//! that, they are in the queue, where nothing but the failing job should be.

use std::collections::BTreeMap;

use verifier_model::time::Timestamp;

use super::attempt::TOLERANCE;
use super::{Account, Expectation, MessageAccount, MessageEnd, QueueCounts};

/// The jobs queue's counts, as they were read while the run went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// When they were read.
    pub at: Timestamp,
    /// What was read.
    pub counts: QueueCounts,
    /// Before which return of the failing job that was, from 1 on; `None` after the last one.
    pub before_return: Option<u32>,
}

/// What shows that good jobs were kept in the queue although the worker had done them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Before how many returns of the failing job that shows.
    pub returns: usize,
    /// How many messages more than is explained the queue held at most.
    pub messages: u64,
}

impl Account {
    /// How many messages more than is explained the jobs queue held at a count: more than before the run, beside the failing job
    /// and good jobs that were not done by then. `None` where that cannot be told: it was not counted before, or the count is
    /// older than what is known to have been there.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>.
    fn unexplained_at(&self, counted: &Counted) -> Option<u64> {
        let before = self.before?.total();
        // What came again was received, and waits to be visible; what is delayed was sent again, as further work is.
        let QueueCounts { visible, in_flight, .. } = counted.counts;
        let total = visible.saturating_add(in_flight);
        let own = |is: &dyn Fn(&MessageAccount) -> bool| {
            self.messages.iter().filter(|message| is(message)).count() as u64
        };
        let certain = own(&|message| is_there(message, counted.at));
        // A line tells of it when it did, so it was there.
        let comes_again = |message: &MessageAccount| {
            let last_at = message.attempts.iter().map(|attempt| attempt.line.at).max();
            message.attempts.len() > 1 && last_at.is_some_and(|at| at + TOLERANCE > counted.at)
        };
        let possible = own(&|message| may_be_there(message, counted.at) || comes_again(message));
        let copies: usize = self.messages.iter().map(|message| message.copies.len()).sum();
        (total >= before + certain).then(|| {
            let more = copies as u64 + self.strays + self.failing_again;
            total.saturating_sub(before + possible + more)
        })
    }

    /// Whether the jobs queue held more than is explained at each count between two times; `None` where none was taken then, or
    /// none tells. The first time is that of a line, behind which its message is deleted.
    pub(super) fn held_between(&self, from: Timestamp, to: Timestamp) -> Option<bool> {
        let within = |counted: &&Counted| from + TOLERANCE <= counted.at && counted.at <= to;
        let told = self.counted.iter().filter(within);
        let told: Vec<u64> = told.filter_map(|counted| self.unexplained_at(counted)).collect();
        told.iter().min().map(|least| *least > 0)
    }

    /// Whether the jobs queue surely held each failing job then, by its lines: it was received less than a visibility timeout before, or
    /// later. Where SQS counts one receive too many, a job leaves the queue sooner, and another may be taken for it in a count.
    pub fn held_each_failing(&self, at: Timestamp) -> bool {
        let timeout = self.terms.visibility_timeout;
        let was_there = |message: &MessageAccount| {
            message.attempts.iter().any(|attempt| attempt.line.at + timeout > at)
        };
        let mut failing = self.that(Expectation::Fails);
        failing.all(|message| message.end == MessageEnd::NotAccepted || was_there(message))
    }

    /// Whether the jobs queue was counted before the failing job returned to it.
    pub(super) fn is_counted(&self) -> bool {
        self.counted.iter().any(|counted| counted.before_return.is_some())
    }

    /// What shows, by counts alone, that good jobs were kept in the queue although they were done; `None` where nothing does.
    ///
    /// Counts lag by about a minute, so what one of several counts before a return does not show is not there.
    pub fn kept(&self) -> Option<Kept> {
        let mut least = BTreeMap::<u32, u64>::new();
        for counted in &self.counted {
            let Some(number) = counted.before_return else { continue };
            let Some(messages) = self.unexplained_at(counted) else { continue };
            let known = least.entry(number).or_insert(messages);
            *known = messages.min(*known);
        }
        let shown: Vec<u64> = least.into_values().filter(|messages| *messages > 0).collect();
        let messages = shown.iter().copied().max()?;
        Some(Kept { returns: shown.len(), messages })
    }
}

/// Whether a message is known to have been in the queue: it is a failing job that was received or dead-lettered later.
fn is_there(message: &MessageAccount, at: Timestamp) -> bool {
    let came_later = message.attempts.iter().any(|attempt| attempt.line.at > at + TOLERANCE)
        || message.dead_lettered.as_ref().is_some_and(|found| found.seen_at > at + TOLERANCE);
    message.expectation == Expectation::Fails
        && message.submitted_at + TOLERANCE < at
        && came_later
        && message.end != MessageEnd::NotAccepted
}

/// Whether a message may have been in the queue, where all is as it should be.
fn may_be_there(message: &MessageAccount, at: Timestamp) -> bool {
    let is_out = message.dead_lettered.as_ref().is_some_and(|found| found.seen_at <= at);
    let is_done = message.expectation == Expectation::Succeeds
        && message
            .attempts
            .iter()
            .any(|attempt| attempt.says_succeeded() && attempt.line.at + TOLERANCE <= at);
    message.submitted_at <= at && !is_out && !is_done
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::message::tests::{TERMS, found, job};
    use super::super::{Observed, Submitted};
    use super::*;

    fn counted(seconds: u64, total: u64, before_return: Option<u32>) -> Counted {
        Counted {
            at: Timestamp::from_millis(1_000_000 + seconds * 1000),
            counts: QueueCounts { in_flight: total, ..QueueCounts::default() },
            before_return,
        }
    }

    /// The account of a good job that was done at 0 s, and of the failing one.
    fn account(before: u64, counted: &[Counted]) -> Account {
        let failed = |at, count, request| line(at, count, Outcome::Failed, request);
        let jobs = vec![
            Submitted {
                lines: vec![failed(0, 1, "b1"), failed(60, 2, "b2"), failed(120, 3, "b3")],
                found: vec![found("m-p")],
                ..job("p", true)
            },
            Submitted { lines: vec![line(0, 1, Outcome::Succeeded, "b1")], ..job("g", false) },
        ];
        let counts = |visible| Some(QueueCounts { visible, ..QueueCounts::default() });
        Account::of(&Observed {
            terms: TERMS,
            jobs,
            invocations: Vec::new(),
            before: counts(before),
            after: counts(before),
            counted: counted.to_vec(),
            strays: 0,
            reads_others: false,
        })
    }

    #[test]
    fn the_queue_held_a_failing_job_within_a_visibility_timeout_of_its_last_line() {
        let account = account(0, &[]);
        let held = |second: u64| {
            account.held_each_failing(Timestamp::from_millis(1_000_000 + second * 1000))
        };
        assert_eq!([held(119), held(175), held(181)], [true, true, false]);
    }

    #[test]
    fn more_than_the_failing_job_was_kept_there() {
        let kept = |counted: &[Counted]| account(0, counted).kept();
        assert_eq!(kept(&[counted(55, 2, Some(1))]), Some(Kept { returns: 1, messages: 1 }));
        let both = [counted(55, 2, Some(1)), counted(115, 3, Some(2))];
        assert_eq!(kept(&both), Some(Kept { returns: 2, messages: 2 }));
        assert_eq!(kept(&[counted(55, 1, Some(1))]), None);
        // A count that is lower later was too high.
        assert_eq!(kept(&[counted(55, 2, Some(1)), counted(59, 1, Some(1))]), None);
        assert_eq!(kept(&[counted(180, 2, None)]), None);
    }

    #[test]
    fn a_job_that_was_not_done_yet_and_what_was_there_before_explain_a_count() {
        assert_eq!(account(0, &[counted(1, 2, Some(1))]).kept(), None);
        assert_eq!(account(4, &[counted(55, 5, Some(1))]).kept(), None);
        let delayed = QueueCounts { in_flight: 1, delayed: 3, visible: 0 };
        let sent = Counted { counts: delayed, ..counted(55, 1, Some(1)) };
        assert_eq!(account(0, &[sent]).kept(), None);
        let strays = Account { strays: 1, ..account(0, &[counted(55, 2, Some(1))]) };
        assert_eq!(strays.kept(), None);
        // Of one that came again then, a line tells.
        let mut again = account(0, &[counted(55, 2, Some(1))]);
        let mut second = again.messages[1].attempts[0].clone();
        second.line.at = second_of(60);
        again.messages[1].attempts.push(second);
        assert_eq!(again.kept(), None);
        // A failing job that SQS delivered twice is kept twice.
        let twice = Account { failing_again: 1, ..account(0, &[counted(55, 2, Some(1))]) };
        assert_eq!(twice.kept(), None);
    }

    #[test]
    fn a_count_without_the_failing_job_is_too_old_to_tell() {
        let held = |before, total| {
            let account = account(before, &[counted(55, total, Some(1))]);
            account.held_between(second_of(0), second_of(60))
        };
        assert_eq!(held(0, 0), None);
        assert_eq!(held(0, 1), Some(false));
        assert_eq!(held(0, 2), Some(true));
        // Of those before the run, some may have gone.
        assert_eq!(held(1, 1), None);
        assert_eq!(account(0, &[]).held_between(Timestamp::default(), second_of(60)), None);
    }

    fn second_of(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1000)
    }
}
