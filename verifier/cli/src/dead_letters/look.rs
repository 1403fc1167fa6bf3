//! Looking at every letter without losing one's place or anybody's message.

use std::collections::BTreeMap;

use verifier_aws::{AwsError, RECEIVED_MAX, Received};
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{Emptiness, Letter, ReceiveCounts};

use super::{Hold, Place, hand_back};
use crate::interrupt::Interrupt;

/// The most letters that are looked at: at most about 120,000 messages of a queue may be in flight, and a poll beyond
/// that brings nothing, as if the queue were empty.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
const LETTERS_MAX: usize = 100_000;
/// How long a poll waits, in seconds. It has to wait at all, or it looks at a part of the queue only.
const POLL_SECONDS: u32 = 1;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// The letters, those that were sent first in front.
    pub(crate) letters: Vec<Letter>,
    /// How many receives it took: each raises the receive count of the letters that it brought by one.
    pub(crate) receives: u64,
    /// How often letters had been received before, and have been since.
    pub(crate) counts: ReceiveCounts,
    /// How many letters were seen more than once.
    pub(crate) seen_again: u64,
    /// Why it may not be all; `None` when it is.
    pub(crate) cut_short: Option<String>,
    /// The letters that could not be handed back, each with the reason. They come back by themselves.
    pub(crate) not_handed_back: Vec<(String, String)>,
}

/// Looks at up to `most` letters. Each is held while the look goes on, so that none comes twice and none is missed, and
/// handed back at the end, also when it fails or is interrupted.
pub(crate) async fn look(
    place: &Place,
    most: usize,
    interrupt: &Interrupt,
) -> Result<Look, AwsError> {
    look_until(place, most, None, interrupt).await
}

/// Looks until the letter with that id is there.
pub(crate) async fn look_for(
    place: &Place,
    id: &str,
    interrupt: &Interrupt,
) -> Result<Look, AwsError> {
    look_until(place, usize::MAX, Some(id), interrupt).await
}

async fn look_until(
    place: &Place,
    most: usize,
    sought: Option<&str>,
    interrupt: &Interrupt,
) -> Result<Look, AwsError> {
    let mut handles = BTreeMap::new();
    let mut look = Look::default();
    let most = most.min(LETTERS_MAX);
    let taken = take(place, most, sought, interrupt, &mut look, &mut handles).await;
    let ids: BTreeMap<String, String> = handles
        .iter()
        .map(|(id, handle): (&String, &String)| (handle.clone(), id.clone()))
        .collect();
    let handles: Vec<String> = handles.into_values().collect();
    let failed = hand_back(&place.aws, &place.dead_letters, &handles).await;
    look.not_handed_back = failed
        .into_iter()
        .map(|(handle, why)| (ids.get(&handle).cloned().unwrap_or_default(), why))
        .collect();
    taken?;
    look.letters.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(look)
}

async fn take(
    place: &Place,
    most: usize,
    sought: Option<&str>,
    interrupt: &Interrupt,
    look: &mut Look,
    handles: &mut BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let how = Received { visibility_timeout_seconds: Hold::SECONDS, wait_seconds: POLL_SECONDS };
    let began_at = place.clock.now();
    let mut emptiness = Emptiness::default();
    while handles.len() < most {
        let receive = place.aws.receive_letters(
            &place.dead_letters,
            how,
            RECEIVED_MAX.min(most - handles.len()),
        );
        // Also after Ctrl-C: SQS has hidden letters for it whether its answer is read or not.
        let received = receive.await?;
        place.clock.has_waited().await;
        look.receives += 1;
        emptiness.polled(received.len());
        for each in received {
            let id = each.letter.message_id.clone();
            let is_first_time = handles.insert(id, each.receipt_handle).is_none();
            if let Some(count) = each.letter.receive_count {
                look.counts.take(count, is_first_time);
            }
            if is_first_time {
                look.letters.push(each.letter);
            } else {
                look.seen_again += 1;
            }
        }
        if interrupt.is_asked() {
            look.cut_short = Some("it was interrupted".to_owned());
            return Ok(());
        }
        if sought.is_some_and(|id| handles.contains_key(id)) {
            return Ok(());
        }
        if place.clock.now().since(began_at) >= Hold::TIME && look.seen_again > 0 {
            look.cut_short = Some(format!(
                "it took longer than {} s, so that letters came up again",
                Hold::SECONDS
            ));
            return Ok(());
        }
        if emptiness.is_likely() {
            let queue = place.aws.queue(&place.dead_letters.name, &place.dead_letters.url).await?;
            let visible = queue.number("ApproximateNumberOfMessages");
            if emptiness.is_certain(visible) {
                look.cut_short = unseen(&queue, visible);
                return Ok(());
            }
        }
    }
    look.cut_short = Some(format!("{most} letters were asked for"));
    Ok(())
}

/// Why there may be letters that no poll brings.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>.
fn unseen(queue: &QueueEvidence, visible: Option<u64>) -> Option<String> {
    let visible = visible.filter(|visible| *visible > 0)?;
    Some(if queue.is_fifo() {
        format!(
            "the queue counts {visible} more, and shows those of a group only when the ones before them are gone"
        )
    } else {
        format!("the queue counts {visible} more, which no poll has brought")
    })
}
