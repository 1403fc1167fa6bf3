//! Messages that the worker deleted itself before their batch failed.

use std::collections::BTreeMap;

use verifier_model::time::Timestamp;

use super::attempt::TOLERANCE;
use super::{Account, Attempt, Expectation, Fate, InvocationEnd, MessageAccount};

/// What shows of a message whose invocation failed behind its success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Left,
    /// It came again once, and was done then: SQS lost its delete, or the worker left it.
    CameAgain,
    Deleted,
    NotDue,
    Unclear,
}

impl Account {
    /// Takes of how many messages lines tell that are no jobs of the run, by request id: what wrote of those need not have been
    /// handed a good job once more.
    #[must_use]
    pub fn with_others(mut self, others: BTreeMap<String, u32>) -> Self {
        self.others = others;
        for attempt in self.messages.iter_mut().flat_map(|message| &mut message.attempts) {
            attempt.fate = Fate::Left;
        }
        self.tell_fates();
        self
    }

    /// Says of each good job that was done in an invocation that failed what became of it: the worker may have deleted its message
    /// itself, as was usual before partial batch responses.
    ///
    /// One that came again, or may have, is left; so is every one where any is. Only one that came again once, alone of all, where
    /// others may be deleted, may be one of which SQS lost the delete. One that the queue did not hold any more before
    /// it was due again is deleted, and so is one that would have been dead-lettered with the failing job and was not; what the
    /// worker did once it did to the others. Otherwise that is unclear: it may not have been due again, and a worker that
    /// remembers what it did leaves no trace of what comes again in a batch that ends well. Only where the queue was not counted,
    /// one that was not due by the end of what is known is left.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
    pub(super) fn tell_fates(&mut self) {
        let signs: Vec<Option<Sign>> = self.messages.iter().map(|job| self.sign(job)).collect();
        let is_any = |sign| signs.contains(&Some(sign));
        let again = signs.iter().filter(|sign| **sign == Some(Sign::CameAgain)).count();
        let is_lost_delete = again == 1 && (is_any(Sign::Deleted) || is_any(Sign::Unclear));
        let fate = if is_any(Sign::Left) || (again > 0 && !is_lost_delete) {
            Fate::Left
        } else if is_any(Sign::Deleted) {
            Fate::Deleted
        } else if is_any(Sign::Unclear) {
            Fate::Unclear
        } else {
            Fate::Left
        };
        let told = self.messages.iter_mut().zip(&signs).filter(|(_, sign)| sign.is_some());
        for attempt in told.flat_map(|(message, _)| &mut message.attempts) {
            attempt.fate = fate;
        }
    }

    /// What a good job that was done in an invocation that failed shows by itself; `None` where it was in none.
    fn sign(&self, job: &MessageAccount) -> Option<Sign> {
        let failed =
            |attempt: &Attempt| attempt.says_succeeded() && attempt.failed_whole().is_some();
        let is_good = job.expectation == Expectation::Succeeds;
        let attempt = job.attempts.iter().find(|attempt| is_good && failed(attempt))?;
        let due_at = attempt.line.at + self.terms.visibility_timeout;
        let is_alone = job.attempts.len() == 1 && job.silent.is_empty() && job.copies.is_empty();
        let is_single = is_alone && job.dead_lettered.is_none();
        let since = attempt.line.at;
        // Failing jobs that are still retried are in the queue, and tell nothing of others.
        let pending = self.that(Expectation::Fails).filter(|job| job.dead_lettered.is_none());
        let pending = pending.count() as u64;
        match self.surplus.map(|surplus| surplus.saturating_sub(pending)) {
            Some(0) if is_single => {}
            Some(0) if is_done_at_two_receives(job) => return Some(Sign::CameAgain),
            // What the queue holds may be of those who send, too.
            Some(_) if is_single && !self.others.is_empty() => return Some(Sign::Unclear),
            _ => return Some(Sign::Left),
        }
        // One that is due just now may have come again in the last moment, and be done.
        let held = match self.held_between(since, due_at - TOLERANCE) {
            None if !self.may_have_come_again(due_at) => self.held_between(since, due_at),
            held => held,
        };
        let may_be_sooner = self.shortens_visibility() || self.may_have_come_again_from(since);
        Some(match held {
            Some(true) => Sign::Left,
            // It may have come again long before it was due, and be done.
            Some(false) if may_be_sooner => Sign::Unclear,
            Some(false) => Sign::Deleted,
            None if self.may_have_come_again(due_at) => Sign::Left,
            None if self.may_be_beside_others(due_at) => Sign::Unclear,
            None if may_be_sooner => Sign::Unclear,
            None if self.is_dead_lettered_together(attempt) => Sign::Deleted,
            // Without any count, what happens to every message of a failed batch is taken to have happened.
            None if !self.is_counted()
                && self.ends_are_known_until() < Some(due_at + TOLERANCE) =>
            {
                Sign::NotDue
            }
            None => Sign::Unclear,
        })
    }

