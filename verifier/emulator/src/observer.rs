//! What happens inside, for who evaluates an experiment: each message's sends, receives and deletes, and each invocation that a
//! mapping makes. A client of AWS sees none of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use verifier_model::event_source_mapping::InvocationOutcome;
use verifier_model::sqs::{QueueEvent, QueueEventKind};
use verifier_model::time::Timestamp;

/// More than that is not kept, and then it is said that something is missing; in bytes of what is held, roughly.
const KEPT_MAX: usize = 64 * 1_048_576;
/// What an event takes besides its texts, in bytes.
const EVENT_BYTES: usize = 200;

/// Who looks on. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Observer(Arc<Inner>);

#[derive(Default)]
struct Inner {
    is_on: AtomicBool,
    kept: Mutex<Observed>,
}

/// What was seen so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// Whether nothing is missing.
    pub is_whole: bool,
    #[serde(skip)]
    bytes: usize,
    /// What happened, in its order.
    pub events: Vec<Seen>,
}

/// An event, and when it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When, by the stack's clock.
    pub at: Timestamp,
    /// What.
    pub event: Inside,
}

/// What happened in the inside. Queues and functions are named; messages and invocations have their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are what they are called")]
pub enum Inside {
    /// A sender put a message there.
    Sent { queue: String, message: String, body: String },
    /// It was received: `ApproximateReceiveCount`, this receive included.
    Received { queue: String, message: String, receive_count: u32 },
    /// It was deleted.
    Deleted { queue: String, message: String },
    /// It was purged, with all others of its queue.
    Purged { queue: String, message: String },
    /// A redrive policy put it there.
    DeadLettered { queue: String, message: String, body: String },
    /// A message move task put it there, as a new message.
    MovedBack { queue: String, message: String, from: String, body: String },
    /// A mapping offered a batch to a function that had no concurrency left.
    Throttled { function: String, messages: Vec<String> },
    /// A mapping invoked a function with a batch.
    Invoked { function: String, invocation: String, messages: Vec<String> },
    /// Such an invocation ended, and its mapping left these messages in the queue.
    Ended {
        function: String,
        invocation: String,
        how: HowEnded,
        kept: Vec<String>,
        /// What its answer named as failed, whether the mapping heeded that or not; an emulator of before does not tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        named: Option<Vec<String>>,
    },
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HowEnded {
    /// The function answered.
    Responded,
    /// The function reported an error.
    Errored,
    /// The function took longer than its timeout.
    TimedOut,
    /// The function's process ended.
    Crashed,
}

impl Observer {
    /// Whether anybody looks on.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_on.load(Ordering::SeqCst)
    }

    /// Begins or ends to look on. What was seen before is forgotten.
    pub(crate) fn look_on(&self, is_on: bool) {
        *self.lock() = Observed { is_whole: true, ..Observed::default() };
        self.0.is_on.store(is_on, Ordering::SeqCst);
    }

    /// Something happens.
    pub(crate) fn see(&self, at: Timestamp, event: Inside) {
        if !self.is_on() {
            return;
        }
        let mut kept = self.lock();
        let bytes = EVENT_BYTES + event.texts();
        if kept.bytes + bytes > KEPT_MAX {
            kept.is_whole = false;
            return;
        }
        kept.bytes += bytes;
        kept.events.push(Seen { at, event });
    }

    /// What was seen so far.
    pub(crate) fn kept(&self) -> Observed {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Observed> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// How long what it holds is, in bytes.
    fn texts(&self) -> usize {
        let of = |ids: &[String]| ids.iter().map(|id| id.len() + EVENT_BYTES / 4).sum::<usize>();
        match self {
            Self::Sent { body, .. }
            | Self::DeadLettered { body, .. }
            | Self::MovedBack { body, .. } => body.len(),
            Self::Received { .. } | Self::Deleted { .. } | Self::Purged { .. } => 0,
            Self::Throttled { messages, .. } | Self::Invoked { messages, .. } => of(messages),
            Self::Ended { kept, named, .. } => of(kept) + named.as_deref().map_or(0, of),
        }
    }
}

impl From<QueueEvent> for Inside {
    fn from(event: QueueEvent) -> Self {
        let QueueEvent { queue, message_id: message, kind } = event;
        match kind {
            QueueEventKind::Sent { body } => Self::Sent { queue, message, body },
            QueueEventKind::Received { receive_count } => {
                Self::Received { queue, message, receive_count }
            }
            QueueEventKind::Deleted => Self::Deleted { queue, message },
            QueueEventKind::Purged => Self::Purged { queue, message },
            QueueEventKind::DeadLettered { body } => Self::DeadLettered { queue, message, body },
            QueueEventKind::MovedBack { from, body } => {
                Self::MovedBack { queue, message, from, body }
            }
        }
    }
}

/// How an invocation ended that was not throttled, by the type of its error.
pub(crate) fn how(outcome: &InvocationOutcome) -> HowEnded {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Error {
        error_type: String,
    }
    let InvocationOutcome::Errored(payload) = outcome else { return HowEnded::Responded };
    let error = serde_json::from_str::<Error>(payload).map(|error| error.error_type);
    match error.as_deref() {
        Ok("Sandbox.Timedout") => HowEnded::TimedOut,
        Ok("Runtime.ExitError") => HowEnded::Crashed,
        _ => HowEnded::Errored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted() -> Inside {
        Inside::Deleted { queue: "q".to_owned(), message: "m".to_owned() }
    }

    #[test]
    fn nothing_is_kept_where_nobody_looks_on_and_what_is_missing_is_told() {
        let (observer, at) = (Observer::default(), Timestamp::from_millis(1));
        observer.see(at, deleted());
        assert_eq!(observer.kept().events, []);
        observer.look_on(true);
        observer.see(at, deleted());
        assert_eq!(observer.kept().events, [Seen { at, event: deleted() }]);
        assert!(observer.kept().is_whole);
        let body = "x".repeat(KEPT_MAX);
        observer.see(at, Inside::Sent { queue: "q".to_owned(), message: "m".to_owned(), body });
        assert_eq!((observer.kept().events.len(), observer.kept().is_whole), (1, false));
        observer.look_on(false);
        observer.see(at, deleted());
        assert_eq!(observer.kept().events, []);
    }

    #[test]
    fn an_invocation_ends_as_its_error_says() {
        let errored = |text: &str| how(&InvocationOutcome::Errored(text.to_owned()));
        assert_eq!(how(&InvocationOutcome::Responded(Vec::new())), HowEnded::Responded);
        assert_eq!(errored(r#"{"errorType":"Sandbox.Timedout"}"#), HowEnded::TimedOut);
        assert_eq!(
            errored(r#"{"errorType":"Runtime.ExitError","errorMessage":"x"}"#),
            HowEnded::Crashed
        );
        assert_eq!(errored(r#"{"errorType":"ValueError"}"#), HowEnded::Errored);
        assert_eq!(errored("x"), HowEnded::Errored);
    }
}
