//! Whose the messages are that were handed out and not written of.

use std::collections::BTreeSet;

use verifier_model::time::Timestamp;

use super::attempt::TOLERANCE;
use super::isolation::has_met;
use super::{Account, Attempt, Breach, Expectation, Invocation, InvocationEnd};

/// When something was handed to the worker of which it wrote nothing.
struct Unwritten<'a> {
    at: Timestamp,
    request_id: &'a str,
    messages: u64,
    what: String,
}

/// The good jobs that were due when something was handed out and not written of.
struct Due {
    breaches: Vec<Breach>,
    /// Whether the queue's counts leave it open that they were there: it was counted, but not when it would tell.
    is_open: bool,
}

/// Whose the messages may be that were handed out and not written of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Good jobs of the run that came again: each was handed out when such a job was due.
    Returned {
        /// Those that had shared a batch with the failing one.
        shared: Vec<Breach>,
        /// The others.
        apart: Vec<Breach>,
        /// How many messages nothing was written of. SQS may hand one out again, whose delete it lost.
        messages: u64,
    },
    /// Jobs of the run that were handed out once more within their visibility timeout, as SQS may do now and then: no good job was in
    /// the queue any more that could have come again later. Or else those of one of the next two.
    DeliveredAgain {
        /// Whether each was handed out when a refused body may have come, too.
        or_of_the_run: bool,
    },
    /// Those, or bodies that were refused: each was handed out when one of either may have come.
    OfTheRun,
    /// Somebody else's: one was handed out at another time.
    Others,
}

impl Account {
    /// Whose the messages are of which nothing was written. `silent` are the invocations without a line. `refused` says from when
    /// until when refused bodies may have come to the worker first, if they were enqueued, whenever they were posted.
    ///
    /// A worker that fails its batch and remembers what it did leaves no other trace: what comes again does so when jobs are due.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
    pub fn whose(&self, silent: &[Invocation], refused: &[(Timestamp, Timestamp)]) -> Whose {
        let gaps = self.unwritten();
        let gaps = gaps.iter().map(|gap| Unwritten {
            at: gap.at,
            request_id: &gap.request_id,
            messages: gap.messages().into(),
            what: format!("was handed {} messages and wrote of {}", gap.handed, gap.written),
        });
        let silent = silent.iter().map(|each| Unwritten {
            at: each.started_at(),
            request_id: &each.request_id,
            messages: 1,
            what: "wrote of no message".to_owned(),
        });
        let all: Vec<Unwritten<'_>> = gaps.chain(silent).collect();
        let poisoned = self.poisoned();
        // A short timeout passes by chance.
        let tells = self.terms.visibility_timeout >= TOLERANCE * 4 && !self.is_any_delivered_twice;
        let of_each: Vec<Due> = all.iter().map(|unwritten| self.due_at(unwritten)).collect();
        if of_each.iter().all(|due| due.breaches.is_empty() && !due.is_open)
            && self.may_be_delivered_again(&all)
        {
            let or_of_the_run = all.iter().all(|each| self.may_be_refused(each.at, refused));
            return Whose::DeliveredAgain { or_of_the_run };
        }
        if tells && of_each.iter().all(|due| !due.breaches.is_empty()) {
            let mut seen = BTreeSet::new();
            let mut breaches: Vec<Breach> =
                of_each.into_iter().flat_map(|due| due.breaches).collect();
            breaches.retain(|breach| seen.insert(breach.job_id.clone()));
            let is_shared = |breach: &Breach| {
                let mut jobs = self.that(Expectation::Succeeds);
                jobs.any(|job| job.job_id == breach.job_id && has_met(job, &poisoned))
            };
            let (shared, apart) = breaches.into_iter().partition(is_shared);
            let messages = all.iter().map(|each| each.messages).sum();
            return Whose::Returned { shared, apart, messages };
        }
        let is_of_run = |(each, due): (&Unwritten<'_>, &Due)| {
            !due.breaches.is_empty() || due.is_open || self.may_be_refused(each.at, refused)
        };
        if all.iter().zip(&of_each).all(is_of_run) { Whose::OfTheRun } else { Whose::Others }
    }

