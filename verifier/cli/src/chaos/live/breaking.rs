//! Breaking a live stack: what clients do, what is changed meanwhile, and what ends it before its time.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use verifier_chaos::{Change, Event, Schedule, Setting};
use verifier_core::experiment::ResourceRef;
use verifier_model::time::Timestamp;

use super::competing::receivers;
use super::faults::Faults;
use super::lease::HeldLease;
use super::load::{Action, Submitted, actions};
use super::observing::Depth;
use super::recorder::Recorder;
use super::run::{GUARD_EVERY, Guarded, Load, OTHER_TRAFFIC};
use super::stack::Live;
use super::tasks::Tasks;
use super::undo::Undo;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;

impl Live {
    /// Load and changes, until the undo; says which condition ended it before.
    ///
    /// What changes the stack, and what moves messages, is never broken off in the middle: nobody would know what became of it.
    pub(super) async fn inject(
        &self,
        schedule: &Schedule,
        (recorder, load): (&Recorder, &Mutex<Load>),
        (undo, faults): (&mut Undo<'_>, Option<&Faults>),
        (idle, changed_at): (Depth, Timestamp),
        guarded: &Guarded<'_>,
    ) -> Result<Option<&'static str>, Failure> {
        if let Some(faults) = faults {
            faults.begin(schedule, &self.names()?).await?;
        }
        let (redrives, actions): (Vec<_>, Vec<_>) = actions(&schedule.steps)
            .into_iter()
            .partition(|(_, action)| matches!(action, Action::Redrive(_)));
        let receivers = receivers(schedule);
        let lease = undo.lease().cloned();
        // The changes, the guard, the watch of the lease, and each thing that clients do wait by themselves.
        let count = actions.len() + redrives.len() + receivers.len() + 3;
        let tasks = Tasks::begin(&self.place.clock, count).await;
        let (stop, failed) = (CancellationToken::new(), CancellationToken::new());
        let stopping = async |done: Result<(), Failure>| {
            if done.is_err() {
                failed.cancel();
            }
            done
        };
        let changing = async {
            let changed = self.change(schedule, recorder, undo, (&tasks, &stop)).await;
            stopping(changed).await
        };
        let redriving = async {
            let moved = self.redrives(redrives, recorder, (&tasks, &stop), guarded.interrupt).await;
            stopping(moved).await
        };
        let is_over = CancellationToken::new();
        let clients = async {
            let work = async {
                let (loaded, received) = tokio::join!(
                    self.load(actions, (recorder, load), &tasks),
                    self.compete(receivers, recorder, &tasks)
                );
                loaded.and(received)?;
                is_over.cancelled().await;
                Ok(())
            };
            let ended = tokio::select! {
                done = work => done.map(|()| None),
                condition = self.guard((recorder, load), (idle, changed_at), guarded) => condition.map(Some),
                lost = watch(lease) => Err(lost),
                () = guarded.interrupt.asked() => Ok(Some("interrupted")),
                () = failed.cancelled() => Ok(None),
            };
            stop.cancel();
            ended
        };
        let lasting = async {
            let (changed, moved) = tokio::join!(changing, redriving);
            is_over.cancel();
            changed.and(moved)
        };
        let (ended, lasted) = tokio::join!(clients, lasting);
        tasks.end().await;
        lasted.and(ended)
    }

