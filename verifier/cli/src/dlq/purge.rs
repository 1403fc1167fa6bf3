//! Deleting messages, each after it was written to a file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::iter;
use verifier_aws::{AwsError, RECEIVED_MAX, Received, ReceivedMessage};
use verifier_core::dead_letters::{
    AttemptLog, Cause, DeadLetter, NotEvaluable, Selects, Unreached,
};
use verifier_model::sqs::BATCH_ENTRIES_MAX;
use verifier_model::time::Timestamp;

use super::{
    Backup, DlqTarget, Handles, Hold, Holding, Log, Selection, not_evaluable, release_all, tell,
};
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// How many messages are in hand at once. They are received, written and deleted in a small part of the time for which
/// they are held.
const PORTION_MESSAGES: usize = 1_000;
/// How many bytes of them.
const PORTION_BYTES: usize = 16 * 1_048_576;
/// How long receiving a portion may take.
const PORTION_TIME: Duration = Duration::from_secs(30);
/// How many requests are made at once.
const AT_ONCE: usize = 8;

/// What became of a purge.
#[derive(Default)]
pub(crate) struct Purged {
    /// How many messages were deleted; all of them are in the file.
    pub(crate) deleted: usize,
    /// The ids of messages that were meant and not deleted, each with the reason.
    pub(crate) not_deleted: Vec<(String, String)>,
    /// How many messages were seen that were not meant.
    pub(crate) not_meant: usize,
    /// Those of them that would be, if their reasons were told: their ids, each with what is known.
    pub(crate) left_out: Vec<(String, Cause)>,
    /// How many receives it took.
    pub(crate) receives: u64,
    /// Messages that could not be made visible again, each with the reason.
    pub(crate) not_released: Vec<(String, String)>,
    /// Why there may be more that are meant.
    pub(crate) incomplete: Option<String>,
    /// What is there and was not reached.
    pub(crate) unreached: Unreached,
    /// Why reasons are not known, where the filter needs them.
    pub(crate) log: Option<Log>,
    /// What ended it early.
    pub(crate) failure: Option<Failure>,
    /// How often each operation of AWS was called.
    pub(crate) calls: BTreeMap<String, u32>,
}

/// The state of a purge.
struct Purge<'a> {
    place: &'a DlqTarget,
    selection: &'a Selection,
    interrupt: &'a Interrupt,
    /// Those that stay: not meant, or not deleted.
    staying: Holding<'a>,
    /// Those that were deleted. On standard queues a copy of one may come up again.
    deleted: BTreeSet<String>,
    /// When the first was taken of those that stay.
    began_staying: Option<Timestamp>,
    progress: &'a Progress,
    result: Purged,
}

