//! Queues as a whole: creating, finding, listing, tagging, purging and deleting them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Recorded};
use crate::problem::{Problem, Verdict, ensure, equal};
use crate::refusal::{
    INVALID_ATTRIBUTE_NAME, INVALID_PARAMETER, NO_QUEUE, PURGE_IN_PROGRESS, QUEUE_EXISTS,
};
use crate::refused::{refused, refused_saying};
use crate::stand::Stand;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.create-queue.url-ends-with-the-name",
        Api("CreateQueue"),
        "The URL of a queue ends with the account and the queue's name.",
        run!(url_ends_with_the_name),
    ),
    Case::new(
        "sqs.create-queue.again-without-attributes",
        Api("CreateQueue"),
        "Creating a queue again, naming no attributes, returns its URL.",
        run!(again_without_attributes),
    ),
    Case::new(
        "sqs.create-queue.again-with-equal-attributes",
        Api("CreateQueue"),
        "Creating a queue again with the same attributes returns its URL.",
        run!(again_with_equal_attributes),
    ),
    Case::new(
        "sqs.create-queue.again-with-another-attribute",
        Recorded("test_create_queue_with_different_attributes_raises_exception"),
        "Creating a queue again with another value is refused as QueueNameExists, naming the attribute.",
        run!(again_with_another_attribute),
    ),
    Case::new(
        "sqs.create-queue.again-after-a-change",
        Recorded("test_create_queue_with_different_attributes_raises_exception"),
        "What a queue is created again with is compared with its present attributes.",
        run!(again_after_a_change),
    ),
    Case::new(
        "sqs.create-queue.fifo-again-with-another-attribute",
        Recorded("test_create_fifo_queue_with_different_attributes_raises_error"),
        "Creating a FIFO queue again with another deduplication is refused, naming the attribute.",
        run!(fifo_again_with_another_attribute),
    ),
    Case::new(
        "sqs.create-queue.name-of-80-characters",
        Api("CreateQueue"),
        "A name may have 80 characters, letters, digits, hyphens and underscores.",
        run!(name_of_80_characters),
    ),
    Case::new(
        "sqs.create-queue.name-of-81-characters",
        Api("CreateQueue"),
        "A name of 81 characters is refused.",
        run!(name_of_81_characters),
    ),
    Case::new(
        "sqs.create-queue.name-with-other-characters",
        Api("CreateQueue"),
        "A name with a space, a slash or a period is refused.",
        run!(name_with_other_characters),
    ),
    Case::new(
        "sqs.create-queue.fifo-name-needs-the-suffix",
        Api("CreateQueue"),
        "The name of a FIFO queue has to end with .fifo.",
        run!(fifo_name_needs_the_suffix),
    ),
    Case::new(
        "sqs.create-queue.suffix-needs-the-attribute",
        Api("CreateQueue"),
        "A name that ends with .fifo is refused unless FifoQueue is true.",
        run!(suffix_needs_the_attribute),
    ),
    Case::new(
        "sqs.create-queue.unknown-attribute",
        Api("CreateQueue"),
        "An attribute that SQS does not know is refused as InvalidAttributeName.",
        run!(unknown_attribute),
    ),
    Case::new(
        "sqs.create-queue.fifo-queue-false",
        Recorded("test_create_standard_queue_with_fifo_attribute_raises_error"),
        "FifoQueue may be true or absent: a standard queue does not know the attribute.",
        run!(fifo_queue_false),
    ),
    Case::new(
        "sqs.create-queue.deduplication-on-a-standard-queue",
        Recorded("test_create_standard_queue_with_fifo_attribute_raises_error"),
        "A standard queue does not know ContentBasedDeduplication.",
        run!(deduplication_on_a_standard_queue),
    ),
    Case::new(
        "sqs.create-queue.scope-on-a-standard-queue",
        Recorded("test_create_standard_queue_with_fifo_attribute_raises_error"),
        "DeduplicationScope is refused on a standard queue, in words of its own.",
        run!(scope_on_a_standard_queue),
    ),
    Case::new(
        "sqs.create-queue.throughput-limit-on-a-standard-queue",
        Recorded("test_create_standard_queue_with_fifo_attribute_raises_error"),
        "FifoThroughputLimit is refused on a standard queue, in words of its own.",
        run!(throughput_limit_on_a_standard_queue),
    ),
    Case::new(
        "sqs.get-queue-url.finds-by-name",
        Api("GetQueueUrl"),
        "GetQueueUrl returns the URL that CreateQueue returned.",
        run!(url_by_name),
    ),
    Case::new(
        "sqs.get-queue-url.missing",
        Recorded("test_non_existent_queue"),
        "The URL of a queue that is not there is refused as QueueDoesNotExist.",
        run!(url_of_a_missing_queue),
    ),
    Case::new(
        "sqs.queue-url.missing",
        Recorded("test_non_existent_queue"),
        "Operations on a URL without a queue are refused as QueueDoesNotExist.",
        run!(operations_on_a_missing_queue),
    ),
    Case::new(
        "sqs.list-queues.by-prefix",
        Api("ListQueues"),
        "ListQueues with a prefix lists the queues whose names begin with it, and no others.",
        run!(list_by_prefix),
    ),
    Case::new(
        "sqs.list-queues.by-pages",
        Api("ListQueues"),
        "With MaxResults, NextToken leads from page to page, and each queue is listed once.",
        run!(list_by_pages),
    ),
    Case::new(
        "sqs.list-queues.none",
        Api("ListQueues"),
        "A prefix that no queue has gives no URLs and no token.",
        run!(list_none),
    ),
    Case::new(
        "sqs.tags.given-at-creation",
        Api("CreateQueue"),
        "Tags that are given to CreateQueue are listed.",
        run!(tags_given_at_creation),
    ),
    Case::new(
        "sqs.tags.added-replaced-removed",
        Recorded("test_tag_untag_queue"),
        "TagQueue adds and replaces tags, UntagQueue removes them, and a tag's value may be empty.",
        run!(tags_added_replaced_removed),
    ),
    Case::new(
        "sqs.tags.none-left",
        Recorded("test_tag_untag_queue"),
        "When the last tag is removed, the answer has no tags at all.",
        run!(tags_none_left),
    ),
    Case::new(
        "sqs.purge-queue.removes-all-messages",
        Api("PurgeQueue"),
        "A purge removes the messages that can be received and those in flight.",
        run!(purge_removes_all_messages),
    ),
    Case::new(
        "sqs.purge-queue.twice-within-a-minute",
        Recorded("test_successive_purge_calls_fail"),
        "A second purge within 60 seconds is refused with status 403, naming the queue.",
        run!(purge_twice_within_a_minute),
    ),
    Case::new(
        "sqs.purge-queue.again-after-a-minute",
        Api("PurgeQueue"),
        "After 60 seconds a queue can be purged again.",
        run!(purge_again_after_a_minute),
    )
    .taking(62),
    Case::new(
        "sqs.delete-queue.is-gone",
        Api("DeleteQueue"),
        "A deleted queue is not found any more.",
        run!(deleted_is_gone),
    )
    .taking(61),
];