    /// Moves dead letters back, each time to its end.
    async fn redrives(
        &self,
        actions: Vec<(Duration, Action)>,
        recorder: &Recorder,
        (tasks, stop): (&Tasks<'_>, &CancellationToken),
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let done = actions.into_iter().map(async |(at, action)| {
            let is_its_turn = self.sleeps_until(recorder.watch.began_at + at, stop).await;
            let done = match action {
                Action::Redrive(by) if is_its_turn => self.redrive(recorder, by, interrupt).await,
                _ => Ok(()),
            };
            tasks.end_one().await;
            done
        });
        join_all(done).await.into_iter().collect()
    }

    /// Sleeps until then; says whether nothing has asked to stop before.
    async fn sleeps_until(&self, at: Timestamp, stop: &CancellationToken) -> bool {
        tokio::select! {
            () = self.place.clock.sleep_until(at) => {}
            () = stop.cancelled() => {}
        }
        !stop.is_cancelled()
    }

    /// What clients do, each at its time, whatever the others are waiting for.
    async fn load(
        &self,
        actions: Vec<(Duration, Action)>,
        (recorder, load): (&Recorder, &Mutex<Load>),
        tasks: &Tasks<'_>,
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
                        load.accepted.insert(name, job.nature());
                    }
                    Ok(())
                }
                // They are not broken off, and so stand by themselves.
                Action::Redrive(_) => Ok(()),
                Action::Purge => self.purge_jobs(recorder).await,
            };
            tasks.end_one().await;
            done
        });
        join_all(done).await.into_iter().collect()
    }

    /// Changes settings at their times, and restores each at the end of its own; whatever is left, at the undo.
    async fn change(
        &self,
        schedule: &Schedule,
        recorder: &Recorder,
        undo: &mut Undo<'_>,
        (tasks, stop): (&Tasks<'_>, &CancellationToken),
    ) -> Result<(), Failure> {
        let clock = &self.place.clock;
        let ends = Duration::from_millis(schedule.undo_at_milliseconds);
        for at in times(schedule) {
            let turn = recorder.watch.began_at + Duration::from_millis(at);
            if !self.sleeps_until(turn, stop).await {
                break;
            }
            let settings = in_force(&schedule.changes, at);
            // Before it is done: whatever comes of one that is cut short is its doing, too.
            let changes =
                || schedule.changes.iter().filter(|one| undo.changes_by(&self.parts, one.setting));
            for change in changes().filter(|change| change.from_milliseconds == at) {
                recorder.write(clock.now(), Event::Changed { setting: change.setting });
            }
            for part in self.parts_of(&schedule.changes) {
                if !stop.is_cancelled() {
                    undo.change(&self.parts, &part, &settings).await?;
                }
            }
            for change in schedule.changes.iter().filter(|change| change.until_milliseconds == at) {
                let what = change.setting.kind().into();
                recorder.write(clock.now(), Event::Undo { what });
            }
        }
        self.sleeps_until(recorder.watch.began_at + ends, stop).await;
        tasks.end_one().await;
        Ok(())
    }

    pub(super) fn parts_of(&self, changes: &[Change]) -> BTreeSet<ResourceRef> {
        changes.iter().filter_map(|change| self.parts.of(change.setting)).collect()
    }

    /// Returns the condition that does not let the experiment go on, when one is met.
    async fn guard(
        &self,
        (recorder, load): (&Recorder, &Mutex<Load>),
        (idle, changed_at): (Depth, Timestamp),
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
            if let Some(condition) = abort_reason(depth, idle, submits) {
                return Ok(condition);
            }
            if !self.others_since(recorder, changed_at).await?.is_empty() {
                recorder.meet(OTHER_TRAFFIC);
            }
            if let Some(condition) = recorder.met() {
                return Ok(condition);
            }
            self.note_messages(recorder, depth, guarded.interrupt).await?;
        }
    }
}

/// Ends when the lease is lost, with that.
async fn watch(lease: Option<HeldLease>) -> Failure {
    match lease {
        Some(lease) => lease.watch().await,
        None => std::future::pending().await,
    }
}

/// What cannot come of the experiment's own jobs: more than twice as many messages in either queue. Some are there twice, when
/// a send was tried again that had been kept, or while a redrive moves them.
fn abort_reason(depth: Depth, idle: Depth, submits: u64) -> Option<&'static str> {
    if depth.dead.saturating_sub(idle.dead) > 2 * submits {
        Some("dlq-growth")
    } else if depth.jobs > 2 * (submits + idle.dead) {
        Some(OTHER_TRAFFIC)
    } else {
        None
    }
}

/// When settings change, in order. At the undo everything is restored at once.
fn times(schedule: &Schedule) -> BTreeSet<u64> {
    let changes = schedule.changes.iter();
    let times = changes.flat_map(|change| [change.from_milliseconds, change.until_milliseconds]);
    times.filter(|at| *at < schedule.undo_at_milliseconds).collect()
}

/// The settings that are changed at a time.
pub(super) fn in_force(changes: &[Change], at: u64) -> Vec<Setting> {
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
    fn more_messages_than_were_submitted_are_somebody_elses() {
        let depth = |jobs, dead| Depth { jobs, dead };
        let idle = depth(0, 2);
        assert_eq!(abort_reason(depth(3, 2), idle, 3), None);
        assert_eq!(abort_reason(depth(1, 4), idle, 3), None);
        assert_eq!(abort_reason(depth(10, 4), idle, 3), None, "a redrive moves them");
        assert_eq!(abort_reason(depth(11, 2), idle, 3), Some("other-traffic"));
        assert_eq!(abort_reason(depth(0, 8), idle, 3), None, "each was sent twice");
        assert_eq!(abort_reason(depth(0, 9), idle, 3), Some("dlq-growth"));
    }
}
