//! Waiting until a live stack has worked everything off, and what it shows then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use verifier_chaos::{Expectation, Observed, Watch};
use verifier_core::check::{LoggedOutcome, QueueEvidence};
use verifier_core::settings::EffectLine;
use verifier_model::time::Timestamp;

use super::recorder::Recorder;
use super::stack::Live;
use crate::dlq::args::FilterArgs;
use crate::dlq::{Backup, Keeps, Look, Selection, look, purge};
use crate::shell::clean;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;

/// What the file of the run's messages is called beyond the journal beside which it is.
pub(super) const MESSAGES_SUFFIX: &str = ".messages.jsonl";
/// How often the stack is looked at while it works things off.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How much longer than a message's life it may take: a task of SQS's, and a log that is late.
const SLACK: Duration = Duration::from_mins(3);
/// How long the jobs queue has to be empty when the log does not report every job's end: counts are old for up to a minute, and
/// lines come late.
const SETTLES: Duration = Duration::from_mins(2);
/// How much before a job was submitted its lines are looked for: clocks differ.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// What is in the two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Depth {
    /// Messages of the jobs queue, wherever they are.
    pub(super) jobs: u64,
    /// Messages of the dead-letter queue.
    pub(super) dead: u64,
}

/// What a worker's log tells.
#[derive(Default)]
struct Logged {
    outcomes: Vec<LoggedOutcome>,
    effects: Vec<(Timestamp, EffectLine)>,
}

/// How the wait ended.
pub(super) struct Drained {
    /// Whether the jobs queue was seen to hold nothing, for long enough.
    pub(super) is_empty: bool,
    pub(super) remaining: u64,
    pub(super) observed: Observed,
}

impl Live {
    /// What is in the queues, by their counts.
    pub(super) async fn depth(&self) -> Result<Depth, Failure> {
        let aws = &self.place.aws;
        let count = async |queue: &QueueEvidence| -> Result<u64, Failure> {
            let queue = aws.queue(&queue.name, &queue.url).await?;
            let number = |name| queue.number(name).unwrap_or_default();
            Ok(number("ApproximateNumberOfMessages")
                + number("ApproximateNumberOfMessagesNotVisible")
                + number("ApproximateNumberOfMessagesDelayed"))
        };
        Ok(Depth {
            jobs: count(self.place.needed_source()?).await?,
            dead: count(&self.place.dead_letters).await?,
        })
    }

    /// Waits until the jobs queue holds nothing, and everything that was accepted has come to its end. At the undo, messages may
    /// be hidden for as long as that.
    pub(super) async fn drain(
        &self,
        recorder: &Recorder,
        accepted: &BTreeMap<String, Expectation>,
        hidden: Duration,
        interrupt: &Interrupt,
    ) -> Result<Drained, Failure> {
        let clock = &self.place.clock;
        let life = Duration::from_secs(self.terms.visibility_timeout_seconds.into())
            * self.terms.max_receive_count;
        let until = clock.now() + hidden + life + SLACK;
        let mut empty_since = None;
        loop {
            let depth = self.depth().await?;
            self.note_messages(recorder, depth, interrupt).await?;
            let now = clock.now();
            let is_over = now >= until || interrupt.is_asked();
            empty_since = if depth.jobs == 0 { empty_since.or(Some(now)) } else { None };
            let is_empty = empty_since.is_some();
            // Whatever the log reports them by then, the jobs have come to their end.
            let is_settled = empty_since.is_some_and(|since| now >= since + SETTLES);
            if is_empty || is_over {
                let (observed, is_whole) = self.observe(recorder, depth, interrupt).await?;
                let are_ended = is_empty && recorder.watch.are_ended(&observed, accepted);
                // What somebody else holds may be what is looked for.
                if is_whole && (are_ended || is_settled) || is_over {
                    let is_empty = is_whole && (are_ended || is_settled);
                    return Ok(Drained { is_empty, remaining: depth.jobs, observed });
                }
            }
            tokio::select! {
                () = clock.sleep(LOOK_EVERY) => {}
                () = interrupt.asked() => {}
            }
        }
    }

    /// Looks at the dead-letter queue when there are more messages than at the last look: when one was seen first is when it is known
    /// to have come. A redrive that is under way is not disturbed.
    pub(super) async fn note_messages(
        &self,
        recorder: &Recorder,
        depth: Depth,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let Ok(_at_the_messages) = self.messages.try_lock() else { return Ok(()) };
        if recorder.has_seen(depth.dead) {
            return Ok(());
        }
        let messages = look(&self.place, Keeps::Whole, interrupt).await?.messages;
        recorder.messages(self.place.clock.now(), messages);
        Ok(())
    }

