//! One step: taking messages from the queue until it is full or there are none.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use verifier_aws::{RECEIVED_MAX, Received, ReceivedMessage};
use verifier_core::dead_letters::{EmptyDetector, Unreached};
use verifier_core::redrive::Entry;

use super::engine::{Engine, Stop, lock};
use crate::dlq::{Hold, release};
use crate::shell::failure::Failure;

/// How many handfuls are taken one after the other at most until one is sent: a filter may select few of many messages.
const TURNS_BY_ITSELF: usize = 20;
/// How long a poll waits, in seconds.
const POLL_SECONDS: u32 = 1;
/// How long each of the last polls waits, after which there is nothing left: counts may be old, and short polls miss some.
const LAST_POLL_SECONDS: u32 = 3;
/// How much longer than messages can be hidden they are waited for, when more and more of them come up again.
const WAIT_MAX: Duration = Duration::from_mins(30);
/// How long a poll waits for messages that somebody else holds. Ctrl-C waits for its answer, so it is not the longest that
/// SQS allows.
const LONG_POLL_SECONDS: u32 = 5;

impl Engine<'_> {
    /// Sends up to `size` messages; says what stopped it.
    pub(super) async fn step(&self, size: u64) -> Result<Option<Stop>, Failure> {
        self.step_size.store(size, Ordering::SeqCst);
        self.quota.store(size, Ordering::SeqCst);
        lock(&self.sent_heads).clear();
        // More may have come since the last one.
        *lock(&self.empty_detector) = EmptyDetector::default();
        let needed = usize::try_from(size.div_ceil(RECEIVED_MAX as u64)).unwrap_or(usize::MAX);
        // The order of a FIFO queue is kept by one at a time only.
        let at_once = if self.place.dead_letters.is_fifo() {
            1
        } else {
            lock(&self.pacer).senders(self.terms.concurrency).clamp(1, needed.max(1))
        };
        if at_once > 1 && !self.take_the_first().await? {
            return self.close_step().await;
        }
        // They take the place of this task, which does nothing until the last of them has ended.
        self.place.clock.add_waiters(isize::try_from(at_once).unwrap_or_default() - 1).await;
        let running = Cell::new(at_once);
        let turns = (0..at_once).map(async |_| {
            let done = self.take_turns().await;
            if running.get() > 1 {
                running.set(running.get() - 1);
                self.place.clock.add_waiters(-1).await;
            }
            done
        });
        let done: Result<(), Failure> = join_all(turns).await.into_iter().collect();
        done?;
        self.close_step().await
    }

    async fn close_step(&self) -> Result<Option<Stop>, Failure> {
        if let Some(stop) = self.stop() {
            return Ok(Some(stop));
        }
        self.wait_for_those_away().await?;
        Ok(self.stop())
    }

    /// Sends the first handful by itself: where deleting is denied, nothing more is sent. Says whether there may be more to take.
    async fn take_the_first(&self) -> Result<bool, Failure> {
        let before = lock(&self.ledger).sends();
        for _ in 0..TURNS_BY_ITSELF {
            let is_known = self.can_delete.load(Ordering::SeqCst);
            if is_known || lock(&self.ledger).sends() > before {
                break;
            }
            if self.stop().is_some() || !self.turn().await? {
                return Ok(false);
            }
        }
        Ok(self.stop().is_none())
    }

    /// Takes messages until the step is full, there are none, or something asks to stop.
    async fn take_turns(&self) -> Result<(), Failure> {
        while self.stop().is_none() && self.turn().await? {}
        Ok(())
    }

    /// Takes a handful of messages; says whether there may be more to take.
    async fn turn(&self) -> Result<bool, Failure> {
        if self.is_empty().await? {
            return Ok(false);
        }
        let mut inside = self.enter().await;
        let reserved = self.reserve();
        if reserved == 0 {
            return Ok(false);
        }
        let received = self.receive(reserved, POLL_SECONDS).await;
        let received = match received {
            Ok(received) => received,
            Err(failure) => {
                self.unreserve(reserved);
                return Err(failure);
            }
        };
        lock(&self.empty_detector).polled(received.len());
        inside.saw(received.iter().map(|hand| hand.message.size_bytes()).sum());
        let sent = Box::pin(self.carry(received, reserved)).await;
        self.unreserve(reserved - sent.as_ref().map_or(0, |sent| (*sent).min(reserved)));
        sent.map(|_| true)
    }

    /// Whether polls and the queue's count say that it has no more messages to receive.
    async fn is_empty(&self) -> Result<bool, Failure> {
        let is_likely = lock(&self.empty_detector).is_likely();
        if !is_likely {
            return Ok(false);
        }
        let visible = self.away().await?.behind;
        // What another task has polled meanwhile counts, too.
        Ok(lock(&self.empty_detector).is_certain(Some(visible)))
    }

    /// Messages may be hidden that are nobody's: their deletion was lost, or whoever held them was killed. They are waited
    /// for, for as long as they can be hidden from this redrive's own receives, or for as long as was asked for. What is not
    /// reached then is remembered.
    async fn wait_for_those_away(&self) -> Result<(), Failure> {
        *lock(&self.unreached) = Unreached::default();
        let mut until = self.reappears_until();
        let at_last = until + WAIT_MAX;
        loop {
            let has_room = self.quota.load(Ordering::SeqCst) > 0;
            let must_delete = !lock(&self.ledger).undeleted().is_empty();
            if !has_room && !must_delete {
                return Ok(());
            }
            // The time first: what is seen after it has come up again, if it ever does.
            let now = self.place.clock.now();
            let unreached = self.away().await?;
            let (away, visible) = (unreached.in_flight + unreached.delayed, unreached.behind);
            let is_certain = lock(&self.empty_detector).is_certain(Some(visible));
            // On FIFO queues those behind the ones that are held do not come by waiting.
            let is_empty = away == 0 && (visible == 0 || unreached.is_fifo && !must_delete);
            let is_over = now >= until && (visible == 0 || is_certain) || now >= at_last;
            if self.stop().is_some() {
                return Ok(());
            }
            if is_over || is_empty && is_certain {
                if away == 0 {
                    self.note_those_gone();
                }
                if has_room {
                    *lock(&self.unreached) = unreached;
                }
                return Ok(());
            }
            if away > 0 {
                let left = until.since(now).as_secs().div_ceil(60);
                self.progress.detail(&format!(
                    "waiting, for {left} min at most: {}",
                    unreached.why().unwrap_or_default()
                ));
            }
            // Without room, messages are only received to be deleted.
            let reserved = self.reserve();
            let wait_seconds = if away == 0 { LAST_POLL_SECONDS } else { LONG_POLL_SECONDS };
            let received = self.receive(RECEIVED_MAX as u64, wait_seconds).await;
            let count = received.as_ref().map_or(0, Vec::len);
            lock(&self.empty_detector).polled(count);
            if count > 0 {
                // What comes up may have to be held once more before it is gone.
                until = self.reappears_until();
            }
            let sent = match received {
                Ok(received) => Box::pin(self.carry(received, reserved)).await,
                Err(failure) => Err(failure),
            };
            self.unreserve(reserved - sent.as_ref().map_or(0, |sent| (*sent).min(reserved)));
            sent?;
        }
    }

    /// Messages that were sent, and did not come up again while all there are did, are not there any more: the process was
    /// killed between their deletion and its line in the journal.
    fn note_those_gone(&self) {
        let ids: Vec<String> = lock(&self.ledger).undeleted().keys().cloned().collect();
        if !ids.is_empty() {
            self.note(&Entry::Deleted { ids });
        }
    }

    /// Takes messages in hand. A receive that is under way is waited for also after Ctrl-C: SQS has hidden messages for it
    /// whether its answer is read or not, and only who reads it can make them visible again.
    async fn receive(&self, most: u64, wait_seconds: u32) -> Result<Vec<ReceivedMessage>, Failure> {
        let how = Received { visibility_timeout_seconds: Hold::SECONDS, wait_seconds };
        let most = usize::try_from(most).unwrap_or(RECEIVED_MAX).min(RECEIVED_MAX);
        let queue = &self.place.dead_letters;
        let received = self.place.receive(how, most).await?;
        self.place.clock.has_waited().await;
        let groups = received.iter().map(|hand| hand.message.group_id.as_deref());
        lock(&self.open_groups).received(most, groups);
        if self.stop().is_none() {
            return Ok(received);
        }
        let handles: Vec<String> = received.into_iter().map(|hand| hand.receipt_handle).collect();
        let _ = release(&self.place.aws, queue, &handles).await;
        Ok(Vec::new())
    }

    /// Takes up to ten from what the step may still send.
    fn reserve(&self) -> u64 {
        let take = |left: u64| (left > 0).then(|| left - left.min(RECEIVED_MAX as u64));
        let before = self.quota.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
        before.map_or(0, |left| left.min(RECEIVED_MAX as u64))
    }

    fn unreserve(&self, count: u64) {
        self.quota.fetch_add(count, Ordering::SeqCst);
    }
}
