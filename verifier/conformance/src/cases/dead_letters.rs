//! Dead-letter queues: when messages are moved, and what is kept.

use std::time::Duration;

use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use serde_json::json;

use super::message_attributes::text;
use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Guide, Recorded};
use crate::problem::{Problem, Verdict, ensure, equal};
use crate::refusal::NO_QUEUE;
use crate::refused::refused;
use crate::stand::{Attributes, Stand, bodies, has_system, some_system, sorted_bodies};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.dead-letter.after-the-last-receive",
        Guide("sqs-dead-letter-queues"),
        "A message is received maxReceiveCount times from its queue; the attempt after that moves it.",
        run!(after_the_last_receive),
    ),
    Case::new(
        "sqs.dead-letter.same-message",
        Recorded("test_dead_letter_queue_message_attributes"),
        "The moved message has the same id, body, attributes and trace header.",
        run!(same_message),
    ),
    Case::new(
        "sqs.dead-letter.count-goes-on",
        Recorded("test_dead_letter_queue_message_attributes"),
        "The receive count goes on in the dead-letter queue.",
        run!(count_goes_on),
    ),
    Case::new(
        "sqs.dead-letter.names-its-source",
        Recorded("test_dead_letter_queue_message_attributes"),
        "The moved message has DeadLetterQueueSourceArn, which it did not have before.",
        run!(names_its_source),
    ),
    Case::new(
        "sqs.dead-letter.keeps-its-time",
        Guide("sqs-dead-letter-queues"),
        "On standard queues the time at which the message was sent stays.",
        run!(keeps_its_time),
    ),
    Case::new(
        "sqs.dead-letter.not-when-deleted",
        Guide("sqs-dead-letter-queues"),
        "A message that is deleted in time is not moved.",
        run!(not_when_deleted),
    ),
    Case::new(
        "sqs.dead-letter.each-on-its-own",
        Guide("sqs-dead-letter-queues"),
        "Receives are counted for each message, so only what was received too often is moved.",
        run!(each_on_its_own),
    ),
    Case::new(
        "sqs.dead-letter.not-without-a-policy",
        Recorded("test_set_empty_redrive_policy"),
        "Without a redrive policy, a message is received as often as one likes.",
        run!(not_without_a_policy),
    ),
    Case::new(
        "sqs.dead-letter.policy-set-later",
        Api("SetQueueAttributes"),
        "A redrive policy that is set later applies to receives that were before it.",
        run!(policy_set_later),
    ),
    Case::new(
        "sqs.dead-letter.retention-goes-on",
        Guide("sqs-dead-letter-queues"),
        "On standard queues retention counts from the first send, also in the dead-letter queue.",
        run!(retention_goes_on),
    )
    .taking(66),
    Case::new(
        "sqs.dead-letter.fifo-keeps-order",
        Guide("sqs-dead-letter-queues"),
        "Messages of a group arrive in a FIFO dead-letter queue in their order, with group and source.",
        run!(fifo_keeps_order),
    ),
    Case::new(
        "sqs.dead-letter.list-sources",
        Api("ListDeadLetterSourceQueues"),
        "The queues whose dead-letter queue it is are listed.",
        run!(list_sources),
    ),
    Case::new(
        "sqs.dead-letter.list-sources-by-pages",
        Api("ListDeadLetterSourceQueues"),
        "With MaxResults, the list comes in pages.",
        run!(list_sources_by_pages),
    ),
    Case::new(
        "sqs.dead-letter.list-sources-of-none",
        Api("ListDeadLetterSourceQueues"),
        "A queue that is no queue's dead-letter queue has no sources, and one that is not there is refused.",
        run!(list_sources_of_none),
    ),
];

/// A queue and its dead-letter queue.
pub(super) struct Pair {
    pub(super) source: String,
    pub(super) dead: String,
}

fn policy(dead_arn: &str, max_receive_count: u32) -> String {
    json!({"deadLetterTargetArn": dead_arn, "maxReceiveCount": max_receive_count}).to_string()
}

/// A queue whose messages become visible a second after each receive, and its dead-letter queue.
pub(super) async fn pair(stand: &Stand, max_receive_count: u32) -> Result<Pair, Problem> {
    let dead = stand.queue(&[]).await?;
    let policy = policy(&stand.arn(&dead).await?, max_receive_count);
    let attributes = [("VisibilityTimeout", "1"), ("RedrivePolicy", policy.as_str())];
    Ok(Pair { source: stand.queue(&attributes).await?, dead })
}

