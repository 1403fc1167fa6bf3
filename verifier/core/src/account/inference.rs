//! Receives that no line reports, and what explains them.

use verifier_model::time::Timestamp;

use super::attempt::TOLERANCE;
use super::{Account, Earlier, Expectation, Invocation, InvocationEnd, MessageAccount, Unwritten};

/// A receive of a message of which the worker wrote nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnseenReceive {
    /// Which receive.
    pub receive_count: u32,
    /// What explains that nothing was written.
    pub explained: Explained,
}

/// What explains a receive of which nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explained {
    /// An invocation in that time failed as a whole, and may have been handed the message.
    FailedInvocation {
        /// Its request id.
        request_id: String,
        /// How it ended.
        end: InvocationEnd,
    },
    /// The message came again just a visibility timeout after an invocation that was handed the failing job, and whose end
    /// nothing tells.
    CameAgain {
        /// Its request id.
        request_id: String,
    },
    /// An invocation of that time was handed more messages than the worker wrote of, and may have been handed this one.
    Unwritten {
        /// Its request id.
        request_id: String,
        /// How many messages it was handed.
        handed: u32,
        /// Of how many lines tell.
        written: u32,
    },
    /// Nothing: it may have been throttled, or received by another consumer, or SQS counted a receive that had no reader.
    Nothing,
}

impl Account {
    /// The receives of a message of which the worker wrote nothing, up to the last one that must have been.
    ///
    /// Each is explained by the first invocation that failed as a whole in that time and of which no line tells that it
    /// was handed the message at another receive; or else by one that was handed more messages than was written of. That is
    /// an inference, and to be reported as one.
    pub fn unseen(&self, message: &MessageAccount) -> Vec<UnseenReceive> {
        let last = last_receive(message, self.terms.max_receive_count);
        let mut candidates: Vec<&Invocation> = self
            .invocations
            .iter()
            .filter(|each| each.end.fails_the_batch())
            .filter(|each| !message.requests().any(|request| request == each.request_id))
            .filter(|each| !self.is_full(&each.request_id))
            .collect();
        candidates.sort_by_key(|each| each.ended_at);
        let mut gaps = self.unwritten();
        gaps.retain(|each| !message.requests().any(|request| request == each.request_id));
        // That of a failing job is told by its end in the dead-letter queue, and by how the worker treats it.
        let may_be_sooner = message.expectation == Expectation::Fails || self.shortens_visibility();
        let mut unseen = Vec::new();
        for receive_count in 1..=last {
            if message.attempts.iter().any(|attempt| attempt.receive_count == receive_count) {
                continue;
            }
            if let Some(earlier) = message.silent.get(&receive_count) {
                candidates.retain(|each| each.request_id != earlier.request_id);
                unseen.push(UnseenReceive { receive_count, explained: Explained::of(earlier) });
                continue;
            }
            let (from, to) = window(message, receive_count);
            let is_in = |each: &&Invocation| {
                each.ended_at + TOLERANCE >= from
                    && each.started_at() <= to + TOLERANCE
                    && (may_be_sooner || self.comes_again_by(each, to))
            };
            let explained = match candidates.iter().position(is_in) {
                Some(at) => {
                    let Invocation { request_id, end, .. } = candidates.remove(at);
                    Explained::FailedInvocation { request_id: request_id.clone(), end: *end }
                }
                None => gap(&mut gaps, from, to),
            };
            unseen.push(UnseenReceive { receive_count, explained });
        }
        unseen
    }

    /// Whether a message that an invocation was handed may have come again by then: its visibility timeout had passed. One whose
    /// receives SQS counted wrongly came at once.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>.
    fn comes_again_by(&self, invocation: &Invocation, by: Timestamp) -> bool {
        let timeout = self.terms.visibility_timeout;
        invocation.started_at() + timeout <= by + TOLERANCE.min(timeout / 2)
    }

