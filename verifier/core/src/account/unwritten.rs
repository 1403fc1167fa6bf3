//! Invocations that were handed more messages than the worker wrote of.

use std::collections::{BTreeMap, BTreeSet};

use verifier_model::time::Timestamp;

use super::{Account, Attempt, Expectation, Invocation, MessageAccount, MessageEnd, Submitted};

/// An invocation that, by its own lines, was handed more messages than lines report.
///
/// Whoever was handed one silently has failed it or swallowed it, or remembers that it was done: SQS delivers at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// Its request id.
    pub request_id: String,
    /// When its first line was written.
    pub at: Timestamp,
    /// How many messages it was handed.
    pub handed: u32,
    /// Of how many messages lines tell, those of other senders included.
    pub written: u32,
}

impl Unwritten {
    /// Of how many messages nothing was written.
    pub fn messages(&self) -> u32 {
        self.handed.saturating_sub(self.written)
    }
}

/// What invocations were handed by their own lines, and how many lines they wrote.
pub(super) fn handed(jobs: &[Submitted]) -> Vec<Unwritten> {
    let mut handed = BTreeMap::<&str, Unwritten>::new();
    for line in jobs.iter().flat_map(|job| &job.lines) {
        let (Some(request), Some(size)) = (line.request_id.as_deref(), line.batch_size) else {
            continue;
        };
        // A message may be in a batch twice, so lines are counted, and not messages.
        let first =
            || Unwritten { request_id: request.to_owned(), at: line.at, handed: size, written: 0 };
        let of_request = handed.entry(request).or_insert_with(first);
        of_request.at = of_request.at.min(line.at);
        of_request.written += 1;
    }
    handed.into_values().collect()
}

/// Whether lines report two deliveries of one receive, so that SQS is known to deliver twice.
pub(super) fn is_any_delivered_twice(jobs: &[Submitted]) -> bool {
    jobs.iter().any(|job| {
        let mut seen = BTreeSet::new();
        let mut counted = job.lines.iter().filter(|line| line.receive_count.is_some());
        !counted.all(|line| seen.insert((&line.message_id, line.receive_count)))
    })
}

/// How many deliveries of failing jobs lines report besides another of the same receive: those that SQS made twice may each wait in
/// the queue by themselves. Without a receive count, those of one invocation are of one receive. Where the worker writes every line
/// several times, as those of good jobs show, that is none. An invocation that writes no more lines than its batch has messages was
/// handed each of them.
pub(super) fn failing_again(jobs: &[Submitted]) -> u64 {
    let handed = handed(jobs);
    let is_handed_each = |request: &str| {
        let mut of_request = handed.iter().filter(|each| each.request_id == request);
        of_request.any(|each| each.written <= each.handed)
    };
    let lines_of_each = |job: &Submitted| {
        let mut lines = BTreeMap::<_, u64>::new();
        for line in &job.lines {
            let request = line.request_id.as_ref().filter(|_| line.receive_count.is_none());
            if line.receive_count.is_some() || request.is_some() {
                *lines.entry((&line.message_id, line.receive_count, request)).or_default() += 1;
            }
        }
        lines.into_values().max().unwrap_or_default()
    };
    let that = |expectation| jobs.iter().filter(move |job| job.expectation == expectation);
    let written = |job: &Submitted| {
        let mut requests = job.lines.iter().filter_map(|line| line.request_id.as_deref());
        let is_each = requests.any(is_handed_each);
        if is_each { lines_of_each(job).min(1) } else { lines_of_each(job) }
    };
    let of_good = that(Expectation::Succeeds).map(written).filter(|lines| *lines > 0);
    let usual = of_good.min().unwrap_or(1);
    that(Expectation::Fails).map(|job| lines_of_each(job).saturating_sub(usual)).sum()
}

impl Account {
    /// The invocations that were handed more messages than was written of, in the order of time.
    ///
    /// Messages of which lines tell and that are no jobs of the run are those in `others`.
    pub fn unwritten(&self) -> Vec<Unwritten> {
        let failed = |id: &str| {
            let mut ends = self.invocations.iter().filter(|each| each.request_id == id);
            ends.any(|each| each.end.fails_the_batch())
        };
        let written = |each: &Unwritten| {
            let others = self.others.get(&each.request_id).copied().unwrap_or_default();
            each.written.saturating_add(others)
        };
        let is_under_way = |id: &str| {
            let mut ends = self.invocations.iter();
            !self.invocations.is_empty() && !ends.any(|each| each.request_id == id)
        };
        // What failed as a whole ended before it came to the rest, which is said elsewhere; what goes on may come to it.
        let all = self.handed.iter().filter(|each| !failed(&each.request_id));
        let all = all.filter(|each| !is_under_way(&each.request_id));
        let all = all.map(|each| Unwritten { written: written(each), ..each.clone() });
        let mut all: Vec<Unwritten> = all.filter(|each| each.messages() > 0).collect();
        all.sort_by_key(|each| each.at);
        all
    }

