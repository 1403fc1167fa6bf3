//! Message groups of FIFO queues: order, what is blocked, and receipt handles.

use super::run;
use crate::case::Case;
use crate::case::Source::{Guide, Recorded};
use crate::problem::{Problem, Verdict, equal};
use crate::refusal::INVALID_PARAMETER;
use crate::refused::refused_saying;
use crate::stand::{Stand, bodies, sorted_bodies};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.fifo-group.order",
        Guide("FIFO-queues-understanding-logic"),
        "Messages of a group are received in the order in which they were sent.",
        run!(order),
    ),
    Case::new(
        "sqs.fifo-group.order-after-the-timeout",
        Recorded("test_fifo_messages_in_order_after_timeout"),
        "They are received in the same order again when their visibility timeout is over.",
        run!(order_after_the_timeout),
    ),
    Case::new(
        "sqs.fifo-group.blocked-while-in-flight",
        Recorded("test_fifo_receive_message_visibility_timeout_shared_in_group"),
        "While messages of a group are in flight, later ones of it wait, and other groups do not.",
        run!(blocked_while_in_flight),
    ),
    Case::new(
        "sqs.fifo-group.blocked-after-a-partial-delete",
        Recorded("test_fifo_message_group_visibility_after_partial_delete"),
        "A group stays blocked when only some of what is in flight is deleted.",
        run!(blocked_after_a_partial_delete),
    ),
    Case::new(
        "sqs.fifo-group.free-after-delete",
        Recorded("test_fifo_message_group_visibility_after_delete"),
        "When all that is in flight is deleted, the next ones can be received.",
        run!(free_after_delete),
    ),
    Case::new(
        "sqs.fifo-group.sent-while-in-flight",
        Recorded("test_fifo_message_group_visibility"),
        "A message that is sent while its group is blocked is received when the group is free, and wakes a long poll.",
        run!(sent_while_in_flight),
    ),
    Case::new(
        "sqs.fifo-group.visible-before-one-in-flight",
        Recorded("test_fifo_message_group_visibility_after_terminate_visibility_timeout"),
        "A message that is visible again is received although a later one of its group is in flight.",
        run!(visible_before_one_in_flight),
    ),
    Case::new(
        "sqs.fifo-group.first-held-longer",
        Recorded("test_fifo_group_visibility_extends_with_change_message_visibility[0]"),
        "When the first message of a group is held longer, none of it can be received.",
        run!(first_held_longer),
    ),
    Case::new(
        "sqs.fifo-group.second-held-longer",
        Recorded("test_fifo_group_visibility_extends_with_change_message_visibility[1]"),
        "When the second of three is held longer, the first can be received, and the third cannot.",
        run!(second_held_longer),
    ),
    Case::new(
        "sqs.fifo-group.third-held-longer",
        Recorded("test_fifo_group_visibility_extends_with_change_message_visibility[2]"),
        "When the third of three is held longer, the first two can be received.",
        run!(third_held_longer),
    ),
    Case::new(
        "sqs.fifo-group.visible-at-once",
        Recorded("test_fifo_receive_message_with_zero_visibility_timeout"),
        "A receive with a timeout of zero leaves the group free.",
        run!(visible_at_once),
    ),
    Case::new(
        "sqs.fifo-group.emptied-and-used-again",
        Recorded("test_fifo_empty_message_groups_added_back_to_queue"),
        "A group whose messages are all deleted can be used again.",
        run!(emptied_and_used_again),
    ),
    Case::new(
        "sqs.fifo-group.expired-handle",
        Recorded("test_fifo_delete_after_visibility_timeout"),
        "After the visibility timeout a handle no longer deletes its message, and says so.",
        run!(expired_handle),
    ),
    Case::new(
        "sqs.fifo-group.extended-handle",
        Recorded("test_fifo_delete_after_visibility_timeout_extended"),
        "A handle whose timeout was made longer in time deletes its message.",
        run!(extended_handle),
    ),
];

/// A FIFO queue with messages, given as group and body.
async fn filled(
    stand: &Stand,
    visibility_timeout: &str,
    messages: &[(&str, &str)],
) -> Result<String, Problem> {
    let url = stand.fifo(&[("VisibilityTimeout", visibility_timeout)]).await?;
    for (group, body) in messages {
        stand.send_to(&url, group, body).await?;
    }
    Ok(url)
}

async fn order(stand: &Stand) -> Verdict {
    let url = filled(stand, "30", &[("g", "1"), ("g", "2"), ("g", "3"), ("g", "4")]).await?;
    equal("the messages", &bodies(&stand.take(&url, 4).await?), &vec!["1", "2", "3", "4"])
}

async fn order_after_the_timeout(stand: &Stand) -> Verdict {
    let url = filled(stand, "1", &[("g", "1"), ("g", "2"), ("g", "3")]).await?;
    for _ in 0..2 {
        equal("the messages", &bodies(&stand.take(&url, 3).await?), &vec!["1", "2", "3"])?;
    }
    Ok(())
}

async fn blocked_while_in_flight(stand: &Stand) -> Verdict {
    let messages = [("1", "1a"), ("1", "1b"), ("1", "1c"), ("2", "2a")];
    let url = filled(stand, "60", &messages).await?;
    let first = stand.take_by(2, || stand.receive(&url).max_number_of_messages(2)).await?;
    equal("the messages", &bodies(&first), &vec!["1a", "1b"])?;
    equal("the messages", &bodies(&stand.take(&url, 1).await?), &vec!["2a"])?;
    stand.nothing(&url, 1).await
}

