//! The pass over a history that gathers what it says.

// Half of the time that evaluating takes is spent in maps, and nobody who writes a history gains by making it slow.
use contract::Outcome;
use rustc_hash::FxHashMap as Map;
use verifier_model::faults::Fault;

use super::ignored::{BY_IGNORING, Ignorance, Ignoring};
use super::{
    Attempt, DeadLetter, Effect, Facts, Index, Invocation, Job, LineNumber, Message, Receive,
    Redrive, Submit, SubmitResult,
};
use crate::Id;
use crate::anomaly::AnomalySet;
use crate::change::Setting;
use crate::history::{Event, History, Line, Operation, Queue};
use crate::observation::Observation;
use crate::schedule::{ENDS_BATCH, PURGE};
use crate::struck::{Span, Strikes};

impl<'h> Facts<'h> {
    /// Everything that a history says.
    pub(crate) fn gather(history: &'h History) -> Self {
        let mut gathering = Gathering {
            facts: Facts {
                header: &history.header,
                jobs: Vec::new(),
                messages: Vec::new(),
                attempts: Vec::new(),
                invocations: Vec::new(),
                redrives: Vec::new(),
                strikes: Strikes::default(),
                tells_effects: history.header.observes.contains(&Observation::EffectLines),
                log_struck: Vec::new(),
                throttled_somewhere: false,
                attempts_at_unknown: false,
                drained: None,
                ends_at: history.lines.last().map_or(0, |line| line.at),
            },
            history,
            jobs_told: None,
            now: 0,
            changed: Vec::new(),
            ignoring: Vec::new(),
            enders: Vec::new(),
            jobs: Map::default(),
            messages: Map::default(),
            invocations: Map::default(),
            attempts: Map::default(),
            submits: Map::default(),
        };
        gathering.reserve(history);
        for (index, line) in history.lines.iter().enumerate() {
            gathering.now = line.at;
            gathering.take(line, History::line_number(index));
        }
        gathering.end_what_lasts();
        gathering.facts
    }
}

/// The job of each message, by the first line that tells it. That may come after lines about the message: an invocation names
/// its messages, and only the worker's lines name their jobs.
fn jobs_told(history: &History) -> Map<&str, &str> {
    let mut told: Map<&str, &str> = Map::default();
    for line in &history.lines {
        match &line.event {
            Event::Sent { message, job }
            | Event::Received { message, job, .. }
            | Event::Attempt { message, job, .. }
            | Event::Effect { message, job, .. }
            | Event::DeadLettered { message, job, .. } => {
                told.entry(message).or_insert(job);
            }
            Event::Moved { from, to, job } => {
                told.entry(from).or_insert(job);
                told.entry(to).or_insert(job);
            }
            _ => {}
        }
    }
    told
}

/// The pass, with the names that lead to places.
struct Gathering<'h> {
    facts: Facts<'h>,
    history: &'h History,
    /// The job of each message, where a line tells it; made when the first line names a message that no line before told
    /// the job of.
    jobs_told: Option<Map<&'h str, &'h str>>,
    /// The time of the line that is taken.
    now: u64,
    /// The settings that are changed and were not restored yet, each with where that began.
    changed: Vec<(Setting, u64, LineNumber)>,
    /// What may have made the mapping ignore answers, and when: whose answers named what is only known at the end.
    ignoring: Vec<Ignoring>,
    /// The jobs that may end the batches that they are in, each with where it was submitted first.
    enders: Vec<(Index, LineNumber)>,
    jobs: Map<&'h str, Index>,
    messages: Map<&'h str, Index>,
    invocations: Map<&'h str, Index>,
    attempts: Map<(Index, Index), Index>,
    submits: Map<u64, (Index, usize)>,
}

impl<'h> Gathering<'h> {
    /// Makes room for what will come, so that nothing large is moved about while it grows.
    fn reserve(&mut self, history: &History) {
        let (mut submits, mut messages, mut invocations, mut attempts) = (0, 0, 0, 0);
        for line in &history.lines {
            match &line.event {
                Event::Invoke { .. } => submits += 1,
                Event::Sent { .. } => messages += 1,
                Event::Invoked { messages, .. } => {
                    invocations += 1;
                    attempts += messages.len();
                }
                _ => {}
            }
        }
        self.facts.jobs.reserve(submits);
        self.jobs.reserve(submits);
        self.submits.reserve(submits);
        self.facts.messages.reserve(messages);
        self.messages.reserve(messages);
        self.facts.invocations.reserve(invocations);
        self.invocations.reserve(invocations);
        self.facts.attempts.reserve(attempts);
        self.attempts.reserve(attempts);
    }

