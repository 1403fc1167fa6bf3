//! Sending one message: sizes, contents, delays.

use std::time::Duration;

use md5::{Digest, Md5};

use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Guide, Recorded};
use crate::problem::{Verdict, ensure, equal};
use crate::refusal::{INVALID_CONTENTS, INVALID_PARAMETER, MISSING_PARAMETER};
use crate::refused::{refused, refused_saying};
use crate::stand::{PATIENCE_SECONDS, Stand, has_system};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.send.arrives-whole",
        Api("SendMessage"),
        "What is received has the id that the send returned, the same body, and its MD5.",
        run!(arrives_whole),
    ),
    Case::new(
        "sqs.send.any-text",
        Api("SendMessage"),
        "A body may hold any Unicode text, tabs and line ends included.",
        run!(any_text),
    ),
    Case::new(
        "sqs.send.empty-body",
        Recorded("test_send_empty_message"),
        "An empty body is refused as a missing parameter.",
        run!(empty_body),
    ),
    Case::new(
        "sqs.send.control-characters",
        Api("SendMessage"),
        "A body with characters that XML 1.0 does not allow is refused as InvalidMessageContents.",
        run!(control_characters),
    ),
    Case::new(
        "sqs.send.a-mebibyte",
        Guide("quotas-messages"),
        "A body of 1,048,576 bytes is accepted and arrives whole.",
        run!(a_mebibyte),
    ),
    Case::new(
        "sqs.send.more-than-a-mebibyte",
        Recorded("test_send_oversized_message"),
        "A body of more than 1,048,576 bytes is refused.",
        run!(more_than_a_mebibyte),
    ),
    Case::new(
        "sqs.send.the-queues-own-limit",
        Recorded("test_send_message_with_updated_maximum_message_size"),
        "A queue's own MaximumMessageSize is the limit, to the byte.",
        run!(the_queues_own_limit),
    ),
    Case::new(
        "sqs.send.attributes-count-towards-the-size",
        Guide("quotas-messages"),
        "Names, types and values of message attributes count towards a message's size.",
        run!(attributes_count_towards_the_size),
    ),
    Case::new(
        "sqs.send.bytes-count-not-characters",
        Guide("quotas-messages"),
        "The limit is one of bytes, not of characters.",
        run!(bytes_count_not_characters),
    ),
    Case::new(
        "sqs.send.delayed",
        Api("SendMessage"),
        "A delayed message cannot be received before its delay is over, and then it can.",
        run!(delayed),
    ),
    Case::new(
        "sqs.send.delayed-by-the-queue",
        Guide("sqs-delay-queues"),
        "A queue's delay applies to a message that names none.",
        run!(delayed_by_the_queue),
    ),
    Case::new(
        "sqs.send.own-delay-over-the-queues",
        Guide("sqs-message-timers"),
        "A message's own delay, also of zero, takes the place of the queue's.",
        run!(own_delay_over_the_queues),
    ),
    Case::new(
        "sqs.send.delay-bounds",
        Api("SendMessage"),
        "A delay is 0 to 900 seconds.",
        run!(delay_bounds),
    ),
    Case::new(
        "sqs.send.group-on-a-standard-queue",
        Recorded("test_fair_queue_with_message_group_id"),
        "A standard queue keeps a message's group, and gives no sequence number.",
        run!(group_on_a_standard_queue),
    ),
    Case::new(
        "sqs.send.group-must-be-valid",
        Recorded("test_send_message_to_standard_queue_with_invalid_message_group_id"),
        "An empty group, one of more than 128 characters and one with spaces are refused.",
        run!(group_must_be_valid),
    ),
    Case::new(
        "sqs.send.deduplication-id-on-a-standard-queue",
        Api("SendMessage"),
        "A standard queue refuses a deduplication id.",
        run!(deduplication_id_on_a_standard_queue),
    ),
];

/// The MD5 of a text in hexadecimal.
pub(super) fn md5(text: &str) -> String {
    format!("{:032x}", u128::from_be_bytes(Md5::digest(text.as_bytes()).into()))
}

async fn arrives_whole(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let sent = stand.send(&url, "Hello world").await?;
    equal("MD5OfMessageBody", &sent.md5_of_message_body, &Some(md5("Hello world")))?;
    equal("MD5OfMessageAttributes", &sent.md5_of_message_attributes, &None)?;
    equal("SequenceNumber", &sent.sequence_number, &None)?;
    let received = stand.take_one(&url).await?;
    equal("MessageId", &received.message_id, &sent.message_id)?;
    equal("Body", &received.body(), &Some("Hello world"))?;
    equal("MD5OfBody", &received.md5_of_body, &Some(md5("Hello world")))
}

async fn any_text(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let body = "tab\t line\n return\r quote\" <&> é 漢 🦀 \u{fffd}";
    let sent = stand.send(&url, body).await?;
    equal("MD5OfMessageBody", &sent.md5_of_message_body, &Some(md5(body)))?;
    equal("Body", &stand.take_one(&url).await?.body(), &Some(body))
}

