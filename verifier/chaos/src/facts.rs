//! What a history says of each job, message and invocation: gathered in one pass, so that evaluating is linear.

mod effects;
mod gathering;
mod ignored;

use contract::Outcome;

use super::history::{Content, Expectation, Header, InvocationEnd};
use super::observation::Observation;
pub(super) use super::struck::{Index, LineNumber};
use super::struck::{Strikes, Touched};

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
    /// Whether the worker's lines tell side effects.
    tells_effects: bool,
    /// When lines of the log were lost, cut short or held up, in milliseconds since the run began.
    log_struck: Vec<u64>,
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
    /// When it was seen first.
    pub(super) began_at: u64,
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
    /// The messages that its answer names as failed, whatever the mapping makes of that; absent where that is not known.
    pub(super) named: Option<Vec<Index>>,
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
