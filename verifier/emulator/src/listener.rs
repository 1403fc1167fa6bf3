//! The loopback port: connections, each served until its client closes it, the emulator ends, or others need its place.

mod open;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use self::open::{Open, Work, working};
use crate::descriptors;
use crate::server::Server;
use crate::transport::Disconnected;

/// How long a client may take to read a part of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest head of a request, in bytes: more than any client here sends, and less than would take memory.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long after an error connections are accepted again, in real time's clock: no part of the stack waits for it.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Accepts connections until the task is aborted, which ends those that are open.
pub(crate) async fn serve(listener: TcpListener, server: Arc<Server>) {
    let mut connections = JoinSet::new();
    let mut open = Open::new(descriptors::connections_max());
    loop {
        match listener.accept().await {
            Ok((stream, _)) if open.has_room() => {
                let work = Work::default();
                let task = connections.spawn(converse(stream, server.clone(), work.clone()));
                open.add(task, work);
            }
            Ok(_) => tracing::warn!("a connection was closed: all that there may be are at work"),
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

async fn converse(stream: TcpStream, server: Arc<Server>, work: Work) {
    // Answers are small, and their readers wait for them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("TCP_NODELAY cannot be set: {error}");
    }
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (server, at_work) = (server.clone(), work.begin());
        // An error closes the connection, which is what a fault may ask for.
        async move {
            let answer = server.handle(request.map(Body::new)).await?;
            Ok::<_, Disconnected>(answer.map(|body| working(body, at_work)))
        }
    });
    // A client that does not read would keep its answers in memory for as long as it likes.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(READ_TIMEOUT));
    let ended = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
        .await;
    if let Err(error) = ended {
        tracing::debug!("a connection broke off: {error}");
    }
}
