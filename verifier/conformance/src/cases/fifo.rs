//! FIFO queues: deduplication, sequence numbers, and what a send has to say.

use std::time::Duration;

use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;

use super::batches::{entry, send};
use super::message_attributes::text;
use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Guide, Recorded};
use crate::problem::{Verdict, ensure, equal};
use crate::refusal::{INVALID_PARAMETER, MISSING_PARAMETER};
use crate::refused::refused_saying;
use crate::stand::{Stand, bodies, has_system, some_system};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.fifo.attributes-of-a-message",
        Recorded("test_fifo_message_attributes"),
        "A message has its group, its deduplication id, and the sequence number that the send returned.",
        run!(attributes_of_a_message),
    ),
    Case::new(
        "sqs.fifo.booleans-in-any-case",
        Recorded("test_fifo_approximate_number_of_messages_not_visible"),
        "An attribute is true by `True`, too, as clients in Python write it.",
        run!(booleans_in_any_case),
    ),
    Case::new(
        "sqs.fifo.sequence-numbers-ascend",
        Api("SendMessage"),
        "Sequence numbers have 20 digits and ascend, within a group and across groups.",
        run!(sequence_numbers_ascend),
    ),
    Case::new(
        "sqs.fifo.needs-a-group",
        Recorded("test_posting_to_fifo_requires_deduplicationid_group_id"),
        "A send without a group is refused as a missing parameter.",
        run!(needs_a_group),
    ),
    Case::new(
        "sqs.fifo.needs-a-deduplication-id",
        Recorded("test_posting_to_fifo_requires_deduplicationid_group_id"),
        "A send without a deduplication id is refused, unless the queue makes one from the content.",
        run!(needs_a_deduplication_id),
    ),
    Case::new(
        "sqs.fifo.batch-needs-groups",
        Recorded("test_send_batch_missing_message_group_id_for_fifo_queue"),
        "A batch with an entry without a group is refused as a whole, with another code.",
        run!(batch_needs_groups),
    ),
    Case::new(
        "sqs.fifo.batch-needs-deduplication-ids",
        Recorded("test_send_batch_missing_deduplication_id_for_fifo_queue"),
        "A batch with an entry without a deduplication id is refused as a whole.",
        run!(batch_needs_deduplication_ids),
    ),
    Case::new(
        "sqs.fifo.deduplication-id-must-be-valid",
        Recorded("test_message_deduplication_id_invalid"),
        "An empty deduplication id, one of more than 128 characters and one with spaces are refused.",
        run!(deduplication_id_must_be_valid),
    ),
    Case::new(
        "sqs.fifo.no-delay-of-its-own",
        Recorded("test_fifo_queue_send_message_with_delay_seconds_fails"),
        "A message for a FIFO queue may have no delay of its own.",
        run!(no_delay_of_its_own),
    ),
    Case::new(
        "sqs.fifo.zero-delay-is-the-queues",
        Recorded("test_fifo_queue_send_message_with_zero_delay_defaults_to_queue_delay"),
        "A delay of zero is accepted, and the queue's applies.",
        run!(zero_delay_is_the_queues),
    ),
    Case::new(
        "sqs.fifo.dedup-within-five-minutes",
        Guide("using-messagededuplicationid-property"),
        "A second send with the same deduplication id is accepted with the id and number of the first, and not delivered.",
        run!(dedup_within_five_minutes),
    ),
    Case::new(
        "sqs.fifo.dedup-after-five-minutes",
        Guide("using-messagededuplicationid-property"),
        "After five minutes the same deduplication id makes a new message.",
        run!(dedup_after_five_minutes),
    )
    .taking(302),
    Case::new(
        "sqs.fifo.dedup-after-delete",
        Recorded("test_fifo_deduplication_arrives_once_after_delete"),
        "A deduplication id is remembered also when its message is deleted.",
        run!(dedup_after_delete),
    ),
    Case::new(
        "sqs.fifo.dedup-by-content",
        Api("SendMessage"),
        "With ContentBasedDeduplication, equal bodies are one message, whatever their attributes.",
        run!(dedup_by_content),
    ),
    Case::new(
        "sqs.fifo.dedup-id-over-content",
        Api("SendMessage"),
        "A deduplication id of one's own takes the place of that from the content.",
        run!(dedup_id_over_content),
    ),
    Case::new(
        "sqs.fifo.dedup-across-groups",
        Recorded("test_sqs_fifo_same_dedup_id_different_message_groups"),
        "A deduplication id counts for the whole queue, whatever the group.",
        run!(dedup_across_groups),
    ),
    Case::new(
        "sqs.fifo.dedup-within-groups",
        Recorded("test_sqs_fifo_message_group_scope_no_throughput_setting"),
        "With DeduplicationScope messageGroup, each group has its own deduplication ids.",
        run!(dedup_within_groups),
    ),
    Case::new(
        "sqs.fifo.dedup-in-a-batch",
        Api("SendMessageBatch"),
        "Entries of one batch with the same deduplication id are all confirmed, and delivered once.",
        run!(dedup_in_a_batch),
    ),
    Case::new(
        "sqs.fifo.batch-keeps-order",
        Guide("FIFO-queues-understanding-logic"),
        "The entries of a batch are received in its order, and their sequence numbers ascend.",
        run!(batch_keeps_order),
    ),
];

