//! Message move tasks: moving messages out of a dead-letter queue.

use aws_sdk_sqs::operation::start_message_move_task::builders::StartMessageMoveTaskFluentBuilder;
use aws_sdk_sqs::types::{ListMessageMoveTasksResultEntry, Message};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::dead_letters::{Pair, pair};
use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Recorded};
use crate::problem::{Problem, Verdict, ensure, equal};
use crate::refusal::{INVALID_PARAMETER, NO_RESOURCE};
use crate::refused::{refused, refused_saying};
use crate::stand::{PATIENCE_SECONDS, Stand, has_system, sorted_bodies};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.move-task.to-a-destination",
        Recorded("test_basic_move_task_workflow"),
        "A task moves every message to its destination, and is then listed as completed, without a handle.",
        run!(to_a_destination),
    ),
    Case::new(
        "sqs.move-task.back-to-the-source",
        Recorded("test_move_task_workflow_with_default_destination"),
        "Without a destination, messages go back to where they came from.",
        run!(back_to_the_source),
    ),
    Case::new(
        "sqs.move-task.back-to-several-sources",
        Recorded("test_move_task_workflow_with_multiple_sources_as_default_destination"),
        "Each message goes back to the queue that it came from.",
        run!(back_to_several_sources),
    ),
    Case::new(
        "sqs.move-task.new-messages",
        Api("StartMessageMoveTask"),
        "What arrives has a new id, counts its receives from 0, and does not name a source.",
        run!(new_messages),
    ),
    Case::new(
        "sqs.move-task.at-a-rate",
        Recorded("test_move_task_with_throughput_limit"),
        "A task keeps to its rate.",
        run!(at_a_rate),
    ),
    Case::new(
        "sqs.move-task.rate-bounds",
        Api("StartMessageMoveTask"),
        "A rate is 1 to 500 messages a second.",
        run!(rate_bounds),
    ),
    Case::new(
        "sqs.move-task.cancelled",
        Recorded("test_move_task_cancel"),
        "A running task is listed with its handle, can be cancelled, and leaves the rest where it is.",
        run!(cancelled),
    ),
    Case::new(
        "sqs.move-task.one-at-a-time",
        Recorded("test_start_multiple_move_tasks"),
        "A second task on the same source is refused while one runs.",
        run!(one_at_a_time),
    ),
    Case::new(
        "sqs.move-task.destination-deleted",
        Recorded("test_move_task_delete_destination_queue_while_running"),
        "When the destination is deleted meanwhile, the task fails and says why.",
        run!(destination_deleted),
    ),
    Case::new(
        "sqs.move-task.source-must-be-a-dead-letter-queue",
        Recorded("test_source_needs_redrive_policy"),
        "A source that is no queue's dead-letter queue is refused.",
        run!(source_must_be_a_dead_letter_queue),
    ),
    Case::new(
        "sqs.move-task.source-must-exist",
        Api("StartMessageMoveTask"),
        "A source that is not there is refused with status 404, and so is listing its tasks.",
        run!(source_must_exist),
    ),
    Case::new(
        "sqs.move-task.destination-must-exist",
        Recorded("test_destination_needs_to_exist"),
        "A destination that is not there is refused with status 404.",
        run!(destination_must_exist),
    ),
    Case::new(
        "sqs.move-task.cancel-needs-a-handle",
        Recorded("test_cancel_with_invalid_task_handle"),
        "Cancelling by something that is no handle is refused.",
        run!(cancel_needs_a_handle),
    ),
    Case::new(
        "sqs.move-task.cancel-unknown-source",
        Recorded("test_cancel_with_invalid_source_arn_in_task_handle"),
        "Cancelling a task of a queue that is not there is refused with status 404.",
        run!(cancel_unknown_source),
    ),
    Case::new(
        "sqs.move-task.cancel-unknown-task",
        Recorded("test_cancel_with_invalid_task_id_in_task_handle"),
        "Cancelling a task that is not there is refused with status 404.",
        run!(cancel_unknown_task),
    ),
    Case::new(
        "sqs.move-task.listed-latest-first",
        Api("ListMessageMoveTasks"),
        "Tasks are listed with the latest first, one unless more are asked for, and at most ten.",
        run!(listed_latest_first),
    ),
];

