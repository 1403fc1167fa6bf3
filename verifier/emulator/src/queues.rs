//! SQS as tasks of the emulator use it: the model, the clock, and waiting for messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use verifier_model::cloudwatch::QueueMetrics;
use verifier_model::faults::{Caller, Happening, Stage};
use verifier_model::sqs::{Message, ReceiveMessage, ReceivedMessage, Sqs, SqsError};
use verifier_model::time::Timestamp;

use crate::client::Client;
use crate::clock::{Busy, Clock, Seen, Signal};
use crate::faults::Faults;
use crate::observer::Observer;
use crate::stack::QueueSpec;

/// The queues of the emulator.
pub(crate) struct Queues {
    clock: Clock,
    faults: Faults,
    observer: Observer,
    model: Mutex<Recorded>,
    signals: Mutex<HashMap<String, Arc<Signal>>>,
    /// Evidence when a message move task may be due at another time than before.
    tasks_changed: Signal,
}

/// The model and the metrics of what it does.
struct Recorded {
    sqs: Sqs,
    metrics: QueueMetrics,
}

impl Queues {
    pub(crate) fn new(clock: Clock, faults: Faults, mut sqs: Sqs) -> Self {
        let mut metrics = QueueMetrics::default();
        metrics.record(&mut sqs, clock.now());
        Self {
            clock,
            faults,
            observer: Observer::default(),
            model: Mutex::new(Recorded { sqs, metrics }),
            signals: Mutex::default(),
            tasks_changed: Signal::default(),
        }
    }

    /// Who looks on what happens.
    pub(crate) fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Begins or ends to look on. What was seen before is forgotten.
    pub(crate) fn look_on(&self, is_on: bool) {
        let mut recorded = self.lock();
        recorded.sqs.observe(is_on);
        self.observer.look_on(is_on);
    }

    /// What goes wrong on purpose.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Deletes a message for a mapping.
    pub(crate) fn delete_for_mapping(&self, queue: &str, receipt_handle: &str) {
        let at = Happening::new("DeleteMessage", Caller::Mapping).on_queue(queue);
        self.perform(|model, now| {
            let message = model.message_of_receipt(queue, receipt_handle);
            let lost = message.is_some_and(|message| {
                let at = at.with_message(&message.message_id, &message.body);
                self.faults.decide_at(now, Stage::Delete, &at).is_some()
            });
            if !lost {
                // The queue may have been deleted meanwhile; then so are its messages.
                let _ = model.delete(queue, receipt_handle, now);
            }
        });
    }

    /// One receive at the present time; also when there may be something without anybody's doing.
    fn receive_now(
        &self,
        caller: Caller,
        queue: &str,
        request: ReceiveMessage,
    ) -> (Result<Vec<ReceivedMessage>, SqsError>, Timestamp, Option<Timestamp>) {
        let at = Happening::new("ReceiveMessage", caller).on_queue(queue);
        let (mut result, now, next) = self.perform(|model, now| {
            let mut deliver = |message: &Message| self.faults.delivery(now, at, message);
            let result = model.receive_with(queue, request, now, &mut deliver);
            (result, now, model.next_available_at(queue))
        });
        if let Ok(received) = &mut result {
            self.faults.skew_times(at, received);
        }
        (result, now, next)
    }

    /// The present stack time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Creates a queue of a stack.
    pub(crate) fn deploy(&self, queue: &QueueSpec) -> Result<(), SqsError> {
        self.perform(|model, now| {
            if model.has_queue(&queue.name) {
                return Err(SqsError::QueueNameExists { attribute: "QueueName".to_owned() });
            }
            model.create_queue(&queue.name, queue.attributes.clone(), now)?;
            model.tag(&queue.name, queue.tags.clone())?;
            Ok(())
        })
    }