/// A send to a group without a deduplication id.
fn to_group(stand: &Stand, url: &str, group: &str, body: &str) -> SendMessageFluentBuilder {
    stand.sqs.send_message().queue_url(url).message_body(body).message_group_id(group)
}

async fn attributes_of_a_message(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let request = to_group(stand, &url, "group-1", "message-body-1");
    let sent = request.message_deduplication_id("dedup-1").send().await?;
    let received = stand.take_one(&url).await?;
    equal("MessageId", &received.message_id, &sent.message_id)?;
    has_system(&received, "MessageGroupId", Some("group-1"))?;
    has_system(&received, "MessageDeduplicationId", Some("dedup-1"))?;
    let number = some_system(&received, "SequenceNumber")?;
    equal("SequenceNumber", &sent.sequence_number(), &Some(number))
}

async fn booleans_in_any_case(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[("ContentBasedDeduplication", "True")]).await?;
    equal(
        "the attribute",
        &stand.attribute(&url, "ContentBasedDeduplication").await?.as_deref(),
        &Some("true"),
    )?;
    stand.set(&url, &[("ContentBasedDeduplication", "FALSE")]).await?;
    stand.has(&url, &[("ContentBasedDeduplication", Some("false"))]).await
}

async fn sequence_numbers_ascend(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let mut numbers = Vec::new();
    // So many that numbers at random would hardly ascend.
    for body in 0..12 {
        let group = if body % 2 == 0 { "even" } else { "odd" };
        let sent = stand.send_to(&url, group, &body.to_string()).await?;
        numbers.push(sent.sequence_number.unwrap_or_default());
    }
    let shown = format!("{numbers:?}");
    let digits = |number: &String| number.len() == 20 && number.bytes().all(|b| b.is_ascii_digit());
    ensure(numbers.iter().all(digits), "sequence numbers of 20 digits", &*shown)?;
    // Of equal length, texts of digits are ordered as numbers are.
    ensure(numbers.is_sorted_by(|a, b| a < b), "ascending sequence numbers", shown)
}

const NO_GROUP: &str = "The request must contain the parameter MessageGroupId.";
const NO_DEDUPLICATION: &str = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";

async fn needs_a_group(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let request = stand.sqs.send_message().queue_url(&url).message_body("test");
    let answer = request.message_deduplication_id("d").send().await;
    refused_saying(answer, MISSING_PARAMETER, NO_GROUP)
}

async fn needs_a_deduplication_id(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let answer = to_group(stand, &url, "g", "test").send().await;
    refused_saying(answer, INVALID_PARAMETER, NO_DEDUPLICATION)?;
    let by_content = stand.fifo(&[("ContentBasedDeduplication", "true")]).await?;
    to_group(stand, &by_content, "g", "test").send().await?;
    Ok(())
}

async fn batch_needs_groups(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let mut entries = vec![entry("a", "one"), entry("b", "two")];
    for entry in &mut entries {
        entry.message_deduplication_id = Some(entry.id.clone());
    }
    entries[0].message_group_id = Some("g".to_owned());
    refused_saying(send(stand, &url, entries).await, INVALID_PARAMETER, NO_GROUP)?;
    stand.nothing(&url, 1).await
}

async fn batch_needs_deduplication_ids(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let mut entries = vec![entry("a", "one"), entry("b", "two")];
    for entry in &mut entries {
        entry.message_group_id = Some("g".to_owned());
    }
    entries[0].message_deduplication_id = Some("d".to_owned());
    refused_saying(send(stand, &url, entries).await, INVALID_PARAMETER, NO_DEDUPLICATION)?;
    stand.nothing(&url, 1).await
}

async fn deduplication_id_must_be_valid(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    for id in ["", &"a".repeat(129), "group 123"] {
        let message = format!(
            "Value {id} for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        );
        let request = to_group(stand, &url, "g", "x").message_deduplication_id(id);
        refused_saying(request.send().await, INVALID_PARAMETER, &message)?;
    }
    Ok(())
}

async fn no_delay_of_its_own(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[("ContentBasedDeduplication", "true")]).await?;
    refused_saying(
        to_group(stand, &url, "g", "test").delay_seconds(2).send().await,
        INVALID_PARAMETER,
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.",
    )
}

