//! What a case stands on: clients, names of its own, time, and the small steps that most cases are made of.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::create_queue::CreateQueueError;
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::operation::send_message::SendMessageOutput;
use aws_sdk_sqs::operation::set_queue_attributes::{
    SetQueueAttributesError, SetQueueAttributesOutput,
};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use verifier_emulator::{Client, Emulator};

use crate::problem::{Problem, Verdict, ensure, equal};
use crate::refusal::{NO_QUEUE, Refusal};

/// How long one long poll for a message that is expected waits. It returns as soon as the message is there.
const POLL_SECONDS: i32 = 4;
/// How many long polls in a row may find nothing before a message counts as missing.
const EMPTY_POLLS_MAX: usize = 3;
/// How long a condition that AWS promises only eventually may take: attributes, lists and counts lag up to a minute.
const EVENTUALLY: Duration = Duration::from_mins(1);
/// How much longer than it has to an endpoint may take where a duration is asserted: it may be far away, or share a busy
/// machine. What such a case tells apart is further apart than that.
pub(crate) const PATIENCE_SECONDS: u64 = 8;
/// How often such a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a case has of its endpoint. Everything that it makes is removed at its end.
pub struct Stand {
    /// SQS.
    pub(crate) sqs: aws_sdk_sqs::Client,
    /// CloudWatch Logs.
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) time: Time,
    /// An emulator of the case's own.
    emulator: Option<OwnEmulator>,
    unique: String,
    names: AtomicUsize,
    queues: Mutex<Vec<String>>,
}

/// An emulator of a case's own, and what connects a client of that access key to it.
pub(crate) struct OwnEmulator {
    pub(crate) emulator: Emulator,
    pub(crate) connect: Box<dyn Fn(&str) -> aws_sdk_sqs::Client + Send + Sync>,
}

/// Whose time passes.
pub(crate) enum Time {
    /// The wall's.
    Wall(Instant),
    /// The emulator's, which skips what nobody needs.
    Emulator(Client),
}