    /// Looks at what no time changes, such as which queues there are; so there is nothing to record, and nobody to wake.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Sqs) -> T) -> T {
        look(&self.lock().sqs)
    }

    /// Performs an operation at the present time and wakes whoever waits for its effects.
    pub(crate) fn perform<T>(&self, operation: impl FnOnce(&mut Sqs, Timestamp) -> T) -> T {
        let (result, changed, tasks_changed) = {
            let mut recorded = self.lock();
            let Recorded { sqs, metrics } = &mut *recorded;
            let now = self.clock.now();
            metrics.catch_up(sqs, now);
            let due = sqs.next_due();
            let result = operation(sqs, now);
            metrics.record(sqs, now);
            // With the lock held, so that events stand in their order.
            for event in sqs.take_events() {
                self.observer.see(now, event.into());
            }
            (result, sqs.take_changed(), sqs.next_due() != due)
        };
        if tasks_changed {
            self.tasks_changed.notify(&self.clock);
        }
        for queue in changed {
            self.signal(&queue).notify(&self.clock);
        }
        result
    }

    /// Receives messages, waiting up to `wait` for the first: a long poll.
    ///
    /// While it waits it is not busy, and neither is the client on whose behalf it waits.
    pub(crate) async fn receive(
        &self,
        mut busy: Busy,
        (client, caller): (Option<&Client>, Caller),
        queue: &str,
        request: ReceiveMessage,
        wait: Duration,
    ) -> (Busy, Result<Vec<ReceivedMessage>, SqsError>) {
        let deadline = self.clock.now() + wait;
        let signal = self.signal(queue);
        loop {
            let seen = signal.seen();
            let (result, now, next) = self.receive_now(caller, queue, request);
            let over_limit = result == Err(SqsError::OverLimit) && !wait.is_zero();
            match result {
                // A long poll over the in-flight limit returns nothing, without an error.
                Ok(messages) if messages.is_empty() && now >= deadline => {
                    return (busy, Ok(messages));
                }
                Err(_) if over_limit && now >= deadline => return (busy, Ok(Vec::new())),
                Ok(messages) if messages.is_empty() => {}
                Err(_) if over_limit => {}
                result => return (busy, result),
            }
            let until = next.map_or(deadline, |next| next.min(deadline));
            let _client_waits = client.map(Client::suspend);
            (busy, _) = self.clock.park(busy, Some(until), &[(&signal, seen)]).await;
        }
    }

    /// Receives messages for a mapping, waiting for as long as it takes, or until the caller has something else to look at. A queue
    /// that does not exist is waited for too.
    pub(crate) async fn receive_some(
        &self,
        mut busy: Busy,
        queue: &str,
        request: ReceiveMessage,
        otherwise: (&Signal, Seen),
    ) -> (Busy, Vec<ReceivedMessage>) {
        let signal = self.signal(queue);
        while otherwise.0.seen() == otherwise.1 {
            let seen = signal.seen();
            let (result, _, next) = self.receive_now(Caller::Mapping, queue, request);
            if let Ok(messages) = result
                && !messages.is_empty()
            {
                return (busy, messages);
            }
            (busy, _) = self.clock.park(busy, next, &[(&signal, seen), otherwise]).await;
        }
        (busy, Vec::new())
    }

    /// Moves the messages of message move tasks when they are due, until the task is aborted.
    pub(crate) async fn run_move_tasks(self: Arc<Self>, mut busy: Busy) {
        loop {
            let seen = self.tasks_changed.seen();
            let next = self.perform(|model, now| {
                model.advance(now);
                model.next_due()
            });
            (busy, _) = self.clock.park(busy, next, &[(&self.tasks_changed, seen)]).await;
        }
    }

    /// Looks at the queues' metrics as they are now.
    pub(crate) fn metrics<T>(&self, look: impl FnOnce(&QueueMetrics, Timestamp) -> T) -> T {
        let mut recorded = self.lock();
        let Recorded { sqs, metrics } = &mut *recorded;
        let now = self.clock.now();
        metrics.catch_up(sqs, now);
        look(metrics, now)
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, queue: &str) -> Arc<Signal> {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signal) = signals.get(queue) {
            return signal.clone();
        }
        signals.entry(queue.to_owned()).or_default().clone()
    }
}
