//! Whether lines may be missing that the worker wrote.
//!
//! CloudWatch Logs gives lines late, now and then by minutes, and under the time that a client gave them. So that nothing is written
//! of a message convicts the worker only where the log is known to be whole: Lambda reported every invocation that may have been
//! handed the message, and lines report as many messages as each of those was handed. Here alone that is decided.
//!
//! Sources: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html>, logs take minutes to appear, and
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>, events bring their own time.

use std::collections::BTreeSet;
use std::time::Duration;

use verifier_model::time::Timestamp;

use super::attempt::TOLERANCE;
use super::inference::window;
use super::{Account, Expectation, Explained, Invocation, MessageAccount, Unwritten};

/// How many good jobs without a line, beside as many lines of failing jobs of which none is missing, are more than chance: where every
/// other line is late, that is one run of four thousand.
const TOO_MANY: usize = 6;

/// Why lines of a message may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The worker holds lines back behind the end of their invocation.
    HeldBack,
    /// Lines have times before their invocation began.
    Early,
    /// Lines name an invocation that Lambda reports nowhere in the log.
    Report {
        /// Its request id.
        request_id: String,
    },
    /// An invocation was handed more messages than lines report.
    Lines {
        /// Its request id.
        request_id: String,
        /// How many messages it was handed.
        handed: u32,
        /// Of how many lines tell.
        written: u32,
    },
    /// There is no line of an invocation that may have been handed it.
    AllLines {
        /// Its request id.
        request_id: String,
    },
    /// Lines do not tell how many messages an invocation was handed, and it may have been handed this one.
    Size {
        /// Its request id.
        request_id: String,
    },
    /// A message in the dead-letter queue was received as often as it may be, and of one receive there is nothing.
    Receive {
        /// Its job's id.
        job_id: String,
        /// Which receive.
        receive_count: u32,
    },
    /// Lambda reports no invocation at all.
    Reports,
}

impl Missing {
    /// What tells that lines may be missing, in words.
    pub fn in_words(&self) -> String {
        match self {
            Self::HeldBack => "the worker holds lines back behind the end of their invocation, so some may never come: let it write them all before it answers".to_owned(),
            Self::Early => "lines have times before their invocation began, so others may have times at which they are not looked for: let Lambda give them their time".to_owned(),
            Self::Report { request_id } => format!("the log lacks Lambda's report of invocation {request_id}, so it may lack more that comes late"),
            Self::Lines { request_id, handed, written } => format!("invocation {request_id} was handed {handed} messages and the log has lines of {written}, so one may come late"),
            Self::AllLines { request_id } => format!("the log has no line of invocation {request_id}, which may come late"),
            Self::Size { request_id } => format!("invocation {request_id} may have been handed it, and its line may come late: let the worker write its batch size"),
            Self::Receive { job_id, receive_count } => format!("the log lacks receive {receive_count} of {job_id}, so it may lack more that comes late"),
            Self::Reports => "the log has no report of Lambda's that would tell whether every invocation has its lines".to_owned(),
        }
    }
}

impl Account {
    /// Why a line may be missing of a receive of a message that has none; `None` where the log is whole as far as that is concerned, so
    /// that what is not there was not written.
    pub fn missing_lines(&self, message: &MessageAccount) -> Option<Missing> {
        if self.holds_lines_back() {
            return Some(Missing::HeldBack);
        }
        if self.outside.is_any_before {
            return Some(Missing::Early);
        }
        if self.invocations.is_empty() {
            return Some(Missing::Reports);
        }
        if self.writes_of_failing_alone() {
            return None;
        }
        let reported: BTreeSet<&str> =
            self.invocations.iter().map(|each| each.request_id.as_str()).collect();
        let own = self.messages.iter().flat_map(MessageAccount::requests);
        // A batch may hold messages of other senders, too.
        let of_others =
            self.others.keys().map(String::as_str).filter(|request| !request.is_empty());
        let mut requests = own.chain(of_others);
        if let Some(request) = requests.find(|request| !reported.contains(request)) {
            return Some(Missing::Report { request_id: request.to_owned() });
        }
        let seen = |count: u32| message.attempts.iter().any(|each| each.receive_count == count);
        let missing = (1..=self.terms.max_receive_count).filter(|count| !seen(*count));
        let within: Vec<_> = missing.map(|count| window(message, count)).collect();
        let is_possible = |each: &&Invocation| {
            let (from, to) = (each.started_at(), each.ended_at);
            !each.end.fails_the_batch()
                && !message.requests().any(|request| request == each.request_id)
                && within
                    .iter()
                    .any(|(since, until)| to + TOLERANCE >= *since && from <= *until + TOLERANCE)
        };
        let gaps = self.unwritten();
        if let Some(Unwritten { request_id, handed, written, .. }) = gaps.first().cloned() {
            return Some(Missing::Lines { request_id, handed, written });
        }
        let possible = self.invocations.iter().filter(is_possible);
        let missing = possible.filter_map(|each| self.missing_of(&each.request_id));
        missing.min_by_key(rank).or_else(|| match message.expectation {
            Expectation::Succeeds => self.missing_receive(),
            // A throttled receive leaves nothing either, and those of all failing jobs may be.
            Expectation::Fails => None,
        })
    }

