//! Looking for a run's own messages in the dead-letter queue, without losing anybody else's.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinHandle;
use verifier_aws::{Aws, AwsError, RECEIVED_MAX, ReceiveAnswer, Received};
use verifier_core::check::{DeadLetter, HeldMessage, OurMessage, Owner, QueueEvidence, RunId};
use verifier_core::settings::MessageIds;
use verifier_model::time::Timestamp;

use crate::shell::clock::RunClock;

/// How long a poll waits at most. An interrupted run waits for its answer, and has ten seconds to clean up, so it is not the
/// longest that SQS allows.
const POLL_SECONDS: u64 = 8;
/// How much longer than the search messages of others are held, so that they do not come up again during it.
const HOLD: Duration = Duration::from_secs(30);
/// How long what the last look finds is held: the log is read meanwhile, and a handle must be good for the deletion.
const LAST_HOLD: Duration = Duration::from_mins(2);
/// The longest that SQS hides a message.
const VISIBILITY_MAX_SECONDS: u64 = 43_200;
/// How long after messages of a receive that was not answered become visible again they are waited for.
const HIDDEN_GRACE: Duration = Duration::from_secs(5);
/// How many receives that were not answered make a search last longer.
const UNANSWERED_MAX: u32 = 3;
/// How often the time doubles for which a run leaves the queue to another whose message it was handed.
const DOUBLINGS_MAX: u32 = 3;

/// A search of the dead-letter queue on behalf of a run.
pub(crate) struct Search<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) clock: &'a RunClock,
    pub(crate) queue: &'a QueueEvidence,
    pub(crate) run_id: RunId,
    /// The ids of the messages that the run knows for its own.
    pub(crate) own_message_ids: &'a [String],
    /// Where messages name their run.
    pub(crate) ids: MessageIds,
    /// How long a run waits for its own messages at most.
    pub(crate) longest_wait: Duration,
}

/// What was taken from the dead-letter queue and is still in hand.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    /// The run's own messages by message id.
    pub(crate) own: BTreeMap<String, DeadLetter>,
    /// What runs that are over have left, by message id.
    pub(crate) leftovers: BTreeMap<String, DeadLetter>,
    /// Messages of others that are in hand, by message id.
    pub(crate) held: BTreeMap<String, HeldMessage>,
    /// All messages of others that were seen, also after they were made visible again, by message id.
    pub(crate) others: BTreeMap<String, HeldMessage>,
    /// The same as they were received first, with what they hold, which takes some time to find out.
    pub(crate) texts_of_others: BTreeMap<String, OurMessage>,
    /// How many receives were not answered, and may have been carried out.
    pub(crate) unanswered: u32,
    /// Until when messages may be hidden for a receive that was not answered.
    hidden_until: Option<Timestamp>,
    /// Until when whatever was received last is hidden, if it is still there.
    held_until: Option<Timestamp>,
    /// How often messages of runs that may still go on were received, and made visible again at once; by message id.
    pub(crate) passed_on: BTreeMap<String, u32>,
    /// Those that are still to be made visible.
    pub(crate) to_pass_on: Vec<DeadLetter>,
    /// When the queue was looked at last.
    pub(crate) searched_at: Option<Timestamp>,
    /// The run's own that were seen there, also after they were taken out, by message id.
    pub(crate) seen: BTreeMap<String, OurMessage>,
    /// The same as they were received first.
    first: BTreeMap<String, DeadLetter>,
    /// The poll whose answer was not read yet.
    under_way: Option<Poll>,
}

/// A poll that goes on also when whoever waits for it is interrupted: SQS hides messages for it whether its answer is read
/// or not.
type Poll = (JoinHandle<ReceiveAnswer>, Duration);

impl DeadLetters {
    /// Until when a search that ends at that time has to go on: a receive that was not answered may hide the message.
    pub(crate) fn patient_until(&self, bound_at: Timestamp) -> Timestamp {
        self.hidden_until.map_or(bound_at, |hidden| bound_at.max(hidden + HIDDEN_GRACE))
    }

    /// Until when a message that nothing explains may be one that this run received: one for a receive that was not answered,
    /// or one whose deletion was confirmed and not carried out.
    pub(crate) fn in_flight_until(&self) -> Option<Timestamp> {
        self.hidden_until.max(self.held_until).map(|until| until + HIDDEN_GRACE)
    }

