//! Reading requests' bodies: each within a size and a time, and all at once within the memory that there is for them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::admission::Refused;

/// What room is counted by, in bytes: a body without one takes none.
const UNIT_BYTES: usize = 1024;

/// Up to this many bytes a body has room in which large ones are never in its way.
const SMALL_BYTES_MAX: usize = 256 * 1024;

/// What one kind of requests may hold in bodies at a time, however many there are.
///
/// A large body waits for room for all of it before it is read, or two that are half read could wait for each other. So one that
/// is announced and never comes is in the way of other large ones until its time is over. Small ones take room as they come,
/// and wait for none: what is only announced keeps none of them waiting.
pub(crate) struct Bodies {
    /// The most that one body may have.
    bytes_max: usize,
    /// The most that a small one has.
    small_bytes_max: usize,
    /// How long a body may take, with the wait for its room, in real time's clock.
    timeout: Duration,
    large: Arc<Semaphore>,
    small: Arc<Semaphore>,
}

/// A body that was read. Its room is free for others once this is dropped.
#[derive(Debug)]
pub(crate) struct HeldBody {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// A body as far as it has come.
#[derive(Default)]
struct Coming {
    chunks: Vec<Bytes>,
    length: usize,
    room: Option<OwnedSemaphorePermit>,
    is_large: bool,
}

impl HeldBody {
    /// The body of a request that needs none.
    pub(crate) fn none() -> Self {
        Self { bytes: Bytes::new(), _room: None }
    }
}

impl Bodies {
    /// Room for so many bytes, of which one body has a part, and for a quarter of that in small bodies besides.
    pub(crate) fn new(room_bytes: usize, bytes_max: usize, timeout: Duration) -> Self {
        let room = |bytes: usize| Arc::new(Semaphore::new(bytes.div_ceil(UNIT_BYTES)));
        let (large, small) = (room(room_bytes), room(room_bytes.div_ceil(4)));
        Self { bytes_max, small_bytes_max: SMALL_BYTES_MAX, timeout, large, small }
    }

    /// Reads a body as far as there is room for it.
    pub(crate) async fn read(&self, body: Body) -> Result<HeldBody, Refused> {
        let size = body.size_hint();
        if usize::try_from(size.lower()).unwrap_or(usize::MAX) > self.bytes_max {
            return Err(self.too_large());
        }
        let announced = size.upper().and_then(|most| usize::try_from(most).ok());
        let most = announced.unwrap_or(self.bytes_max).min(self.bytes_max);
        let deadline = Instant::now() + self.timeout;
        let mut coming = Coming::default();
        if announced.is_some_and(|announced| announced > self.small_bytes_max) {
            self.make_large(&mut coming, most, deadline).await?;
        }
        let mut chunks = body.into_data_stream();
        while let Some(chunk) =
            timeout_at(deadline, chunks.next()).await.map_err(|_| self.too_late())?
        {
            let chunk = chunk.map_err(|_| malformed())?;
            let length = coming.length + chunk.len();
            if length > self.bytes_max {
                return Err(self.too_large());
            }
            if !coming.is_large && length > self.small_bytes_max {
                self.make_large(&mut coming, most, deadline).await?;
            } else if !coming.is_large {
                self.grow(&mut coming, length)?;
            }
            coming.length = length;
            coming.chunks.push(chunk);
        }
        Ok(coming.whole())
    }

    /// Takes room for a large body, in the order of asking: small ones of the large do not keep the largest waiting for ever.
    async fn make_large(
        &self,
        coming: &mut Coming,
        most: usize,
        deadline: Instant,
    ) -> Result<(), Refused> {
        let room = self.large.clone().acquire_many_owned(units(most));
        let Ok(Ok(room)) = timeout_at(deadline, room).await else {
            return Err(no_room());
        };
        coming.room = Some(room);
        coming.is_large = true;
        Ok(())
    }

    /// Takes room for a small body that has become so long.
    fn grow(&self, coming: &mut Coming, length: usize) -> Result<(), Refused> {
        let has = coming.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let lacks = units(length).saturating_sub(u32::try_from(has).unwrap_or(u32::MAX));
        let more = self.small.clone().try_acquire_many_owned(lacks).map_err(|_| no_room())?;
        match &mut coming.room {
            Some(room) => room.merge(more),
            room => *room = Some(more),
        }
        Ok(())
    }

    fn too_large(&self) -> Refused {
        let bytes_max = self.bytes_max;
        let sentence = format!("The request body is larger than {bytes_max} bytes.");
        Refused::new(413, "RequestEntityTooLarge", sentence)
    }

