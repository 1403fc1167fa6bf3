//! Invocations of the worker: how long they take, how they end, and what they leave behind.

use std::collections::BTreeSet;

use contract::OutcomeLine;
use verifier_model::event_source_mapping::{InvocationOutcome, evaluate_batch};
use verifier_model::faults::{Caller, CrashPoint, Fault, Happening, Stage};

use super::super::Id;
use super::super::history::{Event, InvocationEnd};
use super::agenda::Task;
use super::core::{Core, WORKER};
use super::mapping::{Batch, Mapping, ids};
use super::parts::{Record, Rules, Work, Worker};

/// How long an invocation takes at least, and how much longer it may, by chance, in milliseconds.
const BASE_MILLISECONDS: (u64, u64) = (20, 30);
/// How long it takes until a process that was killed is missed, in milliseconds.
const CRASH_MILLISECONDS: u64 = 10;

/// The one effect that jobs have.
const EFFECT: &str = "work";

/// An invocation under way.
pub(super) struct Running {
    invocation: Id,
    work: Option<Work>,
    /// How many of its records are processed before it ends.
    records_done: usize,
    ending: InvocationEnd,
    outcome: InvocationOutcome,
}

/// How an invocation goes, before the worker is asked for its part in it.
struct Course {
    /// When it ends, from its beginning.
    ends_after: u64,
    runs: bool,
    records_done: usize,
    /// How it ends, unless the worker decides that.
    broken_off: Option<InvocationEnd>,
}

impl Mapping {
    /// The worker starts on a batch.
    pub(super) fn start(&mut self, core: &mut Core, worker: &mut dyn Worker, number: usize) {
        let invocation = Id::from(format!("i{number}"));
        let messages = ids(core, &self.batches[number].messages);
        core.write(Event::Invoked { invocation: invocation.clone(), messages });
        let (least, more) = BASE_MILLISECONDS;
        let base = least + self.random.u64(0..=more);
        let batch = &mut self.batches[number];
        let fault = batch.fault.take();
        let course = course(core, batch, fault.as_ref(), base);
        let work = course.runs.then(|| {
            let records: Vec<Record<'_>> = batch
                .messages
                .iter()
                .map(|received| Record {
                    message_id: &received.message.message_id,
                    body: &received.message.body,
                    receive_count: received.message.receive_count,
                })
                .collect();
            worker.work(&records, &invocation)
        });
        let (ending, outcome) = end_of(&course, work.as_ref(), fault);
        let records_done = course.records_done;
        batch.running = Some(Running { invocation, work, records_done, ending, outcome });
        core.agenda.put(core.now + course.ends_after, Task::End { batch: number });
    }

    /// The worker's invocation with a batch ends.
    pub(super) fn end(&mut self, core: &mut Core, rules: &mut dyn Rules, number: usize) {
        let Some(running) = self.batches[number].running.take() else {
            return;
        };
        let Running { invocation, work, records_done, ending, outcome } = running;
        if let Some(work) = work {
            let messages = &self.batches[number].messages;
            let mut effects = work.effects.into_iter().peekable();
            for (index, received) in messages.iter().enumerate().take(records_done) {
                let message = core.id_of(&received.message.message_id);
                while let Some(effect) = effects.next_if(|effect| effect.record <= index) {
                    let (job, message) = (core.job_id_of(&message), message.clone());
                    let (key, token) = (EFFECT.into(), Some(effect.key.into()));
                    core.write(Event::Effect { job, message, key, token });
                }
            }
            let mut lines = work.lines;
            lines.truncate(records_done);
            for line in &lines {
                core.log(line, &invocation);
            }
        }
        let named = self.named(core, number, &outcome);
        core.write(Event::Ended { invocation: invocation.clone(), how: ending, named });
        self.settle(core, rules, number, &invocation, &outcome);
    }
}

impl Mapping {
    /// What an answer named as failed that is not heeded. Of one that is, what is kept tells it.
    fn named(&self, core: &Core, number: usize, outcome: &InvocationOutcome) -> Option<Vec<Id>> {
        if self.configuration.report_batch_item_failures {
            return None;
        }
        let messages = &self.batches[number].messages;
        let all: BTreeSet<&str> =
            messages.iter().map(|received| received.message.message_id.as_str()).collect();
        let heeded = evaluate_batch(outcome, &all, true);
        let named = all.iter().filter(|id| !heeded.deletes(id));
        Some(named.map(|id| core.id_of(id)).collect())
    }
}

