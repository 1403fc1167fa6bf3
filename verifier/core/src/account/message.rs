//! What became of each message.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use verifier_model::time::Timestamp;

use super::attempt::{Attempts, attempts};
use super::beside::set_aside;
use super::held_back::{Outside, in_their_invocations, outside};
use super::uncounted::Candidates;
use super::unwritten::{failing_again, handed, is_any_delivered_twice};
use super::{
    Attempt, Counted, Earlier, Invocation, Line, QueueCounts, Remark, UnknownWork, Unwritten,
    is_one_delivery_twice, surplus,
};

/// What is wanted of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// It is worked on once, and gone.
    Succeeds,
    /// Each attempt at it fails, and it ends in the dead-letter queue.
    Fails,
}

/// What the queue and the mapping allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How often a message may be received.
    pub max_receive_count: u32,
    /// The queue's visibility timeout.
    pub visibility_timeout: Duration,
    /// How long the queue hides a message that was sent, before its first receive.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html>.
    pub delay: Duration,
    /// The most messages in a batch.
    pub batch_size: u32,
}

/// A message of ours in the dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub message_id: String,
    /// When it was seen first.
    pub seen_at: Timestamp,
}

/// A job that was submitted, and all that was seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The job's id.
    pub job_id: String,
    /// What is wanted of it.
    pub expectation: Expectation,
    /// The message's id, where the API accepted it and named one.
    pub message_id: Option<String>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// How many requests submitted it: a request without an answer may have been carried out.
    pub requests: u32,
    /// The worker's lines.
    pub lines: Vec<Line>,
    /// What of it was seen in the dead-letter queue.
    pub found: Vec<Found>,
}

/// Everything that was observed of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// What the queue and the mapping allow.
    pub terms: Terms,
    /// The jobs.
    pub jobs: Vec<Submitted>,
    /// The ends of invocations in the time of the run, whoever they worked for.
    pub invocations: Vec<Invocation>,
    /// The jobs queue's counts before the run.
    pub before: Option<QueueCounts>,
    /// Its counts at the end, when nothing of the run should be there any more.
    pub after: Option<QueueCounts>,
    /// Its counts while the run went on, where nobody else was seen to send.
    pub counted: Vec<Counted>,
    /// How many messages of the run that are no jobs may have been there: bodies that were to be refused.
    pub strays: u64,
    /// Whether the worker reads another source beside the jobs queue.
    pub reads_others: bool,
}

/// Where a message ended, by all that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageEnd {
    /// It was not accepted, and nothing of it was seen.
    NotAccepted,
    /// It was worked on once.
    DoneOnce,
    /// It was worked on more than once. `delivered_twice` says that SQS explains it: one delivery was made again, and nothing failed.
    DoneMoreThanOnce {
        /// Whether at-least-once delivery explains it.
        delivered_twice: bool,
    },
    /// It is in the dead-letter queue.
    DeadLettered,
    /// Another message than the API named holds it.
    Copied,
    /// It may be in the queue still, which holds more messages than before.
    StillThere,
    /// Nothing tells where it is.
    Unaccounted,
}

impl MessageEnd {
    /// The end in a word, as reports write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAccepted => "not-accepted",
            Self::DoneOnce => "done-once",
            Self::DoneMoreThanOnce { .. } => "done-more-than-once",
            Self::DeadLettered => "dead-lettered",
            Self::Copied => "copied",
            Self::StillThere => "still-there",
            Self::Unaccounted => "unaccounted",
        }
    }
}

/// A message: where it was, and where it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAccount {
    /// The job's id.
    pub job_id: String,
    /// What is wanted of it.
    pub expectation: Expectation,
    /// The message's id.
    pub message_id: Option<String>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// How many requests submitted it: each may have made a message.
    pub requests: u32,
    /// The deliveries to the worker, in the order of time.
    pub attempts: Vec<Attempt>,
    /// Receives of which the worker wrote nothing, before lines without a receive count: an inference from time.
    pub silent: BTreeMap<u32, Earlier>,
    /// The message itself, where it is in the dead-letter queue.
    pub dead_lettered: Option<Found>,
    /// The ids of other messages that hold the job and are explained by nothing.
    pub copies: Vec<String>,
    /// The ids of messages under which lines tell of the job, and which may be of another source of the worker's.
    pub beside: Vec<String>,
    /// Where it ended.
    pub end: MessageEnd,
}

