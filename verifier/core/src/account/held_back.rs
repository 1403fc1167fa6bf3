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
        self.is_any_held_back || self.messages.iter().any(may_be)
    }

    /// Whether a line of a message's first receive that names no invocation came a visibility timeout after the message was there.
    fn is_told_late(&self, job: &MessageAccount) -> bool {
        let late_from = job.submitted_at + self.terms.delay + self.terms.visibility_timeout;
        job.attempts.iter().map(|attempt| &attempt.line).any(|line| {
            line.is_placed && line.receive_count == Some(1) && line.at + TOLERANCE >= late_from
        })
    }
}

/// Whether any line was written outside of its invocation.
pub(super) fn is_any_held_back(jobs: &[Submitted], invocations: &[Invocation]) -> bool {
    let by_request: BTreeMap<&str, &Invocation> =
        invocations.iter().map(|each| (each.request_id.as_str(), each)).collect();
    let is_outside = |line: &Line| match line.request_id.as_deref() {
        Some(request) => by_request.get(request).is_some_and(|each| {
            line.at > each.ended_at + REPORTED_WITHIN
                || line.at + REPORTED_WITHIN < each.started_at()
        }),
        // Of lines that name no invocation, its report tells that comes next.
        None => !invocations.is_empty(),
    };
    jobs.iter().flat_map(|job| &job.lines).any(is_outside)
}

/// The jobs with each line at the time of its invocation, where it was written later.
pub(super) fn in_their_invocations(
    jobs: &[Submitted],
    invocations: &[Invocation],
) -> Vec<Submitted> {
    let ended: BTreeMap<&str, _> =
        invocations.iter().map(|each| (each.request_id.as_str(), each.ended_at)).collect();
    let mut jobs = jobs.to_vec();
    for line in jobs.iter_mut().flat_map(|job| &mut job.lines) {
        let ended_at = line.request_id.as_deref().and_then(|request| ended.get(request));
        line.at = ended_at.map_or(line.at, |ended_at| line.at.min(*ended_at));
    }
    jobs
}

#[cfg(test)]
mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::inference::tests::{account, invocation};
    use super::super::message::tests::job;
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
    fn a_line_behind_or_before_its_invocation_was_held_back() {
        let done = |at, request| line(at, 1, Outcome::Succeeded, request);
        let holds = |line, ended: &[(u64, &str)]| of(line, ended).holds_lines_back();
        assert!(holds(done(60, "a"), &[(0, "a"), (60, "b")]));
        assert!(holds(done(0, "b"), &[(60, "b")]));
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
}
