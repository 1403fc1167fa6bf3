//! How many invocations of all functions there may be at a time.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::descriptors;

/// What an account has, unless it asked for more.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const CONCURRENT_MAX: usize = 1_000;

/// How many this machine runs of them for each of its processors: each is some processes, and all of an account's at once would
/// keep it from anything else for minutes.
const OF_PROCESSOR: usize = 64;

/// The account's concurrent executions.
pub(super) struct AccountConcurrency(Semaphore);

impl Default for AccountConcurrency {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::of(descriptors::environments_max().min(processors * OF_PROCESSOR))
    }
}

impl AccountConcurrency {
    /// An account's, or so many where this machine has room for fewer.
    fn of(possible: usize) -> Self {
        Self(Semaphore::new(CONCURRENT_MAX.min(possible)))
    }

    /// Takes one of the account's concurrent executions, until it is dropped; none if all are taken.
    pub(super) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.0.try_acquire().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_a_thousand_and_what_is_over_may_be_had_again() {
        let account = AccountConcurrency::of(2_000);
        let mut all: Vec<_> = std::iter::from_fn(|| account.enter()).collect();
        assert_eq!(all.len(), CONCURRENT_MAX);
        all.pop();
        assert!(account.enter().is_some());
    }

    #[test]
    fn a_machine_with_room_for_fewer_throttles_sooner() {
        let account = AccountConcurrency::of(1);
        let first = account.enter();
        assert!(first.is_some() && account.enter().is_none());
    }
}