    /// The invocations that began since then and of which there is no line, where lines name their invocations at all.
    pub fn without_lines(&self, since: Timestamp) -> Vec<Invocation> {
        let own = self.messages.iter().flat_map(MessageAccount::requests);
        let written: BTreeSet<&str> = own.chain(self.others.keys().map(String::as_str)).collect();
        let is_without = |each: &&Invocation| {
            each.started_at() >= since && !written.contains(each.request_id.as_str())
        };
        let without = self.invocations.iter().filter(is_without).cloned();
        if written.is_empty() { Vec::new() } else { without.collect() }
    }

    /// Whether every receive of the run's own jobs is told by a line or by a failed invocation of a batch, and no invocation was
    /// handed more messages than was written of.
    pub fn explains_all_receives(&self) -> bool {
        self.unwritten().is_empty()
            && self.that(Expectation::Succeeds).all(|message| self.unseen(message).is_empty())
    }

    /// What shows that the worker was handed messages of which it wrote nothing, which cannot be jobs of this run; empty where
    /// those explain it. `silent` are the invocations that succeeded and of which there is no line at all.
    pub fn swallowed(&self, silent: &[Invocation]) -> Vec<String> {
        let gaps = self.unwritten();
        // That SQS delivers twice shows by the jobs of which both deliveries are told.
        let again = |gap: &Unwritten| {
            if self.is_any_delivered_twice { self.delivered_again_at_most(gap) } else { 0 }
        };
        let of_gaps: u64 =
            gaps.iter().map(|gap| u64::from(gap.messages()).saturating_sub(again(gap))).sum();
        if of_gaps + silent.len() as u64 <= self.own_unwritten_at_most() {
            return Vec::new();
        }
        let gaps = gaps.iter().map(|gap| {
            let Unwritten { request_id, handed, written, .. } = gap;
            format!("invocation {request_id} was handed {handed} messages and wrote of {written}")
        });
        let silent = silent.iter().map(|each| {
            format!("invocation {} succeeded and wrote of no message", each.request_id)
        });
        gaps.chain(silent).collect()
    }

    /// How many messages that nothing was written of may be deliveries of the run's own jobs: a receive that left no line, or
    /// one more delivery of a job that another invocation was handed within a visibility timeout.
    fn own_unwritten_at_most(&self) -> u64 {
        let unseen = |message| {
            let unseen = self.unseen(message).into_iter();
            unseen.filter(|each| !each.explained.is_failure()).count() as u64
        };
        self.messages
            .iter()
            .filter(|message| message.end != MessageEnd::NotAccepted)
            .map(|message| {
                if message.attempts.is_empty() && message.dead_lettered.is_none() {
                    // It may have been received as often as is allowed.
                    u64::from(self.terms.max_receive_count)
                } else {
                    unseen(message) + self.retries_at_most(message)
                }
            })
            .sum()
    }

    /// How often a good job that was failed at last may have been received again since, by a worker that remembers it and writes
    /// nothing then.
    fn retries_at_most(&self, message: &MessageAccount) -> u64 {
        let last = message.attempts.iter().max_by_key(|attempt| attempt.receive_count);
        let failed =
            last.filter(|last| message.expectation == Expectation::Succeeds && last.failed());
        let left = |last: &Attempt| self.terms.max_receive_count.saturating_sub(last.receive_count);
        u64::from(failed.map_or(0, left))
    }

    /// How many unwritten messages of an invocation may be jobs that SQS delivered once more: those that an invocation was
    /// handed within the visibility timeout, this one included.
    fn delivered_again_at_most(&self, unwritten: &Unwritten) -> u64 {
        let again = self.messages.iter().filter(|message| {
            message.attempts.iter().any(|attempt| {
                let at = attempt.line.at;
                let gap = at.since(unwritten.at).max(unwritten.at.since(at));
                gap < self.terms.visibility_timeout
            })
        });
        again.count() as u64
    }

    /// How many of the run's own messages may be in the jobs queue at the end, at most. Where a good job was failed or came
    /// again, all of them may: those that were sent last are still retried then.
    pub fn own_queued_at_most(&self) -> u64 {
        let comes_again = self.that(Expectation::Succeeds).any(|message| {
            message.dead_lettered.is_some()
                || message.attempts.iter().any(Attempt::failed)
                || message.end == MessageEnd::DoneMoreThanOnce { delivered_twice: false }
        });
        let may_wait = self.messages.iter().map(|message| match message.end {
            MessageEnd::StillThere => 1,
            // Any of its messages may.
            MessageEnd::Copied if message.dead_lettered.is_none() => message.copies.len() + 1,
            MessageEnd::DoneOnce | MessageEnd::DoneMoreThanOnce { .. } => comes_again.into(),
            _ => 0,
        });
        may_wait.sum::<usize>() as u64
    }
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::{account, invocation};
    use super::super::message::tests::{found, job};
    use super::super::{Explained, InvocationEnd, Isolation, Line};
    use super::*;