    /// Polls until the messages of those ids have come, or the bound has passed; `latest` is when the run's time is over.
    ///
    /// One empty answer proves nothing, so it is only the bound that ends the search.
    pub(crate) async fn await_messages(
        &mut self,
        search: &Search<'_>,
        message_ids: &[String],
        bound_at: Timestamp,
        latest: Option<Timestamp>,
    ) -> Result<(), AwsError> {
        let mut pause = Duration::ZERO;
        while !message_ids.iter().all(|id| self.has_seen(id)) {
            if !pause.is_zero() {
                search.clock.sleep_until(bound_at.min(search.clock.now() + pause)).await;
            }
            let patient_until = self.patient_until(bound_at);
            let bound_at = latest.map_or(patient_until, |latest| patient_until.min(latest));
            let left = bound_at.since(search.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            // Rounded up: a poll of zero seconds would be a short one, which looks at a part of the queue only.
            let wait = left.as_millis().div_ceil(1000).min(POLL_SECONDS.into());
            let wait = u32::try_from(wait).unwrap_or(u32::MAX);
            self.poll(search, left + HOLD, wait).await?;
            pause = self.pass_on(search).await;
        }
        Ok(())
    }

    /// Whether the message of that id was seen, or one that holds the job of that id.
    pub(crate) fn has_seen(&self, id: &str) -> bool {
        let holds = || self.seen.values().any(|message| message.is_of(id));
        self.seen.contains_key(id) || RunId::of_job(id).is_some() && holds()
    }

    /// Looks once more for what came together with the messages that were awaited, and takes all that is there.
    ///
    /// By long polls: a short one looks at a part of the queue only.
    pub(crate) async fn look_again(&mut self, search: &Search<'_>) -> Result<(), AwsError> {
        let mut polled = Ok(RECEIVED_MAX);
        while let Ok(RECEIVED_MAX) = polled {
            polled = self.poll(search, LAST_HOLD, 1).await;
        }
        // Not before, or they would come again and again.
        self.pass_on(search).await;
        polled.map(drop)
    }

    /// Receives once; says how many messages that were.
    async fn poll(
        &mut self,
        search: &Search<'_>,
        hold: Duration,
        wait_seconds: u32,
    ) -> Result<usize, AwsError> {
        let hold = hold.as_secs().min(VISIBILITY_MAX_SECONDS);
        let how = Received {
            visibility_timeout_seconds: u32::try_from(hold).unwrap_or(u32::MAX),
            wait_seconds,
        };
        let (aws, clock, queue) = (search.aws.clone(), search.clock.clone(), search.queue.clone());
        let poll = tokio::spawn(async move {
            let seen_at = async || {
                clock.has_waited().await;
                clock.now()
            };
            aws.receive(&queue, how, seen_at).await
        });
        self.under_way = Some((poll, Duration::from_secs(hold)));
        let received = self.answer(search.clock).await?;
        self.searched_at = Some(search.clock.now());
        let count = received.len();
        for message in received {
            self.take(message, search);
        }
        Ok(count)
    }

    /// What the poll brings that is under way; nothing where there is none.
    async fn answer(&mut self, clock: &RunClock) -> Result<Vec<DeadLetter>, AwsError> {
        let Some((poll, hold)) = self.under_way.as_mut() else {
            return Ok(Vec::new());
        };
        let (answer, hold) = (poll.await, *hold);
        self.under_way = None;
        // It is never aborted, and does not panic.
        let Ok(ReceiveAnswer { messages, unanswered }) = answer else {
            return Ok(Vec::new());
        };
        let until = Some(clock.now() + hold);
        if unanswered > 0 && self.unanswered < UNANSWERED_MAX {
            self.hidden_until = self.hidden_until.max(until);
        }
        self.unanswered += unanswered;
        if messages.as_ref().is_ok_and(|messages| !messages.is_empty()) {
            self.held_until = self.held_until.max(until);
        }
        messages
    }

    /// Takes in hand what an interrupted search was about to be handed.
    pub(crate) async fn end_search(&mut self, clock: &RunClock, own_message_ids: &[String]) {
        for message in self.answer(clock).await.unwrap_or_default() {
            if own_message_ids.contains(&message.message_id) {
                self.keep_own(message);
            } else {
                self.hold(message);
            }
        }
    }

    /// Takes a message in hand: for a moment where another run may be waiting for it.
    fn take(&mut self, message: DeadLetter, search: &Search<'_>) {
        let id = message.message_id.clone();
        // The latest handle is the one that counts, so a message that was in hand already is replaced.
        let Search { run_id, own_message_ids, ids, longest_wait, .. } = search;
        match Owner::of(&message, *run_id, own_message_ids, ids, *longest_wait) {
            Owner::ThisRun => self.keep_own(message),
            Owner::FinishedRun(_) => drop(self.leftovers.insert(id, message)),
            Owner::RunningRun(_) => self.to_pass_on.push(message),
            Owner::Other => self.hold(message),
        }
    }

    /// A message of the run's own as it was received first, also after it was deleted.
    pub(crate) fn first_own(&self, message_id: &str) -> Option<DeadLetter> {
        self.first.get(message_id).cloned()
    }

    /// Whether any of the run's own messages is in hand.
    pub(crate) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// How many messages of others were seen in the queue.
    pub(crate) fn others_seen(&self) -> usize {
        let passed_on = self.passed_on.keys().filter(|id| !self.others.contains_key(*id));
        self.others.len() + passed_on.count()
    }

    fn keep_own(&mut self, message: DeadLetter) {
        let message_id = message.message_id.clone();
        self.seen.entry(message_id.clone()).or_insert_with(|| OurMessage::of(&message));
        self.first.entry(message_id.clone()).or_insert_with(|| message.clone());
        self.own.insert(message_id, message);
    }

    fn hold(&mut self, message: DeadLetter) {
        let id = message.message_id.clone();
        self.texts_of_others.entry(id.clone()).or_insert_with(|| OurMessage::of(&message));
        let more = |held: Option<&HeldMessage>| held.map_or(0, |held| held.receives) + 1;
        let seen = HeldMessage { receives: more(self.others.get(&id)), message: message.clone() };
        self.others.insert(id.clone(), seen);
        let receives = more(self.held.get(&id));
        self.held.insert(id, HeldMessage { message, receives });
    }

    /// Hands back what another run may be waiting for: two runs that held each other's message until the end would both
    /// wait in vain. Says for how long to leave the queue to that run.
    ///
    /// It becomes visible at once, since hiding it for a while would hide it from the other run, too. If that run is not
    /// there, the message comes to this one again; pausing for longer each time makes that cost a few calls and not one after
    /// the other. Of two runs that pause, the one that looks first finds what both wait for.
    async fn pass_on(&mut self, search: &Search<'_>) -> Duration {
        if self.to_pass_on.is_empty() {
            return Duration::ZERO;
        }
        let mut most = 0;
        for message in &self.to_pass_on {
            let receives = self.passed_on.entry(message.message_id.clone()).or_default();
            *receives += 1;
            most = most.max(*receives);
        }
        let handles = self.handles_to_pass_on();
        let failed = search.aws.change_visibility(search.queue, &handles).await;
        for message in std::mem::take(&mut self.to_pass_on) {
            // It is made visible again at the end, with those of others.
            if failed.iter().any(|(handle, _)| *handle == message.receipt_handle) {
                self.hold(message);
            }
        }
        pause_after(most)
    }

    /// What makes those visible that are still to be handed back.
    pub(crate) fn handles_to_pass_on(&self) -> Vec<(String, u32)> {
        self.to_pass_on.iter().map(|message| (message.receipt_handle.clone(), 0)).collect()
    }
}

/// For how long a run leaves the queue to another after so many receives of that one's message; not after the first.
fn pause_after(receives: u32) -> Duration {
    match receives {
        0 | 1 => Duration::ZERO,
        several => Duration::from_secs(1 << (several - 2).min(DOUBLINGS_MAX)),
    }
}

#[cfg(test)]
mod tests {

