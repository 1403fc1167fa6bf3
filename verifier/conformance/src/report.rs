//! What came of cases at several endpoints, side by side.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::outcome::Outcome;
use crate::problem::Problem;

/// The longest text in the table; details follow below it.
const CELL_MAX: usize = 96;

/// What came of cases at one endpoint.
#[derive(Clone, Debug)]
pub struct Column {
    /// The endpoint's name.
    pub name: String,
    /// What came of each case, by its id.
    pub outcomes: BTreeMap<&'static str, Outcome>,
    /// What could not be removed.
    pub left_behind: Vec<String>,
}

/// What came of cases at several endpoints.
pub struct Report<'a> {
    /// The cases.
    pub cases: &'a [Case],
    /// The endpoints.
    pub columns: &'a [Column],
}

/// How many cases came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    deviating: usize,
    not_supported: usize,
    not_evaluated: usize,
    not_run: usize,
}

impl Column {
    /// A column without outcomes.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), outcomes: BTreeMap::new(), left_behind: Vec::new() }
    }

    /// What came of a case.
    pub fn outcome(&self, id: &str) -> Outcome {
        let missing =
            || Outcome::Problem(Problem::NotEvaluated("it was not brought to an end".into()));
        self.outcomes.get(id).cloned().unwrap_or_else(missing)
    }

    fn counts(&self, cases: &[Case]) -> Counts {
        let mut counts = Counts::default();
        for case in cases {
            *match self.outcome(case.id) {
                Outcome::Passed => &mut counts.passed,
                Outcome::NotRun => &mut counts.not_run,
                Outcome::Problem(Problem::Deviation { .. } | Problem::ServerError { .. }) => {
                    &mut counts.deviating
                }
                Outcome::Problem(Problem::NotSupported(_)) => &mut counts.not_supported,
                Outcome::Problem(Problem::NotEvaluated(_)) => &mut counts.not_evaluated,
            } += 1;
        }
        counts
    }
}

impl Report<'_> {
    /// The table, the counts, and what was left behind.
    pub fn human(&self) -> String {
        let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let id_width = longest(&mut self.cases.iter().map(|case| case.id.len()));
        let cells: Vec<Vec<String>> = self
            .columns
            .iter()
            .map(|column| self.cases.iter().map(|case| cell(&column.outcome(case.id))).collect())
            .collect();
        let widths: Vec<usize> = self
            .columns
            .iter()
            .zip(&cells)
            .map(|(column, cells)| {
                let cells = cells.iter().map(|cell| cell.chars().count());
                longest(&mut cells.chain([column.name.chars().count()]))
            })
            .collect();
        let mut text = String::new();
        let mut line = |id: &str, row: &mut dyn Iterator<Item = &str>| {
            let mut line = format!("{id:<id_width$}");
            for (cell, width) in row.zip(&widths) {
                // Writing to a String cannot fail.
                let _ = write!(line, "  {cell:<width$}");
            }
            let _ = writeln!(text, "{}", line.trim_end());
        };
        line("case", &mut self.columns.iter().map(|column| column.name.as_str()));
        for (row, case) in self.cases.iter().enumerate() {
            line(case.id, &mut cells.iter().map(|column| column[row].as_str()));
        }
        text.push('\n');
        text + &self.summaries()
    }

    /// How many cases came to what at each endpoint, and what was left behind.
    pub fn summaries(&self) -> String {
        let mut text = String::new();
        for column in self.columns {
            let _ = writeln!(text, "{}", self.summary(column));
            for url in &column.left_behind {
                let _ = writeln!(text, "  left behind: {url}");
            }
        }
        text
    }

    fn summary(&self, column: &Column) -> String {
        let counts = column.counts(self.cases);
        let mut parts = vec![format!("{} of {} pass", counts.passed, self.cases.len())];
        for (count, what) in [
            (counts.deviating, "deviate"),
            (counts.not_supported, "not supported"),
            (counts.not_evaluated, "not evaluated"),
            (counts.not_run, "not run, since they take long (--slow)"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        format!("{}: {}", column.name, parts.join(", "))
    }

    /// The same as JSON.
    pub fn json(&self) -> Value {
        let endpoints = self.columns.iter().map(|column| {
            let counts = column.counts(self.cases);
            json!({
                "name": column.name,
                "passed": counts.passed,
                "deviating": counts.deviating,
                "notSupported": counts.not_supported,
                "notEvaluated": counts.not_evaluated,
                "notRun": counts.not_run,
                "leftBehind": column.left_behind,
            })
        });
        let cases = self.cases.iter().map(|case| {
            let results = self.columns.iter();
            let results =
                results.map(|column| (column.name.clone(), outcome_json(&column.outcome(case.id))));
            json!({
                "id": case.id,
                "asserts": case.asserts,
                "source": case.source.to_string(),
                "results": results.collect::<Map<_, _>>(),
            })
        });
        json!({
            "schema": "verifier.conformance/1",
            "endpoints": endpoints.collect::<Vec<_>>(),
            "cases": cases.collect::<Vec<_>>(),
        })
    }
}

fn cell(outcome: &Outcome) -> String {
    let text = match outcome {
        Outcome::Passed => "pass".to_owned(),
        Outcome::NotRun => "–".to_owned(),
        Outcome::Problem(
            Problem::Deviation { expected, actual } | Problem::ServerError { expected, actual, .. },
        ) => {
            format!("deviates: expected {expected}; found {actual}")
        }
        Outcome::Problem(Problem::NotSupported(what)) => format!("not supported: {what}"),
        Outcome::Problem(Problem::NotEvaluated(why)) => format!("not evaluated: {why}"),
    };
    let text = text.replace(['\n', '\r'], " ");
    if text.chars().count() <= CELL_MAX {
        return text;
    }
    text.chars().take(CELL_MAX - 1).chain(['…']).collect()
}

fn outcome_json(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Passed => json!({"result": "passed"}),
        Outcome::NotRun => json!({"result": "notRun"}),
        Outcome::Problem(
            Problem::Deviation { expected, actual } | Problem::ServerError { expected, actual, .. },
        ) => {
            json!({"result": "deviates", "expected": expected, "actual": actual})
        }
        Outcome::Problem(Problem::NotSupported(what)) => {
            json!({"result": "notSupported", "operation": what})
        }
        Outcome::Problem(Problem::NotEvaluated(why)) => {
            json!({"result": "notEvaluated", "why": why})
        }
    }
}
