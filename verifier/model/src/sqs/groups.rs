//! The message groups of a FIFO queue: who is next in each, and which are blocked.
//!
//! A message in flight blocks those of its group that came after it, and a group's messages are received in the order in
//! which they came. A message that becomes visible again stands where it stood before.
//!
//! Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>.
//! That messages *before* the one in flight can be received is from recordings, in which one of three messages was held
//! longer than the others: the cases `sqs.fifo-group.*-held-longer` of `verifier/conformance`.

use std::collections::{BTreeMap, BTreeSet};

use super::key::Key;

/// Where a message of a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A receive may return it when it is its turn.
    Available,
    /// Not yet: it is delayed. Those behind it wait for it.
    Delayed,
    /// With a receiver. The whole group waits.
    InFlight,
}

/// The messages of one group, by where they stand. Keys ascend in the order in which messages came.
#[derive(Clone, Debug, Default)]
struct Group {
    available: BTreeSet<Key>,
    delayed: BTreeSet<Key>,
    in_flight: BTreeSet<Key>,
}

impl Group {
    fn set_mut(&mut self, standing: Standing) -> &mut BTreeSet<Key> {
        match standing {
            Standing::Available => &mut self.available,
            Standing::Delayed => &mut self.delayed,
            Standing::InFlight => &mut self.in_flight,
        }
    }

    /// The messages that one receive may return, in order.
    fn receivable(&self) -> impl Iterator<Item = Key> {
        let waiting = self.delayed.first().into_iter().chain(self.in_flight.first());
        let first_waiting = waiting.copied().min().unwrap_or(Key::MAX);
        self.available.iter().copied().take_while(move |key| *key < first_waiting)
    }

    fn is_empty(&self) -> bool {
        self.available.is_empty() && self.delayed.is_empty() && self.in_flight.is_empty()
    }
}

/// All groups of a queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<String, Group>,
    /// The groups that a receive may take from, by their first message.
    ready: BTreeMap<Key, String>,
}

impl Groups {
    /// Puts a message where it now stands, from `from` unless it is new, or takes it away without `to`.
    pub(super) fn place(
        &mut self,
        name: &str,
        key: Key,
        from: Option<Standing>,
        to: Option<Standing>,
    ) {
        let group = self.groups.entry(name.to_owned()).or_default();
        if let Some(first) = group.receivable().next() {
            self.ready.remove(&first);
        }
        if let Some(from) = from {
            group.set_mut(from).remove(&key);
        }
        if let Some(to) = to {
            group.set_mut(to).insert(key);
        }
        if let Some(first) = group.receivable().next() {
            self.ready.insert(first, name.to_owned());
        }
        if group.is_empty() {
            self.groups.remove(name);
        }
    }

    /// What a receive may return, in order: the messages of the group whose turn came first, as many as it has, then
    /// those of the next group.
    pub(super) fn receivable(&self) -> impl Iterator<Item = Key> {
        self.ready.values().filter_map(|name| self.groups.get(name)).flat_map(Group::receivable)
    }

    /// Whether some group has no message that a receive may return now.
    pub(super) fn any_waits(&self) -> bool {
        self.groups.len() > self.ready.len()
    }

    pub(super) fn clear(&mut self) {
        self.groups.clear();
        self.ready.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Available, Delayed, InFlight};
    use super::*;

    fn receivable(groups: &Groups) -> Vec<Key> {
        groups.receivable().collect()
    }

    #[test]
    fn groups_take_turns_by_their_first_message_and_keep_their_own_order() {
        let mut groups = Groups::default();
        for (key, name) in [(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "c")] {
            groups.place(name, key, None, Some(Available));
        }
        assert_eq!(receivable(&groups), [1, 3, 2, 4, 5]);
        groups.place("a", 1, Some(Available), Some(InFlight));
        assert_eq!(receivable(&groups), [2, 4, 5]);
        groups.place("a", 1, Some(InFlight), Some(Available));
        assert_eq!(receivable(&groups), [1, 3, 2, 4, 5]);
        groups.place("a", 1, Some(Available), None);
        assert_eq!(receivable(&groups), [2, 4, 3, 5]);
    }

    #[test]
    fn a_message_in_flight_blocks_those_after_it() {
        let mut groups = Groups::default();
        for key in 1..=3 {
            groups.place("a", key, None, Some(Available));
        }
        groups.place("a", 1, Some(Available), Some(InFlight));
        groups.place("a", 2, Some(Available), Some(InFlight));
        assert!(receivable(&groups).is_empty());
        assert!(groups.any_waits());
        groups.place("a", 1, Some(InFlight), Some(Available));
        assert_eq!(receivable(&groups), [1], "it comes before the one in flight");
        groups.place("a", 2, Some(InFlight), None);
        assert_eq!(receivable(&groups), [1, 3]);
        assert!(!groups.any_waits());
    }

    #[test]
    fn nothing_overtakes_a_delayed_message() {
        let mut groups = Groups::default();
        groups.place("a", 1, None, Some(Available));
        groups.place("a", 2, None, Some(Delayed));
        groups.place("a", 3, None, Some(Available));
        assert_eq!(receivable(&groups), [1]);
        groups.place("a", 1, Some(Available), None);
        assert!(receivable(&groups).is_empty());
        groups.place("a", 2, Some(Delayed), Some(Available));
        assert_eq!(receivable(&groups), [2, 3]);
    }

    #[test]
    fn empty_groups_are_forgotten() {
        let mut groups = Groups::default();
        groups.place("a", 1, None, Some(InFlight));
        groups.place("a", 1, Some(InFlight), None);
        assert!(groups.groups.is_empty() && groups.ready.is_empty());
    }
}
