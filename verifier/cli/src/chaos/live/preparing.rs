//! What an experiment on a live stack begins and ends with: the lease, what is saved, and restoring everything.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use verifier_chaos::{Schedule, Started, UNDO_SCHEMA};
use verifier_core::experiment::{Changed, Circumstances, Lease, ResourceRef, changed};
use verifier_model::time::Timestamp;

use super::breaking::in_force;
use super::recorder::Recorder;
use super::run::{GUARD_EVERY, Guarded};
use super::stack::Live;
use super::tasks::Tasks;
use super::undo::{Back, Undo, name, told};
use crate::shell::clean;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;
use crate::shell::interrupt::Interrupt;

/// How long what was restored may be read as it was before: see `undo`.
const READS_WITHIN: Duration = Duration::from_secs(90);

/// What was there when everything was ready to be changed.
pub(super) struct Prepared {
    /// What decides how messages fare, as it was before.
    pub(super) before: Circumstances,
    /// When the first change was about to be made.
    pub(super) changed_at: Timestamp,
}

impl Live {
    /// Says who breaks the stack, and changes what is changed from the beginning.
    pub(super) async fn prepare(
        &self,
        schedule: &Schedule,
        lease: &Lease,
        undo: &mut Undo<'_>,
        guarded: &Guarded<'_>,
    ) -> Result<Prepared, Failure> {
        let before = self.circumstances().await?;
        let (lease_part, parts) = (self.lease_part()?, self.parts_of(&schedule.changes));
        undo.save(&lease_part, &[]).await?;
        for part in &parts {
            let settings = schedule.changes.iter().map(|change| change.setting);
            let of_part = settings.filter(|setting| self.parts.of(*setting).as_ref() == Some(part));
            undo.save(part, &of_part.collect::<Vec<_>>()).await?;
        }
        self.say_how_to_restore(guarded);
        if let Some(other) = undo.claim(&lease_part, &lease.value()).await? {
            return Err(self.taken(&other)?);
        }
        // Whoever is about to put something back, or goes on to change it, shows by now.
        refuse_what_has_changed(&changed(&before, &self.circumstances().await?))?;
        let changed_at = self.place.clock.now();
        let settings = in_force(&schedule.changes, 0);
        for part in parts {
            undo.change(&self.parts, &part, &settings).await?;
        }
        Ok(Prepared { before, changed_at })
    }

    /// What decides how the stack's messages fare.
    async fn circumstances(&self) -> Result<Circumstances, Failure> {
        let (jobs, dead) = (self.place.needed_source()?, &self.place.dead_letters);
        let queues = [(&*jobs.name, &*jobs.url), (&*dead.name, &*dead.url)];
        let functions = [Some(&*self.parts.worker), self.parts.submit.as_deref()];
        let functions: Vec<&str> = functions.into_iter().flatten().collect();
        Ok(self.place.aws.circumstances(&queues, &functions).await?)
    }

    /// Fails where anything that decides it is otherwise than before, when all was restored at that time. What was restored
    /// may be read late.
    pub(super) async fn refuse_other_circumstances(
        &self,
        before: &Circumstances,
        restore_at: Timestamp,
    ) -> Result<(), Failure> {
        let clock = &self.place.clock;
        let until = restore_at + READS_WITHIN;
        loop {
            let changed = changed(before, &self.circumstances().await?);
            if changed.is_empty() || clock.now() >= until {
                return refuse_what_has_changed(&changed);
            }
            clock.sleep(GUARD_EVERY).await;
        }
    }

    /// Says what to do should this process end before it has restore everything: nobody may be able to say it then.
    fn say_how_to_restore(&self, guarded: &Guarded<'_>) {
        let Some(rollback) = &self.rollback else { return };
        let name = clean::line(&self.name);
        let now =
            format!("{name} is changed from now on; should this be killed, restore it: {rollback}");
        guarded.progress.keep(&now);
        let word = format!("{name} is not restored; restore it: {rollback}");
        guarded.interrupt.leave_word(Some(word));
    }