fn course(core: &Core, batch: &Batch, fault: Option<&Fault>, base: u64) -> Course {
    let timeout = u64::from(core.function_timeout_seconds) * 1_000;
    let frozen = match fault {
        Some(Fault::Crash { at: CrashPoint::BeforeEffect }) => {
            let broken_off = Some(InvocationEnd::Crashed);
            return Course {
                ends_after: CRASH_MILLISECONDS,
                runs: false,
                records_done: 0,
                broken_off,
            };
        }
        Some(Fault::Freeze { milliseconds }) => *milliseconds,
        _ => 0,
    };
    let mut takes = frozen.saturating_add(base);
    let mut records_done = 0;
    for received in &batch.messages {
        let job = core.job_of(&received.message.message_id);
        takes = takes.saturating_add(job.map_or(0, |job| job.kind.takes_milliseconds()));
        records_done += usize::from(takes <= timeout);
    }
    let times_out = takes > timeout;
    Course {
        ends_after: takes.min(timeout),
        // Its time was up while it was stopped; it never goes on.
        runs: frozen < timeout,
        records_done,
        broken_off: times_out.then_some(InvocationEnd::TimedOut),
    }
}

fn end_of(
    course: &Course,
    work: Option<&Work>,
    fault: Option<Fault>,
) -> (InvocationEnd, InvocationOutcome) {
    let exits = work.is_some_and(|work| work.exited);
    let crashes = exits || matches!(fault, Some(Fault::Crash { at: CrashPoint::AfterEffect }));
    let broken_off = course.broken_off.or(crashes.then_some(InvocationEnd::Crashed));
    if let Some(ending) = broken_off {
        return (ending, InvocationOutcome::Errored("it was broken off".to_owned()));
    }
    match (work.map(|work| &work.response), fault) {
        (Some(Ok(_)), Some(Fault::Answer { payload })) => {
            (InvocationEnd::Responded, InvocationOutcome::Responded(payload.into_bytes()))
        }
        (Some(Ok(payload)), _) => {
            (InvocationEnd::Responded, InvocationOutcome::Responded(payload.clone()))
        }
        (Some(Err(error)), _) => {
            (InvocationEnd::Errored, InvocationOutcome::Errored(error.clone()))
        }
        (None, _) => {
            (InvocationEnd::Crashed, InvocationOutcome::Errored("it did not run".to_owned()))
        }
    }
}

impl Core {
    /// The worker writes an outcome line.
    fn log(&mut self, line: &OutcomeLine, invocation: &Id) {
        let message = self.id_of(&line.message_id);
        let own = self.job_id_of(&message);
        let job = match line.job_id.as_deref() {
            Some(named) if named != own.as_str() => named.into(),
            _ => own,
        };
        let outcome = line.outcome;
        let logged_at = i64::try_from(self.now).unwrap_or(i64::MAX);
        let event = |logged_at: i64| Event::Attempt {
            invocation: invocation.clone(),
            message: message.clone(),
            job: job.clone(),
            outcome,
            logged_at,
        };
        if self.plan.is_empty() {
            return self.write(event(logged_at));
        }
        let text = serde_json::to_string(line).unwrap_or_default();
        let operation = "PutLogEvents";
        let happening =
            Happening::new(operation, Caller::Function).of_function(WORKER).with_text(&text);
        let skew = match self.decide(Stage::Clock, operation, happening) {
            Some(Fault::ClockSkew { milliseconds }) => milliseconds,
            _ => 0,
        };
        let event = event(logged_at.saturating_add(skew));
        match self.decide(Stage::Log, operation, happening) {
            Some(Fault::LogLost) => {}
            // What is cut short is no outcome line.
            Some(Fault::LogTruncated { bytes }) if bytes < text.len() => {}
            Some(Fault::LogDoubled) => {
                self.write(event.clone());
                self.write(event);
            }
            Some(Fault::LogLate { milliseconds }) => {
                let line = self.late_logs.len();
                self.late_logs.push(Some(event));
                self.agenda.put(self.now + milliseconds, Task::ReadLog { line });
            }
            _ => self.write(event),
        }
    }

    /// A late log line becomes readable.
    pub(super) fn read_log(&mut self, line: usize) {
        if let Some(event) = self.late_logs.get_mut(line).and_then(Option::take) {
            self.write(event);
        }
    }
}
