//! What SQS offers around dead-letter queues, and permissions: operations that look at queues, not at messages.

use serde::Deserialize;
use serde_json::{Value, json};
use verifier_model::sqs::{MoveTask, SqsError, StartMoveTask};

use super::sqs_wire::{Answer, SqsWire};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PermissionRequest {
    queue_url: String,
    label: String,
    #[serde(default, rename = "AWSAccountIds")]
    account_ids: Vec<String>,
    #[serde(default)]
    actions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListSourcesRequest {
    queue_url: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartRequest {
    source_arn: String,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTasksRequest {
    source_arn: String,
    max_results: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CancelRequest {
    task_handle: String,
}

impl SqsWire {
    pub(super) fn permission(&self, action: &str, request: &PermissionRequest) -> Answer {
        let name = self.queue(&request.queue_url)?;
        self.sqs.perform(|model, now| match action {
            "AddPermission" => {
                let PermissionRequest { label, account_ids, actions, .. } = request;
                model.add_permission(&name, label, account_ids, actions, now)
            }
            _ => model.remove_permission(&name, &request.label, now),
        })?;
        Ok(json!({}))
    }

    pub(super) fn list_sources(&self, request: &ListSourcesRequest) -> Answer {
        let name = self.queue(&request.queue_url)?;
        let sources = self.sqs.look(|model| model.dead_letter_source_queues(&name))?;
        let after = request.next_token.as_deref().unwrap_or_default();
        let rest: Vec<&String> = sources.iter().filter(|source| source.as_str() > after).collect();
        let limit = request.max_results.unwrap_or(1000).clamp(1, 1000);
        let urls: Vec<String> = rest.iter().take(limit).map(|source| self.url(source)).collect();
        let mut body = json!({"queueUrls": urls});
        if request.max_results.is_some() && rest.len() > limit {
            body["NextToken"] = rest[limit - 1].clone().into();
        }
        Ok(body)
    }

    pub(super) fn start_move_task(&self, request: StartRequest) -> Answer {
        let rate = request.max_number_of_messages_per_second;
        let request = StartMoveTask {
            source_arn: request.source_arn,
            destination_arn: request.destination_arn,
            // Whatever is out of range stays so, for the model to refuse.
            max_number_of_messages_per_second: rate
                .map(|rate| u32::try_from(rate).unwrap_or(u32::MAX)),
        };
        let handle = self.sqs.perform(|model, now| model.start_move_task(request, now))?;
        Ok(json!({"TaskHandle": handle}))
    }

    pub(super) fn list_move_tasks(&self, request: &ListTasksRequest) -> Answer {
        let results: Vec<Value> = self.sqs.perform(|model, now| {
            let tasks = model.move_tasks(&request.source_arn, request.max_results, now)?;
            Ok::<_, SqsError>(tasks.iter().map(shown).collect())
        })?;
        Ok(json!({"Results": results}))
    }

    pub(super) fn cancel_move_task(&self, request: &CancelRequest) -> Answer {
        let moved =
            self.sqs.perform(|model, now| model.cancel_move_task(&request.task_handle, now))?;
        Ok(json!({"ApproximateNumberOfMessagesMoved": moved}))
    }
}

fn shown(task: &MoveTask) -> Value {
    let mut shown = json!({
        "ApproximateNumberOfMessagesMoved": task.approximate_number_of_messages_moved,
        "ApproximateNumberOfMessagesToMove": task.approximate_number_of_messages_to_move,
        "SourceArn": task.source_arn,
        "StartedTimestamp": task.started_at,
        "Status": task.status.as_str(),
    });
    for (name, value) in [
        ("DestinationArn", json!(task.destination_arn)),
        ("FailureReason", json!(task.failure_reason)),
        ("MaxNumberOfMessagesPerSecond", json!(task.max_number_of_messages_per_second)),
        ("TaskHandle", json!(task.task_handle())),
    ] {
        if !value.is_null() {
            shown[name] = value;
        }
    }
    shown
}
