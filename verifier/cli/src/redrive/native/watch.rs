//! Watching a move task until it is over.

use std::time::Duration;

use verifier_core::dead_letters::Depth;
use verifier_core::redrive::{NativeStatus, NativeTask, Wanted, is_settled};
use verifier_model::time::Timestamp;

use super::ended::{Left, Native};
use crate::dlq::DlqTarget;
use crate::redrive::view;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;
use crate::shell::progress::Progress;

/// How often the list is asked for.
const PAUSE: Duration = Duration::from_secs(2);
/// How long SQS may take to list a task that it has started.
const LISTED_WITHIN: Duration = Duration::from_mins(1);

/// How old a queue's counts may be.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>.
const COUNTS_LAG: Duration = Duration::from_mins(1);

/// By what, and until when.
pub(super) struct Watch<'a> {
    pub(super) place: &'a DlqTarget,
    /// When the command began.
    pub(super) began_at: Timestamp,
    pub(super) deadline: Option<Duration>,
    pub(super) interrupt: &'a Interrupt,
    pub(super) progress: &'a Progress,
}

impl Watch<'_> {
    /// Watches a task that was listed.
    pub(super) async fn existing(
        &self,
        task: &NativeTask,
        is_cancelled: bool,
    ) -> Result<Native, Failure> {
        self.to_its_end(&Wanted::Listed(task.started_at), is_cancelled).await
    }

    /// What there is to say of a task that is over.
    pub(super) async fn ended(&self, task: NativeTask) -> Native {
        self.seen(Some(task), false, None).await
    }

    /// What is left by the queue's counts, once they are no older than a minute, or show that nothing is left but what was out of
    /// SQS's reach from the beginning.
    async fn rest(&self) -> Option<Depth> {
        let queue = &self.place.dead_letters;
        let out_of_reach = Depth { visible: 0, ..Depth::of(queue) };
        let until = self.place.clock.now() + COUNTS_LAG;
        loop {
            let now = self.place.aws.queue(&queue.name, &queue.url).await.ok()?;
            let depth = Depth::of(&now);
            if is_settled(out_of_reach, depth)
                || self.place.clock.now() >= until
                || self.interrupt.is_asked()
            {
                return Some(depth);
            }
            self.pause(self.place.clock.now()).await;
        }
    }

    /// Watches a task until it is over, nobody wants to any more, or it is not listed for too long.
    pub(super) async fn to_its_end(
        &self,
        wanted: &Wanted,
        is_cancelled: bool,
    ) -> Result<Native, Failure> {
        let began = self.place.clock.now();
        let mut shown = None;
        loop {
            let tasks = self.place.aws.list_message_move_tasks(&self.place.dead_letters).await;
            let tasks = tasks.map_err(|error| goes_on(error.into()))?;
            let task = wanted.find(&tasks);
            let now = self.place.clock.now();
            let state = task.map(|task| (task.moved, task.status.clone()));
            if let Some(task) = task.filter(|_| state != shown) {
                self.show(task, now);
                shown = state;
            }
            let is_over = match task {
                Some(task) => !task.status.is_active(),
                None => now >= began + LISTED_WITHIN,
            };
            let left = if is_over { None } else { self.left(began, now) };
            if is_over || left.is_some() {
                return Ok(self.seen(task.cloned(), is_cancelled, left).await);
            }
            self.pause(began).await;
        }
    }

    async fn seen(
        &self,
        task: Option<NativeTask>,
        is_cancelled: bool,
        left: Option<Left>,
    ) -> Native {
        let is_over = task.as_ref().is_some_and(|task| task.status == NativeStatus::Completed);
        let rest = if is_over { self.rest().await } else { None };
        let calls = self.place.aws.calls().counts();
        Native { source: self.place.dead_letters.clone(), task, is_cancelled, rest, left, calls }
    }

    fn show(&self, task: &NativeTask, now: Timestamp) {
        let detail = view::native_pace(task, now);
        match task.to_move {
            Some(to_move) => self.progress.measure(task.moved, to_move, &detail),
            None => self.progress.say(&format!("{} moved, {detail}", task.moved)),
        }
    }

    fn left(&self, began: Timestamp, now: Timestamp) -> Option<Left> {
        if self.interrupt.is_asked() {
            return Some(Left::Interrupted);
        }
        self.deadline.filter(|deadline| now >= began + *deadline).map(|_| Left::Deadline)
    }

    /// Waits for a while, but not beyond the deadline, nor when asked to stop.
    async fn pause(&self, began: Timestamp) {
        let next = self.place.clock.now() + PAUSE;
        let until = self.deadline.map_or(next, |deadline| next.min(began + deadline));
        let wait = until.since(self.place.clock.now());
        tokio::select! {
            () = self.interrupt.asked() => {}
            () = self.place.clock.sleep(wait) => {}
        }
    }
}

/// Not being able to look at a task does not end it.
fn goes_on(mut failure: Failure) -> Failure {
    failure.what.push_str("; the task goes on in SQS all the same");
    failure
}
