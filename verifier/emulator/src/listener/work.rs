//! What a connection is doing: it waits for its client, or its client waits for it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// The order in which connections began to wait.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<AtomicU64>);

/// What stands for a request that is being answered: later than any turn.
const ANSWERING: u64 = u64::MAX;

/// What a connection does. It has one request at a time.
#[derive(Clone)]
pub(super) struct Work(Arc<State>);

struct State {
    turns: Turns,
    /// The turn at which the connection began to wait for its client: for a request, for more of one, or for an answer to be
    /// read.
    since: AtomicU64,
    has_begun: AtomicBool,
}

impl Work {
    /// Of a new connection, which waits for its first request.
    pub(super) fn new(turns: &Turns) -> Self {
        let since = AtomicU64::new(turns.next());
        Self(Arc::new(State { turns: turns.clone(), since, has_begun: AtomicBool::new(false) }))
    }

    /// From now on it waits for its client.
    pub(super) fn wait(&self) {
        self.0.since.store(self.0.turns.next(), Ordering::SeqCst);
    }

    /// From now on its client waits for an answer.
    pub(super) fn answer(&self) {
        self.0.since.store(ANSWERING, Ordering::SeqCst);
    }

    /// Since which turn it has been waiting for its client, if it has.
    pub(super) fn waits_since(&self) -> Option<u64> {
        let since = self.0.since.load(Ordering::SeqCst);
        (since != ANSWERING).then_some(since)
    }

    /// Whether the head of a request has ever come.
    pub(super) fn has_begun(&self) -> bool {
        self.0.has_begun.load(Ordering::SeqCst)
    }

    /// The body of a request whose head has come: until all of it has, the connection waits for its client.
    pub(super) fn request(&self, body: Body) -> Body {
        self.0.has_begun.store(true, Ordering::SeqCst);
        self.wait();
        let body = Observed { body, work: self.clone(), kind: Kind::Request };
        body.look();
        Body::new(body)
    }

    /// The body of an answer. While there is something to be read, the connection waits for its client.
    pub(super) fn response(&self, body: Body) -> Body {
        self.wait();
        Body::new(Observed { body, work: self.clone(), kind: Kind::Response })
    }
}

impl Turns {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Response,
}

/// A body that says at each step who waits for whom.
struct Observed {
    body: Body,
    work: Work,
    kind: Kind,
}

impl Observed {
    fn look(&self) {
        if self.kind == Kind::Request && self.body.is_end_stream() {
            self.work.answer();
        }
    }
}

impl HttpBody for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match self.kind {
            Kind::Request => match &polled {
                Poll::Ready(Some(Ok(_))) => self.look(),
                Poll::Ready(_) => self.work.answer(),
                Poll::Pending => (),
            },
            Kind::Response if polled.is_ready() => self.work.wait(),
            // It is asked for more only when there is room for it: so the client has read, and waits.
            Kind::Response => self.work.answer(),
        }
        polled
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
    use futures::stream::{once, pending};
    use futures::{FutureExt, StreamExt};

    use super::*;

    fn part() -> impl futures::Stream<Item = Result<&'static str, std::io::Error>> + Send + 'static
    {
        once(async { Ok("part") })
    }

    #[test]
    fn it_waits_for_its_client_until_a_request_is_whole_and_while_an_answer_is_to_be_read() {
        let work = Work::new(&Turns::default());
        assert!(!work.has_begun() && work.waits_since() == Some(0));
        let _ = work.request(Body::empty());
        assert!(work.has_begun() && work.waits_since().is_none());
        let mut slow = work.request(Body::from_stream(part().chain(pending()))).into_data_stream();
        let since = work.waits_since().expect("it waits");
        assert!(slow.next().now_or_never().is_some() && slow.next().now_or_never().is_none());
        assert_eq!(work.waits_since(), Some(since), "a part that comes wins no time");
        let mut whole = work.request(Body::from("whole")).into_data_stream();
        assert!(whole.next().now_or_never().is_some() && work.waits_since().is_none());
        let mut broken = work.request(Body::from_stream(part())).into_data_stream();
        while broken.next().now_or_never().flatten().is_some() {}
        assert!(work.waits_since().is_none());
        let mut held = work.response(Body::from_stream(part().chain(pending()))).into_data_stream();
        assert!(work.waits_since().is_some());
        assert!(held.next().now_or_never().is_some() && work.waits_since().is_some());
        assert!(held.next().now_or_never().is_none() && work.waits_since().is_none());
    }
}
