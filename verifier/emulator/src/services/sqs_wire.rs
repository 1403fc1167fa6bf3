//! SQS over its JSON protocol.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/>.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use verifier_model::faults::Caller;
use verifier_model::sqs::{
    QueueAttributes, ReceiveMessage, Sqs, SqsError, check_batch, check_tags,
};
use verifier_model::time::Timestamp;

use super::sqs_messages::{ReceiveRequest, SendEntry, number_of_messages, sent_json, small_number};
use crate::client::Client;
use crate::clock::Busy;
use crate::queues::Queues;
use crate::reply::aws_json::{self, success};
use crate::reply::{FoundNothing, Reply, with_header};
use crate::template::ACCOUNT_ID;

/// The prefix of `X-Amz-Target` that marks SQS.
pub(crate) const TARGET: &str = "AmazonSQS.";
const JSON: &str = "1.0";

/// SQS's operations.
#[cfg(test)]
pub(super) const OPERATIONS: [&str; 23] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ListMessageMoveTasks",
    "ListQueues",
    "ListQueueTags",
    "PurgeQueue",
    "ReceiveMessage",
    "RemovePermission",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// SQS as a client sees it.
pub(crate) struct SqsWire {
    pub(crate) sqs: Arc<Queues>,
    /// What queue URLs begin with.
    pub(crate) endpoint: String,
}

/// Why an operation did not succeed.
pub(super) enum Failure {
    Sqs(SqsError),
    /// The request is not of the operation's shape.
    Shape(String),
    UnknownOperation(String),
}

impl From<SqsError> for Failure {
    fn from(error: SqsError) -> Self {
        Self::Sqs(error)
    }
}