    /// How the undo journal begins.
    pub(super) fn started(&self, schedule: &Schedule, at: Timestamp) -> Result<Started, Failure> {
        let mut parts = vec![self.lease_part()?];
        parts.extend(self.parts_of(&schedule.changes));
        Ok(Started {
            schema: UNDO_SCHEMA.to_owned(),
            run: self.run.to_string(),
            stack: self.name.clone(),
            stack_id: self.stack_id.clone(),
            region: self.place.aws.region().unwrap_or_default().to_owned(),
            endpoint: self.place.aws.endpoint().map(str::to_owned),
            parts,
            at,
        })
    }

    /// Fails where something is not as it was: what somebody else has changed meanwhile included, since what was seen is of
    /// two stacks then.
    pub(super) fn refuse_what_is_not_back(
        &self,
        parts: Vec<(ResourceRef, Back)>,
        stopped: Option<&Failure>,
    ) -> Result<(), Failure> {
        let because =
            stopped.map_or_else(String::new, |stopped| format!(" (it had failed: {stopped})"));
        let mut changed = Vec::new();
        for (part, back) in parts {
            let part = name(&part);
            let what = match back {
                Back::Failed(failure) => {
                    return Err(Failure {
                        next: self.rollback.clone(),
                        exit: Exit::Stopped,
                        what: format!("{part} was not restored: {failure}{because}"),
                    });
                }
                Back::Restored(others) if others.is_empty() => continue,
                Back::Restored(others) => {
                    format!("{part} is restored, but {}, which is left", told(&others))
                }
                Back::Contested(others) => format!("{part} is left: {}", told(&others)),
                Back::Gone => format!("{part} is gone"),
                Back::Other => format!("{part} is not the stack's"),
            };
            changed.push(what);
        }
        if changed.is_empty() {
            return Ok(());
        }
        let what = changed.join("; ");
        Err(Failure {
            next: Some("run it again while nothing else changes the stack".to_owned()),
            ..Failure::environment(format!("{what}{because}"))
        })
    }

    /// Puts everything back, and goes on to look for messages meanwhile: when one is seen is when it is taken to have come.
    pub(super) async fn restore_saved(
        &self,
        undo: &mut Undo<'_>,
        recorder: &Recorder,
        interrupt: &Interrupt,
    ) -> Vec<(ResourceRef, Back)> {
        let is_done = CancellationToken::new();
        let tasks = Tasks::begin(&self.place.clock, 2).await;
        let put = async {
            let not_back = undo.restore_saved(None).await;
            is_done.cancel();
            tasks.end_one().await;
            not_back
        };
        let look = async {
            while !is_done.is_cancelled() {
                // What cannot be seen now is seen later.
                if let Ok(depth) = self.depth().await {
                    let _ = self.note_messages(recorder, depth, interrupt).await;
                }
                tokio::select! {
                    () = self.place.clock.sleep(GUARD_EVERY) => {}
                    () = is_done.cancelled() => {}
                }
            }
        };
        let (not_back, ()) = tokio::join!(put, look);
        tasks.end().await;
        not_back
    }
}

/// Fails where something is otherwise than it was: what was seen then is of two stacks.
fn refuse_what_has_changed(changed: &[Changed]) -> Result<(), Failure> {
    if changed.is_empty() {
        return Ok(());
    }
    let changed: Vec<String> = changed.iter().map(ToString::to_string).collect();
    Err(Failure {
        next: Some("run it again while nothing else changes the stack".to_owned()),
        ..Failure::environment(format!(
            "another actor has changed the stack meanwhile, which is left: {}",
            changed.join("; ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_is_named_and_nothing_is_no_failure() {
        assert!(refuse_what_has_changed(&[]).is_ok());
        let changed = Changed {
            name: "DelaySeconds of q".to_owned(),
            before: Some("0".to_owned()),
            now: Some("5".to_owned()),
        };
        let refused = refuse_what_has_changed(&[changed]).unwrap_err();
        assert!(refused.what.contains("DelaySeconds of q is 5, and was 0 before"), "{refused}");
    }
}