    /// Whether lines report every message that an invocation was handed.
    pub(super) fn is_full(&self, request_id: &str) -> bool {
        self.handed.iter().any(|each| each.request_id == request_id && each.messages() == 0)
    }

    /// Whether every receive from the first to the last allowed one was seen, or is explained by a failed invocation.
    pub fn has_all_receives(&self, message: &MessageAccount) -> bool {
        let all = 1..=self.terms.max_receive_count;
        let unseen = self.unseen(message);
        all.into_iter().all(|count| {
            message.attempts.iter().any(|attempt| attempt.receive_count == count)
                || unseen
                    .iter()
                    .any(|each| each.receive_count == count && each.explained.is_failure())
        })
    }

    /// Whether every allowed receive of which nothing was written may have been in an invocation of the worker's: as many were not
    /// handed it by their lines, and may have been handed more than those report.
    pub fn may_have_all_receives(&self, message: &MessageAccount) -> bool {
        let is_seen =
            |count: &u32| message.attempts.iter().any(|each| each.receive_count == *count);
        let missing = (1..=self.terms.max_receive_count).filter(|count| !is_seen(count)).count();
        let seen_at = message.dead_lettered.as_ref().map(|found| found.seen_at);
        let possible = self.invocations.iter().filter(|each| {
            each.started_at() + TOLERANCE >= message.submitted_at + self.terms.delay
                && seen_at.is_none_or(|seen_at| each.started_at() <= seen_at + TOLERANCE)
                && !message.requests().any(|request| request == each.request_id)
                && !self.is_full(&each.request_id)
        });
        possible.count() >= missing
    }

    /// Whether a good job was failed by an invocation that was handed it alone and of which nothing was written: a receive of it
    /// left no line, and more invocations failed without a line than the failing job explains.
    pub fn failed_alone(&self, message: &MessageAccount) -> bool {
        let has_unseen = || self.unseen(message).iter().any(|each| each.explained.is_failure());
        if self.terms.batch_size != 1 || !has_unseen() {
            return false;
        }
        let written = |id: &str| {
            self.others.contains_key(id)
                || self.messages.iter().any(|each| each.requests().any(|request| request == id))
        };
        let silent = self.invocations.iter().filter(|each| each.end.fails_the_batch());
        let silent = silent.filter(|each| !written(&each.request_id)).count();
        let of_failing: usize =
            self.that(Expectation::Fails).map(|failing| self.unseen(failing).len()).sum();
        silent > of_failing
    }
}

impl Explained {
    fn of(earlier: &Earlier) -> Self {
        let Earlier { request_id, end } = earlier.clone();
        if end.fails_the_batch() {
            Self::FailedInvocation { request_id, end }
        } else {
            Self::CameAgain { request_id }
        }
    }

    /// Whether the receive is known to have failed: its invocation did as a whole.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::FailedInvocation { .. } | Self::CameAgain { .. })
    }
}

/// What an invocation that was handed more messages than was written of explains, if one was in that time; each explains one
/// receive of a message.
fn gap(gaps: &mut Vec<Unwritten>, from: Timestamp, to: Timestamp) -> Explained {
    let is_in = |each: &Unwritten| each.at + TOLERANCE >= from && each.at <= to + TOLERANCE;
    let Some(at) = gaps.iter().position(is_in) else { return Explained::Nothing };
    let Unwritten { request_id, handed, written, .. } = gaps.remove(at);
    Explained::Unwritten { request_id, handed, written }
}

/// The last receive of a message that must have been: a dead-lettered one had all that are allowed.
fn last_receive(message: &MessageAccount, max_receive_count: u32) -> u32 {
    let seen = message.attempts.iter().map(|attempt| attempt.receive_count).max();
    let all = message.dead_lettered.as_ref().map(|_| max_receive_count);
    seen.max(all).unwrap_or_default().min(max_receive_count)
}

