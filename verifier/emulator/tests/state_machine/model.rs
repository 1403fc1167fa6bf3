//! The other side: the same operations on the pure model, and its answers in the shape of the API.

use std::collections::BTreeMap;

use proptest::sample::Index;
use serde_json::{Map, Value, json};
use verifier_model::sqs::{
    AttributeValue, MessageAttribute, QueueAttributes, ReceiveMessage, ReceivedMessage,
    SendMessage, SentMessage, Sqs, SqsError, StartMoveTask, check_batch, md5_of_attributes,
    md5_of_body,
};
use verifier_model::time::Timestamp;

use super::operation::{NAMES, Operation, Sent};
use super::support::REGION;

/// Where both sides' ids begin.
pub(crate) const SEED: u64 = 11;
const ACCOUNT: &str = "000000000000";

/// The model, and what earlier answers have handed out.
pub(crate) struct Model {
    sqs: Sqs,
    endpoint: String,
    /// Queues and receipt handles.
    receipts: Vec<(String, String)>,
    tasks: Vec<String>,
}

/// A request, in the API's shape and in the model's.
pub(crate) struct Request {
    pub(crate) action: &'static str,
    pub(crate) body: Value,
    call: Call,
}

type Answer = Result<Value, SqsError>;
type Call = Box<dyn FnOnce(&mut Model, Timestamp) -> Answer>;

