//! The connections of all ports: so many at most, of which the one that has waited longest for its client gives way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::work::{Turns, Work};

/// The connections of one emulator, on all its ports.
///
/// A client that says nothing, sends a request slowly or does not read its answer takes a place for as long as it likes, and
/// may take another once that is closed. So none of them has a place for good: where there is no room, the connection that
/// has waited longest for its client is closed for the next one. One whose request is being answered is never closed.
pub(crate) struct Connections {
    most: usize,
    turns: Turns,
    ports: Mutex<Ports>,
}

/// The connections of each port, each by a number that grows.
#[derive(Default)]
struct Ports {
    last: u64,
    open: BTreeMap<u64, BTreeMap<u64, Open>>,
}

struct Open {
    work: Work,
    leave: Arc<Notify>,
}

/// One port's part of the connections.
pub(crate) struct PortPlaces {
    all: Arc<Connections>,
    id: u64,
    /// The most that this port may have.
    most: usize,
}

/// A connection's place, which is free once this is dropped.
pub(super) struct Place {
    all: Arc<Connections>,
    port: u64,
    id: u64,
    leave: Arc<Notify>,
    pub(super) work: Work,
}

impl Connections {
    /// So many at a time, on all ports together.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, turns: Turns::default(), ports: Mutex::default() })
    }

    /// A port's part: so many of them at most.
    pub(crate) fn port(self: &Arc<Self>, most: usize) -> PortPlaces {
        PortPlaces { all: self.clone(), id: self.lock().number(), most }
    }

    fn lock(&self) -> MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ports {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn of(&self, port: u64) -> usize {
        self.open.get(&port).map_or(0, BTreeMap::len)
    }

    fn all(&self) -> usize {
        self.open.values().map(BTreeMap::len).sum()
    }

    /// The connection that gives way: of a port, or of all.
    fn longest_waiting(&self, port: Option<u64>) -> Option<(u64, u64)> {
        let ports = self.open.iter().filter(|(id, _)| port.is_none_or(|port| port == **id));
        let open = ports.flat_map(|(port, open)| open.iter().map(|(id, open)| (*port, *id, open)));
        let open = open.map(|(port, id, open)| Connection {
            at: (port, id),
            since: open.work.waits_since(),
            has_begun: open.work.has_begun(),
        });
        longest_waiting(&open.collect::<Vec<_>>())
    }

    fn remove(&mut self, port: u64, id: u64) -> Option<Open> {
        let open = self.open.get_mut(&port)?;
        let removed = open.remove(&id);
        if open.is_empty() {
            self.open.remove(&port);
        }
        removed
    }
}

/// What is looked at of a connection where one has to give way.
#[derive(Clone, Copy)]
struct Connection {
    at: (u64, u64),
    /// The turn at which it began to wait for its client, if it does.
    since: Option<u64>,
    /// Whether it ever had a request.
    has_begun: bool,
}

/// The connection that has waited longest for its client. Where half of them never had a request, it is one of those: then they
/// are what is too many, and a client that keeps its connection between two requests is not in their way.
fn longest_waiting(open: &[Connection]) -> Option<(u64, u64)> {
    let silent = open.iter().filter(|connection| !connection.has_begun).count();
    let gives_way = |connection: &&Connection| !connection.has_begun || 2 * silent < open.len();
    let waiting = open.iter().filter(gives_way);
    waiting
        .filter_map(|connection| Some((connection.since?, connection.at)))
        .min()
        .map(|(_, at)| at)
}

impl PortPlaces {
    /// A place for one more connection; none where all that there may be are being answered.
    pub(super) fn enter(&self) -> Option<Place> {
        let mut ports = self.all.lock();
        let crowded = if ports.of(self.id) >= self.most {
            Some(Some(self.id))
        } else {
            (ports.all() >= self.all.most).then_some(None)
        };
        if let Some(where_) = crowded {
            let (port, id) = ports.longest_waiting(where_)?;
            let displaced = ports.remove(port, id)?;
            displaced.leave.notify_one();
        }
        let (id, leave) = (ports.number(), Arc::new(Notify::new()));
        let work = Work::new(&self.all.turns);
        let open = Open { work: work.clone(), leave: leave.clone() };
        ports.open.entry(self.id).or_default().insert(id, open);
        drop(ports);
        Some(Place { all: self.all.clone(), port: self.id, id, leave, work })
    }
}

impl Place {
    /// Returns when the place is another connection's.
    pub(super) async fn displaced(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let removed = self.all.lock().remove(self.port, self.id);
        drop(removed);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn is_displaced(place: &Place) -> bool {
        place.displaced().now_or_never().is_some()
    }

    #[test]
    fn the_connection_that_has_waited_longest_gives_way_and_none_that_is_answered() {
        let port = Connections::new(2).port(2);
        let (first, second) = (port.enter().expect("room"), port.enter().expect("room"));
        first.work.wait();
        let third = port.enter().expect("the second gives way");
        assert!(is_displaced(&second) && !is_displaced(&first));
        // A displaced one that ends later frees no other's place.
        drop(second);
        first.work.answer();
        third.work.answer();
        assert!(port.enter().is_none(), "both are being answered");
        third.work.wait();
        assert!(port.enter().is_some());
        assert!(is_displaced(&third) && !is_displaced(&first));
    }

    #[test]
    fn those_that_never_had_a_request_give_way_first_where_they_are_half() {
        let connection = |id, since, has_begun| Connection { at: (1, id), since, has_begun };
        let kept = connection(1, Some(1), true);
        let answered = connection(2, None, true);
        let (silent, later) = (connection(3, Some(2), false), connection(4, Some(3), false));
        let chosen = |open: &[Connection]| longest_waiting(open).map(|(_, id)| id);
        assert_eq!(chosen(&[kept, answered, silent, later]), Some(3));
        assert_eq!(chosen(&[kept, answered, later]), Some(1), "it has just come");
        assert_eq!(chosen(&[answered]), None);
    }

    #[test]
    fn a_port_that_has_all_that_it_may_have_displaces_its_own() {
        let all = Connections::new(3);
        let (others, own) = (all.port(2), all.port(2));
        let other = others.enter().expect("room");
        let (first, second) = (own.enter().expect("room"), own.enter().expect("room"));
        let third = own.enter().expect("its own first gives way");
        assert!(is_displaced(&first) && !is_displaced(&other));
        // All together are too many: the longest waiting of all.
        let fourth = others.enter().expect("the other's first gives way");
        assert!(is_displaced(&other) && !is_displaced(&second) && !is_displaced(&third));
        drop((second, third, fourth));
        assert_eq!(all.lock().all(), 0);
    }
}