async fn url_ends_with_the_name(stand: &Stand) -> Verdict {
    let name = stand.name();
    let url = stand.create(&name, &[]).await?;
    let arn = stand.arn(&url).await?;
    let account = arn.split(':').nth(4).unwrap_or_default();
    ensure(url.ends_with(&format!("/{account}/{name}")), format!("…/{account}/{name}"), &*url)?;
    ensure(arn.ends_with(&format!(":{account}:{name}")), format!("…:{account}:{name}"), &*arn)
}

async fn again_without_attributes(stand: &Stand) -> Verdict {
    let name = stand.name();
    let first = stand.create(&name, &[("VisibilityTimeout", "7")]).await?;
    let second = stand.create(&name, &[]).await?;
    equal("the URL", &second, &first)?;
    stand.has(&first, &[("VisibilityTimeout", Some("7"))]).await
}

async fn again_with_equal_attributes(stand: &Stand) -> Verdict {
    let name = stand.name();
    let attributes = [("VisibilityTimeout", "7"), ("DelaySeconds", "3")];
    let first = stand.create(&name, &attributes).await?;
    let second = stand.create(&name, &attributes).await?;
    equal("the URL", &second, &first)
}

async fn again_with_another_attribute(stand: &Stand) -> Verdict {
    let name = stand.name();
    stand.create(&name, &[("DelaySeconds", "1")]).await?;
    refused_saying(
        stand.create(&name, &[("DelaySeconds", "2")]).await,
        QUEUE_EXISTS,
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
    )
}

async fn again_after_a_change(stand: &Stand) -> Verdict {
    let name = stand.name();
    let url = stand.create(&name, &[("DelaySeconds", "1")]).await?;
    stand.set(&url, &[("DelaySeconds", "2")]).await?;
    stand.has(&url, &[("DelaySeconds", Some("2"))]).await?;
    let again = stand.create(&name, &[("DelaySeconds", "2")]).await?;
    equal("the URL", &again, &url)?;
    refused(stand.create(&name, &[("DelaySeconds", "1")]).await, QUEUE_EXISTS)
}