impl Model {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self {
            sqs: Sqs::new(REGION, ACCOUNT, SEED),
            endpoint: endpoint.to_owned(),
            receipts: Vec::new(),
            tasks: Vec::new(),
        }
    }

    /// The model's answer, its error's code and message if it is one.
    pub(crate) fn answer(&mut self, request: &mut Request, now: Timestamp) -> Value {
        let refuse: Call = Box::new(|_, _| Ok(Value::Null));
        let call = std::mem::replace(&mut request.call, refuse);
        call(self, now)
            .unwrap_or_else(|error| json!({"error": error.code(), "message": error.to_string()}))
    }

    fn url(&self, queue: &str) -> String {
        format!("{}/{ACCOUNT}/{queue}", self.endpoint)
    }

    fn name(queue: Index) -> String {
        NAMES[queue.index(NAMES.len())].to_owned()
    }

    /// One of the last receipts that were handed out, or one that never was.
    fn receipt(&self, receipt: Index) -> (String, String) {
        let never = ("jobs".to_owned(), "never".to_owned());
        let recent = &self.receipts[self.receipts.len().saturating_sub(5)..];
        recent.get(receipt.index(recent.len() + 1)).cloned().unwrap_or(never)
    }

    /// What an operation asks for now.
    #[allow(clippy::too_many_lines, reason = "it is a table")]
    pub(crate) fn request(&self, operation: &Operation) -> Request {
        let on = |queue: &str| json!({"QueueUrl": self.url(queue)});
        match operation.clone() {
            Operation::CreateQueue { name, attributes } => {
                let attributes = map(&attributes);
                let body = json!({"QueueName": name, "Attributes": attributes});
                request("CreateQueue", &body, move |model, now| {
                    model.sqs.create_queue_as_requested(name, &attributes, now)?;
                    Ok(json!({"QueueUrl": model.url(name)}))
                })
            }
            Operation::DeleteQueue { queue } => {
                let name = Self::name(queue);
                request("DeleteQueue", &on(&name), move |model, now| {
                    model.sqs.delete_queue(&name, now).map(|()| json!({}))
                })
            }
            Operation::GetQueueUrl { queue } => {
                let name = Self::name(queue);
                let body = json!({"QueueName": name});
                request("GetQueueUrl", &body, move |model, _| {
                    model.sqs.configuration(&name)?;
                    Ok(json!({"QueueUrl": model.url(&name)}))
                })
            }
            Operation::ListQueues { prefix, max_results } => {
                let body = json!({"QueueNamePrefix": prefix, "MaxResults": max_results});
                request("ListQueues", &body, move |model, _| {
                    Ok(model.list_queues(prefix, max_results))
                })
            }
            Operation::GetQueueAttributes { queue, names } => {
                let name = Self::name(queue);
                let mut body = on(&name);
                body["AttributeNames"] = names.clone().into();
                request("GetQueueAttributes", &body, move |model, now| {
                    model.attributes(&name, &names, now)
                })
            }
            Operation::SetQueueAttributes { queue, attribute } => {
                let (name, attributes) = (Self::name(queue), map(&[attribute]));
                self.set_attributes(name, attributes)
            }
            Operation::SetRedrivePolicy { name, target, max_receive_count } => {
                let target = self.sqs.arn(target);
                let policy =
                    json!({"deadLetterTargetArn": target, "maxReceiveCount": max_receive_count});
                let attributes = BTreeMap::from([("RedrivePolicy".to_owned(), policy.to_string())]);
                self.set_attributes(name.to_owned(), attributes)
            }
            Operation::PurgeQueue { queue } => {
                let name = Self::name(queue);
                request("PurgeQueue", &on(&name), move |model, now| {
                    model.sqs.purge(&name, now).map(|()| json!({}))
                })
            }
            Operation::TagQueue { queue, key } => {
                let name = Self::name(queue);
                let mut body = on(&name);
                body["Tags"] = json!({key: "value"});
                request("TagQueue", &body, move |model, _| {
                    let tags = [(key.to_owned(), "value".to_owned())];
                    model.sqs.tag(&name, tags.into())?;
                    Ok(json!({}))
                })
            }
            Operation::UntagQueue { queue, key } => {
                let name = Self::name(queue);
                let mut body = on(&name);
                body["TagKeys"] = json!([key]);
                request("UntagQueue", &body, move |model, _| {
                    model.sqs.untag(&name, &[key.to_owned()])?;
                    Ok(json!({}))
                })
            }
            Operation::ListQueueTags { queue } => {
                let name = Self::name(queue);
                request("ListQueueTags", &on(&name), move |model, _| {
                    let tags = model.sqs.tags(&name)?;
                    Ok(if tags.is_empty() { json!({}) } else { json!({"Tags": tags}) })
                })
            }
            Operation::AddPermission { queue, label } => {
                let name = Self::name(queue);
                let (accounts, actions) = (["111122223333".to_owned()], ["SendMessage".to_owned()]);
                let mut body = on(&name);
                body["Label"] = label.into();
                body["AWSAccountIds"] = json!(accounts);
                body["Actions"] = json!(actions);
                request("AddPermission", &body, move |model, now| {
                    let sqs = &mut model.sqs;
                    sqs.add_permission(&name, label, &accounts, &actions, now).map(|()| json!({}))
                })
            }
            Operation::RemovePermission { queue, label } => {
                let name = Self::name(queue);
                let mut body = on(&name);
                body["Label"] = label.into();
                request("RemovePermission", &body, move |model, now| {
                    model.sqs.remove_permission(&name, label, now).map(|()| json!({}))
                })
            }
            Operation::SendMessage { queue, message } => {
                let name = Self::name(queue);
                let message = message.fit(&name);
                let mut body = message.wire();
                body["QueueUrl"] = self.url(&name).into();
                request("SendMessage", &body, move |model, now| {
                    model.sqs.configuration(&name)?;
                    let sent = model.sqs.send(&name, message.message()?, now)?;
                    Ok(shown_sent(&sent))
                })
            }
            Operation::SendMessageBatch { name, messages } => {
                let messages: Vec<Sent> =
                    messages.into_iter().map(|message| message.fit(name)).collect();
                let entries = messages.iter().enumerate().map(|(number, message)| {
                    let mut entry = message.wire();
                    entry["Id"] = number.to_string().into();
                    entry
                });
                let mut body = on(name);
                body["Entries"] = entries.collect();
                request("SendMessageBatch", &body, move |model, now| {
                    let entries = messages.iter().enumerate();
                    let entries = entries
                        .map(|(number, message)| (number.to_string(), message.message()))
                        .collect();
                    let outcomes = model.sqs.send_batch(name, entries, now)?;
                    let outcomes = outcomes.into_iter();
                    Ok(batch(outcomes.map(|(id, sent)| (id, sent.map(|sent| shown_sent(&sent))))))
                })
            }
            Operation::ReceiveMessage { queue, max, visibility_timeout, wait } => {
                let name = Self::name(queue);
                let mut body = on(&name);
                body["MaxNumberOfMessages"] = max.into();
                body["VisibilityTimeout"] = visibility_timeout.into();
                body["WaitTimeSeconds"] = wait.into();
                body["AttributeNames"] = json!(["All"]);
                body["MessageAttributeNames"] = json!(["All"]);
                request("ReceiveMessage", &body, move |model, now| {
                    model.receive(&name, (max, visibility_timeout, wait), now)
                })
            }
            Operation::DeleteMessage { receipt } => {
                let (queue, handle) = self.receipt(receipt);
                let mut body = on(&queue);
                body["ReceiptHandle"] = handle.clone().into();
                request("DeleteMessage", &body, move |model, now| {
                    model.sqs.delete(&queue, &handle, now).map(|()| json!({}))
                })
            }
            Operation::DeleteMessageBatch { receipts } => {
                self.receipt_batch("DeleteMessageBatch", &receipts, None)
            }
            Operation::ChangeMessageVisibility { receipt, seconds } => {
                let (queue, handle) = self.receipt(receipt);
                let mut body = on(&queue);
                body["ReceiptHandle"] = handle.clone().into();
                body["VisibilityTimeout"] = seconds.into();
                request("ChangeMessageVisibility", &body, move |model, now| {
                    model.sqs.configuration(&queue)?;
                    let seconds = small("VisibilityTimeout", seconds, 43_200)?;
                    let sqs = &mut model.sqs;
                    sqs.change_visibility(&queue, &handle, seconds, now).map(|()| json!({}))
                })
            }
            Operation::ChangeMessageVisibilityBatch { receipts, seconds } => {
                self.receipt_batch("ChangeMessageVisibilityBatch", &receipts, Some(seconds))
            }
            Operation::ListDeadLetterSourceQueues { queue } => {
                let name = Self::name(queue);
                request("ListDeadLetterSourceQueues", &on(&name), move |model, _| {
                    let sources = model.sqs.dead_letter_source_queues(&name)?;
                    let urls: Vec<String> = sources.iter().map(|name| model.url(name)).collect();
                    Ok(json!({"queueUrls": urls}))
                })
            }
            Operation::StartMessageMoveTask { source, destination, rate } => {
                let start = StartMoveTask {
                    source_arn: self.sqs.arn(source),
                    destination_arn: destination.map(|name| self.sqs.arn(name)),
                    max_number_of_messages_per_second: rate,
                };
                let body = json!({
                    "SourceArn": start.source_arn,
                    "DestinationArn": start.destination_arn,
                    "MaxNumberOfMessagesPerSecond": rate,
                });
                request("StartMessageMoveTask", &body, move |model, now| {
                    let handle = model.sqs.start_move_task(start, now)?;
                    model.tasks.push(handle.clone());
                    Ok(json!({"TaskHandle": handle}))
                })
            }
            Operation::ListMessageMoveTasks { source } => {
                let arn = self.sqs.arn(source);
                let body = json!({"SourceArn": arn, "MaxResults": 10});
                request("ListMessageMoveTasks", &body, move |model, now| {
                    model.list_tasks(&arn, now)
                })
            }
            Operation::CancelMessageMoveTask { task } => {
                // One of the last, which may still be running, or one that never was.
                let recent = &self.tasks[self.tasks.len().saturating_sub(2)..];
                let handle = recent.get(task.index(recent.len() + 1)).cloned();
                let handle = handle.unwrap_or_else(|| "never".to_owned());
                let body = json!({"TaskHandle": handle});
                request("CancelMessageMoveTask", &body, move |model, now| {
                    let moved = model.sqs.cancel_move_task(&handle, now)?;
                    Ok(json!({"ApproximateNumberOfMessagesMoved": moved}))
                })
            }
            Operation::Wait { .. } => request("", &json!({}), |_, _| Ok(Value::Null)),
        }
    }

    fn set_attributes(&self, name: String, attributes: BTreeMap<String, String>) -> Request {
        let body = json!({"QueueUrl": self.url(&name), "Attributes": attributes});
        request("SetQueueAttributes", &body, move |model, now| {
            model.sqs.set_attributes(&name, &attributes, now).map(|()| json!({}))
        })
    }

    fn list_queues(&self, prefix: &str, max_results: Option<u32>) -> Value {
        let names: Vec<&str> =
            self.sqs.queue_names().filter(|name| name.starts_with(prefix)).collect();
        let shown = max_results.map_or(names.len(), |max| names.len().min(max as usize));
        let mut answer = json!({});
        if shown > 0 {
            answer["QueueUrls"] = names[..shown].iter().map(|name| self.url(name)).collect();
        }
        if shown < names.len() {
            answer["NextToken"] = names[shown - 1].into();
        }
        answer
    }

    fn attributes(&mut self, name: &str, names: &[&str], now: Timestamp) -> Answer {
        self.sqs.configuration(name)?;
        QueueAttributes::check_names(names.iter().copied())?;
        let mut attributes = self.sqs.attributes(name, now)?;
        if !names.contains(&"All") {
            attributes.retain(|name, _| names.contains(&name.as_str()));
        }
        Ok(if attributes.is_empty() { json!({}) } else { json!({"Attributes": attributes}) })
    }

    /// A receive, which waits for the first message by letting the model's time pass.
    fn receive(
        &mut self,
        name: &str,
        (max, visibility_timeout, wait): (i64, Option<i64>, i64),
        mut now: Timestamp,
    ) -> Answer {
        self.sqs.configuration(name)?;
        let wait = small("WaitTimeSeconds", wait, 20)?;
        let timeout = visibility_timeout
            .map(|seconds| small("VisibilityTimeout", seconds, 43_200))
            .transpose()?;
        let max = small_between("MaxNumberOfMessages", max, 1, 10)?;
        let request = ReceiveMessage {
            max_number_of_messages: Some(max),
            visibility_timeout_seconds: timeout,
        };
        let deadline = now + std::time::Duration::from_secs(wait.into());
        let received = loop {
            let received = self.sqs.receive(name, request, now)?;
            if !received.is_empty() || now >= deadline {
                break received;
            }
            let next = [self.sqs.next_available_at(name), self.sqs.next_due(), Some(deadline)];
            let next = next.into_iter().flatten().min().unwrap_or(deadline).min(deadline);
            assert!(next > now, "the model has something to do at {next:?} that it has not done");
            now = next;
        };
        let handles =
            received.iter().map(|message| (name.to_owned(), message.receipt_handle.clone()));
        self.receipts.extend(handles);
        let shown: Vec<Value> = received.iter().map(shown_received).collect();
        Ok(if shown.is_empty() { json!({}) } else { json!({"Messages": shown}) })
    }

    /// Each handle goes to the queue of the first, where those of others are wrong.
    fn receipt_batch(
        &self,
        action: &'static str,
        receipts: &[Index],
        seconds: Option<i64>,
    ) -> Request {
        let receipts: Vec<_> = receipts.iter().map(|receipt| self.receipt(*receipt)).collect();
        let queue = receipts.first().map_or_else(|| "jobs".to_owned(), |(queue, _)| queue.clone());
        let entries: Vec<Value> = receipts
            .iter()
            .enumerate()
            .map(|(number, (_, handle))| {
                json!({"Id": number.to_string(), "ReceiptHandle": handle, "VisibilityTimeout": seconds})
            })
            .collect();
        let body = json!({"QueueUrl": self.url(&queue), "Entries": entries});
        request(action, &body, move |model, now| {
            model.sqs.configuration(&queue)?;
            let ids: Vec<String> = (0..receipts.len()).map(|number| number.to_string()).collect();
            let kind = match seconds {
                None => "DeleteMessageBatchRequestEntry",
                Some(_) => "ChangeMessageVisibilityBatchRequestEntry",
            };
            check_batch(kind, ids.iter().map(String::as_str))?;
            let outcomes: Vec<_> = ids
                .into_iter()
                .zip(&receipts)
                .map(|(id, (_, handle))| {
                    let done = match seconds {
                        None => model.sqs.delete(&queue, handle, now),
                        Some(seconds) => {
                            small("VisibilityTimeout", seconds, 43_200).and_then(|seconds| {
                                model.sqs.change_visibility(&queue, handle, seconds, now)
                            })
                        }
                    };
                    (id, done.map(|()| json!({})))
                })
                .collect();
            Ok(batch(outcomes.into_iter()))
        })
    }

    fn list_tasks(&mut self, arn: &str, now: Timestamp) -> Answer {
        let tasks = self.sqs.move_tasks(arn, Some(10), now)?;
        let shown = tasks.iter().map(|task| {
            let all = json!({
                "ApproximateNumberOfMessagesMoved": task.approximate_number_of_messages_moved,
                "ApproximateNumberOfMessagesToMove": task.approximate_number_of_messages_to_move,
                "DestinationArn": task.destination_arn,
                "FailureReason": task.failure_reason,
                "MaxNumberOfMessagesPerSecond": task.max_number_of_messages_per_second,
                "SourceArn": task.source_arn,
                "StartedTimestamp": task.started_at,
                "Status": task.status.as_str(),
                "TaskHandle": task.task_handle(),
            });
            without_nulls(&all)
        });
        Ok(json!({"Results": shown.collect::<Vec<_>>()}))
    }
}

