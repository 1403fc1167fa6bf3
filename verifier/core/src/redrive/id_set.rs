//! Many message ids in little memory.

use sha2::{Digest, Sha256};

/// How many parts a set has; a power of two.
const PARTS: usize = 1 << PART_BITS;
/// How many bits of a key tell its part.
const PART_BITS: u32 = 12;
/// A part that is full gets room for an eighth more, and for so many.
const ROOM_MIN: usize = 4;

/// A set of message ids that remembers 64 bits of each: of a million ids, two share them once in thirty-seven million
/// times.
///
/// It is many short sorted lists, each with little room to spare: a tree leaves a third of its nodes empty, and a table
/// doubles at once and holds both halves of a set of a million while it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdSet {
    /// Those whose keys begin alike, in order; none at all before the first.
    parts: Vec<Vec<u64>>,
    len: usize,
}

impl IdSet {
    /// Adds an id; says whether it is new.
    pub fn insert(&mut self, id: &str) -> bool {
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS, Vec::new);
        }
        let key = key(id);
        let part = &mut self.parts[part_of(key)];
        let Err(place) = part.binary_search(&key) else {
            return false;
        };
        if part.len() == part.capacity() {
            part.reserve_exact(part.len() / 8 + ROOM_MIN);
        }
        part.insert(place, key);
        self.len += 1;
        true
    }

    /// Whether an id is in it.
    pub fn contains(&self, id: &str) -> bool {
        let key = key(id);
        self.parts.get(part_of(key)).is_some_and(|part| part.binary_search(&key).is_ok())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// In which part a key is.
fn part_of(key: u64) -> usize {
    usize::try_from(key >> (u64::BITS - PART_BITS)).unwrap_or_default()
}

fn key(id: &str) -> u64 {
    let digest = Sha256::digest(id);
    digest.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(ids in proptest::collection::vec("[a-d]{1,3}", 0..200)) {
            let (mut set, mut model) = (IdSet::default(), BTreeSet::new());
            for id in &ids {
                prop_assert_eq!(set.contains(id), model.contains(id));
                prop_assert_eq!(set.insert(id), model.insert(id));
                prop_assert_eq!((set.len(), set.is_empty()), (model.len(), false));
            }
            prop_assert!(ids.iter().all(|id| set.contains(id)));
            prop_assert!(!set.contains("other") && !IdSet::default().contains("a"));
        }
    }

    #[test]
    fn a_large_one_has_little_room_to_spare() {
        let mut set = IdSet::default();
        for number in 0..100_000 {
            assert!(set.insert(&format!("id-{number}")));
        }
        let room: usize = set.parts.iter().map(Vec::capacity).sum();
        assert!(room < 125_000, "{room}");
        assert!(set.parts.iter().all(|part| part.is_sorted()));
    }
}
