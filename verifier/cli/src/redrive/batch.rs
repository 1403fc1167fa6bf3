//! A handful of messages: what to do with each, sending them, and deleting what was confirmed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use verifier_aws::{NotDeleted, ReceivedMessage, Sent};
use verifier_core::dead_letters::{
    AttemptLog, Cause, DeadLetter, NotEvaluable, Resend, Selects, batches,
};
use verifier_core::redrive::{Entry, Intended, Pair, Route, Treatment, overtaking};
use verifier_model::time::Timestamp;

use super::destination::Destination;
use super::engine::{Engine, lock};
use crate::dlq::{Hold, ReasonDepth, extend_visibility, read_logs, release};
use crate::shell::failure::Failure;

/// How often a message is offered to SQS.
const ATTEMPTS: u32 = 5;
/// How long after the first attempt the second one comes; each later one waits twice as long.
const BACKOFF: Duration = Duration::from_millis(200);
/// How long a request may take at most. Messages that are not held for so long are hidden for longer before they are sent.
const REQUEST: Duration = Duration::from_secs(40);

/// The largest step for whose messages the log is asked one by one why they failed.
const SMALL_STEP: u64 = 100;

/// A message that is going to be sent.
struct Going {
    hand: ReceivedMessage,
    resend: Resend,
    /// The number of its destination.
    to: usize,
    /// The message, where something else is sent in its place.
    original: Option<DeadLetter>,
    /// See [`Intended::redrives`].
    redrives: Option<u32>,
    size_bytes: usize,
}

/// A message group of a destination, within which order counts on FIFO queues.
type Lane = (usize, Option<String>);

impl Going {
    fn lane(&self) -> Lane {
        (self.to, self.resend.group_id.clone())
    }
}

/// What came of a batch.
#[derive(Default)]
struct Done {
    /// How many were sent.
    sent: u64,
    /// The groups of those that could not be.
    refused: Vec<Lane>,
    /// The groups of those that slipped from the hand before.
    slipped: Vec<Lane>,
}

/// Messages by what is to be done with them.
#[derive(Default)]
struct Sorted {
    going: Vec<Going>,
    to_delete: Vec<ReceivedMessage>,
    /// Messages for which there is no room in the step.
    surplus: Vec<ReceivedMessage>,
}

