//! Deleting letters, each after it was written to a file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::iter;
use verifier_aws::{AwsError, InHand, RECEIVED_MAX, Received};
use verifier_core::dead_letters::{Depth, Emptiness, Letter, NotEvaluable, Stories, Unreached};
use verifier_model::sqs::BATCH_ENTRIES_MAX;
use verifier_model::time::Timestamp;

use super::{Backup, Hold, Log, Place, Selection, hand_back, hold_anew, not_evaluable, tell};
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// How many letters are in hand at once. They are received, written and deleted in a small part of the time for which
/// they are held.
const PORTION_LETTERS: usize = 1_000;
/// How many bytes of them.
const PORTION_BYTES: usize = 32 * 1_048_576;
/// How long receiving a portion may take.
const PORTION_TIME: Duration = Duration::from_secs(30);
/// When letters in hand are held anew before they are deleted.
const HELD_ENOUGH: Duration = Duration::from_mins(1);
/// How long a poll waits, in seconds.
const POLL_SECONDS: u32 = 1;
/// How long it waits for messages that others hold.
const LONG_POLL_SECONDS: u32 = 5;
/// How many requests are made at once.
const AT_ONCE: usize = 8;

/// What became of a purge.
#[derive(Default)]
pub(crate) struct Purged {
    /// How many letters were deleted; all of them are in the file.
    pub(crate) deleted: usize,
    /// The ids of letters that were meant and not deleted, each with the reason.
    pub(crate) not_deleted: Vec<(String, String)>,
    /// How many letters were seen that were not meant.
    pub(crate) not_meant: usize,
    /// How many receives it took.
    pub(crate) receives: u64,
    /// Letters that could not be handed back, each with the reason.
    pub(crate) not_handed_back: Vec<(String, String)>,
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

/// Letters in hand, by their ids.
type Hands = BTreeMap<String, String>;

/// The state of a purge.
struct Purge<'a> {
    place: &'a Place,
    selection: &'a Selection,
    interrupt: &'a Interrupt,
    emptiness: Emptiness,
    /// Those that stay: not meant, or not deleted.
    staying: Hands,
    /// Those that were deleted. On standard queues a copy of one may come up again.
    deleted: BTreeSet<String>,
    /// When the first was taken of those that stay.
    began_staying: Option<Timestamp>,
    /// When it began.
    began_at: Timestamp,
    /// When those that stay were held for longer the last time.
    kept_at: Timestamp,
    progress: &'a Progress,
    result: Purged,
}

