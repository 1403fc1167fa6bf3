//! Visibility timeouts and receipt handles of standard queues.

use std::cell::Cell;
use std::time::Duration;

use super::run;
use crate::case::Case;
use crate::case::Source::{Api, Guide, Recorded};
use crate::problem::{Verdict, ensure, equal};
use crate::refusal::{BAD_RECEIPT, INVALID_PARAMETER};
use crate::refused::refused;
use crate::stand::{PATIENCE_SECONDS, Stand, has_system, some_system};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sqs.visibility.hidden-and-back",
        Guide("sqs-visibility-timeout"),
        "A received message is hidden for the visibility timeout and then received again, by the same id and another handle.",
        run!(hidden_and_back),
    ),
    Case::new(
        "sqs.visibility.receives-are-counted",
        Api("ReceiveMessage"),
        "ApproximateReceiveCount grows with every receive, and the time of the first receive stays.",
        run!(receives_are_counted),
    ),
    Case::new(
        "sqs.visibility.the-receives-own-timeout",
        Api("ReceiveMessage"),
        "A receive's own timeout takes the place of the queue's.",
        run!(the_receives_own_timeout),
    ),
    Case::new(
        "sqs.visibility.extended",
        Api("ChangeMessageVisibility"),
        "A timeout can be made longer while the message is in flight, counted from now.",
        run!(extended),
    ),
    Case::new(
        "sqs.visibility.ended",
        Api("ChangeMessageVisibility"),
        "A timeout of zero makes the message visible at once.",
        run!(ended),
    ),
    Case::new(
        "sqs.visibility.change-bounds",
        Api("ChangeMessageVisibility"),
        "A timeout is changed to 0 to 43,200 seconds.",
        run!(change_bounds),
    ),
    Case::new(
        "sqs.visibility.change-needs-a-handle",
        Recorded("test_invalid_receipt_handle_should_return_error_message"),
        "Changing the timeout by something that is no receipt handle is refused as ReceiptHandleIsInvalid.",
        run!(change_needs_a_handle),
    ),
    Case::new(
        "sqs.visibility.gone-after-delete",
        Api("ChangeMessageVisibility"),
        "Changing the timeout of a deleted message is refused.",
        run!(gone_after_delete),
    ),
    Case::new(
        "sqs.delete.does-not-come-back",
        Api("DeleteMessage"),
        "A deleted message does not come back when its visibility timeout is over.",
        run!(does_not_come_back),
    ),
    Case::new(
        "sqs.delete.twice",
        Api("DeleteMessage"),
        "Deleting a deleted message again is no error.",
        run!(twice),
    ),
    Case::new(
        "sqs.delete.after-the-timeout",
        Recorded("test_delete_after_visibility_timeout"),
        "A handle still deletes its message after the visibility timeout, as long as no other consumer received it.",
        run!(after_the_timeout),
    ),
    Case::new(
        "sqs.delete.by-an-older-handle",
        Api("DeleteMessage"),
        "Deleting by a handle of an earlier receive is no error.",
        run!(by_an_older_handle),
    ),
    Case::new(
        "sqs.delete.needs-a-handle",
        Api("DeleteMessage"),
        "Deleting by something that is no receipt handle is refused as ReceiptHandleIsInvalid.",
        run!(delete_needs_a_handle),
    ),
];

async fn hidden_and_back(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "2")]).await?;
    stand.send(&url, "message").await?;
    // It is hidden from a moment between the request for it and the answer, which a busy machine holds up.
    let asked_at = Cell::new(stand.now());
    let receive = || {
        asked_at.set(stand.now());
        stand.receive(&url)
    };
    let first = stand.take_by(1, receive).await?.remove(0);
    let (asked_at, received_at) = (asked_at.get(), stand.now());
    let second = stand.take_one(&url).await?;
    let (longest, shortest) = (stand.since(asked_at), stand.since(received_at));
    ensure(
        longest > Duration::from_millis(1_500)
            && shortest < Duration::from_secs(2 + PATIENCE_SECONDS),
        "received again after 2 s",
        format!("after {:.1} to {:.1} s", shortest.as_secs_f64(), longest.as_secs_f64()),
    )?;
    equal("MessageId", &second.message_id, &first.message_id)?;
    let differ = second.receipt_handle != first.receipt_handle;
    ensure(differ, "another receipt handle", "the same")
}

