//! What a history says of each job, message and invocation: gathered in one pass, so that evaluating is linear.

use contract::Outcome;
// Half of the time that evaluating takes is spent in maps, and nobody who writes a history gains by making it slow.
use rustc_hash::FxHashMap as Map;
use verifier_model::faults::Fault;

use super::anomaly::AnomalySet;
use super::change::Setting;
use super::history::{
    Content, Event, Expectation, Header, History, InvocationEnd, Line, Operation, Queue,
};
use super::observation::Observation;
use super::schedule::{ENDS_BATCH, PURGE};
pub(super) use super::struck::{Index, LineNumber};
use super::struck::{Span, Strikes, Touched};

/// What a history says.
pub(super) struct Facts<'h> {
    pub(super) header: &'h Header,
    pub(super) jobs: Vec<Job<'h>>,
    pub(super) messages: Vec<Message<'h>>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) invocations: Vec<Invocation>,
    pub(super) redrives: Vec<Redrive>,
    /// What struck and what was changed, when, and what that allows.
    pub(super) strikes: Strikes,
    /// Whether a batch was throttled of which the target cannot tell the messages.
    pub(super) throttled_somewhere: bool,
    /// Whether there is an attempt at a message of which no line tells the job.
    pub(super) attempts_at_unknown: bool,
    /// The end of the wait for everything to be processed, and whether nothing was left.
    pub(super) drained: Option<(bool, LineNumber)>,
    /// The time of the last line.
    pub(super) ends_at: u64,
}

/// A job.
pub(super) struct Job<'h> {
    pub(super) id: &'h str,
    pub(super) submits: Vec<Submit<'h>>,
    pub(super) messages: Vec<Index>,
    pub(super) attempts: Vec<Index>,
    /// Where a send of it was committed first.
    pub(super) sent: Option<LineNumber>,
    /// Where it was received, attempted, done or dead-lettered first.
    pub(super) seen: Option<LineNumber>,
    /// Its side effects.
    pub(super) effects: Vec<Effect<'h>>,
    /// When a line was about it first, and last; milliseconds since the run began.
    pub(super) times: Option<(u64, u64)>,
}

/// A side effect.
pub(super) struct Effect<'h> {
    /// Which of the job's effects it is; absent where an outcome line stands for it.
    pub(super) key: Option<&'h str>,
    /// What a store knows it again by, where there is one.
    pub(super) token: Option<&'h str>,
    /// The message that it was done for.
    pub(super) message: Index,
    pub(super) line: LineNumber,
}

/// A submit of a job.
pub(super) struct Submit<'h> {
    pub(super) nature: Expectation,
    /// At how many of its first receives it fails, where that is declared of a flaky one.
    pub(super) fails: Option<u32>,
    pub(super) content: &'h Content,
    pub(super) line: LineNumber,
    pub(super) result: Option<(SubmitResult, LineNumber)>,
}

/// How a submit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubmitResult {
    Ok,
    Fail,
    Info,
}

/// A message: one life of a job on the jobs queue.
#[derive(Default)]
pub(super) struct Message<'h> {
    pub(super) job: Index,
    /// Whether no line tells it, so that it is none.
    job_is_unknown: bool,
    /// Its receives from the jobs queue.
    pub(super) receives: Vec<Receive>,
    pub(super) attempts: Vec<Index>,
    pub(super) throttled: Option<LineNumber>,
    /// Where it was deleted from the jobs queue last.
    pub(super) deleted: Option<LineNumber>,
    /// Its last receive, if neither a delete nor a dead-lettering followed.
    pub(super) open_receive: Option<(u64, LineNumber)>,
    pub(super) dead_letters: Vec<DeadLetter<'h>>,
}

/// A receive from the jobs queue.
#[derive(Clone, Copy)]
pub(super) struct Receive {
    pub(super) at: u64,
    pub(super) line: LineNumber,
}

/// A message's arrival in the dead-letter queue.
pub(super) struct DeadLetter<'h> {
    pub(super) at: u64,
    pub(super) line: LineNumber,
    pub(super) content: &'h Content,
    /// Where it was taken out again.
    pub(super) removed: Option<LineNumber>,
}