/// Deletes the messages that are meant, in portions: receives them, writes them to the file, and deletes what is in it. The
/// others are held until the end, so that they do not come up again, and made visible again.
pub(crate) async fn purge(
    place: &DlqTarget,
    selection: &Selection,
    backup: &mut Backup,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Purged {
    let mut purge = Purge {
        place,
        selection,
        interrupt,
        staying: Holding::new(place),
        deleted: BTreeSet::new(),
        began_staying: None,
        progress,
        result: Purged::default(),
    };
    if let Err(failure) = purge.run(backup).await.and(backup.finish()) {
        purge.result.failure = Some(failure);
    }
    let not_released = purge.staying.end().await;
    purge.result.not_released.extend(not_released);
    purge.result.unreached = purge.staying.unreached().clone();
    purge.result.calls = place.aws.calls().counts();
    purge.result
}

impl Purge<'_> {
    async fn run(&mut self, backup: &mut Backup) -> Result<(), Failure> {
        loop {
            let mut taken = Vec::new();
            let began_at = self.place.clock.now();
            let received = self.receive(&mut taken).await;
            let ends = match received {
                Ok(ends) => ends,
                Err(error) => {
                    self.release(handles(&taken)).await;
                    return Err(error.into());
                }
            };
            if self.interrupt.is_asked() {
                self.release(handles(&taken)).await;
                self.result.incomplete = Some("it was interrupted".to_owned());
                return Ok(());
            }
            let meant = self.sort_out(taken).await?;
            let meant = self.hold_on(meant, began_at).await;
            self.delete(meant, backup).await?;
            if ends {
                return Ok(());
            }
        }
    }

    fn still_wanted(&self) -> usize {
        let attempted = self.result.deleted + self.result.not_deleted.len();
        self.selection.wanted_most().saturating_sub(attempted)
    }

    /// Takes a portion in hand; says whether it is the last.
    async fn receive(&mut self, taken: &mut Vec<ReceivedMessage>) -> Result<bool, AwsError> {
        let began_at = self.place.clock.now();
        let is_everything =
            self.selection.filter.is_everything() && self.place.sources.selected.is_none();
        let most = if is_everything { self.still_wanted() } else { usize::MAX };
        let mut bytes = 0;
        while taken.len() < PORTION_MESSAGES && bytes < PORTION_BYTES {
            let wanted = RECEIVED_MAX.min(most.saturating_sub(taken.len()));
            if wanted == 0 || self.still_wanted() == 0 || self.interrupt.is_asked() {
                return Ok(true);
            }
            if self.place.clock.now().since(began_at) >= PORTION_TIME {
                return Ok(false);
            }
            self.staying.keep().await;
            // What is in hand waits for the answer, too.
            let wait_seconds =
                if taken.is_empty() { self.staying.poll_seconds() } else { Holding::POLL_SECONDS };
            let how = Received { visibility_timeout_seconds: Hold::SECONDS, wait_seconds };
            let received = self.place.receive(how, wanted).await?;
            self.place.clock.has_waited().await;
            self.result.receives += 1;
            self.staying.polled(wanted, &received);
            if received.is_empty() && !taken.is_empty() {
                // More messages of a FIFO queue's groups come when the ones before them are gone.
                return Ok(false);
            }
            let mut again = false;
            for each in received {
                again |= self.is_again(&each, taken);
                bytes += each.message.size_bytes();
                self.keep(each, taken);
            }
            if again && self.is_going_round() {
                return Ok(true);
            }
            if self.is_over(taken.len()).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_again(&self, each: &ReceivedMessage, taken: &[ReceivedMessage]) -> bool {
        let id = &each.message.message_id;
        self.staying.holds(id) || taken.iter().any(|other| other.message.message_id == *id)
    }

    /// Takes one in hand. The newest handle is the one that counts.
    fn keep(&mut self, each: ReceivedMessage, taken: &mut Vec<ReceivedMessage>) {
        let id = &each.message.message_id;
        if self.staying.holds(id) {
            self.staying.hold(each.message.message_id, each.receipt_handle);
        } else if let Some(other) = taken.iter_mut().find(|other| other.message.message_id == *id) {
            other.receipt_handle = each.receipt_handle;
        } else {
            taken.push(each);
        }
    }

    /// Whether the messages that stay come up again, since they were held for their time.
    fn is_going_round(&mut self) -> bool {
        let now = self.place.clock.now();
        let round = self.began_staying.is_some_and(|began| now.since(began) >= Hold::TIME);
        if round {
            let why =
                format!("messages that are not meant came up again after {} s", Hold::SECONDS);
            self.result.incomplete = Some(why);
        }
        round
    }

    /// Whether there is nothing more to receive, and nothing that is waited for.
    async fn is_over(&mut self, taken: usize) -> Result<bool, AwsError> {
        let wait = self.selection.wait;
        let is_over = self.staying.is_over(taken, &[], wait, self.progress).await?;
        if is_over {
            self.result.incomplete = self.staying.unreached().why();
        }
        Ok(is_over)
    }

    /// Those of a portion that are meant; the others stay.
    async fn sort_out(
        &mut self,
        mut taken: Vec<ReceivedMessage>,
    ) -> Result<Vec<ReceivedMessage>, Failure> {
        taken.sort_by(|a, b| a.message.order().cmp(&b.message.order()));
        let attempt_log = if self.selection.filter.needs_reasons() && !taken.is_empty() {
            let messages: Vec<DeadLetter> = taken.iter().map(|each| each.message.head()).collect();
            let told = tell(self.place, &messages, self.interrupt).await;
            self.result.log = Some(told.log);
            told.attempt_log
        } else {
            AttemptLog::default()
        };
        let now = self.place.clock.now();
        let most = self.still_wanted();
        let mut meant = Vec::new();
        let evaluated: Result<Vec<Selects>, NotEvaluable> =
            taken.iter().map(|each| self.selects(&each.message, &attempt_log, now)).collect();
        let evaluated = match evaluated {
            Ok(evaluated) => evaluated,
            Err(error) => {
                self.release(handles(&taken)).await;
                return Err(not_evaluable(&error));
            }
        };
        for (each, selects) in taken.into_iter().zip(evaluated) {
            if selects == Selects::Yes && meant.len() < most {
                meant.push(each);
                continue;
            }
            let id = each.message.message_id;
            if selects == Selects::NotTold {
                self.result.left_out.push((id.clone(), attempt_log.cause(&id)));
            }
            self.began_staying.get_or_insert(now);
            self.result.not_meant += 1;
            self.staying.hold(id, each.receipt_handle);
        }
        Ok(meant)
    }

    fn selects(
        &self,
        message: &DeadLetter,
        attempt_log: &AttemptLog,
        now: Timestamp,
    ) -> Result<Selects, NotEvaluable> {
        if !self.place.sources.selects(message) {
            return Ok(Selects::No);
        }
        self.selection.filter.selects(message, &attempt_log.cause(&message.message_id), now)
    }

    /// Holds messages again where reading the log has taken long. Those that are no longer held may be somebody else's by now,
    /// and stay.
    async fn hold_on(
        &mut self,
        meant: Vec<ReceivedMessage>,
        began_at: Timestamp,
    ) -> Vec<ReceivedMessage> {
        if self.place.clock.now().since(began_at) < Hold::HALF {
            return meant;
        }
        let handles: Vec<(String, u32)> =
            meant.iter().map(|each| (each.receipt_handle.clone(), Hold::SECONDS)).collect();
        let queue = &self.place.dead_letters;
        let lost = self.place.aws.change_visibility(queue, &handles).await;
        let lost: BTreeMap<String, String> = lost.into_iter().collect();
        let (lost_hands, held): (Vec<ReceivedMessage>, Vec<ReceivedMessage>) =
            meant.into_iter().partition(|each| lost.contains_key(&each.receipt_handle));
        for each in lost_hands {
            let why = lost.get(&each.receipt_handle).cloned().unwrap_or_default();
            self.result
                .not_deleted
                .push((each.message.message_id, format!("it is not held any more: {why}")));
        }
        held
    }

    /// Writes messages to the file, then deletes them.
    async fn delete(
        &mut self,
        meant: Vec<ReceivedMessage>,
        backup: &mut Backup,
    ) -> Result<(), Failure> {
        if meant.is_empty() {
            return Ok(());
        }
        let hands = handles(&meant);
        let ids: BTreeMap<String, String> =
            hands.iter().map(|(id, handle)| (handle.clone(), id.clone())).collect();
        let new: Vec<DeadLetter> = meant
            .into_iter()
            .map(|each| each.message)
            .filter(|message| !self.deleted.contains(&message.message_id))
            .collect();
        if let Err(failure) = backup.add(&new) {
            self.release(hands).await;
            return Err(failure);
        }
        let handles: Vec<String> = hands.values().cloned().collect();
        let failed = delete(self.place, &handles).await;
        let failed: BTreeMap<String, String> = failed
            .into_iter()
            .map(|(handle, why)| (ids.get(&handle).cloned().unwrap_or_default(), why))
            .collect();
        for (id, handle) in hands {
            match failed.get(&id) {
                None => {
                    self.result.deleted += usize::from(self.deleted.insert(id));
                }
                Some(why) => {
                    self.result.not_deleted.push((id.clone(), why.clone()));
                    self.staying.hold(id, handle);
                }
            }
        }
        Ok(())
    }

    async fn release(&mut self, hands: Handles) {
        self.result.not_released.extend(release_all(self.place, &hands).await);
    }
}

fn handles(taken: &[ReceivedMessage]) -> Handles {
    taken
        .iter()
        .map(|each| (each.message.message_id.clone(), each.receipt_handle.clone()))
        .collect()
}

async fn delete(place: &DlqTarget, handles: &[String]) -> Vec<(String, String)> {
    let chunks: Vec<Vec<String>> =
        handles.chunks(BATCH_ENTRIES_MAX).map(<[String]>::to_vec).collect();
    let requests =
        iter(chunks).map(async |chunk| place.aws.delete(&place.dead_letters, &chunk).await);
    requests.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.concat()
}