impl Sent {
    /// The same, as a queue of that name accepts it, if it is to be accepted.
    fn fit(self, queue: &str) -> Self {
        if !self.fits {
            return self;
        }
        let is_fifo = queue.strip_suffix(".fifo").is_some();
        Self {
            body: if self.body.trim_matches('\u{1}').is_empty() { "d" } else { self.body },
            delay: self.delay.filter(|delay| !is_fifo && *delay <= 900),
            group: is_fifo.then(|| self.group.unwrap_or("g")),
            deduplication_id: is_fifo.then(|| self.deduplication_id.unwrap_or("w")),
            attribute: self.attribute.filter(|text| !text.is_empty()),
            fits: true,
        }
    }

    fn wire(&self) -> Value {
        let attribute =
            self.attribute.map(|text| json!({"note": {"DataType": "String", "StringValue": text}}));
        without_nulls(&json!({
            "MessageBody": self.body,
            "DelaySeconds": self.delay,
            "MessageGroupId": self.group,
            "MessageDeduplicationId": self.deduplication_id,
            "MessageAttributes": attribute,
        }))
    }

    fn message(&self) -> Result<SendMessage, SqsError> {
        if self.attribute == Some("") {
            let problem =
                "Message (user) attribute 'note' must contain a non-empty value of type 'String'.";
            return Err(SqsError::InvalidParameterValue(problem.to_owned()));
        }
        let attribute = self.attribute.map(|text| MessageAttribute {
            data_type: "String".to_owned(),
            value: AttributeValue::Text(text.to_owned()),
        });
        Ok(SendMessage {
            attributes: attribute.map(|value| ("note".to_owned(), value)).into_iter().collect(),
            delay_seconds: self.delay.map(|delay| small("DelaySeconds", delay, 900)).transpose()?,
            group_id: self.group.map(str::to_owned),
            deduplication_id: self.deduplication_id.map(str::to_owned),
            ..SendMessage::new(self.body)
        })
    }
}

