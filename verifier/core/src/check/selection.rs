//! Which checks a run is asked for, and names that are nearly right.

use thiserror::Error;

use super::catalogue::Check;
use super::evaluate::Need;
use super::renamed::renamed_check;
use super::rules::CHECKS;
use crate::nearest::nearest;

/// The checks that a run is asked for: by id, or by an area as in `cfg.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    only: Vec<String>,
    skip: Vec<String>,
}

/// A pattern that no check's id matches.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no check is called {pattern}{}", after(.hint.as_deref()))]
pub struct UnknownCheck {
    /// What was asked for.
    pub pattern: String,
    /// What to ask for instead: `it was renamed to job.isolation`, `did you mean cfg.redrive?`
    pub hint: Option<String>,
}

fn after(hint: Option<&str>) -> String {
    hint.map(|hint| format!("; {hint}")).unwrap_or_default()
}

impl Selection {
    /// Takes `only` those, or all if there are none, without those to `skip`.
    pub fn new(only: Vec<String>, skip: Vec<String>) -> Result<Self, UnknownCheck> {
        for pattern in only.iter().chain(&skip) {
            if !CHECKS.iter().any(|check| matches(pattern, check.id)) {
                let meant = |name: &str| format!("did you mean {name}?");
                let hint = match pattern.strip_suffix(".*") {
                    Some(area) => nearest(area, areas()).map(|area| meant(&format!("{area}.*"))),
                    None if areas().any(|area| area == pattern) => {
                        Some(meant(&format!("{pattern}.*")))
                    }
                    None => hint(pattern),
                };
                return Err(UnknownCheck { pattern: pattern.clone(), hint });
            }
        }
        Ok(Self { only, skip })
    }

    /// Why a check is left out; `None` when it is asked for.
    pub fn skipped(&self, check: &Check) -> Option<String> {
        let hit = |patterns: &[String]| {
            patterns.iter().find(|pattern| matches(pattern, check.id)).cloned()
        };
        if let Some(pattern) = hit(&self.skip) {
            return Some(format!("skipped (--skip {pattern})"));
        }
        let left_out = !self.only.is_empty() && hit(&self.only).is_none();
        left_out.then(|| format!("skipped (--only {})", self.only.join(",")))
    }

    /// Whether a check is asked for.
    pub fn wants(&self, check: &Check) -> bool {
        self.skipped(check).is_none()
    }

    /// Whether a check is asked for that needs jobs in the stack.
    pub fn needs_jobs(&self) -> bool {
        CHECKS.iter().any(|check| check.evaluate.needs_jobs() && self.wants(check))
    }

    /// Whether a check is asked for that needs that evidence.
    pub fn needs(&self, need: Need) -> bool {
        CHECKS.iter().any(|check| check.needs.contains(&need) && self.wants(check))
    }
}

/// Whether a pattern means an id: it is the id, or its area and `.*`.
fn matches(pattern: &str, id: &str) -> bool {
    pattern == id
        || pattern
            .strip_suffix(".*")
            .is_some_and(|area| id.strip_prefix(area).is_some_and(|rest| rest.starts_with('.')))
}

/// What ids begin with.
fn areas() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().filter_map(|check| Some(check.id.split_once('.')?.0))
}

/// What to ask for instead of an id that no check has: the one that it was renamed to, or else the one that is most like it.
pub fn hint(id: &str) -> Option<String> {
    if let Some(new) = renamed_check(id) {
        return Some(format!("it was renamed to {new}"));
    }
    nearest(id, CHECKS.iter().map(|check| check.id)).map(|near| format!("did you mean {near}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(only: &[&str], skip: &[&str]) -> Vec<&'static str> {
        let own = |patterns: &[&str]| patterns.iter().map(|text| (*text).to_owned()).collect();
        let selection = Selection::new(own(only), own(skip)).expect("they exist");
        let wanted = CHECKS.iter().filter(|check| selection.skipped(check).is_none());
        wanted.map(|check| check.id).collect()
    }

    #[test]
    fn everything_is_asked_for_unless_something_is_said() {
        assert_eq!(selected(&[], &[]).len(), CHECKS.len());
        assert_eq!(selected(&["stack.*"], &[]), ["stack.ready", "stack.owns"]);
        assert_eq!(selected(&["api.hello", "stack.ready"], &[]), ["stack.ready", "api.hello"]);
        assert_eq!(selected(&["stack.*"], &["stack.owns"]), ["stack.ready"]);
        assert_eq!(selected(&[], &["stack.owns"]).len(), CHECKS.len() - 1);
        assert!(selected(&["stack.*"], &["stack.*"]).is_empty());
    }

    #[test]
    fn evidence_is_needed_only_by_checks_that_are_asked_for() {
        let only = |id: &str| Selection::new(vec![id.to_owned()], Vec::new()).expect("it exists");
        assert!(only("cfg.alarm").needs(Need::Alarms) && !only("cfg.alarm").needs(Need::LogGroup));
        assert!(only("job.accept").needs_jobs() && only("dlq.arrival").needs_jobs());
        assert!(!only("cfg.*").needs_jobs() && !only("api.hello").needs_jobs());
        let without =
            Selection::new(Vec::new(), vec!["job.success".to_owned()]).expect("it exists");
        assert!(without.needs(Need::CountsBeforeReturns), "job.isolation needs them too");
    }

    #[test]
    fn a_wrong_name_is_refused_with_the_one_that_was_meant() {
        for (name, meant) in [
            ("cfg.redrve", Some("did you mean cfg.redrive?")),
            ("dlq.arival", Some("did you mean dlq.arrival?")),
            ("API.hello", Some("did you mean api.hello?")),
            ("stak.*", Some("did you mean stack.*?")),
            ("job", Some("did you mean job.*?")),
            ("xyzzy", None),
        ] {
            let error = Selection::new(vec![name.to_owned()], Vec::new()).unwrap_err();
            assert_eq!(error.hint.as_deref(), meant, "{name}");
        }
        // A prefix that does not end with the area would match more than was meant.
        assert!(Selection::new(Vec::new(), vec!["cf.*".to_owned()]).is_err());
        assert!(Selection::new(Vec::new(), vec!["cfg.re.*".to_owned()]).is_err());
        assert!(Selection::new(Vec::new(), vec!["*".to_owned()]).is_err());
    }
}
