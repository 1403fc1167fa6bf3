//! Attempts: the deliveries of a message to the worker, from its outcome lines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::Outcome;
use verifier_model::time::Timestamp;

use super::{Earlier, Invocation, InvocationEnd, Terms};

/// How much the clocks that stamp log lines may differ: those of several machines.
pub(super) const TOLERANCE: Duration = Duration::from_secs(2);

/// Lines of one attempt that are no further apart are one line, written by several handlers or stored twice.
const ONE_LINE: Duration = Duration::from_millis(50);

/// An outcome line of the worker's. What a worker does not write is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When the log received it.
    pub at: Timestamp,
    /// The SQS message's id.
    pub message_id: Option<String>,
    /// Its `ApproximateReceiveCount`.
    pub receive_count: Option<u32>,
    /// The outcome.
    pub outcome: Outcome,
    /// Why it failed.
    pub reason: Option<String>,
    /// The Lambda request id.
    pub request_id: Option<String>,
    /// How many messages the invocation was handed.
    pub batch_size: Option<u32>,
    /// Whether its invocation follows from its place in the log alone: it is another one where the worker held the line back.
    pub is_placed: bool,
}

/// What became of a message whose invocation failed behind its success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It came again, or is taken to: that is what an event source mapping does.
    #[default]
    Left,
    /// The worker must have deleted it itself: it did not come again.
    Deleted,
    /// Nothing tells whether it came again.
    Unclear,
}

/// A delivery of a message to the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What the worker wrote of it.
    pub line: Line,
    /// The receive count: as the worker wrote it, or counted.
    pub receive_count: u32,
    /// How its invocation ended, where Lambda's report was seen.
    pub end: Option<InvocationEnd>,
    /// How much later the worker wrote last that it succeeded once more, in the same invocation.
    pub again_after: Duration,
    /// How many lines report it.
    pub lines: u32,
    /// What became of the message, where its invocation failed behind its success.
    pub fate: Fate,
}

impl Attempt {
    /// Whether its message is retried, by all that is known: the worker says that it failed, or its whole batch did.
    pub fn failed(&self) -> bool {
        self.line.outcome == Outcome::Failed || self.failed_whole().is_some()
    }

    /// How its invocation ended, where that failed the message with its whole batch.
    pub fn failed_whole(&self) -> Option<InvocationEnd> {
        self.end.filter(|end| end.fails_the_batch() && self.fate == Fate::Left)
    }

    /// Whether the worker did it more than once in one receive, by its lines.
    pub fn is_done_again(&self) -> bool {
        self.again_after > ONE_LINE
    }

    /// Whether the worker says that it succeeded.
    pub fn says_succeeded(&self) -> bool {
        self.line.outcome == Outcome::Succeeded
    }

    /// Whether the invocation was handed this message alone, where that is known.
    pub fn was_alone(&self) -> bool {
        self.line.batch_size == Some(1)
    }
}

/// The attempts that lines of one job report, in the order of time.
///
/// A line that is in the log twice, as CloudWatch Logs may have it, is one attempt. So is what failed first and was tried again
/// within its invocation, with success: the message was received once. Lines without a receive count are
/// counted, for each message by itself, and those of one invocation once: it was handed the message once. `earlier` gives the receives
/// of a message before a line of which nothing was written, since the line before that, or since its submission. Where lines tell of as
/// many receives as `terms` allow, what failed between them was handed other messages; where they tell of more, failures that came
/// before the visibility timeout had passed are of one receive that SQS delivered again.
pub(super) fn attempts(
    lines: &[Line],
    invocations: &BTreeMap<&str, &Invocation>,
    terms: &Terms,
    earlier: impl Fn(Option<Timestamp>, &Line) -> Vec<Earlier>,
) -> Attempts {
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_by_key(|line| line.at);
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut silent = BTreeMap::new();
    let uncounted = uncounted_receives(&lines);
    let mut silent_left = terms.max_receive_count.saturating_sub(uncounted);
    let is_again = |before: Option<Timestamp>, line: &Line| {
        let is_uncounted = line.receive_count.is_none() && line.outcome == Outcome::Failed;
        let is_soon =
            |before: Timestamp| line.at.since(before) + TOLERANCE < terms.visibility_timeout;
        uncounted > terms.max_receive_count && is_uncounted && before.is_some_and(is_soon)
    };
    let mut counted: BTreeMap<Option<&str>, (u32, Option<Timestamp>)> = BTreeMap::new();
    let mut of_requests: BTreeMap<(Option<&str>, &str), u32> = BTreeMap::new();
    for line in lines {
        if let Some(known) = attempts.iter_mut().find(|other| is_the_same(&other.line, line)) {
            known.lines += 1;
            if line.outcome == Outcome::Succeeded {
                known.again_after = line.at.since(known.line.at);
            }
            continue;
        }
        let (message, request) = (line.message_id.as_deref(), line.request_id.as_deref());
        let of_request = request.map(|request| (message, request));
        let (count, since) = counted.entry(message).or_insert((0, None));
        let known = of_request.and_then(|key| of_requests.get(&key)).copied();
        if known.is_none() && !is_again(*since, line) {
            if line.receive_count.is_none() {
                for each in earlier(*since, line).into_iter().take(silent_left as usize) {
                    silent_left -= 1;
                    *count += 1;
                    silent.insert(*count, each);
                }
            }
            *count += 1;
        }
        let number = known.unwrap_or(*count);
        of_requests.extend(of_request.map(|key| (key, number)));
        *since = Some(line.at);
        attempts.push(Attempt {
            receive_count: line.receive_count.unwrap_or(number),
            end: request.and_then(|id| invocations.get(id)).map(|invocation| invocation.end),
            line: line.clone(),
            again_after: Duration::ZERO,
            lines: 1,
            fate: Fate::Left,
        });
    }
    let is_superseded = |line: &Line| attempts.iter().any(|other| supersedes(&other.line, line));
    let superseded: Vec<bool> = attempts.iter().map(|each| is_superseded(&each.line)).collect();
    let mut superseded = superseded.into_iter();
    attempts.retain(|_| !superseded.next().unwrap_or_default());
    Attempts { attempts, silent }
}

