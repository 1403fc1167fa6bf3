//! Showing how far a redrive is.

use verifier_core::redrive::{Accounting, Headway};

use super::engine::{Engine, lock};
use crate::redrive::view;

impl Engine<'_> {
    /// Shows how far it is. Of the step that is being evaluated, so many have succeeded and bounced that the ledger does not
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
