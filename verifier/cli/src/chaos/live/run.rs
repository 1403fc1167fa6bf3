//! A schedule on a live stack: load and changes, the undo, the drain, and the history.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use verifier_core::chaos::{
    Anomaly, AnomalySet, Change, Configuration, Event, HISTORY_VERSION, Header, History, JobKind,
    Lease, Limits, Observation, Part, Schedule, Setting, StackTerms, Step, Terms, UNDO_SCHEMA,
    UndoEntry, Watch,
};
use verifier_core::faults::{Fault, FaultRule};
use verifier_core::time::Timestamp;

use super::competing::receivers;
use super::faults::{Faults, Names};
use super::load::{Action, Submitted, actions};
use super::observing::{Depth, Drained};
use super::recorder::Recorder;
use super::stack::Live;
use super::tasks::Tasks;
use super::undo::{Undo, name};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::view::Progress;

/// How often it is looked whether a condition to abort is met.
const GUARD_EVERY: Duration = Duration::from_secs(5);
/// How much longer than its own time an experiment may hold its lease: it has to drain, to be put back and to be looked at.
const LEASE_BEYOND: Duration = Duration::from_hours(1);

/// What an experiment is guarded by.
pub(crate) struct Guarded<'a> {
    pub(crate) limits: Limits,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) progress: &'a Progress,
}

/// What was accepted, and may have been.
#[derive(Default)]
struct Load {
    /// The jobs whose acceptance their client was told.
    accepted: BTreeSet<String>,
    submits: u64,
}

impl Live {
    /// Runs a schedule. Whatever was changed is put back before anything is judged, also when it fails or is interrupted.
    pub(crate) async fn run(
        &self,
        schedule: &Schedule,
        guarded: Guarded<'_>,
    ) -> Result<History, Failure> {
        self.refuse_what_cannot_be_changed(schedule)?;
        // Before anything is changed: whether faults can strike at all.
        let faults = self.faults(schedule)?;
        let idle = self.depth().await?;
        if idle.jobs > 0 {
            return Err(Failure {
                next: Some("wait until they are worked off".to_owned()),
                ..Failure::environment(format!(
                    "there are {} messages in the jobs queue of {}: nobody could tell whose faults they suffer",
                    idle.jobs, self.name
                ))
            });
        }
        let clock = &self.place.clock;
        let prepared_at = clock.now();
        let undo_at = Duration::from_millis(schedule.undo_at_milliseconds);
        let started = UndoEntry::Started {
            schema: UNDO_SCHEMA.to_owned(),
            run: self.run.to_string(),
            stack: self.name.clone(),
            region: self.place.aws.region().unwrap_or_default().to_owned(),
            at: prepared_at,
        };
        let at = (self.place.aws.clone(), clock.clone());
        let mut undo = Undo::begin(at, &self.journal, started).await?;
        let until = prepared_at + undo_at + LEASE_BEYOND;
        let lease = Lease { run: self.run.to_string(), until };
        // What is to be changed from the beginning is, before anything is submitted; a mapping takes a while.
        let prepared = self.prepare(schedule, &lease, &mut undo).await;
        let began_at = clock.now();
        let recorder = self.recorder(began_at);
        let load = Mutex::new(Load::default());
        let done = match prepared {
            Ok(()) => {
                self.break_it(
                    schedule,
                    (&recorder, &load),
                    (&mut undo, faults.as_ref()),
                    idle,
                    &guarded,
                )
                .await
            }
            Err(failure) => Err(failure),
        };
        let struck = match &faults {
            Some(faults) => faults.end().await,
            None => Ok(Vec::new()),
        };
        guarded.progress.say("putting everything back");
        let not_back = undo.put_back().await;
        let at = recorder.watch.since(clock.now());
        // Those that were in force just before.
        let before = at.min(schedule.undo_at_milliseconds).saturating_sub(1);
        for setting in in_force(&schedule.changes, before) {
            recorder.write(clock.now(), Event::Undo { what: setting.kind().into() });
        }
        if let Some((part, failure)) = not_back.into_iter().next() {
            return Err(Failure {
                next: Some(format!("verifier chaos rollback --journal {}", undo.journal())),
                ..Failure::environment(format!("{} was not put back: {failure}", name(&part)))
            });
        }
        for (at, event) in struck? {
            recorder.write(at, event);
        }
        let aborted = done?;
        if let Some(condition) = aborted {
            recorder.write(clock.now(), Event::Aborted { condition: condition.into() });
        }
        self.judge_later(schedule, (&recorder, load), aborted.is_some(), &guarded).await
    }

