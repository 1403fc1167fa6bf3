//! Message move tasks: moving messages out of a dead-letter queue, back to where they came from or elsewhere.
//!
//! A task moves messages as time passes. [`Sqs::advance`] moves those that are due, and every operation calls it first;
//! whoever lets others wait for messages has to call it when [`Sqs::next_due`] comes, too.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>, the page
//! on <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/troubleshooting-dlq-redrive.html>, and
//! recordings.

use super::event::QueueEventKind;
use super::move_task::{MOVE_RATE_MAX, MoveTask, MoveTaskStatus, TaskHandle};
use super::queue::Queue;
use super::send_rules::in_bounds;
use super::{Sqs, SqsError};
use crate::time::Timestamp;

/// How many tasks of a source can be listed.
const LISTED_MAX: usize = 10;

const NON_EXISTENT_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";
const NO_MESSAGE_SOURCE: &str = "CouldNotDetermineMessageSource";

/// The parameters of `StartMessageMoveTask`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartMoveTask {
    /// The dead-letter queue.
    pub source_arn: String,
    /// Where its messages go; each back to where it came from when absent.
    pub destination_arn: Option<String>,
    /// How many messages to move in a second; 1 to 500, as SQS chooses when absent.
    pub max_number_of_messages_per_second: Option<u32>,
}

impl Sqs {
    /// Starts a task and returns its handle.
    pub fn start_move_task(
        &mut self,
        request: StartMoveTask,
        now: Timestamp,
    ) -> Result<String, SqsError> {
        self.advance(now);
        let source = self.source_of_task(&request.source_arn)?;
        if let Some(rate) = request.max_number_of_messages_per_second {
            in_bounds("MaxNumberOfMessagesPerSecond", rate, 1, MOVE_RATE_MAX)?;
        }
        let refused = |reason: &str| Err(SqsError::InvalidParameterValue(reason.to_owned()));
        if self.dead_letter_source_queues(&source)?.is_empty() {
            return refused("Source queue must be configured as a Dead Letter Queue.");
        }
        if let Some(arn) = &request.destination_arn {
            let destination = self.queue_of_arn(arn).ok_or_else(|| not_found("DestinationArn"))?;
            let is_fifo = |name: &str| self.configuration(name).map(|queue| queue.fifo.is_some());
            // The next two refusals are documented; their words are our own.
            if destination == source {
                return refused("Source and destination must be different queues.");
            }
            if is_fifo(destination)? != is_fifo(&source)? {
                return refused("Source and destination must be queues of the same type.");
            }
        }
        if self.tasks_of(&request.source_arn).any(MoveTask::is_active) {
            return refused(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
            );
        }
        let to_move = self.queue_mut(&source, now)?.available_count();
        let task = MoveTask {
            id: self.new_id(),
            source_arn: request.source_arn,
            destination_arn: request.destination_arn,
            max_number_of_messages_per_second: request.max_number_of_messages_per_second,
            approximate_number_of_messages_moved: 0,
            approximate_number_of_messages_to_move: to_move as u64,
            started_at: now,
            status: MoveTaskStatus::Running,
            failure_reason: None,
            cancelled_at: None,
        };
        let handle = task.handle();
        self.forget_oldest_task(&task.source_arn);
        self.move_tasks.push(task);
        Ok(handle)
    }

    /// The tasks on a source, the most recent first: at most `max_results`, 1 to 10, 1 when absent.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>.
    pub fn move_tasks(
        &mut self,
        source_arn: &str,
        max_results: Option<u32>,
        now: Timestamp,
    ) -> Result<Vec<MoveTask>, SqsError> {
        self.advance(now);
        let max = in_bounds("MaxResults", max_results.unwrap_or(1), 1, 10)?;
        self.source_of_task(source_arn)?;
        Ok(self.tasks_of(source_arn).rev().take(max as usize).cloned().collect())
    }

    /// Tells a running task to stop, and how many messages it has moved so far. It will move some more.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html>. What
    /// AWS answers for a task that is not running is not known; `UnsupportedOperation` is the only error on that page
    /// that fits.
    pub fn cancel_move_task(&mut self, handle: &str, now: Timestamp) -> Result<u64, SqsError> {
        self.advance(now);
        let handle = TaskHandle::decode(handle).ok_or_else(|| {
            SqsError::InvalidParameterValue("Value for parameter TaskHandle is invalid.".to_owned())
        })?;
        self.source_of_task(&handle.source_arn)?;
        let task = self
            .move_tasks
            .iter_mut()
            .find(|task| task.id == handle.task_id && task.source_arn == handle.source_arn)
            .ok_or_else(|| SqsError::ResourceNotFound("Task does not exist.".to_owned()))?;
        if task.status != MoveTaskStatus::Running {
            return Err(SqsError::UnsupportedOperation(
                "Only a task that is running can be cancelled.".to_owned(),
            ));
        }
        task.status = MoveTaskStatus::Cancelling;
        task.cancelled_at = Some(now);
        Ok(task.approximate_number_of_messages_moved)
    }