    /// Until when the ends of invocations are known.
    fn ends_are_known_until(&self) -> Option<Timestamp> {
        self.invocations.iter().map(|each| each.ended_at).max()
    }

    /// Whether a message that was in an invocation with the failing job would be in the dead-letter queue now, unless it was
    /// deleted: it was at the failing job's first receive, and each of its receives ended in an invocation that failed.
    fn is_dead_lettered_together(&self, attempt: &Attempt) -> bool {
        self.that(Expectation::Fails).any(|failing| {
            let unseen = self.unseen(failing);
            let failed = |count: u32| {
                let mut seen = failing.attempts.iter();
                let has_line = |each: &Attempt| {
                    each.receive_count == count
                        && each.end.is_some_and(InvocationEnd::fails_the_batch)
                };
                let mut silent = unseen.iter();
                seen.any(has_line)
                    || silent.any(|each| each.receive_count == count && each.explained.is_failure())
            };
            let visible_at = failing.submitted_at + self.terms.delay;
            let second_at = visible_at + self.terms.visibility_timeout;
            failing.dead_lettered.is_some()
                && attempt.line.at < second_at
                && (1..=self.terms.max_receive_count).all(failed)
        })
    }

    /// Whether a message that was due again at a time may have been received since, without a line of it.
    fn may_have_come_again(&self, due_at: Timestamp) -> bool {
        self.may_have_come_again_from(due_at - TOLERANCE.min(self.terms.visibility_timeout / 2))
    }

    /// Whether the worker makes failing jobs visible before their visibility timeout has passed: it may do so to others. A receive came
    /// sooner than one may since the submission; its line comes later than that by as long as the worker takes to start.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>.
    pub(super) fn shortens_visibility(&self) -> bool {
        let timeout = self.terms.visibility_timeout;
        self.that(Expectation::Fails).any(|failing| {
            let visible_at = failing.submitted_at + self.terms.delay;
            failing.attempts.iter().any(|attempt| {
                let before = attempt.receive_count.saturating_sub(1);
                attempt.line.at + TOLERANCE < visible_at + timeout.saturating_mul(before)
            })
        })
    }

    /// Whether something was handed to the worker from then on of which it wrote nothing, in an invocation that is not known to have
    /// failed.
    fn may_have_come_again_from(&self, from: Timestamp) -> bool {
        let is_written = |id: &str| {
            self.others.contains_key(id)
                || self.messages.iter().any(|each| each.requests().any(|request| request == id))
        };
        self.unwritten().iter().any(|each| each.at >= from)
            || self.invocations.iter().any(|each| {
                let ended_well =
                    matches!(each.end, InvocationEnd::Success | InvocationEnd::Unknown);
                ended_well && each.started_at() >= from && !is_written(&each.request_id)
            })
    }

    /// Whether a message that was due again at a time may have been received since with messages of other senders, of which alone
    /// lines tell.
    fn may_be_beside_others(&self, due_at: Timestamp) -> bool {
        let from = due_at - TOLERANCE.min(self.terms.visibility_timeout / 2);
        self.invocations.iter().any(|each| {
            each.started_at() >= from
                && !each.end.fails_the_batch()
                && self.others.contains_key(&each.request_id)
                // How many messages that was handed is known, and that lines report all.
                && !self.handed.iter().any(|handed| handed.request_id == each.request_id)
        })
    }
}

