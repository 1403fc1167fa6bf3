//! A redrive by SQS itself: what the list of message move tasks tells, and what SQS means when it refuses one.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>, and
//! recordings for the words of refusals.

use std::time::Duration;

use verifier_model::time::Timestamp;

use super::Headway;
use crate::dead_letters::Depth;

/// How a move task is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NativeStatus {
    /// It moves messages.
    Running,
    /// It was told to stop, and still moves some.
    Cancelling,
    /// There is nothing left to move.
    Completed,
    /// It was stopped. What it had moved stays moved.
    Cancelled,
    /// A message could not be moved.
    Failed,
    /// Something that SQS did not say when this was written.
    Other(String),
}

impl NativeStatus {
    /// The status of that name.
    pub fn named(name: &str) -> Self {
        match name {
            "RUNNING" => Self::Running,
            "CANCELLING" => Self::Cancelling,
            "COMPLETED" => Self::Completed,
            "CANCELLED" => Self::Cancelled,
            "FAILED" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Running => "RUNNING",
            Self::Cancelling => "CANCELLING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
            Self::Other(name) => name,
        }
    }

    /// Whether more may happen. Of a status that is not known nobody can say that nothing will.
    pub fn is_active(&self) -> bool {
        matches!(self, Self::Running | Self::Cancelling | Self::Other(_))
    }
}

/// A move task as SQS lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeTask {
    /// How it is doing.
    pub status: NativeStatus,
    /// By which it can be cancelled; listed only while it is running.
    pub handle: Option<String>,
    /// About how many messages it has moved.
    pub moved: u64,
    /// About how many there were when it started.
    pub to_move: Option<u64>,
    /// The most that it moves in a second; SQS chooses when absent.
    pub rate: Option<u32>,
    /// The ARN of the queue that it moves messages to; each goes back to where it came from when absent.
    pub destination: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// Why it failed, in SQS's words.
    pub failure_reason: Option<String>,
}

impl NativeTask {
    /// How many hundredths it has moved; `None` when it is not known how many there were.
    pub fn percent(&self) -> Option<u64> {
        match self.to_move? {
            0 => None,
            to_move => Some((self.moved.saturating_mul(100) / to_move).min(100)),
        }
    }

    /// How many messages it moves in a second: as it did until now, but no more than it was told to, or else as it was told to.
    pub fn rate_at(&self, now: Timestamp) -> Option<f64> {
        self.headway(now).rate()
    }

    /// How much longer it takes at that rate.
    pub fn remaining_at(&self, now: Timestamp) -> Option<Duration> {
        self.headway(now).remaining()
    }

    fn headway(&self, now: Timestamp) -> Headway {
        let elapsed = now.since(self.started_at);
        Headway { done: self.moved, of: self.to_move, elapsed, limit: self.rate }
    }

    /// What a failure means, and what to do about it.
    pub fn failure(&self) -> Option<Explanation> {
        let reason = self.failure_reason.as_deref()?;
        let where_to = self.destination.as_deref();
        let (what, next) = if reason.contains("NonExistentQueue") {
            match where_to {
                Some(arn) => (
                    format!("{arn} does not exist any more"),
                    "make the queue again, or name another with --to; what is left is in the dead-letter queue",
                ),
                None => (
                    "a queue that a message came from does not exist any more".to_owned(),
                    "name a queue with --to; what is left is in the dead-letter queue",
                ),
            }
        } else if reason.contains("CouldNotDetermineMessageSource") {
            (
                "SQS does not know where a message came from: it was sent to the dead-letter queue, not moved there".to_owned(),
                "name a queue with --to",
            )
        } else if reason.contains("AccessDenied") || reason.to_ascii_lowercase().contains("kms") {
            (
                "SQS was not allowed to move a message on behalf of the caller who started the task"
                    .to_owned(),
                PERMISSIONS,
            )
        } else {
            ("SQS could not move a message".to_owned(), "what is left is in the dead-letter queue")
        };
        Some(Explanation { what: format!("{what} ({reason})"), next: next.to_owned() })
    }
}

/// What a task needs to be allowed.
const PERMISSIONS: &str = "allow sqs:StartMessageMoveTask, sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes on the \
     dead-letter queue, and sqs:SendMessage on the queues that messages go to; where they have a key of your own, kms:Decrypt \
     and kms:GenerateDataKey on it";

/// What happened, and the one thing to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What happened.
    pub what: String,
    /// What to do.
    pub next: String,
}

/// Which of a queue's tasks is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// One that was just started.
    Started {
        /// As SQS returned it. Once the task is over, the list does not hold it any more.
        handle: String,
        /// When the newest task that was listed before had started.
        newest_before: Option<Timestamp>,
    },
    /// One that was listed, by when it started: a queue has one active task at a time.
    Listed(Timestamp),
}