/// Sends messages and lets them become dead letters.
async fn dead_letter(stand: &Stand, pair: &Pair, bodies: &[&str]) -> Verdict {
    for body in bodies {
        stand.send(&pair.source, body).await?;
    }
    stand.take(&pair.source, bodies.len()).await?;
    stand.nothing(&pair.source, 3).await?;
    let count = bodies.len().to_string();
    let expected = [("ApproximateNumberOfMessages", Some(count.as_str()))];
    stand.has(&pair.dead, &expected).await
}

async fn messages(stand: &Stand, bodies: &[&str]) -> Result<(Pair, String), Problem> {
    let pair = pair(stand, 1).await?;
    dead_letter(stand, &pair, bodies).await?;
    let arn = stand.arn(&pair.dead).await?;
    Ok((pair, arn))
}

fn start(stand: &Stand, source_arn: &str) -> StartMessageMoveTaskFluentBuilder {
    stand.sqs.start_message_move_task().source_arn(source_arn)
}

async fn latest(
    stand: &Stand,
    source_arn: &str,
) -> Result<ListMessageMoveTasksResultEntry, Problem> {
    let listed = stand.sqs.list_message_move_tasks().source_arn(source_arn).send().await?;
    let latest = listed.results.unwrap_or_default().into_iter().next();
    latest.ok_or_else(|| Problem::deviation("a task is listed", "none"))
}

/// Waits until the latest task of a source has a status.
async fn ends_as(
    stand: &Stand,
    source_arn: &str,
    status: &str,
) -> Result<ListMessageMoveTasksResultEntry, Problem> {
    stand
        .until(30, async || {
            let task = latest(stand, source_arn).await?;
            equal("Status", &task.status.as_deref(), &Some(status))
        })
        .await?;
    latest(stand, source_arn).await
}

fn moved(task: &ListMessageMoveTasksResultEntry, moved: i64, to_move: i64) -> Verdict {
    equal("messages moved:", &task.approximate_number_of_messages_moved, &moved)?;
    equal("messages to move:", &task.approximate_number_of_messages_to_move, &Some(to_move))
}

async fn to_a_destination(stand: &Stand) -> Verdict {
    let (pair, source_arn) = messages(stand, &["one", "two"]).await?;
    let destination = stand.queue(&[]).await?;
    let destination_arn = stand.arn(&destination).await?;
    let started = start(stand, &source_arn).destination_arn(&destination_arn).send().await?;
    ensure(started.task_handle.is_some(), "a task handle", "none")?;
    let arrived = stand.take(&destination, 2).await?;
    equal("the messages", &sorted_bodies(&arrived), &vec!["one", "two"])?;
    let task = ends_as(stand, &source_arn, "COMPLETED").await?;
    moved(&task, 2, 2)?;
    equal("SourceArn", &task.source_arn.as_deref(), &Some(&*source_arn))?;
    equal("DestinationArn", &task.destination_arn.as_deref(), &Some(&*destination_arn))?;
    equal("TaskHandle", &task.task_handle, &None)?;
    equal("MaxNumberOfMessagesPerSecond", &task.max_number_of_messages_per_second, &None)?;
    ensure(task.started_timestamp > 0, "a StartedTimestamp", task.started_timestamp.to_string())?;
    stand.nothing(&pair.dead, 1).await
}

async fn back_to_the_source(stand: &Stand) -> Verdict {
    let (pair, source_arn) = messages(stand, &["one", "two"]).await?;
    start(stand, &source_arn).send().await?;
    let arrived = stand.take(&pair.source, 2).await?;
    equal("the messages", &sorted_bodies(&arrived), &vec!["one", "two"])?;
    let task = ends_as(stand, &source_arn, "COMPLETED").await?;
    equal("DestinationArn", &task.destination_arn, &None)?;
    moved(&task, 2, 2)
}

