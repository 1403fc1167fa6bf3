//! The event source mapping: gathers batches, offers them to the worker, deletes what succeeded.
//!
//! It does what the emulator's does, on an agenda instead of in tasks.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching>.

use std::collections::BTreeSet;

use verifier_model::event_source_mapping::{
    InvocationOutcome, MappingConfiguration, Pace, Scaling, evaluate_batch, throttle_backoff,
};
use verifier_model::faults::{Caller, Fault, Happening, Stage};
use verifier_model::sqs::{Message, ReceiveFault, ReceiveMessage, ReceivedMessage};

use super::super::Id;
use super::super::history::{Event, Queue};
use super::agenda::Task;
use super::core::{Core, JOBS, WORKER};
use super::functions::Running;
use super::parts::Rules;

/// The mapping.
pub(super) struct Mapping {
    pub(super) configuration: MappingConfiguration,
    scaling: Scaling,
    /// How many batches are being processed.
    pub(super) in_hand: u32,
    /// How many of them are with the worker.
    pub(super) invoked: u32,
    /// The worker's reserved concurrency, if it has one.
    pub(super) worker_concurrency: Option<u32>,
    /// The batch whose window is open.
    pub(super) gathering: Option<usize>,
    pub(super) batches: Vec<Batch>,
    pub(super) random: fastrand::Rng,
}

/// A batch.
pub(super) struct Batch {
    pub(super) messages: Vec<ReceivedMessage>,
    /// When its first message becomes visible to others.
    visible_at: u64,
    /// How often it was offered.
    offers: u32,
    /// What goes wrong with its invocation.
    pub(super) fault: Option<Fault>,
    pub(super) running: Option<Running>,
}

impl Mapping {
    pub(super) fn new(configuration: MappingConfiguration, seed: u64) -> Self {
        Self {
            configuration,
            scaling: Scaling::default(),
            in_hand: 0,
            invoked: 0,
            worker_concurrency: None,
            gathering: None,
            batches: Vec::new(),
            random: fastrand::Rng::with_seed(seed ^ 0x6D61_7070_696E_6721),
        }
    }

    /// Looks for messages, as long as there are any and there is a free slot for them.
    pub(super) fn poll(&mut self, core: &mut Core, rules: &mut dyn Rules) {
        if !self.configuration.enabled {
            return;
        }
        let size = self.configuration.batch_size as usize;
        let window = u64::from(self.configuration.maximum_batching_window_seconds) * 1_000;
        loop {
            if let Some(batch) = self.gathering {
                let missing = size.saturating_sub(self.batches[batch].messages.len());
                let more = receive(core, rules, missing);
                if more.is_empty() {
                    break;
                }
                self.batches[batch].messages.extend(more);
                if self.batches[batch].messages.len() >= size {
                    self.close(core, batch);
                }
                continue;
            }
            if self.in_hand >= self.scaling.limit(self.configuration.maximum_concurrency) {
                break;
            }
            let messages = receive(core, rules, size);
            if messages.is_empty() {
                break;
            }
            let batch = self.batches.len();
            let hidden = messages.first().map(|first| milliseconds(first.visibility_timeout));
            let visible_at = core.now + hidden.unwrap_or_default();
            let is_full = messages.len() >= size;
            self.batches.push(Batch {
                messages,
                visible_at,
                offers: 0,
                fault: None,
                running: None,
            });
            self.gathering = Some(batch);
            if is_full || window == 0 {
                self.close(core, batch);
            } else {
                core.agenda.put(core.now + window, Task::CloseWindow { batch });
            }
        }
        core.poll_when_available();
    }

    /// Ends the gathering of a batch, if it has not ended yet.
    pub(super) fn close(&mut self, core: &mut Core, batch: usize) {
        if self.gathering == Some(batch) {
            self.gathering = None;
            self.in_hand += 1;
            core.agenda.put(core.now, Task::Offer { batch });
            // Messages that come now belong to the next batch.
            core.poll_at(core.now);
        }
    }