    /// Says who breaks the stack, and changes what is changed from the beginning.
    async fn prepare(
        &self,
        schedule: &Schedule,
        lease: &Lease,
        undo: &mut Undo,
    ) -> Result<(), Failure> {
        let taken = Configuration::QueueTag { value: Some(lease.value()) };
        undo.set(&self.lease_part()?, &taken).await?;
        let settings = in_force(&schedule.changes, 0);
        for part in self.parts_of(&schedule.changes) {
            undo.change(&self.parts, &part, &settings).await?;
        }
        Ok(())
    }

    /// Drains the stack, and tells the whole history.
    async fn judge_later(
        &self,
        schedule: &Schedule,
        (recorder, load): (&Recorder, Mutex<Load>),
        is_aborted: bool,
        guarded: &Guarded<'_>,
    ) -> Result<History, Failure> {
        guarded.progress.say("waiting until everything is worked off");
        let load = load.into_inner().unwrap_or_else(PoisonError::into_inner);
        let drained = self
            .drain(recorder, &load.accepted, longest_hidden(schedule), guarded.interrupt)
            .await?;
        let left = self.remove_letters(recorder, guarded.interrupt).await?;
        if let Some(left) = left {
            guarded.progress.say(&left);
        }
        let Drained { is_empty, remaining, observed } = drained;
        // What was broken off is not judged to its end.
        let complete = is_empty && !is_aborted;
        let now = self.place.clock.now();
        let with_receives =
            recorder.watch.tells_every_receive(&observed, self.terms.max_receive_count);
        recorder.letters(now, observed.letters.iter().map(|(_, letter)| letter.clone()).collect());
        recorder.write(now, Event::Drained { complete, remaining });
        let told = verifier_core::chaos::Observed { letters: Vec::new(), ..observed };
        let more = recorder.watch.lines(&told, with_receives);
        let observes =
            match (self.place.log_group.is_some() && !loses_lines(schedule), with_receives) {
                (true, true) => vec![Observation::Attempts, Observation::Receives],
                (true, false) => vec![Observation::Attempts],
                (false, _) => Vec::new(),
            };
        let header = Header {
            version: HISTORY_VERSION,
            seed: schedule.seed,
            target: self.target.into(),
            terms: Terms {
                told_late_milliseconds: told_late(&self.terms, schedule),
                ..self.terms.terms()
            },
            observes: observes.into(),
            // A standard queue may deliver a message again at any time, and an invocation's end is not seen.
            allows: schedule.allows().union(AnomalySet::of(&[Anomaly::Redelivered])),
        };
        Ok(History { header, lines: recorder.finish(more) })
    }

    /// The faults of the emulator, where the schedule has some. A deployed stack lets nobody into its inside.
    fn faults(&self, schedule: &Schedule) -> Result<Option<Faults>, Failure> {
        match &self.endpoint {
            _ if schedule.faults.is_empty() => Ok(None),
            Some(endpoint) => Faults::of(endpoint).map(Some),
            None => Err(Failure {
                next: Some(
                    "take one that only changes settings: `verifier chaos list` says which do"
                        .to_owned(),
                ),
                ..Failure::usage(format!(
                    "the experiment has faults that strike inside of a stack, and {} lets nobody in",
                    self.name
                ))
            }),
        }
    }

    /// What the parts of the stack are called.
    fn names(&self) -> Result<Names, Failure> {
        let worker = self.parts.worker.rsplit(':').next().unwrap_or_default().to_owned();
        Ok(Names {
            jobs: self.place.needed_source()?.name.clone(),
            dead_letters: self.place.dead_letters.name.clone(),
            worker,
            submit: self.parts.submit.clone(),
            prefix: self.prefix(),
        })
    }

    /// What the ids of the run's jobs begin with.
    fn prefix(&self) -> String {
        format!("{}-", self.run)
    }

    fn recorder(&self, began_at: Timestamp) -> Recorder {
        Recorder::new(Watch {
            prefix: self.prefix(),
            ids: self.settings.jobs.message_ids.clone(),
            began_at,
        })
    }

    /// Fails on a setting that the stack has no part for, before anything is changed.
    fn refuse_what_cannot_be_changed(&self, schedule: &Schedule) -> Result<(), Failure> {
        let lacks = |setting: Setting| {
            !matches!(setting, Setting::CompetingReceiver { .. })
                && self.parts.of(setting).is_none()
        };
        let without = schedule.changes.iter().find(|change| lacks(change.setting));
        match without {
            None => Ok(()),
            Some(change) => Err(Failure::usage(format!(
                "{} cannot be changed about {}: no function of it is known that sends to its jobs queue",
                change.setting.kind(),
                self.name
            ))),
        }
    }

