//! Waiting until a live stack has worked everything off, and what it shows then.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use verifier_core::chaos::Observed;
use verifier_core::check::{LoggedOutcome, QueueEvidence};

use super::recorder::Recorder;
use super::stack::Live;
use crate::args::FilterArgs;
use crate::dead_letters::{Backup, Selection, look, purge};
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// How often the stack is looked at while it works things off.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How much longer than a message's life it may take: a task of SQS's, and a log that is late.
const SLACK: Duration = Duration::from_mins(3);
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

/// How the wait ended.
pub(super) struct Drained {
    pub(super) complete: bool,
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

    /// Waits until the jobs queue holds nothing, and everything that was accepted has come to its end.
    pub(super) async fn drain(
        &self,
        recorder: &Recorder,
        accepted: &BTreeSet<String>,
        interrupt: &Interrupt,
    ) -> Result<Drained, Failure> {
        let clock = &self.place.clock;
        let life = Duration::from_secs(self.terms.visibility_timeout_seconds.into())
            * self.terms.max_receive_count;
        let until = clock.now() + life + SLACK;
        loop {
            let depth = self.depth().await?;
            let is_over = clock.now() >= until || interrupt.is_asked();
            if depth.jobs == 0 || is_over {
                let observed = self.observe(recorder, interrupt).await?;
                let complete = depth.jobs == 0 && recorder.watch.are_ended(&observed, accepted);
                if complete || is_over {
                    return Ok(Drained { complete, remaining: depth.jobs, observed });
                }
            }
            tokio::select! {
                () = clock.sleep(LOOK_EVERY) => {}
                () = interrupt.asked() => {}
            }
        }
    }

    /// What the worker's log and the dead-letter queue show now.
    async fn observe(
        &self,
        recorder: &Recorder,
        interrupt: &Interrupt,
    ) -> Result<Observed, Failure> {
        let letters = look(&self.place, usize::MAX, interrupt).await?.letters;
        let now = self.place.clock.now();
        let mut outcomes = Vec::new();
        if let Some(group) = &self.place.log_group {
            let since = recorder.watch.began_at - CLOCK_SKEW;
            let take = |at, text: &str| {
                outcomes.extend(
                    self.place.reader.read_any(text).map(|line| LoggedOutcome { at, line }),
                );
            };
            self.place.aws.log_lines(group, None, since, take).await?;
        }
        Ok(Observed {
            outcomes,
            letters: letters.into_iter().map(|letter| (now, letter)).collect(),
        })
    }

    /// Deletes the run's own messages from the dead-letter queue, where they were made to be, when they are in a file beside the
    /// journal. Says what is left, if anything.
    pub(super) async fn remove_letters(
        &self,
        recorder: &Recorder,
        interrupt: &Interrupt,
    ) -> Result<Option<String>, Failure> {
        let path = &recorder.watch.ids.job_id;
        let of_run =
            format!("body.{path} && starts_with(body.{path}, '{}')", recorder.watch.prefix);
        let filter = FilterArgs { filter: Some(of_run), ..FilterArgs::default() };
        let selection = Selection::new(&filter)?;
        let file = PathBuf::from(format!("{}.letters.jsonl", self.journal.display()));
        let mut backup = Backup::create(&file)?;
        let purged = purge(&self.place, &selection, &mut backup, interrupt).await;
        if let Some(failure) = purged.failure {
            return Err(failure);
        }
        let left = purged.not_deleted.len();
        Ok((left > 0).then(|| {
            format!("{left} messages of the run are left in {}", self.place.dead_letters.name)
        }))
    }
}
