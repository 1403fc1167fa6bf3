//! How many invocations of all functions there may be at a time.

use tokio::sync::{Semaphore, SemaphorePermit};

/// What an account has, unless it asked for more.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const CONCURRENT_MAX: usize = 1_000;

/// The account's concurrent executions.
pub(super) struct AccountConcurrency(Semaphore);

impl Default for AccountConcurrency {
    fn default() -> Self {
        Self(Semaphore::new(CONCURRENT_MAX))
    }
}

impl AccountConcurrency {
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
        let account = AccountConcurrency::default();
        let mut all: Vec<_> = std::iter::from_fn(|| account.enter()).collect();
        assert_eq!(all.len(), CONCURRENT_MAX);
        all.pop();
        assert!(account.enter().is_some());
    }
}