/// The account of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What the queue and the mapping allow.
    pub terms: Terms,
    /// Each message.
    pub messages: Vec<MessageAccount>,
    /// The ends of invocations in the time of the run.
    pub invocations: Vec<Invocation>,
    /// How many messages more the queue holds than before; `None` where that is not known.
    pub surplus: Option<u64>,
    /// What invocations were handed by their own lines, and of how many messages those tell.
    pub(super) handed: Vec<Unwritten>,
    /// How lines have times outside of their invocations.
    pub(super) outside: Outside,
    /// Whether lines report two deliveries of one receive.
    pub(super) is_any_delivered_twice: bool,
    /// Of how many messages that are no jobs of the run lines tell, by request id, where that was asked for.
    pub others: BTreeMap<String, u32>,
    /// Lines that report a receive, and of neither success nor failure.
    pub remarks: Vec<Remark>,
    /// The ids of messages of which lines tell that are of the run, and name no job.
    pub nameless: BTreeSet<String>,
    /// Messages of no known job that the worker had meanwhile.
    pub unknown: UnknownWork,
    /// The jobs queue's counts before the run.
    pub(super) before: Option<QueueCounts>,
    /// Its counts while the run went on, where nobody else was seen to send.
    pub(super) counted: Vec<Counted>,
    /// How many messages of the run that are no jobs may have been there.
    pub(super) strays: u64,
    /// How many deliveries of failing jobs were made besides another of the same receive, by the lines.
    pub(super) failing_again: u64,
}

impl MessageAccount {
    /// How often the worker says that it succeeded.
    pub fn successes(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.says_succeeded()).count()
    }

    /// Where it ended, in a word as reports write it. One that was done once, and whose batch failed behind that, has not ended with
    /// its success: it came again, and nothing was written of that.
    pub fn end_as_str(&self) -> &'static str {
        let last = self.attempts.iter().max_by_key(|attempt| attempt.line.at);
        match self.end {
            MessageEnd::DoneOnce if last.is_some_and(Attempt::failed) => "done-and-failed",
            end => end.as_str(),
        }
    }

    /// Whether it ended where it belongs.
    pub fn is_where_it_belongs(&self) -> bool {
        match self.expectation {
            Expectation::Succeeds => self.end == MessageEnd::DoneOnce,
            Expectation::Fails => self.end == MessageEnd::DeadLettered && self.successes() == 0,
        }
    }

    /// The ids of the invocations that are known to have been handed it.
    pub fn requests(&self) -> impl Iterator<Item = &str> {
        self.attempts.iter().filter_map(|attempt| attempt.line.request_id.as_deref())
    }
}

impl Account {
    /// The account of what was observed.
    pub fn of(observed: &Observed) -> Self {
        let surplus = surplus(observed.before, observed.after);
        let invocations = Invocation::joined(&observed.invocations);
        let outside = outside(&observed.jobs, &invocations);
        let jobs = in_their_invocations(&observed.jobs, &invocations);
        let by_request: BTreeMap<&str, &Invocation> =
            invocations.iter().map(|each| (each.request_id.as_str(), each)).collect();
        let handed = handed(&jobs);
        let full = handed.iter().filter(|each| each.messages() == 0);
        let candidates = Candidates {
            terms: observed.terms,
            invocations: &invocations,
            full: &full.map(|each| each.request_id.as_str()).collect(),
            poisoned: &requests_of(&jobs, Expectation::Fails),
        };
        let messages = jobs
            .iter()
            .map(|job| {
                let (job, beside) = set_aside(job.clone(), observed.reads_others);
                let surplus = surplus.unwrap_or_default();
                MessageAccount { beside, ..message(&job, &by_request, &candidates, surplus) }
            })
            .collect();
        let mut account = Self {
            terms: observed.terms,
            messages,
            invocations,
            surplus,
            handed,
            outside,
            is_any_delivered_twice: is_any_delivered_twice(&jobs),
            others: BTreeMap::new(),
            remarks: Vec::new(),
            nameless: BTreeSet::new(),
            unknown: UnknownWork::default(),
            before: observed.before,
            counted: observed.counted.clone(),
            strays: observed.strays,
            failing_again: failing_again(&jobs),
        };
        account.tell_fates();
        account
    }