/// Attributes of a queue, by their names in the API.
pub(crate) type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Stand {
    pub(crate) fn new(
        sqs: aws_sdk_sqs::Client,
        logs: aws_sdk_cloudwatchlogs::Client,
        time: Time,
        emulator: Option<OwnEmulator>,
    ) -> Self {
        Self {
            sqs,
            logs,
            time,
            emulator,
            unique: format!("vrfc-{:08x}", fastrand::u32(..)),
            names: AtomicUsize::new(0),
            queues: Mutex::default(),
        }
    }

    /// Removes what the case has made; returns what could not be removed.
    pub(crate) async fn clean_up(self) -> Vec<String> {
        let queues = std::mem::take(&mut *lock(&self.queues));
        let mut left = Vec::new();
        for url in queues {
            match self.sqs.delete_queue().queue_url(&url).send().await {
                Ok(_) => {}
                Err(error) if Refusal::of(&error).is_some_and(|it| it.code == NO_QUEUE.code) => {}
                Err(_) => left.push(url),
            }
        }
        if let Some(own) = self.emulator {
            own.emulator.shut_down().await;
        }
        left
    }

    /// A name that nothing else has.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.unique, self.names.fetch_add(1, Ordering::Relaxed))
    }

    /// Somebody else, who can act while a request of the case waits.
    pub(crate) fn another(&self) -> aws_sdk_sqs::Client {
        match &self.emulator {
            Some(own) => (own.connect)(own.emulator.client().access_key_id()),
            None => self.sqs.clone(),
        }
    }

    /// How far the endpoint's time is from an origin that does not change.
    pub(crate) fn now(&self) -> Duration {
        match &self.time {
            Time::Wall(origin) => origin.elapsed(),
            Time::Emulator(client) => {
                client.now().since(verifier_model::time::Timestamp::default())
            }
        }
    }

    /// How much of the endpoint's time has passed since then.
    pub(crate) fn since(&self, then: Duration) -> Duration {
        self.now().saturating_sub(then)
    }

    /// Lets the endpoint's time pass: for cases in which nothing can be waited for.
    pub(crate) async fn let_pass(&self, duration: Duration) {
        match &self.time {
            Time::Wall(_) => tokio::time::sleep(duration).await,
            Time::Emulator(client) => client.sleep_until(client.now() + duration).await,
        }
    }

    /// Waits for something that AWS promises only eventually.
    pub(crate) async fn eventually(&self, look: impl AsyncFn() -> Verdict) -> Verdict {
        let deadline = self.now() + EVENTUALLY;
        loop {
            match look().await {
                Err(Problem::Deviation { .. }) if self.now() < deadline && self.lags() => {
                    self.let_pass(LOOK_EVERY).await;
                }
                verdict => return verdict,
            }
        }
    }

    /// Waits for something that takes its time at every endpoint, for at most so many seconds.
    pub(crate) async fn until(&self, seconds: u64, look: impl AsyncFn() -> Verdict) -> Verdict {
        let deadline = self.now() + Duration::from_secs(seconds);
        loop {
            match look().await {
                Err(Problem::Deviation { .. }) if self.now() < deadline => {
                    self.let_pass(LOOK_EVERY).await;
                }
                verdict => return verdict,
            }
        }
    }

    /// Whether the endpoint is a distributed one. An emulator has to be right at once.
    fn lags(&self) -> bool {
        let url = lock(&self.queues).first().cloned().unwrap_or_default();
        url.contains("amazonaws.com")
    }

    /// Creates a queue, which is removed at the end, and returns its URL.
    pub(crate) async fn create(
        &self,
        name: &str,
        attributes: Attributes<'_>,
    ) -> Result<String, SdkError<CreateQueueError>> {
        let request = self.sqs.create_queue().queue_name(name);
        let request = request.set_attributes(Some(typed(attributes)));
        let url = request.send().await?.queue_url.unwrap_or_default();
        let mut queues = lock(&self.queues);
        if !queues.contains(&url) {
            queues.push(url.clone());
        }
        Ok(url)
    }

    /// A standard queue.
    pub(crate) async fn queue(&self, attributes: Attributes<'_>) -> Result<String, Problem> {
        Ok(self.create(&self.name(), attributes).await?)
    }

    /// A FIFO queue.
    pub(crate) async fn fifo(&self, attributes: Attributes<'_>) -> Result<String, Problem> {
        let attributes = [&[("FifoQueue", "true")], attributes].concat();
        Ok(self.create(&format!("{}.fifo", self.name()), &attributes).await?)
    }

    /// Whether creating a standard queue with these attributes succeeds.
    pub(crate) async fn try_queue(
        &self,
        attributes: Attributes<'_>,
    ) -> Result<String, SdkError<CreateQueueError>> {
        self.create(&self.name(), attributes).await
    }

    /// Changes attributes.
    pub(crate) async fn set(
        &self,
        url: &str,
        attributes: Attributes<'_>,
    ) -> Result<SetQueueAttributesOutput, SdkError<SetQueueAttributesError>> {
        let request = self.sqs.set_queue_attributes().queue_url(url);
        request.set_attributes(Some(typed(attributes))).send().await
    }

    /// All attributes of a queue.
    pub(crate) async fn attributes(&self, url: &str) -> Result<BTreeMap<String, String>, Problem> {
        let request = self.sqs.get_queue_attributes().queue_url(url);
        let answer = request.attribute_names(QueueAttributeName::All).send().await?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(attributes.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect())
    }

    /// One attribute of a queue.
    pub(crate) async fn attribute(&self, url: &str, name: &str) -> Result<Option<String>, Problem> {
        Ok(self.attributes(url).await?.remove(name))
    }

    /// Requires attributes of a queue; `None` for one that must not be there.
    pub(crate) async fn has(&self, url: &str, expected: &[(&str, Option<&str>)]) -> Verdict {
        self.eventually(async || {
            let attributes = self.attributes(url).await?;
            for (name, value) in expected {
                equal(name, &attributes.get(*name).map(String::as_str), value)?;
            }
            Ok(())
        })
        .await
    }

    /// A queue's ARN.
    pub(crate) async fn arn(&self, url: &str) -> Result<String, Problem> {
        let arn = self.attribute(url, "QueueArn").await?;
        arn.ok_or_else(|| Problem::deviation("an attribute QueueArn", "none"))
    }

    /// Sends a message.
    pub(crate) async fn send(&self, url: &str, body: &str) -> Result<SendMessageOutput, Problem> {
        Ok(self.sqs.send_message().queue_url(url).message_body(body).send().await?)
    }

    /// Sends a message of a group, whose deduplication id is its body.
    pub(crate) async fn send_to(
        &self,
        url: &str,
        group: &str,
        body: &str,
    ) -> Result<SendMessageOutput, Problem> {
        let request = self.sqs.send_message().queue_url(url).message_body(body);
        Ok(request.message_group_id(group).message_deduplication_id(body).send().await?)
    }

    /// A long poll for up to ten messages with everything that can be had of them.
    pub(crate) fn receive(&self, url: &str) -> ReceiveMessageFluentBuilder {
        let request = self.sqs.receive_message().queue_url(url);
        let request = request.max_number_of_messages(10).wait_time_seconds(POLL_SECONDS);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        request.message_attribute_names("All")
    }

    /// Receives exactly so many messages, which may take several receives.
    pub(crate) async fn take(&self, url: &str, count: usize) -> Result<Vec<Message>, Problem> {
        self.take_by(count, || self.receive(url)).await
    }

    /// Receives exactly so many messages by receives of one kind.
    pub(crate) async fn take_by(
        &self,
        count: usize,
        receive: impl Fn() -> ReceiveMessageFluentBuilder,
    ) -> Result<Vec<Message>, Problem> {
        let (mut messages, mut empty_polls) = (Vec::new(), 0);
        while messages.len() < count && empty_polls < EMPTY_POLLS_MAX {
            let received = receive().send().await?.messages.unwrap_or_default();
            empty_polls = if received.is_empty() { empty_polls + 1 } else { 0 };
            messages.extend(received);
        }
        let found = format!("{} received: {:?}", messages.len(), bodies(&messages));
        ensure(messages.len() == count, format!("{count} messages can be received"), found)?;
        Ok(messages)
    }

    /// Receives one message.
    pub(crate) async fn take_one(&self, url: &str) -> Result<Message, Problem> {
        self.take(url, 1).await?.pop().ok_or_else(|| Problem::deviation("a message", "none"))
    }

    /// Requires that nothing can be received for so many seconds.
    pub(crate) async fn nothing(&self, url: &str, seconds: i32) -> Verdict {
        let answer = self.receive(url).wait_time_seconds(seconds).send().await?;
        let received = answer.messages.unwrap_or_default();
        ensure(
            received.is_empty(),
            "nothing can be received",
            format!("received: {:?}", bodies(&received)),
        )
    }

    /// Deletes a received message.
    pub(crate) async fn delete(&self, url: &str, message: &Message) -> Verdict {
        let request = self.sqs.delete_message().queue_url(url);
        request.set_receipt_handle(message.receipt_handle.clone()).send().await?;
        Ok(())
    }

    /// Changes how long a received message stays invisible.
    pub(crate) async fn hide(&self, url: &str, message: &Message, seconds: i32) -> Verdict {
        let request = self.sqs.change_message_visibility().queue_url(url);
        let request = request.set_receipt_handle(message.receipt_handle.clone());
        request.visibility_timeout(seconds).send().await?;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn typed(attributes: Attributes<'_>) -> HashMap<QueueAttributeName, String> {
    let pair =
        |(name, value): &(&str, &str)| (QueueAttributeName::from(*name), (*value).to_owned());
    attributes.iter().map(pair).collect()
}

/// The bodies of messages, in order.
pub(crate) fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap_or_default()).collect()
}

/// The bodies of messages, sorted: for standard queues, which promise no order.
pub(crate) fn sorted_bodies(messages: &[Message]) -> Vec<&str> {
    let mut bodies = bodies(messages);
    bodies.sort_unstable();
    bodies
}

/// A system attribute of a message.
pub(crate) fn system<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.attributes()?.get(&MessageSystemAttributeName::from(name)).map(String::as_str)
}

/// Requires a system attribute of a message; `None` for one that must not be there.
pub(crate) fn has_system(message: &Message, name: &str, expected: Option<&str>) -> Verdict {
    equal(name, &system(message, name), &expected)
}

/// Requires that a system attribute is there, and returns it.
pub(crate) fn some_system<'a>(message: &'a Message, name: &str) -> Result<&'a str, Problem> {
    system(message, name).ok_or_else(|| Problem::deviation(format!("an attribute {name}"), "none"))
}