/// Deletes the letters that are meant, in portions: receives them, writes them to the file, and deletes what is in it. The
/// others are held until the end, so that they do not come up again, and handed back.
pub(crate) async fn purge(
    place: &Place,
    selection: &Selection,
    backup: &mut Backup,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Purged {
    let began_at = place.clock.now();
    let mut purge = Purge {
        place,
        selection,
        interrupt,
        emptiness: Emptiness::default(),
        staying: Hands::new(),
        deleted: BTreeSet::new(),
        began_staying: None,
        began_at,
        kept_at: began_at,
        progress,
        result: Purged::default(),
    };
    if let Err(failure) = purge.run(backup).await {
        purge.result.failure = Some(failure);
    }
    let staying = std::mem::take(&mut purge.staying);
    purge.hand_back(staying).await;
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
                    self.hand_back(handles(&taken)).await;
                    return Err(error.into());
                }
            };
            if self.interrupt.is_asked() {
                self.hand_back(handles(&taken)).await;
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
    async fn receive(&mut self, taken: &mut Vec<InHand>) -> Result<bool, AwsError> {
        let began_at = self.place.clock.now();
        let is_everything =
            self.selection.filter.is_everything() && self.place.sources.selected.is_none();
        let most = if is_everything { self.still_wanted() } else { usize::MAX };
        let mut bytes = 0;
        while taken.len() < PORTION_LETTERS && bytes < PORTION_BYTES {
            let wanted = RECEIVED_MAX.min(most.saturating_sub(taken.len()));
            if wanted == 0 || self.still_wanted() == 0 || self.interrupt.is_asked() {
                return Ok(true);
            }
            if self.place.clock.now().since(began_at) >= PORTION_TIME {
                return Ok(false);
            }
            self.hold_those_that_stay().await;
            let wait_seconds = if self.result.unreached.may_come() && taken.is_empty() {
                LONG_POLL_SECONDS
            } else {
                POLL_SECONDS
            };
            let how = Received { visibility_timeout_seconds: Hold::SECONDS, wait_seconds };
            let queue = &self.place.dead_letters;
            let received = self.place.aws.receive_letters(queue, how, wanted).await?;
            self.place.clock.has_waited().await;
            self.result.receives += 1;
            self.emptiness.polled(received.len());
            if received.is_empty() && !taken.is_empty() {
                // More letters of a FIFO queue's groups come when the ones before them are gone.
                return Ok(false);
            }
            let mut again = false;
            for each in received {
                again |= self.is_again(&each, taken);
                bytes += each.letter.size_bytes();
                self.keep(each, taken);
            }
            if again && self.is_going_round() {
                return Ok(true);
            }
            if self.emptiness.is_likely() && self.is_empty(taken.len()).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_again(&self, each: &InHand, taken: &[InHand]) -> bool {
        let id = &each.letter.message_id;
        self.staying.contains_key(id) || taken.iter().any(|other| other.letter.message_id == *id)
    }

    /// Takes one in hand. The newest handle is the one that counts.
    fn keep(&mut self, each: InHand, taken: &mut Vec<InHand>) {
        let id = &each.letter.message_id;
        if let Some(handle) = self.staying.get_mut(id) {
            *handle = each.receipt_handle;
        } else if let Some(other) = taken.iter_mut().find(|other| other.letter.message_id == *id) {
            other.receipt_handle = each.receipt_handle;
        } else {
            taken.push(each);
        }
    }

    /// Whether the letters that stay come up again, since they were held for their time.
    fn is_going_round(&mut self) -> bool {
        let now = self.place.clock.now();
        let round = self.began_staying.is_some_and(|began| now.since(began) >= Hold::TIME);
        if round {
            let why = format!("letters that are not meant came up again after {} s", Hold::SECONDS);
            self.result.incomplete = Some(why);
        }
        round
    }

    /// Holds those that stay for longer, so that they do not come up again.
    async fn hold_those_that_stay(&mut self) {
        let now = self.place.clock.now();
        if now.since(self.kept_at) < HELD_ENOUGH || self.staying.is_empty() {
            return;
        }
        self.kept_at = now;
        let handles: Vec<String> = self.staying.values().cloned().collect();
        // One that cannot be held any more comes up again, and is held by its new handle.
        let _ = hold_anew(&self.place.aws, &self.place.dead_letters, &handles).await;
    }

    /// Whether there is nothing more to receive, and nothing that is waited for.
    async fn is_empty(&mut self, taken: usize) -> Result<bool, AwsError> {
        let queue = &self.place.dead_letters;
        let queue = self.place.aws.queue(&queue.name, &queue.url).await?;
        if !self.emptiness.is_certain(queue.number("ApproximateNumberOfMessages")) {
            return Ok(false);
        }
        let own = (self.staying.len() + taken) as u64;
        let unreached = Unreached::of(Depth::of(&queue), own, queue.is_fifo());
        self.result.unreached =
            Unreached { visibility_timeout: queue.visibility_timeout(), ..unreached };
        self.result.incomplete = self.result.unreached.why();
        let waited = self.place.clock.now().since(self.began_at);
        if !self.result.unreached.may_come() || waited >= self.selection.wait {
            return Ok(true);
        }
        let left = self.selection.wait.saturating_sub(waited).as_secs().div_ceil(60);
        let why = self.result.incomplete.take().unwrap_or_default();
        self.progress.detail(&format!("waiting, for {left} min at most (--wait): {why}"));
        Ok(false)
    }

    /// Those of a portion that are meant; the others stay.
    async fn sort_out(&mut self, mut taken: Vec<InHand>) -> Result<Vec<InHand>, Failure> {
        taken.sort_by(|a, b| a.letter.order().cmp(&b.letter.order()));
        let stories = if self.selection.filter.needs_reasons() && !taken.is_empty() {
            let letters: Vec<Letter> = taken.iter().map(|each| each.letter.clone()).collect();
            let told = tell(self.place, &letters, self.interrupt).await;
            self.result.log = Some(told.log);
            told.stories
        } else {
            Stories::default()
        };
        let now = self.place.clock.now();
        let most = self.still_wanted();
        let mut meant = Vec::new();
        let judged: Result<Vec<bool>, NotEvaluable> =
            taken.iter().map(|each| self.is_meant(&each.letter, &stories, now)).collect();
        let judged = match judged {
            Ok(judged) => judged,
            Err(error) => {
                self.hand_back(handles(&taken)).await;
                return Err(not_evaluable(&error));
            }
        };
        for (each, is_meant) in taken.into_iter().zip(judged) {
            if is_meant && meant.len() < most {
                meant.push(each);
            } else {
                self.began_staying.get_or_insert(now);
                self.result.not_meant += 1;
                self.staying.insert(each.letter.message_id, each.receipt_handle);
            }
        }
        Ok(meant)
    }

    fn is_meant(
        &self,
        letter: &Letter,
        stories: &Stories,
        now: Timestamp,
    ) -> Result<bool, NotEvaluable> {
        let reason = stories.reason(&letter.message_id);
        Ok(self.place.sources.selects(letter)
            && self.selection.filter.is_met(letter, reason, now)?)
    }

    /// Holds letters anew where reading the log has taken long. Those that are no longer held may be somebody else's by now,
    /// and stay.
    async fn hold_on(&mut self, meant: Vec<InHand>, began_at: Timestamp) -> Vec<InHand> {
        if self.place.clock.now().since(began_at) < HELD_ENOUGH {
            return meant;
        }
        let handles: Vec<(String, u32)> =
            meant.iter().map(|each| (each.receipt_handle.clone(), Hold::SECONDS)).collect();
        let queue = &self.place.dead_letters;
        let lost = self.place.aws.change_visibility(queue, &handles).await;
        let lost: BTreeMap<String, String> = lost.into_iter().collect();
        let (lost_hands, held): (Vec<InHand>, Vec<InHand>) =
            meant.into_iter().partition(|each| lost.contains_key(&each.receipt_handle));
        for each in lost_hands {
            let why = lost.get(&each.receipt_handle).cloned().unwrap_or_default();
            self.result
                .not_deleted
                .push((each.letter.message_id, format!("it is not held any more: {why}")));
        }
        held
    }

    /// Writes letters to the file, then deletes them.
    async fn delete(&mut self, meant: Vec<InHand>, backup: &mut Backup) -> Result<(), Failure> {
        if meant.is_empty() {
            return Ok(());
        }
        let hands = handles(&meant);
        let ids: BTreeMap<String, String> =
            hands.iter().map(|(id, handle)| (handle.clone(), id.clone())).collect();
        let new: Vec<Letter> = meant
            .into_iter()
            .map(|each| each.letter)
            .filter(|letter| !self.deleted.contains(&letter.message_id))
            .collect();
        if let Err(failure) = backup.add(&new) {
            self.hand_back(hands).await;
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
                    self.staying.insert(id, handle);
                }
            }
        }
        Ok(())
    }

    async fn hand_back(&mut self, hands: Hands) {
        let ids: BTreeMap<&String, &String> =
            hands.iter().map(|(id, handle)| (handle, id)).collect();
        let handles: Vec<String> = hands.values().cloned().collect();
        let failed = hand_back(&self.place.aws, &self.place.dead_letters, &handles).await;
        let failed = failed.into_iter().map(|(handle, why)| {
            (ids.get(&handle).map(|id| (*id).clone()).unwrap_or_default(), why)
        });
        self.result.not_handed_back.extend(failed);
    }
}

fn handles(taken: &[InHand]) -> Hands {
    taken.iter().map(|each| (each.letter.message_id.clone(), each.receipt_handle.clone())).collect()
}

async fn delete(place: &Place, handles: &[String]) -> Vec<(String, String)> {
    let chunks: Vec<Vec<String>> =
        handles.chunks(BATCH_ENTRIES_MAX).map(<[String]>::to_vec).collect();
    let requests =
        iter(chunks).map(async |chunk| place.aws.delete(&place.dead_letters, &chunk).await);
    requests.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.concat()
}
