//! Receives before a line that has no receive count.
//!
//! A worker that writes no receive count hides that a message came again: its first line may be of the second receive. Time
//! tells: a message that was in a failed invocation comes again when its visibility timeout has passed, not before.

use std::collections::BTreeSet;
use std::time::Duration;

use verifier_model::time::Timestamp;

use super::attempt::TOLERANCE;
use super::{Invocation, InvocationEnd, Line, Terms};

/// A receive of which the worker wrote nothing, and the invocation that was handed the message then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The invocation's request id.
    pub request_id: String,
    /// How it ended.
    pub end: InvocationEnd,
}

/// What is known of invocations, to tell which of them may have been handed a message without a line of it.
pub(super) struct Candidates<'a> {
    pub(super) terms: Terms,
    pub(super) invocations: &'a [Invocation],
    /// Those that were handed nothing but messages of which lines tell.
    pub(super) full: &'a BTreeSet<&'a str>,
    /// Those that were handed the failing job.
    pub(super) poisoned: &'a BTreeSet<&'a str>,
}

impl Candidates<'_> {
    /// The receives of a message between `from`, when it became visible, and the first line behind it. `own` are the
    /// invocations of which lines tell that they were handed it.
    ///
    /// An invocation that failed as a whole and began at least a visibility timeout before the line may have been handed it. So may
    /// one of unknown end that was handed the failing job, if the message came again just a visibility timeout later; unless the line
    /// names no invocation: one that was held back comes with the next invocation, which is when the failing job comes again.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>.
    pub(super) fn between(
        &self,
        from: Timestamp,
        line: &Line,
        own: &BTreeSet<&str>,
    ) -> Vec<Earlier> {
        let to = line.at;
        let timeout = self.terms.visibility_timeout;
        let tolerance = TOLERANCE.min(timeout / 2);
        let mut possible: Vec<&Invocation> = self
            .invocations
            .iter()
            .filter(|each| !own.contains(each.request_id.as_str()))
            .filter(|each| !self.full.contains(each.request_id.as_str()))
            .filter(|each| each.started_at() + timeout <= to + tolerance)
            .filter(|each| {
                each.end.fails_the_batch() || (!line.is_placed && self.came_just_after(each, to))
            })
            .collect();
        possible.sort_by_key(|each| each.started_at());
        let mut earliest = from;
        let mut receives = Vec::new();
        for each in possible {
            if each.started_at() + tolerance < earliest {
                continue;
            }
            earliest = each.started_at() + timeout;
            receives.push(Earlier { request_id: each.request_id.clone(), end: each.end });
        }
        receives
    }

    fn came_just_after(&self, each: &Invocation, to: Timestamp) -> bool {
        let timeout = self.terms.visibility_timeout;
        // A short timeout passes by chance.
        let tolerance = TOLERANCE.min(timeout / 8);
        let (early, late) = (each.started_at() + timeout, to + tolerance);
        each.end == InvocationEnd::Unknown
            && self.poisoned.contains(each.request_id.as_str())
            && timeout >= SHORT
            && early <= late
            && to <= early + tolerance
    }
}

/// Below that a visibility timeout is too short to tell that a message came again from one that came late.
pub(super) const SHORT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::invocation;
    use super::super::message::tests::TERMS;
    use super::*;

    fn between(invocations: &[Invocation], to: u64, full: &[&str], own: &[&str]) -> Vec<String> {
        placed_between(invocations, to, full, own, false)
    }

    fn placed_between(
        invocations: &[Invocation],
        to: u64,
        full: &[&str],
        own: &[&str],
        is_placed: bool,
    ) -> Vec<String> {
        let candidates = Candidates {
            terms: TERMS,
            invocations,
            full: &full.iter().copied().collect(),
            poisoned: &BTreeSet::from(["p"]),
        };
        let at = |seconds: u64| Timestamp::from_millis(1_000_000 + seconds * 1000);
        let own = own.iter().copied().collect();
        let line = Line { is_placed, ..line(to, 0, Outcome::Succeeded, "own") };
        let found = candidates.between(at(0), &line, &own);
        found.into_iter().map(|each| each.request_id).collect()
    }

    #[test]
    fn a_failed_invocation_a_visibility_timeout_before_the_line_may_have_been_handed_it() {
        let failed = [invocation(0, "f", InvocationEnd::Error)];
        assert_eq!(between(&failed, 60, &[], &[]), ["f"]);
        assert_eq!(between(&failed, 90, &[], &[]), ["f"]);
        assert!(between(&failed, 50, &[], &[]).is_empty());
        assert!(between(&failed, 60, &["f"], &[]).is_empty());
        assert!(between(&failed, 60, &[], &["f"]).is_empty());
        let fine = [invocation(0, "f", InvocationEnd::Success)];
        assert!(between(&fine, 60, &[], &[]).is_empty());
    }

    #[test]
    fn receives_are_a_visibility_timeout_apart() {
        let failed = |times: &[u64]| {
            let ends =
                times.iter().map(|at| invocation(*at, &format!("f{at}"), InvocationEnd::Timeout));
            between(&ends.collect::<Vec<_>>(), 120, &[], &[])
        };
        assert_eq!(failed(&[0, 60]), ["f0", "f60"]);
        assert_eq!(failed(&[0, 20]), ["f0"]);
    }

    #[test]
    fn of_unknown_end_only_one_with_the_failing_job_just_a_visibility_timeout_before() {
        let unknown =
            |id: &str, to| between(&[invocation(0, id, InvocationEnd::Unknown)], to, &[], &[]);
        assert_eq!(unknown("p", 60), ["p"]);
        assert!(unknown("p", 70).is_empty());
        assert!(unknown("other", 60).is_empty());
        // A line that names no invocation may have been held back since the first.
        let ends = [invocation(0, "p", InvocationEnd::Unknown)];
        assert!(placed_between(&ends, 60, &[], &[], true).is_empty());
    }
}