    const DONE: Outcome = Outcome::Succeeded;
    const FAILED: Outcome = Outcome::Failed;

    fn sized(line: Line, batch_size: u32) -> Line {
        Line { batch_size: Some(batch_size), ..line }
    }

    fn failing(sizes: [u32; 3]) -> Submitted {
        let lines = [(0, 1, "b1"), (60, 2, "b2"), (120, 3, "b3")];
        let lines = lines
            .iter()
            .zip(sizes)
            .map(|((at, count, batch), size)| sized(line(*at, *count, FAILED, batch), size));
        Submitted { lines: lines.collect(), found: vec![found("m-p")], ..job("p", true) }
    }

    fn good(lines: Vec<Line>) -> Submitted {
        Submitted { lines, ..job("g", false) }
    }

    #[test]
    fn an_invocation_that_was_handed_more_than_was_written_of_is_told() {
        let all = |sizes, size| {
            let account = account(
                vec![failing(sizes), good(vec![sized(line(0, 1, DONE, "b1"), size)])],
                vec![],
            );
            account.unwritten().iter().map(|each| (each.at, each.messages())).collect::<Vec<_>>()
        };
        assert!(all([2, 1, 1], 2).is_empty());
        assert_eq!(all([2, 3, 1], 2), [(Timestamp::from_millis(1_060_000), 2)]);
    }

    #[test]
    fn deliveries_of_failing_jobs_that_sqs_made_again_are_counted_with_and_without_a_receive_count()
    {
        let again = |counted: bool, of_failing: usize, of_good: usize| {
            let of = |name: &str, fails: bool, lines: usize| {
                let receive_count = counted.then_some(1);
                let outcome = if fails { FAILED } else { DONE };
                let line = Line { receive_count, ..line(0, 1, outcome, "a") };
                Submitted { lines: vec![line; lines], ..job(name, fails) }
            };
            failing_again(&[of("p", true, of_failing), of("g", false, of_good)])
        };
        for counted in [true, false] {
            assert_eq!([again(counted, 1, 1), again(counted, 2, 1)], [0, 1]);
            // The worker writes each line twice.
            assert_eq!([again(counted, 2, 2), again(counted, 2, 0)], [0, 1]);
        }
    }

    #[test]
    fn messages_of_others_are_no_gaps() {
        let mut account = account(vec![failing([1, 3, 1])], vec![]);
        account.others.insert("b2".to_owned(), 2);
        assert!(account.unwritten().is_empty());
        account.others.insert("b2".to_owned(), 1);
        assert_eq!(account.unwritten()[0].messages(), 1);
    }

    #[test]
    fn a_silent_receive_beside_the_failing_job_is_told_to_have_been_failed() {
        let with = |sizes| {
            let good = good(vec![sized(line(60, 2, DONE, "b9"), 1)]);
            account(vec![failing(sizes), good], vec![])
        };
        let account = with([2, 1, 1]);
        let unseen = account.unseen(&account.messages[1]);
        assert!(matches!(&unseen[0].explained, Explained::Unwritten { .. }), "{unseen:?}");
        assert!(matches!(account.isolation(), Isolation::Broken { .. }));
        let account = with([1, 1, 1]);
        let unseen = account.unseen(&account.messages[1]);
        assert_eq!(unseen[0].explained, Explained::Nothing);
        assert!(!matches!(account.isolation(), Isolation::Broken { .. }));
    }

    #[test]
    fn an_invocation_that_goes_on_may_write_of_the_rest() {
        let gaps = |ended: &[&str]| {
            let ended = ended.iter().map(|id| invocation(60, id, InvocationEnd::Success));
            account(vec![failing([1, 3, 1])], ended.collect()).unwritten().len()
        };
        assert_eq!([gaps(&["b1"]), gaps(&["b1", "b2"]), gaps(&[])], [0, 1, 1]);
    }

    #[test]
    fn a_message_that_is_in_a_batch_twice_is_no_gap_and_what_failed_as_a_whole_has_none() {
        let twice = vec![sized(line(0, 1, DONE, "b1"), 3), sized(line(0, 1, DONE, "b1"), 3)];
        assert!(account(vec![failing([3, 1, 1]), good(twice)], vec![]).unwritten().is_empty());
        let error = vec![invocation(60, "b2", InvocationEnd::Error)];
        assert!(account(vec![failing([1, 3, 1])], error).unwritten().is_empty());
        let success = vec![invocation(60, "b2", InvocationEnd::Success)];
        assert_eq!(account(vec![failing([1, 3, 1])], success).unwritten().len(), 1);
    }

