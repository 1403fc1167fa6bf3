//! Good jobs that came again in silence.

use std::collections::BTreeSet;

use super::attempt::TOLERANCE;
use super::{Account, Attempt, Breach, Expectation, Invocation};
use crate::time::Timestamp;

/// When something was handed to the worker of which it wrote nothing.
struct Unwritten<'a> {
    at: Timestamp,
    request_id: &'a str,
    what: String,
}

impl Account {
    /// The good jobs that must have come again without a line: each message of which nothing was written was handed to the worker
    /// when jobs were due again that had shared a batch with the failing one, or had been alone. Empty where one was at another
    /// time, so that others send, or where a visibility timeout is too short to tell by.
    ///
    /// A worker that fails its batch and remembers what it did leaves no other trace. `silent` are the invocations without a line.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
    pub fn returned_silently(&self, silent: &[Invocation]) -> Vec<Breach> {
        let gaps = self.unwritten();
        let gaps = gaps.iter().map(|gap| Unwritten {
            at: gap.at,
            request_id: &gap.request_id,
            what: format!("was handed {} messages and wrote of {}", gap.handed, gap.written),
        });
        let silent = silent.iter().map(|each| Unwritten {
            at: each.started_at(),
            request_id: &each.request_id,
            what: "wrote of no message".to_owned(),
        });
        let all: Vec<Unwritten<'_>> = gaps.chain(silent).collect();
        let poisoned = self.poisoned();
        let of_each: Vec<Vec<Breach>> =
            all.iter().map(|unwritten| self.due_at(unwritten, &poisoned)).collect();
        if self.terms.visibility_timeout < TOLERANCE * 4 || of_each.iter().any(Vec::is_empty) {
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let mut breaches: Vec<Breach> = of_each.into_iter().flatten().collect();
        breaches.retain(|breach| seen.insert(breach.job_id.clone()));
        breaches
    }

    /// The good jobs that were due again then: one or more visibility timeouts after a batch that they shared with the failing job,
    /// or were alone in.
    fn due_at(&self, unwritten: &Unwritten<'_>, poisoned: &BTreeSet<&str>) -> Vec<Breach> {
        let beside = if self.terms.batch_size == 1 { "" } else { " with the failing job" };
        let good = self.that(Expectation::Succeeds);
        let due = good.filter_map(|job| {
            Some((job, self.shared_and_due(&job.attempts, unwritten.at, poisoned)?))
        });
        due.map(|(job, shared)| Breach {
            job_id: job.job_id.clone(),
            why: format!(
                "it was handed to invocation {shared}{beside}, and when it was due again, invocation {} {}",
                unwritten.request_id, unwritten.what
            ),
            came_again: false,
            inferred: true,
        })
        .collect()
    }

    /// The invocation that was handed a job with the failing one, or alone, where the job is due again at a time since.
    fn shared_and_due<'a>(
        &self,
        attempts: &'a [Attempt],
        at: Timestamp,
        poisoned: &BTreeSet<&str>,
    ) -> Option<&'a str> {
        attempts.iter().find_map(|attempt| {
            let request_id = attempt.line.request_id.as_deref();
            let is_alone = self.terms.batch_size == 1;
            let shared = request_id.filter(|id| is_alone || poisoned.contains(id))?;
            let mut dues = (1..self.terms.max_receive_count)
                .map(|times| attempt.line.at + self.terms.visibility_timeout.saturating_mul(times));
            let is_due = dues.any(|due| at.since(due).max(due.since(at)) <= TOLERANCE);
            is_due.then_some(shared)
        })
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::{account, invocation};
    use super::super::message::tests::{found, job};
    use super::super::{InvocationEnd, Line, Submitted};
    use super::*;

    /// Who returned, where the good job was in the failing job's first batch and so many messages more than lines were handed out.
    fn returned(gap: Option<(u64, &str)>, silent: &[u64]) -> usize {
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
        account(jobs, Vec::new()).returned_silently(&silent).len()
    }

    #[test]
    fn what_is_unwritten_when_a_job_of_the_failing_ones_batch_is_due_is_that_job() {
        assert_eq!(returned(Some((60, "b2")), &[]), 1);
        assert_eq!(returned(None, &[60]), 1);
        assert_eq!(returned(None, &[120]), 1);
        assert_eq!(returned(Some((60, "b2")), &[61]), 1);
    }

    #[test]
    fn what_is_unwritten_at_another_time_is_of_others() {
        assert_eq!(returned(None, &[]), 0);
        assert_eq!(returned(None, &[30]), 0);
        assert_eq!(returned(None, &[60, 90]), 0);
        assert_eq!(returned(Some((20, "x")), &[60]), 0);
    }
}
