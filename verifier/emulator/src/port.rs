//! The port of the stack's services.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::listener::{Bounds, PortPlaces, accept};
use crate::server::Server;

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest head is more than any client here sends, and less than would take memory.
const BOUNDS: Bounds =
    Bounds { first_head: HEAD_TIMEOUT, head: HEAD_TIMEOUT, head_bytes: 64 * 1024 };

/// Serves it until the task is aborted, which ends what is open.
pub(crate) async fn serve(listener: TcpListener, places: PortPlaces, server: Arc<Server>) {
    accept(listener, places, BOUNDS, move |request| server.clone().handle(request)).await;
}