    use futures::FutureExt;
    use serde_json::{Value, json};
    use verifier_aws::plain_http_client;

    use super::*;
    use crate::shell::stand::Stand;

    const LONGEST_WAIT: Duration = Duration::from_mins(3);

    /// A run that looks, by a client of its own.
    struct Looker {
        aws: Aws,
        clock: RunClock,
        run_id: RunId,
        messages: DeadLetters,
    }

    impl Looker {
        async fn at(stand: &Stand, random: u32) -> Self {
            let (aws, clock) = stand.client().await;
            let run_id = RunId::new(clock.now(), random);
            Self { aws, clock, run_id, messages: DeadLetters::default() }
        }

        async fn look(&mut self, queue: &QueueEvidence) {
            let search = search(queue, &self.aws, &self.clock, self.run_id);
            self.messages.look_again(&search).await.unwrap();
        }
    }

    fn queue(stand: &Stand) -> QueueEvidence {
        let url = stand.url.clone();
        QueueEvidence { name: "queue".to_owned(), url, ..QueueEvidence::default() }
    }

    fn search<'a>(
        queue: &'a QueueEvidence,
        aws: &'a Aws,
        clock: &'a RunClock,
        run_id: RunId,
    ) -> Search<'a> {
        let longest_wait = LONGEST_WAIT;
        Search {
            aws,
            clock,
            queue,
            run_id,
            own_message_ids: &[],
            ids: MessageIds::default(),
            longest_wait,
        }
    }

    /// Sends a message; says its id.
    async fn send(stand: &Stand, run_id: RunId) -> String {
        let run_id = run_id.to_string();
        let job = json!({"task": "t", "jobId": format!("{run_id}-failing"), "runId": run_id});
        let request = json!({"QueueUrl": stand.url, "MessageBody": job.to_string()});
        let post = plain_http_client().unwrap().post(stand.emulator.endpoint());
        let post = post.header("x-amz-target", "AmazonSQS.SendMessage");
        let post = post.header("authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST");
        let answer: Value = post.json(&request).send().await.unwrap().json().await.unwrap();
        answer["MessageId"].as_str().unwrap().to_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn runs_that_meet_each_others_messages_both_get_their_own() {
        let stand = Stand::start().await;
        let queue = queue(&stand);
        let (mut one, mut other) = (Looker::at(&stand, 1).await, Looker::at(&stand, 2).await);
        let began = one.clock.now();
        let of_other = send(&stand, other.run_id).await;
        one.look(&queue).await;
        let of_one = send(&stand, one.run_id).await;
        other.look(&queue).await;
        one.look(&queue).await;
        assert!(other.messages.own.contains_key(&of_other));
        assert!(one.messages.own.contains_key(&of_one));
        assert!(one.messages.held.is_empty() && other.messages.held.is_empty());
        // Nobody had to wait for the other to let go.
        assert!(one.clock.now().since(began) < Duration::from_secs(5));
        stand.emulator.shut_down().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_look_finds_all_that_is_there() {
        let stand = Stand::start().await;
        let queue = queue(&stand);
        let mut one = Looker::at(&stand, 1).await;
        // More than one receive brings.
        for _ in 0..12 {
            send(&stand, one.run_id).await;
        }
        one.look(&queue).await;
        assert_eq!(one.messages.own.len(), 12);
        stand.emulator.shut_down().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_comes_to_a_search_that_was_interrupted_is_taken_in_hand() {
        let stand = Stand::start().await;
        let queue = queue(&stand);
        let mut one = Looker::at(&stand, 1).await;
        // Time goes by as in real time, so that the poll is not over before anything comes.
        let _hold = stand.emulator.client();
        let Looker { aws, clock, run_id, messages } = &mut one;
        let search = search(&queue, aws, clock, *run_id);
        for is_own in [false, true] {
            let bound_at = clock.now() + LONGEST_WAIT;
            let search_goes_on = messages
                .await_messages(&search, &["another".to_owned()], bound_at, None)
                .now_or_never();
            assert!(search_goes_on.is_none());
            let id = send(&stand, RunId::new(clock.now(), 2)).await;
            let own = if is_own { vec![id.clone()] } else { Vec::new() };
            messages.end_search(clock, &own).await;
            assert_eq!(messages.own.contains_key(&id), is_own);
            assert_eq!(messages.held.contains_key(&id), !is_own);
        }
        messages.end_search(clock, &[]).await;
        assert_eq!((messages.own.len(), messages.held.len()), (1, 1), "there is no other poll");
        stand.emulator.shut_down().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_message_whose_run_is_not_there_stays_visible_and_is_received_less_and_less() {
        let stand = Stand::start().await;
        let queue = queue(&stand);
        let (mut one, mut other) = (Looker::at(&stand, 1).await, Looker::at(&stand, 2).await);
        let of_other = send(&stand, other.run_id).await;
        let bound_at = one.clock.now() + Duration::from_secs(20);
        let search = search(&queue, &one.aws, &one.clock, one.run_id);
        let never = ["another".to_owned()];
        one.messages.await_messages(&search, &never, bound_at, None).await.unwrap();
        // Twice, and after one, two, four and eight seconds.
        let receives = one.messages.passed_on.get(&of_other).copied();
        assert!(receives.is_some_and(|times| (4..=6).contains(&times)), "{receives:?}");
        other.look(&queue).await;
        assert!(other.messages.own.contains_key(&of_other));
        stand.emulator.shut_down().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_look_at_many_messages_of_other_runs_ends() {
        let stand = Stand::start().await;
        let queue = queue(&stand);
        let (mut one, mut other) = (Looker::at(&stand, 1).await, Looker::at(&stand, 2).await);
        for _ in 0..12 {
            send(&stand, other.run_id).await;
        }
        one.look(&queue).await;
        assert_eq!(one.messages.passed_on.values().copied().collect::<Vec<_>>(), [1; 12]);
        other.look(&queue).await;
        assert_eq!(other.messages.own.len(), 12);
        stand.emulator.shut_down().await;
    }

    #[test]
    fn the_queue_is_left_to_another_run_for_longer_each_time() {
        let seconds = [0, 1, 2, 3, 4, 5, 6, 100].map(|times| pause_after(times).as_secs());
        assert_eq!(seconds, [0, 0, 1, 2, 4, 8, 8, 8]);
    }
}
