//! Batches: what is refused as a whole, and what fails alone.

use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    SendMessageBatchRequestEntry,
};

use super::message_attributes::text;
use super::run;
use super::sending::md5;
use crate::case::Case;
use crate::case::Source::{Api, Recorded};
use crate::problem::{Problem, Verdict, ensure, equal};
use crate::refusal::{
    BAD_BATCH_ID, BATCH_TOO_LONG, EMPTY_BATCH, IDS_NOT_DISTINCT, TOO_MANY_ENTRIES,
};
use crate::refused::{refused, refused_saying};
use crate::stand::{Stand, sorted_bodies};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.send-batch.each-entry-is-confirmed",
        Api("SendMessageBatch"),
        "Every entry is confirmed by its id, with the MD5 of its body, and every message arrives.",
        run!(each_entry_is_confirmed),
    ),
    Case::new(
        "sqs.send-batch.attributes-and-delays",
        Api("SendMessageBatch"),
        "Every entry has attributes and a delay of its own.",
        run!(attributes_and_delays),
    ),
    Case::new(
        "sqs.send-batch.one-fails-alone",
        Recorded("test_batch_send_with_invalid_char_should_succeed"),
        "An entry with invalid characters fails alone, as the sender's fault; the others are sent.",
        run!(one_fails_alone),
    ),
    Case::new(
        "sqs.send-batch.one-too-long-fails-alone",
        Recorded("test_send_batch_message_size"),
        "An entry that is longer than the queue allows fails alone.",
        run!(one_too_long_fails_alone),
    ),
    Case::new(
        "sqs.send-batch.empty",
        Api("SendMessageBatch"),
        "A batch without entries is refused as EmptyBatchRequest.",
        run!(empty),
    ),
    Case::new(
        "sqs.send-batch.eleven-entries",
        Recorded("test_too_many_entries_in_batch_request"),
        "A batch of more than ten entries is refused, and nothing of it is sent.",
        run!(eleven_entries),
    ),
    Case::new(
        "sqs.send-batch.ids-must-differ",
        Api("SendMessageBatch"),
        "A batch with an id twice is refused, naming it.",
        run!(ids_must_differ),
    ),
    Case::new(
        "sqs.send-batch.ids-must-be-valid",
        Recorded("test_invalid_batch_id"),
        "An id that is empty, longer than 80 or of other characters makes the batch invalid.",
        run!(ids_must_be_valid),
    ),
    Case::new(
        "sqs.send-batch.a-mebibyte-together",
        Api("SendMessageBatch"),
        "All entries together may have 1,048,576 bytes.",
        run!(a_mebibyte_together),
    ),
    Case::new(
        "sqs.send-batch.too-long-together",
        Recorded("test_send_message_batch_with_oversized_contents"),
        "A batch of more than 1,048,576 bytes is refused, saying how many were sent.",
        run!(too_long_together),
    ),
    Case::new(
        "sqs.delete-batch.each-entry-is-confirmed",
        Api("DeleteMessageBatch"),
        "A batch deletes every message that it names, and confirms each by its id.",
        run!(delete_each),
    ),
    Case::new(
        "sqs.delete-batch.one-fails-alone",
        Api("DeleteMessageBatch"),
        "An entry that is no receipt handle fails alone, as the sender's fault.",
        run!(delete_one_fails_alone),
    ),
    Case::new(
        "sqs.delete-batch.refused-as-a-whole",
        Recorded("test_delete_message_batch_with_too_large_batch"),
        "A batch that is empty, too large, or has invalid or repeated ids is refused.",
        run!(delete_refused_as_a_whole),
    ),
    Case::new(
        "sqs.change-visibility-batch.each-entry-on-its-own",
        Api("ChangeMessageVisibilityBatch"),
        "Every entry has a timeout of its own, and one that is no receipt handle fails alone.",
        run!(change_each),
    ),
    Case::new(
        "sqs.change-visibility-batch.refused-as-a-whole",
        Recorded("test_change_message_visibility_batch_with_too_large_batch"),
        "A batch that is empty, too large, or has repeated ids is refused.",
        run!(change_refused_as_a_whole),
    ),
];

/// An entry to send.
pub(super) fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    let builder = SendMessageBatchRequestEntry::builder().id(id).message_body(body);
    // Only the id and the body are required, and they are given.
    builder.build().unwrap_or_else(|_| unreachable!("an entry has an id and a body"))
}

/// Sends a batch.
pub(super) async fn send(
    stand: &Stand,
    url: &str,
    entries: Vec<SendMessageBatchRequestEntry>,
) -> Result<SendMessageBatchOutput, SdkError<SendMessageBatchError>> {
    stand.sqs.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await
}

fn numbered(count: usize) -> Vec<SendMessageBatchRequestEntry> {
    (0..count).map(|number| entry(&format!("id-{number}"), &number.to_string())).collect()
}