    /// Offers a batch to the worker.
    ///
    /// While it is throttled the batch is offered again and again, until its messages are visible to others: so throttling
    /// consumes receives although the function sees nothing.
    pub(super) fn offer(&mut self, core: &mut Core, rules: &mut dyn Rules, number: usize) {
        if rules.gives_up(&self.batches[number].messages) {
            self.write_throttled(core, number);
            return self.free_slot(core);
        }
        if self.worker_concurrency.is_some_and(|limit| self.invoked >= limit) {
            return self.throttle(core, number);
        }
        let fault = fault_of_invocation(core, &self.batches[number].messages);
        if fault == Some(Fault::Throttle) {
            return self.throttle(core, number);
        }
        let batch = &mut self.batches[number];
        let starts_at = match fault {
            Some(Fault::ColdStart { milliseconds }) => core.now + milliseconds,
            _ => core.now,
        };
        batch.fault = fault;
        self.invoked += 1;
        core.agenda.put(starts_at, Task::Start { batch: number });
    }

    fn throttle(&mut self, core: &mut Core, number: usize) {
        if self.batches[number].offers == 0 {
            self.write_throttled(core, number);
        }
        self.learn(Pace::Throttled);
        let batch = &mut self.batches[number];
        let again_at = core.now + milliseconds(throttle_backoff(batch.offers));
        batch.offers += 1;
        if again_at >= batch.visible_at {
            self.free_slot(core);
        } else {
            core.agenda.put(again_at, Task::Offer { batch: number });
        }
    }

    fn write_throttled(&self, core: &mut Core, number: usize) {
        let messages = ids(core, &self.batches[number].messages);
        core.write(Event::Throttled { messages: Some(messages) });
    }

    /// Does with the messages of a batch what its invocation's end says.
    pub(super) fn settle(
        &mut self,
        core: &mut Core,
        rules: &mut dyn Rules,
        number: usize,
        invocation: &Id,
        outcome: &InvocationOutcome,
    ) {
        self.learn(match outcome {
            InvocationOutcome::Responded(_) => Pace::Answered,
            InvocationOutcome::Errored(_) => Pace::Failed,
            InvocationOutcome::Throttled => Pace::Throttled,
        });
        self.invoked -= 1;
        let messages = std::mem::take(&mut self.batches[number].messages);
        let named: BTreeSet<&str> =
            messages.iter().map(|received| received.message.message_id.as_str()).collect();
        let verdict =
            evaluate_batch(outcome, &named, self.configuration.report_batch_item_failures);
        for received in &messages {
            if verdict.deletes(&received.message.message_id) {
                delete(core, rules, received);
            } else {
                let message = core.id_of(&received.message.message_id);
                core.write(Event::Kept { invocation: invocation.clone(), message });
            }
        }
        self.free_slot(core);
    }

    fn learn(&mut self, pace: Pace) {
        self.scaling = self.scaling.after(pace, self.configuration.report_batch_item_failures);
    }

    fn free_slot(&mut self, core: &mut Core) {
        self.in_hand -= 1;
        core.poll_at(core.now);
    }
}

/// Receives messages for the mapping, and writes down what came and what was dead-lettered.
fn receive(core: &mut Core, rules: &mut dyn Rules, max: usize) -> Vec<ReceivedMessage> {
    let request = ReceiveMessage {
        max_number_of_messages: u32::try_from(max.min(10)).ok(),
        visibility_timeout_seconds: rules.visibility_timeout_seconds(),
    };
    let received = core.receive_jobs(Caller::Mapping, request, |message| rules.delivery(message));
    for ReceivedMessage { message, receipt_handle, .. } in &received {
        if let Some(seconds) = rules.visibility_after_receive(message) {
            let now = core.time();
            // The message was received just now, so its handle is good.
            let _ = core.sqs.change_visibility(JOBS, receipt_handle, seconds, now);
        }
    }
    received
}

