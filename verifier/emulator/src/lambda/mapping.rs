//! Event source mappings at work: receive a batch, invoke the function, delete what succeeded.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching>.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::task::JoinSet;
use verifier_model::event_source_mapping::{
    BatchVerdict, InvocationOutcome, MappingConfiguration, Pace, Scaling, evaluate_batch,
    sqs_event, throttle_backoff,
};
use verifier_model::faults::Caller;
use verifier_model::sqs::{ReceiveMessage, ReceivedMessage};
use verifier_model::time::Timestamp;

use super::functions::{Invocation, Invoked};
use super::mapping_context::MappingContext;
use crate::clock::{Busy, Seen, Signal};
use crate::observer::{Inside, how};

/// A mapping at work.
struct Worker {
    uuid: String,
    context: Arc<MappingContext>,
    slots: Slots,
}

/// How many batches are being worked on, and how many may be.
#[derive(Default)]
struct Slots {
    taken: AtomicU32,
    scaling: Mutex<Scaling>,
    freed: Signal,
}

/// A batch in hand.
struct Batch {
    configuration: MappingConfiguration,
    messages: Vec<ReceivedMessage>,
    /// When its first message becomes visible to others.
    visible_at: Timestamp,
}

/// Runs a mapping until it is deleted and what it has in hand is finished, or until the task is aborted.
pub(super) async fn run_mapping(mut busy: Busy, uuid: String, context: Arc<MappingContext>) {
    let worker = Arc::new(Worker { uuid, context, slots: Slots::default() });
    // Aborting this task drops the set, which aborts the batches in hand.
    let mut batches = JoinSet::new();
    loop {
        while batches.try_join_next().is_some() {}
        let Some((still_busy, batch)) = worker.next_batch(busy).await else {
            break;
        };
        busy = still_busy;
        worker.slots.taken.fetch_add(1, Ordering::SeqCst);
        let clock = &worker.context.clock;
        let worker = worker.clone();
        clock.spawn(&mut batches, async move |in_hand| {
            let _in_hand = worker.work_off(in_hand, batch).await;
            worker.slots.taken.fetch_sub(1, Ordering::SeqCst);
            worker.slots.freed.notify(&worker.context.clock);
        });
    }
    while batches.join_next().await.is_some() {}
}

impl Worker {
    /// The next batch, as soon as the mapping polls, has a free slot and finds messages; `None` if it is deleted.
    async fn next_batch(&self, mut busy: Busy) -> Option<(Busy, Batch)> {
        let MappingContext { clock, changed, .. } = &*self.context;
        loop {
            let (seen, freed) = (changed.seen(), self.slots.freed.seen());
            let mapping = self.context.find(&self.uuid)?;
            let now = clock.now();
            let limit = self.slots.scaling().limit(mapping.configuration.maximum_concurrency);
            let has_slot = self.slots.taken.load(Ordering::SeqCst) < limit;
            if !mapping.state(now).polls() || !has_slot {
                let signals = [(changed, seen), (&self.slots.freed, freed)];
                (busy, _) = clock.park(busy, mapping.settles_at(now), &signals).await;
                continue;
            }
            let (still_busy, batch) =
                self.gather(busy, mapping.configuration, (changed, seen)).await;
            busy = still_busy;
            if let Some(batch) = batch {
                return Some((busy, batch));
            }
        }
    }

    /// Receives the first messages, then more of them until the batch is full or its window has passed.
    async fn gather(
        &self,
        busy: Busy,
        configuration: MappingConfiguration,
        otherwise: (&Signal, Seen),
    ) -> (Busy, Option<Batch>) {
        let MappingContext { clock, sqs, .. } = &*self.context;
        let request = |missing: usize| ReceiveMessage {
            max_number_of_messages: u32::try_from(missing.min(10)).ok(),
            visibility_timeout_seconds: None,
        };
        let queue = &configuration.queue;
        let size = configuration.batch_size as usize;
        let (mut busy, mut messages) =
            sqs.receive_some(busy, queue, request(size), otherwise).await;
        let Some(first) = messages.first() else {
            return (busy, None);
        };
        let visible_at = clock.now() + first.visibility_timeout;
        let window = Duration::from_secs(configuration.maximum_batching_window_seconds.into());
        let closes_at = clock.now() + window;
        while messages.len() < size && !window.is_zero() {
            let left = closes_at.since(clock.now());
            let missing = request(size - messages.len());
            let (still_busy, more) =
                sqs.receive(busy, (None, Caller::Mapping), queue, missing, left).await;
            busy = still_busy;
            match more {
                Ok(more) if !more.is_empty() => messages.extend(more),
                // The window has passed, or the queue was deleted; what is in hand is processed.
                _ => break,
            }
        }
        (busy, Some(Batch { configuration, messages, visible_at }))
    }