    /// Load and changes, until the undo; says which condition ended it before.
    async fn break_it(
        &self,
        schedule: &Schedule,
        (recorder, load): (&Recorder, &Mutex<Load>),
        (undo, faults): (&mut Undo, Option<&Faults>),
        idle: Depth,
        guarded: &Guarded<'_>,
    ) -> Result<Option<&'static str>, Failure> {
        if let Some(faults) = faults {
            faults.begin(schedule, &self.names()?).await?;
        }
        let actions = actions(&schedule.steps);
        let receivers = receivers(schedule);
        // The changes, the guard, and each thing that clients do wait by themselves.
        let count = actions.len() + receivers.len() + 2;
        let tasks = Tasks::begin(&self.place.clock, count).await;
        let ended = {
            let work = async {
                let (loaded, received, changed) = tokio::join!(
                    self.load(actions, (recorder, load), &tasks, guarded.interrupt),
                    self.compete(receivers, recorder, &tasks),
                    self.change(schedule, recorder, undo, &tasks)
                );
                loaded.and(received).and(changed)
            };
            tokio::select! {
                done = work => done.map(|()| None),
                condition = self.guard(recorder, load, idle, guarded) => condition.map(Some),
                () = guarded.interrupt.asked() => Ok(Some("interrupted")),
            }
        };
        tasks.end().await;
        ended
    }

    /// What clients do, each at its time, whatever the others are waiting for.
    async fn load(
        &self,
        actions: Vec<(Duration, Action)>,
        (recorder, load): (&Recorder, &Mutex<Load>),
        tasks: &Tasks<'_>,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let clock = &self.place.clock;
        let done = actions.into_iter().map(async |(at, action)| {
            clock.sleep_until(recorder.watch.began_at + at).await;
            let done = match action {
                Action::Submit { name, job } => {
                    load.lock().unwrap_or_else(PoisonError::into_inner).submits += 1;
                    let submitted = self.submit(recorder, &name, job).await;
                    let mut load = load.lock().unwrap_or_else(PoisonError::into_inner);
                    if matches!(submitted, Submitted::Accepted) {
                        load.accepted.insert(name);
                    }
                    Ok(())
                }
                Action::Redrive(by) => self.redrive(recorder, by, interrupt).await,
                Action::Purge => self.purge_jobs(recorder).await,
            };
            tasks.end_one().await;
            done
        });
        join_all(done).await.into_iter().collect()
    }

    /// Changes settings at their times, and puts each back at the end of its own; whatever is left, at the undo.
    async fn change(
        &self,
        schedule: &Schedule,
        recorder: &Recorder,
        undo: &mut Undo,
        tasks: &Tasks<'_>,
    ) -> Result<(), Failure> {
        let clock = &self.place.clock;
        for at in times(schedule) {
            clock.sleep_until(recorder.watch.began_at + Duration::from_millis(at)).await;
            let settings = in_force(&schedule.changes, at);
            for part in self.parts_of(&schedule.changes) {
                undo.change(&self.parts, &part, &settings).await?;
            }
            for change in schedule.changes.iter().filter(|change| change.from_milliseconds == at) {
                recorder.write(clock.now(), Event::Changed { setting: change.setting });
            }
            for change in schedule.changes.iter().filter(|change| change.until_milliseconds == at) {
                let what = change.setting.kind().into();
                recorder.write(clock.now(), Event::Undo { what });
            }
        }
        let end = Duration::from_millis(schedule.undo_at_milliseconds);
        clock.sleep_until(recorder.watch.began_at + end).await;
        tasks.end_one().await;
        Ok(())
    }

    fn parts_of(&self, changes: &[Change]) -> BTreeSet<Part> {
        changes.iter().filter_map(|change| self.parts.of(change.setting)).collect()
    }

    /// Returns the condition that does not let the experiment go on, when one is met.
    async fn guard(
        &self,
        recorder: &Recorder,
        load: &Mutex<Load>,
        idle: Depth,
        guarded: &Guarded<'_>,
    ) -> Result<&'static str, Failure> {
        let clock = &self.place.clock;
        loop {
            clock.sleep(GUARD_EVERY).await;
            let submits = load.lock().unwrap_or_else(PoisonError::into_inner).submits;
            let calls: u64 = self.place.aws.calls().counts().values().map(|n| u64::from(*n)).sum();
            let at = recorder.watch.since(clock.now());
            if let Some(condition) = guarded.limits.met(at, calls + submits) {
                return Ok(condition);
            }
            let depth = self.depth().await?;
            if let Some(condition) = strange(depth, idle, submits) {
                return Ok(condition);
            }
            self.note_letters(recorder, depth, guarded.interrupt).await?;
        }
    }
}