    /// What the worker's log and the dead-letter queue show now; and whether every message was seen that the queue counts.
    async fn observe(
        &self,
        recorder: &Recorder,
        depth: Depth,
        interrupt: &Interrupt,
    ) -> Result<(Observed, bool), Failure> {
        let Look { messages, cut_short, .. } = look(&self.place, Keeps::Whole, interrupt).await?;
        let is_whole = cut_short.is_none() && messages.len() as u64 >= depth.dead;
        let now = self.place.clock.now();
        let Logged { outcomes, effects } =
            self.logged(recorder.watch.began_at - CLOCK_SKEW).await?;
        let messages = messages.into_iter().map(|message| (now, message)).collect();
        let sent = recorder.sent();
        Ok((Observed { outcomes, effects, messages, sent }, is_whole))
    }

    /// What the worker has logged of outcomes and effects since then, of anybody's jobs; nothing where its log is not known.
    async fn logged(&self, since: Timestamp) -> Result<Logged, Failure> {
        let Logged { mut outcomes, mut effects } = Logged::default();
        if let Some(group) = &self.place.log_group {
            let reader = &self.place.reader;
            let take = |_: &str, at, text: &str| {
                effects.extend(self.effects.read(text).map(|effect| (at, effect)));
                outcomes.extend(reader.read_any(text).map(|line| LoggedOutcome {
                    at,
                    line,
                    is_placed: false,
                }));
            };
            self.place.aws.log_lines(group, None, since, take).await?;
        }
        Ok(Logged { outcomes, effects })
    }

    /// The jobs of others that the worker was at since the stack was changed, as far as its log tells by now.
    pub(super) async fn others_since(
        &self,
        recorder: &Recorder,
        changed_at: Timestamp,
    ) -> Result<BTreeSet<String>, Failure> {
        let late = self.place.clock.now() - CLOCK_SKEW;
        let Logged { outcomes, .. } = self.logged(changed_at.max(late)).await?;
        Ok(self.others_in(recorder, &outcomes, changed_at))
    }

    /// The same, by lines that are known.
    pub(super) fn others_in(
        &self,
        recorder: &Recorder,
        outcomes: &[LoggedOutcome],
        changed_at: Timestamp,
    ) -> BTreeSet<String> {
        let (own, tells_run) = (recorder.own_messages(), self.place.reader.tells_run());
        let is_own = |message: &str| !tells_run || own.contains(message);
        recorder.watch.others(outcomes, changed_at, is_own)
    }

    /// Deletes the run's own messages from the dead-letter queue, where they were made to be, when they are in a file beside the
    /// journal. Says what is left, if anything.
    ///
    /// # Errors
    ///
    /// Where they cannot be kept in a file, none is deleted: they raise the queue's alarm, so the run may not pass in silence.
    pub(super) async fn remove_messages(
        &self,
        recorder: &Recorder,
        interrupt: &Interrupt,
    ) -> Result<Option<String>, Failure> {
        let seen = recorder.all_messages();
        if !seen.iter().any(|(_, message)| recorder.watch.job_in(&message.body).is_some()) {
            return Ok(None);
        }
        let filter = FilterArgs { filter: Some(of_run(&recorder.watch)), ..FilterArgs::default() };
        let selection = Selection::new(&filter)?;
        let file = PathBuf::from(format!("{}{MESSAGES_SUFFIX}", self.journal.display()));
        let left = |failure: Failure| Failure {
            next: Some(format!(
                "make room, and take them out by verifier dlq purge --filter {}",
                clean::word(filter.filter.as_deref().unwrap_or_default())
            )),
            ..Failure::environment(format!(
                "messages of the run are left in {}, and nothing was evaluated: {failure}",
                self.place.dead_letters.name
            ))
        };
        let mut backup = Backup::create(&file).map_err(left)?;
        let purged = purge(
            &self.place,
            &selection,
            &mut backup,
            interrupt,
            &crate::shell::progress::Progress::hidden(),
        )
        .await;
        if let Some(failure) = purged.failure {
            return Err(left(failure));
        }
        let left = purged.not_deleted.len();
        Ok((left > 0).then(|| {
            format!("{left} messages of the run are left in {}", self.place.dead_letters.name)
        }))
    }
}

/// The filter of messages that selects the run's own.
pub(super) fn of_run(watch: &Watch) -> String {
    let path = &watch.ids.job_id;
    format!("body.{path} && starts_with(body.{path}, '{}')", watch.prefix)
}