    async fn work_off(&self, busy: Busy, batch: Batch) -> Busy {
        let configuration = &batch.configuration;
        let event =
            sqs_event(&batch.messages, &configuration.event_source_arn, &self.context.region);
        let payload = Bytes::from(event.to_string());
        let (busy, invoked) = self.invoke(busy, &batch, payload).await;
        let Invoked { request_id, outcome } = invoked;
        let ids: BTreeSet<&str> =
            batch.messages.iter().map(|received| received.message.message_id.as_str()).collect();
        let verdict = evaluate_batch(&outcome, &ids, configuration.report_batch_item_failures);
        tracing::debug!(mapping = self.uuid, messages = batch.messages.len(), ?verdict, "batch");
        if outcome != InvocationOutcome::Throttled {
            let heeded = evaluate_batch(&outcome, &ids, true);
            let left = |verdict: &BatchVerdict| -> Vec<String> {
                let left = ids.iter().filter(|id| !verdict.deletes(id));
                left.map(|id| (*id).to_owned()).collect()
            };
            self.see(Inside::Ended {
                function: configuration.function.clone(),
                invocation: request_id,
                how: how(&outcome),
                kept: left(&verdict),
                named: Some(left(&heeded)),
            });
        }
        for received in &batch.messages {
            if verdict.deletes(&received.message.message_id) {
                let handle = &received.receipt_handle;
                self.context.sqs.delete_for_mapping(&configuration.queue, handle);
            }
        }
        busy
    }

    /// Invokes the function. While it is throttled the batch is offered again and again, until its messages are
    /// visible to others: so throttling consumes receives although the function sees nothing.
    async fn invoke(&self, mut busy: Busy, batch: &Batch, payload: Bytes) -> (Busy, Invoked) {
        let MappingContext { clock, functions, .. } = &*self.context;
        let configuration = &batch.configuration;
        let mut attempt = 0;
        loop {
            let invocation = Invocation {
                function: &configuration.function,
                payload: payload.clone(),
                caller: Caller::Mapping,
                client: None,
                request_id: None,
            };
            let began_at = clock.now();
            let invoked;
            (busy, invoked) = functions.invoke(busy, invocation).await;
            let pace = match &invoked.outcome {
                InvocationOutcome::Responded(_) => Pace::Answered,
                InvocationOutcome::Errored(_) => Pace::Failed,
                InvocationOutcome::Throttled => Pace::Throttled,
            };
            self.see_offer((attempt, began_at), batch, &invoked);
            self.slots.learn(pace, configuration.report_batch_item_failures);
            let again_at = clock.now() + throttle_backoff(attempt);
            if pace != Pace::Throttled || again_at >= batch.visible_at {
                return (busy, invoked);
            }
            attempt += 1;
            busy = clock.sleep_until(busy, again_at).await;
        }
    }
}

impl Worker {
    /// What those see of an offer of a batch who look on: that it was throttled, once, or that its invocation began.
    fn see_offer(&self, (attempt, at): (u32, Timestamp), batch: &Batch, invoked: &Invoked) {
        let observer = self.context.sqs.observer();
        if !observer.is_on() {
            return;
        }
        let function = batch.configuration.function.clone();
        let ids = batch.messages.iter().map(|received| received.message.message_id.clone());
        let messages = ids.collect();
        match (&invoked.outcome, attempt) {
            (InvocationOutcome::Throttled, 0) => {
                observer.see(at, Inside::Throttled { function, messages });
            }
            (InvocationOutcome::Throttled, _) => {}
            _ => {
                let invocation = invoked.request_id.clone();
                observer.see(at, Inside::Invoked { function, invocation, messages });
            }
        }
    }

    fn see(&self, event: Inside) {
        self.context.sqs.observer().see(self.context.clock.now(), event);
    }
}

impl Slots {
    fn scaling(&self) -> Scaling {
        *self.scaling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, pace: Pace, report_batch_item_failures: bool) {
        let mut scaling = self.scaling.lock().unwrap_or_else(PoisonError::into_inner);
        *scaling = scaling.after(pace, report_batch_item_failures);
    }
}