async fn each_entry_is_confirmed(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let sent = send(stand, &url, numbered(10)).await?;
    equal("how many failed:", &sent.failed.len(), &0)?;
    let mut confirmed: Vec<(String, String)> = sent
        .successful
        .iter()
        .map(|entry| (entry.id.clone(), entry.md5_of_message_body.clone()))
        .collect();
    confirmed.sort_unstable();
    let expected: Vec<(String, String)> =
        (0..10).map(|number| (format!("id-{number}"), md5(&number.to_string()))).collect();
    equal("the confirmations", &confirmed, &expected)?;
    let received = stand.take(&url, 10).await?;
    let expected = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    equal("the messages", &sorted_bodies(&received), &expected.to_vec())?;
    let mut sent_ids: Vec<&str> = sent.successful.iter().map(|entry| &*entry.message_id).collect();
    let mut ids: Vec<&str> = received.iter().filter_map(Message::message_id).collect();
    sent_ids.sort_unstable();
    ids.sort_unstable();
    equal("the message ids", &ids, &sent_ids)
}

async fn attributes_and_delays(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let mut entries = vec![entry("now", "now"), entry("later", "later")];
    entries[0].message_attributes = Some([("Foo".to_owned(), text("String", "Bar"))].into());
    entries[1].delay_seconds = Some(2);
    let sent = send(stand, &url, entries).await?;
    let digests = sent.successful.iter().filter_map(|entry| entry.md5_of_message_attributes());
    let digests: Vec<&str> = digests.collect();
    equal("the MD5s of attributes", &digests, &vec!["ae7155c6026991b6d54b11589678bf9c"])?;
    for body in ["now", "later"] {
        equal("Body", &stand.take_one(&url).await?.body(), &Some(body))?;
    }
    Ok(())
}

/// Requires that one entry failed, as the sender's fault.
fn only_failure(answer: &SendMessageBatchOutput, id: &str, code: &str) -> Verdict {
    let failed: Vec<(&str, &str, bool)> =
        answer.failed.iter().map(|entry| (&*entry.id, &*entry.code, entry.sender_fault)).collect();
    equal("the failures", &failed, &vec![(id, code, true)])
}

async fn one_fails_alone(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let entries = vec![entry("a", "one"), entry("b", "\u{1}"), entry("c", "two")];
    let answer = send(stand, &url, entries).await?;
    only_failure(&answer, "b", "InvalidMessageContents")?;
    equal("the messages", &sorted_bodies(&stand.take(&url, 2).await?), &vec!["one", "two"])
}

async fn one_too_long_fails_alone(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("MaximumMessageSize", "1024")]).await?;
    let entries = vec![entry("a", "one"), entry("b", &"x".repeat(1025))];
    let answer = send(stand, &url, entries).await?;
    only_failure(&answer, "b", "InvalidParameterValue")?;
    let message = answer.failed.first().and_then(|entry| entry.message());
    let expected = "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.";
    equal("the message", &message, &Some(expected))?;
    equal("the messages", &sorted_bodies(&stand.take(&url, 1).await?), &vec!["one"])
}

async fn empty(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    refused_saying(
        send(stand, &url, Vec::new()).await,
        EMPTY_BATCH,
        "There should be at least one SendMessageBatchRequestEntry in the request.",
    )
}

async fn eleven_entries(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    refused_saying(
        send(stand, &url, numbered(11)).await,
        TOO_MANY_ENTRIES,
        "Maximum number of entries per request are 10. You have sent 11.",
    )?;
    stand.nothing(&url, 1).await
}

async fn ids_must_differ(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let entries = vec![entry("a", "one"), entry("b", "two"), entry("a", "three")];
    refused_saying(send(stand, &url, entries).await, IDS_NOT_DISTINCT, "Id a repeated.")
}

const BAD_ID: &str = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 messages long.";

async fn ids_must_be_valid(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    send(stand, &url, vec![entry(&"x".repeat(80), "one"), entry("A-z_0", "two")]).await?;
    for id in ["", &"x".repeat(81), "invalid:id", "é"] {
        let answer = send(stand, &url, vec![entry("good", "one"), entry(id, "two")]).await;
        refused_saying(answer, BAD_BATCH_ID, BAD_ID)?;
    }
    Ok(())
}

async fn a_mebibyte_together(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let entries = vec![entry("a", &"x".repeat(1_000_000)), entry("b", &"y".repeat(48_576))];
    let answer = send(stand, &url, entries).await?;
    equal("how many succeeded:", &answer.successful.len(), &2)
}

async fn too_long_together(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let entries = vec![entry("a", &"x".repeat(1_000_000)), entry("b", &"y".repeat(48_577))];
    refused_saying(
        send(stand, &url, entries).await,
        BATCH_TOO_LONG,
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
    )
}