    fn take(&mut self, line: &'h Line, number: LineNumber) {
        match &line.event {
            Event::Invoke {
                op,
                operation: Operation::Submit { job, nature, content, fails, ends_batch },
            } => {
                let job = self.job(job);
                self.facts.jobs[job].is_told_at(line.at);
                if *ends_batch {
                    self.enders.push((job, number));
                }
                let submits = &mut self.facts.jobs[job].submits;
                self.submits.insert(*op, (job, submits.len()));
                let (nature, fails) = (*nature, *fails);
                submits.push(Submit { nature, fails, content, line: number, result: None });
            }
            Event::Invoke { operation: Operation::Purge, .. } => {
                let span = Span { from: line.at, until: line.at, line: number };
                self.facts.strikes.add(PURGE, &[], span);
            }
            Event::Invoke { operation: Operation::Redrive, .. } | Event::Aborted { .. } => {}
            Event::Undo { what } => self.restore(what),
            Event::Ok { op, .. } => self.end_submit(*op, SubmitResult::Ok, number),
            Event::Fail { op, .. } => self.end_submit(*op, SubmitResult::Fail, number),
            Event::Info { op, .. } => self.end_submit(*op, SubmitResult::Info, number),
            Event::Throttled { messages } => self.throttle(messages.as_deref(), number),
            Event::Fault { fault, messages, .. } => self.strike(fault, messages, number),
            Event::Changed { setting } => self.changed.push((*setting, line.at, number)),
            Event::Drained { complete, .. } => self.facts.drained = Some((*complete, number)),
            Event::RedriveStarted { .. } | Event::RedriveEnded { .. } | Event::Moved { .. } => {
                self.redrive(&line.event, number);
            }
            Event::Invoked { .. }
            | Event::Attempt { .. }
            | Event::Ended { .. }
            | Event::Kept { .. }
            | Event::Effect { .. } => self.work(line, number),
            Event::Sent { .. }
            | Event::Received { .. }
            | Event::Deleted { .. }
            | Event::DeadLettered { .. } => self.travel(line, number),
        }
    }

    fn travel(&mut self, line: &'h Line, number: LineNumber) {
        match &line.event {
            Event::Sent { message, job } => {
                let message = self.message_of(message, job);
                let job = self.facts.messages[message].job;
                self.facts.jobs[job].sent.get_or_insert(number);
            }
            Event::Received { queue, message, job, .. } => {
                let message = self.message_of(message, job);
                self.see(message, number);
                if *queue == Queue::Jobs {
                    let message = &mut self.facts.messages[message];
                    message.receives.push(Receive { at: line.at, line: number });
                    message.open_receive = Some((line.at, number));
                }
            }
            Event::Deleted { queue, message } => {
                let message = self.message(message);
                let message = &mut self.facts.messages[message];
                match queue {
                    Queue::Jobs => {
                        message.deleted = Some(number);
                        message.open_receive = None;
                    }
                    Queue::DeadLetter => {
                        let mut present =
                            message.dead_letters.iter_mut().filter(|dead| dead.removed.is_none());
                        if let Some(dead) = present.next() {
                            dead.removed = Some(number);
                        }
                    }
                }
            }
            Event::DeadLettered { message, content, job } => {
                let message = self.message_of(message, job);
                self.see(message, number);
                let message = &mut self.facts.messages[message];
                let dead = DeadLetter { at: line.at, line: number, content, removed: None };
                message.dead_letters.push(dead);
                message.open_receive = None;
                if let Some(redrive) = self.running_redrive() {
                    redrive.arrived += 1;
                }
            }
            _ => {}
        }
    }

    fn work(&mut self, line: &'h Line, number: LineNumber) {
        match &line.event {
            Event::Invoked { invocation, messages } => {
                let invocation = self.invocation(invocation);
                for message in messages {
                    let message = self.message(message);
                    self.attempt(message, invocation, number);
                }
            }
            Event::Attempt { invocation, message, job, outcome, .. } => {
                let message = self.message_of(message, job);
                let invocation = self.invocation(invocation);
                let place = self.attempt(message, invocation, number);
                let attempt = &mut self.facts.attempts[place];
                attempt.ended_at.get_or_insert(line.at);
                attempt.outcome.get_or_insert((*outcome, number));
                match outcome {
                    Outcome::Failed => {
                        self.facts.invocations[invocation].failed.get_or_insert(place);
                    }
                    Outcome::Succeeded if !self.facts.observes(Observation::Effects) => {
                        let job = self.facts.messages[message].job;
                        // By the outcome line alone, one effect of a job cannot be told from another.
                        let effect = Effect { key: None, token: None, message, line: number };
                        self.facts.jobs[job].effects.push(effect);
                    }
                    Outcome::Succeeded => {}
                }
            }
            Event::Ended { invocation, how, named } => {
                let invocation = self.invocation(invocation);
                let named = named.as_ref();
                let named = named.map(|named| named.iter().map(|id| self.message(id)).collect());
                self.facts.invocations[invocation].named = named;
                self.facts.invocations[invocation].ended = Some((*how, number));
                for attempt in &self.facts.invocations[invocation].attempts {
                    self.facts.attempts[*attempt].ended_at.get_or_insert(line.at);
                }
            }
            Event::Kept { invocation, message } => {
                let message = self.message(message);
                let invocation = self.invocation(invocation);
                let place = self.attempt(message, invocation, number);
                self.facts.attempts[place].kept = Some(number);
            }
            Event::Effect { message, key, job, token } => {
                let message = self.message_of(message, job);
                self.see(message, number);
                let job = self.facts.messages[message].job;
                let (key, token) = (Some(key.as_str()), token.as_ref().map(Id::as_str));
                self.facts.tells_effects |= token.is_none();
                let effect = Effect { key, token, message, line: number };
                self.facts.jobs[job].effects.push(effect);
            }
            _ => {}
        }
    }

