//! Event source mappings at work: receive a batch, invoke the function, delete what succeeded.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching>.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use tokio::task::JoinSet;
use verifier_core::event_source_mapping::{judge_batch, sqs_event};
use verifier_core::sqs::{ReceiveMessage, ReceivedMessage, SqsError};
use verifier_core::time::Timestamp;

use super::Functions;
use crate::clock::{Busy, Clock, Signal};
use crate::services::sqs::SqsService;
use crate::stack::MappingSpec;

/// How many batches a mapping works on at a time unless it says otherwise: with how many pollers Lambda starts.
const CONCURRENT_BATCHES: u32 = 5;

/// What a mapping works with.
struct Mapping {
    spec: MappingSpec,
    region: String,
    clock: Clock,
    sqs: Arc<SqsService>,
    functions: Arc<Functions>,
    slots: Slots,
}

/// How many batches are being worked on.
struct Slots {
    taken: AtomicU32,
    limit: u32,
    freed: Signal,
}

/// Runs a mapping until the task is aborted.
pub(crate) async fn run_mapping(
    spec: MappingSpec,
    region: String,
    clock: Clock,
    sqs: Arc<SqsService>,
    functions: Arc<Functions>,
) {
    let limit = spec.maximum_concurrency.unwrap_or(CONCURRENT_BATCHES);
    let slots = Slots { taken: AtomicU32::new(0), limit, freed: Signal::default() };
    let mut busy = clock.busy();
    let mapping = Arc::new(Mapping { spec, region, clock, sqs, functions, slots });
    // Aborting this task drops the set, which aborts the batches in hand.
    let mut batches = JoinSet::new();
    loop {
        while batches.try_join_next().is_some() {}
        busy = mapping.wait_for_slot(busy).await;
        let gathered = mapping.gather(busy).await;
        let (still_busy, batch) = match gathered {
            Ok(gathered) => gathered,
            Err(error) => {
                tracing::warn!(mapping = mapping.spec.uuid, "stopped polling: {error}");
                return;
            }
        };
        busy = still_busy;
        mapping.slots.taken.fetch_add(1, Ordering::SeqCst);
        let in_hand = mapping.clock.busy();
        let worker = mapping.clone();
        batches.spawn(async move {
            worker.work_off(&in_hand, batch).await;
            worker.slots.taken.fetch_sub(1, Ordering::SeqCst);
            worker.slots.freed.notify(&worker.clock);
        });
    }
}

impl Mapping {
    async fn wait_for_slot(&self, mut busy: Busy) -> Busy {
        loop {
            let seen = self.slots.freed.seen();
            if self.slots.taken.load(Ordering::SeqCst) < self.slots.limit {
                return busy;
            }
            (busy, _) = self.clock.park(busy, None, Some((&self.slots.freed, seen))).await;
        }
    }

    /// Receives the first messages, then more of them until the batch is full or its window has passed.
    async fn gather(&self, busy: Busy) -> Result<(Busy, Vec<ReceivedMessage>), SqsError> {
        let request = |missing: usize| ReceiveMessage {
            max_number_of_messages: u32::try_from(missing.min(10)).ok(),
            visibility_timeout_seconds: None,
        };
        let size = self.spec.batch_size as usize;
        let (mut busy, first) = self.sqs.receive_some(busy, &self.spec.queue, request(size)).await;
        let mut batch = first?;
        let window = Duration::from_secs(self.spec.maximum_batching_window_seconds.into());
        let closes_at = self.clock.now() + window;
        while batch.len() < size && !window.is_zero() {
            let left = left_until(closes_at, self.clock.now());
            let missing = request(size - batch.len());
            let (still_busy, more) =
                self.sqs.receive(busy, None, &self.spec.queue, missing, left).await;
            busy = still_busy;
            let more = more?;
            if more.is_empty() {
                break;
            }
            batch.extend(more);
        }
        Ok((busy, batch))
    }

    async fn work_off(&self, busy: &Busy, batch: Vec<ReceivedMessage>) {
        let event = sqs_event(&batch, &self.spec.event_source_arn, &self.region);
        let payload = Bytes::from(event.to_string());
        let invoked = self.functions.invoke(busy, &self.spec.function, payload).await;
        let ids: BTreeSet<&str> =
            batch.iter().map(|received| received.message.message_id.as_str()).collect();
        let verdict = judge_batch(&invoked.outcome, &ids, self.spec.report_batch_item_failures);
        tracing::debug!(request_id = invoked.request_id, messages = batch.len(), ?verdict, "batch");
        for received in &batch {
            if verdict.deletes(&received.message.message_id) {
                let handle = &received.receipt_handle;
                // The queue may have been deleted meanwhile; then so are its messages.
                let _ = self.sqs.perform(|model, now| model.delete(&self.spec.queue, handle, now));
            }
        }
    }
}

fn left_until(then: Timestamp, now: Timestamp) -> Duration {
    then.since(now)
}