/// What cannot come of the experiment's own jobs: more than twice as many messages in either queue. Some are there twice, when
/// a send was tried again that had been kept, or while a redrive moves them.
fn strange(depth: Depth, idle: Depth, submits: u64) -> Option<&'static str> {
    if depth.dead.saturating_sub(idle.dead) > 2 * submits {
        Some("dlq-growth")
    } else if depth.jobs > 2 * (submits + idle.dead) {
        Some("foreign-traffic")
    } else {
        None
    }
}

/// Whether lines of the log may be missing, on purpose: then what it does not tell may have happened all the same.
fn loses_lines(schedule: &Schedule) -> bool {
    let loses =
        |rule: &FaultRule| matches!(rule.fault, Fault::LogLost | Fault::LogTruncated { .. });
    // A process that ends leaves no line of what it did not come to.
    let ends = |step: &Step| matches!(step.job(), Some(JobKind::Exiting { .. }));
    schedule.faults.iter().any(loses) || schedule.steps.iter().any(ends)
}

/// For how long a message may be hidden beyond what the stack's own terms say.
fn longest_hidden(schedule: &Schedule) -> Duration {
    let hides = schedule.changes.iter().filter_map(|change| change.setting.hides_seconds());
    Duration::from_secs(hides.max().unwrap_or_default().into())
}

/// How much later than it took place a receive may be told of, in milliseconds: when its message's line was written, after the
/// window of its batch and the work on it.
fn told_late(terms: &StackTerms, schedule: &Schedule) -> u64 {
    let (mut window, mut timeout) =
        (terms.maximum_batching_window_seconds, terms.function_timeout_seconds);
    for change in &schedule.changes {
        match change.setting {
            Setting::BatchingWindow { seconds } => window = window.max(seconds),
            Setting::WorkerTimeout { seconds } => timeout = timeout.max(seconds),
            _ => {}
        }
    }
    u64::from(window + timeout) * 1_000
}

/// When settings change, in order. At the undo everything is put back at once.
fn times(schedule: &Schedule) -> BTreeSet<u64> {
    let changes = schedule.changes.iter();
    let times = changes.flat_map(|change| [change.from_milliseconds, change.until_milliseconds]);
    times.filter(|at| *at < schedule.undo_at_milliseconds).collect()
}

/// The settings that are changed at a time.
fn in_force(changes: &[Change], at: u64) -> Vec<Setting> {
    let is_in_force =
        |change: &&Change| (change.from_milliseconds..change.until_milliseconds).contains(&at);
    changes.iter().filter(is_in_force).map(|change| change.setting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_in_force_from_their_beginning_to_their_end_and_not_beyond_the_undo() {
        let change = |setting, from, until| Change {
            setting,
            from_milliseconds: from,
            until_milliseconds: until,
        };
        let changes = vec![
            change(Setting::MappingDisabled, 10, 30),
            change(Setting::BatchSize { size: 1 }, 20, 90),
        ];
        let schedule = Schedule { changes, undo_at_milliseconds: 50, ..Schedule::default() };
        assert_eq!(times(&schedule).into_iter().collect::<Vec<_>>(), [10, 20, 30]);
        let at = |at| in_force(&schedule.changes, at).len();
        assert_eq!([at(9), at(10), at(20), at(29), at(30)], [0, 1, 2, 2, 1]);
    }

    #[test]
    fn a_receive_is_told_after_the_longest_window_and_the_longest_work() {
        let change = |setting| Change { setting, from_milliseconds: 0, until_milliseconds: 1 };
        let terms = StackTerms::default();
        let of = |changes| told_late(&terms, &Schedule { changes, ..Schedule::default() });
        assert_eq!(of(vec![]), 10_000);
        assert_eq!(of(vec![change(Setting::BatchingWindow { seconds: 0 })]), 10_000);
        assert_eq!(
            of(vec![
                change(Setting::BatchingWindow { seconds: 20 }),
                change(Setting::WorkerTimeout { seconds: 30 }),
            ]),
            50_000
        );
    }

    #[test]
    fn more_messages_than_were_submitted_are_somebody_elses() {
        let depth = |jobs, dead| Depth { jobs, dead };
        let idle = depth(0, 2);
        assert_eq!(strange(depth(3, 2), idle, 3), None);
        assert_eq!(strange(depth(1, 4), idle, 3), None);
        assert_eq!(strange(depth(10, 4), idle, 3), None, "a redrive moves them");
        assert_eq!(strange(depth(11, 2), idle, 3), Some("foreign-traffic"));
        assert_eq!(strange(depth(0, 8), idle, 3), None, "each was sent twice");
        assert_eq!(strange(depth(0, 9), idle, 3), Some("dlq-growth"));
    }
}
