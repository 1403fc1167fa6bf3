//! Sends, receives and deletes a second, over some connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::Failed;
use super::canned;
use super::plain::Plain;
use crate::endpoint::{Endpoint, local_client};

/// The body of every message.
const BODY: &str = "small";

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Volume {
    /// How many connections are used at a time.
    pub connections: usize,
    /// How many messages each connection sends, receives and deletes.
    pub messages_each: usize,
}

/// Operations a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Messages sent, each by a request of its own.
    pub send: f64,
    /// Messages received, each by a request of its own.
    pub receive: f64,
    /// Messages deleted, each by a request of its own.
    pub delete: f64,
}

impl Rates {
    /// All operations a second, when there are as many of each kind.
    pub fn overall(&self) -> f64 {
        3.0 / (1.0 / self.send + 1.0 / self.receive + 1.0 / self.delete)
    }
}

/// What does the work over one connection.
trait Worker: Send + 'static {
    fn send(&mut self) -> impl Future<Output = Result<(), Failed>> + Send;
    fn receive(&mut self) -> impl Future<Output = Result<Option<String>, Failed>> + Send;
    fn delete(&mut self, handle: String) -> impl Future<Output = Result<(), Failed>> + Send;
}

/// Measures an endpoint through the SDK.
pub async fn measure_sdk(url: &str, volume: Volume) -> Result<Rates, Failed> {
    // One client for all, as programs have it; it opens a connection for each request at a time.
    let sqs = Endpoint::local("bench", url).await.sqs(url);
    let queue = new_queue(&sqs).await?;
    let worker = || Sdk { sqs: sqs.clone(), queue: queue.clone() };
    measure((0..volume.connections).map(|_| worker()).collect(), volume.messages_each).await
}

/// Measures what the SDK takes by itself, without any endpoint.
pub async fn measure_sdk_alone(volume: Volume) -> Result<Rates, Failed> {
    let sqs = local_client(canned::http_client()).await;
    let queue = "http://127.0.0.1/000000000000/none".to_owned();
    let worker = || Sdk { sqs: sqs.clone(), queue: queue.clone() };
    measure((0..volume.connections).map(|_| worker()).collect(), volume.messages_each).await
}

/// Measures an endpoint through a client that costs next to nothing.
pub async fn measure_plain(url: &str, volume: Volume) -> Result<Rates, Failed> {
    let endpoint = Endpoint::local("bench", url).await;
    let queue = new_queue(&endpoint.sqs(url)).await?;
    let mut workers = Vec::new();
    for _ in 0..volume.connections {
        workers.push(PlainWorker { connection: Plain::connect(url).await?, queue: queue.clone() });
    }
    measure(workers, volume.messages_each).await
}

/// A new queue whose messages stay invisible for longer than a measurement takes.
pub(super) async fn new_queue(sqs: &aws_sdk_sqs::Client) -> Result<String, Failed> {
    let name = format!("bench-{:08x}", fastrand::u32(..));
    let attribute = aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
    let created = sqs.create_queue().queue_name(name).attributes(attribute, "3600").send().await?;
    Ok(created.queue_url.unwrap_or_default())
}

/// When the phases of a worker began and ended.
type Phases = [(Instant, Instant); 3];

/// Lets every worker send, then every one receive, and then every one delete, all of them at once each time.
async fn measure<W: Worker>(workers: Vec<W>, each: usize) -> Result<Rates, Failed> {
    let connections = workers.len();
    let together = Arc::new(Barrier::new(connections));
    // When one fails, dropping this ends those that wait for it.
    let mut running = JoinSet::new();
    for worker in workers {
        running.spawn(work(worker, each, together.clone()));
    }
    let mut all: Vec<Phases> = Vec::with_capacity(connections);
    while let Some(phases) = running.join_next().await {
        all.push(phases??);
    }
    let rate = |phase: usize| {
        let began = all.iter().map(|phases| phases[phase].0).min();
        let ended = all.iter().map(|phases| phases[phase].1).max();
        let took = began.zip(ended).map_or(Duration::ZERO, |(began, ended)| ended - began);
        count(each * connections) / took.as_secs_f64()
    };
    Ok(Rates { send: rate(0), receive: rate(1), delete: rate(2) })
}