fn request(
    action: &'static str,
    body: &Value,
    call: impl FnOnce(&mut Model, Timestamp) -> Answer + 'static,
) -> Request {
    Request { action, body: without_nulls(body), call: Box::new(call) }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn without_nulls(value: &Value) -> Value {
    let members = value.as_object().into_iter().flatten();
    let members = members.filter(|(_, value)| !value.is_null());
    members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
}

fn small(parameter: &str, value: i64, max: u32) -> Result<u32, SqsError> {
    small_between(parameter, value, 0, max)
}

fn small_between(parameter: &str, value: i64, min: u32, max: u32) -> Result<u32, SqsError> {
    let small = u32::try_from(value).ok().filter(|value| (min..=max).contains(value));
    small.ok_or_else(|| {
        let rule = if min == 0 {
            format!("Must be >= {min} and <= {max}, if provided.")
        } else {
            format!("Must be between {min} and {max}, if provided.")
        };
        SqsError::InvalidParameterValue(format!(
            "Value {value} for parameter {parameter} is invalid. Reason: {rule}"
        ))
    })
}

fn batch(outcomes: impl Iterator<Item = (String, Answer)>) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, outcome) in outcomes {
        match outcome {
            Ok(mut shown) => {
                shown["Id"] = id.into();
                successful.push(shown);
            }
            Err(error) => failed.push(json!({
                "Id": id,
                "SenderFault": true,
                "Code": error.entry_code(),
                "Message": error.entry_message(),
            })),
        }
    }
    let some = |entries: Vec<Value>| (!entries.is_empty()).then_some(entries);
    without_nulls(&json!({"Successful": some(successful), "Failed": some(failed)}))
}

