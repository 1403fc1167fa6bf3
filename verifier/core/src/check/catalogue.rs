//! The catalogue of checks, in the order in which they are reported.

use super::rules;

/// A check's entry in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its stable id.
    pub id: &'static str,
    /// What it asserts.
    pub asserts: &'static str,
    /// Why it exists.
    pub why: &'static str,
    /// What to do when it does not hold.
    pub fix: &'static str,
    /// The page that it rests on.
    pub source: &'static str,
    /// Whether a run in which it was not exercised would be green by omission.
    pub must_be_exercised: bool,
}

/// Every check.
pub const CHECKS: [Check; 11] = [
    rules::stack_ready::CHECK,
    rules::stack_owns::CHECK,
    rules::cfg_redrive::CHECK,
    rules::cfg_visibility::CHECK,
    rules::cfg_consumer::CHECK,
    rules::api_hello::CHECK,
    rules::job_accept::CHECK,
    rules::job_success::CHECK,
    rules::dlq_attempts::CHECK,
    rules::dlq_arrival::CHECK,
    rules::clean_residue::CHECK,
];

/// The check of that id.
pub fn find_check(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_is_complete_and_ids_are_distinct() {
        let ids: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        for check in CHECKS {
            assert!(check.id.contains('.'), "{}", check.id);
            assert!(check.source.starts_with("https://"), "{}", check.id);
            assert!(!check.asserts.is_empty() && !check.why.is_empty() && !check.fix.is_empty());
        }
    }
}