    /// Whether a message of which there is no line holds a good job that was done in another message, since the verifier submitted it
    /// again: a worker that knows a job by its id skips it.
    pub fn is_done_elsewhere(&self, job: &MessageAccount) -> bool {
        let is_other = |other: &&MessageAccount| {
            other.job_id == job.job_id && other.message_id != job.message_id
        };
        let mut others = self.messages.iter().filter(is_other);
        job.expectation == Expectation::Succeeds
            && job.attempts.is_empty()
            && others.any(|other| other.end == MessageEnd::DoneOnce)
    }

    /// Whether the worker wrote of any message of the run.
    pub fn tells(&self) -> bool {
        self.messages.iter().any(|message| !message.attempts.is_empty())
    }

    /// The messages of which that is wanted, and which were accepted or seen.
    pub fn that(&self, expectation: Expectation) -> impl Iterator<Item = &MessageAccount> {
        self.messages.iter().filter(move |message| {
            message.expectation == expectation && message.end != MessageEnd::NotAccepted
        })
    }
}

/// The ids of the invocations that were handed jobs of which that is wanted, by their lines.
fn requests_of(jobs: &[Submitted], expectation: Expectation) -> BTreeSet<&str> {
    let jobs = jobs.iter().filter(|job| job.expectation == expectation);
    jobs.flat_map(|job| &job.lines).filter_map(|line| line.request_id.as_deref()).collect()
}

fn message(
    job: &Submitted,
    invocations: &BTreeMap<&str, &Invocation>,
    candidates: &Candidates<'_>,
    surplus: u64,
) -> MessageAccount {
    let requests = job.lines.iter().filter_map(|line| line.request_id.as_deref()).collect();
    let terms = candidates.terms;
    let visible_at = job.submitted_at + terms.delay;
    // What was received is hidden until its visibility timeout has passed.
    let earlier = |before: Option<Timestamp>, line: &Line| {
        let from = before.map_or(visible_at, |before| before + terms.visibility_timeout);
        candidates.between(from, line, &requests)
    };
    let Attempts { attempts, silent } = attempts(&job.lines, invocations, &terms, earlier);
    let own = |id: &str| job.message_id.as_deref() == Some(id);
    let dead_lettered = job.found.iter().find(|found| own(&found.message_id)).cloned();
    let copies = copies(job);
    let end = end(job, &attempts, dead_lettered.is_some(), &copies, (terms, surplus));
    MessageAccount {
        job_id: job.job_id.clone(),
        expectation: job.expectation,
        message_id: job.message_id.clone(),
        submitted_at: job.submitted_at,
        requests: job.requests,
        attempts,
        silent,
        dead_lettered,
        copies,
        beside: Vec::new(),
        end,
    }
}

/// The other messages that hold a job. A request that was repeated may have made one each time.
fn copies(job: &Submitted) -> Vec<String> {
    let of_lines = job.lines.iter().filter_map(|line| line.message_id.as_deref());
    let found = job.found.iter().map(|found| found.message_id.as_str());
    let others: BTreeSet<&str> =
        of_lines.chain(found).filter(|id| job.message_id.as_deref() != Some(*id)).collect();
    // Without a message id of its own nothing can be told apart from it: the job was not accepted, and seen all the same.
    let explained =
        if job.message_id.is_some() { job.requests.saturating_sub(1) } else { job.requests.max(1) };
    if others.len() <= explained as usize {
        return Vec::new();
    }
    others.into_iter().map(str::to_owned).collect()
}

fn end(
    job: &Submitted,
    attempts: &[Attempt],
    is_dead_lettered: bool,
    copies: &[String],
    (terms, surplus): (Terms, u64),
) -> MessageEnd {
    let seen = !attempts.is_empty() || !job.found.is_empty();
    if job.message_id.is_none() && !seen {
        return MessageEnd::NotAccepted;
    }
    if !copies.is_empty() {
        return MessageEnd::Copied;
    }
    if is_dead_lettered || (job.message_id.is_none() && !job.found.is_empty()) {
        return MessageEnd::DeadLettered;
    }
    let done: Vec<&Attempt> = attempts.iter().filter(|attempt| attempt.says_succeeded()).collect();
    if done.len() > 1 && of_repeated_requests(job, &done) {
        return MessageEnd::DoneOnce;
    }
    match done.len() {
        0 if surplus > 0 => MessageEnd::StillThere,
        0 => MessageEnd::Unaccounted,
        1 => MessageEnd::DoneOnce,
        _ => MessageEnd::DoneMoreThanOnce {
            delivered_twice: attempts.iter().all(|attempt| !attempt.failed())
                && is_one_delivery_twice(&done, terms.visibility_timeout),
        },
    }
}

