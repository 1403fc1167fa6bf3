//! Successes of which lines do not tell which message they are of, or at which receive.
//!
//! SQS may deliver a message more than once, and then it is the same message. A line that names neither the message nor its
//! receive leaves open whether that was so: the job may have been put on the queue twice, or its message made visible again.

use std::collections::BTreeSet;

use super::attempt::TOLERANCE;
use super::uncounted::SHORT;
use super::{Account, Attempt, Expectation, MessageAccount};

/// What lines leave open of a good job that they say is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unexplained {
    /// It succeeded several times, and no line tells that it was one message: two may have been on the queue.
    SeveralMessages,
    /// It succeeded several times, and no line tells at which receives: the worker may have handed it back.
    SeveralReceives,
    /// It succeeded a visibility timeout after it was submitted, no line tells at which receive, and something that it may have been
    /// handed to had run before.
    LaterReceive,
    /// A batch held its message several times, by its size, and lines tell that it was done as often: SQS handed it out several times.
    SeveralDeliveries {
        /// How many lines say so.
        lines: u32,
    },
    /// One moment has several lines of one receive, of few jobs: CloudWatch Logs stored the line several times, or it was done several
    /// times at once.
    SeveralLines {
        /// At which receive.
        receive_count: u32,
        /// How many lines say so.
        lines: u32,
    },
    /// Several lines of one receive say that it succeeded, where the worker writes fewer of each failing job: it was done several
    /// times, or its line was written several times.
    SeveralTimes {
        /// At which receive.
        receive_count: u32,
        /// How many lines say so.
        lines: u32,
        /// How many lines the worker writes of a failing job's receive, at least.
        of_failing: u32,
    },
}

impl Account {
    /// What lines leave open of a good job that they say is done; `None` where nothing is.
    ///
    /// Sources: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
    /// and <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>.
    pub fn unexplained(&self, job: &MessageAccount) -> Option<Unexplained> {
        if job.expectation != Expectation::Succeeds {
            return None;
        }
        let done: Vec<&Attempt> =
            job.attempts.iter().filter(|each| each.says_succeeded()).collect();
        let is_repeated = done.len() > job.requests as usize;
        if is_repeated && done.iter().any(|each| each.line.message_id.is_none()) {
            return Some(Unexplained::SeveralMessages);
        }
        if is_repeated && done.iter().any(|each| each.line.receive_count.is_none()) {
            return Some(Unexplained::SeveralReceives);
        }
        if done.iter().any(|each| self.may_be_several(job, each)) {
            return Some(Unexplained::SeveralMessages);
        }
        if self.may_be_later(job) {
            return Some(Unexplained::LaterReceive);
        }
        done.iter().find_map(|each| self.may_be_several_times(job, each))
    }

    /// What lines of one delivery leave open of how often the job was done in it: there are more of them than of each delivery of a
    /// failing job, and than requests that may have made a message each; or they are apart. Where there are no more lines of its batch
    /// than messages in that, each line is of one: SQS handed it out twice there.
    fn may_be_several_times(&self, job: &MessageAccount, done: &Attempt) -> Option<Unexplained> {
        let (receive_count, lines) = (done.receive_count, done.lines);
        let of_failing = self.lines_of_each();
        let of_requests = if done.line.message_id.is_some() { 1 } else { job.requests.max(1) };
        let is_more = lines > of_failing.saturating_mul(of_requests);
        if is_more && self.has_a_message_for_each_line(done) {
            return Some(Unexplained::SeveralDeliveries { lines });
        }
        if !done.is_done_again() && is_more && self.are_lines_doubled() {
            return Some(Unexplained::SeveralLines { receive_count, lines });
        }
        (done.is_done_again() || is_more).then_some(Unexplained::SeveralTimes {
            receive_count,
            lines,
            of_failing,
        })
    }

    /// Whether an invocation was handed as many messages as lines tell of, or more.
    fn has_a_message_for_each_line(&self, of: &Attempt) -> bool {
        let mut handed = self.handed.iter();
        let handed = handed.find(|each| Some(&each.request_id) == of.line.request_id.as_ref());
        handed.is_some_and(|each| {
            let others = self.others.get(&each.request_id).copied().unwrap_or_default();
            each.written.saturating_add(others) <= each.handed
        })
    }