fn to_delete(id: &str, receipt_handle: &str) -> DeleteMessageBatchRequestEntry {
    let builder = DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(receipt_handle);
    // Only these two are required, and they are given.
    builder.build().unwrap_or_else(|_| unreachable!("an entry has an id and a handle"))
}

fn to_change(
    id: &str,
    receipt_handle: &str,
    seconds: i32,
) -> ChangeMessageVisibilityBatchRequestEntry {
    let builder = ChangeMessageVisibilityBatchRequestEntry::builder();
    let builder = builder.id(id).receipt_handle(receipt_handle).visibility_timeout(seconds);
    // Only these two are required, and they are given.
    builder.build().unwrap_or_else(|_| unreachable!("an entry has an id and a handle"))
}

fn handle(message: &Message) -> &str {
    message.receipt_handle().unwrap_or_default()
}

async fn received(stand: &Stand, url: &str, count: usize) -> Result<Vec<Message>, Problem> {
    send(stand, url, numbered(count)).await?;
    stand.take(url, count).await
}

async fn delete_each(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "2")]).await?;
    let messages = received(stand, &url, 3).await?;
    let entries = messages.iter().enumerate();
    let entries = entries.map(|(number, message)| to_delete(&number.to_string(), handle(message)));
    let request = stand.sqs.delete_message_batch().queue_url(&url);
    let answer = request.set_entries(Some(entries.collect())).send().await?;
    let mut ids: Vec<&str> = answer.successful.iter().map(|entry| &*entry.id).collect();
    ids.sort_unstable();
    equal("the confirmations", &ids, &vec!["0", "1", "2"])?;
    stand.nothing(&url, 3).await
}

async fn delete_one_fails_alone(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "2")]).await?;
    let messages = received(stand, &url, 1).await?;
    let request = stand.sqs.delete_message_batch().queue_url(&url);
    let request = request.entries(to_delete("good", handle(&messages[0])));
    let answer = request.entries(to_delete("bad", "INVALID")).send().await?;
    let ids: Vec<&str> = answer.successful.iter().map(|entry| &*entry.id).collect();
    equal("the confirmations", &ids, &vec!["good"])?;
    let failed: Vec<(&str, &str, bool)> =
        answer.failed.iter().map(|entry| (&*entry.id, &*entry.code, entry.sender_fault)).collect();
    equal("the failures", &failed, &vec![("bad", "ReceiptHandleIsInvalid", true)])?;
    stand.nothing(&url, 3).await
}

async fn delete_refused_as_a_whole(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let delete = |ids: &[&str]| {
        let entries = ids.iter().map(|id| to_delete(id, "x")).collect();
        stand.sqs.delete_message_batch().queue_url(&url).set_entries(Some(entries)).send()
    };
    refused(delete(&[]).await, EMPTY_BATCH)?;
    let many = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let message = "Maximum number of entries per request are 10. You have sent 11.";
    refused_saying(delete(&many).await, TOO_MANY_ENTRIES, message)?;
    refused_saying(delete(&["invalid:id"]).await, BAD_BATCH_ID, BAD_ID)?;
    refused_saying(delete(&["a", "a"]).await, IDS_NOT_DISTINCT, "Id a repeated.")
}

async fn change_each(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "600")]).await?;
    let messages = received(stand, &url, 2).await?;
    let request = stand.sqs.change_message_visibility_batch().queue_url(&url);
    let request = request.entries(to_change("now", handle(&messages[0]), 0));
    let request = request.entries(to_change("later", handle(&messages[1]), 600));
    let answer = request.entries(to_change("bad", "INVALID", 0)).send().await?;
    let mut ids: Vec<&str> = answer.successful.iter().map(|entry| &*entry.id).collect();
    ids.sort_unstable();
    equal("the confirmations", &ids, &vec!["later", "now"])?;
    let failed: Vec<(&str, &str)> =
        answer.failed.iter().map(|entry| (&*entry.id, &*entry.code)).collect();
    equal("the failures", &failed, &vec![("bad", "ReceiptHandleIsInvalid")])?;
    let again = stand.take_one(&url).await?;
    let same = again.message_id == messages[0].message_id;
    ensure(same, "the message that was made visible", "the other one")
}

async fn change_refused_as_a_whole(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let change = |ids: &[&str]| {
        let entries = ids.iter().map(|id| to_change(id, "x", 0)).collect();
        let request = stand.sqs.change_message_visibility_batch().queue_url(&url);
        request.set_entries(Some(entries)).send()
    };
    refused(change(&[]).await, EMPTY_BATCH)?;
    let many = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let message = "Maximum number of entries per request are 10. You have sent 11.";
    refused_saying(change(&many).await, TOO_MANY_ENTRIES, message)?;
    refused_saying(change(&["a", "a"]).await, IDS_NOT_DISTINCT, "Id a repeated.")
}
