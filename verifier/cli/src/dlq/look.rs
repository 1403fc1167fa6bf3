//! Looking at every message without losing one's place or anybody's message.

use std::time::Duration;

use verifier_aws::{RECEIVED_MAX, Received, ReceivedMessage};
use verifier_core::dead_letters::{DeadLetter, ReceiveCounts, Unreached};

use super::{DlqTarget, Hold, Holding, Spool};
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// The most messages that are looked at: at most about 120,000 messages of a queue may be in flight, and a poll beyond
/// that brings nothing, as if the queue were empty.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
const MESSAGES_MAX: usize = 100_000;

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
    let (look, holding) = (Look::new(keeps), Holding::new(place));
    let mut taking = Taking { place, looking, interrupt, look, holding };
    let taken = taking.take().await;
    let Taking { mut look, mut holding, .. } = taking;
    look.unreached = holding.unreached().clone();
    look.not_released = holding.end().await;
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
    /// The messages that were seen.
    holding: Holding<'a>,
}

impl Taking<'_> {
    async fn take(&mut self) -> Result<(), Failure> {
        let most = self.looking.most.min(MESSAGES_MAX);
        while self.holding.len() < most {
            self.holding.keep().await;
            let how = Received {
                visibility_timeout_seconds: Hold::SECONDS,
                wait_seconds: self.holding.poll_seconds(),
            };
            let wanted = RECEIVED_MAX.min(most - self.holding.len());
            // Also after Ctrl-C: SQS has hidden messages for it whether its answer is read or not.
            let received = self.place.receive(how, wanted).await?;
            self.place.clock.has_waited().await;
            self.look.receives += 1;
            self.holding.polled(wanted, &received);
            self.add(received)?;
            if self.interrupt.is_asked() {
                self.look.cut_short = Some("it was interrupted".to_owned());
                return Ok(());
            }
            if self.looking.sought.is_some_and(|id| self.holding.holds(id)) {
                return Ok(());
            }
            if self.goes_round() || self.is_over().await? {
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
            let is_first_time = self.holding.hold(id, receipt_handle);
            if let Some(count) = message.receive_count {
                self.look.counts.take(count, is_first_time);
            }
            if is_first_time {
                kept = kept.and(self.look.keep(message));
            } else {
                self.look.seen_again += 1;
            }
        }
        kept
    }

    /// Whether messages come up again though they are held.
    fn goes_round(&mut self) -> bool {
        let round = self.place.clock.now().since(self.holding.began_at()) >= Hold::TIME
            && self.look.seen_again > self.holding.len() as u64;
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
        let Looking { wait, progress, .. } = self.looking;
        let is_over = self.holding.is_over(0, &self.look.messages, *wait, progress).await?;
        if is_over {
            self.look.cut_short = self.holding.unreached().why();
        }
        Ok(is_over)
    }
}