    /// A receive of a failing job of which nothing tells, although it must have been.
    fn missing_receive(&self) -> Option<Missing> {
        let mut failing = self.that(Expectation::Fails).filter(|job| job.dead_lettered.is_some());
        failing.find_map(|job| {
            let mut unseen = self.unseen(job).into_iter();
            let unseen = unseen.find(|each| each.explained == Explained::Nothing)?;
            let (job_id, receive_count) = (job.job_id.clone(), unseen.receive_count);
            Some(Missing::Receive { job_id, receive_count })
        })
    }

    /// What an invocation leaves open of what it was handed.
    fn missing_of(&self, request: &str) -> Option<Missing> {
        let request_id = request.to_owned();
        if self.handed.iter().any(|each| each.request_id == request) {
            return None;
        }
        let mut requests = self.messages.iter().flat_map(MessageAccount::requests);
        let is_written = self.others.contains_key(request) || requests.any(|own| own == request);
        Some(if is_written {
            Missing::Size { request_id }
        } else {
            Missing::AllLines { request_id }
        })
    }

    /// Whether the worker writes of failing jobs and not of good ones, which is not by chance: there are many of both, no good job has
    /// a line, and every receive of the failing jobs has one.
    fn writes_of_failing_alone(&self) -> bool {
        let mut good = self.that(Expectation::Succeeds);
        let is_each_written = |failing: &MessageAccount| {
            let counts: BTreeSet<u32> =
                failing.attempts.iter().map(|each| each.receive_count).collect();
            (1..=self.terms.max_receive_count).all(|count| counts.contains(&count))
        };
        self.that(Expectation::Succeeds).count() >= TOO_MANY
            && good.all(|job| job.attempts.is_empty() && job.dead_lettered.is_none())
            && self.that(Expectation::Fails).map(|job| job.attempts.len()).sum::<usize>()
                >= TOO_MANY
            && self.that(Expectation::Fails).all(is_each_written)
    }

    /// Until when lines may still come of what seems to be unwritten, where they take so long: of invocations without a line, and of
    /// those that were handed more messages than lines report. `silent` are the former.
    pub fn lines_come_until(&self, silent: &[Invocation], within: Duration) -> Option<Timestamp> {
        let gaps = self.unwritten();
        let gaps = gaps.iter().map(|gap| {
            let mut ends = self.invocations.iter().filter(|each| each.request_id == gap.request_id);
            ends.next().map_or(gap.at, |each| each.ended_at)
        });
        let ended = gaps.chain(silent.iter().map(|each| each.ended_at)).max();
        ended.map(|ended_at| ended_at + within)
    }
}

