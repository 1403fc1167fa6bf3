//! A good job that was handed out once more when its visibility timeout had passed, although nothing had failed it.
//!
//! SQS stores a message on several servers, and one that does not answer while it is deleted may hand it out again. That happens
//! to one job of a run at most: where several come again, the worker leaves them.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>.

use super::isolation::is_in;
use super::{Account, Attempt, Expectation, MessageAccount, MessageEnd};

impl Account {
    /// The one good job of the run that was done again at the receive behind its first, in another invocation that ended well,
    /// where no other good job came again or failed.
    pub fn redelivered(&self) -> Option<&MessageAccount> {
        let mut odd = self.that(Expectation::Succeeds).filter(|job| is_odd(job));
        let job = odd.next().filter(|job| is_done_again_once(job))?;
        odd.next().is_none().then_some(job)
    }

    /// Whether that is this job.
    pub fn is_redelivered(&self, job: &MessageAccount) -> bool {
        let own = |other: &MessageAccount| {
            other.job_id == job.job_id && other.message_id == job.message_id
        };
        self.redelivered().is_some_and(own)
    }

    /// Whether a good job may have been in one batch with a failing one at its first receive: lines say so, or do not name the
    /// invocations.
    pub(super) fn may_have_met_first(&self, job: &MessageAccount) -> bool {
        let names = |attempt: &Attempt| attempt.line.request_id.is_some();
        let Some(first) = job.attempts.first().filter(|first| !first.was_alone()) else {
            return false;
        };
        let mut failing = self.that(Expectation::Fails).flat_map(|each| &each.attempts);
        !names(first) || !failing.all(names) || is_in(first, &self.poisoned())
    }
}

/// Whether a good job came again at a later receive, or failed.
fn is_odd(job: &MessageAccount) -> bool {
    job.end == MessageEnd::DoneMoreThanOnce { delivered_twice: false }
        || job.dead_lettered.is_some()
        || !job.silent.is_empty()
        || job.attempts.iter().any(Attempt::failed)
}

/// Whether a job was done twice, at two receives one behind the other, and nothing else happened to it.
fn is_done_again_once(job: &MessageAccount) -> bool {
    let [first, second] = job.attempts.as_slice() else { return false };
    let is_whole = job.dead_lettered.is_none() && job.silent.is_empty() && job.beside.is_empty();
    let is_done = |attempt: &Attempt| attempt.says_succeeded() && !attempt.failed();
    let is_another =
        first.line.request_id.is_none() || first.line.request_id != second.line.request_id;
    is_whole
        && is_done(first)
        && is_done(second)
        && is_another
        && first.receive_count == 1
        && second.receive_count == 2
        && first.line.message_id == second.line.message_id
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::{account, invocation};
    use super::super::message::tests::{found, job};
    use super::super::{
        Counted, Invocation, InvocationEnd, Isolation, Line, QueueCounts, Submitted,
    };
    use super::*;
    use verifier_model::time::Timestamp;

    const DONE: Outcome = Outcome::Succeeded;

    fn failing() -> Submitted {
        let failed = |at, count, request| line(at, count, Outcome::Failed, request);
        let lines = vec![failed(0, 1, "b1"), failed(60, 2, "b2"), failed(120, 3, "b3")];
        Submitted { lines, found: vec![found("m-p")], ..job("p", true) }
    }

    fn good(name: &str, lines: Vec<Line>) -> Submitted {
        Submitted { lines, ..job(name, false) }
    }

    fn of(jobs: Vec<Submitted>, ends: Vec<Invocation>) -> Account {
        account([vec![failing()], jobs].concat(), ends)
    }

    fn again(request: &str) -> Vec<Line> {
        vec![line(0, 1, DONE, request), line(60, 2, DONE, "x")]
    }

    #[test]
    fn one_job_that_is_done_again_a_visibility_timeout_later_is_redelivered() {
        let account =
            of(vec![good("g", again("a")), good("h", vec![line(0, 1, DONE, "a")])], vec![]);
        assert_eq!(account.redelivered().map(|job| job.job_id.as_str()), Some("g"));
        assert!(account.is_redelivered(&account.messages[1]));
        assert!(!account.is_redelivered(&account.messages[2]));
        assert_eq!(account.isolation(), Isolation::NotMet);
    }

    #[test]
    fn several_jobs_or_one_more_often_or_in_an_invocation_that_failed_are_not() {
        let is = |jobs, ends| of(jobs, ends).redelivered().is_some();
        assert!(is(vec![good("g", again("a"))], vec![]));
        assert!(!is(vec![good("g", again("a")), good("h", again("a"))], vec![]));
        let thrice = [again("a"), vec![line(120, 3, DONE, "y")]].concat();
        assert!(!is(vec![good("g", thrice)], vec![]));
        let failed = vec![line(0, 1, Outcome::Failed, "a"), line(60, 2, DONE, "x")];
        assert!(!is(vec![good("g", failed)], vec![]));
        let ends = |end| vec![invocation(0, "a", end)];
        assert!(is(vec![good("g", again("a"))], ends(InvocationEnd::Success)));
        assert!(!is(vec![good("g", again("a"))], ends(InvocationEnd::Error)));
        // Within the visibility timeout it is another delivery of the same receive.
        let soon = vec![line(0, 1, DONE, "a"), line(3, 2, DONE, "x")];
        assert!(!is(vec![good("g", soon)], vec![]));
        let dead = Submitted { found: vec![found("m-g")], ..good("g", again("a")) };
        assert!(!is(vec![dead], vec![]));
    }

    #[test]
    fn one_that_was_in_the_failing_jobs_batch_may_be_the_workers() {
        let isolation = |lines| of(vec![good("g", lines)], vec![]).isolation();
        let job_id = "g".to_owned();
        assert_eq!(isolation(again("b1")), Isolation::Redelivered { job_id: job_id.clone() });
        let unnamed = again("b1").into_iter().map(|line| Line { request_id: None, ..line });
        assert_eq!(isolation(unnamed.collect()), Isolation::Redelivered { job_id });
        assert_eq!(isolation(again("a")), Isolation::NotMet);
        // It had not met it before it came again.
        let beside = vec![line(0, 1, DONE, "a"), line(60, 2, DONE, "b2")];
        assert_eq!(isolation(beside), Isolation::DeliveredTwice { job_ids: vec!["g".to_owned()] });
    }

    #[test]
    fn while_it_waits_to_come_again_it_is_in_the_queue() {
        let kept = |second: u64| {
            let lines = vec![line(0, 1, DONE, "a"), line(second, 2, DONE, "x")];
            let mut account = of(vec![good("g", lines)], vec![]);
            account.counted = vec![Counted {
                at: Timestamp::from_millis(1_055_000),
                counts: QueueCounts { in_flight: 2, ..QueueCounts::default() },
                before_return: Some(1),
            }];
            account.kept()
        };
        assert_eq!(kept(60), None);
        // It was done by then, as a second delivery.
        assert!(kept(3).is_some());
    }
}