    /// Whether a refused body may be handed out then: when it came first, or when it was due again.
    fn may_be_refused(&self, at: Timestamp, refused: &[(Timestamp, Timestamp)]) -> bool {
        let counts = 0..self.terms.max_receive_count;
        let mut dues = counts.flat_map(|times| refused.iter().map(move |within| (times, within)));
        dues.any(|(times, (from, until))| {
            let later = self.terms.visibility_timeout.saturating_mul(times);
            *from + later <= at + TOLERANCE && at <= *until + later + TOLERANCE
        })
    }

    /// Whether SQS may have delivered jobs of the run once more, which a worker that remembers them does not write of: as many as
    /// were not written of had been handed out within the visibility timeout. Only the queue's counts tell that none came again.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>.
    fn may_be_delivered_again(&self, all: &[Unwritten<'_>]) -> bool {
        // What an invocation that failed was handed comes again because of that, sooner where the worker asks for it.
        let has_failed = |each: &Unwritten<'_>| {
            let done = self.that(Expectation::Succeeds).flat_map(|job| &job.attempts);
            let mut done = done.filter(|attempt| attempt.line.at <= each.at + TOLERANCE);
            done.any(|attempt| attempt.end.is_some_and(InvocationEnd::fails_the_batch))
        };
        if all.iter().any(has_failed) || self.shortens_visibility() || self.is_again_and_again(all)
        {
            return false;
        }
        let handed_before = |each: &Unwritten<'_>| {
            let is_before = |attempt: &Attempt| {
                let at = attempt.line.at;
                at <= each.at + TOLERANCE && each.at.since(at) < self.terms.visibility_timeout
            };
            let messages = self.messages.iter();
            messages.filter(|message| message.attempts.iter().any(is_before)).count() as u64
        };
        self.is_counted() && all.iter().all(|each| each.messages <= handed_before(each))
    }

    /// Whether it happened in several visibility periods, which is not by chance: more messages of the jobs may be on the queue.
    fn is_again_and_again(&self, all: &[Unwritten<'_>]) -> bool {
        let first = all.iter().map(|each| each.at).min();
        let last = all.iter().map(|each| each.at).max();
        let (Some(first), Some(last)) = (first, last) else { return false };
        last.since(first) >= self.terms.visibility_timeout / 2
    }

    /// The good jobs that were due again then: one or more visibility timeouts after they were handed out, where the queue's counts
    /// do not tell that they were gone by then.
    fn due_at(&self, unwritten: &Unwritten<'_>) -> Due {
        let mut due = Due { breaches: Vec::new(), is_open: false };
        for job in self.that(Expectation::Succeeds) {
            let Some((first, handed_at)) = self.handed_and_due(&job.attempts, unwritten.at) else {
                continue;
            };
            let last_visible_at = unwritten.at - self.terms.visibility_timeout;
            match self.held_between(handed_at.max(last_visible_at), unwritten.at) {
                Some(false) => continue,
                None if self.is_counted() => {
                    due.is_open = true;
                    continue;
                }
                _ => {}
            }
            due.breaches.push(Breach {
                job_id: job.job_id.clone(),
                why: format!(
                    "it was handed to invocation {first}, and when it was due again, invocation {} {}",
                    unwritten.request_id, unwritten.what
                ),
                came_again: false,
                inferred: true,
            });
        }
        due
    }

    /// The invocation that was handed a job, and when, where the job is due again at a time since.
    fn handed_and_due<'a>(
        &self,
        attempts: &'a [Attempt],
        at: Timestamp,
    ) -> Option<(&'a str, Timestamp)> {
        attempts.iter().find_map(|attempt| {
            let request_id = attempt.line.request_id.as_deref()?;
            let mut dues = (1..self.terms.max_receive_count)
                .map(|times| attempt.line.at + self.terms.visibility_timeout.saturating_mul(times));
            let is_due = dues.any(|due| at.since(due).max(due.since(at)) <= TOLERANCE);
            is_due.then_some((request_id, attempt.line.at))
        })
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::{account, invocation};
    use super::super::message::tests::{found, job};
    use super::super::{Counted, Line, QueueCounts, Submitted};
    use super::*;

    /// Who returned, where the good job was in the failing job's first batch and so many messages more than lines were handed out.
    fn returned(gap: Option<(u64, &str)>, silent: &[u64]) -> usize {
        counted(gap, silent, &[])
    }

    /// The same where the jobs queue was counted at those seconds, and held so many messages.
    fn counted(gap: Option<(u64, &str)>, silent: &[u64], counts: &[(u64, u64)]) -> usize {
        let sized = |batch_size, line: Line| Line { batch_size: Some(batch_size), ..line };
        let failed = |at, count, request: &str| {
            let more = gap.is_some_and(|(_, of)| of == request);
            sized(1 + u32::from(more), line(at, count, Outcome::Failed, request))
        };
        let mut poison = vec![failed(0, 1, "b1"), failed(60, 2, "b2"), failed(120, 3, "b3")];
        poison[0].batch_size = Some(2);
        let good = sized(2, line(0, 1, Outcome::Succeeded, "b1"));
        let mut jobs = vec![
            Submitted { lines: poison, found: vec![found("m-p")], ..job("p", true) },
            Submitted { lines: vec![good], ..job("g", false) },
        ];
        if let Some((at, of)) = gap.filter(|(_, of)| !of.starts_with('b')) {
            let other = sized(2, line(at, 1, Outcome::Succeeded, of));
            jobs.push(Submitted { lines: vec![other], ..job("h", false) });
        }
        let silent: Vec<Invocation> =
            silent.iter().map(|at| invocation(*at, "s", InvocationEnd::Success)).collect();
        let mut account = account(jobs, Vec::new());
        account.counted = counts
            .iter()
            .map(|(at, total)| Counted {
                at: Timestamp::from_millis(1_000_000 + at * 1000),
                counts: QueueCounts { in_flight: *total, ..QueueCounts::default() },
                before_return: Some(1),
            })
            .collect();
        match account.whose(&silent, REFUSED) {
            Whose::Returned { shared, apart, .. } => shared.len() + 100 * apart.len(),
            Whose::DeliveredAgain { or_of_the_run } => 5 + usize::from(or_of_the_run),
            Whose::OfTheRun => 10,
            Whose::Others => 20,
        }
    }

    const REFUSED: &[(Timestamp, Timestamp)] =
        &[(Timestamp::from_millis(999_000), Timestamp::from_millis(1_004_000))];

    #[test]
    fn what_is_unwritten_when_a_job_of_the_failing_ones_batch_is_due_is_that_job() {
        assert_eq!(returned(Some((60, "b2")), &[]), 1);
        assert_eq!(returned(None, &[60]), 1);
        assert_eq!(returned(None, &[120]), 1);
        assert_eq!(returned(Some((60, "b2")), &[61]), 1);
        // So is one that had been apart from it.
        assert_eq!(returned(Some((20, "x")), &[20 + 60]), 20);
        assert_eq!(returned(None, &[60, 61]), 1);
    }

    #[test]
    fn what_is_unwritten_when_refused_bodies_may_have_come_may_be_those() {
        assert_eq!(returned(None, &[3]), 10);
        assert_eq!(returned(None, &[3, 60]), 10);
        assert_eq!(returned(Some((2, "x")), &[]), 10);
    }

    #[test]
    fn what_is_unwritten_at_another_time_is_of_others() {
        assert_eq!(returned(None, &[30]), 20);
        assert_eq!(returned(None, &[60, 90]), 20);
        assert_eq!(returned(Some((20, "x")), &[60]), 20);
    }

    #[test]
    fn what_the_queue_held_tells_a_job_that_came_again_from_one_that_was_delivered_again() {
        assert_eq!(counted(Some((60, "b2")), &[], &[(55, 2)]), 1);
        assert_eq!(counted(Some((60, "b2")), &[], &[(55, 1)]), 6);
        assert_eq!(counted(None, &[30], &[(25, 1)]), 5);
        // Nothing was counted while it would have waited.
        assert_eq!(counted(Some((120, "b3")), &[], &[(55, 1)]), 10);
        // At that time nothing had been handed out for a while.
        assert_eq!(counted(None, &[200], &[(195, 0)]), 20);
    }
}