/// An attempt: one message in one invocation.
pub(super) struct Attempt {
    pub(super) message: Index,
    pub(super) invocation: Index,
    pub(super) line: LineNumber,
    /// When its end was seen, however it was.
    pub(super) ended_at: Option<u64>,
    /// What the worker's line says.
    pub(super) outcome: Option<(Outcome, LineNumber)>,
    /// Where the mapping left the message in the queue.
    pub(super) kept: Option<LineNumber>,
}

/// An invocation of the worker.
#[derive(Default)]
pub(super) struct Invocation {
    pub(super) attempts: Vec<Index>,
    pub(super) ended: Option<(InvocationEnd, LineNumber)>,
    /// The first attempt in it whose own line says that it failed.
    pub(super) failed: Option<Index>,
}

/// A redrive.
pub(super) struct Redrive {
    pub(super) op: u64,
    pub(super) started: LineNumber,
    pub(super) before: u64,
    /// How many messages were dead-lettered meanwhile.
    pub(super) arrived: u64,
    /// What it says at its end: moved, remaining.
    pub(super) ended: Option<(u64, u64, LineNumber)>,
    /// The messages that it has copied, each with where.
    pub(super) copied: Vec<(Index, LineNumber)>,
    /// Those of them that were still in the dead-letter queue at its end.
    pub(super) left_behind: Vec<(Index, LineNumber)>,
}

impl Attempt {
    /// Whether the attempt failed: by its own line, or since the mapping kept the message.
    pub(super) fn failed(&self, facts: &Facts<'_>) -> bool {
        let own = matches!(self.outcome, Some((Outcome::Failed, _)));
        let ended = facts.invocations[self.invocation].ended;
        own || self.kept.is_some() || ended.is_some_and(|(how, _)| how != InvocationEnd::Responded)
    }
}

impl Job<'_> {
    /// A line is about it.
    fn is_told_at(&mut self, at: u64) {
        let (first, last) = self.times.unwrap_or((at, at));
        self.times = Some((first.min(at), last.max(at)));
    }

    /// What is to be expected of it; `None` if it was never submitted.
    pub(super) fn nature(&self) -> Option<Expectation> {
        self.submits.first().map(|submit| submit.nature)
    }

    /// At how many of its first receives it may fail; `None` where it may at every one, or that is not declared.
    pub(super) fn fails(&self) -> Option<u32> {
        let submit = self.submits.first()?;
        match submit.nature {
            Expectation::Healthy => Some(0),
            Expectation::Flaky => submit.fails,
            Expectation::Poison => None,
        }
    }

    /// The line at which it was accepted.
    pub(super) fn accepted(&self) -> Option<LineNumber> {
        self.result_line(SubmitResult::Ok)
    }

    /// The first line at which a submit of it ended so.
    pub(super) fn result_line(&self, wanted: SubmitResult) -> Option<LineNumber> {
        let mut results = self.submits.iter().filter_map(|submit| submit.result);
        results.find(|(result, _)| *result == wanted).map(|(_, line)| line)
    }
}