    #[test]
    fn of_a_job_that_is_in_several_messages_all_may_be_queued() {
        let queued = |ids: &[&str]| {
            let of =
                |id: &&str| Line { message_id: Some((*id).to_owned()), ..line(0, 1, FAILED, "b1") };
            let failing = Submitted { lines: ids.iter().map(of).collect(), ..job("p", true) };
            account(vec![failing], vec![]).own_queued_at_most()
        };
        assert_eq!([queued(&["m-p"]), queued(&["m-p", "x", "y"])], [0, 3]);
    }

    #[test]
    fn messages_that_are_no_jobs_of_the_run_are_swallowed_and_second_deliveries_are_not() {
        let swallowed = |twice: bool| {
            let mut lines = vec![sized(line(58, 1, DONE, "b9"), 1)];
            if twice {
                lines.push(sized(line(59, 1, DONE, "b8"), 1));
            }
            account(vec![failing([1, 2, 1]), good(lines)], vec![]).swallowed(&[])
        };
        assert_eq!(swallowed(false).len(), 1);
        assert!(swallowed(true).is_empty());
        // A receive of the good job left no line, so it was that.
        let late = good(vec![sized(line(70, 2, DONE, "b9"), 1)]);
        assert!(account(vec![failing([1, 2, 1]), late], vec![]).swallowed(&[]).is_empty());
    }

    #[test]
    fn a_job_that_was_failed_may_have_come_again_silently() {
        let with = |end| {
            let silent = [invocation(70, "s", InvocationEnd::Success)];
            let ends = vec![invocation(0, "b9", end)];
            let good = good(vec![sized(line(0, 1, DONE, "b9"), 1)]);
            account(vec![failing([1, 1, 1]), good], ends).swallowed(&silent).is_empty()
        };
        assert!(with(InvocationEnd::Error));
        assert!(!with(InvocationEnd::Success));
    }

    #[test]
    fn an_invocation_without_a_line_is_told_only_where_lines_name_invocations() {
        let ids = |request: Option<&str>, since: u64| -> Vec<String> {
            let named =
                Line { request_id: request.map(str::to_owned), ..sized(line(0, 1, DONE, ""), 1) };
            let ends =
                [(0, "b1"), (30, "x")].map(|(at, id)| invocation(at, id, InvocationEnd::Success));
            let account = account(vec![good(vec![named])], ends.into());
            let since = Timestamp::from_millis(1_000_000 + since * 1000);
            account.without_lines(since).into_iter().map(|each| each.request_id).collect()
        };
        assert_eq!(ids(Some("b1"), 10), ["x"]);
        assert!(ids(Some("b1"), 31).is_empty());
        assert!(ids(None, 10).is_empty());
    }

    #[test]
    fn where_good_jobs_come_again_all_may_be_queued() {
        let queued = |lines: Vec<Line>| {
            account(vec![failing([1, 1, 1]), good(lines)], vec![]).own_queued_at_most()
        };
        assert_eq!(queued(vec![line(0, 1, DONE, "b1")]), 0);
        assert_eq!(queued(vec![line(0, 1, DONE, "b1"), line(60, 2, DONE, "b2")]), 1);
        assert_eq!(queued(vec![line(0, 1, FAILED, "b1"), line(60, 2, DONE, "b2")]), 1);
    }

    #[test]
    fn a_batch_that_holds_each_message_twice_is_not_a_worker_that_writes_twice() {
        let again = |handed| {
            let of = |name: &str, fails| {
                let sized = Line { batch_size: Some(handed), ..line(0, 1, DONE, "a") };
                Submitted { lines: vec![sized; 2], ..job(name, fails) }
            };
            failing_again(&[of("p", true), of("g", false)])
        };
        assert_eq!([again(4), again(2)], [1, 0]);
    }

    #[test]
    fn a_failing_job_of_which_a_receive_is_told_twice_may_be_queued_twice() {
        let again = |fails, lines: &[(u64, u32)]| {
            let lines = lines.iter().map(|(at, count)| line(*at, *count, Outcome::Failed, "b"));
            failing_again(&[Submitted { lines: lines.collect(), ..job("p", fails) }])
        };
        assert_eq!(again(true, &[(0, 1), (0, 1), (60, 2), (60, 2)]), 1);
        assert_eq!(again(true, &[(0, 1), (60, 2)]), 0);
        assert_eq!(again(false, &[(0, 1), (0, 1)]), 0);
    }
}