impl Pair {
    /// Receives what is there until it is moved.
    async fn exhaust(&self, stand: &Stand, receives: usize) -> Verdict {
        for _ in 0..receives {
            stand.take_one(&self.source).await?;
        }
        stand.nothing(&self.source, 3).await
    }
}

async fn after_the_last_receive(stand: &Stand) -> Verdict {
    let pair = pair(stand, 3).await?;
    stand.send(&pair.source, "poison").await?;
    for count in ["1", "2", "3"] {
        stand.nothing(&pair.dead, 0).await?;
        let received = stand.take_one(&pair.source).await?;
        has_system(&received, "ApproximateReceiveCount", Some(count))?;
    }
    stand.nothing(&pair.source, 3).await?;
    equal("Body", &stand.take_one(&pair.dead).await?.body(), &Some("poison"))
}

async fn same_message(stand: &Stand) -> Verdict {
    const HEADER: &str =
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let pair = pair(stand, 1).await?;
    let trace = MessageSystemAttributeValue::builder().data_type("String").string_value(HEADER);
    let trace = trace.build().map_err(|error| Problem::NotEvaluated(error.to_string()))?;
    let request = stand.sqs.send_message().queue_url(&pair.source).message_body("message-1");
    let request = request
        .message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, trace);
    let sent = request.message_attributes("MyAttribute", text("String", "foobar")).send().await?;
    pair.exhaust(stand, 1).await?;
    let moved = stand.take_one(&pair.dead).await?;
    equal("MessageId", &moved.message_id, &sent.message_id)?;
    equal("Body", &moved.body(), &Some("message-1"))?;
    let digest = Some("adb59cd4678ea5a855436b949cd07ab6");
    equal("MD5OfMessageAttributes", &moved.md5_of_message_attributes(), &digest)?;
    has_system(&moved, "AWSTraceHeader", Some(HEADER))
}

async fn count_goes_on(stand: &Stand) -> Verdict {
    let pair = pair(stand, 2).await?;
    stand.send(&pair.source, "poison").await?;
    pair.exhaust(stand, 2).await?;
    let moved = stand.take_one(&pair.dead).await?;
    has_system(&moved, "ApproximateReceiveCount", Some("3"))
}

async fn names_its_source(stand: &Stand) -> Verdict {
    let pair = pair(stand, 1).await?;
    stand.send(&pair.source, "poison").await?;
    let before = stand.take_one(&pair.source).await?;
    has_system(&before, "DeadLetterQueueSourceArn", None)?;
    stand.nothing(&pair.source, 3).await?;
    let source = stand.arn(&pair.source).await?;
    let moved = stand.take_one(&pair.dead).await?;
    has_system(&moved, "DeadLetterQueueSourceArn", Some(&source))
}

async fn keeps_its_time(stand: &Stand) -> Verdict {
    let pair = pair(stand, 1).await?;
    stand.send(&pair.source, "poison").await?;
    let before = stand.take_one(&pair.source).await?;
    stand.nothing(&pair.source, 3).await?;
    let sent = some_system(&before, "SentTimestamp")?;
    has_system(&stand.take_one(&pair.dead).await?, "SentTimestamp", Some(sent))
}

async fn not_when_deleted(stand: &Stand) -> Verdict {
    let pair = pair(stand, 1).await?;
    stand.send(&pair.source, "fine").await?;
    let received = stand.take_one(&pair.source).await?;
    stand.delete(&pair.source, &received).await?;
    stand.nothing(&pair.source, 3).await?;
    stand.nothing(&pair.dead, 1).await
}

async fn each_on_its_own(stand: &Stand) -> Verdict {
    let pair = pair(stand, 1).await?;
    stand.send(&pair.source, "old").await?;
    stand.take_one(&pair.source).await?;
    stand.send(&pair.source, "new").await?;
    let received = stand.take(&pair.source, 1).await?;
    equal("the messages", &sorted_bodies(&received), &vec!["new"])?;
    stand.nothing(&pair.source, 3).await?;
    let moved = stand.take(&pair.dead, 2).await?;
    equal("the moved messages", &sorted_bodies(&moved), &vec!["new", "old"])
}

async fn not_without_a_policy(stand: &Stand) -> Verdict {
    let pair = pair(stand, 1).await?;
    stand.set(&pair.source, &[("RedrivePolicy", "")]).await?;
    stand.has(&pair.source, &[("RedrivePolicy", None)]).await?;
    stand.send(&pair.source, "again and again").await?;
    for count in ["1", "2", "3"] {
        let received = stand.take_one(&pair.source).await?;
        has_system(&received, "ApproximateReceiveCount", Some(count))?;
    }
    Ok(())
}

