//! Sending messages to a queue, and what became of each.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::iter;
use verifier_aws::Sent;
use verifier_core::check::QueueEvidence;
use verifier_core::dead_letters::{DeadLetter, Resend, batches};

use super::DlqTarget;
use crate::shell::interrupt::Interrupt;

/// How many batches are sent at once, where their order does not matter.
const AT_ONCE: usize = 8;
/// How often what SQS refuses for now is sent again.
const RETRIES: u32 = 5;
/// How long to wait before the first time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What became of messages that were to be sent.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    /// The ids of those that were sent, with those of their copies.
    pub(crate) sent: Vec<(String, String)>,
    /// The ids of those of them whose trace header SQS did not say to have.
    pub(crate) trace_lost: Vec<String>,
    /// The ids of those that were not, each with the reason.
    pub(crate) not_sent: Vec<(String, String)>,
    /// The ids of those that may have been sent or not, each with the reason.
    pub(crate) unknown: Vec<(String, String)>,
    /// How often each operation of AWS was called.
    pub(crate) calls: BTreeMap<String, u32>,
}

impl Delivered {
    fn take(&mut self, from: &str, sent: &Sent) {
        let from = from.to_owned();
        match sent {
            Sent::Confirmed { message_id, trace_lost } => {
                if *trace_lost {
                    self.trace_lost.push(from.clone());
                }
                self.sent.push((from, message_id.clone()));
            }
            Sent::Refused { why, .. } => self.not_sent.push((from, why.clone())),
            Sent::Unknown { why } => self.unknown.push((from, why.clone())),
        }
    }

    /// Whether every message was sent.
    pub(crate) fn is_complete(&self) -> bool {
        self.not_sent.is_empty() && self.unknown.is_empty()
    }
}

/// Sending messages in their order, a portion at a time. On a FIFO queue nothing is sent after a message that was not: it
/// would overtake. An interrupt ends it after the batches in hand.
pub(crate) struct Delivery<'a> {
    place: &'a DlqTarget,
    to: &'a QueueEvidence,
    interrupt: &'a Interrupt,
    /// A deduplication id of an earlier import would make SQS drop the message and say that it was sent.
    occasion: String,
    /// Why nothing more is sent.
    stopped: Cell<Option<&'static str>>,
    delivered: Delivered,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(
        place: &'a DlqTarget,
        to: &'a QueueEvidence,
        interrupt: &'a Interrupt,
    ) -> Self {
        let occasion = format!("import {:032x}", fastrand::u128(..));
        let (stopped, delivered) = (Cell::new(None), Delivered::default());
        Self { place, to, interrupt, occasion, stopped, delivered }
    }

    /// Leaves a message out, and says why.
    pub(crate) fn leave(&mut self, id: String, why: String) {
        self.delivered.not_sent.push((id, why));
    }

    /// Sends a portion.
    pub(crate) async fn send(&mut self, messages: &[DeadLetter]) {
        let is_fifo = self.to.is_fifo();
        let sizes: Vec<usize> = messages.iter().map(DeadLetter::size_bytes).collect();
        // Requests in flight are waited for whatever happens: only they know what they have sent.
        let this = &*self;
        let requests =
            iter(batches(&sizes, this.to.message_bytes_max())).map(async |batch: Range<usize>| {
                let interrupted = this.interrupt.is_asked().then_some("it was interrupted");
                if let Some(why) = this.stopped.get().or(interrupted) {
                    let left = Sent::Refused { why: why.to_owned(), may_be_retried: true };
                    return (batch.clone(), vec![left; batch.len()]);
                }
                let messages = messages[batch.clone()].iter();
                let resends: Vec<Resend> =
                    messages.map(|message| message.resend(&this.occasion, is_fifo)).collect();
                let sent = send(this.place, this.to, &resends).await;
                if is_fifo && !sent.iter().all(|sent| matches!(sent, Sent::Confirmed { .. })) {
                    this.stopped.set(Some("a message before it was not sent"));
                }
                (batch, sent)
            });
        let requests = requests.buffered(if is_fifo { 1 } else { AT_ONCE });
        let answered: Vec<(Range<usize>, Vec<Sent>)> = requests.collect().await;
        for (batch, sent) in answered {
            for (message, sent) in messages[batch].iter().zip(&sent) {
                self.delivered.take(&message.message_id, sent);
            }
        }
    }

    /// What became of all of them.
    pub(crate) fn end(mut self) -> Delivered {
        self.delivered.calls = self.place.aws.calls().counts();
        self.delivered
    }
}

/// Sends a batch, and once more what SQS refused for now.
async fn send(place: &DlqTarget, to: &QueueEvidence, batch: &[Resend]) -> Vec<Sent> {
    let mut sent = place.aws.resend(to, batch).await;
    let mut pause = FIRST_PAUSE;
    for _ in 0..RETRIES {
        let again: Vec<usize> = (0..batch.len())
            .filter(|index| matches!(sent[*index], Sent::Refused { may_be_retried: true, .. }))
            .collect();
        if again.is_empty() {
            break;
        }
        place.clock.sleep(pause).await;
        pause *= 2;
        let resends: Vec<Resend> = again.iter().map(|index| batch[*index].clone()).collect();
        for (index, new) in again.into_iter().zip(place.aws.resend(to, &resends).await) {
            sent[index] = new;
        }
    }
    sent
}
