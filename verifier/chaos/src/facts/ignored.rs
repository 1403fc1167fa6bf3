//! Whom it can have cost that a mapping ignored an answer.
//!
//! What an answer names as failed is deleted when nobody heeds the answer, and nothing else is: a job that the answer does not
//! name is deleted in any case.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>.

use contract::Outcome;

use super::{Attempt, Facts, Index};
use crate::anomaly::{Anomaly, AnomalySet};
use crate::history::Expectation;
use crate::observation::Observation;
use crate::struck::Span;

/// What comes of a failed message that is deleted.
pub(super) const BY_IGNORING: AnomalySet =
    AnomalySet::of(&[Anomaly::Lost, Anomaly::PoisonAsSuccess]);

/// Something that made a mapping ignore answers.
pub(super) struct Ignoring {
    /// The kind of the fault or setting.
    pub(super) kind: &'static str,
    pub(super) span: Span,
    pub(super) by: Ignorance,
}

/// How it came to that.
pub(super) enum Ignorance {
    /// The mapping has no `ReportBatchItemFailures`, so it ignores every answer meanwhile.
    Setting,
    /// Another answer arrived than was given, at the batch with these jobs.
    Replaced(Vec<Index>),
}

impl Facts<'_> {
    /// The jobs that an ignored answer may have named as failed, in the order of their places.
    pub(super) fn cost_by_ignoring(&self, by: &Ignorance, span: Span) -> Vec<Index> {
        match by {
            Ignorance::Setting => {
                let jobs = 0..self.jobs.len();
                jobs.filter(|job| self.may_be_ignored(*job, span)).collect()
            }
            // What the true answer named, nobody saw.
            Ignorance::Replaced(jobs) => {
                let is_at_stake = |job: &&Index| {
                    let attempts = self.attempts_at(**job);
                    let mut later = attempts
                        .filter(|one| one.ended_at.is_none_or(|ended| ended >= span.from))
                        .peekable();
                    later.peek().is_none() || later.any(|one| self.may_be_named(one))
                };
                jobs.iter().filter(is_at_stake).copied().collect()
            }
        }
    }

    /// Whether an answer named a job as failed at that time: by the answer where it is known, and otherwise by what the worker said
    /// of its attempts.
    fn may_be_ignored(&self, job: Index, span: Span) -> bool {
        let mut attempts = self
            .attempts_at(job)
            .filter(|one| {
                one.began_at <= span.until && one.ended_at.is_none_or(|ended| ended >= span.from)
            })
            .peekable();
        let is_whole = self.observes(Observation::Batches);
        if attempts.peek().is_none() {
            // An attempt of which nothing was written.
            return !is_whole && self.attempts_at(job).next().is_none();
        }
        attempts.any(|attempt| match &self.invocations[attempt.invocation].named {
            Some(named) => named.contains(&attempt.message),
            None => attempt.kept.is_none() && self.may_be_named(attempt),
        })
    }

    fn attempts_at(&self, job: Index) -> impl Iterator<Item = &Attempt> {
        self.jobs[job].attempts.iter().map(|place| &self.attempts[*place])
    }

    /// Whether an answer that nobody saw may have named it: unless the worker's line says that it succeeded. What can only fail may
    /// do so by an answer that cannot be read.
    fn may_be_named(&self, attempt: &Attempt) -> bool {
        let has_succeeded = matches!(attempt.outcome, Some((Outcome::Succeeded, _)));
        let job = &self.jobs[self.messages[attempt.message].job];
        !has_succeeded || job.nature() == Some(Expectation::Poison)
    }
}