impl<'h> Facts<'h> {
    /// Everything that a history says.
    pub(super) fn gather(history: &'h History) -> Self {
        let mut gathering = Gathering {
            facts: Facts {
                header: &history.header,
                jobs: Vec::new(),
                messages: Vec::new(),
                attempts: Vec::new(),
                invocations: Vec::new(),
                redrives: Vec::new(),
                strikes: Strikes::default(),
                throttled_somewhere: false,
                attempts_at_unknown: false,
                drained: None,
                ends_at: history.lines.last().map_or(0, |line| line.at),
            },
            history,
            jobs_told: None,
            now: 0,
            changed: Vec::new(),
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

    /// Whether the target sees all of that. An attempt at nobody knows what is not seen.
    pub(super) fn observes(&self, observation: Observation) -> bool {
        let seen = observation != Observation::Attempts || !self.attempts_at_unknown;
        seen && self.header.observes.contains(&observation)
    }

    /// The dead-letterings of a job, over all of its messages.
    pub(super) fn dead_letters(&self, job: &Job<'_>) -> impl Iterator<Item = &DeadLetter<'h>> {
        job.messages.iter().flat_map(|message| self.messages[*message].dead_letters.iter())
    }

    /// When a message was due in the dead-letter queue: so many visibility timeouts after its first receive.
    pub(super) fn due_at(&self, message: &Message<'_>) -> Option<u64> {
        let terms = self.header.terms;
        let life = u64::from(terms.max_receive_count)
            .saturating_mul(terms.visibility_timeout_milliseconds);
        message.receives.first().map(|receive| receive.at.saturating_add(life))
    }

    /// The jobs that shared a batch with a job; none where batches are not observed.
    fn mates(&self, job: Index) -> Vec<Index> {
        if !self.observes(Observation::Batches) {
            return Vec::new();
        }
        let attempts = self.jobs[job].attempts.iter().map(|place| &self.attempts[*place]);
        let invocations = attempts.map(|attempt| &self.invocations[attempt.invocation]);
        let mates = invocations.flat_map(|invocation| &invocation.attempts);
        let mut mates: Vec<Index> =
            mates.map(|place| self.messages[self.attempts[*place].message].job).collect();
        mates.sort_unstable();
        mates.dedup();
        mates
    }

    /// From when until when a job was in the stack's hands, in milliseconds since the run began: from its submit to the last that
    /// was seen of it. One that was not seen to end may be there for a visibility timeout more, and one that was not seen at all
    /// to the end.
    pub(super) fn life(&self, job: &Job<'_>) -> (u64, u64) {
        let (first, last) = job.times.unwrap_or((0, u64::MAX));
        let is_seen = self.observes(Observation::Attempts) || self.observes(Observation::Receives);
        let mut messages = job.messages.iter().map(|message| &self.messages[*message]);
        let has_ended = !job.effects.is_empty()
            || messages
                .any(|message| message.deleted.is_some() || !message.dead_letters.is_empty());
        let until = if has_ended {
            last
        } else if is_seen && job.seen.is_some() {
            last.saturating_add(self.header.terms.visibility_timeout_milliseconds)
        } else {
            u64::MAX
        };
        (first, until)
    }

    /// What a job's anomaly, or one of the run as a whole, can have been touched by until a time.
    pub(super) fn touched(&self, job: Option<Index>, shown_at: u64) -> Touched {
        let (from, until) = job.map_or((0, u64::MAX), |job| self.life(&self.jobs[job]));
        Touched { job, from, until: until.min(shown_at) }
    }

    /// How many attempts at a message failed, and how many there were, before a line.
    pub(super) fn attempts_before(&self, message: &Message<'_>, line: LineNumber) -> (u32, u32) {
        let (mut failed, mut all) = (0, 0);
        let attempts = message.attempts.iter().map(|place| &self.attempts[*place]);
        for attempt in attempts.filter(|attempt| attempt.line < line) {
            all += 1;
            failed += u32::from(attempt.failed(self));
        }
        (failed, all)
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
            Event::Ended { invocation, how } => {
                let invocation = self.invocation(invocation);
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
                let (key, token) = (Some(key.as_str()), token.as_ref().map(super::Id::as_str));
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

    fn throttle(&mut self, messages: Option<&'h [super::Id]>, number: LineNumber) {
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
    fn strike(&mut self, fault: &Fault, messages: &'h [super::Id], number: LineNumber) {
        let mut jobs: Vec<Index> =
            messages.iter().filter_map(|message| self.told_job(message)).collect();
        jobs.sort_unstable();
        jobs.dedup();
        let lasts = fault.lasts_milliseconds();
        let span = Span { from: self.now, until: self.now.saturating_add(lasts), line: number };
        let kind = fault.kind();
        let strikes = &mut self.facts.strikes;
        strikes.add((kind, AnomalySet::allowed_by(fault)), &jobs, span);
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
            let span = Span { from, until, line };
            self.facts.strikes.add((setting.kind(), setting.allows()), &[], span);
        }
    }

    /// What was not restored lasts to the end, and a job that ends batches as long as it is there.
    fn end_what_lasts(&mut self) {
        let changes = std::mem::take(&mut self.changed);
        self.end_changes(changes, u64::MAX);
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