/// How many receives of one message lines without a receive count report at most: as many as invocations, or as lines that name
/// none.
fn uncounted_receives(lines: &[&Line]) -> u32 {
    let uncounted = lines.iter().filter(|line| line.receive_count.is_none());
    let mut of_each = BTreeMap::<Option<&str>, BTreeSet<(Option<&str>, Option<Timestamp>)>>::new();
    for line in uncounted {
        let request = line.request_id.as_deref();
        let at = if request.is_none() { Some(line.at) } else { None };
        of_each.entry(line.message_id.as_deref()).or_default().insert((request, at));
    }
    let most = of_each.values().map(BTreeSet::len).max().unwrap_or_default();
    u32::try_from(most).unwrap_or(u32::MAX)
}

/// Whether a success is of the same delivery as a failure before it.
fn supersedes(success: &Line, failure: &Line) -> bool {
    success.outcome == Outcome::Succeeded
        && failure.outcome == Outcome::Failed
        && success.at >= failure.at
        && success.request_id.is_some()
        && success.request_id == failure.request_id
        && success.message_id == failure.message_id
        && success.receive_count == failure.receive_count
}

/// The deliveries of a message.
pub(super) struct Attempts {
    /// Those of which lines tell, in the order of time.
    pub(super) attempts: Vec<Attempt>,
    /// Receives before lines without a receive count of which nothing was written, by that count.
    pub(super) silent: BTreeMap<u32, Earlier>,
}

/// Whether two lines report one attempt. Without a request id, only lines of the same moment do.
fn is_the_same(one: &Line, other: &Line) -> bool {
    one.message_id == other.message_id
        && one.receive_count == other.receive_count
        && one.outcome == other.outcome
        && one.request_id == other.request_id
        && (one.request_id.is_some() || one.at == other.at)
}

/// Whether several attempts are one delivery that SQS made more than once, as a standard queue may: all ended alike, no
/// invocation of them failed as a whole, and each came before the visibility timeout of the one before had passed. After
/// that, a message comes again because it was not deleted.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>.
pub fn is_one_delivery_twice(attempts: &[&Attempt], visibility_timeout: Duration) -> bool {
    let mut attempts: Vec<&&Attempt> = attempts.iter().collect();
    attempts.sort_by_key(|attempt| attempt.line.at);
    attempts.windows(2).all(|pair| {
        let gap = pair[1].line.at.since(pair[0].line.at);
        let alike = pair[0].line.outcome == pair[1].line.outcome;
        alike && pair[0].failed_whole().is_none() && gap + TOLERANCE < visibility_timeout
    })
}

