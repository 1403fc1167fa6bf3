//! Looking at every message without losing one's place or anybody's message.

use std::collections::BTreeMap;
use std::time::Duration;

use verifier_aws::{RECEIVED_MAX, Received, ReceivedMessage};
use verifier_core::dead_letters::{DeadLetter, Depth, EmptyDetector, ReceiveCounts, Unreached};
use verifier_model::time::Timestamp;

use super::{DlqTarget, Hold, Spool, extend_visibility, release};
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// The most messages that are looked at: at most about 120,000 messages of a queue may be in flight, and a poll beyond
/// that brings nothing, as if the queue were empty.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
const MESSAGES_MAX: usize = 100_000;
/// How long a poll waits, in seconds. It has to wait at all, or it looks at a part of the queue only.
const POLL_SECONDS: u32 = 1;
/// How long it waits for messages that others hold. Ctrl-C waits for its answer, so it is not the longest that SQS allows.
const LONG_POLL_SECONDS: u32 = 5;
/// How often what is in hand is held for longer.
const KEEP: Duration = Duration::from_secs(Hold::SECONDS as u64 / 2);

/// Which messages are looked for, and for how long.
pub(crate) struct Looking<'a> {
    /// At most so many.
    pub(crate) most: usize,
    /// The id of the only one that is looked for.
    pub(crate) sought: Option<&'a str>,
    /// How long messages that others hold are waited for.
    pub(crate) wait: Duration,
    /// Says what is waited for.
    pub(crate) progress: &'a Progress,
}

/// What is kept of messages.
#[derive(Debug)]
pub(crate) enum Keeps {
    /// Their heads alone.
    Heads,
    /// All of them, in memory, where there are a few.
    Whole,
    /// Their heads, and all of them outside of memory.
    Spooled(Spool),
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Look {
    /// The messages, or their heads, those that were sent first in front.
    pub(crate) messages: Vec<DeadLetter>,
    /// Where the whole of each is.
    pub(crate) keeps: Keeps,
    /// How many receives it took: each raises the receive count of the messages that it brought by one.
    pub(crate) receives: u64,
    /// How often messages had been received before, and have been since.
    pub(crate) counts: ReceiveCounts,
    /// How many messages were seen more than once.
    pub(crate) seen_again: u64,
    /// Why it may not be all; `None` when it is.
    pub(crate) cut_short: Option<String>,
    /// What is there and was not reached.
    pub(crate) unreached: Unreached,
    /// The messages that could not be made visible again, each with the reason. They come back by themselves.
    pub(crate) not_released: Vec<(String, String)>,
}

/// Looks at all messages. Each is held while the look goes on, so that none comes twice and none is missed, and
/// made visible again at the end, also when it fails or is interrupted.
pub(crate) async fn look(
    place: &DlqTarget,
    keeps: Keeps,
    interrupt: &Interrupt,
) -> Result<Look, Failure> {
    let progress = Progress::hidden();
    let looking =
        Looking { most: usize::MAX, sought: None, wait: Duration::ZERO, progress: &progress };
    look_with(place, &looking, keeps, interrupt).await
}

/// The same in a way that is given.
pub(crate) async fn look_with(
    place: &DlqTarget,
    looking: &Looking<'_>,
    keeps: Keeps,
    interrupt: &Interrupt,
) -> Result<Look, Failure> {
    let began_at = place.clock.now();
    let mut taking = Taking {
        place,
        looking,
        interrupt,
        look: Look::new(keeps),
        handles: BTreeMap::new(),
        began_at,
        kept_at: began_at,
        empty_detector: EmptyDetector::default(),
    };
    let taken = taking.take().await;
    let Taking { mut look, handles, .. } = taking;
    let held: Vec<&str> = handles.values().map(String::as_str).collect();
    let failed = release(&place.aws, &place.dead_letters, &held).await;
    let failed: BTreeMap<String, String> = failed.into_iter().collect();
    look.not_released = handles
        .iter()
        .filter_map(|(id, handle)| Some((id.clone(), failed.get(handle)?.clone())))
        .collect();
    taken?;
    look.messages.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(look)
}

impl Look {
    fn new(keeps: Keeps) -> Self {
        Self {
            messages: Vec::new(),
            keeps,
            receives: 0,
            counts: ReceiveCounts::default(),
            seen_again: 0,
            cut_short: None,
            unreached: Unreached::default(),
            not_released: Vec::new(),
        }
    }

