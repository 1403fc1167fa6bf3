//! What a history looks like: jobs on a time axis, the stretches in which faults struck, and how full the queues were.
//!
//! Views draw it. What it says is told by the history alone, whoever ran it.

use std::collections::{BTreeMap, HashMap, HashSet};

use contract::Outcome;

use super::history::{Event, Expectation, History, InvocationEnd, Operation, Queue};
use super::id::Id;
use super::observation::Observation;

/// A history, to be drawn. Times are milliseconds since the run began.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// The time of the last line.
    pub ends_at: u64,
    /// The jobs, in the order in which they came up.
    pub lanes: Vec<Lane>,
    /// The stretches in which something was wrong on purpose, in the order of their beginnings.
    pub bands: Vec<Band>,
    /// How many messages were in the queues, at each time at which that changed; empty where not all that comes and goes is seen.
    pub depth: Vec<Sample>,
    /// How long each job took from its first submit to its first success, by the time of the success.
    pub latencies: Vec<(u64, u64)>,
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Its id.
    pub job: String,
    /// What was to be expected of it; unknown if it was never submitted.
    pub nature: Option<Expectation>,
    /// What happened to it, in the order of time.
    pub marks: Vec<Mark>,
    /// What became of it.
    pub end: LaneEnd,
}

/// Something that happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: u64,
    /// What.
    pub kind: MarkKind,
    /// The line that tells it; the header is line 1.
    pub line: usize,
}

/// What happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// A client began to submit it.
    Submitted,
    /// The client was told that it was refused.
    Refused,
    /// The client cannot know whether it was accepted.
    Unanswered,
    /// Its batch was throttled.
    Throttled,
    /// An attempt succeeded.
    Succeeded,
    /// An attempt failed, at that receive.
    Failed(u32),
    /// The invocation that it was attempted in ended without an answer, whatever the attempt itself came to.
    BrokenOff(InvocationEnd),
    /// Its side effect took place.
    Effect,
    /// It was done once more: a side effect beyond the first.
    EffectAgain,
    /// It came into the dead-letter queue.
    DeadLettered,
    /// It was moved back to the jobs queue.
    MovedBack,
    /// A fault struck its message.
    Fault(&'static str),
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneEnd {
    /// It was done.
    Done,
    /// It is in the dead-letter queue.
    DeadLettered,
    /// It was done, and is in the dead-letter queue.
    DoneAndDeadLettered,
    /// It was refused and not seen again.
    Refused,
    /// Nobody knows whether it was accepted, and it was not seen again.
    Unanswered,
    /// It was accepted, or seen, and neither done nor dead-lettered.
    Open,
}

/// A stretch in which something was wrong on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    /// The kind of the fault or of the setting.
    pub kind: &'static str,
    /// At which operation.
    pub operation: String,
    /// From when.
    pub from: u64,
    /// Until when: the last time that it struck, or when it was restored.
    pub until: u64,
    /// When it struck, or once when a setting was changed.
    pub strikes: Vec<u64>,
}

/// How many messages were in the queues from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// From when.
    pub at: u64,
    /// In the jobs queue, received ones included.
    pub jobs: usize,
    /// In the dead-letter queue.
    pub dead_letters: usize,
}

impl Timeline {
    /// Draws a history.
    pub fn of(history: &History) -> Self {
        let mut drawing = Drawing::default();
        for (index, line) in history.lines.iter().enumerate() {
            drawing.take(line.at, History::line_number(index), &line.event);
        }
        let ends_at = history.lines.last().map_or(0, |line| line.at);
        let mut timeline = drawing.finish(ends_at);
        let sees = |wanted| history.header.observes.contains(&wanted);
        if !sees(Observation::Sends) || !sees(Observation::Deletes) {
            // What comes and goes unseen cannot be counted.
            timeline.depth.clear();
        }
        timeline
    }
}

#[derive(Default)]
struct Drawing<'h> {
    lanes: Vec<Lane>,
    places: HashMap<&'h str, usize>,
    submits: HashMap<u64, usize>,
    accepted: HashSet<usize>,
    job_of_message: HashMap<&'h str, usize>,
    receives: HashMap<&'h str, u32>,
    batches: HashMap<&'h str, Vec<&'h str>>,
    /// Attempts of which the worker's line told the outcome.
    told: HashSet<(&'h str, &'h str)>,
    effects: HashMap<usize, HashSet<(&'h str, Option<&'h str>)>>,
    done: HashMap<usize, u64>,
    in_jobs: HashSet<&'h str>,
    in_dead_letters: HashSet<&'h str>,
    bands: BTreeMap<(&'static str, String), Band>,
    /// The settings that are changed.
    changed: Vec<Band>,
    depth: Vec<Sample>,
}