/// Whether several attempts at a failing job are deliveries of one receive by their receive counts, written or counted: each came before
/// the visibility timeout of the one before had passed. That an invocation failed as a whole makes a message visible no sooner.
pub fn is_one_receive_twice(attempts: &[&Attempt], visibility_timeout: Duration) -> bool {
    let mut attempts: Vec<&&Attempt> = attempts.iter().collect();
    attempts.sort_by_key(|attempt| attempt.line.at);
    attempts.windows(2).all(|pair| {
        let (one, other) = (&pair[0].line, &pair[1].line);
        let is_alike = pair[0].receive_count == pair[1].receive_count
            && one.receive_count == other.receive_count
            && one.message_id == other.message_id
            && one.outcome == other.outcome;
        is_alike && other.at.since(one.at) + TOLERANCE < visibility_timeout
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::message::tests::TERMS;
    use super::*;

    pub(in crate::account) fn line(
        seconds: u64,
        receive_count: u32,
        outcome: Outcome,
        request: &str,
    ) -> Line {
        Line {
            at: Timestamp::from_millis(1_000_000 + seconds * 1000),
            message_id: None,
            receive_count: Some(receive_count),
            outcome,
            reason: None,
            request_id: Some(request.to_owned()),
            batch_size: None,
            is_placed: false,
        }
    }

    fn attempts(lines: &[Line], ends: &BTreeMap<&str, &Invocation>) -> Vec<Attempt> {
        super::attempts(lines, ends, &TERMS, |_, _| Vec::new()).attempts
    }

    fn counts(lines: &[Line]) -> Vec<u32> {
        attempts(lines, &BTreeMap::new()).iter().map(|attempt| attempt.receive_count).collect()
    }

    #[test]
    fn a_line_that_is_there_twice_is_one_attempt_and_two_requests_are_two() {
        let failed = Outcome::Failed;
        assert_eq!(counts(&[line(0, 1, failed, "a"), line(3, 1, failed, "a")]), [1]);
        assert_eq!(counts(&[line(0, 1, failed, "a"), line(3, 1, failed, "b")]), [1, 1]);
        let bare = |seconds| Line { request_id: None, ..line(seconds, 1, failed, "") };
        assert_eq!(counts(&[bare(0), bare(0)]), [1]);
        assert_eq!(counts(&[bare(0), bare(1)]), [1, 1]);
    }

    #[test]
    fn what_failed_and_was_tried_again_within_its_invocation_is_one_attempt_that_succeeded() {
        let outcomes = |lines: &[Line]| -> Vec<Outcome> {
            let found = attempts(lines, &BTreeMap::new());
            found.iter().map(|attempt| attempt.line.outcome).collect()
        };
        let (done, failed) = (Outcome::Succeeded, Outcome::Failed);
        assert_eq!(outcomes(&[line(0, 1, failed, "a"), line(1, 1, done, "a")]), [done]);
        for other in [line(1, 1, done, "b"), line(1, 2, done, "a")] {
            assert_eq!(outcomes(&[line(0, 1, failed, "a"), other]), [failed, done]);
        }
        // It was done, and failed behind that.
        assert_eq!(outcomes(&[line(0, 1, done, "a"), line(1, 1, failed, "a")]), [done, failed]);
    }

    #[test]
    fn a_success_that_is_written_again_later_was_done_again_in_one_receive() {
        let is_done_again = |millis, outcome| {
            let first = line(0, 1, outcome, "a");
            let again = Line { at: first.at + Duration::from_millis(millis), ..first.clone() };
            attempts(&[first, again], &BTreeMap::new())[0].is_done_again()
        };
        let done = Outcome::Succeeded;
        assert_eq!(
            [0, 50, 51, 3000].map(|millis| is_done_again(millis, done)),
            [false, false, true, true]
        );
        assert!(!is_done_again(3000, Outcome::Failed));
    }

    #[test]
    fn lines_without_a_receive_count_are_counted_in_the_order_of_time() {
        let bare = |seconds, request| Line {
            receive_count: None,
            ..line(seconds, 0, Outcome::Failed, request)
        };
        assert_eq!(counts(&[bare(60, "b"), bare(0, "a"), bare(0, "a"), bare(120, "c")]), [1, 2, 3]);
    }

    #[test]
    fn what_is_tried_several_times_within_an_invocation_is_one_receive_without_a_count_too() {
        let bare = |seconds, outcome, request| Line {
            receive_count: None,
            ..line(seconds, 0, outcome, request)
        };
        let (done, failed) = (Outcome::Succeeded, Outcome::Failed);
        let again = [bare(0, failed, "a"), bare(1, failed, "a"), bare(2, done, "a")];
        assert_eq!(counts(&again), [1]);
        // Another invocation was handed it at another receive.
        let later = [bare(0, failed, "a"), bare(1, done, "a"), bare(60, done, "b")];
        assert_eq!(counts(&later), [1, 2]);
        assert_eq!(counts(&[bare(0, failed, "a"), bare(60, done, "b")]), [1, 2]);
    }

    #[test]
    fn where_uncounted_lines_tell_of_more_receives_than_are_allowed_early_failures_are_no_others() {
        let bare = |seconds: u64, outcome| Line {
            receive_count: None,
            ..line(seconds, 0, outcome, &format!("r{seconds}"))
        };
        let failed = |times: &[u64]| {
            let lines: Vec<Line> = times.iter().map(|at| bare(*at, Outcome::Failed)).collect();
            counts(&lines)
        };
        assert_eq!(failed(&[0, 1, 60, 61, 120, 121]), [1, 1, 2, 2, 3, 3]);
        assert_eq!(failed(&[0, 60, 61, 120]), [1, 2, 2, 3]);
        // No more than are allowed may each be one, where the worker shortens the visibility timeout.
        assert_eq!(failed(&[0, 5, 10]), [1, 2, 3]);
        assert_eq!(failed(&[0, 60, 120, 180]), [1, 2, 3, 4]);
        let done: Vec<Line> = [0, 1, 2, 3].map(|at| bare(at, Outcome::Succeeded)).into();
        assert_eq!(counts(&done), [1, 2, 3, 4]);
    }

    #[test]
    fn where_lines_tell_of_every_receive_what_failed_between_them_was_handed_others() {
        let bare = |seconds, request| Line {
            receive_count: None,
            ..line(seconds, 0, Outcome::Failed, request)
        };
        let counts = |lines: &[Line]| -> Vec<u32> {
            let one = |_, to: &Line| {
                let request_id = format!("{}", to.at);
                vec![Earlier { request_id, end: InvocationEnd::Error }]
            };
            let found = super::attempts(lines, &BTreeMap::new(), &TERMS, one);
            found.attempts.iter().map(|attempt| attempt.receive_count).collect()
        };
        assert_eq!(counts(&[bare(60, "a"), bare(120, "b"), bare(180, "c")]), [1, 2, 3]);
        assert_eq!(counts(&[bare(60, "a"), bare(120, "b")]), [2, 3]);
        assert_eq!(counts(&[bare(60, "a")]), [2]);
    }

    #[test]
    fn only_what_comes_within_the_visibility_timeout_and_ends_alike_is_one_delivery() {
        let minute = Duration::from_mins(1);
        let once = |lines: &[Line]| {
            let attempts = attempts(lines, &BTreeMap::new());
            is_one_delivery_twice(&attempts.iter().collect::<Vec<_>>(), minute)
        };
        let (done, failed) = (Outcome::Succeeded, Outcome::Failed);
        assert!(once(&[line(0, 1, done, "a"), line(3, 1, done, "b")]));
        assert!(once(&[line(0, 1, done, "a"), line(57, 2, done, "b")]));
        assert!(once(&[line(0, 1, failed, "a"), line(3, 1, failed, "b")]));
        assert!(!once(&[line(0, 1, done, "a"), line(59, 2, done, "b")]));
        assert!(!once(&[line(0, 1, done, "a"), line(60, 2, done, "b")]));
        assert!(!once(&[line(0, 1, failed, "a"), line(3, 2, done, "b")]));
    }

    #[test]
    fn deliveries_of_one_receive_of_a_failing_job_are_told_by_their_counts_however_they_end() {
        let once = |second: u64, count: Option<u32>| {
            let failed = |at, request| Line {
                receive_count: count,
                ..line(at, 1, Outcome::Failed, request)
            };
            let error = |id: &str| Invocation {
                request_id: id.to_owned(),
                ended_at: Timestamp::default(),
                duration: Duration::ZERO,
                end: InvocationEnd::Error,
            };
            let (a, b) = (error("a"), error("b"));
            let ends = BTreeMap::from([("a", &a), ("b", &b)]);
            let attempts = attempts(&[failed(0, "a"), failed(second, "b")], &ends);
            is_one_receive_twice(&attempts.iter().collect::<Vec<_>>(), Duration::from_mins(1))
        };
        assert!(once(1, Some(1)));
        // After the visibility timeout it was received again, and so it may be without a count.
        assert!(!once(60, Some(1)) && !once(1, None));
    }

    #[test]
    fn what_failed_as_a_whole_is_no_second_delivery() {
        let invocation = Invocation {
            request_id: "a".to_owned(),
            ended_at: Timestamp::default(),
            duration: Duration::ZERO,
            end: InvocationEnd::Error,
        };
        let lines = [line(0, 1, Outcome::Succeeded, "a"), line(3, 2, Outcome::Succeeded, "b")];
        let attempts = attempts(&lines, &BTreeMap::from([("a", &invocation)]));
        assert!(attempts[0].failed() && attempts[0].says_succeeded());
        assert!(!is_one_receive_twice(
            &attempts.iter().collect::<Vec<_>>(),
            Duration::from_mins(1)
        ));
        assert!(!is_one_delivery_twice(
            &attempts.iter().collect::<Vec<_>>(),
            Duration::from_mins(1)
        ));
    }
}
