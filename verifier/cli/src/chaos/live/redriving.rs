//! Moving dead letters back while an experiment goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Duration;

use verifier_chaos::{Event, Id, Operation, Queue, RedriveBy, Watch};
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::DeadLetter;
use verifier_core::redrive::{Entry, FilterTerms, Ledger, NativeTask, QueueName, SCHEMA, Terms};

use super::observing::of_run;
use super::recorder::Recorder;
use super::run::OTHER_TRAFFIC;
use super::stack::Live;
use crate::dlq::{Keeps, Look, look};
use crate::redrive::{Destination, Engine, Guards, Receiver};
use crate::shell::failure::Failure;
use crate::shell::files;
use crate::shell::interrupt::Interrupt;
use crate::shell::journal::JournalFile;
use crate::shell::progress::Progress;

/// How long a redrive may take.
const TAKES_AT_MOST: Duration = Duration::from_mins(15);
/// How often SQS is asked how its task is doing.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// For how long a queue's counts may be old.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.
const COUNTS_ARE_OLD: Duration = Duration::from_mins(1);
/// What the journals of redrives are called beyond the journal beside which they are; a number follows.
pub(super) const REDRIVE_INFIX: &str = ".redrive-";
/// How many requests a client makes at once.
const CONCURRENCY: usize = 4;

/// What a redrive says that it did: how many it moved, and which message became which message where that is known.
struct Moved {
    count: u64,
    pairs: BTreeMap<String, String>,
}

impl Live {
    /// Moves what is in the dead-letter queue back, and writes down what came of it.
    pub(super) async fn redrive(
        &self,
        recorder: &Recorder,
        by: RedriveBy,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let _at_the_messages = self.messages.lock().await;
        let op = recorder.new_op();
        let clock = &self.place.clock;
        recorder.write(clock.now(), Event::Invoke { op, operation: Operation::Redrive });
        let before = match self.messages_there(interrupt).await? {
            Ok(before) => before,
            Err(why) => {
                recorder.write(clock.now(), Event::Info { op, reason: why.into() });
                return Ok(());
            }
        };
        let began_at = clock.now();
        recorder.messages(began_at, before.clone());
        let (others, before): (Vec<DeadLetter>, Vec<DeadLetter>) =
            before.into_iter().partition(|message| recorder.watch.is_of_others(message));
        if !others.is_empty() {
            // There was none when the run began: see `refuse_to_move_others`.
            recorder.meet(OTHER_TRAFFIC);
            if by == RedriveBy::MoveTask {
                let reason = moves_others(others.len()).into();
                recorder.write(clock.now(), Event::Info { op, reason });
                return Ok(());
            }
        }
        recorder.write(began_at, Event::RedriveStarted { op, before: before.len() as u64 });
        let moved = match by {
            RedriveBy::MoveTask => self.by_move_task().await,
            RedriveBy::Client => self.by_client(op, &recorder.watch, interrupt).await,
        };
        // What it says of itself, and what it has moved for all that.
        let (moved, problem) = match moved {
            Ok(moved) => (moved, None),
            Err(failure) => (Moved { count: 0, pairs: BTreeMap::new() }, Some(failure.what)),
        };
        let (after, problem) = match self.messages_there(interrupt).await? {
            Ok(after) => (after, problem),
            // Whatever is not seen may be there.
            Err(why) => (before.clone(), problem.or(Some(why))),
        };
        let left: BTreeSet<&str> =
            after.iter().map(|message| message.message_id.as_str()).collect();
        for message in &before {
            // When exactly it left is not seen; not before this.
            if let Some(job) = recorder.watch.job_in(&message.body) {
                let from = Id::from(message.message_id.as_str());
                if let Some(to) = moved.pairs.get(&message.message_id) {
                    let (to, job) = (Id::from(to.as_str()), Id::from(job));
                    let event = Event::Moved { from: from.clone(), to, job };
                    recorder.write(began_at, event);
                }
                if !left.contains(message.message_id.as_str()) {
                    let event = Event::Deleted { queue: Queue::DeadLetter, message: from };
                    recorder.write(began_at, event);
                }
            }
        }
        if let Some(problem) = problem {
            recorder.write(clock.now(), Event::Info { op, reason: problem.into() });
            return Ok(());
        }
        let remaining = still_there(&before, &left);
        let moved = accounted(moved.count, before.len() as u64, remaining);
        recorder.write(clock.now(), Event::RedriveEnded { op, moved, remaining });
        recorder.write(clock.now(), Event::Ok { op, message: None });
        Ok(())
    }

    /// Every message that is there; or why that is not known. Counts are old for up to a minute: one that tells of more than was
    /// seen is asked again as long.
    async fn messages_there(
        &self,
        interrupt: &Interrupt,
    ) -> Result<Result<Vec<DeadLetter>, String>, Failure> {
        let clock = &self.place.clock;
        let until = clock.now() + COUNTS_ARE_OLD;
        loop {
            let Look { messages, cut_short, .. } =
                look(&self.place, Keeps::Whole, interrupt).await?;
            match cut_short {
                None => return Ok(Ok(messages)),
                Some(why) if clock.now() >= until || interrupt.is_asked() => return Ok(Err(why)),
                Some(_) => {}
            }
            tokio::select! {
                () = clock.sleep(LOOK_EVERY) => {}
                () = interrupt.asked() => {}
            }
        }
    }