impl<'h> Drawing<'h> {
    fn take(&mut self, at: u64, line: usize, event: &'h Event) {
        match event {
            Event::Invoke { op, operation: Operation::Submit { job, nature, .. } } => {
                let place = self.lane(job);
                self.lanes[place].nature.get_or_insert(*nature);
                self.submits.insert(*op, place);
                self.mark(place, at, line, MarkKind::Submitted);
            }
            Event::Ok { op, .. } => {
                if let Some(place) = self.submits.get(op) {
                    self.accepted.insert(*place);
                }
            }
            Event::Fail { op, .. } => self.end_submit(*op, at, line, MarkKind::Refused),
            Event::Info { op, .. } => self.end_submit(*op, at, line, MarkKind::Unanswered),
            Event::Throttled { messages } => {
                for message in messages.iter().flatten() {
                    self.mark_message(message, at, line, MarkKind::Throttled);
                }
            }
            Event::Fault { fault, operation, messages, .. } => {
                self.strike(fault.kind(), operation, at);
                for message in messages {
                    self.mark_message(message, at, line, MarkKind::Fault(fault.kind()));
                }
            }
            Event::Changed { setting } => self.changed.push(Band {
                kind: setting.kind(),
                operation: setting.operation().to_owned(),
                from: at,
                until: u64::MAX,
                strikes: vec![at],
            }),
            Event::Undo { what } => {
                let open = |band: &&mut Band| band.kind == what && band.until == u64::MAX;
                if let Some(band) = self.changed.iter_mut().find(open) {
                    band.until = at;
                }
            }
            Event::Invoked { .. } | Event::Attempt { .. } | Event::Ended { .. } => {
                self.work(at, line, event);
            }
            _ => self.travel(at, line, event),
        }
    }

    fn work(&mut self, at: u64, line: usize, event: &'h Event) {
        match event {
            Event::Invoked { invocation, messages } => {
                let messages = messages.iter().map(Id::as_str).collect();
                self.batches.insert(invocation, messages);
            }
            Event::Attempt { invocation, message, job, outcome, .. } => {
                self.learn(message, job);
                if self.told.insert((invocation, message)) {
                    let failed = MarkKind::Failed(self.receive_of(message));
                    let succeeded = *outcome == Outcome::Succeeded;
                    let kind = if succeeded { MarkKind::Succeeded } else { failed };
                    self.mark_message(message, at, line, kind);
                    if succeeded {
                        self.is_done(message, at);
                    }
                }
            }
            Event::Ended { invocation, how, .. } if *how != InvocationEnd::Responded => {
                let batch = self.batches.get(invocation.as_str()).cloned().unwrap_or_default();
                for message in batch {
                    let is_told = !self.told.insert((invocation, message));
                    let failed = MarkKind::Failed(self.receive_of(message));
                    let kind = if is_told { MarkKind::BrokenOff(*how) } else { failed };
                    self.mark_message(message, at, line, kind);
                }
            }
            _ => {}
        }
    }

    fn travel(&mut self, at: u64, line: usize, event: &'h Event) {
        match event {
            Event::Sent { message, job } => {
                self.learn(message, job);
                self.in_jobs.insert(message);
            }
            Event::Received { queue: Queue::Jobs, message, job, receive_count } => {
                self.learn(message, job);
                self.receives.insert(message, *receive_count);
            }
            Event::Effect { job, message, key, token } => {
                let place = self.learn(message, job);
                let effect = (key.as_str(), token.as_ref().map(Id::as_str));
                let seen = self.effects.entry(place).or_default();
                let is_known = effect.1.is_some() && seen.contains(&effect);
                let is_another = !is_known && seen.iter().any(|(key, _)| *key == effect.0);
                seen.insert(effect);
                let kind = if is_another { MarkKind::EffectAgain } else { MarkKind::Effect };
                self.mark(place, at, line, kind);
                self.is_done(message, at);
            }
            Event::Deleted { queue: Queue::Jobs, message } => {
                self.in_jobs.remove(message.as_str());
            }
            Event::Deleted { queue: Queue::DeadLetter, message } => {
                self.in_dead_letters.remove(message.as_str());
            }
            Event::DeadLettered { message, job, .. } => {
                let place = self.learn(message, job);
                self.in_jobs.remove(message.as_str());
                self.in_dead_letters.insert(message);
                self.mark(place, at, line, MarkKind::DeadLettered);
            }
            Event::Moved { from, to, job } => {
                let place = self.learn(from, job);
                self.learn(to, job);
                self.in_jobs.insert(to);
                self.mark(place, at, line, MarkKind::MovedBack);
            }
            _ => return,
        }
        self.sample(at);
    }

