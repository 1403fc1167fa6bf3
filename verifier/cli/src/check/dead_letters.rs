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
/// How often the time for which a message of another run is put aside doubles.
const DOUBLINGS_MAX: u32 = 5;

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
    /// How many receives were not answered, and may have been carried out.
    pub(crate) unanswered: u32,
    /// Until when messages may be hidden for a receive that was not answered.
    hidden_until: Option<Timestamp>,
    /// Until when whatever was received last is hidden, if it is still there.
    held_until: Option<Timestamp>,
    /// Messages of runs that may still go on, which were made visible again, by message id.
    pub(crate) passed_on: BTreeMap<String, PassedOn>,
    /// When the queue was looked at last.
    pub(crate) searched_at: Option<Timestamp>,
    /// The run's own that were seen there, also after they were taken out, by message id.
    pub(crate) seen: BTreeMap<String, OurMessage>,
    /// The same as they were received first.
    first: BTreeMap<String, DeadLetter>,
    /// The poll whose answer was not read yet.
    under_way: Option<Poll>,
}

/// A message of a run that may still go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassedOn {
    /// How often it was received.
    pub(crate) receives: u32,
    /// By which handle it becomes visible at once, where it was put aside for a while.
    pub(crate) put_aside: Option<String>,
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
        while !message_ids.iter().all(|id| self.seen.contains_key(id)) {
            let patient_until = self.patient_until(bound_at);
            let bound_at = latest.map_or(patient_until, |latest| patient_until.min(latest));
            let left = bound_at.since(search.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            // Rounded up: a poll of zero seconds would be a short one, which looks at a part of the queue only.
            let wait = left.as_millis().div_ceil(1000).min(POLL_SECONDS.into());
            self.poll(search, left + HOLD, u32::try_from(wait).unwrap_or(u32::MAX)).await?;
        }
        Ok(())
    }

    /// Looks once more for what came together with the messages that were awaited, and takes all that is there.
    ///
    /// By long polls: a short one looks at a part of the queue only.
    pub(crate) async fn look_again(&mut self, search: &Search<'_>) -> Result<(), AwsError> {
        while self.poll(search, LAST_HOLD, 1).await? == RECEIVED_MAX {}
        Ok(())
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
        let mut of_other_runs = Vec::new();
        for message in received {
            of_other_runs.extend(self.take(message, search));
        }
        self.pass_on(of_other_runs, search).await;
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

    /// Keeps a message in hand, unless it is one that another run may be waiting for.
    fn take(&mut self, message: DeadLetter, search: &Search<'_>) -> Option<DeadLetter> {
        let id = message.message_id.clone();
        // The latest handle is the one that counts, so a message that was in hand already is replaced.
        let Search { run_id, own_message_ids, ids, longest_wait, .. } = search;
        match Owner::of(&message, *run_id, own_message_ids, ids, *longest_wait) {
            Owner::ThisRun => {
                self.keep_own(message);
            }
            Owner::FinishedRun(_) => drop(self.leftovers.insert(id, message)),
            Owner::RunningRun(_) => return Some(message),
            Owner::Other => self.hold(message),
        }
        None
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
        let (message_id, body, seen_at) =
            (message.message_id.clone(), message.body.clone(), message.seen_at);
        let seen = || OurMessage { message_id: message_id.clone(), body, seen_at };
        self.seen.entry(message_id.clone()).or_insert_with(seen);
        self.first.entry(message_id.clone()).or_insert_with(|| message.clone());
        self.own.insert(message_id, message);
    }

    fn hold(&mut self, message: DeadLetter) {
        let id = message.message_id.clone();
        let more = |held: Option<&HeldMessage>| held.map_or(0, |held| held.receives) + 1;
        let seen = HeldMessage { receives: more(self.others.get(&id)), message: message.clone() };
        self.others.insert(id.clone(), seen);
        let receives = more(self.held.get(&id));
        self.held.insert(id, HeldMessage { message, receives });
    }

    /// Hands back what another run may be waiting for: two runs that held each other's message until the end would both
    /// wait in vain.
    ///
    /// If that run is not there, the message comes to this one again. It is put aside for longer each time, so that this
    /// costs a few calls and not one after the other.
    async fn pass_on(&mut self, messages: Vec<DeadLetter>, search: &Search<'_>) {
        if messages.is_empty() {
            return;
        }
        let mut seconds_by_handle = Vec::new();
        for message in &messages {
            let passed_on = self.passed_on.entry(message.message_id.clone()).or_default();
            let times = passed_on.receives;
            let seconds = if times == 0 { 0 } else { 1 << (times - 1).min(DOUBLINGS_MAX) };
            seconds_by_handle.push((message.receipt_handle.clone(), seconds));
            let put_aside = (seconds > 0).then(|| message.receipt_handle.clone());
            *passed_on = PassedOn { receives: times + 1, put_aside };
        }
        let failed = search.aws.change_visibility(search.queue, &seconds_by_handle).await;
        for message in messages {
            // It is made visible again at the end, with those of others.
            if failed.iter().any(|(handle, _)| *handle == message.receipt_handle) {
                self.hold(message);
            }
        }
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
    async fn a_message_whose_run_is_not_there_is_put_aside_for_longer_each_time() {
        let stand = Stand::start().await;
        let queue = queue(&stand);
        let mut one = Looker::at(&stand, 1).await;
        let absent = send(&stand, RunId::new(one.clock.now(), 9)).await;
        let mut seen = Vec::new();
        // Twice as long as it takes.
        for _ in 0..16 {
            let receives = |one: &Looker| one.messages.passed_on.get(&absent).map(|it| it.receives);
            let before = receives(&one);
            one.look(&queue).await;
            if receives(&one) != before {
                seen.push(one.clock.now());
            }
            one.clock.sleep(Duration::from_secs(1)).await;
        }
        // Handed back at once the first time, and then put aside for one, two and four seconds.
        let gaps: Vec<Duration> = seen.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        assert!(gaps.len() >= 4, "{gaps:?}");
        for (gap, seconds) in gaps[1..].iter().zip([1, 2, 4]) {
            // The time is told a moment after the message was put aside, and the moments differ.
            let least = Duration::from_millis(seconds * 1000 - 100);
            assert!(*gap >= least, "{gaps:?}");
        }
        stand.emulator.shut_down().await;
    }
}