async fn fifo_again_with_another_attribute(stand: &Stand) -> Verdict {
    let name = format!("{}.fifo", stand.name());
    let with = |value| [("FifoQueue", "true"), ("ContentBasedDeduplication", value)];
    stand.create(&name, &with("true")).await?;
    refused_saying(
        stand.create(&name, &with("false")).await,
        QUEUE_EXISTS,
        "A queue already exists with the same name and a different value for attribute ContentBasedDeduplication",
    )
}

async fn name_of_80_characters(stand: &Stand) -> Verdict {
    let name = format!("{:_<79}Z", stand.name());
    let url = stand.create(&name, &[]).await?;
    ensure(url.ends_with(&name), format!("…/{name}"), &*url)
}

async fn name_of_81_characters(stand: &Stand) -> Verdict {
    refused(stand.create(&format!("{:x<81}", stand.name()), &[]).await, INVALID_PARAMETER)
}

async fn name_with_other_characters(stand: &Stand) -> Verdict {
    for other in [' ', '/', '.', 'é'] {
        let name = format!("{}{other}x", stand.name());
        refused(stand.create(&name, &[]).await, INVALID_PARAMETER)?;
    }
    Ok(())
}

async fn fifo_name_needs_the_suffix(stand: &Stand) -> Verdict {
    refused(stand.try_queue(&[("FifoQueue", "true")]).await, INVALID_PARAMETER)
}

async fn suffix_needs_the_attribute(stand: &Stand) -> Verdict {
    refused(stand.create(&format!("{}.fifo", stand.name()), &[]).await, INVALID_PARAMETER)
}

async fn unknown_attribute(stand: &Stand) -> Verdict {
    let answer = stand.try_queue(&[("NoSuchAttribute", "1")]).await;
    refused_saying(answer, INVALID_ATTRIBUTE_NAME, "Unknown Attribute NoSuchAttribute.")
}

async fn fifo_queue_false(stand: &Stand) -> Verdict {
    let answer = stand.try_queue(&[("FifoQueue", "false")]).await;
    refused_saying(answer, INVALID_ATTRIBUTE_NAME, "Unknown Attribute FifoQueue.")
}

async fn deduplication_on_a_standard_queue(stand: &Stand) -> Verdict {
    let answer = stand.try_queue(&[("ContentBasedDeduplication", "false")]).await;
    refused_saying(answer, INVALID_ATTRIBUTE_NAME, "Unknown Attribute ContentBasedDeduplication.")
}

async fn scope_on_a_standard_queue(stand: &Stand) -> Verdict {
    refused_saying(
        stand.try_queue(&[("DeduplicationScope", "queue")]).await,
        INVALID_ATTRIBUTE_NAME,
        "You can specify the DeduplicationScope only when FifoQueue is set to true.",
    )
}

async fn throughput_limit_on_a_standard_queue(stand: &Stand) -> Verdict {
    refused_saying(
        stand.try_queue(&[("FifoThroughputLimit", "perQueue")]).await,
        INVALID_ATTRIBUTE_NAME,
        "You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
    )
}

async fn url_by_name(stand: &Stand) -> Verdict {
    let name = stand.name();
    let url = stand.create(&name, &[]).await?;
    let found = stand.sqs.get_queue_url().queue_name(&name).send().await?;
    equal("the URL", &found.queue_url.unwrap_or_default(), &url)
}

async fn url_of_a_missing_queue(stand: &Stand) -> Verdict {
    let answer = stand.sqs.get_queue_url().queue_name(stand.name()).send().await;
    refused_saying(answer, NO_QUEUE, "The specified queue does not exist.")
}

async fn operations_on_a_missing_queue(stand: &Stand) -> Verdict {
    // The URL of a queue of the same account, with another name.
    let name = stand.name();
    let url = stand.create(&name, &[]).await?.replace(&name, &stand.name());
    let sent = stand.sqs.send_message().queue_url(&url).message_body("x").send().await;
    refused_saying(sent, NO_QUEUE, "The specified queue does not exist.")?;
    refused(stand.sqs.receive_message().queue_url(&url).send().await, NO_QUEUE)?;
    refused(stand.sqs.get_queue_attributes().queue_url(&url).send().await, NO_QUEUE)?;
    refused(stand.sqs.purge_queue().queue_url(&url).send().await, NO_QUEUE)
}

/// Queues whose names share a prefix, and that prefix.
async fn several(stand: &Stand, count: usize) -> Result<(Vec<String>, String), Problem> {
    let prefix = format!("{}-listed-", stand.name());
    let mut urls = Vec::new();
    for number in 0..count {
        urls.push(stand.create(&format!("{prefix}{number}"), &[]).await?);
    }
    Ok((urls, prefix))
}

