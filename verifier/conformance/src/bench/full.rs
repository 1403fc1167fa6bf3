//! A queue with very many messages: what it costs, and whether a receive takes longer.

use std::time::{Duration, Instant};

use serde_json::json;

use super::Failed;
use super::plain::Plain;
use super::rates::new_queue;
use crate::endpoint::Endpoint;

/// How many receives the time of one is the median of.
const RECEIVES: usize = 500;
/// How many messages a batch has.
const BATCH: usize = 10;

/// What was found out about a queue with very many messages.
#[derive(Clone, Copy, Debug)]
pub struct Full {
    /// How many.
    pub messages: usize,
    /// The server's resident memory before, in bytes.
    pub resident_before: u64,
    /// The server's resident memory after, in bytes.
    pub resident_after: u64,
    /// How long a receive takes with a hundred messages.
    pub receive_with_few: Duration,
    /// How long a receive takes with all of them.
    pub receive_with_many: Duration,
}

/// Fills a queue with `messages`, which it counts by tens; the server is the process of that id.
pub async fn fill(url: &str, process_id: u32, messages: usize) -> Result<Full, Failed> {
    let sqs = Endpoint::local("bench", url).await.sqs(url);
    let (few, many) = (new_queue(&sqs).await?, new_queue(&sqs).await?);
    let mut connection = Plain::connect(url).await?;
    send(&mut connection, &few, 100).await?;
    let receive_with_few = receive(&mut connection, &few).await?;
    let resident_before = resident_bytes(process_id)?;
    send(&mut connection, &many, messages).await?;
    let resident_after = resident_bytes(process_id)?;
    let receive_with_many = receive(&mut connection, &many).await?;
    for queue in [few, many] {
        sqs.delete_queue().queue_url(queue).send().await?;
    }
    Ok(Full { messages, resident_before, resident_after, receive_with_few, receive_with_many })
}

async fn send(connection: &mut Plain, queue: &str, messages: usize) -> Result<(), Failed> {
    for batch in 0..messages / BATCH {
        let entries: Vec<_> = (0..BATCH)
            .map(|id| json!({"Id": id.to_string(), "MessageBody": format!("message {batch}-{id}")}))
            .collect();
        let body = json!({"QueueUrl": queue, "Entries": entries}).to_string();
        let answer = connection.call("SendMessageBatch", &body).await?;
        if !answer["Failed"].is_null() {
            return Err(format!("not all of a batch was sent: {answer}").into());
        }
    }
    Ok(())
}

/// The median time of receives that leave the messages visible.
async fn receive(connection: &mut Plain, queue: &str) -> Result<Duration, Failed> {
    let body = json!({"QueueUrl": queue, "VisibilityTimeout": 0}).to_string();
    let mut times = Vec::with_capacity(RECEIVES);
    for _ in 0..RECEIVES {
        let started = Instant::now();
        let answer = connection.call("ReceiveMessage", &body).await?;
        times.push(started.elapsed());
        if answer["Messages"][0].is_null() {
            return Err("a receive found no message, although there are some".into());
        }
    }
    times.sort_unstable();
    Ok(times[RECEIVES / 2])
}

/// The resident memory of a process, as Linux shows it.
fn resident_bytes(process_id: u32) -> Result<u64, Failed> {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kibibytes.ok_or("the process does not show its resident memory")? * 1024)
}

#[cfg(test)]
mod tests {
    use verifier_emulator::ClockMode;

    use super::*;
    use crate::endpoint::start_emulator;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_queue_is_measured() {
        let emulator = start_emulator(ClockMode::Real).await.unwrap();
        let full = fill(emulator.endpoint(), std::process::id(), 1_000).await.unwrap();
        assert!(full.resident_before > 0 && full.resident_after > 0, "{full:?}");
        assert!(full.receive_with_few > Duration::ZERO && full.receive_with_many > Duration::ZERO);
        emulator.shut_down().await;
    }
}
