//! The order of messages of a group, where a batch was confirmed in parts.

use std::collections::BTreeSet;

/// Which entries of a batch were confirmed though one before them of their group was not: they are out of order, since the other
/// one comes later or not at all. Each entry is its group, and whether it was confirmed.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>: entries succeed and
/// fail one by one.
pub fn overtaking<'a>(entries: impl IntoIterator<Item = (Option<&'a str>, bool)>) -> Vec<usize> {
    let mut broken = BTreeSet::new();
    let mut found = Vec::new();
    for (index, (group, is_confirmed)) in entries.into_iter().enumerate() {
        if !is_confirmed {
            broken.insert(group);
        } else if broken.contains(&group) {
            found.push(index);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_behind_a_failed_one_of_their_group_are_out_of_order() {
        let (a, b) = (Some("a"), Some("b"));
        assert!(overtaking([(a, true), (b, true), (a, true)]).is_empty());
        assert_eq!(overtaking([(a, true), (a, false), (b, true), (a, true), (a, true)]), [3, 4]);
        // Nothing that came before it is.
        assert!(overtaking([(a, true), (a, false), (a, false)]).is_empty());
        assert_eq!(overtaking([(a, false), (a, false), (a, true)]), [2]);
    }
}