async fn blocked_after_a_partial_delete(stand: &Stand) -> Verdict {
    let url = filled(stand, "60", &[("g", "1"), ("g", "2"), ("g", "3")]).await?;
    let first = stand.take_by(2, || stand.receive(&url).max_number_of_messages(2)).await?;
    stand.delete(&url, &first[0]).await?;
    stand.nothing(&url, 1).await
}

async fn free_after_delete(stand: &Stand) -> Verdict {
    let url = filled(stand, "60", &[("g", "1"), ("g", "2"), ("g", "3")]).await?;
    let first = stand.take_by(2, || stand.receive(&url).max_number_of_messages(2)).await?;
    for message in &first {
        stand.delete(&url, message).await?;
    }
    equal("the messages", &bodies(&stand.take(&url, 1).await?), &vec!["3"])
}

async fn sent_while_in_flight(stand: &Stand) -> Verdict {
    let url = filled(stand, "60", &[("g", "1")]).await?;
    let first = stand.take_one(&url).await?;
    stand.send_to(&url, "g", "2").await?;
    stand.nothing(&url, 1).await?;
    let (other, silent) = (stand.another(), stand.queue(&[]).await?);
    let delete = async {
        // A poll of a queue that stays empty lets a second pass, in which the other poll comes to wait.
        other.receive_message().queue_url(&silent).wait_time_seconds(1).send().await.ok();
        let request = other.delete_message().queue_url(&url);
        request.set_receipt_handle(first.receipt_handle.clone()).send().await
    };
    let poll = stand.receive(&url).wait_time_seconds(6).send();
    let (answer, deleted) = futures::future::join(poll, delete).await;
    deleted?;
    equal("the messages", &bodies(answer?.messages()), &vec!["2"])
}

async fn visible_before_one_in_flight(stand: &Stand) -> Verdict {
    let url = filled(stand, "60", &[("1", "1a"), ("1", "1b"), ("2", "2a")]).await?;
    let first = stand.take_by(2, || stand.receive(&url).max_number_of_messages(2)).await?;
    equal("the messages", &bodies(&first), &vec!["1a", "1b"])?;
    stand.hide(&url, &first[0], 0).await?;
    equal("the messages", &sorted_bodies(&stand.take(&url, 2).await?), &vec!["1a", "2a"])
}

/// Three messages of a group become visible again but for one, which is held longer.
async fn held_longer(stand: &Stand, position: usize, expected: &[&str]) -> Verdict {
    let url = filled(stand, "2", &[("1", "foo"), ("1", "bar"), ("1", "baz")]).await?;
    let silent = stand.queue(&[]).await?;
    let received = stand.take(&url, 3).await?;
    equal("the messages", &bodies(&received), &vec!["foo", "bar", "baz"])?;
    stand.hide(&url, &received[position], 30).await?;
    // A poll of a queue that stays empty lets the others' visibility timeout pass.
    stand.nothing(&silent, 3).await?;
    let answer = stand.receive(&url).wait_time_seconds(1).send().await?;
    equal("the messages", &bodies(answer.messages()), &expected.to_vec())
}

async fn first_held_longer(stand: &Stand) -> Verdict {
    held_longer(stand, 0, &[]).await
}

async fn second_held_longer(stand: &Stand) -> Verdict {
    held_longer(stand, 1, &["foo"]).await
}

async fn third_held_longer(stand: &Stand) -> Verdict {
    held_longer(stand, 2, &["foo", "bar"]).await
}

async fn visible_at_once(stand: &Stand) -> Verdict {
    let url = filled(stand, "60", &[("g", "1"), ("g", "2")]).await?;
    let peeked = stand.take_by(2, || stand.receive(&url).visibility_timeout(0)).await?;
    equal("the messages", &bodies(&peeked), &vec!["1", "2"])?;
    equal("the messages", &bodies(&stand.take(&url, 2).await?), &vec!["1", "2"])
}

async fn emptied_and_used_again(stand: &Stand) -> Verdict {
    let url = filled(stand, "60", &[("g", "message-1")]).await?;
    let first = stand.take_one(&url).await?;
    stand.delete(&url, &first).await?;
    stand.nothing(&url, 1).await?;
    stand.send_to(&url, "g", "message-2").await?;
    equal("the messages", &bodies(&stand.take(&url, 1).await?), &vec!["message-2"])
}

async fn expired_handle(stand: &Stand) -> Verdict {
    let url = filled(stand, "1", &[("g", "foobar")]).await?;
    let silent = stand.queue(&[]).await?;
    let received = stand.take_one(&url).await?;
    // A poll of a queue that stays empty lets the visibility timeout pass.
    stand.nothing(&silent, 2).await?;
    let handle = received.receipt_handle.unwrap_or_default();
    let message = format!(
        "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    );
    let answer = stand.sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await;
    refused_saying(answer, INVALID_PARAMETER, &message)
}

async fn extended_handle(stand: &Stand) -> Verdict {
    let url = filled(stand, "2", &[("g", "foobar")]).await?;
    let silent = stand.queue(&[]).await?;
    let received = stand.take_one(&url).await?;
    stand.hide(&url, &received, 30).await?;
    stand.nothing(&silent, 3).await?;
    stand.delete(&url, &received).await
}
