//! Receiving: how many, how long a receive waits, and what comes of an empty queue.

use std::time::Duration;

use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Guide, Recorded};
use crate::problem::{Verdict, ensure, equal};
use crate::refusal::INVALID_PARAMETER;
use crate::refused::{refused, refused_saying};
use crate::stand::{PATIENCE_SECONDS, Stand, sorted_bodies};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.receive.empty-queue",
        Recorded("test_receive_empty_queue"),
        "An empty queue gives no messages, at once without a wait.",
        run!(empty_queue),
    ),
    Case::new(
        "sqs.receive.one-by-default",
        Api("ReceiveMessage"),
        "A receive that does not say how many gives one message.",
        run!(one_by_default),
    ),
    Case::new(
        "sqs.receive.at-most-as-many",
        Api("ReceiveMessage"),
        "A receive gives at most as many messages as it says, and every message is received once.",
        run!(at_most_as_many),
    ),
    Case::new(
        "sqs.receive.number-bounds",
        Recorded("test_send_receive_max_number_of_messages"),
        "MaxNumberOfMessages is 1 to 10.",
        run!(number_bounds),
    ),
    Case::new(
        "sqs.receive.wait-bounds",
        Recorded("test_send_receive_wait_time_seconds"),
        "WaitTimeSeconds is 0 to 20.",
        run!(wait_bounds),
    ),
    Case::new(
        "sqs.receive.visibility-bounds",
        Api("ReceiveMessage"),
        "VisibilityTimeout is 0 to 43,200 seconds.",
        run!(visibility_bounds),
    ),
    Case::new(
        "sqs.receive.waits-to-the-end",
        Guide("sqs-short-and-long-polling"),
        "A long poll that finds nothing waits for as long as it says.",
        run!(waits_to_the_end),
    ),
    Case::new(
        "sqs.receive.waits-as-the-queue-says",
        Api("SetQueueAttributes"),
        "A receive that does not say how long waits as long as the queue says.",
        run!(waits_as_the_queue_says),
    ),
    Case::new(
        "sqs.receive.returns-when-a-message-is-sent",
        Guide("sqs-short-and-long-polling"),
        "A long poll returns as soon as a message is sent.",
        run!(returns_when_a_message_is_sent),
    ),
    Case::new(
        "sqs.receive.returns-when-a-message-becomes-visible",
        Guide("sqs-short-and-long-polling"),
        "A long poll returns as soon as a message becomes visible again.",
        run!(returns_when_a_message_becomes_visible),
    ),
    Case::new(
        "sqs.receive.retention",
        Api("SetQueueAttributes"),
        "A message is gone when its retention period is over, also from a receiver that held it.",
        run!(retention),
    )
    .taking(65),
];

async fn empty_queue(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let asked_at = stand.now();
    let answer = stand.sqs.receive_message().queue_url(&url).send().await?;
    equal("how many messages:", &answer.messages().len(), &0)?;
    let took = stand.since(asked_at);
    ensure(
        took < Duration::from_secs(PATIENCE_SECONDS),
        "an answer at once",
        format!("after {took:?}"),
    )
}

async fn one_by_default(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    for body in ["one", "two"] {
        stand.send(&url, body).await?;
    }
    let answer = stand.sqs.receive_message().queue_url(&url).wait_time_seconds(4).send().await?;
    equal("how many messages:", &answer.messages().len(), &1)
}

async fn at_most_as_many(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    for body in ["1", "2", "3", "4", "5", "6", "7"] {
        stand.send(&url, body).await?;
    }
    let mut received = Vec::new();
    while received.len() < 7 {
        let answer = stand.receive(&url).max_number_of_messages(3).send().await?;
        let messages = answer.messages.unwrap_or_default();
        ensure(
            (1..=3).contains(&messages.len()),
            "one to three messages in an answer",
            messages.len().to_string(),
        )?;
        received.extend(messages);
    }
    equal("the messages", &sorted_bodies(&received), &vec!["1", "2", "3", "4", "5", "6", "7"])
}