/// Whether each success may be of a message of its own that a request of the verifier's made: no more of them than requests that
/// may have been carried out, and each of another message where lines name them.
fn of_repeated_requests(job: &Submitted, done: &[&Attempt]) -> bool {
    let ids: BTreeSet<&str> =
        done.iter().filter_map(|attempt| attempt.line.message_id.as_deref()).collect();
    done.len() <= job.requests as usize && (ids.is_empty() || ids.len() == done.len())
}

#[cfg(test)]
pub(super) mod tests {
    use contract::Outcome;

    use super::super::attempt::tests::line;
    use super::super::{Fate, InvocationEnd};
    use super::*;

    pub(in crate::account) const TERMS: Terms = Terms {
        max_receive_count: 3,
        visibility_timeout: Duration::from_mins(1),
        delay: Duration::ZERO,
        batch_size: 5,
    };

    pub(in crate::account) fn job(name: &str, fails: bool) -> Submitted {
        Submitted {
            job_id: name.to_owned(),
            expectation: if fails { Expectation::Fails } else { Expectation::Succeeds },
            message_id: Some(format!("m-{name}")),
            submitted_at: Timestamp::from_millis(1_000_000),
            requests: 1,
            lines: Vec::new(),
            found: Vec::new(),
        }
    }

    pub(in crate::account) fn found(id: &str) -> Found {
        Found { message_id: id.to_owned(), seen_at: Timestamp::from_millis(1_180_000) }
    }

    fn ended(job: Submitted, after: Option<u64>) -> MessageEnd {
        let counts = |visible| QueueCounts { visible, ..QueueCounts::default() };
        let observed = Observed {
            terms: TERMS,
            jobs: vec![job],
            invocations: Vec::new(),
            before: Some(counts(0)),
            after: after.map(counts),
            counted: Vec::new(),
            strays: 0,
            reads_others: false,
        };
        Account::of(&observed).messages[0].end
    }

    #[test]
    fn a_good_job_in_the_dead_letter_queue_is_there_whatever_the_log_says() {
        let lines = vec![line(0, 1, Outcome::Succeeded, "a")];
        let good = || Submitted { lines: lines.clone(), ..job("g", false) };
        assert_eq!(ended(good(), Some(0)), MessageEnd::DoneOnce);
        let dead = Submitted { found: vec![found("m-g")], ..good() };
        assert_eq!(ended(dead, Some(0)), MessageEnd::DeadLettered);
    }

    #[test]
    fn another_message_with_the_job_is_a_copy_unless_the_request_was_repeated() {
        let copied =
            |requests| Submitted { requests, found: vec![found("m-x")], ..job("g", false) };
        assert_eq!(ended(copied(1), Some(0)), MessageEnd::Copied);
        assert_ne!(ended(copied(2), Some(0)), MessageEnd::Copied);
        let mut other = line(0, 1, Outcome::Succeeded, "a");
        other.message_id = Some("m-x".to_owned());
        let logged = Submitted { lines: vec![other], ..job("g", false) };
        assert_eq!(ended(logged, Some(0)), MessageEnd::Copied);
    }

    #[test]
    fn a_queue_that_holds_more_than_before_may_hold_it() {
        assert_eq!(ended(job("g", false), Some(0)), MessageEnd::Unaccounted);
        assert_eq!(ended(job("g", false), Some(1)), MessageEnd::StillThere);
        assert_eq!(ended(job("g", false), None), MessageEnd::Unaccounted);
    }

    #[test]
    fn two_successes_are_explained_by_one_delivery_or_by_two_requests() {
        let done = |second: u64, count| {
            let lines = vec![
                line(0, 1, Outcome::Succeeded, "a"),
                line(second, count, Outcome::Succeeded, "b"),
            ];
            ended(Submitted { lines, ..job("g", false) }, Some(0))
        };
        assert_eq!(done(3, 1), MessageEnd::DoneMoreThanOnce { delivered_twice: true });
        assert_eq!(done(60, 2), MessageEnd::DoneMoreThanOnce { delivered_twice: false });
        let of = |id: &str, request: &str| Line {
            message_id: Some(id.to_owned()),
            ..line(0, 1, Outcome::Succeeded, request)
        };
        let twice = Submitted {
            requests: 2,
            lines: vec![of("m-g", "a"), of("m-x", "b")],
            ..job("g", false)
        };
        assert_eq!(ended(twice, Some(0)), MessageEnd::DoneOnce);
        let bare = |requests| {
            let of = |second| Line { message_id: None, ..line(second, 1, Outcome::Succeeded, "a") };
            let second = Line { request_id: Some("b".to_owned()), ..of(60) };
            ended(Submitted { requests, lines: vec![of(0), second], ..job("g", false) }, Some(0))
        };
        assert_eq!(bare(2), MessageEnd::DoneOnce);
        assert_eq!(bare(1), MessageEnd::DoneMoreThanOnce { delivered_twice: false });
    }