    fn too_late(&self) -> Refused {
        let seconds = self.timeout.as_secs();
        let sentence = format!("The request body was not whole within {seconds} s.");
        Refused::new(408, "RequestTimeout", sentence)
    }
}

impl Coming {
    fn whole(mut self) -> HeldBody {
        // One that did not say how long it is took as much as it might have been.
        let needed = usize::try_from(units(self.length)).unwrap_or(usize::MAX);
        if let Some(room) = &mut self.room {
            drop(room.split(room.num_permits().saturating_sub(needed)));
        }
        let bytes = match self.chunks.as_slice() {
            [all] => all.clone(),
            chunks => chunks.concat().into(),
        };
        HeldBody { bytes, _room: self.room }
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

fn malformed() -> Refused {
    let sentence = "The request body broke off, or its chunks are malformed; send it whole, with its length or in chunks.";
    Refused::new(400, "BadRequest", sentence)
}

fn no_room() -> Refused {
    let sentence = "The bodies of other requests take all the room that there is for them; send this one again later.";
    Refused::new(503, "ServiceUnavailable", sentence)
}

#[cfg(test)]
mod tests {
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
        let broken = iter([Ok("12"), Err(std::io::Error::other("not a chunk"))]);
        assert_eq!(read(Body::from_stream(broken), long).await, Err(400));
        let never_whole = Body::from_stream(parts(1).chain(pending()));
        assert_eq!(read(never_whole, none).await, Err(408));
    }

    fn of(length: usize) -> Body {
        Body::from(vec![b'x'; length])
    }

    fn unannounced(length: usize) -> Body {
        Body::from_stream(iter([Ok::<_, std::io::Error>(vec![b'x'; length])]))
    }

    fn status(read: Result<HeldBody, Refused>) -> Option<u16> {
        read.err().map(|refused| refused.status)
    }

    /// Room for two units of large bodies, of two at most, and one of small ones, of half a unit at most.
    fn bodies(timeout: Duration) -> Bodies {
        let bodies = Bodies::new(2 * UNIT_BYTES, 2 * UNIT_BYTES, timeout);
        Bodies { small_bytes_max: UNIT_BYTES / 2, ..bodies }
    }

    #[tokio::test]
    async fn large_bodies_together_have_a_size_and_one_that_waits_for_room_gets_it_in_time_or_not()
    {
        let now = bodies(Duration::ZERO);
        let first = now.read(unannounced(UNIT_BYTES)).await.expect("there is room");
        // It took one unit, whatever it might have taken.
        let second = now.read(of(UNIT_BYTES)).await.expect("there is room for one more");
        assert_eq!(status(now.read(of(UNIT_BYTES)).await), Some(503));
        assert_eq!(status(now.read(of(2 * UNIT_BYTES + 1)).await), Some(413));
        drop(first);
        assert_eq!(status(now.read(unannounced(UNIT_BYTES)).await), Some(503), "it may be larger");
        drop(second);
        let long = Bodies { timeout: Duration::from_mins(1), ..now };
        let held = long.read(of(2 * UNIT_BYTES)).await.expect("there is room");
        let (waited, ()) = tokio::join!(long.read(of(UNIT_BYTES)), async { drop(held) });
        assert_eq!(waited.expect("in its turn").bytes.len(), UNIT_BYTES);
    }

    #[tokio::test]
    async fn small_bodies_take_room_as_they_come_and_none_waits() {
        let bodies = bodies(Duration::from_mins(1));
        let first = bodies.read(unannounced(1)).await.expect("there is room");
        assert_eq!(status(bodies.read(of(1)).await), Some(503), "at once");
        assert_eq!(status(bodies.read(of(0)).await), None, "what is empty takes no room");
        drop(first);
        assert_eq!(status(bodies.read(of(1)).await), None);
    }

    #[tokio::test]
    async fn what_is_announced_and_does_not_come_keeps_no_small_body_waiting() {
        let bodies = bodies(Duration::from_mins(1));
        let never = || unannounced(UNIT_BYTES).into_data_stream().chain(pending());
        let all = (0..3).map(|_| bodies.read(Body::from_stream(never())));
        let read = tokio::select! {
            biased;
            _ = futures::future::join_all(all) => panic!("they do not end"),
            read = bodies.read(of(UNIT_BYTES / 2)) => read,
        };
        assert_eq!(read.expect("there is room for it").bytes.len(), UNIT_BYTES / 2);
    }
}
