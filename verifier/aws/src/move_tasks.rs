//! SQS: message move tasks, by which it empties a dead-letter queue itself.

use aws_sdk_sqs::types::ListMessageMoveTasksResultEntry;
use verifier_core::check::QueueEvidence;
use verifier_core::redrive::{NativeStatus, NativeTask};
use verifier_model::time::Timestamp;

use crate::error::failed;
use crate::{Aws, AwsError};

/// How many tasks SQS lists at most.
const LISTED_MAX: i32 = 10;

impl Aws {
    /// Starts a task on a dead-letter queue, and returns its handle. Without a destination, each message goes back to where it
    /// came from; without a rate, SQS chooses one.
    pub async fn start_message_move_task(
        &self,
        source: &QueueEvidence,
        destination_arn: Option<&str>,
        rate: Option<u32>,
    ) -> Result<String, AwsError> {
        let answer = self
            .sqs
            .start_message_move_task()
            .source_arn(source.arn())
            .set_destination_arn(destination_arn.map(str::to_owned))
            .set_max_number_of_messages_per_second(rate.and_then(|rate| i32::try_from(rate).ok()))
            .send()
            .await
            .map_err(|error| failed("sqs:StartMessageMoveTask", &source.name, &error))?;
        Ok(answer.task_handle().unwrap_or_default().to_owned())
    }

    /// The latest tasks on a dead-letter queue, the newest first.
    pub async fn list_message_move_tasks(
        &self,
        source: &QueueEvidence,
    ) -> Result<Vec<NativeTask>, AwsError> {
        let answer = self
            .sqs
            .list_message_move_tasks()
            .source_arn(source.arn())
            .max_results(LISTED_MAX)
            .send()
            .await
            .map_err(|error| failed("sqs:ListMessageMoveTasks", &source.name, &error))?;
        Ok(answer.results().iter().map(task).collect())
    }

    /// Tells a task to stop, and returns about how many messages it has moved until now. It will move some more.
    pub async fn cancel_message_move_task(
        &self,
        source: &QueueEvidence,
        handle: &str,
    ) -> Result<u64, AwsError> {
        let answer = self.sqs.cancel_message_move_task().task_handle(handle).send().await;
        let answer =
            answer.map_err(|error| failed("sqs:CancelMessageMoveTask", &source.name, &error))?;
        Ok(count(answer.approximate_number_of_messages_moved()))
    }
}

fn task(entry: &ListMessageMoveTasksResultEntry) -> NativeTask {
    NativeTask {
        status: NativeStatus::named(entry.status().unwrap_or_default()),
        handle: entry.task_handle().map(str::to_owned),
        moved: count(entry.approximate_number_of_messages_moved()),
        to_move: entry.approximate_number_of_messages_to_move().map(count),
        rate: entry.max_number_of_messages_per_second().and_then(|rate| u32::try_from(rate).ok()),
        destination: entry.destination_arn().map(str::to_owned),
        started_at: Timestamp::from_millis(count(entry.started_timestamp())),
        failure_reason: entry.failure_reason().map(str::to_owned),
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