pub(super) type Answer = Result<Value, Failure>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueRequest {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateQueueRequest {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default, rename = "tags")]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueUrlRequest {
    queue_name: String,
    #[serde(default, rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ListQueuesRequest {
    queue_name_prefix: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueAttributesRequest {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetQueueAttributesRequest {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<T> {
    queue_url: String,
    #[serde(default = "Vec::new")]
    entries: Vec<T>,
}

/// A receipt to act on: the whole request, or an entry of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiptEntry {
    queue_url: Option<String>,
    #[serde(default)]
    id: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagRequest {
    queue_url: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    tag_keys: Vec<String>,
}

impl SqsWire {
    /// Answers an operation. A long poll gives up being busy while it waits.
    pub(crate) async fn handle(
        &self,
        action: &str,
        body: &[u8],
        busy: Busy,
        client: Option<&Client>,
        caller: Caller,
    ) -> (Busy, Reply) {
        let (busy, answer) = if action == "ReceiveMessage" {
            self.receive(body, busy, client, caller).await
        } else {
            (busy, self.answer_with_faults(action, body, caller))
        };
        let found_nothing =
            action == "ReceiveMessage" && answer.as_ref().is_ok_and(|answer| *answer == json!({}));
        let mut reply = match answer {
            Ok(body) => success(JSON, &body),
            Err(failure) => failure.reply(),
        };
        if found_nothing {
            reply.extensions_mut().insert(FoundNothing);
        }
        (busy, reply)
    }

    pub(super) fn answer(&self, action: &str, body: &[u8]) -> Answer {
        match action {
            "CreateQueue" => self.create_queue(parse(body)?),
            "DeleteQueue" => self.on_queue(body, Sqs::delete_queue),
            "PurgeQueue" => self.on_queue(body, Sqs::purge),
            "GetQueueUrl" => self.get_queue_url(&parse(body)?),
            "ListQueues" => Ok(self.list_queues(&parse(body)?)),
            "GetQueueAttributes" => self.get_attributes(&parse(body)?),
            "SetQueueAttributes" => self.set_attributes(&parse(body)?),
            "SendMessage" => self.send(parse(body)?),
            "SendMessageBatch" => self.send_batch(parse(body)?),
            "DeleteMessage" => self.single_receipt(&parse(body)?, |model, name, entry, now| {
                model.delete(name, &entry.receipt_handle, now)
            }),
            "DeleteMessageBatch" => self.delete_batch(&parse(body)?),
            "ChangeMessageVisibility" => self.single_receipt(&parse(body)?, change_visibility),
            "ChangeMessageVisibilityBatch" => self.change_visibility_batch(&parse(body)?),
            "ListQueueTags" => {
                let request: QueueRequest = parse(body)?;
                let name = self.queue(&request.queue_url)?;
                let tags = self.sqs.perform(|model, _| model.tags(&name).cloned())?;
                Ok(if tags.is_empty() { json!({}) } else { json!({"Tags": tags}) })
            }
            "TagQueue" | "UntagQueue" => self.tag(parse(body)?),
            "AddPermission" | "RemovePermission" => self.permission(action, &parse(body)?),
            "ListDeadLetterSourceQueues" => self.list_sources(&parse(body)?),
            "StartMessageMoveTask" => self.start_move_task(parse(body)?),
            "ListMessageMoveTasks" => self.list_move_tasks(&parse(body)?),
            "CancelMessageMoveTask" => self.cancel_move_task(&parse(body)?),
            other => Err(Failure::UnknownOperation(other.to_owned())),
        }
    }

    /// The name of the queue of a URL, if it is there.
    pub(super) fn queue(&self, url: &str) -> Result<String, SqsError> {
        let name = name_in(url);
        let exists = self.sqs.look(|model| model.has_queue(name));
        exists.then(|| name.to_owned()).ok_or(SqsError::QueueDoesNotExist)
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT_ID}/{name}", self.endpoint)
    }

    fn on_queue(
        &self,
        body: &[u8],
        operation: impl FnOnce(&mut Sqs, &str, Timestamp) -> Result<(), SqsError>,
    ) -> Answer {
        let request: QueueRequest = parse(body)?;
        let name = self.queue(&request.queue_url)?;
        self.sqs.perform(|model, now| operation(model, &name, now))?;
        Ok(json!({}))
    }

    fn create_queue(&self, request: CreateQueueRequest) -> Answer {
        let name = request.queue_name;
        self.sqs.perform(|model, now| {
            check_tags(&name, request.tags.len())?;
            if model.create_queue_as_requested(&name, &request.attributes, now)? {
                model.tag(&name, request.tags)?;
            }
            Ok::<_, SqsError>(())
        })?;
        Ok(json!({"QueueUrl": self.url(&name)}))
    }

    fn get_queue_url(&self, request: &GetQueueUrlRequest) -> Answer {
        // There is one account here, and a queue of another one is another queue.
        if request.owner.as_deref().is_some_and(|owner| owner != ACCOUNT_ID) {
            return Err(SqsError::QueueDoesNotExist.into());
        }
        let name = self.queue(&request.queue_name)?;
        Ok(json!({"QueueUrl": self.url(&name)}))
    }

    fn list_queues(&self, request: &ListQueuesRequest) -> Value {
        let names: Vec<String> = self.sqs.look(|model| {
            let names =
                model.queue_names().filter(|name| name.starts_with(&request.queue_name_prefix));
            names.map(str::to_owned).collect()
        });
        let after = request.next_token.as_deref().unwrap_or_default();
        let rest: Vec<&String> = names.iter().filter(|name| name.as_str() > after).collect();
        let limit = request.max_results.unwrap_or(1000).clamp(1, 1000);
        let urls: Vec<String> = rest.iter().take(limit).map(|name| self.url(name)).collect();
        let mut body = json!({});
        if !urls.is_empty() {
            body["QueueUrls"] = urls.into();
        }
        if request.max_results.is_some() && rest.len() > limit {
            body["NextToken"] = rest[limit - 1].clone().into();
        }
        body
    }

    fn get_attributes(&self, request: &GetQueueAttributesRequest) -> Answer {
        let name = self.queue(&request.queue_url)?;
        QueueAttributes::check_names(request.attribute_names.iter().map(String::as_str))?;
        let mut attributes = self.sqs.perform(|model, now| model.attributes(&name, now))?;
        if !request.attribute_names.iter().any(|name| name == "All") {
            attributes.retain(|name, _| request.attribute_names.contains(name));
        }
        Ok(if attributes.is_empty() { json!({}) } else { json!({"Attributes": attributes}) })
    }

    fn set_attributes(&self, request: &SetQueueAttributesRequest) -> Answer {
        let name = self.queue(&request.queue_url)?;
        self.sqs.perform(|model, now| model.set_attributes(&name, &request.attributes, now))?;
        Ok(json!({}))
    }

    fn tag(&self, request: TagRequest) -> Answer {
        let name = self.queue(&request.queue_url)?;
        self.sqs.perform(|model, _| {
            model.tag(&name, request.tags)?;
            model.untag(&name, &request.tag_keys)
        })?;
        Ok(json!({}))
    }

    fn send(&self, mut entry: SendEntry) -> Answer {
        let url = entry.queue_url.take().ok_or_else(no_queue_url)?;
        let name = name_in(&url);
        let message = entry.into_message();
        let sent = self.sqs.perform(|model, now| {
            // Whether the queue is there is said before what is wrong with the message.
            model.configuration(name)?;
            model.send(name, message?, now)
        })?;
        Ok(sent_json(&sent))
    }

    fn send_batch(&self, request: Batch<SendEntry>) -> Answer {
        let name = self.queue(&request.queue_url)?;
        let entries = request.entries.into_iter();
        let entries = entries.map(|entry| (entry.id.clone(), entry.into_message())).collect();
        let sent = self.sqs.perform(|model, now| model.send_batch(&name, entries, now))?;
        let mut outcomes = Outcomes::default();
        for (id, sent) in sent {
            outcomes.push(id, sent.map(|sent| sent_json(&sent)));
        }
        Ok(outcomes.into_json())
    }

    fn delete_batch(&self, request: &Batch<ReceiptEntry>) -> Answer {
        let operation = |model: &mut Sqs, name: &str, entry: &ReceiptEntry, now| {
            model.delete(name, &entry.receipt_handle, now)
        };
        self.receipt_batch(request, "DeleteMessageBatchRequestEntry", operation)
    }

    fn change_visibility_batch(&self, request: &Batch<ReceiptEntry>) -> Answer {
        self.receipt_batch(request, "ChangeMessageVisibilityBatchRequestEntry", change_visibility)
    }

    fn receipt_batch(
        &self,
        request: &Batch<ReceiptEntry>,
        entry_kind: &'static str,
        operation: impl Fn(&mut Sqs, &str, &ReceiptEntry, Timestamp) -> Result<(), SqsError>,
    ) -> Answer {
        let name = self.queue(&request.queue_url)?;
        check_batch(entry_kind, request.entries.iter().map(|entry| entry.id.as_str()))?;
        let mut outcomes = Outcomes::default();
        self.sqs.perform(|model, now| {
            for entry in &request.entries {
                let done = operation(model, &name, entry, now);
                outcomes.push(entry.id.clone(), done.map(|()| json!({})));
            }
        });
        Ok(outcomes.into_json())
    }

    fn single_receipt(
        &self,
        entry: &ReceiptEntry,
        operation: impl FnOnce(&mut Sqs, &str, &ReceiptEntry, Timestamp) -> Result<(), SqsError>,
    ) -> Answer {
        let url = entry.queue_url.as_deref().ok_or_else(no_queue_url)?;
        let name = name_in(url);
        self.sqs.perform(|model, now| {
            model.configuration(name)?;
            operation(model, name, entry, now)
        })?;
        Ok(json!({}))
    }

    async fn receive(
        &self,
        body: &[u8],
        busy: Busy,
        client: Option<&Client>,
        caller: Caller,
    ) -> (Busy, Answer) {
        let prepared = parse::<ReceiveRequest>(body).and_then(|request| {
            let name = name_in(&request.queue_url).to_owned();
            let default = self.sqs.look(|model| {
                model.configuration(&name).map(|queue| queue.receive_message_wait_time_seconds)
            })?;
            let wait = match request.wait_time_seconds {
                None => default,
                Some(seconds) => small_number("WaitTimeSeconds", seconds, 20)?,
            };
            let timeout = |seconds| small_number("VisibilityTimeout", seconds, 43_200);
            let receive = ReceiveMessage {
                max_number_of_messages: request
                    .max_number_of_messages
                    .map(number_of_messages)
                    .transpose()?,
                visibility_timeout_seconds: request.visibility_timeout.map(timeout).transpose()?,
            };
            Ok((request, name, receive, Duration::from_secs(wait.into())))
        });
        let (request, name, receive, wait) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => return (busy, Err(failure)),
        };
        let (busy, received) = self.sqs.receive(busy, (client, caller), &name, receive, wait).await;
        let answer = received.map_err(Failure::from).map(|messages| {
            let messages: Vec<Value> =
                messages.iter().map(|message| request.show(message)).collect();
            if messages.is_empty() { json!({}) } else { json!({"Messages": messages}) }
        });
        (busy, answer)
    }
}

/// The queue's name in a URL: its last part. The host is of no account, as with AWS's own clients.
fn name_in(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

fn no_queue_url() -> Failure {
    Failure::Shape("missing field `QueueUrl`".to_owned())
}

fn change_visibility(
    model: &mut Sqs,
    name: &str,
    entry: &ReceiptEntry,
    now: Timestamp,
) -> Result<(), SqsError> {
    let seconds = entry
        .visibility_timeout
        .ok_or_else(|| SqsError::MissingParameter("VisibilityTimeout".to_owned()))?;
    let seconds = small_number("VisibilityTimeout", seconds, 43_200)?;
    model.change_visibility(name, &entry.receipt_handle, seconds, now)
}

/// What became of the entries of a batch.
#[derive(Default)]
struct Outcomes {
    successful: Vec<Value>,
    failed: Vec<Value>,
}

impl Outcomes {
    fn push(&mut self, id: String, outcome: Result<Value, SqsError>) {
        match outcome {
            Ok(mut body) => {
                body["Id"] = id.into();
                self.successful.push(body);
            }
            Err(error) => self.failed.push(json!({
                "Id": id,
                "SenderFault": true,
                "Code": error.entry_code(),
                "Message": error.entry_message(),
            })),
        }
    }

    fn into_json(self) -> Value {
        let mut body = json!({});
        for (name, entries) in [("Successful", self.successful), ("Failed", self.failed)] {
            if !entries.is_empty() {
                body[name] = entries.into();
            }
        }
        body
    }
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Failure> {
    // A request without members may come without a body.
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Failure::Shape(error.to_string()))
}

impl Failure {
    fn reply(&self) -> Reply {
        match self {
            Self::Sqs(error) => {
                let code = format!("com.amazonaws.sqs#{}", error.code());
                let reply = aws_json::error(JSON, error.status(), &code, &error.to_string());
                with_header(reply, "x-amzn-query-error", &format!("{};Sender", error.query_code()))
            }
            Self::Shape(problem) => aws_json::error(
                JSON,
                400,
                "com.amazon.coral.service#SerializationException",
                problem,
            ),
            Self::UnknownOperation(name) => aws_json::error(
                JSON,
                400,
                "com.amazon.coral.service#UnknownOperationException",
                &format!("{name} is not implemented by the emulator"),
            ),
        }
    }
}
