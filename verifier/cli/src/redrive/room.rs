//! Waiting for room in memory before messages are received.

use tokio::sync::Notify;

use super::engine::{Engine, lock};

/// Room that was taken, until this is dropped.
pub(super) struct Inside<'a> {
    engine: &'a Engine<'a>,
    taken: usize,
}

impl Inside<'_> {
    /// So many bytes were received.
    pub(super) fn saw(&mut self, bytes: usize) {
        self.taken = lock(&self.engine.room).saw(self.taken, bytes);
        // There may be more room than was thought.
        self.engine.left_room.notify_waiters();
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        lock(&self.engine.room).leave(self.taken);
        self.engine.left_room.notify_waiters();
    }
}

impl Engine<'_> {
    /// Waits for room for a handful of messages. It is there at the latest when those that are in hand are done.
    pub(super) async fn enter(&self) -> Inside<'_> {
        loop {
            let left: &Notify = &self.left_room;
            let notified = left.notified();
            tokio::pin!(notified);
            // Before the look, or who leaves between that and the wait would wake nobody.
            notified.as_mut().enable();
            let taken = lock(&self.room).enter();
            if let Some(taken) = taken {
                return Inside { engine: self, taken };
            }
            // An emulator skips no time while a task is taken to be at work.
            self.place.clock.add_waiters(-1).await;
            notified.await;
            self.place.clock.add_waiters(1).await;
        }
    }
}