async fn number_bounds(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let ask =
        |number| stand.sqs.receive_message().queue_url(&url).max_number_of_messages(number).send();
    ask(10).await?;
    for number in [0, 11, -1] {
        let message = format!(
            "Value {number} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        );
        refused_saying(ask(number).await, INVALID_PARAMETER, &message)?;
    }
    Ok(())
}

async fn wait_bounds(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    for seconds in [21, -1] {
        let message = format!(
            "Value {seconds} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
        );
        let request = stand.sqs.receive_message().queue_url(&url).wait_time_seconds(seconds);
        refused_saying(request.send().await, INVALID_PARAMETER, &message)?;
    }
    Ok(())
}

async fn visibility_bounds(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let ask =
        |seconds| stand.sqs.receive_message().queue_url(&url).visibility_timeout(seconds).send();
    ask(43_200).await?;
    refused(ask(43_201).await, INVALID_PARAMETER)?;
    refused(ask(-1).await, INVALID_PARAMETER)
}

/// How long an empty receive takes by the endpoint's time, in milliseconds.
fn took_about(took: Duration, seconds: u64) -> Verdict {
    let expected = format!("an answer after {seconds} s");
    let (least, most) =
        (Duration::from_secs(seconds), Duration::from_secs(seconds + PATIENCE_SECONDS));
    let in_time = took + Duration::from_millis(100) >= least && took < most;
    ensure(in_time, expected, format!("after {:.1} s", took.as_secs_f64()))
}

async fn waits_to_the_end(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let asked_at = stand.now();
    stand.nothing(&url, 2).await?;
    took_about(stand.since(asked_at), 2)
}

async fn waits_as_the_queue_says(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("ReceiveMessageWaitTimeSeconds", "2")]).await?;
    let asked_at = stand.now();
    let answer = stand.sqs.receive_message().queue_url(&url).send().await?;
    equal("how many messages:", &answer.messages().len(), &0)?;
    took_about(stand.since(asked_at), 2)
}

async fn returns_when_a_message_is_sent(stand: &Stand) -> Verdict {
    let (url, silent) = (stand.queue(&[]).await?, stand.queue(&[]).await?);
    let asked_at = stand.now();
    let sender = stand.another();
    let send_later = async {
        // A poll of a queue that stays empty lets a second pass, in which the other poll comes to wait.
        sender.receive_message().queue_url(&silent).wait_time_seconds(1).send().await.ok();
        sender.send_message().queue_url(&url).message_body("now").send().await
    };
    let poll = stand.receive(&url).wait_time_seconds(20).send();
    let (answer, sent) = futures::future::join(poll, send_later).await;
    sent?;
    equal("how many messages:", &answer?.messages().len(), &1)?;
    let took = stand.since(asked_at);
    ensure(took < Duration::from_secs(10), "an answer within a second or two", format!("{took:?}"))
}

async fn returns_when_a_message_becomes_visible(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "2")]).await?;
    stand.send(&url, "again").await?;
    stand.take_one(&url).await?;
    let asked_at = stand.now();
    let answer = stand.receive(&url).wait_time_seconds(20).send().await?;
    equal("how many messages:", &answer.messages().len(), &1)?;
    let took = stand.since(asked_at);
    ensure(
        took < Duration::from_secs(2 + PATIENCE_SECONDS),
        "an answer after 2 s",
        format!("{took:?}"),
    )
}

async fn retention(stand: &Stand) -> Verdict {
    let attributes = [("MessageRetentionPeriod", "60"), ("VisibilityTimeout", "30")];
    let url = stand.queue(&attributes).await?;
    stand.send(&url, "one").await?;
    stand.send(&url, "two").await?;
    stand.let_pass(Duration::from_secs(40)).await;
    let held = stand.take_by(1, || stand.receive(&url).max_number_of_messages(1)).await?;
    stand.let_pass(Duration::from_secs(22)).await;
    stand.nothing(&url, 10).await?;
    // Deleting what is gone is no error.
    for message in &held {
        stand.delete(&url, message).await?;
    }
    Ok(())
}