async fn empty_body(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    refused_saying(
        stand.sqs.send_message().queue_url(&url).message_body("").send().await,
        MISSING_PARAMETER,
        "The request must contain the parameter MessageBody.",
    )
}

async fn control_characters(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    for body in ["\u{0}", "a\u{1}b", "\u{fffe}", "\u{b}"] {
        let answer = stand.sqs.send_message().queue_url(&url).message_body(body).send().await;
        refused(answer, INVALID_CONTENTS)?;
    }
    Ok(())
}

async fn a_mebibyte(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let body = "x".repeat(1_048_576);
    stand.send(&url, &body).await?;
    let received = stand.take_one(&url).await?;
    equal("MD5OfBody", &received.md5_of_body, &Some(md5(&body)))?;
    equal("the length of the body", &received.body.unwrap_or_default().len(), &body.len())
}

async fn more_than_a_mebibyte(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let body = "x".repeat(1_048_577);
    refused_saying(
        stand.sqs.send_message().queue_url(&url).message_body(body).send().await,
        INVALID_PARAMETER,
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    )
}

const TOO_LONG: &str =
    "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.";

async fn the_queues_own_limit(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("MaximumMessageSize", "1024")]).await?;
    stand.send(&url, &"x".repeat(1024)).await?;
    let longer = stand.sqs.send_message().queue_url(&url).message_body("x".repeat(1025));
    refused_saying(longer.send().await, INVALID_PARAMETER, TOO_LONG)
}

async fn attributes_count_towards_the_size(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("MaximumMessageSize", "1024")]).await?;
    let send = |length: usize| {
        let request = stand.sqs.send_message().queue_url(&url).message_body("x".repeat(length));
        // Name, type and value have 1 + 6 + 5 bytes.
        request.message_attributes("k", super::message_attributes::text("String", "value"))
    };
    send(1024 - 12).send().await?;
    refused_saying(send(1024 - 11).send().await, INVALID_PARAMETER, TOO_LONG)
}

async fn bytes_count_not_characters(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("MaximumMessageSize", "1024")]).await?;
    stand.send(&url, &"é".repeat(512)).await?;
    let longer = stand.sqs.send_message().queue_url(&url).message_body("é".repeat(513));
    refused_saying(longer.send().await, INVALID_PARAMETER, TOO_LONG)
}

/// Requires that a message is first received after about so long.
async fn arrives_after(stand: &Stand, url: &str, sent_at: Duration, seconds: u64) -> Verdict {
    stand.take_one(url).await?;
    let took = stand.since(sent_at);
    let (least, most) =
        (Duration::from_secs(seconds), Duration::from_secs(seconds + PATIENCE_SECONDS));
    let expected = format!("received {seconds} s after it was sent");
    // The clock of an endpoint may be a little behind that of this machine.
    let in_time = took + Duration::from_millis(100) >= least && took < most;
    ensure(in_time, expected, format!("after {:.1} s", took.as_secs_f64()))
}

async fn delayed(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let sent_at = stand.now();
    let request = stand.sqs.send_message().queue_url(&url).message_body("later");
    request.delay_seconds(2).send().await?;
    arrives_after(stand, &url, sent_at, 2).await
}

async fn delayed_by_the_queue(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("DelaySeconds", "2")]).await?;
    let sent_at = stand.now();
    stand.send(&url, "later").await?;
    arrives_after(stand, &url, sent_at, 2).await
}

async fn own_delay_over_the_queues(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("DelaySeconds", "60")]).await?;
    let sent_at = stand.now();
    let request = stand.sqs.send_message().queue_url(&url).message_body("now");
    request.delay_seconds(0).send().await?;
    arrives_after(stand, &url, sent_at, 0).await
}

async fn delay_bounds(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let send = |seconds| {
        stand.sqs.send_message().queue_url(&url).message_body("x").delay_seconds(seconds).send()
    };
    send(900).await?;
    refused(send(901).await, INVALID_PARAMETER)?;
    refused(send(-1).await, INVALID_PARAMETER)
}

async fn group_on_a_standard_queue(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let request = stand.sqs.send_message().queue_url(&url).message_body("message");
    let sent = request.message_group_id("test").send().await?;
    equal("SequenceNumber", &sent.sequence_number, &None)?;
    let received = stand.take_one(&url).await?;
    has_system(&received, "MessageGroupId", Some("test"))?;
    has_system(&received, "SequenceNumber", None)
}

async fn group_must_be_valid(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    for group in ["", &"a".repeat(129), "group 123"] {
        let message = format!(
            "Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        );
        let request = stand.sqs.send_message().queue_url(&url).message_body("x");
        let answer = request.message_group_id(group).send().await;
        refused_saying(answer, INVALID_PARAMETER, &message)?;
    }
    Ok(())
}

async fn deduplication_id_on_a_standard_queue(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let request = stand.sqs.send_message().queue_url(&url).message_body("x");
    refused(request.message_deduplication_id("d").send().await, INVALID_PARAMETER)
}
