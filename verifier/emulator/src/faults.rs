//! The fault plan of the emulator, and when it began.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use verifier_model::event_source_mapping::InvocationOutcome;
use verifier_model::faults::{
    Fault, FaultPlan, FaultPlanError, FaultRules, Happening, RuleReport, Stage,
};
use verifier_model::sqs::{Counts, Message, ReceiveFault, ReceivedMessage};
use verifier_model::time::Timestamp;

use crate::clock::Clock;

/// What goes wrong on purpose. Clones are the same.
#[derive(Clone)]
pub(crate) struct Faults(Arc<Inner>);

struct Inner {
    clock: Clock,
    /// Whether there are any rules, so that without them nobody waits for the lock.
    any: AtomicBool,
    state: Mutex<State>,
}

/// A fault that struck.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Strike {
    /// When, by the stack's clock.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) fault: Fault,
    /// At which operation.
    pub(crate) operation: String,
    /// The ids of the messages that it struck, if it struck any: one, or those of an invocation.
    pub(crate) messages: Vec<String>,
    /// The rule that it was, counted from 1.
    pub(crate) rule: u32,
}

/// More strikes than that are not kept one by one.
const STRIKES_MAX: usize = 100_000;

struct State {
    plan: FaultPlan,
    /// What struck since the plan began.
    strikes: Vec<Strike>,
    began_at: Timestamp,
    /// What stale counts show of a queue, and from when it is.
    stale_counts: BTreeMap<String, (Timestamp, Counts)>,
}

impl Faults {
    pub(crate) fn new(clock: Clock) -> Self {
        let state = State {
            plan: FaultPlan::default(),
            strikes: Vec::new(),
            began_at: clock.now(),
            stale_counts: BTreeMap::new(),
        };
        Self(Arc::new(Inner { clock, any: AtomicBool::new(false), state: Mutex::new(state) }))
    }

    /// Replaces the rules; the new ones begin now. `counts` are those of the queues.
    pub(crate) fn install(
        &self,
        rules: FaultRules,
        counts: BTreeMap<String, Counts>,
    ) -> Result<(), FaultPlanError> {
        let plan = FaultPlan::new(rules)?;
        let now = self.0.clock.now();
        let mut held = self.lock();
        self.0.any.store(!plan.is_empty(), Ordering::SeqCst);
        let stale_counts = counts.into_iter().map(|(queue, counts)| (queue, (now, counts)));
        let (strikes, stale_counts) = (Vec::new(), stale_counts.collect());
        *held = State { plan, strikes, began_at: now, stale_counts };
        Ok(())
    }

    /// Whether anything can go wrong at all.
    pub(crate) fn any(&self) -> bool {
        self.0.any.load(Ordering::SeqCst)
    }

    /// What goes wrong with what is about to happen, if anything.
    pub(crate) fn decide(&self, stage: Stage, happening: &Happening<'_>) -> Option<Fault> {
        self.decide_at(self.0.clock.now(), stage, happening)
    }

    /// The same for what happens at a time that was read before. What a fault brings about is of that time, so that the fault
    /// must not seem to be later.
    pub(crate) fn decide_at(
        &self,
        now: Timestamp,
        stage: Stage,
        happening: &Happening<'_>,
    ) -> Option<Fault> {
        if !self.any() {
            return None;
        }
        let mut held = self.lock();
        let elapsed = u64::try_from(now.since(held.began_at).as_millis()).unwrap_or(u64::MAX);
        let struck = held.plan.decide_by_rule(stage, happening, elapsed);
        if let Some((rule, fault)) = &struck {
            tracing::debug!(operation = happening.operation, ?fault, "fault");
            if held.strikes.len() < STRIKES_MAX {
                let (fault, operation) = (fault.clone(), happening.operation.to_owned());
                let messages = messages_of(happening);
                held.strikes.push(Strike { at: now, fault, operation, messages, rule: *rule });
            }
        }
        struck.map(|(_, fault)| fault)
    }

    /// What becomes of a message whose turn it is in a receive of that time.
    pub(crate) fn delivery(
        &self,
        now: Timestamp,
        receive: Happening<'_>,
        message: &Message,
    ) -> ReceiveFault {
        let happening = receive.with_message(&message.message_id, &message.body);
        let fault = self.decide_at(now, Stage::Delivery, &happening);
        fault.map(|fault| fault.delivery()).unwrap_or_default()
    }

    /// Lets received messages show other times.
    pub(crate) fn skew_times(&self, receive: Happening<'_>, received: &mut [ReceivedMessage]) {
        if !self.any() {
            return;
        }
        for ReceivedMessage { message, .. } in received {
            let happening = receive.with_message(&message.message_id, &message.body);
            if let Some(Fault::ClockSkew { milliseconds }) = self.decide(Stage::Clock, &happening) {
                message.sent_at = skewed(message.sent_at, milliseconds);
                message.first_received_at =
                    message.first_received_at.map(|at| skewed(at, milliseconds));
            }
        }
    }

    /// What a queue's counts are said to be: those of up to `milliseconds` ago.
    pub(crate) fn stale_counts(&self, queue: &str, fresh: Counts, milliseconds: u64) -> Counts {
        let now = self.0.clock.now();
        let mut held = self.lock();
        // A queue that is newer than the rules was empty when it was made.
        let began = (held.began_at, Counts::default());
        let (taken_at, counts) = held.stale_counts.entry(queue.to_owned()).or_insert(began);
        if now.since(*taken_at) >= Duration::from_millis(milliseconds) {
            (*taken_at, *counts) = (now, fresh);
        }
        *counts
    }

    /// What the rules did so far.
    pub(crate) fn report(&self) -> Vec<RuleReport> {
        self.lock().plan.report()
    }

    /// What struck since the rules were installed, in its order.
    pub(crate) fn strikes(&self) -> Vec<Strike> {
        self.lock().strikes.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ids of the messages that something is about: its own, or those in the event of an invocation.
fn messages_of(happening: &Happening<'_>) -> Vec<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Event {
        records: Vec<Record>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Record {
        message_id: String,
    }
    if let Some(id) = happening.message_id {
        return vec![id.to_owned()];
    }
    let event = happening.text.filter(|_| happening.function.is_some());
    let event = event.and_then(|text| serde_json::from_str::<Event>(text).ok());
    let records = event.map(|event| event.records).unwrap_or_default();
    records.into_iter().map(|record| record.message_id).collect()
}

/// A time by a clock that is off.
pub(crate) fn skewed(at: Timestamp, milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add_signed(milliseconds))
}

/// The answer that arrives in place of a function's.
pub(crate) fn replaced(fault: Option<&Fault>, outcome: InvocationOutcome) -> InvocationOutcome {
    match (fault, outcome) {
        (Some(Fault::Answer { payload }), InvocationOutcome::Responded(_)) => {
            InvocationOutcome::Responded(payload.clone().into_bytes())
        }
        (_, outcome) => outcome,
    }
}
