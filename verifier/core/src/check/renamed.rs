//! Ids that checks had before they were renamed.

/// Old id, new id.
const RENAMED: [(&str, &str); 4] = [
    ("cfg.lease", "cfg.experiment"),
    ("clean.residue", "clean.leftovers"),
    ("dlq.foreign", "dlq.others"),
    ("job.neighbours", "job.isolation"),
];

/// The id that a check has now, by one that it had before; `None` for every other name.
pub fn renamed_check(id: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(old, _)| *old == id).map(|(_, new)| *new)
}

#[cfg(test)]
mod tests {
    use super::super::{Selection, find_check};
    use super::*;

    #[test]
    fn an_old_id_leads_to_a_check_and_is_none_itself() {
        for (old, new) in RENAMED {
            assert_eq!(renamed_check(old), Some(new));
            assert!(find_check(new).is_some() && find_check(old).is_none(), "{old}");
        }
    }

    #[test]
    fn who_asks_for_an_old_id_hears_the_new_one() {
        let error = Selection::new(Vec::new(), vec!["job.neighbours".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no check is called job.neighbours; it was renamed to job.isolation"
        );
    }

    #[test]
    fn other_names_are_not_taken_for_old_ones() {
        for name in ["cfg.leases", "cfg.experiment", "lease", ""] {
            assert_eq!(renamed_check(name), None, "{name}");
        }
    }
}