fn shown_sent(sent: &SentMessage) -> Value {
    without_nulls(&json!({
        "MessageId": sent.message_id,
        "MD5OfMessageBody": sent.md5_of_body,
        "MD5OfMessageAttributes": sent.md5_of_attributes,
        "SequenceNumber": sent.sequence_number.map(|number| number.to_string()),
    }))
}

fn shown_received(received: &ReceivedMessage) -> Value {
    let message = &received.message;
    let attributes = without_nulls(&json!({
        "SenderId": message.sender_id,
        "SentTimestamp": message.sent_at.to_string(),
        "ApproximateReceiveCount": message.receive_count.to_string(),
        "ApproximateFirstReceiveTimestamp": message.first_received_at.map(|at| at.to_string()),
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id,
        "SequenceNumber": message.sequence_number.map(|number| number.to_string()),
        "DeadLetterQueueSourceArn": message.dead_letter_queue_source_arn,
    }));
    let note = message.attributes.get("note").map(|attribute| match &attribute.value {
        AttributeValue::Text(text) => json!({"note": {"DataType": "String", "StringValue": text}}),
        AttributeValue::Binary(_) => json!("none is sent here"),
    });
    without_nulls(&json!({
        "MessageId": message.message_id,
        "ReceiptHandle": received.receipt_handle,
        "MD5OfBody": md5_of_body(&message.body),
        "Body": message.body,
        "Attributes": attributes,
        "MD5OfMessageAttributes": md5_of_attributes(&message.attributes),
        "MessageAttributes": note,
    }))
}