    #[test]
    fn nothing_is_received_again_within_the_visibility_timeout_of_the_receive_before() {
        let receives = |between: u64| -> Vec<u32> {
            let bare = |at, request: &str| Line {
                receive_count: None,
                ..line(at, 0, Outcome::Succeeded, request)
            };
            let failing = |at, count, request| line(at, count, Outcome::Failed, request);
            let unknown = |ended: u64, id: &str| Invocation {
                request_id: id.to_owned(),
                ended_at: Timestamp::from_millis(1_000_000 + ended * 1000),
                duration: Duration::ZERO,
                end: InvocationEnd::Unknown,
            };
            let jobs = vec![
                Submitted { lines: vec![bare(0, "a"), bare(between + 60, "b")], ..job("g", false) },
                Submitted { lines: vec![failing(between, 1, "p")], ..job("p", true) },
            ];
            let observed = Observed {
                terms: TERMS,
                jobs,
                invocations: vec![
                    unknown(0, "a"),
                    unknown(between, "p"),
                    unknown(between + 60, "b"),
                ],
                before: None,
                after: None,
                counted: Vec::new(),
                strays: 0,
                reads_others: false,
            };
            let account = Account::of(&observed);
            account.messages[0].attempts.iter().map(|each| each.receive_count).collect()
        };
        // The delete of its first receive was lost, and the failing job was alone in another invocation.
        assert_eq!(receives(1), [1, 2]);
        assert_eq!(receives(60), [1, 3]);
    }

    #[test]
    fn one_whose_batch_failed_behind_its_success_is_not_told_to_have_ended_with_that() {
        let end = |fate| {
            let lines = vec![line(0, 1, Outcome::Succeeded, "a")];
            let observed = Observed {
                terms: TERMS,
                jobs: vec![Submitted { lines, ..job("g", false) }],
                invocations: vec![Invocation {
                    request_id: "a".to_owned(),
                    ended_at: Timestamp::from_millis(1_000_100),
                    duration: Duration::ZERO,
                    end: InvocationEnd::Error,
                }],
                before: None,
                after: None,
                counted: Vec::new(),
                strays: 0,
                reads_others: false,
            };
            let mut account = Account::of(&observed);
            account.messages[0].attempts[0].fate = fate;
            account.messages[0].end_as_str()
        };
        assert_eq!(end(Fate::Left), "done-and-failed");
        assert_eq!(end(Fate::Deleted), "done-once");
    }

    #[test]
    fn a_second_message_of_a_job_that_was_done_may_be_skipped_and_another_job_is_not() {
        let is_done_elsewhere = |name: &str, lines: Vec<Line>| {
            let first = Submitted { lines, ..job("g", false) };
            let second = Submitted { job_id: name.to_owned(), ..job("again", false) };
            let jobs = vec![first, second];
            let account = super::super::inference::tests::account(jobs, Vec::new());
            account.is_done_elsewhere(&account.messages[1])
        };
        let done = || vec![line(0, 1, Outcome::Succeeded, "a")];
        assert!(is_done_elsewhere("g", done()));
        assert!(!is_done_elsewhere("another", done()));
        assert!(!is_done_elsewhere("g", Vec::new()));
        assert!(!is_done_elsewhere("g", vec![line(0, 1, Outcome::Failed, "a")]));
    }

    #[test]
    fn a_job_that_was_refused_and_never_seen_is_not_accepted() {
        let refused = || Submitted { message_id: None, ..job("g", false) };
        assert_eq!(ended(refused(), Some(0)), MessageEnd::NotAccepted);
        let seen = Submitted { found: vec![found("m-x")], ..refused() };
        assert_eq!(ended(seen, Some(0)), MessageEnd::DeadLettered);
    }
}
