//! Reading requests' bodies: each within a size and a time, and all at once within the memory that there is for them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::admission::Refused;

/// What room is counted by, in bytes: a body without one takes none.
const UNIT_BYTES: usize = 1024;

/// What one kind of requests may hold in bodies at a time, however many there are.
pub(crate) struct Bodies {
    /// The most that one body may have.
    bytes_max: usize,
    /// How long a body may take, with the wait for its room, in real time's clock.
    timeout: Duration,
    room: Arc<Semaphore>,
}

/// A body that was read. Its room is free for others once this is dropped.
#[derive(Debug)]
pub(crate) struct HeldBody {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl HeldBody {
    /// The body of a request that needs none.
    pub(crate) fn none() -> Self {
        Self { bytes: Bytes::new(), _room: None }
    }
}

impl Bodies {
    /// Room for so many bytes, of which one body has a part.
    pub(crate) fn new(room_bytes: usize, bytes_max: usize, timeout: Duration) -> Self {
        Self { bytes_max, timeout, room: Arc::new(Semaphore::new(room_bytes / UNIT_BYTES)) }
    }

    /// Reads a body once there is room for all of it. It takes that at once, or two that are half read could wait for each
    /// other; and in the order of asking, so that small ones do not keep a large one waiting for ever.
    pub(crate) async fn read(&self, body: Body) -> Result<HeldBody, Refused> {
        let size = body.size_hint();
        if usize::try_from(size.lower()).unwrap_or(usize::MAX) > self.bytes_max {
            return Err(self.too_large());
        }
        let most = size.upper().and_then(|most| usize::try_from(most).ok());
        let units = most.unwrap_or(self.bytes_max).min(self.bytes_max).div_ceil(UNIT_BYTES);
        let deadline = tokio::time::Instant::now() + self.timeout;
        let room = self.room.clone().acquire_many_owned(u32::try_from(units).unwrap_or(u32::MAX));
        let Ok(Ok(mut room)) = tokio::time::timeout_at(deadline, room).await else {
            return Err(no_room());
        };
        let whole = axum::body::to_bytes(body, self.bytes_max);
        let whole = tokio::time::timeout_at(deadline, whole).await;
        let bytes = whole.map_err(|_| self.too_late())?.map_err(|_| self.too_large())?;
        // One that did not say how long it is took as much as it might have been.
        let spare = room.num_permits().saturating_sub(bytes.len().div_ceil(UNIT_BYTES));
        drop(room.split(spare));
        Ok(HeldBody { bytes, _room: Some(room) })
    }

    fn too_large(&self) -> Refused {
        let bytes_max = self.bytes_max;
        let sentence =
            format!("The request body could not be read, or is larger than {bytes_max} bytes.");
        Refused::new(413, "RequestEntityTooLarge", sentence)
    }

    fn too_late(&self) -> Refused {
        let seconds = self.timeout.as_secs();
        let sentence = format!("The request body was not whole within {seconds} s.");
        Refused::new(408, "RequestTimeout", sentence)
    }
}

fn no_room() -> Refused {
    let sentence = "The bodies of other requests take all the room that there is for them; send this one again later.";
    Refused::new(503, "ServiceUnavailable", sentence)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use futures::stream::{iter, pending};

    use super::*;

    /// Reads a body of at most four bytes.
    async fn read(body: Body, timeout: Duration) -> Result<Bytes, u16> {
        let bodies = Bodies::new(UNIT_BYTES, 4, timeout);
        bodies.read(body).await.map(|held| held.bytes).map_err(|refused| refused.status)
    }

    #[tokio::test]
    async fn a_body_has_a_size_and_a_deadline() {
        let none = Duration::ZERO;
        let long = Duration::from_mins(1);
        assert_eq!(read(Body::from("1234"), long).await, Ok(Bytes::from_static(b"1234")));
        assert_eq!(read(Body::from("12345"), long).await, Err(413));
        let parts = |count: usize| iter((0..count).map(|_| Ok::<_, std::io::Error>("12")));
        assert_eq!(read(Body::from_stream(parts(3)), long).await, Err(413), "not announced");
        let never_whole = Body::from_stream(parts(1).chain(pending()));
        assert_eq!(read(never_whole, none).await, Err(408));
    }

    #[tokio::test]
    async fn all_bodies_together_have_a_size_and_one_that_waits_for_room_gets_it_in_time_or_not() {
        let bodies = Bodies::new(2 * UNIT_BYTES, 2 * UNIT_BYTES, Duration::ZERO);
        let of = |length: usize| Body::from(vec![b'x'; length]);
        let unannounced =
            |length: usize| Body::from_stream(iter([Ok::<_, std::io::Error>(vec![b'x'; length])]));
        let first = bodies.read(unannounced(1)).await.expect("there is room");
        // It took one unit, whatever it might have taken.
        let second = bodies.read(of(UNIT_BYTES)).await.expect("there is room for one more");
        let refused = |read: Result<HeldBody, Refused>| read.err().map(|refused| refused.status);
        assert_eq!(refused(bodies.read(of(1)).await), Some(503));
        assert_eq!(refused(bodies.read(of(0)).await), None, "what is empty takes no room");
        assert_eq!(refused(bodies.read(of(2 * UNIT_BYTES + 1)).await), Some(413));
        drop(first);
        assert_eq!(refused(bodies.read(unannounced(1)).await), Some(503), "it may be larger");
        drop(second);
        let long = Bodies { timeout: Duration::from_mins(1), ..bodies };
        let held = long.read(of(2 * UNIT_BYTES)).await.expect("there is room");
        let (waited, ()) = tokio::join!(long.read(of(1)), async { drop(held) });
        assert_eq!(waited.expect("in its turn").bytes.len(), 1);
    }
}