    /// Whether a good job was done more than once in one receive: lines that are apart say so, and more of them than the worker
    /// writes of each failing job's receive. Where its batch held a message for each line, SQS handed the job out several times there:
    /// a slow worker comes to the second much later.
    pub fn is_done_again(&self, done: &Attempt) -> bool {
        done.is_done_again()
            && done.lines > self.lines_of_each()
            && !self.has_a_message_for_each_line(done)
    }

    /// Whether the lines of one delivery may be of several messages of the job in one batch.
    ///
    /// A line is there twice where the worker logs twice, or the log stores it twice. The first shows by the failing job, of which
    /// one message was on the queue; both show where the invocation was handed no more messages than jobs are named.
    fn may_be_several(&self, job: &MessageAccount, done: &Attempt) -> bool {
        let own = done.lines > job.requests && done.line.message_id.is_none();
        own && done.lines > self.lines_of_each() && !self.is_full_by_jobs(done)
    }

    /// Whether lines are there twice here and there, which is the log's doing and not the worker's: of some deliveries of failing jobs
    /// there are more than of others, or of few good jobs alone.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>, which a client may send
    /// again that got no answer.
    fn are_lines_doubled(&self) -> bool {
        let usual = self.lines_of_each();
        let failing = self.that(Expectation::Fails).flat_map(|each| &each.attempts);
        let is_doubled = |attempt: &Attempt| attempt.lines > usual && !attempt.is_done_again();
        let good: Vec<bool> = (self.that(Expectation::Succeeds))
            .map(|job| job.attempts.iter().any(|each| each.says_succeeded() && is_doubled(each)))
            .collect();
        let doubled = good.iter().filter(|is_doubled| **is_doubled).count();
        failing.into_iter().any(is_doubled) || doubled * 2 < good.len()
    }

    /// How many lines the worker writes of each delivery, by those of the failing job. A line is there twice where several handlers
    /// write it, or where CloudWatch Logs stores it twice.
    fn lines_of_each(&self) -> u32 {
        let failing = self.that(Expectation::Fails);
        let one = failing.filter(|each| each.dead_lettered.is_some() && each.copies.is_empty());
        one.flat_map(|each| &each.attempts).map(|each| each.lines).min().unwrap_or(1)
    }

    /// Whether an invocation was handed no more messages than there are jobs that its lines name.
    fn is_full_by_jobs(&self, of: &Attempt) -> bool {
        let (Some(request), Some(size)) = (of.line.request_id.as_deref(), of.line.batch_size)
        else {
            return false;
        };
        let is_named = |each: &&MessageAccount| each.requests().any(|own| own == request);
        let jobs = self.messages.iter().filter(is_named).count() as u64;
        let others = self.others.get(request).copied().unwrap_or_default();
        jobs + u64::from(others) >= u64::from(size)
    }