async fn back_to_several_sources(stand: &Stand) -> Verdict {
    let first = pair(stand, 1).await?;
    let source_arn = stand.arn(&first.dead).await?;
    let policy = json!({"deadLetterTargetArn": source_arn, "maxReceiveCount": 1}).to_string();
    let attributes = [("VisibilityTimeout", "1"), ("RedrivePolicy", policy.as_str())];
    let second = stand.queue(&attributes).await?;
    for (source, bodies) in [(&first.source, ["a1", "a2"]), (&second, ["b1", "b2"])] {
        for body in bodies {
            stand.send(source, body).await?;
        }
        stand.take(source, 2).await?;
        stand.nothing(source, 3).await?;
    }
    start(stand, &source_arn).send().await?;
    for (source, bodies) in [(&first.source, ["a1", "a2"]), (&second, ["b1", "b2"])] {
        let arrived = stand.take(source, 2).await?;
        equal("the messages", &sorted_bodies(&arrived), &bodies.to_vec())?;
    }
    moved(&ends_as(stand, &source_arn, "COMPLETED").await?, 4, 4)
}

async fn new_messages(stand: &Stand) -> Verdict {
    let pair = pair(stand, 1).await?;
    let sent = stand.send(&pair.source, "again").await?;
    stand.take_one(&pair.source).await?;
    stand.nothing(&pair.source, 3).await?;
    start(stand, &stand.arn(&pair.dead).await?).send().await?;
    let arrived: Message = stand.take_one(&pair.source).await?;
    ensure(arrived.message_id != sent.message_id, "a new message id", "the old one")?;
    equal("Body", &arrived.body(), &Some("again"))?;
    has_system(&arrived, "ApproximateReceiveCount", Some("1"))?;
    has_system(&arrived, "DeadLetterQueueSourceArn", None)
}

const MANY: [&str; 8] = ["1", "2", "3", "4", "5", "6", "7", "8"];

async fn at_a_rate(stand: &Stand) -> Verdict {
    let (pair, source_arn) = messages(stand, &MANY[..4]).await?;
    let started_at = stand.now();
    start(stand, &source_arn).max_number_of_messages_per_second(1).send().await?;
    stand.take(&pair.source, 4).await?;
    let took = stand.since(started_at);
    let expected = "four messages at one a second take about 3 s";
    ensure(
        (2..3 + PATIENCE_SECONDS).contains(&took.as_secs()),
        expected,
        format!("{:.1} s", took.as_secs_f64()),
    )
}

async fn rate_bounds(stand: &Stand) -> Verdict {
    let pair = pair(stand, 1).await?;
    let source_arn = stand.arn(&pair.dead).await?;
    for rate in [0, 501, -1] {
        let answer = start(stand, &source_arn).max_number_of_messages_per_second(rate).send().await;
        refused(answer, INVALID_PARAMETER)?;
    }
    start(stand, &source_arn).max_number_of_messages_per_second(500).send().await?;
    Ok(())
}

async fn cancelled(stand: &Stand) -> Verdict {
    let (_, source_arn) = messages(stand, &MANY).await?;
    let destination = stand.queue(&[]).await?;
    let request = start(stand, &source_arn).destination_arn(stand.arn(&destination).await?);
    let started = request.max_number_of_messages_per_second(1).send().await?;
    stand.take_one(&destination).await?;
    let task = latest(stand, &source_arn).await?;
    equal("Status", &task.status.as_deref(), &Some("RUNNING"))?;
    equal("TaskHandle", &task.task_handle, &started.task_handle)?;
    equal("MaxNumberOfMessagesPerSecond", &task.max_number_of_messages_per_second, &Some(1))?;
    let request = stand.sqs.cancel_message_move_task().set_task_handle(started.task_handle);
    let cancelled = request.send().await?;
    let before = cancelled.approximate_number_of_messages_moved;
    ensure(before >= 1, "at least one message moved", before.to_string())?;
    let task = ends_as(stand, &source_arn, "CANCELLED").await?;
    let after = task.approximate_number_of_messages_moved;
    ensure((before..8).contains(&after), format!("{before} to 7 messages moved"), after.to_string())
}

async fn one_at_a_time(stand: &Stand) -> Verdict {
    let (_, source_arn) = messages(stand, &MANY[..4]).await?;
    start(stand, &source_arn).max_number_of_messages_per_second(1).send().await?;
    refused_saying(
        start(stand, &source_arn).send().await,
        INVALID_PARAMETER,
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
    )
}