/// When a receive must have been: after the last attempt before it, and before the first one behind it.
pub(super) fn window(message: &MessageAccount, receive_count: u32) -> (Timestamp, Timestamp) {
    let attempts = || message.attempts.iter();
    let before = attempts()
        .filter(|attempt| attempt.receive_count < receive_count)
        .map(|attempt| attempt.line.at)
        .max();
    let behind = attempts()
        .filter(|attempt| attempt.receive_count > receive_count)
        .map(|attempt| attempt.line.at)
        .min();
    let seen = message.dead_lettered.as_ref().map(|found| found.seen_at);
    (
        before.unwrap_or(message.submitted_at),
        behind.or(seen).unwrap_or(Timestamp::from_millis(u64::MAX / 2)),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::message::tests::{TERMS, found, job};
    use super::super::{Line, Observed, Submitted, Terms};
    use super::*;

    pub(in crate::account) fn invocation(seconds: u64, id: &str, end: InvocationEnd) -> Invocation {
        Invocation {
            request_id: id.to_owned(),
            ended_at: Timestamp::from_millis(1_000_000 + seconds * 1000),
            duration: Duration::from_millis(5),
            end,
        }
    }

    pub(in crate::account) fn account(
        jobs: Vec<Submitted>,
        invocations: Vec<Invocation>,
    ) -> Account {
        account_of(TERMS, jobs, invocations)
    }

    pub(in crate::account) fn account_of(
        terms: Terms,
        jobs: Vec<Submitted>,
        invocations: Vec<Invocation>,
    ) -> Account {
        let zero = Some(super::super::QueueCounts::default());
        Account::of(&Observed {
            terms,
            jobs,
            invocations,
            before: zero,
            after: zero,
            counted: Vec::new(),
            strays: 0,
            reads_others: false,
        })
    }

    fn unseen(job: Submitted, invocations: Vec<Invocation>) -> Vec<(u32, bool)> {
        let account = account(vec![job], invocations);
        let unseen = account.unseen(&account.messages[0]);
        unseen
            .iter()
            .map(|each| (each.receive_count, each.explained != Explained::Nothing))
            .collect()
    }

    #[test]
    fn a_worker_that_only_throws_is_seen_by_its_failed_invocations() {
        let poison = || Submitted { found: vec![found("m-p")], ..job("p", true) };
        let error = InvocationEnd::Error;
        let three = [0, 60, 120].map(|at| invocation(at, &format!("r{at}"), error)).to_vec();
        assert_eq!(unseen(poison(), three.clone()), [(1, true), (2, true), (3, true)]);
        assert_eq!(unseen(poison(), three[..2].to_vec()), [(1, true), (2, true), (3, false)]);
        let fine = [0, 60, 120].map(|at| invocation(at, &format!("r{at}"), InvocationEnd::Success));
        assert_eq!(unseen(poison(), fine.to_vec()), [(1, false), (2, false), (3, false)]);
    }

    #[test]
    fn receives_without_a_line_may_be_the_workers_where_it_had_as_many_invocations_that_tell_of_less()
     {
        let may_have = |lines: Vec<Line>, ends: &[(u64, &str)]| {
            let poison = Submitted { lines, found: vec![found("m-p")], ..job("p", true) };
            let ended = |(at, id): &(u64, &str)| invocation(*at, id, InvocationEnd::Success);
            let beside = Submitted {
                lines: vec![Line { batch_size: Some(1), ..line(1, 1, Outcome::Succeeded, "full") }],
                ..job("g", false)
            };
            let account = account(vec![poison, beside], ends.iter().map(ended).collect());
            account.may_have_all_receives(&account.messages[0])
        };
        let three = [(0, "a"), (1, "b"), (2, "c")];
        assert!(may_have(Vec::new(), &three));
        assert!(!may_have(Vec::new(), &three[..2]));
        assert!(!may_have(Vec::new(), &[(0, "a"), (1, "full"), (2, "c")]));
        assert!(!may_have(Vec::new(), &[(0, "a"), (1, "b"), (300, "c")]));
        // One that was handed it at another receive is not of this one.
        let last = || vec![line(2, 3, Outcome::Failed, "c")];
        assert!(may_have(last(), &three));
        assert!(!may_have(last(), &three[1..]));
    }

    #[test]
    fn a_receive_between_two_attempts_is_explained_only_by_what_failed_between_them() {
        let lines = vec![line(0, 1, Outcome::Failed, "a"), line(120, 3, Outcome::Failed, "c")];
        let poison = || Submitted { lines: lines.clone(), ..job("p", true) };
        assert_eq!(
            unseen(poison(), vec![invocation(60, "b", InvocationEnd::Timeout)]),
            [(2, true)]
        );
        assert_eq!(
            unseen(poison(), vec![invocation(130, "b", InvocationEnd::Timeout)]),
            [(2, false)]
        );
        // That one was handed the message at another receive.
        assert_eq!(unseen(poison(), vec![invocation(0, "a", InvocationEnd::Error)]), [(2, false)]);
    }

    #[test]
    fn a_good_job_that_came_sooner_than_its_visibility_timeout_was_in_no_failed_invocation_before()
    {
        let is_failed = |seconds| {
            let lines = vec![line(seconds, 2, Outcome::Succeeded, "b")];
            let good = Submitted { lines, ..job("g", false) };
            let account = account(vec![good], vec![invocation(0, "a", InvocationEnd::Error)]);
            account.unseen(&account.messages[0])[0].explained.is_failure()
        };
        assert!(is_failed(60));
        // SQS counted a receive that had no reader.
        assert!(!is_failed(3));
    }

    #[test]
    fn alone_a_silent_first_receive_was_failed_where_the_failing_job_explains_no_failed_invocation()
    {
        let failed = |count: u64| {
            let ends =
                (0..count).map(|at| invocation(at * 60, &format!("r{at}"), InvocationEnd::Error));
            let late =
                Submitted { lines: vec![line(60, 2, Outcome::Succeeded, "b")], ..job("g", false) };
            let poison = Submitted { found: vec![found("m-p")], ..job("p", true) };
            let mut account = account(vec![poison, late], ends.collect());
            account.terms.batch_size = 1;
            account.failed_alone(&account.messages[1])
        };
        // Three of them are the failing job's.
        assert!(failed(4));
        assert!(!failed(3));
        assert!(!failed(0));
    }

    #[test]
    fn a_failed_invocation_that_was_handed_the_failing_job_alone_explains_no_other() {
        let explained = |size| {
            let poison = Line { batch_size: Some(size), ..line(0, 1, Outcome::Failed, "a") };
            let poison = Submitted { lines: vec![poison], ..job("p", true) };
            let good =
                Submitted { lines: vec![line(60, 2, Outcome::Succeeded, "b")], ..job("g", false) };
            let ends = vec![invocation(0, "a", InvocationEnd::Error)];
            let account = account(vec![poison, good], ends);
            account.unseen(&account.messages[1])[0].explained.is_failure()
        };
        assert!(explained(2));
        assert!(!explained(1));
    }

    #[test]
    fn without_receive_counts_time_tells_that_a_message_came_again() {
        let bare =
            |at, request| Line { receive_count: None, ..line(at, 0, Outcome::Succeeded, request) };
        let unseen = |at| {
            let good = Submitted { lines: vec![bare(at, "b")], ..job("g", false) };
            unseen(good, vec![invocation(0, "a", InvocationEnd::Error)])
        };
        assert_eq!(unseen(60), [(1, true)]);
        assert_eq!(unseen(30), []);
    }

    #[test]
    fn nothing_is_unseen_of_a_message_that_was_never_received() {
        assert_eq!(unseen(job("g", false), vec![invocation(0, "a", InvocationEnd::Error)]), []);
    }
}
