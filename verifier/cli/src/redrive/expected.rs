//! How much a redrive is going to do.

use verifier_core::redrive::{FilterTerms, Ledger, Terms};

use crate::dlq::DlqTarget;

/// How many messages it is going to send in all; `None` where only looking at each would tell.
pub(super) fn expected(place: &DlqTarget, ledger: &Ledger, terms: &Terms) -> Option<u64> {
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
