//! The catalogue of checks, in the order in which they are reported.

use super::{Weight, rules};

/// The worst that a check says of a stack, so that one knows beforehand what a run can fail by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It fails the run.
    Fail,
    /// It warns; with `--strict`, that fails the run.
    Warn,
    /// It tells something.
    Info,
}

impl Check {
    /// Its section in the runbook.
    ///
    /// GitHub makes a heading's anchor from its letters and digits.
    pub fn runbook(&self) -> String {
        format!("RUNBOOK.md#{}", self.id.replace('.', ""))
    }

    /// What its verdict weighs in a run's.
    pub fn weight(&self) -> Weight {
        if self.id == rules::clean_leftovers::CHECK.id {
            Weight::OwnLeftovers
        } else if self.must_run {
            Weight::Required
        } else {
            Weight::Optional
        }
    }
}

impl Severity {
    /// The severity in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }
}

/// A check's entry in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its stable id.
    pub id: &'static str,
    /// What it asserts.
    pub asserts: &'static str,
    /// The worst that it says.
    pub severity: Severity,
    /// Why it exists.
    pub why: &'static str,
    /// What to do when it does not hold.
    pub fix: &'static str,
    /// The page that it rests on.
    pub source: &'static str,
    /// Whether a run in which it was not run would be green by omission.
    pub must_run: bool,
}

/// Every check.
pub const CHECKS: &[Check] = &[
    rules::stack_ready::CHECK,
    rules::stack_owns::CHECK,
    rules::cfg_redrive::CHECK,
    rules::cfg_visibility::CHECK,
    rules::cfg_retention::CHECK,
    rules::cfg_encryption::CHECK,
    rules::cfg_tls::CHECK,
    rules::cfg_access::CHECK,
    rules::cfg_consumer::CHECK,
    rules::cfg_logs::CHECK,
    rules::cfg_alarm::CHECK,
    rules::cfg_receives::CHECK,
    rules::cfg_experiment::CHECK,
    rules::web_page::CHECK,
    rules::web_config::CHECK,
    rules::api_hello::CHECK,
    rules::api_cors::CHECK,
    rules::api_reject::CHECK,
    rules::job_accept::CHECK,
    rules::job_success::CHECK,
    rules::job_isolation::CHECK,
    rules::dlq_attempts::CHECK,
    rules::dlq_arrival::CHECK,
    rules::dlq_others::CHECK,
    rules::clean_leftovers::CHECK,
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

    #[test]
    fn a_check_points_to_the_anchor_that_github_makes_of_its_heading() {
        let arrival = find_check("dlq.arrival").map(Check::runbook);
        assert_eq!(arrival.as_deref(), Some("RUNBOOK.md#dlqarrival"));
    }
}