    /// When a task has something to do next; `None` without an active task.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.move_tasks.iter().filter_map(MoveTask::next_due).min()
    }

    /// Lets the tasks do what was due until now, each step at its own time: so it makes no difference whether somebody
    /// looks meanwhile.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((due, index)) = self.next_step().filter(|(due, _)| *due <= now) {
            self.step(index, due);
        }
    }

    /// What is due first, and of which task.
    fn next_step(&self) -> Option<(Timestamp, usize)> {
        let tasks = self.move_tasks.iter().enumerate();
        tasks.filter_map(|(index, task)| Some((task.next_due()?, index))).min()
    }

    fn step(&mut self, index: usize, now: Timestamp) {
        let task = &self.move_tasks[index];
        let (source, destination) = (task.source_arn.clone(), task.destination_arn.clone());
        let moved = if task.stops_next() {
            Ok(false)
        } else {
            self.move_one(&source, destination.as_deref(), now)
        };
        let task = &mut self.move_tasks[index];
        match moved {
            Ok(true) => task.approximate_number_of_messages_moved += 1,
            Ok(false) if task.status == MoveTaskStatus::Cancelling => {
                task.status = MoveTaskStatus::Cancelled;
            }
            Ok(false) => task.status = MoveTaskStatus::Completed,
            Err(reason) => {
                task.status = MoveTaskStatus::Failed;
                task.failure_reason = Some(reason);
            }
        }
    }

    /// Moves the message whose turn it is: true; false when there is none.
    ///
    /// What arrives is a new message with a new id, not received yet and sent just now.
    fn move_one(
        &mut self,
        source_arn: &str,
        destination_arn: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, &'static str> {
        let source = self.queue_of_arn(source_arn).ok_or(NON_EXISTENT_QUEUE)?;
        let queue = self.queue_mut(source, now).map_err(|_| NON_EXISTENT_QUEUE)?;
        let Some(message) = queue.peek() else {
            return Ok(false);
        };
        let origin = message.dead_letter_queue_source_arn.clone();
        let arn = destination_arn.map(str::to_owned).or(origin).ok_or(NO_MESSAGE_SOURCE)?;
        let destination = self.queue_of_arn(&arn).ok_or(NON_EXISTENT_QUEUE)?;
        let Some(mut message) = self.queue_mut(source, now).ok().and_then(Queue::pop) else {
            return Ok(false);
        };
        let from = std::mem::replace(&mut message.message_id, self.new_id());
        message.sent_at = now;
        message.first_received_at = None;
        message.receive_count = 0;
        message.dead_letter_queue_source_arn = None;
        if message.sequence_number.is_some() {
            message.sequence_number = Some(self.next_sequence_number());
        }
        let id = message.message_id.clone();
        let body = self.noted_body(&message);
        let queue = self.queue_mut(destination, now).map_err(|_| NON_EXISTENT_QUEUE)?;
        let delay = queue.attributes.delay();
        queue.insert(message, delay, now);
        self.note(destination, &id, || QueueEventKind::MovedBack { from, body });
        self.changed.extend([source.to_owned(), destination.to_owned()]);
        Ok(true)
    }

    fn source_of_task(&self, source_arn: &str) -> Result<String, SqsError> {
        self.queue_of_arn(source_arn).map(str::to_owned).ok_or_else(|| not_found("SourceArn"))
    }

    fn tasks_of(&self, source_arn: &str) -> impl DoubleEndedIterator<Item = &MoveTask> {
        self.move_tasks.iter().filter(move |task| task.source_arn == source_arn)
    }

    /// Makes room for one more task in the list of a source.
    fn forget_oldest_task(&mut self, source_arn: &str) {
        if self.tasks_of(source_arn).count() >= LISTED_MAX {
            let oldest = self.move_tasks.iter().position(|task| task.source_arn == source_arn);
            oldest.map(|oldest| self.move_tasks.remove(oldest));
        }
    }
}

fn not_found(parameter: &str) -> SqsError {
    SqsError::ResourceNotFound(format!(
        "The resource that you specified for the {parameter} parameter doesn't exist."
    ))
}