async fn destination_deleted(stand: &Stand) -> Verdict {
    let (_, source_arn) = messages(stand, &MANY).await?;
    let destination = stand.queue(&[]).await?;
    let request = start(stand, &source_arn).destination_arn(stand.arn(&destination).await?);
    request.max_number_of_messages_per_second(1).send().await?;
    stand.take_one(&destination).await?;
    stand.sqs.delete_queue().queue_url(&destination).send().await?;
    let task = ends_as(stand, &source_arn, "FAILED").await?;
    let reason = Some("AWS.SimpleQueueService.NonExistentQueue");
    equal("FailureReason", &task.failure_reason.as_deref(), &reason)
}

async fn source_must_be_a_dead_letter_queue(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    refused_saying(
        start(stand, &stand.arn(&url).await?).send().await,
        INVALID_PARAMETER,
        "Source queue must be configured as a Dead Letter Queue.",
    )
}

const NO_SOURCE: &str =
    "The resource that you specified for the SourceArn parameter doesn't exist.";

/// The ARN of a queue that is not there.
async fn missing(stand: &Stand) -> Result<String, Problem> {
    let name = stand.name();
    let url = stand.create(&name, &[]).await?;
    Ok(stand.arn(&url).await?.replace(&name, &stand.name()))
}

async fn source_must_exist(stand: &Stand) -> Verdict {
    let missing = missing(stand).await?;
    refused_saying(start(stand, &missing).send().await, NO_RESOURCE, NO_SOURCE)?;
    let listed = stand.sqs.list_message_move_tasks().source_arn(missing).send().await;
    refused_saying(listed, NO_RESOURCE, NO_SOURCE)
}

async fn destination_must_exist(stand: &Stand) -> Verdict {
    let pair = pair(stand, 1).await?;
    let source_arn = stand.arn(&pair.dead).await?;
    let request = start(stand, &source_arn).destination_arn(missing(stand).await?);
    refused_saying(
        request.send().await,
        NO_RESOURCE,
        "The resource that you specified for the DestinationArn parameter doesn't exist.",
    )
}

async fn cancel(stand: &Stand, handle: String, kind: crate::refusal::Kind, text: &str) -> Verdict {
    let answer = stand.sqs.cancel_message_move_task().task_handle(handle).send().await;
    refused_saying(answer, kind, text)
}

fn handle(task_id: &str, source_arn: &str) -> String {
    STANDARD.encode(json!({"taskId": task_id, "sourceArn": source_arn}).to_string())
}

const NO_TASK_ID: &str = "10f57157-fb3d-4e69-b10d-3f5e9d4c0f3f";

async fn cancel_needs_a_handle(stand: &Stand) -> Verdict {
    let message = "Value for parameter TaskHandle is invalid.";
    cancel(stand, "foobared".to_owned(), INVALID_PARAMETER, message).await
}

async fn cancel_unknown_source(stand: &Stand) -> Verdict {
    let handle = handle(NO_TASK_ID, &missing(stand).await?);
    cancel(stand, handle, NO_RESOURCE, NO_SOURCE).await
}

async fn cancel_unknown_task(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let handle = handle(NO_TASK_ID, &stand.arn(&url).await?);
    cancel(stand, handle, NO_RESOURCE, "Task does not exist.").await
}

async fn listed_latest_first(stand: &Stand) -> Verdict {
    let pair = pair(stand, 1).await?;
    let source_arn = stand.arn(&pair.dead).await?;
    for rate in [7, 8] {
        start(stand, &source_arn).max_number_of_messages_per_second(rate).send().await?;
        ends_as(stand, &source_arn, "COMPLETED").await?;
    }
    let list = |max: Option<i32>| {
        let request = stand.sqs.list_message_move_tasks().source_arn(&source_arn);
        request.set_max_results(max).send()
    };
    for (max, expected) in [(None, vec![Some(8)]), (Some(10), vec![Some(8), Some(7)])] {
        let listed = list(max).await?.results.unwrap_or_default();
        let rates: Vec<Option<i32>> =
            listed.iter().map(|task| task.max_number_of_messages_per_second).collect();
        equal("the rates of the tasks", &rates, &expected)?;
    }
    refused(list(Some(11)).await, INVALID_PARAMETER)
}
