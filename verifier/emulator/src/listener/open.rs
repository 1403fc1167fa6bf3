//! The connections that are open: so many at most, of which the oldest idle one gives way.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::task::AbortHandle;

/// How many requests of a connection are read or answered.
#[derive(Clone, Default)]
pub(super) struct Work(Arc<AtomicUsize>);

/// A request that is read or answered, until it is dropped.
pub(super) struct AtWork(Work);

impl Work {
    pub(super) fn begin(&self) -> AtWork {
        self.0.fetch_add(1, Ordering::SeqCst);
        AtWork(self.clone())
    }

    fn is_idle(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The connections, the oldest first.
pub(super) struct Open {
    most: usize,
    connections: VecDeque<(AbortHandle, Work)>,
}

impl Open {
    pub(super) fn new(most: usize) -> Self {
        Self { most, connections: VecDeque::new() }
    }

    /// Whether there is room for one more: for that, the oldest one that does nothing is closed. Clients connect again when a
    /// connection that they keep is closed.
    pub(super) fn has_room(&mut self) -> bool {
        if self.connections.len() < self.most {
            return true;
        }
        self.connections.retain(|(task, _)| !task.is_finished());
        if self.connections.len() < self.most {
            return true;
        }
        let idle = self.connections.iter().position(|(_, work)| work.is_idle());
        let closed = idle.and_then(|index| self.connections.remove(index));
        closed.is_some_and(|(task, _)| {
            task.abort();
            true
        })
    }

    pub(super) fn add(&mut self, task: AbortHandle, work: Work) {
        self.connections.push_back((task, work));
    }
}

/// The body of an answer, whose connection is at work until it is sent.
pub(super) fn working(body: Body, at_work: AtWork) -> Body {
    Body::new(Working { body, _at_work: at_work })
}

struct Working {
    body: Body,
    _at_work: AtWork,
}

impl HttpBody for Working {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// A connection that waits for ever.
    fn waiting() -> tokio::task::JoinHandle<()> {
        tokio::spawn(pending())
    }

    #[tokio::test]
    async fn the_oldest_idle_connection_gives_way_and_none_that_is_at_work() {
        let mut open = Open::new(2);
        let (first, second, third) = (waiting(), waiting(), waiting());
        let (of_first, of_second) = (Work::default(), Work::default());
        let at_work = of_first.begin();
        for (task, work) in [(&first, of_first.clone()), (&second, of_second)] {
            assert!(open.has_room());
            open.add(task.abort_handle(), work);
        }
        assert!(open.has_room());
        assert!(second.await.expect_err("it was closed").is_cancelled());
        let of_third = Work::default();
        let answering = working(Body::empty(), of_third.begin());
        open.add(third.abort_handle(), of_third);
        assert!(!open.has_room(), "both are at work");
        drop(answering);
        assert!(open.has_room());
        assert!(third.await.expect_err("it was closed").is_cancelled());
        assert!(!first.is_finished());
        drop(at_work);
        first.abort();
    }

    #[tokio::test]
    async fn a_connection_that_has_ended_takes_no_room() {
        let mut open = Open::new(1);
        let ended = tokio::spawn(async {});
        open.add(ended.abort_handle(), Work::default());
        ended.await.expect("it ends");
        let _at_work = open.connections[0].1.begin();
        assert!(open.has_room());
        assert!(open.connections.is_empty());
    }
}