async fn policy_set_later(stand: &Stand) -> Verdict {
    let (dead, source) =
        (stand.queue(&[]).await?, stand.queue(&[("VisibilityTimeout", "1")]).await?);
    stand.send(&source, "poison").await?;
    for _ in 0..2 {
        stand.take_one(&source).await?;
    }
    let policy = policy(&stand.arn(&dead).await?, 2);
    stand.set(&source, &[("RedrivePolicy", &policy)]).await?;
    stand.nothing(&source, 3).await?;
    equal("Body", &stand.take_one(&dead).await?.body(), &Some("poison"))
}

async fn retention_goes_on(stand: &Stand) -> Verdict {
    let dead = stand.queue(&[("MessageRetentionPeriod", "60"), ("VisibilityTimeout", "0")]).await?;
    let policy = policy(&stand.arn(&dead).await?, 1);
    let source =
        stand.queue(&[("VisibilityTimeout", "30"), ("RedrivePolicy", policy.as_str())]).await?;
    stand.send(&source, "poison").await?;
    stand.take_one(&source).await?;
    stand.let_pass(Duration::from_secs(40)).await;
    stand.nothing(&source, 1).await?;
    stand.take_one(&dead).await?;
    stand.let_pass(Duration::from_secs(24)).await;
    stand.nothing(&dead, 1).await
}

async fn fifo_pair(stand: &Stand, attributes: Attributes<'_>) -> Result<Pair, Problem> {
    let dead = stand.fifo(&[]).await?;
    let policy = policy(&stand.arn(&dead).await?, 1);
    let attributes = [&[("RedrivePolicy", policy.as_str())], attributes].concat();
    Ok(Pair { source: stand.fifo(&attributes).await?, dead })
}

async fn fifo_keeps_order(stand: &Stand) -> Verdict {
    let pair = fifo_pair(stand, &[("VisibilityTimeout", "1")]).await?;
    for body in ["one", "two", "three"] {
        stand.send_to(&pair.source, "group", body).await?;
    }
    let received = stand.take(&pair.source, 3).await?;
    stand.nothing(&pair.source, 3).await?;
    let moved = stand.take(&pair.dead, 3).await?;
    equal("the moved messages", &bodies(&moved), &vec!["one", "two", "three"])?;
    let source = stand.arn(&pair.source).await?;
    for (before, after) in received.iter().zip(&moved) {
        equal("MessageId", &after.message_id, &before.message_id)?;
        has_system(after, "MessageGroupId", Some("group"))?;
        has_system(after, "ApproximateReceiveCount", Some("2"))?;
        has_system(after, "DeadLetterQueueSourceArn", Some(&source))?;
    }
    Ok(())
}

async fn sources_of(stand: &Stand, dead: &str, count: usize) -> Result<Vec<String>, Problem> {
    let policy = policy(&stand.arn(dead).await?, 3);
    let mut sources = Vec::new();
    for _ in 0..count {
        sources.push(stand.queue(&[("RedrivePolicy", &policy)]).await?);
    }
    sources.sort_unstable();
    Ok(sources)
}

async fn list_sources(stand: &Stand) -> Verdict {
    let dead = stand.queue(&[]).await?;
    let sources = sources_of(stand, &dead, 2).await?;
    stand
        .eventually(async || {
            let listed = stand.sqs.list_dead_letter_source_queues().queue_url(&dead).send().await?;
            let mut found = listed.queue_urls;
            found.sort_unstable();
            equal("the sources", &found, &sources)
        })
        .await
}

async fn list_sources_by_pages(stand: &Stand) -> Verdict {
    let dead = stand.queue(&[]).await?;
    let sources = sources_of(stand, &dead, 3).await?;
    stand
        .eventually(async || {
            let (mut found, mut token, mut pages) = (Vec::new(), None, 0);
            while pages < 4 {
                let request = stand.sqs.list_dead_letter_source_queues().queue_url(&dead);
                let page = request.max_results(2).set_next_token(token).send().await?;
                let listed = page.queue_urls.len();
                ensure(listed <= 2, "at most 2 queues in a page", listed.to_string())?;
                found.extend(page.queue_urls);
                pages += 1;
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
            found.sort_unstable();
            equal("the sources", &found, &sources)
        })
        .await
}

async fn list_sources_of_none(stand: &Stand) -> Verdict {
    let name = stand.name();
    let url = stand.create(&name, &[]).await?;
    let listed = stand.sqs.list_dead_letter_source_queues().queue_url(&url).send().await?;
    equal("the sources", &listed.queue_urls, &Vec::new())?;
    let missing = url.replace(&name, &stand.name());
    refused(stand.sqs.list_dead_letter_source_queues().queue_url(missing).send().await, NO_QUEUE)
}
