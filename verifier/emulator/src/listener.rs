//! A loopback port: connections, each served until its client closes it, the port is closed, or others need its place.

mod places;
mod work;

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use self::places::Place;
pub(crate) use self::places::{Connections, PortPlaces};

/// How long a client may take to read a part of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long after an error connections are accepted again, in real time's clock: no part of the stack waits for it.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How a port's connections are bounded. All times are real time's.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// How long the head of a connection's first request may take to come.
    pub(crate) first_head: Duration,
    /// How long the head of each may take, from the answer before it.
    pub(crate) head: Duration,
    /// The largest head, in bytes.
    pub(crate) head_bytes: usize,
}

/// Accepts connections until the task is aborted, which ends those that are open.
pub(crate) async fn accept<A, F, E>(
    listener: TcpListener,
    places: PortPlaces,
    bounds: Bounds,
    answer: A,
) where
    A: Fn(Request<Body>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<Body>, E>> + Send + 'static,
    E: Error + Send + Sync + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Some(place) = places.enter() {
                    connections.spawn(converse(stream, place, bounds, answer.clone()));
                } else {
                    tracing::warn!(
                        "a connection was closed: all that there may be are being answered"
                    );
                }
            }
            Err(error) => {
                // Out of file descriptors, most likely: the next one to be closed makes room. Until then, asking again
                // at once would only take the processor from those who could close one.
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn converse<A, F, E>(stream: TcpStream, place: Place, bounds: Bounds, answer: A)
where
    A: Fn(Request<Body>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Response<Body>, E>> + Send + 'static,
    E: Error + Send + Sync + 'static,
{
    // Answers are small, and their readers wait for them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("TCP_NODELAY cannot be set: {error}");
    }
    let work = place.work.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let work = work.clone();
        let answered = answer(request.map(|body| work.request(Body::new(body))));
        // An error closes the connection, which is what a fault may ask for.
        async move { Ok::<_, E>(answered.await?.map(|body| work.response(body))) }
    });
    // A client that does not read would keep its answers in memory for as long as it likes.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(READ_TIMEOUT));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(bounds.head_bytes)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        () = place.displaced() => {
            tracing::debug!("a connection was closed: others need its place");
        }
        ended = &mut connection => if let Err(error) = ended {
            tracing::debug!("a connection broke off: {error}");
        },
        () = silence(&place, bounds.first_head) => {
            tracing::debug!("a connection was closed: no request came");
        }
    }
}

/// Returns if no request's head comes in time.
async fn silence(place: &Place, timeout: Duration) {
    tokio::time::sleep(timeout).await;
    if place.work.has_begun() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::SocketAddr;
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::*;
    use crate::body::Bodies;

    const LONG: Duration = Duration::from_mins(10);
    const BOUNDS: Bounds = Bounds { first_head: LONG, head: LONG, head_bytes: 64 * 1024 };

    /// What is sent to `/wait` says that it has come, and is answered when that is asked for.
    #[derive(Default)]
    struct Gate {
        come: Notify,
        open: Notify,
    }

    /// A port that answers what it was sent.
    async fn port(places: PortPlaces, bounds: Bounds) -> (SocketAddr, Arc<Gate>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Arc::new(Bodies::new(1 << 20, 1 << 20, LONG));
        let gate = Arc::new(Gate::default());
        let passed = gate.clone();
        tokio::spawn(accept(listener, places, bounds, move |request: Request<Body>| {
            let (bodies, gate) = (bodies.clone(), passed.clone());
            async move {
                if request.uri().path() == "/wait" {
                    gate.come.notify_one();
                    gate.open.notified().await;
                }
                let read = bodies.read(request.into_body()).await;
                let read = read.map(|held| held.bytes).unwrap_or_default();
                Ok::<_, Infallible>(Response::new(Body::from(read)))
            }
        }));
        (address, gate)
    }

    async fn send(address: SocketAddr, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    /// What comes until the connection is closed.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        String::from_utf8_lossy(&rest).into_owned()
    }

    const QUICK: &str =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    const SLOW_BODY: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{";

    #[tokio::test]
    async fn a_quick_request_is_answered_whatever_is_slow_and_comes_again() {
        for slow in ["", "POST / HT", SLOW_BODY, "GET /unread HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let (address, _) = port(Connections::new(4).port(4), BOUNDS).await;
            let mut open = Vec::new();
            for _ in 0..50 {
                open.push(send(address, slow).await);
                let answer = rest(&mut send(address, QUICK).await).await;
                assert!(answer.ends_with("hi"), "{slow:?}: {answer}");
            }
            // The first ones were closed for the later ones.
            let closed = rest(&mut open[0]).await;
            assert!(!slow.contains("unread") || closed.starts_with("HTTP/1.1 200"), "{closed}");
        }
    }

    #[tokio::test]
    async fn what_is_being_answered_keeps_its_place() {
        let (address, gate) = port(Connections::new(2).port(2), BOUNDS).await;
        let waiting = "GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let mut waiting = send(address, waiting).await;
        gate.come.notified().await;
        for _ in 0..20 {
            let _slow = send(address, SLOW_BODY).await;
            assert!(rest(&mut send(address, QUICK).await).await.ends_with("hi"));
        }
        gate.open.notify_one();
        assert!(rest(&mut waiting).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_connection_on_which_no_request_comes_is_closed() {
        let bounds = Bounds { first_head: Duration::from_millis(1), ..BOUNDS };
        let (address, _) = port(Connections::new(4).port(4), bounds).await;
        assert_eq!(rest(&mut send(address, "").await).await, "");
        assert_eq!(rest(&mut send(address, "GET / HT").await).await, "");
    }
}