impl Core {
    /// Receives from the jobs queue, and writes down what came and what was dead-lettered.
    pub(super) fn receive_jobs(
        &mut self,
        caller: Caller,
        request: ReceiveMessage,
        regular: impl FnMut(&Message) -> ReceiveFault,
    ) -> Vec<ReceivedMessage> {
        let at = Happening::new("ReceiveMessage", caller).on_queue(JOBS);
        let (received, turns) = self.receive_with_faults(JOBS, at, request, regular);
        let mut dead_lettered = turns;
        for ReceivedMessage { message, .. } in &received {
            let is_it = |id: &Id| id.as_str() == message.message_id;
            if let Some(place) = dead_lettered.iter().position(is_it) {
                dead_lettered.swap_remove(place);
            }
        }
        self.write_dead_letters(&dead_lettered);
        self.write_receives(Queue::Jobs, &received);
        received
    }

    /// Receives messages with the faults of the plan. Also tells, in order, whose turn it was and who was not put off.
    pub(super) fn receive_with_faults(
        &mut self,
        queue: &'static str,
        at: Happening<'_>,
        request: ReceiveMessage,
        mut regular: impl FnMut(&Message) -> ReceiveFault,
    ) -> (Vec<ReceivedMessage>, Vec<Id>) {
        let now = self.time();
        let Self { sqs, plan, messages, lines, now: milliseconds, .. } = self;
        let mut turns = Vec::new();
        let mut deliver = |message: &Message| {
            let known = messages.get_key_value(message.message_id.as_str());
            let id = known.map_or_else(|| message.message_id.as_str().into(), |(id, _)| id.clone());
            let fault = if plan.is_empty() {
                None
            } else {
                let happening = at.with_message(&message.message_id, &message.body);
                plan.decide_by_rule(Stage::Delivery, &happening, *milliseconds)
            };
            let delivery = match fault {
                Some((rule, fault)) => {
                    let delivery = fault.delivery();
                    let operation = "ReceiveMessage".into();
                    let messages = vec![id.clone()];
                    let event = Event::Fault { fault, operation, messages, rule };
                    lines.push(super::super::history::Line { at: *milliseconds, event });
                    delivery
                }
                None => regular(message),
            };
            if !matches!(delivery, ReceiveFault::Deferred(_)) {
                turns.push(id);
            }
            delivery
        };
        let received = sqs.receive_with(queue, request, now, &mut deliver).unwrap_or_default();
        if !self.plan.is_empty() {
            for ReceivedMessage { message, .. } in &received {
                // What a message says of its times decides nothing here; that it is off is worth a line.
                let happening = at.with_message(&message.message_id, &message.body);
                self.decide(Stage::Clock, "ReceiveMessage", happening);
            }
        }
        (received, turns)
    }
}

fn fault_of_invocation(core: &mut Core, messages: &[ReceivedMessage]) -> Option<Fault> {
    if core.plan.is_empty() {
        return None;
    }
    let bodies: Vec<&str> =
        messages.iter().map(|received| received.message.body.as_str()).collect();
    let text = bodies.join("\n");
    let happening = Happening::new("Invoke", Caller::Mapping).of_function(WORKER).with_text(&text);
    let (rule, fault) = core.plan.decide_by_rule(Stage::Invocation, &happening, core.now)?;
    let event = Event::Fault {
        fault: fault.clone(),
        operation: "Invoke".into(),
        messages: ids(core, messages),
        rule,
    };
    core.write(event);
    Some(fault)
}

fn delete(core: &mut Core, rules: &mut dyn Rules, received: &ReceivedMessage) {
    let ReceivedMessage { message, receipt_handle, .. } = received;
    if !core.is_there(JOBS, receipt_handle) {
        return;
    }
    let happening = Happening::new("DeleteMessage", Caller::Mapping)
        .on_queue(JOBS)
        .with_message(&message.message_id, &message.body);
    let is_lost = core.decide(Stage::Delete, "DeleteMessage", happening).is_some();
    if !is_lost && rules.deletes(message) {
        core.delete(Queue::Jobs, message, receipt_handle);
    }
}

pub(super) fn ids(core: &Core, messages: &[ReceivedMessage]) -> Vec<Id> {
    messages.iter().map(|received| core.id_of(&received.message.message_id)).collect()
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