    /// Whether the first success may be of a later receive than the first: no line tells which, it came a visibility timeout or
    /// more after the job was submitted, and the worker had been handed something before that.
    pub(super) fn may_be_later(&self, job: &MessageAccount) -> bool {
        let timeout = self.terms.visibility_timeout;
        let Some(first) = job.attempts.first().filter(|_| job.silent.is_empty()) else {
            return false;
        };
        let tolerance = TOLERANCE.min(timeout / 8);
        let visible_at = job.submitted_at + self.terms.delay;
        // A short timeout passes by chance.
        if first.line.receive_count.is_some()
            || timeout < SHORT
            || first.line.at + tolerance < visible_at + timeout
        {
            return false;
        }
        let latest = first.line.at + tolerance - timeout;
        let own: BTreeSet<&str> = job.requests().collect();
        let may_have_had = |id: &str| !own.contains(id) && !self.is_full(id);
        let mut invocations = self.invocations.iter();
        let mut lines = self.messages.iter().flat_map(|each| &each.attempts).map(|each| &each.line);
        let within = |at| visible_at <= at + TOLERANCE && at <= latest;
        invocations.any(|each| within(each.started_at()) && may_have_had(&each.request_id))
            || lines
                .any(|line| within(line.at) && line.request_id.as_deref().is_none_or(may_have_had))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::{account, account_of, invocation};
    use super::super::message::tests::{TERMS, found, job};
    use super::super::{InvocationEnd, Line, Submitted, Terms};
    use super::*;

    fn done(seconds: u64, request: &str) -> Line {
        line(seconds, 1, Outcome::Succeeded, request)
    }

    fn named(line: Line) -> Line {
        Line { message_id: Some("m-g".to_owned()), ..line }
    }

    fn uncounted(line: Line) -> Line {
        Line { receive_count: None, ..line }
    }

    fn of_batch(batch_size: u32, line: Line) -> Line {
        Line { batch_size: Some(batch_size), ..line }
    }

    fn good(lines: Vec<Line>) -> Submitted {
        Submitted { lines, ..job("g", false) }
    }

    fn of(jobs: Vec<Submitted>) -> Option<Unexplained> {
        let account = account(jobs, Vec::new());
        account.unexplained(&account.messages[0])
    }

    #[test]
    fn two_successes_are_of_one_message_only_where_lines_say_so() {
        let twice = vec![done(0, "a"), done(3, "b")];
        assert_eq!(of(vec![good(twice.clone())]), Some(Unexplained::SeveralMessages));
        let named = twice.iter().cloned().map(named).collect::<Vec<_>>();
        assert_eq!(of(vec![good(named.clone())]), None);
        let uncounted = named.into_iter().map(uncounted).collect();
        assert_eq!(of(vec![good(uncounted)]), Some(Unexplained::SeveralReceives));
        // The verifier itself made two.
        assert_eq!(of(vec![Submitted { requests: 2, ..good(twice) }]), None);
        assert_eq!(of(vec![good(vec![done(0, "a")])]), None);
    }

    #[test]
    fn two_lines_in_a_batch_may_be_of_two_messages_unless_it_was_handed_no_more_or_all_are_doubled()
    {
        let beside = || Submitted { lines: vec![done(0, "a")], ..job("h", false) };
        let twice = |line: Line| good(vec![line.clone(), line]);
        let may_be = Some(Unexplained::SeveralMessages);
        assert_eq!(of(vec![twice(done(0, "a")), beside()]), may_be);
        assert_eq!(of(vec![twice(of_batch(3, done(0, "a"))), beside()]), may_be);
        let messages = |jobs| of(jobs).filter(|found| *found == Unexplained::SeveralMessages);
        assert_eq!(messages(vec![twice(of_batch(2, done(0, "a"))), beside()]), None);
        assert_eq!(messages(vec![twice(named(done(0, "a")))]), None);
        let failing = |lines| Submitted {
            lines: vec![line(0, 1, Outcome::Failed, "p"); lines],
            found: vec![found("m-p")],
            ..job("p", true)
        };
        assert_eq!(of(vec![twice(done(0, "a")), failing(2)]), None);
        assert_eq!(of(vec![twice(done(0, "a")), failing(1)]), may_be);
    }

    #[test]
    fn more_lines_of_a_receive_than_the_worker_writes_of_a_failing_job_leave_open_how_often_it_was_done()
     {
        let twice = |line: Line| good(vec![line.clone(), line]);
        let failing = |lines| Submitted {
            lines: vec![line(0, 1, Outcome::Failed, "p"); lines],
            found: vec![found("m-p")],
            ..job("p", true)
        };
        let open = Some(Unexplained::SeveralTimes { receive_count: 1, lines: 2, of_failing: 1 });
        assert_eq!(of(vec![twice(named(done(0, "a"))), failing(1)]), open);
        assert_eq!(of(vec![twice(of_batch(1, done(0, "a"))), failing(1)]), open);
        // Two messages were in its batch: SQS handed it out twice.
        let again = Some(Unexplained::SeveralDeliveries { lines: 2 });
        assert_eq!(of(vec![twice(named(of_batch(2, done(0, "a")))), failing(1)]), again);
        // The worker writes every line twice, or this one once; or two messages were submitted.
        assert_eq!(of(vec![twice(named(done(0, "a"))), failing(2)]), None);
        assert_eq!(of(vec![good(vec![named(done(0, "a"))]), failing(1)]), None);
        let resent = Submitted { requests: 2, ..twice(of_batch(2, done(0, "a"))) };
        assert_eq!(of(vec![resent, failing(1)]), None);
    }

    #[test]
    fn lines_that_are_there_twice_here_and_there_are_the_logs_doing() {
        let failing = |lines: &[usize]| Submitted {
            lines: (lines.iter().zip(1..))
                .flat_map(|(lines, count)| {
                    vec![
                        line(u64::from(count) * 60, count, Outcome::Failed, &format!("p{count}"));
                        *lines
                    ]
                })
                .collect(),
            found: vec![found("m-p")],
            ..job("p", true)
        };
        let twice = |id: &str| Submitted {
            job_id: id.to_owned(),
            ..good(vec![named(done(0, id)), named(done(0, id))])
        };
        let once = |id: &str| Submitted { job_id: id.to_owned(), ..good(vec![named(done(0, id))]) };
        let is_of_log = |jobs: Vec<Submitted>| {
            matches!(of(jobs), Some(Unexplained::SeveralLines { receive_count: 1, lines: 2 }))
        };
        assert!(is_of_log(vec![twice("a"), once("b"), once("c"), failing(&[1, 1])]));
        assert!(is_of_log(vec![twice("a"), twice("b"), failing(&[1, 2])]));
        // The worker may do each good job twice at once.
        assert!(!is_of_log(vec![twice("a"), twice("b"), failing(&[1, 1])]));
    }

    #[test]
    fn a_job_whose_lines_are_apart_was_done_again_and_where_all_lines_come_twice_that_is_open() {
        let is_done_again = |of_failing| {
            let first = named(done(0, "a"));
            let again = Line { at: first.at + Duration::from_millis(200), ..first.clone() };
            let failing = Submitted {
                lines: vec![line(0, 1, Outcome::Failed, "p"); of_failing],
                found: vec![found("m-p")],
                ..job("p", true)
            };
            let account = account(vec![good(vec![first, again]), failing], Vec::new());
            let job = &account.messages[0];
            (account.is_done_again(&job.attempts[0]), account.unexplained(job).is_some())
        };
        assert_eq!([1, 2].map(is_done_again), [(true, true), (false, true)]);
    }

    #[test]
    fn a_slow_worker_comes_late_to_the_second_message_of_a_job_in_one_batch() {
        let of = |size| {
            let first = of_batch(size, named(done(0, "a")));
            let again = Line { at: first.at + Duration::from_secs(3), ..first.clone() };
            let account = account(vec![good(vec![first, again])], Vec::new());
            let job = &account.messages[0];
            (account.is_done_again(&job.attempts[0]), account.unexplained(job))
        };
        assert_eq!(of(2), (false, Some(Unexplained::SeveralDeliveries { lines: 2 })));
        assert!(of(1).0);
    }

    #[test]
    fn a_queue_that_delays_hands_messages_out_that_much_later() {
        let delayed = |at, delay, before| {
            let terms = Terms { delay: Duration::from_secs(delay), ..TERMS };
            let jobs = vec![good(vec![uncounted(done(at, "b"))])];
            let account =
                account_of(terms, jobs, vec![invocation(before, "x", InvocationEnd::Success)]);
            account.unexplained(&account.messages[0])
        };
        let may_be = Some(Unexplained::LaterReceive);
        assert_eq!(delayed(61, 0, 1), may_be);
        // Nothing of it could be received before the delay was over.
        assert_eq!(delayed(61, 60, 1), None);
        assert_eq!(delayed(115, 60, 61), None);
        assert_eq!(delayed(121, 60, 61), may_be);
    }

    #[test]
    fn one_that_is_done_a_visibility_timeout_later_may_have_been_released_unless_it_is_counted() {
        let later = |line: Line, before: Option<u64>| {
            let ended = |at| invocation(at, "x", InvocationEnd::Success);
            let account = account(vec![good(vec![line])], before.map(ended).into_iter().collect());
            account.unexplained(&account.messages[0])
        };
        let may_be = Some(Unexplained::LaterReceive);
        assert_eq!(later(uncounted(done(61, "b")), Some(1)), may_be);
        assert_eq!(later(uncounted(done(90, "b")), Some(1)), may_be);
        assert_eq!(later(done(61, "b"), Some(1)), None);
        assert_eq!(later(uncounted(done(50, "b")), Some(1)), None);
        // Nothing had run before: the queue delays its messages.
        assert_eq!(later(uncounted(done(61, "b")), None), None);
        assert_eq!(later(uncounted(done(61, "b")), Some(30)), None);
        // A line of another job tells the same.
        let beside = Submitted { lines: vec![uncounted(done(1, "c"))], ..job("h", false) };
        assert_eq!(of(vec![good(vec![uncounted(done(61, "b"))]), beside.clone()]), may_be);
        let full = Submitted { lines: vec![of_batch(1, uncounted(done(1, "c")))], ..beside };
        assert_eq!(of(vec![good(vec![uncounted(done(61, "b"))]), full]), None);
    }
}
