//! How many bodies are in memory at once.

/// How many bytes a handful is taken to have before one was seen: ten messages of 256 KiB, the most that a queue takes unless
/// it was told otherwise.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>.
const UNSEEN_BYTES: usize = 10 * 256 * 1024;

/// Room for a number of bytes, of which whoever receives messages takes what the largest handful so far had: how large the
/// next one is shows only when it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    bytes: usize,
    taken: usize,
    largest: Option<usize>,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { bytes, taken: 0, largest: None }
    }

    /// Takes room for a handful; `None` where there is none before another one leaves. There is always room for one.
    pub fn enter(&mut self) -> Option<usize> {
        let wanted = self.largest.unwrap_or(UNSEEN_BYTES);
        if self.taken > 0 && self.taken + wanted > self.bytes {
            return None;
        }
        // Also of messages without a byte there is an end.
        let taken = wanted.max(1);
        self.taken += taken;
        Some(taken)
    }

    /// A handful had so many bytes, for which more or less room was taken; says what it takes from now on.
    pub fn saw(&mut self, taken: usize, bytes: usize) -> usize {
        self.largest = Some(self.largest.unwrap_or_default().max(bytes));
        let now = bytes.max(1);
        self.taken = self.taken.saturating_sub(taken) + now;
        now
    }

    /// Gives room back.
    pub fn leave(&mut self, taken: usize) {
        self.taken = self.taken.saturating_sub(taken);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: usize = 1_048_576;

    fn entered(room: &mut Room) -> usize {
        (0..1_000).take_while(|_| room.enter().is_some()).count()
    }

    #[test]
    fn few_enter_before_it_is_known_how_large_messages_are() {
        let mut room = Room::new(24 * MIB);
        assert_eq!(entered(&mut room), 9);
        let mut room = Room::new(MIB);
        assert_eq!(entered(&mut room), 1, "there is room for one, however large it may be");
    }

    #[test]
    fn many_enter_where_messages_are_small_and_few_where_they_are_large() {
        for (bytes, expected) in [(1_000, 1_000), (MIB, 24), (30 * MIB, 1)] {
            let mut room = Room::new(24 * MIB);
            let taken = room.enter().unwrap();
            let taken = room.saw(taken, bytes);
            room.leave(taken);
            assert_eq!(entered(&mut room), expected, "{bytes}");
        }
    }

    proptest! {
        #[test]
        fn what_was_taken_is_given_back_and_no_more_is_taken_than_there_is_but_for_one(
            sizes in proptest::collection::vec(0..4 * MIB, 1..60),
        ) {
            let mut room = Room::new(8 * MIB);
            let mut inside = Vec::new();
            for bytes in sizes {
                while let Some(taken) = room.enter() {
                    prop_assert!(inside.is_empty() || room.taken <= room.bytes);
                    inside.push(room.saw(taken, bytes));
                    if inside.len() > 20 { break; }
                }
                room.leave(inside.remove(0));
            }
            for taken in inside {
                room.leave(taken);
            }
            prop_assert_eq!(room.taken, 0);
        }
    }
}