    fn redrive(&mut self, event: &'h Event, number: LineNumber) {
        match event {
            Event::RedriveStarted { op, before } => self.facts.redrives.push(Redrive {
                op: *op,
                started: number,
                before: *before,
                arrived: 0,
                ended: None,
                copied: Vec::new(),
                left_behind: Vec::new(),
            }),
            Event::Moved { from, to, job } => {
                let from = self.message_of(from, job);
                self.message_of(to, job);
                if let Some(redrive) = self.running_redrive() {
                    redrive.copied.push((from, number));
                }
            }
            Event::RedriveEnded { op, moved, remaining } => {
                let Facts { redrives, messages, .. } = &mut self.facts;
                if let Some(redrive) = redrives.iter_mut().rev().find(|redrive| redrive.op == *op) {
                    redrive.ended = Some((*moved, *remaining, number));
                    let is_left = |(message, _): &&(Index, LineNumber)| {
                        messages[*message].dead_letters.iter().any(|dead| dead.removed.is_none())
                    };
                    redrive.left_behind = redrive.copied.iter().filter(is_left).copied().collect();
                }
            }
            _ => {}
        }
    }

    /// The redrive under way; there is one at a time.
    fn running_redrive(&mut self) -> Option<&mut Redrive> {
        self.facts.redrives.last_mut().filter(|redrive| redrive.ended.is_none())
    }

    fn end_submit(&mut self, op: u64, result: SubmitResult, number: LineNumber) {
        // Operations of other kinds end, too.
        if let Some((job, submit)) = self.submits.get(&op) {
            self.facts.jobs[*job].submits[*submit].result = Some((result, number));
        }
    }

    fn throttle(&mut self, messages: Option<&'h [Id]>, number: LineNumber) {
        let Some(messages) = messages else {
            self.facts.throttled_somewhere = true;
            return;
        };
        for message in messages {
            let message = self.message(message);
            self.facts.messages[message].throttled.get_or_insert(number);
        }
    }

    /// A fault strikes: the messages that it names, and beyond them what it slows down.
    fn strike(&mut self, fault: &Fault, messages: &'h [Id], number: LineNumber) {
        let mut jobs: Vec<Index> =
            messages.iter().filter_map(|message| self.told_job(message)).collect();
        jobs.sort_unstable();
        jobs.dedup();
        let lasts = fault.lasts_milliseconds();
        let span = Span { from: self.now, until: self.now.saturating_add(lasts), line: number };
        let kind = fault.kind();
        if matches!(fault, Fault::LogLost | Fault::LogTruncated { .. } | Fault::LogLate { .. }) {
            self.facts.log_struck.push(self.now);
        }
        let mut allowed = AnomalySet::allowed_by(fault);
        if matches!(fault, Fault::Answer { .. }) && !jobs.is_empty() {
            // The mapping heeds another answer than was given: what that can have cost is known at the end.
            let by = Ignorance::Replaced(jobs.clone());
            self.ignoring.push(Ignoring { kind, span, by });
            allowed = allowed.without(BY_IGNORING);
        }
        let strikes = &mut self.facts.strikes;
        strikes.add((kind, allowed), &jobs, span);
        if !jobs.is_empty() {
            strikes.add((kind, AnomalySet::allowed_beyond(fault)), &[], span);
        }
    }

    /// The settings of that kind are as they were.
    fn restore(&mut self, kind: &str) {
        let changed = std::mem::take(&mut self.changed);
        let (restored, others) =
            changed.into_iter().partition(|(setting, ..)| setting.kind() == kind);
        self.changed = others;
        let until = self.now.saturating_add(self.facts.header.terms.changed_late_milliseconds);
        self.end_changes(restored, until);
    }

