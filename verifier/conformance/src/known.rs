//! The deviations that an endpoint is known to have, so that a new one shows.

use std::collections::BTreeMap;

use crate::case::Case;
use crate::outcome::Outcome;
use crate::problem::Problem;
use crate::report::Column;

/// Ids of cases that an endpoint does not pass, each with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Known(BTreeMap<String, String>);

impl Known {
    /// Reads a JSON object of ids and reasons.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// How an endpoint differs from what is known of it, each in a sentence. A known deviation that is gone counts too,
    /// so that the list stays true.
    pub fn differences(&self, cases: &[Case], column: &Column) -> Vec<String> {
        let mut differences = Vec::new();
        for case in cases {
            let known = self.0.contains_key(case.id);
            match column.outcome(case.id) {
                Outcome::Problem(Problem::NotEvaluated(why)) => differences.push(format!(
                    "{} could not be evaluated by {}: {why}; so nothing is known of it, whatever is listed",
                    column.name, case.id
                )),
                Outcome::Passed if known => differences.push(format!(
                    "{} passes {}, which is listed as known not to; take it out of the list",
                    column.name, case.id
                )),
                Outcome::Problem(problem) if !known => differences.push(format!(
                    "{} does not pass {}: {problem:?}; if that is how it is, list it with the reason",
                    column.name, case.id
                )),
                _ => {}
            }
        }
        let exists = |id: &str| crate::cases::cases().iter().any(|case| case.id == id);
        for (id, reason) in &self.0 {
            if !exists(id) {
                differences.push(format!("there is no case {id}; take it out of the list"));
            }
            if reason.trim().is_empty() {
                differences.push(format!("{id} is listed without a reason"));
            }
        }
        differences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(outcomes: &[Outcome]) -> (Vec<Case>, Column) {
        let cases: Vec<Case> = crate::cases::cases().into_iter().take(outcomes.len()).collect();
        let mut column = Column::new("it");
        for (case, outcome) in cases.iter().zip(outcomes) {
            column.outcomes.insert(case.id, outcome.clone());
        }
        (cases, column)
    }

    #[test]
    fn new_deviations_and_those_that_are_gone_both_show() {
        let deviates = Outcome::Problem(Problem::deviation("a", "b"));
        let (cases, column) =
            column(&[Outcome::Passed, deviates.clone(), deviates, Outcome::NotRun]);
        let listing = |ids: &[&str]| {
            Known(ids.iter().map(|id| ((*id).to_owned(), "a reason".to_owned())).collect())
        };
        let fits = listing(&[cases[1].id, cases[2].id, cases[3].id]);
        assert_eq!(fits.differences(&cases, &column), [""; 0]);
        let other = listing(&[cases[0].id, cases[1].id]).differences(&cases, &column);
        assert_eq!(other.len(), 2);
        assert!(other[0].contains("listed as known not to"), "{}", other[0]);
        assert!(other[1].contains("does not pass"), "{}", other[1]);
        let not_evaluated = Outcome::Problem(Problem::NotEvaluated("no answer in time".to_owned()));
        let (one, unreached) = self::column(&[not_evaluated]);
        for known in [listing(&[one[0].id]), listing(&[])] {
            let differences = known.differences(&one, &unreached);
            assert_eq!(differences.len(), 1);
            assert!(differences[0].contains("could not be evaluated"), "{}", differences[0]);
        }
        let unknown = listing(&[cases[1].id, cases[2].id, "no.such.case"]);
        let differences = unknown.differences(&cases, &column);
        assert_eq!(differences, ["there is no case no.such.case; take it out of the list"]);
    }
}