impl Engine<'_> {
    /// Does with messages what has to be done, sending `most` of them at most; says how many were sent.
    pub(super) async fn carry(
        &self,
        received: Vec<ReceivedMessage>,
        most: u64,
    ) -> Result<u64, Failure> {
        if received.is_empty() {
            return Ok(0);
        }
        let held_until = self.place.clock.now() + Hold::TIME;
        if self.filters_by_reason() || self.is_in_a_small_step() {
            let asked = self.ask_for_reasons(&received).await;
            if let Err(failure) = asked {
                let handles: Vec<String> =
                    received.into_iter().map(|hand| hand.receipt_handle).collect();
                let _ = release(&self.place.aws, &self.place.dead_letters, &handles).await;
                return Err(failure);
            }
        }
        let sorted = self.sort(received, most);
        let handles: Vec<String> =
            sorted.surplus.into_iter().map(|hand| hand.receipt_handle).collect();
        let _ = release(&self.place.aws, &self.place.dead_letters, &handles).await;
        self.delete(sorted.to_delete).await;
        let ids: Vec<String> =
            sorted.going.iter().map(|going| going.hand.message.message_id.clone()).collect();
        let sent = self.send_all(sorted.going, held_until).await;
        let mut in_hand = lock(&self.in_hand);
        for id in &ids {
            in_hand.remove(id);
        }
        sent
    }

    /// Whether the reason of a message decides on whether it is sent. A plan has decided that.
    fn filters_by_reason(&self) -> bool {
        self.filter.needs_reasons() && !self.terms.is_planned
    }

    /// Whether the step is so small that the log is asked for each of its messages. Failures for the old reason stop the
    /// ramp at once; in larger steps, only what comes back does.
    fn is_in_a_small_step(&self) -> bool {
        self.step_size.load(Ordering::SeqCst) <= SMALL_STEP
    }

    /// Why messages failed, where the log tells. A filter that needs to know it cannot do without.
    async fn ask_for_reasons(&self, received: &[ReceivedMessage]) -> Result<(), Failure> {
        let mut written = AttemptLog::default();
        written.take_attributes(received.iter().map(|hand| &hand.message));
        let all: Vec<String> =
            received.iter().map(|hand| hand.message.message_id.clone()).collect();
        self.remember(&all, &written);
        let known = |id: &String| lock(&self.reasons).contains_key(id);
        let messages = received.iter().map(|hand| &hand.message);
        let unknown: Vec<&DeadLetter> =
            messages.filter(|message| !known(&message.message_id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = unknown.iter().map(|message| message.message_id.clone()).collect();
        let since = unknown.iter().filter_map(|message| message.sent_at).min().unwrap_or_default();
        // Without a filter a reason is worth no long reading.
        let depth =
            if self.filters_by_reason() { ReasonDepth::Invocations } else { ReasonDepth::Lines };
        let logs = read_logs(self.place, &unknown, since, depth).await;
        self.remember(&ids, &logs.attempt_log);
        let why = match logs.unreadable.into_iter().next() {
            Some((group, why)) => format!("{group}: {why}"),
            None if logs.groups.is_empty() => {
                "no log of a consumer is known (--log-group)".to_owned()
            }
            None => return Ok(()),
        };
        if !self.filters_by_reason() {
            return Ok(());
        }
        Err(Failure::environment(format!(
            "the filter needs to know why messages failed, and the log does not tell: {why}"
        )))
    }

    fn sort(&self, received: Vec<ReceivedMessage>, most: u64) -> Sorted {
        let mut sorted = Sorted::default();
        for mut hand in received {
            // An event that has failed again comes back as a message of its own, and is known by its invocation.
            if let Some(id) = self.copy_id(&hand.message) {
                hand.message.message_id = id;
            }
            let id = hand.message.message_id.clone();
            if lock(&self.in_hand).contains_key(&id) {
                // A second copy of one that is being sent; it comes up again if it is not gone then.
                continue;
            }
            let treatment = lock(&self.ledger).treatment(&id, || hand.message.content_sha256());
            let is_selected = treatment == Treatment::Send
                && match self.is_selected(&hand.message) {
                    Ok(is_selected) => is_selected,
                    Err(error) => {
                        // It came after the others were looked at.
                        let why = error.to_string();
                        self.note(&Entry::NotSent { messages: BTreeMap::from([(id, why)]) });
                        self.hold(hand);
                        continue;
                    }
                };
            match treatment {
                Treatment::DeleteOnly => sorted.to_delete.push(hand),
                Treatment::Send if is_selected => {
                    let to = match self.terms.route(&hand.message) {
                        Route::To(to) => to,
                        Route::Other => {
                            self.hold(hand);
                            continue;
                        }
                        Route::Unknown(why) => {
                            self.note(&Entry::NotSent { messages: BTreeMap::from([(id, why)]) });
                            self.hold(hand);
                            continue;
                        }
                    };
                    if sorted.going.len() as u64 >= most {
                        sorted.surplus.push(hand);
                        continue;
                    }
                    match self.going(hand, to) {
                        Ok(going) => {
                            lock(&self.in_hand).insert(id, going.hand.receipt_handle.clone());
                            sorted.going.push(going);
                        }
                        Err(refused) => {
                            let (hand, why) = *refused;
                            self.note(&Entry::NotSent { messages: BTreeMap::from([(id, why)]) });
                            self.hold(hand);
                        }
                    }
                }
                Treatment::Bounced => {
                    let head = hand.message.head();
                    lock(&self.dead).insert(id, head);
                    self.hold(hand);
                }
                Treatment::Changed => {
                    self.note(&Entry::Changed { ids: vec![id] });
                    self.hold(hand);
                }
                Treatment::Send | Treatment::Leave | Treatment::NotPlanned => self.hold(hand),
            }
        }
        sorted
    }

    /// The id by which the journal knows an event that this redrive has sent, and that has failed again.
    pub(super) fn copy_id(&self, message: &DeadLetter) -> Option<String> {
        self.terms.function.as_ref()?;
        let request_id = message.written()?.request_id?;
        lock(&self.ledger).is_copy(&request_id).then_some(request_id)
    }

    /// Whether the filter means it; of a plan's messages it is the plan that does.
    fn is_selected(&self, message: &DeadLetter) -> Result<bool, NotEvaluable> {
        let reasons = lock(&self.reasons);
        let reason = reasons.get(&message.message_id).map(String::as_str);
        if self.terms.is_planned {
            return Ok(true);
        }
        if !self.rewrite.is_selected(message) {
            return Ok(false);
        }
        let cause = reason.map_or(Cause::Unknown, |reason| Cause::Told(reason.to_owned()));
        Ok(self.filter.selects(message, &cause, self.began_at)? == Selects::Yes)
    }

    fn hold(&self, hand: ReceivedMessage) {
        if let Some(group) = hand.message.group_id.filter(|_| self.place.dead_letters.is_fifo()) {
            lock(&self.groups).insert(hand.message.message_id.clone(), group);
        }
        lock(&self.held).insert(hand.message.message_id, hand.receipt_handle);
    }

    fn going(
        &self,
        hand: ReceivedMessage,
        to: usize,
    ) -> Result<Going, Box<(ReceivedMessage, String)>> {
        let Some(destination) = self.to.get(to) else {
            return Err(Box::new((hand, "its destination is not known".to_owned())));
        };
        if let Some(why) = self.terms.too_often(&hand.message) {
            return Err(Box::new((hand, why)));
        }
        let patchable = match self.terms.patchable(&hand.message) {
            Ok(patchable) => patchable,
            Err(why) => return Err(Box::new((hand, why))),
        };
        let (message, original) = match self.rewrite.apply(&patchable) {
            Ok(None) => (patchable, None),
            Ok(Some(changed)) => (changed, Some(hand.message.clone())),
            Err(why) => return Err(Box::new((hand, why))),
        };
        let (message, redrives) =
            self.terms.counted(message, &hand.message, destination.bytes_max());
        if self.is_in_a_small_step() {
            let head = hand.message.head();
            lock(&self.sent_heads).insert(head.message_id.clone(), head);
        }
        let size_bytes = message.size_bytes();
        let resend = if self.terms.function.is_none() {
            message.resend(&self.name, destination.is_fifo())
        } else {
            let DeadLetter { message_id, body, .. } = message;
            Resend { from: message_id, body, ..Resend::default() }
        };
        Ok(Going { hand, resend, to, original, redrives, size_bytes })
    }

    /// Sends messages in as few requests as fit, in their order. On FIFO queues none is sent after a request in which one of its
    /// group could not be.
    async fn send_all(&self, going: Vec<Going>, held_until: Timestamp) -> Result<u64, Failure> {
        let mut sent = 0;
        let mut blocked = BTreeSet::new();
        let mut slipped = BTreeSet::new();
        for batch in self.batches(going) {
            let of = |lanes: &BTreeSet<Lane>, going: &Going| {
                self.is_fifo(going.to) && lanes.contains(&going.lane())
            };
            let (behind, batch): (Vec<Going>, Vec<Going>) =
                batch.into_iter().partition(|going| of(&blocked, going));
            self.leave(behind, "it is behind one of its group that could not be sent");
            let (early, batch): (Vec<Going>, Vec<Going>) =
                batch.into_iter().partition(|going| of(&slipped, going));
            self.release(early).await;
            let done = self.send(batch, held_until).await?;
            sent += done.sent;
            blocked.extend(done.refused);
            slipped.extend(done.slipped);
        }
        Ok(sent)
    }

    /// Hands messages back that have to wait for those before them to come up again.
    async fn release(&self, messages: Vec<Going>) {
        let handles: Vec<String> =
            messages.into_iter().map(|going| going.hand.receipt_handle).collect();
        let _ = release(&self.place.aws, &self.place.dead_letters, &handles).await;
    }

    fn is_fifo(&self, to: usize) -> bool {
        self.to.get(to).is_some_and(Destination::is_fifo)
    }

    /// The requests for messages of all destinations.
    fn batches(&self, mut going: Vec<Going>) -> Vec<Vec<Going>> {
        let mut result = Vec::new();
        for (number, to) in self.to.iter().enumerate() {
            let (these, others) = going.into_iter().partition(|going| going.to == number);
            going = others;
            result.extend(self.batches_to(to.bytes_max(), these));
        }
        result
    }

    fn batches_to(&self, limit: usize, going: Vec<Going>) -> Vec<Vec<Going>> {
        let most = lock(&self.pacer).batch_max();
        let mut result = Vec::new();
        let sizes: Vec<usize> = going.iter().map(|going| going.size_bytes).collect();
        let mut going = going.into_iter();
        for range in batches(&sizes, limit) {
            let mut rest: Vec<Going> = going.by_ref().take(range.len()).collect();
            while !rest.is_empty() {
                let later = rest.split_off(most.min(rest.len()));
                result.push(std::mem::replace(&mut rest, later));
            }
        }
        result
    }

    /// Sends one batch and deletes what was confirmed.
    async fn send(&self, batch: Vec<Going>, held_until: Timestamp) -> Result<Done, Failure> {
        let mut done = Done::default();
        if batch.is_empty() {
            return Ok(done);
        }
        // The first batch of the same handful may have shown that nothing may be deleted.
        if lock(&self.denied).is_some() || !self.pace(batch.len()).await {
            self.release(batch).await;
            return Ok(done);
        }
        let (batch, slipped) = self.held_for_long_enough(batch, held_until).await;
        done.slipped.extend(slipped.iter().map(Going::lane));
        if batch.is_empty() {
            return Ok(done);
        }
        let intended = |going: &Going| Intended {
            id: going.resend.from.clone(),
            original: going.original.clone(),
            redrives: going.redrives,
        };
        let messages = batch.iter().map(intended).collect();
        self.note_durably(&Entry::Intent { at: self.place.clock.now(), messages }).await?;
        let Offered { confirmed, refused, lost, unanswered } = self.offer(batch).await?;
        done.refused.extend(lost.iter().map(|(going, _)| going.lane()));
        self.leave_unconfirmed(lost, &unanswered);
        for (going, why) in refused {
            done.refused.push(going.lane());
            self.leave(vec![going], &why);
        }
        if confirmed.is_empty() {
            return Ok(done);
        }
        done.sent = confirmed.len() as u64;
        let messages = confirmed
            .iter()
            .map(|(going, to)| Pair {
                from: going.resend.from.clone(),
                to: to.clone(),
                queue: self.terms.sources.get(going.to).map(|queue| queue.arn.clone()),
            })
            .collect();
        let noted = self.note_durably(&Entry::Sent { messages }).await;
        self.show_headway(0, 0);
        // SQS has confirmed them, whether that could be written down or not: kept, they would be sent once more.
        self.delete(confirmed.into_iter().map(|(going, _)| going.hand).collect()).await;
        noted.map(|()| done)
    }

    /// Messages that could become visible while they are sent are hidden for longer. Those that cannot be, which come second, have
    /// slipped from the hand, and come up again.
    async fn held_for_long_enough(
        &self,
        batch: Vec<Going>,
        held_until: Timestamp,
    ) -> (Vec<Going>, Vec<Going>) {
        if self.place.clock.now() + REQUEST < held_until {
            return (batch, Vec::new());
        }
        let handles: Vec<String> =
            batch.iter().map(|going| going.hand.receipt_handle.clone()).collect();
        let failed = extend_visibility(&self.place.aws, &self.place.dead_letters, &handles).await;
        let lost: BTreeSet<String> = failed.into_iter().map(|(handle, _)| handle).collect();
        batch.into_iter().partition(|going| !lost.contains(&going.hand.receipt_handle))
    }

    /// Leaves messages where they are of which no answer said whether they arrived.
    fn leave_unconfirmed(
        &self,
        messages: Vec<(Going, String)>,
        unanswered: &BTreeMap<String, u32>,
    ) {
        for (going, why) in messages {
            let id = going.resend.from.clone();
            let times = unanswered.get(&id).copied().unwrap_or(1);
            self.note(&Entry::Unconfirmed { messages: BTreeMap::from([(id, times)]), why });
            self.hold(going.hand);
        }
    }

    /// Offers messages to SQS until each is confirmed or refused for good. What may have arrived is written down before it
    /// is offered again.
    async fn offer(&self, batch: Vec<Going>) -> Result<Offered, Failure> {
        let mut offered = Offered::default();
        let Some(to) = batch.first().and_then(|going| self.to.get(going.to)) else {
            return Ok(offered);
        };
        let mut pending = batch;
        let mut pause = BACKOFF;
        for attempt in 1..=ATTEMPTS {
            let resends: Vec<Resend> = pending.iter().map(|going| going.resend.clone()).collect();
            let answers = to.send(&resends).await;
            if to.is_fifo() {
                self.note_order(&resends, &answers);
            }
            let mut again = Vec::new();
            let mut unknown = (Vec::new(), String::new());
            for (going, answer) in pending.into_iter().zip(answers) {
                match answer {
                    Sent::Confirmed { message_id, trace_lost } => {
                        if trace_lost {
                            let ids = vec![going.resend.from.clone()];
                            self.note(&Entry::TraceLost { ids });
                        }
                        offered.confirmed.push((going, message_id));
                    }
                    Sent::Refused { why, may_be_retried } => {
                        if may_be_retried && attempt < ATTEMPTS {
                            again.push(going);
                        } else if offered.unanswered.contains_key(&going.resend.from) {
                            // An attempt before this one may have arrived.
                            offered.lost.push((going, why));
                        } else {
                            offered.refused.push((going, why));
                        }
                    }
                    Sent::Unknown { why } => {
                        *offered.unanswered.entry(going.resend.from.clone()).or_default() += 1;
                        unknown.0.push(going.resend.from.clone());
                        unknown.1.clone_from(&why);
                        if attempt < ATTEMPTS {
                            again.push(going);
                        } else {
                            offered.lost.push((going, why));
                        }
                    }
                }
            }
            if !unknown.0.is_empty() {
                let (ids, why) = unknown;
                self.note_durably(&Entry::Ambiguous { ids, why }).await?;
            }
            pending = again;
            if pending.is_empty() {
                break;
            }
            self.place.clock.sleep(pause).await;
            pause *= 2;
        }
        Ok(offered)
    }

    /// Names those that were sent though one before them of their group was not.
    fn note_order(&self, resends: &[Resend], answers: &[Sent]) {
        let is_confirmed = |answer: &Sent| matches!(answer, Sent::Confirmed { .. });
        let entries = resends
            .iter()
            .zip(answers)
            .map(|(resend, answer)| (resend.group_id.as_deref(), is_confirmed(answer)));
        let ids: Vec<String> =
            overtaking(entries).into_iter().map(|index| resends[index].from.clone()).collect();
        if !ids.is_empty() {
            self.note(&Entry::OutOfOrder { ids });
        }
    }

    /// Leaves messages where they are, and says why.
    fn leave(&self, messages: Vec<Going>, why: &str) {
        if messages.is_empty() {
            return;
        }
        let named =
            messages.iter().map(|going| (going.resend.from.clone(), why.to_owned())).collect();
        self.note(&Entry::NotSent { messages: named });
        for going in messages {
            self.hold(going.hand);
        }
    }

    /// Deletes messages whose place a message has taken. One that cannot be deleted comes up again, and is deleted then.
    async fn delete(&self, messages: Vec<ReceivedMessage>) {
        let mut ids: BTreeMap<String, String> = messages
            .into_iter()
            .map(|hand| (hand.receipt_handle, hand.message.message_id))
            .collect();
        let mut pause = BACKOFF;
        let mut why = String::new();
        for _ in 0..ATTEMPTS {
            if ids.is_empty() {
                return;
            }
            let handles: Vec<String> = ids.keys().cloned().collect();
            let NotDeleted { failed, is_denied } =
                self.place.aws.delete_or_denied(&self.place.dead_letters, &handles).await;
            let failed: BTreeMap<String, String> = failed.into_iter().collect();
            why = failed.values().next().cloned().unwrap_or(why);
            let deleted = ids.iter().filter(|(handle, _)| !failed.contains_key(*handle));
            let deleted: Vec<String> = deleted.map(|(_, id)| id.clone()).collect();
            if !deleted.is_empty() {
                self.can_delete.store(true, Ordering::SeqCst);
                self.note(&Entry::Deleted { ids: deleted });
            }
            ids.retain(|handle, _| failed.contains_key(handle));
            if is_denied {
                lock(&self.denied).get_or_insert_with(|| why.clone());
                break;
            }
            if !ids.is_empty() {
                self.place.clock.sleep(pause).await;
                pause *= 2;
            }
        }
        if !ids.is_empty() {
            let queue = &self.place.dead_letters.name;
            let count = ids.len();
            self.progress.say(&format!("{count} sent, and not deleted from {queue} yet: {why}"));
        }
    }
}

/// What became of messages that were offered to SQS.
#[derive(Default)]
struct Offered {
    /// Those that it has, each with its new id.
    confirmed: Vec<(Going, String)>,
    /// Those that it does not have, each with the reason.
    refused: Vec<(Going, String)>,
    /// Those that it may have or not.
    lost: Vec<(Going, String)>,
    /// How often there was no answer, by the messages' ids.
    unanswered: BTreeMap<String, u32>,
}