async fn zero_delay_is_the_queues(stand: &Stand) -> Verdict {
    let attributes = [("ContentBasedDeduplication", "true"), ("DelaySeconds", "4")];
    let url = stand.fifo(&attributes).await?;
    to_group(stand, &url, "g", "message-1").delay_seconds(0).send().await?;
    stand.nothing(&url, 1).await?;
    stand.take_one(&url).await?;
    Ok(())
}

async fn dedup_within_five_minutes(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let first = to_group(stand, &url, "g", "first").message_deduplication_id("d").send().await?;
    let second = to_group(stand, &url, "g", "second").message_deduplication_id("d").send().await?;
    equal("MessageId", &second.message_id, &first.message_id)?;
    equal("SequenceNumber", &second.sequence_number, &first.sequence_number)?;
    let received = stand.take_one(&url).await?;
    equal("Body", &received.body(), &Some("first"))?;
    stand.delete(&url, &received).await?;
    stand.nothing(&url, 1).await
}

async fn dedup_after_five_minutes(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let first = stand.send_to(&url, "g", "same").await?;
    let received = stand.take_one(&url).await?;
    stand.delete(&url, &received).await?;
    stand.let_pass(Duration::from_secs(301)).await;
    let second = stand.send_to(&url, "g", "same").await?;
    ensure(second.message_id != first.message_id, "a new message id", "that of the first")?;
    stand.take_one(&url).await?;
    Ok(())
}

async fn dedup_after_delete(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    stand.send_to(&url, "g", "same").await?;
    let received = stand.take_one(&url).await?;
    stand.delete(&url, &received).await?;
    stand.send_to(&url, "g", "same").await?;
    stand.nothing(&url, 1).await
}

async fn dedup_by_content(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[("ContentBasedDeduplication", "true")]).await?;
    let first = to_group(stand, &url, "g", "same").send().await?;
    let other = to_group(stand, &url, "g", "same").message_attributes("k", text("String", "v"));
    equal("MessageId", &other.send().await?.message_id, &first.message_id)?;
    to_group(stand, &url, "g", "different").send().await?;
    let received = stand.take(&url, 2).await?;
    equal("the messages", &bodies(&received), &vec!["same", "different"])
}

async fn dedup_id_over_content(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[("ContentBasedDeduplication", "true")]).await?;
    for id in ["one", "two"] {
        to_group(stand, &url, "g", "same").message_deduplication_id(id).send().await?;
    }
    let received = stand.take(&url, 2).await?;
    equal("the messages", &bodies(&received), &vec!["same", "same"])
}

async fn dedup_across_groups(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    for group in ["a", "b"] {
        to_group(stand, &url, group, "Test").message_deduplication_id("d").send().await?;
    }
    has_system(&stand.take_one(&url).await?, "MessageGroupId", Some("a"))?;
    stand.nothing(&url, 1).await
}

async fn dedup_within_groups(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[("DeduplicationScope", "messageGroup")]).await?;
    for group in ["a", "b", "a"] {
        to_group(stand, &url, group, "Test").message_deduplication_id("d").send().await?;
    }
    stand.take(&url, 2).await?;
    stand.nothing(&url, 1).await
}

async fn dedup_in_a_batch(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let mut entries = vec![entry("a", "one"), entry("b", "two")];
    for entry in &mut entries {
        entry.message_group_id = Some("g".to_owned());
        entry.message_deduplication_id = Some("d".to_owned());
    }
    let sent = send(stand, &url, entries).await?;
    equal("how many succeeded:", &sent.successful.len(), &2)?;
    equal(
        "the second MessageId",
        &sent.successful.get(1).map(|entry| &entry.message_id),
        &sent.successful.first().map(|entry| &entry.message_id),
    )?;
    stand.take_one(&url).await?;
    stand.nothing(&url, 1).await
}

async fn batch_keeps_order(stand: &Stand) -> Verdict {
    let url = stand.fifo(&[]).await?;
    let order = ["c", "a", "b", "j", "d", "i", "e", "h", "f", "g"];
    let mut entries: Vec<_> = order.map(|body| entry(body, body)).into();
    for entry in &mut entries {
        entry.message_group_id = Some("g".to_owned());
        entry.message_deduplication_id = Some(entry.id.clone());
    }
    let sent = send(stand, &url, entries).await?;
    equal("how many succeeded:", &sent.successful.len(), &order.len())?;
    let received = stand.take(&url, order.len()).await?;
    equal("the messages", &bodies(&received), &order.to_vec())?;
    let numbers: Result<Vec<&str>, _> =
        received.iter().map(|message| some_system(message, "SequenceNumber")).collect();
    let numbers = numbers?;
    ensure(numbers.is_sorted_by(|a, b| a < b), "ascending sequence numbers", format!("{numbers:?}"))
}