    fn end_changes(&mut self, changes: Vec<(Setting, u64, LineNumber)>, until: u64) {
        for (setting, from, line) in changes {
            let (span, kind) = (Span { from, until, line }, setting.kind());
            let mut allowed = setting.allows();
            if setting == Setting::BatchItemFailuresIgnored {
                self.ignoring.push(Ignoring { kind, span, by: Ignorance::Setting });
                allowed = allowed.without(BY_IGNORING);
            }
            self.facts.strikes.add((kind, allowed), &[], span);
        }
    }

    /// What was not restored lasts to the end, and a job that ends batches as long as it is there.
    fn end_what_lasts(&mut self) {
        let changes = std::mem::take(&mut self.changed);
        self.end_changes(changes, u64::MAX);
        for Ignoring { kind, span, by } in std::mem::take(&mut self.ignoring) {
            let cost = self.facts.cost_by_ignoring(&by, span);
            if !cost.is_empty() {
                self.facts.strikes.add((kind, BY_IGNORING), &cost, span);
            }
        }
        for (job, line) in std::mem::take(&mut self.enders) {
            let (from, until) = self.facts.life(&self.facts.jobs[job]);
            let mates = self.facts.mates(job);
            let sees_none = self.facts.observes(Observation::Batches) && mates.is_empty();
            if !sees_none {
                self.facts.strikes.add(ENDS_BATCH, &mates, Span { from, until, line });
            }
        }
        self.facts.strikes.sort();
    }

    /// The job of a message, if any line tells it.
    fn told_job(&mut self, id: &'h str) -> Option<Index> {
        if let Some(place) = self.messages.get(id) {
            let message = &self.facts.messages[*place];
            return (!message.job_is_unknown).then_some(message.job);
        }
        let history = self.history;
        let told = *self.jobs_told.get_or_insert_with(|| jobs_told(history)).get(id)?;
        Some(self.job(told))
    }

    fn job(&mut self, id: &'h str) -> Index {
        *self.jobs.entry(id).or_insert_with(|| {
            self.facts.jobs.push(Job {
                id,
                submits: Vec::new(),
                messages: Vec::new(),
                attempts: Vec::new(),
                sent: None,
                seen: None,
                effects: Vec::new(),
                times: None,
            });
            self.facts.jobs.len() - 1
        })
    }

    /// A message of which the line does not tell the job; one of which none does is taken for a job of its own.
    fn message(&mut self, id: &'h str) -> Index {
        if let Some(place) = self.messages.get(id).copied() {
            return self.told_of(place);
        }
        let history = self.history;
        let told = self.jobs_told.get_or_insert_with(|| jobs_told(history)).get(id).copied();
        self.new_message(id, told)
    }

    /// A line is about a message, and so about its job.
    fn told_of(&mut self, message: Index) -> Index {
        let job = self.facts.messages[message].job;
        self.facts.jobs[job].is_told_at(self.now);
        message
    }

    /// A message of which the line tells the job. Once it is known, it keeps the job that was told first.
    fn message_of(&mut self, id: &'h str, job: &'h str) -> Index {
        match self.messages.get(id).copied() {
            Some(place) => self.told_of(place),
            None => self.new_message(id, Some(job)),
        }
    }

    fn new_message(&mut self, id: &'h str, told: Option<&'h str>) -> Index {
        let job = self.job(told.unwrap_or(id));
        let place = self.facts.messages.len();
        self.messages.insert(id, place);
        let message = Message { job, job_is_unknown: told.is_none(), ..Message::default() };
        self.facts.messages.push(message);
        self.facts.jobs[job].messages.push(place);
        self.told_of(place)
    }

    fn invocation(&mut self, id: &'h str) -> Index {
        *self.invocations.entry(id).or_insert_with(|| {
            self.facts.invocations.push(Invocation::default());
            self.facts.invocations.len() - 1
        })
    }

    fn attempt(&mut self, message: Index, invocation: Index, number: LineNumber) -> Index {
        if let Some(place) = self.attempts.get(&(message, invocation)) {
            return *place;
        }
        let facts = &mut self.facts;
        facts.attempts_at_unknown |= facts.messages[message].job_is_unknown;
        let place = facts.attempts.len();
        self.attempts.insert((message, invocation), place);
        facts.attempts.push(Attempt {
            message,
            invocation,
            line: number,
            began_at: self.now,
            ended_at: None,
            outcome: None,
            kept: None,
        });
        facts.messages[message].attempts.push(place);
        facts.invocations[invocation].attempts.push(place);
        let job = facts.messages[message].job;
        facts.jobs[job].attempts.push(place);
        self.see(message, number);
        place
    }

    fn see(&mut self, message: Index, number: LineNumber) {
        let job = self.facts.messages[message].job;
        self.facts.jobs[job].seen.get_or_insert(number);
    }
}
