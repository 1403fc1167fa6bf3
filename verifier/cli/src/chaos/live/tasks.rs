//! How many things wait at the same time, of which an emulator has to know.

use std::sync::atomic::{AtomicIsize, Ordering};

use crate::shell::clock::RunClock;

/// The tasks that a part of a run consists of. They take the place of the one that waits for them all.
pub(super) struct Tasks<'a> {
    clock: &'a RunClock,
    beyond_one: AtomicIsize,
}

impl<'a> Tasks<'a> {
    /// So many begin.
    pub(super) async fn begin(clock: &'a RunClock, count: usize) -> Self {
        let beyond_one = isize::try_from(count).unwrap_or(isize::MAX) - 1;
        clock.add_waiters(beyond_one).await;
        Self { clock, beyond_one: AtomicIsize::new(beyond_one) }
    }

    /// One of them has ended. The last one leaves its place to whoever waited for it.
    pub(super) async fn end_one(&self) {
        let has_more = self.beyond_one.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |beyond| {
            (beyond > 0).then_some(beyond - 1)
        });
        if has_more.is_ok() {
            self.clock.add_waiters(-1).await;
        }
    }

    /// None of them goes on, whether they have ended or not.
    pub(super) async fn end(self) {
        self.clock.add_waiters(-self.beyond_one.into_inner()).await;
    }
}