async fn work<W: Worker>(
    mut worker: W,
    each: usize,
    together: Arc<Barrier>,
) -> Result<Phases, Failed> {
    // The first request connects, which is not what is measured.
    worker.receive().await?;
    together.wait().await;
    let sending = Instant::now();
    for _ in 0..each {
        worker.send().await?;
    }
    let sent = Instant::now();
    together.wait().await;
    let receiving = Instant::now();
    let mut handles = Vec::with_capacity(each);
    for _ in 0..each {
        let handle = worker.receive().await?;
        handles.push(handle.ok_or("a receive found no message, although there are some")?);
    }
    let received = Instant::now();
    together.wait().await;
    let deleting = Instant::now();
    for handle in handles {
        worker.delete(handle).await?;
    }
    Ok([(sending, sent), (receiving, received), (deleting, Instant::now())])
}

/// A number of operations, of which there are never so many that the conversion would lose any.
pub(super) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

struct Sdk {
    sqs: aws_sdk_sqs::Client,
    queue: String,
}

impl Worker for Sdk {
    async fn send(&mut self) -> Result<(), Failed> {
        self.sqs.send_message().queue_url(&self.queue).message_body(BODY).send().await?;
        Ok(())
    }

    async fn receive(&mut self) -> Result<Option<String>, Failed> {
        let answer = self.sqs.receive_message().queue_url(&self.queue).send().await?;
        let message = answer.messages.unwrap_or_default().into_iter().next();
        Ok(message.and_then(|message| message.receipt_handle))
    }

    async fn delete(&mut self, handle: String) -> Result<(), Failed> {
        self.sqs.delete_message().queue_url(&self.queue).receipt_handle(handle).send().await?;
        Ok(())
    }
}

struct PlainWorker {
    connection: Plain,
    queue: String,
}

impl Worker for PlainWorker {
    async fn send(&mut self) -> Result<(), Failed> {
        let body = json!({"QueueUrl": self.queue, "MessageBody": BODY}).to_string();
        self.connection.call("SendMessage", &body).await?;
        Ok(())
    }

    async fn receive(&mut self) -> Result<Option<String>, Failed> {
        let body = json!({"QueueUrl": self.queue}).to_string();
        let answer = self.connection.call("ReceiveMessage", &body).await?;
        Ok(answer["Messages"][0]["ReceiptHandle"].as_str().map(str::to_owned))
    }

    async fn delete(&mut self, handle: String) -> Result<(), Failed> {
        let body = json!({"QueueUrl": self.queue, "ReceiptHandle": handle}).to_string();
        self.connection.call("DeleteMessage", &body).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::start_emulator;
    use verifier_emulator::ClockMode;

    #[test]
    fn the_overall_rate_is_that_of_as_many_of_each() {
        let even = Rates { send: 10.0, receive: 10.0, delete: 10.0 };
        assert!((even.overall() - 10.0).abs() < 1e-9);
        // One a second, and the others in no time: three in a second.
        let uneven = Rates { send: 1.0, receive: f64::INFINITY, delete: f64::INFINITY };
        assert!((uneven.overall() - 3.0).abs() < 1e-9);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_way_of_measuring_works() {
        let emulator = start_emulator(ClockMode::Real).await.unwrap();
        let volume = Volume { connections: 3, messages_each: 4 };
        for rates in [
            measure_sdk(emulator.endpoint(), volume).await.unwrap(),
            measure_plain(emulator.endpoint(), volume).await.unwrap(),
            measure_sdk_alone(volume).await.unwrap(),
        ] {
            assert!(rates.send > 0.0 && rates.receive > 0.0 && rates.delete > 0.0, "{rates:?}");
        }
        emulator.shut_down().await;
    }
}