/// Whether a good job was done at two receives, one behind the other, and nothing else is known of it.
fn is_done_at_two_receives(job: &MessageAccount) -> bool {
    let [first, second] = job.attempts.as_slice() else { return false };
    let is_whole = job.dead_lettered.is_none() && job.silent.is_empty() && job.copies.is_empty();
    is_whole
        && first.says_succeeded()
        && second.says_succeeded()
        && (first.receive_count, second.receive_count) == (1, 2)
        && first.line.message_id == second.line.message_id
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::{account, invocation};
    use super::super::message::tests::{found, job};
    use super::super::{Counted, Invocation, Isolation, Line, QueueCounts, Submitted};
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
            attempt.fate = Fate::Left;
        }
        account.tell_fates();
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
    fn a_worker_that_starts_slowly_does_not_shorten_the_visibility_timeout() {
        let shortens = |receives: &[(u64, u32)]| {
            let failed = |(at, count): &(u64, u32)| line(*at, *count, Outcome::Failed, "b");
            let poison =
                Submitted { lines: receives.iter().map(failed).collect(), ..job("p", true) };
            account(vec![poison], Vec::new()).shortens_visibility()
        };
        assert!(shortens(&[(0, 1), (5, 2)]) && shortens(&[(0, 1), (60, 2), (65, 3)]));
        assert!(!shortens(&[(9, 1), (60, 2), (120, 3)]));
    }

    #[test]
    fn one_of_several_that_came_again_may_be_one_of_which_the_delete_was_lost() {
        let fates = |again: usize, of: usize| {
            let failed = |at, count, request| line(at, count, Outcome::Failed, request);
            let poison = Submitted {
                lines: vec![failed(0, 1, "b1"), failed(60, 2, "b2"), failed(120, 3, "b3")],
                found: vec![found("m-p")],
                ..job("p", true)
            };
            let lines = |at: usize| {
                let twice = [line(0, 1, DONE, "b1"), line(60, 2, DONE, "b2")];
                twice[..if at < again { 2 } else { 1 }].to_vec()
            };
            let good =
                (0..of).map(|at| Submitted { lines: lines(at), ..job(&format!("g{at}"), false) });
            let ends = [(0, "b1"), (60, "b2"), (120, "b3")];
            let ends = ends.map(|(at, id)| invocation(at, id, ERROR)).into();
            let account = counted([vec![poison], good.collect()].concat(), ends, Some(0));
            (account.messages[1].attempts[0].fate, account.isolation())
        };
        let job_id = "g0".to_owned();
        assert_eq!(fates(1, 3), (Fate::Deleted, Isolation::Redelivered { job_id }));
        // Two of them, all, or one alone were left by the worker.
        for (again, of) in [(2, 3), (3, 3), (1, 1)] {
            let (fate, isolation) = fates(again, of);
            assert!(fate == Fate::Left && is_broken(&isolation), "{again} of {of}");
        }
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
    fn one_of_which_others_messages_alone_are_told_leaves_it_open() {
        let fate = |beside: Option<u32>, others: &[&str]| {
            let failed = |at, count, request| line(at, count, Outcome::Failed, request);
            let poison = Submitted {
                lines: vec![failed(0, 1, "b1"), failed(60, 2, "b2"), failed(120, 3, "b3")],
                found: vec![found("m-p")],
                ..job("p", true)
            };
            let of_batch = |size| Line { batch_size: Some(size), ..line(61, 1, DONE, "x") };
            let last =
                Submitted { lines: beside.map(of_batch).into_iter().collect(), ..job("h", false) };
            let ends = [(0, "b1", ERROR), (60, "b2", ERROR), (61, "x", InvocationEnd::Success)];
            let ends = ends.into_iter().chain([(120, "b3", ERROR)]);
            let ends = ends.map(|(at, id, end)| invocation(at, id, end)).collect();
            let jobs = vec![poison, good(vec![line(0, 1, DONE, "b1")]), last];
            let account = counted(jobs, ends, Some(0));
            let others = others.iter().map(|id| ((*id).to_owned(), 1)).collect();
            account.with_others(others).messages[1].attempts[0].fate
        };
        assert_eq!(fate(None, &["x"]), Fate::Unclear);
        assert_eq!(fate(None, &[]), Fate::Left);
        assert_eq!(fate(None, &["y"]), Fate::Left);
        // Lines report all that it was handed, or of one less.
        assert_eq!(fate(Some(2), &["x"]), Fate::Deleted);
        assert_eq!(fate(Some(3), &["x"]), Fate::Left);
    }

    #[test]
    fn what_the_queue_holds_may_be_of_others_who_were_seen_to_send() {
        let fate = |surplus, others: bool, lines| {
            let ends = vec![invocation(0, "b1", ERROR), invocation(100, "y", ERROR)];
            let others = others.then(|| ("z".to_owned(), 1)).into_iter().collect();
            let account = counted(vec![good(lines)], ends, surplus).with_others(others);
            account.messages[0].attempts[0].fate
        };
        let once = || vec![line(0, 1, DONE, "b1")];
        assert_eq!(fate(Some(1), true, once()), Fate::Unclear);
        assert_eq!(fate(Some(1), false, once()), Fate::Left);
        assert_eq!(fate(None, true, once()), Fate::Left);
        let again = vec![line(0, 1, DONE, "b1"), line(60, 2, DONE, "b2")];
        assert_eq!(fate(Some(1), true, again), Fate::Left);
    }

    #[test]
    fn where_one_is_unclear_one_that_was_not_due_is_not_taken_to_be_left() {
        let fate = |others: bool| {
            let ends = vec![
                invocation(0, "b1", ERROR),
                invocation(50, "b2", ERROR),
                invocation(61, "x", InvocationEnd::Success),
            ];
            let second = Submitted { lines: vec![line(50, 1, DONE, "b2")], ..job("h", false) };
            let jobs = vec![good(vec![line(0, 1, DONE, "b1")]), second];
            let account = counted(jobs, ends, Some(0));
            let others = others.then(|| ("x".to_owned(), 1));
            account.with_others(others.into_iter().collect()).messages[1].attempts[0].fate
        };
        assert_eq!([true, false].map(fate), [Fate::Unclear, Fate::Left]);
    }

    #[test]
    fn where_a_receive_of_the_failing_job_ended_well_nothing_is_known() {
        let fate = |ends: [InvocationEnd; 3], at, count, request: &str| {
            let failed = |at, count, request| line(at, count, Outcome::Failed, request);
            let poison = Submitted {
                lines: vec![failed(0, 1, "b1"), failed(60, 2, "b2"), failed(120, 3, "b3")],
                found: vec![found("m-p")],
                ..job("p", true)
            };
            let ends = [(0, "b1"), (60, "b2"), (120, "b3")].into_iter().zip(ends);
            let ends = ends.map(|((at, id), end)| invocation(at, id, end)).collect();
            let good = good(vec![line(at, count, DONE, request)]);
            counted(vec![poison, good], ends, Some(0)).messages[1].attempts[0].fate
        };
        let well = InvocationEnd::Success;
        assert_eq!(fate([ERROR, ERROR, ERROR], 0, 1, "b1"), Fate::Deleted);
        assert_eq!(fate([ERROR, ERROR, well], 0, 1, "b1"), Fate::Unclear);
        assert_eq!(fate([ERROR, well, well], 0, 1, "b1"), Fate::Unclear);
        assert_eq!(fate([ERROR, ERROR, ERROR], 30, 1, "b2"), Fate::Deleted);
        // It came to the worker later, and has receives left.
        assert_eq!(fate([ERROR, ERROR, ERROR], 60, 1, "b2"), Fate::Left);
        assert_eq!(fate([well, ERROR, well], 60, 1, "b2"), Fate::Left);
    }

    #[test]
    fn what_the_queue_held_before_it_was_due_again_tells() {
        let fate = |at: u64, held: Option<u64>, end| {
            let poison = Submitted {
                lines: vec![
                    line(0, 1, Outcome::Failed, "b1"),
                    line(60, 2, Outcome::Failed, "b2"),
                    line(120, 3, Outcome::Failed, "b3"),
                ],
                found: vec![found("m-p")],
                ..job("p", true)
            };
            let ends = [(0, "b1", ERROR), (60, "b2", end), (120, "b3", end)];
            let ends = ends.map(|(at, id, end)| invocation(at, id, end)).into();
            let mut account = account(vec![poison, good(vec![line(0, 1, DONE, "b1")])], ends);
            account.counted = held
                .map(|total| Counted {
                    at: Timestamp::from_millis(1_000_000 + at * 1000),
                    counts: QueueCounts { in_flight: total, ..QueueCounts::default() },
                    before_return: Some(1),
                })
                .into_iter()
                .collect();
            account.messages[1].attempts[0].fate = Fate::Left;
            account.tell_fates();
            account.messages[1].attempts[0].fate
        };
        let well = InvocationEnd::Success;
        assert_eq!(fate(55, None, well), Fate::Unclear);
        assert_eq!(fate(55, Some(1), well), Fate::Deleted);
        assert_eq!(fate(55, Some(2), well), Fate::Left);
        // What was counted when it may have come again already tells nothing.
        assert_eq!(fate(115, Some(1), well), Fate::Unclear);
        assert_eq!(fate(115, Some(2), well), Fate::Unclear);
    }

    #[test]
    fn one_that_may_have_come_again_at_once_is_not_taken_to_be_deleted() {
        let fate = |failed_at: [u64; 3], silent: &[u64]| {
            let lines = failed_at.iter().zip([(1, "b1"), (2, "b2"), (3, "b3")]);
            let lines = lines.map(|(at, (count, id))| line(*at, count, Outcome::Failed, id));
            let poison =
                Submitted { lines: lines.collect(), found: vec![found("m-p")], ..job("p", true) };
            let mut ends: Vec<Invocation> = failed_at
                .iter()
                .zip(["b1", "b2", "b3"])
                .map(|(at, id)| invocation(*at, id, ERROR))
                .collect();
            ends.extend(silent.iter().map(|at| invocation(*at, "s", InvocationEnd::Success)));
            let mut account = account(vec![poison, good(vec![line(0, 1, DONE, "b1")])], ends);
            account.counted = vec![Counted {
                at: Timestamp::from_millis(1_055_000),
                counts: QueueCounts { in_flight: 1, ..QueueCounts::default() },
                before_return: Some(1),
            }];
            account.messages[1].attempts[0].fate = Fate::Left;
            account.tell_fates();
            account.messages[1].attempts[0].fate
        };
        assert_eq!(fate([0, 60, 120], &[]), Fate::Deleted);
        // Something was handed to the worker, of which it wrote nothing.
        assert_eq!(fate([0, 60, 120], &[5]), Fate::Unclear);
        // It makes messages visible at once.
        assert_eq!(fate([0, 1, 120], &[]), Fate::Unclear);
    }

    #[test]
    fn what_the_worker_did_to_one_it_did_to_the_others() {
        let both = |lines| {
            let failed = |at, count, request| line(at, count, Outcome::Failed, request);
            let poison = Submitted {
                lines: vec![failed(0, 1, "b1"), failed(60, 2, "b2"), failed(120, 3, "b3")],
                found: vec![found("m-p")],
                ..job("p", true)
            };
            let last = good(vec![line(120, 1, DONE, "b3")]);
            let other = Submitted { job_id: "h".to_owned(), ..good(lines) };
            let ends =
                [(0, "b1"), (60, "b2"), (120, "b3")].map(|(at, id)| invocation(at, id, ERROR));
            let account = counted(vec![poison, last, other], ends.into(), Some(0));
            account.messages[1].attempts[0].fate
        };
        assert_eq!(both(vec![line(0, 1, DONE, "b1")]), Fate::Deleted);
        assert_eq!(both(vec![line(0, 1, DONE, "b1"), line(60, 2, DONE, "b2")]), Fate::Left);
        assert_eq!(both(Vec::new()), Fate::Left);
    }

    #[test]
    fn failing_jobs_that_are_still_retried_are_what_the_queue_holds() {
        let fate = |surplus, is_pending: bool| {
            let found = if is_pending { Vec::new() } else { vec![found("m-p")] };
            let lines = vec![line(0, 1, Outcome::Failed, "b1")];
            let poison = Submitted { lines, found, ..job("p", true) };
            let good = good(vec![line(0, 1, DONE, "b1")]);
            let ends = vec![invocation(0, "b1", ERROR), invocation(100, "y", ERROR)];
            counted(vec![poison, good], ends, Some(surplus)).messages[1].attempts[0].fate
        };
        assert_eq!(fate(1, true), Fate::Unclear);
        assert_eq!(fate(2, true), Fate::Left);
        assert_eq!(fate(1, false), Fate::Left);
    }

    #[test]
    fn while_the_queue_holds_more_than_before_or_was_not_counted_it_is_left() {
        let fate = |surplus| {
            let ends = vec![invocation(0, "b1", ERROR), invocation(100, "y", ERROR)];
            let account = counted(vec![good(vec![line(0, 1, DONE, "b1")])], ends, surplus);
            account.messages[0].attempts[0].fate
        };
        assert_eq!([Some(0), Some(1), None].map(fate), [Fate::Unclear, Fate::Left, Fate::Left]);
    }
}