async fn receives_are_counted(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "1")]).await?;
    stand.send(&url, "message").await?;
    let first = stand.take_one(&url).await?;
    let first_received = some_system(&first, "ApproximateFirstReceiveTimestamp")?;
    for count in ["2", "3"] {
        let again = stand.take_one(&url).await?;
        has_system(&again, "ApproximateReceiveCount", Some(count))?;
        has_system(&again, "ApproximateFirstReceiveTimestamp", Some(first_received))?;
    }
    Ok(())
}

async fn the_receives_own_timeout(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "600")]).await?;
    stand.send(&url, "message").await?;
    stand.take_by(1, || stand.receive(&url).visibility_timeout(1)).await?;
    stand.take_one(&url).await?;
    stand.nothing(&url, 2).await
}

async fn extended(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "2")]).await?;
    stand.send(&url, "message").await?;
    let message = stand.take_one(&url).await?;
    stand.hide(&url, &message, 5).await?;
    stand.nothing(&url, 3).await?;
    stand.take_one(&url).await?;
    Ok(())
}

async fn ended(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "600")]).await?;
    stand.send(&url, "message").await?;
    let message = stand.take_one(&url).await?;
    stand.hide(&url, &message, 0).await?;
    let again = stand.take_one(&url).await?;
    equal("MessageId", &again.message_id, &message.message_id)
}

async fn change_bounds(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    stand.send(&url, "message").await?;
    let message = stand.take_one(&url).await?;
    for seconds in [43_201, -1] {
        let request = stand.sqs.change_message_visibility().queue_url(&url);
        let request = request.set_receipt_handle(message.receipt_handle.clone());
        let answer = request.visibility_timeout(seconds).send().await;
        refused(answer, INVALID_PARAMETER)?;
    }
    Ok(())
}

async fn change_needs_a_handle(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let request = stand.sqs.change_message_visibility().queue_url(&url);
    let answer = request.receipt_handle("INVALID").visibility_timeout(60).send().await;
    refused(answer, BAD_RECEIPT)
}

async fn gone_after_delete(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    stand.send(&url, "message").await?;
    let message = stand.take_one(&url).await?;
    stand.delete(&url, &message).await?;
    let request = stand.sqs.change_message_visibility().queue_url(&url);
    let request = request.set_receipt_handle(message.receipt_handle);
    refused(request.visibility_timeout(60).send().await, INVALID_PARAMETER)
}

async fn does_not_come_back(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "1")]).await?;
    stand.send(&url, "message").await?;
    let message = stand.take_one(&url).await?;
    stand.delete(&url, &message).await?;
    stand.nothing(&url, 3).await
}

async fn twice(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    stand.send(&url, "message").await?;
    let message = stand.take_one(&url).await?;
    stand.delete(&url, &message).await?;
    stand.delete(&url, &message).await
}

async fn after_the_timeout(stand: &Stand) -> Verdict {
    let (url, silent) =
        (stand.queue(&[("VisibilityTimeout", "1")]).await?, stand.queue(&[]).await?);
    stand.send(&url, "message").await?;
    let message = stand.take_one(&url).await?;
    // A poll of a queue that stays empty lets the visibility timeout pass.
    stand.nothing(&silent, 2).await?;
    stand.delete(&url, &message).await?;
    stand.nothing(&url, 2).await
}

async fn by_an_older_handle(stand: &Stand) -> Verdict {
    let url = stand.queue(&[("VisibilityTimeout", "1")]).await?;
    stand.send(&url, "message").await?;
    let first = stand.take_one(&url).await?;
    stand.take_one(&url).await?;
    stand.delete(&url, &first).await
}

async fn delete_needs_a_handle(stand: &Stand) -> Verdict {
    let url = stand.queue(&[]).await?;
    let request = stand.sqs.delete_message().queue_url(&url).receipt_handle("INVALID");
    refused(request.send().await, BAD_RECEIPT)
}
