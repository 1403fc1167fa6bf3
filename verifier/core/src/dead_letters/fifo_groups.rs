//! Which groups of a FIFO queue may have messages behind those that receives have brought.

use std::collections::BTreeSet;

/// The groups that may have more messages than were brought.
///
/// A receive brings as many messages of a group as it can, then those of the next one, and none of a group of which some are in
/// flight. So one that is not full has brought all that its groups have, and a full one all but those of its last group.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html>.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FifoGroups {
    open: BTreeSet<String>,
}

impl FifoGroups {
    /// A receive that asked for so many messages has brought messages of these groups, in this order.
    pub fn received<'a>(
        &mut self,
        wanted: usize,
        groups: impl IntoIterator<Item = Option<&'a str>>,
    ) {
        let groups: Vec<&str> = groups.into_iter().flatten().collect();
        for group in &groups {
            self.open.remove(*group);
        }
        if groups.len() < wanted {
            return;
        }
        let mut runs = groups.clone();
        runs.dedup();
        let distinct: BTreeSet<&str> = groups.iter().copied().collect();
        // Where an endpoint mixes groups, any of them may go on.
        let is_in_turn = runs.len() == distinct.len();
        let open = if is_in_turn { runs.split_off(runs.len().saturating_sub(1)) } else { runs };
        self.open.extend(open.into_iter().map(str::to_owned));
    }

    /// Whether messages of a group may be behind those that were brought.
    pub fn may_have_more(&self, group: &str) -> bool {
        self.open.contains(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(receives: &[(usize, &str)]) -> String {
        let mut groups = FifoGroups::default();
        for (wanted, brought) in receives {
            groups.received(*wanted, brought.split("").filter(|name| !name.is_empty()).map(Some));
        }
        groups.open.into_iter().collect()
    }

    #[test]
    fn only_the_last_group_of_a_full_receive_may_have_more() {
        assert_eq!(open(&[(10, "aaabbc")]), "", "it was not full");
        assert_eq!(open(&[(6, "aaabbc")]), "c");
        assert_eq!(open(&[(3, "aaa"), (3, "bbb")]), "ab");
        // It came up again, and brought the rest.
        assert_eq!(open(&[(3, "aaa"), (3, "aa")]), "");
        assert_eq!(open(&[(10, "")]), "");
        // In no order that tells.
        assert_eq!(open(&[(4, "abab")]), "ab");
    }

    #[test]
    fn standard_queues_have_no_groups() {
        let mut groups = FifoGroups::default();
        groups.received(2, [None, None]);
        assert_eq!(groups, FifoGroups::default());
    }
}