    async fn by_move_task(&self) -> Result<Moved, Failure> {
        let (aws, clock) = (&self.place.aws, &self.place.clock);
        let queue = &self.place.dead_letters;
        let before: Option<NativeTask> =
            aws.list_message_move_tasks(queue).await?.into_iter().next();
        let started_before = before.map(|task| task.started_at);
        // An answer that was lost may have started one all the same, and the next attempt is refused for its sake.
        let started = aws.start_message_move_task(queue, None, None).await;
        let until = clock.now() + TAKES_AT_MOST;
        loop {
            let newest = aws.list_message_move_tasks(queue).await?.into_iter().next();
            let ours = newest.filter(|task| Some(task.started_at) != started_before);
            if ours.is_none() {
                started.as_ref().map_err(|error| Failure::environment(error.to_string()))?;
            }
            if let Some(task) = ours.filter(|task| !task.status.is_active()) {
                return Ok(Moved { count: task.moved, pairs: BTreeMap::new() });
            }
            if clock.now() >= until {
                return Err(Failure::environment(format!(
                    "SQS's move task on {} was not over within {} s",
                    queue.name,
                    TAKES_AT_MOST.as_secs()
                )));
            }
            clock.sleep(LOOK_EVERY).await;
        }
    }

    /// As `verifier redrive --no-canary` does it, with the run's own messages alone.
    async fn by_client(
        &self,
        op: u64,
        watch: &Watch,
        interrupt: &Interrupt,
    ) -> Result<Moved, Failure> {
        // Beside the undo journal, so that it can be carried on if this process does not come to its end.
        let path = PathBuf::from(format!("{}{REDRIVE_INFIX}{op}.jsonl", self.journal.display()));
        let jobs = self.place.needed_source()?;
        let to = Destination {
            aws: self.place.aws.clone(),
            receiver: Receiver::Queue(jobs.clone()),
            log_group: self.place.log_group.clone(),
            log_not_asked: None,
        };
        let name = |queue: &QueueEvidence| QueueName {
            arn: queue.arn().to_owned(),
            url: queue.url.clone(),
        };
        let journal = JournalFile::create(&path)?;
        let mut ledger = Ledger::default();
        let started = Entry::Started {
            schema: SCHEMA.to_owned(),
            redrive: format!("{}-redrive", self.run),
            at: self.place.clock.now(),
            who: "verifier chaos".to_owned(),
            why: None,
            from: name(&self.place.dead_letters),
            to: name(jobs),
            terms: Box::new(Terms {
                filter: FilterTerms { expression: Some(of_run(watch)), ..FilterTerms::default() },
                concurrency: CONCURRENCY,
                stop_after: 1,
                ..Terms::default()
            }),
        };
        ledger.apply(&started);
        journal.append_durably(&started).await?;
        let guards = Guards {
            interrupt,
            deadline: Some(self.place.clock.now() + TAKES_AT_MOST),
            wait: std::time::Duration::ZERO,
            shortfall: None,
        };
        let progress = Progress::hidden();
        let engine = Engine::new(
            &self.place,
            std::slice::from_ref(&to),
            journal,
            ledger,
            guards,
            &progress,
        )?;
        let ended = Box::pin(engine.run(None)).await?;
        let pairs = pairs(&path);
        Ok(Moved { count: ended.accounting.replayed, pairs })
    }
}

/// Why SQS is not asked to move messages: it moves all that are there.
fn moves_others(count: usize) -> String {
    format!("not moved: SQS's move task would move {count} messages of others with the run's own")
}

/// Which message became which message, by a journal.
fn pairs(journal: &Path) -> BTreeMap<String, String> {
    let lines = files::lines(journal).into_iter().flat_map(BufRead::lines);
    let entries = lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok());
    let sent = entries.filter_map(|entry| match entry {
        Entry::Sent { messages } => Some(messages),
        _ => None,
    });
    sent.flatten().map(|pair| (pair.from, pair.to)).collect()
}

/// How many of the messages that were there before still are.
fn still_there(before: &[DeadLetter], left: &BTreeSet<&str>) -> u64 {
    before.iter().filter(|message| left.contains(message.message_id.as_str())).count() as u64
}

/// How many of the messages that were seen before were moved. Those that came meanwhile may have been moved, too, and nobody
/// has seen them: then it is as many as are gone.
fn accounted(moved: u64, before: u64, remaining: u64) -> u64 {
    if moved + remaining > before { before.saturating_sub(remaining) } else { moved }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_shows_and_what_came_meanwhile_does_not() {
        assert_eq!(accounted(5, 5, 0), 5);
        assert_eq!(accounted(3, 5, 2), 3);
        assert_eq!(accounted(7, 5, 0), 5, "two came meanwhile");
        assert_eq!(accounted(3, 5, 1), 3, "one is nowhere");
    }
}