impl Wanted {
    /// That task in a list, unless it is not listed yet.
    pub fn find<'a>(&self, tasks: &'a [NativeTask]) -> Option<&'a NativeTask> {
        tasks.iter().find(|task| match self {
            Self::Started { handle, newest_before } => {
                task.handle.as_ref() == Some(handle)
                    || newest_before.is_none_or(|before| task.started_at > before)
            }
            Self::Listed(started_at) => task.started_at == *started_at,
        })
    }
}

/// Why SQS does not start or cancel a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another task of this queue is active.
    AlreadyActive,
    /// No queue has it for its dead-letter queue.
    NotADeadLetterQueue,
    /// The dead-letter queue does not exist.
    NoSource,
    /// The destination does not exist.
    NoDestination,
    /// Whoever asks may not.
    Denied,
    /// The task is over, or has been told to stop already.
    NotRunning,
    /// Something else.
    Other,
}

impl Refusal {
    /// What an error of SQS means, by its code and its words: one code stands for several of these.
    pub fn of(code: Option<&str>, message: &str) -> Self {
        let has_code = |part: &str| code.is_some_and(|code| code.contains(part));
        if message.contains("already a task running") || message.contains("Only one active task") {
            Self::AlreadyActive
        } else if message.contains("must be configured as a Dead Letter Queue") {
            Self::NotADeadLetterQueue
        } else if message.contains("SourceArn parameter doesn't exist") {
            Self::NoSource
        } else if message.contains("DestinationArn parameter doesn't exist") {
            Self::NoDestination
        } else if has_code("AccessDenied") {
            Self::Denied
        } else if message.contains("Task does not exist")
            || message.contains("parameter TaskHandle is invalid")
            || has_code("UnsupportedOperation")
        {
            Self::NotRunning
        } else {
            Self::Other
        }
    }

    /// Whether what was asked for can never be had, as opposed to not now or not by this caller.
    pub fn is_usage(self) -> bool {
        matches!(self, Self::NotADeadLetterQueue | Self::NoSource | Self::NoDestination)
    }

    /// What it means for these queues; `None` where SQS's own words say as much.
    pub fn explain(self, source: &str, destination: Option<&str>) -> Option<Explanation> {
        let destination = destination.unwrap_or("the destination");
        let (what, next) = match self {
            Self::AlreadyActive => (
                format!(
                    "another task is moving the messages of {source}, and SQS runs one at a time"
                ),
                "watch it with --native --watch, or stop it with --native --cancel",
            ),
            Self::NotADeadLetterQueue => (
                format!(
                    "{source} is the dead-letter queue of no SQS queue, and SQS moves messages out of such queues only"
                ),
                "leave --native out and name a queue with --to: the verifier then moves them itself",
            ),
            Self::NoSource => {
                (format!("{source} does not exist"), "check the name, the account and the region")
            }
            Self::NoDestination => (
                format!("{destination} does not exist"),
                "make the queue, or name another with --to; it has to be in the dead-letter queue's account and region",
            ),
            Self::Denied => (format!("a task on {source} is denied"), PERMISSIONS),
            Self::NotRunning => (
                format!("the task on {source} is not running any more"),
                "see how it ended with --native --watch",
            ),
            Self::Other => return None,
        };
        Some(Explanation { what, next: next.to_owned() })
    }
}

/// Whether a request to start a task that has failed with that code may have started it: nothing was answered, or a fault of SQS's own.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>.
pub fn may_have_started(code: Option<&str>) -> bool {
    code.is_none_or(|code| code.contains("Internal") || code.contains("ServiceUnavailable"))
}

