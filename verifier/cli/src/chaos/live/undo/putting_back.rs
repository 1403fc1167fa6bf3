//! Putting everything back.

use tokio_util::sync::CancellationToken;
use verifier_aws::Cause;
use verifier_chaos::{Difference, Saved, Standing, UndoEntry, merge};
use verifier_core::check::StackResource;
use verifier_core::experiment::{ResourceConfig, ResourceRef};

use super::Undo;
use super::telling::{LOOK_EVERY, SETTLES_WITHIN};
use super::words::{GONE, not_so, told};
use crate::shell::failure::Failure;

/// How often a part is told to be as it was, where AWS refuses for now.
const ATTEMPTS: u32 = 6;

/// What became of a part that was to be restored.
#[derive(Debug)]
pub(crate) enum Back {
    /// What the experiment changed is as it was. Holds what somebody else has changed meanwhile.
    Restored(Vec<Difference>),
    /// There is nothing to restore any more: it is gone.
    Gone,
    /// Somebody else has changed what the experiment changed, and it is left like that. Holds what differs.
    Contested(Vec<Difference>),
    /// It is not of the stack, and no rollback will touch it.
    Other,
    /// It may be restored later.
    Failed(Failure),
}

impl Undo<'_> {
    /// Puts everything back, the last change first, and says what became of each part. The tag, which says that something is
    /// not back, is kept while that is so. Of `resources`, those of the stack, each part has to be one or be gone, where they
    /// are given: a journal may name any, and a deployment may have taken one away.
    pub(crate) async fn restore_saved(
        &mut self,
        resources: Option<&[StackResource]>,
    ) -> Vec<(ResourceRef, Back)> {
        let mut all = Vec::new();
        self.restore_saved_into(&mut all, resources).await;
        all
    }

    /// The same. What became of a part is told as soon as it is, should this not come to its end.
    pub(crate) async fn restore_saved_into(
        &mut self,
        all: &mut Vec<(ResourceRef, Back)>,
        resources: Option<&[StackResource]>,
    ) {
        // This is waited for, whatever has stopped the changes.
        self.stop = CancellationToken::new();
        for (part, saved) in self.ledger.open() {
            let is_lease = matches!(part, ResourceRef::QueueTag { .. });
            let is_open = |back: &Back| matches!(back, Back::Failed(_) | Back::Other);
            let back = if is_lease && all.iter().any(|(_, back)| is_open(back)) {
                let why = "it says that something else was not restored";
                Back::Failed(Failure::environment(why))
            } else {
                let is_own = resources.is_none_or(|resources| part.belongs_to(resources));
                self.restore_one(&part, &saved, is_own).await
            };
            all.push((part, back));
        }
    }

    async fn restore_one(&mut self, part: &ResourceRef, saved: &Saved, is_own: bool) -> Back {
        if self.told.as_ref().is_some_and(|told| !told.contains(part)) {
            // Nothing was ever asked of it.
            return self.settled(part, Back::Restored(Vec::new())).await;
        }
        // The run itself restores what is its own, whoever has the lease. Somebody else who goes on with its journal may be
        // late: all may be back, and another run at it.
        let is_lease = matches!(part, ResourceRef::QueueTag { .. });
        if let (None, Some(lease), false) = (&self.told, &self.lease, is_lease)
            && let Err(lost) = lease.check().await
        {
            return Back::Failed(lost);
        }
        let mut failure = not_so(part);
        let until = self.clock.now() + SETTLES_WITHIN;
        for _ in 0..ATTEMPTS {
            match self.restore(part, saved, is_own).await {
                Ok(Back::Other) => return Back::Other,
                Ok(back) => return self.settled(part, back).await,
                Err(error) => failure = error,
            }
            // What was waited for that long once is not waited for again.
            if self.clock.now() >= until {
                break;
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        Back::Failed(failure)
    }

    /// Writes down what became of a part.
    async fn settled(&mut self, part: &ResourceRef, back: Back) -> Back {
        let (part, at) = (part.clone(), self.clock.now());
        let noted = match &back {
            Back::Gone => self.note(UndoEntry::Left { part, why: GONE.to_owned(), at }).await,
            Back::Contested(others) => {
                self.note(UndoEntry::Left { part, why: told(others), at }).await
            }
            _ => self.note(UndoEntry::Restored { part, at }).await,
        };
        noted.map_or_else(Back::Failed, |()| back)
    }

    async fn restore(
        &self,
        part: &ResourceRef,
        saved: &Saved,
        is_own: bool,
    ) -> Result<Back, Failure> {
        let Some(now) = self.present(part).await? else { return Ok(Back::Gone) };
        if !is_own {
            return Ok(Back::Other);
        }
        if let ResourceConfig::QueueTag { value } = &now {
            return self.release(part, saved, value.as_deref()).await;
        }
        let merged = merge(saved, &saved.before, &now);
        // Written in any case: what it reads may be older than what this experiment told it last.
        self.tell(part, &merged).await?;
        let is_contested = merged.others.iter().any(|other| other.is_contested);
        let back = if is_contested { Back::Contested } else { Back::Restored };
        Ok(back(merged.others))
    }

    /// How a part is, where it is settled; `None` where there is no such part.
    async fn present(&self, part: &ResourceRef) -> Result<Option<ResourceConfig>, Failure> {
        match self.aws.configuration(part).await {
            Err(error) if error.cause == Cause::NotFound => return Ok(None),
            found => drop(found?),
        }
        Ok(Some(self.settle(part).await?.0))
    }

    /// Takes the tag away, unless it says that another run has the stack.
    async fn release(
        &self,
        part: &ResourceRef,
        saved: &Saved,
        value: Option<&str>,
    ) -> Result<Back, Failure> {
        let run = self.ledger.started().map(|started| started.run.as_str()).unwrap_or_default();
        let now = ResourceConfig::QueueTag { value: value.map(str::to_owned) };
        let mut merged = merge(saved, &saved.before, &now);
        if let Standing::Others(_) = Standing::of(value, run) {
            return Ok(Back::Contested(merged.others));
        }
        merged.wanted = saved.before.clone();
        merged.fields = saved.before.fields().into_keys().collect();
        self.tell(part, &merged).await?;
        Ok(Back::Restored(Vec::new()))
    }
}
