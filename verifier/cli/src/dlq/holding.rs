//! Messages that are held while more are received, and when there is nothing more to receive.

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_aws::{AwsError, ReceivedMessage};
use verifier_core::dead_letters::{DeadLetter, Depth, EmptyDetector, FifoGroups, Unreached};
use verifier_model::time::Timestamp;

use super::{DlqTarget, Hold, extend_visibility, release};
use crate::shell::progress::Progress;

/// How long it waits for messages that others hold. Ctrl-C waits for its answer, so it is not the longest that SQS allows.
const LONG_POLL_SECONDS: u32 = 5;

/// Handles by the ids of their messages.
pub(crate) type Handles = BTreeMap<String, String>;

/// Messages of a dead-letter queue that are held, so that they do not come up again.
pub(crate) struct Holding<'a> {
    place: &'a DlqTarget,
    /// By which handles they are held: the newest one of each counts.
    handles: Handles,
    began_at: Timestamp,
    /// When they were held for longer the last time.
    kept_at: Timestamp,
    empty_detector: EmptyDetector,
    /// Of which groups more may be behind those that were brought.
    groups: FifoGroups,
    /// What is there and was not reached, by the last that was asked.
    unreached: Unreached,
}

impl<'a> Holding<'a> {
    /// How long a poll waits, in seconds. It has to wait at all, or it looks at a part of the queue only.
    pub(crate) const POLL_SECONDS: u32 = 1;

    pub(crate) fn new(place: &'a DlqTarget) -> Self {
        let began_at = place.clock.now();
        Self {
            place,
            handles: Handles::new(),
            began_at,
            kept_at: began_at,
            empty_detector: EmptyDetector::default(),
            groups: FifoGroups::default(),
            unreached: Unreached::default(),
        }
    }

    /// Holds a message from now on; `false` where it was held before.
    pub(crate) fn hold(&mut self, id: String, handle: String) -> bool {
        self.handles.insert(id, handle).is_none()
    }

    pub(crate) fn holds(&self, id: &str) -> bool {
        self.handles.contains_key(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.handles.len()
    }

    pub(crate) fn began_at(&self) -> Timestamp {
        self.began_at
    }

    /// What is there and was not reached.
    pub(crate) fn unreached(&self) -> &Unreached {
        &self.unreached
    }

    /// How long the next poll waits, in seconds: longer where what others hold may come.
    pub(crate) fn poll_seconds(&self) -> u32 {
        if self.unreached.may_come() { LONG_POLL_SECONDS } else { Self::POLL_SECONDS }
    }

    /// A poll for so many messages has brought these.
    pub(crate) fn polled(&mut self, wanted: usize, received: &[ReceivedMessage]) {
        self.empty_detector.polled(received.len());
        self.groups.received(wanted, received.iter().map(|each| each.message.group_id.as_deref()));
    }

    /// Holds what is held for longer, where its time is half over: a long work does not see it again, and no other consumer gets it.
    pub(crate) async fn keep(&mut self) {
        let now = self.place.clock.now();
        if now.since(self.kept_at) < Hold::HALF || self.handles.is_empty() {
            return;
        }
        self.kept_at = now;
        let handles: Vec<&str> = self.handles.values().map(String::as_str).collect();
        // One that cannot be held any more comes up again, and is held by its new handle.
        let _ = extend_visibility(&self.place.aws, &self.place.dead_letters, &handles).await;
    }

    /// Whether there is nothing more to receive, and nothing that is waited for. `beside` messages are in hand besides those that
    /// are held, and `seen` are those that others of their group may be behind.
    pub(crate) async fn is_over(
        &mut self,
        beside: usize,
        seen: &[DeadLetter],
        wait: Duration,
        progress: &Progress,
    ) -> Result<bool, AwsError> {
        if !self.empty_detector.is_likely() {
            return Ok(false);
        }
        let queue = &self.place.dead_letters;
        let queue = self.place.aws.queue(&queue.name, &queue.url).await?;
        if !self.empty_detector.is_certain(queue.number("ApproximateNumberOfMessages")) {
            return Ok(false);
        }
        let own = (self.handles.len() + beside) as u64;
        let unreached = Unreached::of(Depth::of(&queue), own, queue.is_fifo());
        self.unreached = Unreached {
            visibility_timeout: queue.visibility_timeout(),
            ..unreached.with_blocking(seen, &self.groups)
        };
        let waited = self.place.clock.now().since(self.began_at);
        if !self.unreached.may_come() || waited >= wait {
            return Ok(true);
        }
        let left = wait.saturating_sub(waited).as_secs().div_ceil(60);
        let why = self.unreached.why().unwrap_or_default();
        progress.detail(&format!("waiting, for {left} min at most (--wait): {why}"));
        Ok(false)
    }

    /// Makes everything visible again; those for which that failed, by their ids, each with the reason.
    pub(crate) async fn end(&mut self) -> Vec<(String, String)> {
        let handles = std::mem::take(&mut self.handles);
        release_all(self.place, &handles).await
    }
}

/// Makes messages visible again; those for which that failed, by their ids, each with the reason.
pub(crate) async fn release_all(place: &DlqTarget, handles: &Handles) -> Vec<(String, String)> {
    let held: Vec<&str> = handles.values().map(String::as_str).collect();
    let failed = release(&place.aws, &place.dead_letters, &held).await;
    let failed: BTreeMap<String, String> = failed.into_iter().collect();
    let failed =
        handles.iter().filter_map(|(id, handle)| Some((id.clone(), failed.get(handle)?.clone())));
    failed.collect()
}
