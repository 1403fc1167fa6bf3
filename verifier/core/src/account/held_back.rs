//! Lines that the worker holds back, and writes outside of the invocation that they are of.
//!
//! A logger that writes in the background, or when its buffer is full, is frozen with its environment when the invocation ends. What
//! it has not written by then comes with the next invocation, or never. So of such a worker no line is missing for sure.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-invoke>.

use std::collections::BTreeMap;
use std::time::Duration;

use super::attempt::TOLERANCE;
use super::{Account, Invocation, Line, MessageAccount, Submitted};

/// How much the times of a line and of Lambda's report of its invocation may differ.
const REPORTED_WITHIN: Duration = Duration::from_millis(20);

impl Account {
    /// Whether the worker holds lines back: one was written outside of its invocation, or may have been, since it tells at no receive
    /// of a job that was submitted long before, or of its first receive, and names no invocation.
    pub fn holds_lines_back(&self) -> bool {
        let may_be = |job: &MessageAccount| self.may_be_later(job) || self.is_told_late(job);
        self.outside.is_any_behind || self.messages.iter().any(may_be)
    }

    /// Whether a line of a message's first receive that names no invocation came a visibility timeout after the message was there.
    fn is_told_late(&self, job: &MessageAccount) -> bool {
        let late_from = job.submitted_at + self.terms.delay + self.terms.visibility_timeout;
        job.attempts.iter().map(|attempt| &attempt.line).any(|line| {
            line.is_placed && line.receive_count == Some(1) && line.at + TOLERANCE >= late_from
        })
    }
}

/// How lines have times outside of their invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outside {
    /// One is behind it: it was held back.
    pub(super) is_any_behind: bool,
    /// One is before it, or even before its job was submitted: it has the time of another clock. So has a report of then.
    pub(super) is_any_before: bool,
}

/// How lines of jobs have times outside of their invocations.
pub(super) fn outside(jobs: &[Submitted], invocations: &[Invocation]) -> Outside {
    let by_request = by_request(invocations);
    let mut outside = Outside::default();
    for (job, line) in jobs.iter().flat_map(|job| job.lines.iter().map(move |line| (job, line))) {
        let invocation = line.request_id.as_deref().and_then(|request| by_request.get(request));
        let is_early = |at| at + TOLERANCE < job.submitted_at;
        if is_early(line.at) || invocation.is_some_and(|each| is_early(each.ended_at)) {
            outside.is_any_before = true;
            continue;
        }
        let is_before = |each: &&&Invocation| {
            line.at + REPORTED_WITHIN < each.started_at() && !each.duration.is_zero()
        };
        // A line that names no invocation is placed in the next one of its stream.
        outside.is_any_before |= !line.is_placed && invocation.as_ref().is_some_and(is_before)
            || invocation.is_some_and(|each| is_long_before(line, each));
        outside.is_any_behind |= match invocation {
            Some(each) => {
                line.at > each.ended_at + REPORTED_WITHIN || (line.is_placed && is_before(&each))
            }
            // Of lines that name no invocation, its report tells that comes next.
            None => line.request_id.is_none() && !invocations.is_empty(),
        };
    }
    outside
}

/// Whether a line that names its invocation has a time before that which no two clocks of Lambda's explain.
fn is_long_before(line: &Line, invocation: &Invocation) -> bool {
    !line.is_placed && line.at + TOLERANCE < invocation.started_at()
}

fn by_request(invocations: &[Invocation]) -> BTreeMap<&str, &Invocation> {
    invocations.iter().map(|each| (each.request_id.as_str(), each)).collect()
}