    fn keep(&mut self, message: DeadLetter) -> Result<(), Failure> {
        let kept = match &mut self.keeps {
            Keeps::Heads => message.head(),
            Keeps::Whole => message,
            Keeps::Spooled(spool) => {
                spool.add(&message)?;
                message.head()
            }
        };
        self.messages.push(kept);
        Ok(())
    }
}

/// A look that goes on.
struct Taking<'a> {
    place: &'a DlqTarget,
    looking: &'a Looking<'a>,
    interrupt: &'a Interrupt,
    look: Look,
    /// By which handles messages are held, by their ids.
    handles: BTreeMap<String, String>,
    began_at: Timestamp,
    /// When what is in hand was held for longer the last time.
    kept_at: Timestamp,
    empty_detector: EmptyDetector,
}

impl Taking<'_> {
    async fn take(&mut self) -> Result<(), Failure> {
        let most = self.looking.most.min(MESSAGES_MAX);
        while self.handles.len() < most {
            self.keep().await;
            let how = Received {
                visibility_timeout_seconds: Hold::SECONDS,
                wait_seconds: if self.look.unreached.may_come() {
                    LONG_POLL_SECONDS
                } else {
                    POLL_SECONDS
                },
            };
            let wanted = RECEIVED_MAX.min(most - self.handles.len());
            let receive = self.place.aws.receive_messages(&self.place.dead_letters, how, wanted);
            // Also after Ctrl-C: SQS has hidden messages for it whether its answer is read or not.
            let received = receive.await?;
            self.place.clock.has_waited().await;
            self.look.receives += 1;
            self.empty_detector.polled(received.len());
            self.add(received)?;
            if self.interrupt.is_asked() {
                self.look.cut_short = Some("it was interrupted".to_owned());
                return Ok(());
            }
            if self.looking.sought.is_some_and(|id| self.handles.contains_key(id)) {
                return Ok(());
            }
            if self.goes_round() || self.empty_detector.is_likely() && self.is_over().await? {
                return Ok(());
            }
        }
        self.look.cut_short = Some(format!("{most} messages were asked for"));
        Ok(())
    }

    fn add(&mut self, received: Vec<ReceivedMessage>) -> Result<(), Failure> {
        let mut kept = Ok(());
        for ReceivedMessage { message, receipt_handle } in received {
            // Also of one that cannot be kept: it is made visible again by its handle.
            let id = message.message_id.clone();
            let is_first_time = self.handles.insert(id, receipt_handle).is_none();
            if let Some(count) = message.receive_count {
                self.look.counts.take(count, is_first_time);
            }
            if is_first_time {
                let job_id = self.place.message_ids.job_of(&message.body);
                kept = kept.and(self.look.keep(DeadLetter { job_id, ..message }));
            } else {
                self.look.seen_again += 1;
            }
        }
        kept
    }

    /// Holds what is in hand for longer, so that a long look does not see it again, and no other consumer gets it.
    async fn keep(&mut self) {
        let now = self.place.clock.now();
        if now.since(self.kept_at) < KEEP || self.handles.is_empty() {
            return;
        }
        self.kept_at = now;
        let handles: Vec<&str> = self.handles.values().map(String::as_str).collect();
        // One that cannot be held any more comes up again, and is held by its new handle.
        let _ = extend_visibility(&self.place.aws, &self.place.dead_letters, &handles).await;
    }

    /// Whether messages come up again though they are held.
    fn goes_round(&mut self) -> bool {
        let round = self.place.clock.now().since(self.began_at) >= Hold::TIME
            && self.look.seen_again > self.handles.len() as u64;
        if round {
            self.look.cut_short = Some(format!(
                "it took longer than {} s, so that messages came up again",
                Hold::SECONDS
            ));
        }
        round
    }

    /// Whether there is nothing more to receive, and nothing that is waited for.
    async fn is_over(&mut self) -> Result<bool, Failure> {
        let queue = &self.place.dead_letters;
        let queue = self.place.aws.queue(&queue.name, &queue.url).await?;
        let depth = Depth::of(&queue);
        if !self.empty_detector.is_certain(queue.number("ApproximateNumberOfMessages")) {
            return Ok(false);
        }
        let unreached = Unreached::of(depth, self.handles.len() as u64, queue.is_fifo());
        self.look.unreached = Unreached {
            visibility_timeout: queue.visibility_timeout(),
            ..unreached.with_blocking(&self.look.messages)
        };
        self.look.cut_short = self.look.unreached.why();
        let waited = self.place.clock.now().since(self.began_at);
        if !self.look.unreached.may_come() || waited >= self.looking.wait {
            return Ok(true);
        }
        let left = self.looking.wait.saturating_sub(waited).as_secs().div_ceil(60);
        let why = self.look.cut_short.take().unwrap_or_default();
        self.looking.progress.detail(&format!("waiting, for {left} min at most (--wait): {why}"));
        Ok(false)
    }
}