async fn list_by_prefix(stand: &Stand) -> Verdict {
    let (urls, prefix) = several(stand, 3).await?;
    stand.queue(&[]).await?;
    stand
        .eventually(async || {
            let listed = stand.sqs.list_queues().queue_name_prefix(&prefix).send().await?;
            let mut found = listed.queue_urls.unwrap_or_default();
            found.sort_unstable();
            equal("the queues", &found, &urls)?;
            equal("NextToken", &listed.next_token, &None)
        })
        .await
}

async fn list_by_pages(stand: &Stand) -> Verdict {
    let (urls, prefix) = several(stand, 5).await?;
    stand
        .eventually(async || {
            let (mut found, mut token, mut pages) = (Vec::new(), None, 0);
            loop {
                let request = stand.sqs.list_queues().queue_name_prefix(&prefix).max_results(2);
                let page = request.set_next_token(token).send().await?;
                let listed = page.queue_urls.unwrap_or_default();
                ensure(listed.len() <= 2, "at most 2 queues in a page", listed.len().to_string())?;
                found.extend(listed);
                pages += 1;
                token = page.next_token;
                if token.is_none() || pages > 5 {
                    break;
                }
            }
            found.sort_unstable();
            equal("the queues", &found, &urls)
        })
        .await
}

async fn list_none(stand: &Stand) -> Verdict {
    let listed = stand.sqs.list_queues().queue_name_prefix(stand.name()).send().await?;
    equal("the queues", &listed.queue_urls.unwrap_or_default(), &Vec::new())?;
    equal("NextToken", &listed.next_token, &None)
}

async fn tags_of(stand: &Stand, url: &str) -> Result<Option<BTreeMap<String, String>>, Problem> {
    let listed = stand.sqs.list_queue_tags().queue_url(url).send().await?;
    Ok(listed.tags.map(|tags| tags.into_iter().collect()))
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn tags_given_at_creation(stand: &Stand) -> Verdict {
    let name = stand.name();
    let request = stand.sqs.create_queue().queue_name(&name);
    let request = request.set_tags(Some(HashMap::from([("team".to_owned(), "blue".to_owned())])));
    request.send().await?;
    // Creating it again hands its URL over to the cleaning up.
    let url = stand.create(&name, &[]).await?;
    equal("the tags", &tags_of(stand, &url).await?, &Some(tags(&[("team", "blue")])))
}

async fn tags_added_replaced_removed(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let tag = stand.sqs.tag_queue().queue_url(&url);
    tag.tags("tag1", "value1").tags("tag2", "value2").tags("tag3", "").send().await?;
    let first = tags(&[("tag1", "value1"), ("tag2", "value2"), ("tag3", "")]);
    equal("the tags", &tags_of(stand, &url).await?, &Some(first))?;
    stand.sqs.tag_queue().queue_url(&url).tags("tag2", "other").send().await?;
    let untag = stand.sqs.untag_queue().queue_url(&url);
    untag.tag_keys("tag1").tag_keys("tag3").tag_keys("no-such-tag").send().await?;
    equal("the tags", &tags_of(stand, &url).await?, &Some(tags(&[("tag2", "other")])))
}

async fn tags_none_left(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    stand.sqs.tag_queue().queue_url(&url).tags("tag", "value").send().await?;
    stand.sqs.untag_queue().queue_url(&url).tag_keys("tag").send().await?;
    equal("the tags", &tags_of(stand, &url).await?, &None)
}

async fn purge_removes_all_messages(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "1")]).await?;
    for body in ["one", "two"] {
        stand.send(&url, body).await?;
    }
    stand.take_by(1, || stand.receive(&url).max_number_of_messages(1)).await?;
    stand.sqs.purge_queue().queue_url(&url).send().await?;
    stand.nothing(&url, 3).await
}

async fn purge_twice_within_a_minute(stand: &Stand) -> Verdict {
    let name = stand.name();
    let url = stand.create(&name, &[]).await?;
    stand.sqs.purge_queue().queue_url(&url).send().await?;
    let message = format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds.");
    let again = stand.sqs.purge_queue().queue_url(&url).send().await;
    refused_saying(again, PURGE_IN_PROGRESS, &message)
}

async fn purge_again_after_a_minute(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    stand.sqs.purge_queue().queue_url(&url).send().await?;
    stand.let_pass(Duration::from_secs(61)).await;
    stand.send(&url, "later").await?;
    stand.sqs.purge_queue().queue_url(&url).send().await?;
    stand.nothing(&url, 1).await
}

async fn deleted_is_gone(stand: &Stand) -> Verdict {
    let name = stand.name();
    let url = stand.create(&name, &[]).await?;
    stand.sqs.delete_queue().queue_url(&url).send().await?;
    stand
        .eventually(async || {
            refused(stand.sqs.get_queue_url().queue_name(&name).send().await, NO_QUEUE)
        })
        .await
}
