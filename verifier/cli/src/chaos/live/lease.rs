//! Whether the lease is still the run's: nothing is changed without it.

use std::time::Duration;

use verifier_aws::{Aws, Cause};
use verifier_chaos::{
    ClaimReadings, Claimed, Held, HeldReadings, LEASE_EVERY, LEASE_LOST_AFTER, Standing,
};
use verifier_core::experiment::{LEASE_TAG, Lease};

use crate::shell::clock::RunClock;
use crate::shell::failure::Failure;

/// How often a reading that is not clear is repeated.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A lease that a run has, or is about to.
#[derive(Clone)]
pub(crate) struct HeldLease {
    aws: Aws,
    clock: RunClock,
    queue_url: String,
    /// The name of the run.
    run: String,
}

impl HeldLease {
    /// The lease of a run, by what it sets the tag to.
    pub(super) fn new((aws, clock): (Aws, RunClock), queue_url: &str, value: &str) -> Self {
        let run = Lease::read(value).map_or_else(|| value.to_owned(), |lease| lease.run);
        Self { aws, clock, queue_url: queue_url.to_owned(), run }
    }

    /// Fails where the lease is not the run's any more.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        let mut readings = HeldReadings::default();
        loop {
            let standing = self.standing().await?;
            match readings.take(&standing, self.clock.now()) {
                Held::Yes => return Ok(()),
                Held::Lost => return Err(self.lost(&standing)),
                Held::Unclear => self.clock.sleep(AGAIN_AFTER).await,
            }
        }
    }

    /// Ends when the lease is not the run's any more, with that.
    pub(super) async fn watch(&self) -> Failure {
        loop {
            self.clock.sleep(LEASE_EVERY).await;
            if let Err(failure) = self.check().await {
                return failure;
            }
        }
    }

    /// Waits until it is known whose the lease is that the run has just claimed.
    pub(super) async fn claimed(&self) -> Result<Claimed, Failure> {
        let mut readings = ClaimReadings::since(self.clock.now());
        loop {
            self.clock.sleep(AGAIN_AFTER).await;
            let standing = self.standing().await?;
            match readings.take(&standing, self.clock.now()) {
                Claimed::Unclear => {}
                claimed => return Ok(claimed),
            }
        }
    }

    async fn standing(&self) -> Result<Standing, Failure> {
        match self.aws.queue_tag(&self.queue_url, LEASE_TAG).await {
            Ok(value) => Ok(Standing::of(value.as_deref(), &self.run)),
            Err(error) if error.cause == Cause::NotFound => Ok(Standing::Gone),
            Err(error) => Err(error.into()),
        }
    }

    fn lost(&self, standing: &Standing) -> Failure {
        let queue = self.queue_url.rsplit('/').next().unwrap_or(&self.queue_url);
        let now = match standing {
            Standing::Others(value) => format!("the tag {LEASE_TAG} of {queue} says {value}"),
            Standing::Gone => format!("{queue} is gone"),
            _ => format!("the tag {LEASE_TAG} of {queue} was removed"),
        };
        Failure {
            next: Some("run it again while nothing else changes the stack".to_owned()),
            ..Failure::environment(format!(
                "the experiment lock of {} was lost: for {} s, {now}; nothing more was changed",
                self.run,
                LEASE_LOST_AFTER.as_secs()
            ))
        }
    }
}
