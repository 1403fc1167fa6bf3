//! What became of every message of a redrive.

use serde::{Deserialize, Serialize};

/// How many messages ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Accounting {
    /// Those that were sent, each once or more.
    pub replayed: u64,
    /// Of those, the ones that are known to have succeeded.
    pub succeeded: u64,
    /// Of those that succeeded, the ones of which only that is known: they did not come back.
    pub succeeded_by_absence: u64,
    /// Of those that were sent, the ones that failed again.
    pub bounced: u64,
    /// Of those that were sent, the ones of which nothing is known.
    pub unknown: u64,
    /// Of those that were sent, the ones that may have been sent more than once.
    pub ambiguous: u64,
    /// Of those that were sent, the ones that are still in the dead-letter queue, as far as is known.
    pub not_deleted: u64,
    /// Those of which no answer said whether they arrived: they may have, and are still in the dead-letter queue.
    pub unconfirmed: u64,
    /// Those that could not be sent.
    pub not_sent: u64,
    /// Those of a plan that had changed, and were not sent.
    pub changed: u64,
    /// Of those that were sent, the ones that overtook one of their message group on a FIFO queue.
    pub out_of_order: u64,
    /// Those of a plan that were looked for until all that was there had come, and were not there any more.
    pub missing: u64,
    /// Those of a plan that nothing was done with yet: the redrive ended before they came.
    pub not_reached: u64,
    /// Messages in the dead-letter queue at the end, by its count.
    pub left: u64,
}

impl Accounting {
    /// Whether everything that was to be sent is sent in its order, and gone from the dead-letter queue.
    pub fn is_clean(&self) -> bool {
        self.not_sent == 0
            && self.unconfirmed == 0
            && self.not_deleted == 0
            && self.changed == 0
            && self.out_of_order == 0
            && self.not_reached == 0
    }

    /// What was not done of what was asked for by a redrive from that dead-letter queue, which nothing has stopped.
    pub fn shortfall(&self, dead_letters: &str) -> Option<String> {
        let Self { replayed, missing, left, not_sent, unconfirmed, changed, not_reached, .. } =
            *self;
        if unconfirmed > 0 {
            return Some(format!(
                "{replayed} messages were sent, {unconfirmed} may have arrived or not, as no answer said, and {not_sent} were not sent"
            ));
        }
        match (replayed, missing, left) {
            (0, 1.., _) if not_sent + changed + not_reached == 0 => Some(format!(
                "nothing was sent: none of the {missing} planned messages is there any more"
            )),
            (0, 0, 1..) if not_sent + changed + not_reached == 0 => Some(format!(
                "nothing was sent: none of the messages in {dead_letters} is selected (the queue counts {left})"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_arrived_is_not_called_nothing() {
        let of = |accounting: Accounting| accounting.shortfall("q").unwrap_or_default();
        let none_selected = Accounting { left: 30, ..Accounting::default() };
        assert!(of(none_selected).contains("is selected"));
        let unconfirmed = Accounting { unconfirmed: 25, ..none_selected };
        let told = of(unconfirmed);
        assert!(told.starts_with("0 messages were sent, 25 may have arrived"), "{told}");
        let half = Accounting { replayed: 5, not_sent: 1, ..unconfirmed };
        assert!(of(half).starts_with("5 messages were sent, 25 may"), "{}", of(half));
        assert!(of(Accounting { missing: 2, ..none_selected }).contains("none of the 2 planned"));
        for other in [
            Accounting { not_sent: 1, ..none_selected },
            Accounting { not_reached: 1, missing: 1, ..none_selected },
            Accounting { replayed: 1, ..none_selected },
        ] {
            assert_eq!(of(other), "", "{other:?}");
        }
    }
}
