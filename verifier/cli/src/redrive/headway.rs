//! Showing how far a redrive is.

use verifier_core::redrive::{Accounting, FilterTerms, Headway, Ledger, Terms};

use super::engine::{Engine, lock};
use crate::dlq::Place;
use crate::redrive::view;

/// How many letters it is going to send in all; `None` where only looking at each would tell.
pub(super) fn expected(place: &Place, ledger: &Ledger, terms: &Terms) -> Option<u64> {
    let all = if terms.is_planned {
        ledger.planned() as u64
    } else if terms.filter == FilterTerms::default() {
        // A count that is old makes the bar imprecise, and nothing else.
        let count = |name| place.dead_letters.number(name).unwrap_or_default();
        let there =
            count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible");
        there + ledger.replayed()
    } else {
        return terms.max;
    };
    Some(terms.max.map_or(all, |max| max.min(all)))
}

impl Engine<'_> {
    /// Shows how far it is. Of the step that is being judged, so many have succeeded and bounced that the ledger does not
    /// know of yet.
    pub(super) fn show_headway(&self, succeeded: u64, bounced: u64) {
        let (known, replayed) = {
            let ledger = lock(&self.ledger);
            (ledger.accounting(0), ledger.replayed())
        };
        let so_far = Accounting {
            succeeded: known.succeeded + succeeded,
            bounced: known.bounced + bounced,
            unknown: known.unknown.saturating_sub(succeeded + bounced),
            ..known
        };
        // What was sent before it was taken up again says nothing about how fast it goes now.
        let before = self.replayed_before;
        let headway = Headway {
            done: replayed.saturating_sub(before),
            of: self.expected.map(|of| of.saturating_sub(before)),
            elapsed: self.place.clock.now().since(self.began_at),
            limit: self.terms.rate,
        };
        self.progress.measure_often(replayed, self.expected, || view::headway(&so_far, &headway));
    }
}
