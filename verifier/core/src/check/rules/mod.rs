//! The rules, one per file, and the list of all.

use super::Check;

pub mod api_cors;
pub mod api_hello;
pub mod api_reject;
pub mod cfg_access;
pub mod cfg_alarm;
pub mod cfg_consumer;
pub mod cfg_encryption;
pub mod cfg_experiment;
pub mod cfg_logs;
pub mod cfg_receives;
pub mod cfg_redrive;
pub mod cfg_retention;
pub mod cfg_tls;
pub mod cfg_visibility;
pub mod clean_leftovers;
pub mod dlq_arrival;
pub mod dlq_attempts;
pub mod dlq_others;
pub mod iam_enough;
pub mod iam_least;
pub mod job_accept;
pub mod job_isolation;
pub mod job_success;
pub mod stack_owns;
pub mod stack_ready;
pub mod web_config;
pub mod web_page;

/// Every check, in the order in which they are evaluated and reported.
pub const CHECKS: &[Check] = &[
    stack_ready::CHECK,
    stack_owns::CHECK,
    cfg_redrive::CHECK,
    cfg_visibility::CHECK,
    cfg_retention::CHECK,
    cfg_encryption::CHECK,
    cfg_tls::CHECK,
    cfg_access::CHECK,
    cfg_consumer::CHECK,
    cfg_logs::CHECK,
    cfg_alarm::CHECK,
    cfg_receives::CHECK,
    cfg_experiment::CHECK,
    web_page::CHECK,
    web_config::CHECK,
    api_hello::CHECK,
    api_cors::CHECK,
    api_reject::CHECK,
    job_accept::CHECK,
    job_success::CHECK,
    job_isolation::CHECK,
    dlq_attempts::CHECK,
    dlq_arrival::CHECK,
    dlq_others::CHECK,
    clean_leftovers::CHECK,
    iam_enough::CHECK,
    iam_least::CHECK,
];

/// The check of that id.
pub fn find_check(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_listed_and_named_like_its_check() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check/rules");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("it is there")
            .map(|entry| entry.expect("it is readable").path())
            .filter_map(|path| Some(path.file_stem()?.to_str()?.replacen('_', ".", 1)))
            .filter(|name| name != "mod")
            .collect();
        let listed: BTreeSet<String> = CHECKS.iter().map(|check| check.id.to_owned()).collect();
        assert_eq!(listed, files);
    }

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