    fn lane(&mut self, job: &'h str) -> usize {
        *self.places.entry(job).or_insert_with(|| {
            let job = job.to_owned();
            self.lanes.push(Lane { job, nature: None, marks: Vec::new(), end: LaneEnd::Open });
            self.lanes.len() - 1
        })
    }

    fn learn(&mut self, message: &'h str, job: &'h str) -> usize {
        let place = self.lane(job);
        self.job_of_message.insert(message, place);
        place
    }

    fn mark(&mut self, place: usize, at: u64, line: usize, kind: MarkKind) {
        self.lanes[place].marks.push(Mark { at, kind, line });
    }

    fn mark_message(&mut self, message: &str, at: u64, line: usize, kind: MarkKind) {
        if let Some(place) = self.job_of_message.get(message) {
            self.mark(*place, at, line, kind);
        }
    }

    fn end_submit(&mut self, op: u64, at: u64, line: usize, kind: MarkKind) {
        if let Some(place) = self.submits.get(&op) {
            self.mark(*place, at, line, kind);
        }
    }

    fn receive_of(&self, message: &str) -> u32 {
        self.receives.get(message).copied().unwrap_or(1)
    }

    fn is_done(&mut self, message: &str, at: u64) {
        if let Some(place) = self.job_of_message.get(message) {
            self.done.entry(*place).or_insert(at);
        }
    }

    fn strike(&mut self, kind: &'static str, operation: &str, at: u64) {
        let key = (kind, operation.to_owned());
        let band = self.bands.entry(key).or_insert_with_key(|(kind, operation)| Band {
            kind,
            operation: operation.clone(),
            from: at,
            until: at,
            strikes: Vec::new(),
        });
        band.until = at;
        band.strikes.push(at);
    }

    fn sample(&mut self, at: u64) {
        let sample =
            Sample { at, jobs: self.in_jobs.len(), dead_letters: self.in_dead_letters.len() };
        match self.depth.last_mut() {
            Some(last) if last.at == at => *last = sample,
            Some(last) if (last.jobs, last.dead_letters) == (sample.jobs, sample.dead_letters) => {}
            _ => self.depth.push(sample),
        }
    }

    fn finish(mut self, ends_at: u64) -> Timeline {
        let of_message = |message: &&str| self.job_of_message.get(message).copied();
        let dead: HashSet<usize> = self.in_dead_letters.iter().filter_map(of_message).collect();
        for place in 0..self.lanes.len() {
            self.lanes[place].end = self.end_of(place, dead.contains(&place));
        }
        let submitted = |place: usize| self.lanes[place].marks.first().map_or(0, |mark| mark.at);
        let latency = |(place, at): (&usize, &u64)| (*at, at.saturating_sub(submitted(*place)));
        let mut latencies: Vec<(u64, u64)> = self.done.iter().map(latency).collect();
        latencies.sort_unstable();
        for band in &mut self.changed {
            band.until = band.until.min(ends_at);
        }
        let mut bands: Vec<Band> = self.bands.into_values().chain(self.changed).collect();
        bands.sort_by_key(|band| band.from);
        Timeline { ends_at, lanes: self.lanes, bands, depth: self.depth, latencies }
    }