/// Whether what a queue counts after a task that is over needs no second look: nothing is left, or nothing but what SQS could not
/// reach, and counted as such before.
pub fn is_settled(out_of_reach: Depth, now: Depth) -> bool {
    now.visible == 0
        && now.in_flight <= out_of_reach.in_flight
        && now.delayed <= out_of_reach.delayed
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(100_000);

    fn task(status: &str, moved: u64) -> NativeTask {
        NativeTask {
            status: NativeStatus::named(status),
            handle: (status == "RUNNING").then(|| "handle".to_owned()),
            moved,
            to_move: Some(10),
            rate: Some(1),
            destination: Some("arn:aws:sqs:eu-central-1:111111111111:target".to_owned()),
            started_at: START,
            failure_reason: None,
        }
    }

    #[test]
    fn each_recorded_refusal_is_understood() {
        for (code, message, refusal) in [
            (
                "InvalidParameterValue",
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
                Refusal::AlreadyActive,
            ),
            (
                "InvalidParameterValue",
                "Source queue must be configured as a Dead Letter Queue.",
                Refusal::NotADeadLetterQueue,
            ),
            (
                "ResourceNotFoundException",
                "The resource that you specified for the DestinationArn parameter doesn't exist.",
                Refusal::NoDestination,
            ),
            (
                "ResourceNotFoundException",
                "The resource that you specified for the SourceArn parameter doesn't exist.",
                Refusal::NoSource,
            ),
            ("ResourceNotFoundException", "Task does not exist.", Refusal::NotRunning),
            (
                "InvalidParameterValue",
                "Value for parameter TaskHandle is invalid.",
                Refusal::NotRunning,
            ),
            ("AccessDeniedException", "User: … is not authorized", Refusal::Denied),
        ] {
            assert_eq!(Refusal::of(Some(code), message), refusal, "{message}");
            let explained = refusal.explain("dead", Some("target")).unwrap();
            assert!(!explained.what.is_empty() && !explained.next.is_empty());
        }
        let other = Refusal::of(Some("InternalError"), "We are sorry");
        assert_eq!((other, other.explain("dead", None)), (Refusal::Other, None));
    }

    #[test]
    fn a_task_is_told_from_those_before_it() {
        let old = NativeTask { started_at: Timestamp::from_millis(50_000), ..task("FAILED", 3) };
        let started =
            |newest_before| Wanted::Started { handle: "handle".to_owned(), newest_before };
        let (new, ended) = (task("RUNNING", 0), task("COMPLETED", 10));
        let wanted = started(Some(old.started_at));
        assert_eq!(wanted.find(std::slice::from_ref(&old)), None, "it is not listed yet");
        assert_eq!(wanted.find(&[new.clone(), old.clone()]), Some(&new));
        // Without a handle, it is the newer one.
        assert_eq!(wanted.find(&[ended.clone(), old.clone()]), Some(&ended));
        assert_eq!(started(None).find(&[]), None);
        assert_eq!(started(None).find(std::slice::from_ref(&ended)), Some(&ended));
        assert_eq!(Wanted::Listed(START).find(&[old, ended.clone()]), Some(&ended));
    }

    #[test]
    fn how_far_a_task_is_and_how_long_it_takes() {
        let after = |seconds| START + Duration::from_secs(seconds);
        let running = task("RUNNING", 2);
        assert_eq!(running.percent(), Some(20));
        assert_eq!(running.remaining_at(after(4)), Some(Duration::from_secs(16)), "as until now");
        assert_eq!(running.remaining_at(START), Some(Duration::from_secs(8)), "as it was reported");
        // The first is moved at once, which makes it look faster than it is.
        assert_eq!(running.remaining_at(after(1)), Some(Duration::from_secs(8)));
        let unknown = NativeTask { to_move: None, ..running.clone() };
        assert_eq!((unknown.percent(), unknown.remaining_at(after(4))), (None, None));
        // The figures are approximate: more may be moved than there seemed to be.
        assert_eq!(task("RUNNING", 11).percent(), Some(100));
        assert_eq!(task("RUNNING", 11).remaining_at(after(4)), Some(Duration::ZERO));
        let chosen = NativeTask { rate: None, ..task("RUNNING", 0) };
        assert_eq!(chosen.remaining_at(after(4)), None);
        assert_eq!(NativeTask { to_move: Some(0), ..running }.percent(), None);
    }

    #[test]
    fn only_some_statuses_are_an_end() {
        for (name, active) in [
            ("RUNNING", true),
            ("CANCELLING", true),
            ("COMPLETED", false),
            ("CANCELLED", false),
            ("FAILED", false),
            ("PAUSED", true),
        ] {
            let status = NativeStatus::named(name);
            assert_eq!((status.as_str(), status.is_active()), (name, active));
        }
    }

    #[test]
    fn a_failure_says_which_queue_is_gone_and_what_to_do() {
        let failed = |reason: &str, destination: Option<&str>| {
            let failure_reason = Some(reason.to_owned());
            let destination = destination.map(str::to_owned);
            NativeTask { destination, failure_reason, ..task("FAILED", 3) }.failure().unwrap()
        };
        let gone = failed("AWS.SimpleQueueService.NonExistentQueue", Some("arn:target"));
        assert_eq!(
            gone.what,
            "arn:target does not exist any more (AWS.SimpleQueueService.NonExistentQueue)"
        );
        assert!(failed("AWS.SimpleQueueService.NonExistentQueue", None).what.contains("came from"));
        assert!(failed("CouldNotDetermineMessageSource", None).next.contains("--to"));
        assert!(failed("AccessDenied", None).next.contains("sqs:SendMessage"));
        assert!(failed("Whatever", None).what.contains("Whatever"));
        assert_eq!(task("COMPLETED", 10).failure(), None);
    }

    #[test]
    fn only_an_answer_says_that_no_task_was_started() {
        assert!(may_have_started(None) && may_have_started(Some("InternalFailure")));
        assert!(!may_have_started(Some("AccessDenied")));
        assert!(!may_have_started(Some("InvalidParameterValue")));
    }

    #[test]
    fn counts_are_looked_at_again_while_they_may_be_old() {
        let depth = |visible, in_flight, delayed| Depth { visible, in_flight, delayed };
        let before = depth(0, 5, 1);
        for (now, settled) in [
            (depth(0, 0, 0), true),
            (depth(0, 5, 1), true),
            (depth(1, 5, 0), false),
            (depth(0, 6, 0), false),
            (depth(0, 5, 2), false),
        ] {
            assert_eq!(is_settled(before, now), settled, "{now:?}");
        }
    }
}