/// The jobs with each line at a time that it can be of: in its invocation, and not before its job was submitted.
pub(super) fn in_their_invocations(
    jobs: &[Submitted],
    invocations: &[Invocation],
) -> Vec<Submitted> {
    let by_request = by_request(invocations);
    let mut jobs = jobs.to_vec();
    for job in &mut jobs {
        let submitted_at = job.submitted_at;
        for line in &mut job.lines {
            let request = line.request_id.as_deref();
            let invocation = request.and_then(|request| by_request.get(request));
            let told = invocation.filter(|each| each.ended_at + TOLERANCE >= submitted_at);
            let is_early = line.at + TOLERANCE < submitted_at;
            line.at = match told {
                Some(each) if is_early || is_long_before(line, each) => each.started_at(),
                Some(each) => line.at.min(each.ended_at),
                None if is_early => submitted_at,
                None => line.at,
            };
        }
    }
    jobs
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::{account, invocation};
    use super::super::message::tests::job;
    use verifier_model::time::Timestamp;

    use super::super::{InvocationEnd, MessageEnd};
    use super::*;

    fn good(lines: Vec<Line>) -> Submitted {
        Submitted { lines, ..job("g", false) }
    }

    fn of(line: Line, ended: &[(u64, &str)]) -> Account {
        let ended = ended.iter().map(|(at, id)| invocation(*at, id, InvocationEnd::Success));
        account(vec![good(vec![line])], ended.collect())
    }

    #[test]
    fn a_line_behind_its_invocation_was_held_back_and_one_before_it_has_another_clock() {
        let done = |at, request| line(at, 1, Outcome::Succeeded, request);
        let holds = |line, ended: &[(u64, &str)]| of(line, ended).holds_lines_back();
        assert!(holds(done(60, "a"), &[(0, "a"), (60, "b")]));
        let is_early = |line, ended: &[(u64, &str)]| of(line, ended).outside.is_any_before;
        assert!(!holds(done(0, "b"), &[(60, "b")]) && is_early(done(0, "b"), &[(60, "b")]));
        assert!(!is_early(done(0, "a"), &[(0, "a"), (60, "b")]));
        let placed = Line { is_placed: true, ..done(0, "b") };
        assert!(holds(placed.clone(), &[(60, "b")]) && !is_early(placed, &[(60, "b")]));
        assert!(!holds(done(0, "a"), &[(0, "a"), (60, "b")]));
        assert!(!holds(done(60, "a"), &[]));
        // Behind the last report of its stream.
        let bare = Line { request_id: None, ..done(60, "") };
        assert!(holds(bare.clone(), &[(0, "a")]));
        assert!(!holds(bare, &[]));
    }

    #[test]
    fn a_late_line_of_a_first_receive_that_names_no_invocation_may_have_been_held_back() {
        let holds = |at, count, is_placed| {
            let late = Line { is_placed, ..line(at, count, Outcome::Succeeded, "b") };
            of(late, &[(0, "a"), (at, "b")]).holds_lines_back()
        };
        assert!(holds(59, 1, true));
        assert!(!holds(59, 1, false) && !holds(59, 2, true) && !holds(30, 1, true));
    }

    #[test]
    fn it_is_taken_for_written_when_its_invocation_ended() {
        let account = of(line(60, 1, Outcome::Succeeded, "a"), &[(1, "a")]);
        let message = &account.messages[0];
        assert_eq!(message.end, MessageEnd::DoneOnce);
        assert_eq!(message.attempts[0].line.at.since(message.submitted_at).as_secs(), 1);
    }

    #[test]
    fn one_of_a_time_before_its_job_is_of_another_clock_and_taken_for_written_in_its_invocation() {
        let early = |seconds: u64, request: &str| Line {
            at: Timestamp::from_millis(1_000_000 - seconds * 1000),
            ..line(0, 1, Outcome::Succeeded, request)
        };
        let after = |line: Line, ended: &[(u64, &str)]| {
            let account = of(line, ended);
            assert!(account.outside.is_any_before && !account.holds_lines_back());
            let message = &account.messages[0];
            message.attempts[0].line.at.since(message.submitted_at).as_secs()
        };
        assert_eq!(after(early(300, "a"), &[(7, "a"), (60, "b")]), 6);
        // Its report has that clock, too, or is not there.
        assert_eq!(after(early(300, "b"), &[(7, "a")]), 0);
    }
}
