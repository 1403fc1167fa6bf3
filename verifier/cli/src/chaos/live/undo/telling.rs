//! Telling a part to be otherwise, and waiting until that is in force.

use std::time::Duration;

use verifier_chaos::{LEASE_READS_WITHIN, Merged};
use verifier_core::experiment::{ResourceConfig, ResourceRef, Update};
use verifier_model::time::Timestamp;

use super::Undo;
use super::words::{failed_update, name, not_so};
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

/// How long a mapping or a function may take to get where it was told to. AWS names no time; its own SDKs wait that long
/// (`FunctionUpdated`, 60 times 5 s).
///
/// Source: <https://awscli.amazonaws.com/v2/documentation/api/latest/reference/lambda/wait/function-updated.html>.
pub(super) const SETTLES_WITHIN: Duration = Duration::from_mins(5);
/// How often it is looked at meanwhile.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the failure of an update may be read after the next one was taken.
const FAILED_READS_WITHIN: Duration = Duration::from_secs(6);
/// How often it is said what is waited for.
const SAY_EVERY: Duration = Duration::from_secs(20);

impl Undo<'_> {
    /// Tells a part to be so, and waits until it reads so and is in force.
    pub(super) async fn tell(&self, part: &ResourceRef, merged: &Merged) -> Result<(), Failure> {
        let Merged { wanted, fields, .. } = merged;
        if fields.is_empty() {
            return Ok(());
        }
        let had_failed = matches!(self.settle(part).await?.1, Update::Failed(_));
        self.aws.configure(part, wanted, fields).await?;
        let mut settled_at: Option<Timestamp> = None;
        loop {
            let (now, update) = self.settle(part).await?;
            let since = *settled_at.get_or_insert(self.clock.now());
            let is_over = self.clock.now() >= since + reads_back_within(part);
            match update {
                // One that had failed before may be read for a while.
                Update::Failed(why)
                    if !had_failed || self.clock.now() >= since + FAILED_READS_WITHIN =>
                {
                    return Err(failed_update(part, &why));
                }
                Update::Done if now.agrees(wanted, fields) => return Ok(()),
                _ if is_over => return Err(not_so(part)),
                _ => self.pause(part).await?,
            }
        }
    }

    /// Waits until the last update of a part has come to its end; says how it is then, and how that has ended.
    pub(super) async fn settle(
        &self,
        part: &ResourceRef,
    ) -> Result<(ResourceConfig, Update), Failure> {
        let began_at = self.clock.now();
        let mut said_at = began_at;
        loop {
            let (now, update) = self.aws.configured(part).await?;
            if update != Update::UnderWay {
                return Ok((now, update));
            }
            let waited = self.clock.now().since(began_at);
            if waited >= SETTLES_WITHIN {
                return Err(Failure::environment(format!(
                    "{} was not where it was set to be within {} s: its update is still in progress",
                    name(part),
                    SETTLES_WITHIN.as_secs()
                )));
            }
            if self.clock.now() >= said_at + SAY_EVERY {
                said_at = self.clock.now();
                self.progress.say(&format!(
                    "the update of {} is still in progress after {} s, given up after {} s",
                    name(part),
                    waited.as_secs(),
                    SETTLES_WITHIN.as_secs()
                ));
            }
            self.pause(part).await?;
        }
    }

    /// Waits until it is looked at the next time; fails where it is not to be waited for any longer.
    pub(super) async fn pause(&self, part: &ResourceRef) -> Result<(), Failure> {
        tokio::select! {
            () = self.clock.sleep(LOOK_EVERY) => Ok(()),
            () = self.stop.cancelled() => Err(Failure {
                what: format!("it was interrupted while {} was waited for", name(part)),
                next: None,
                exit: Exit::Interrupted,
            }),
        }
    }
}

/// How long a part may read as it was before. A queue's attributes take up to a minute to be known everywhere; of the others
/// AWS names no time.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
pub(super) fn reads_back_within(part: &ResourceRef) -> Duration {
    match part {
        ResourceRef::Queue { .. } => Duration::from_secs(90),
        ResourceRef::QueueTag { .. } => LEASE_READS_WITHIN,
        _ => Duration::from_secs(15),
    }
}