    fn end_of(&self, place: usize, is_dead: bool) -> LaneEnd {
        let marks = &self.lanes[place].marks;
        let last_answer = marks.iter().rev().find_map(|mark| match mark.kind {
            MarkKind::Refused => Some(LaneEnd::Refused),
            MarkKind::Unanswered => Some(LaneEnd::Unanswered),
            _ => None,
        });
        let is_submit =
            |kind| matches!(kind, MarkKind::Submitted | MarkKind::Refused | MarkKind::Unanswered);
        let was_seen = marks.iter().any(|mark| !is_submit(mark.kind));
        match (self.done.contains_key(&place), is_dead) {
            (true, true) => LaneEnd::DoneAndDeadLettered,
            (true, false) => LaneEnd::Done,
            (false, true) => LaneEnd::DeadLettered,
            (false, false) if was_seen || self.accepted.contains(&place) => LaneEnd::Open,
            (false, false) => last_answer.unwrap_or(LaneEnd::Open),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Parts, ReferenceRedriver, ReferenceRules, ReferenceSubmit, ReferenceWorker, Schedule,
        simulate,
    };

    fn timeline(schedule: &str) -> Timeline {
        let mut parts = Parts {
            submit: &mut ReferenceSubmit,
            worker: &mut ReferenceWorker,
            rules: &mut ReferenceRules,
            redriver: &mut ReferenceRedriver,
        };
        let schedule = Schedule::parse(schedule.as_bytes()).unwrap();
        Timeline::of(&simulate(&schedule, &mut parts).unwrap())
    }

    fn kinds(lane: &Lane) -> Vec<MarkKind> {
        lane.marks.iter().map(|mark| mark.kind).collect()
    }

    #[test]
    fn each_job_has_a_lane_that_ends_where_the_job_does() {
        let timeline = timeline(
            r#"{"undoAtMilliseconds":0,"steps":[
              {"submit":{"name":"good","atMilliseconds":0,"job":"good"}},
              {"submit":{"name":"poison","atMilliseconds":0,"job":"poison"}},
              {"submit":{"name":"malformed","atMilliseconds":0,"job":"malformed"}}]}"#,
        );
        let ends: Vec<(&str, LaneEnd)> =
            timeline.lanes.iter().map(|lane| (lane.job.as_str(), lane.end)).collect();
        assert_eq!(
            ends,
            [
                ("good", LaneEnd::Done),
                ("poison", LaneEnd::DeadLettered),
                ("malformed", LaneEnd::Refused),
            ]
        );
        assert_eq!(
            kinds(&timeline.lanes[0]),
            [MarkKind::Submitted, MarkKind::Effect, MarkKind::Succeeded]
        );
        assert_eq!(
            kinds(&timeline.lanes[1]),
            [
                MarkKind::Submitted,
                MarkKind::Failed(1),
                MarkKind::Failed(2),
                MarkKind::Failed(3),
                MarkKind::DeadLettered,
            ]
        );
        let last = timeline.depth.last().unwrap();
        assert_eq!((last.jobs, last.dead_letters), (0, 1));
        assert_eq!(timeline.depth.iter().map(|sample| sample.jobs).max(), Some(2));
        assert_eq!(timeline.latencies.len(), 1);
        assert!(timeline.bands.is_empty());
    }

    #[test]
    fn faults_and_changes_are_bands_and_what_they_break_is_marked() {
        let timeline = timeline(
            r#"{"undoAtMilliseconds":400000,"steps":[
              {"submit":{"name":"good","atMilliseconds":0,"job":"good"}},
              {"submit":{"name":"late","atMilliseconds":70000,"job":"good"}}],
              "faults":[{"operation":"Invoke","function":"worker","nth":{"from":1,"to":2},
                         "fault":{"kind":"crash","at":"after-effect"}}],
              "changes":[{"setting":"mapping-disabled","fromMilliseconds":65000,"untilMilliseconds":90000}]}"#,
        );
        let bands: Vec<(&str, usize)> =
            timeline.bands.iter().map(|band| (band.kind, band.strikes.len())).collect();
        assert_eq!(bands, [("crash", 2), ("mapping-disabled", 1)]);
        let disabled = &timeline.bands[1];
        assert_eq!((disabled.from, disabled.until), (65_000, 90_000));
        assert_eq!(
            kinds(&timeline.lanes[0])[..5],
            [
                MarkKind::Submitted,
                MarkKind::Fault("crash"),
                MarkKind::Effect,
                MarkKind::Succeeded,
                MarkKind::BrokenOff(InvocationEnd::Crashed),
            ]
        );
        // Done at the first attempt, although that failed, and received again: the second crash, and then a success.
        assert_eq!(timeline.lanes[0].end, LaneEnd::Done);
        let late = &timeline.lanes[1];
        let done = late.marks.iter().find(|mark| mark.kind == MarkKind::Succeeded).unwrap();
        assert!(done.at >= 90_000, "nothing is received while the mapping is disabled");
    }

    #[test]
    fn a_lost_answer_and_a_redrive_are_seen() {
        let timeline = timeline(
            r#"{"undoAtMilliseconds":400000,"steps":[
              {"submit":{"name":"a","atMilliseconds":0,"job":"poison"}},
              {"submit":{"name":"b","atMilliseconds":100,"job":"good"}},
              {"redrive":{"atMilliseconds":200000,"by":"client"}}],
              "faults":[{"operation":"POST /jobs","contains":"\"b\"","fault":{"kind":"disconnect","commit":"before"}}]}"#,
        );
        assert!(kinds(&timeline.lanes[0]).contains(&MarkKind::MovedBack));
        assert_eq!(timeline.lanes[0].end, LaneEnd::DeadLettered);
        assert_eq!(kinds(&timeline.lanes[1]), [MarkKind::Submitted, MarkKind::Unanswered]);
        assert_eq!(timeline.lanes[1].end, LaneEnd::Unanswered);
    }
}
