//! Many message ids in little memory.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

/// A set of message ids that remembers 64 bits of each: of a million ids, two share them once in thirty-seven million
/// times.
///
/// A tree and not a table: a table doubles at once, and holds both halves of a set of a million while it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdSet(BTreeSet<u64>);

impl IdSet {
    /// Adds an id; says whether it is new.
    pub fn insert(&mut self, id: &str) -> bool {
        self.0.insert(key(id))
    }

    /// Whether an id is in it.
    pub fn contains(&self, id: &str) -> bool {
        self.0.contains(&key(id))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn key(id: &str) -> u64 {
    let digest = Sha256::digest(id);
    digest.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}