/// What tells most comes first.
fn rank(missing: &Missing) -> u8 {
    match missing {
        Missing::AllLines { .. } => 0,
        _ => 1,
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

    /// A failing job in an invocation that was handed so many messages, and a good one without a line.
    fn with(size: Option<u32>, reports: &[(u64, &str)]) -> Account {
        let lines =
            [(0, 1, "b1"), (60, 2, "b2"), (120, 3, "b3")].map(|(at, count, request)| Line {
                batch_size: if at == 0 { size } else { Some(1) },
                ..line(at, count, Outcome::Failed, request)
            });
        let failing =
            Submitted { lines: lines.into(), found: vec![found("m-p")], ..job("p", true) };
        let ends = reports.iter().map(|(at, id)| invocation(*at, id, InvocationEnd::Success));
        account(vec![failing, job("g", false)], ends.collect())
    }

    const ALL: &[(u64, &str)] = &[(0, "b1"), (60, "b2"), (120, "b3")];

    fn missing(account: &Account) -> Option<Missing> {
        account.missing_lines(&account.messages[1])
    }

    #[test]
    fn the_log_is_whole_where_lines_report_as_many_messages_as_each_invocation_was_handed() {
        assert_eq!(missing(&with(Some(1), ALL)), None);
    }

    #[test]
    fn a_line_may_be_missing_of_any_invocation_that_may_have_been_handed_the_message() {
        let request_id = || "b1".to_owned();
        let lines = Missing::Lines { request_id: request_id(), handed: 2, written: 1 };
        assert_eq!(missing(&with(Some(2), ALL)), Some(lines));
        assert_eq!(missing(&with(None, ALL)), Some(Missing::Size { request_id: request_id() }));
        let silent = [ALL, &[(9, "silent")]].concat();
        let silent = missing(&with(Some(1), &silent));
        assert_eq!(silent, Some(Missing::AllLines { request_id: "silent".to_owned() }));
    }

    #[test]
    fn reports_that_are_missing_leave_open_what_else_is() {
        assert_eq!(missing(&with(Some(1), &[])), Some(Missing::Reports));
        let request_id = "b2".to_owned();
        assert_eq!(
            missing(&with(Some(1), &[(0, "b1"), (120, "b3")])),
            Some(Missing::Report { request_id })
        );
    }

    #[test]
    fn a_report_that_is_missing_of_another_senders_invocation_leaves_open_what_else_is() {
        let with_others = |request: &str| {
            missing(&with(Some(1), ALL).with_others([(request.to_owned(), 1)].into()))
        };
        let request_id = "late".to_owned();
        assert_eq!(with_others("late"), Some(Missing::Report { request_id }));
        // That was reported, or the line names no invocation.
        assert_eq!(["b1", ""].map(with_others), [None, None]);
    }

    #[test]
    fn a_receive_of_another_message_that_must_have_been_and_left_nothing_leaves_open_what_else_did()
    {
        let mut account = with(Some(1), ALL);
        account.messages[0].attempts.remove(1);
        account.invocations.retain(|each| each.request_id != "b2");
        let receive = Missing::Receive { job_id: "p".to_owned(), receive_count: 2 };
        assert_eq!(missing(&account), Some(receive));
        // SQS may have counted one too many, or Lambda throttled the worker.
        assert_eq!(account.missing_lines(&account.messages[0]), None);
    }

    #[test]
    fn what_failed_as_a_whole_or_was_written_of_by_others_hides_no_line() {
        let mut account = with(Some(1), ALL);
        account.invocations.push(invocation(9, "failed", InvocationEnd::Error));
        assert_eq!(missing(&account), None);
        // Further work was in that batch.
        let account = with(Some(2), ALL);
        assert_eq!(missing(&account.with_others([("b1".to_owned(), 1)].into())), None);
    }

    #[test]
    fn many_good_jobs_without_any_line_beside_failing_ones_with_all_are_no_chance() {
        let of = |good: usize, failing: usize| {
            let mut account = with(Some(9), ALL);
            let (failed, lost) = (account.messages[0].clone(), account.messages[1].clone());
            account.messages.extend(vec![lost; good - 1]);
            account.messages.extend(vec![failed; failing - 1]);
            account
        };
        let is_missing = |account: &Account| missing(account).is_some();
        assert!(!is_missing(&of(TOO_MANY, 2)));
        assert!(is_missing(&of(TOO_MANY - 1, 2)) && is_missing(&of(TOO_MANY, 1)));
        let mut account = of(TOO_MANY, 2);
        account.messages[0].attempts.pop();
        assert!(is_missing(&account));
    }

    #[test]
    fn lines_of_what_seems_unwritten_may_come_for_as_long_as_they_take() {
        let within = Duration::from_secs(30);
        let until = |size| {
            let account = with(Some(size), ALL);
            account.lines_come_until(&[], within).map(Timestamp::as_millis)
        };
        assert_eq!([until(1), until(2)], [None, Some(1_030_000)]);
        let silent = [invocation(50, "s", InvocationEnd::Success)];
        let until = with(Some(1), ALL).lines_come_until(&silent, within);
        assert_eq!(until.map(Timestamp::as_millis), Some(1_080_000));
    }
}
