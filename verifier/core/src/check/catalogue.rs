//! What the catalogue says of a check.

use super::{Evaluate, Need, Subject, Weight};

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
        if matches!(self.evaluate, Evaluate::Leftovers(_)) {
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
#[derive(Clone, Copy, Debug)]
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
    /// The evidence that is gathered for it, beside what its stage has anyway.
    pub needs: &'static [Need],
    /// Why there is nothing to evaluate by the settings and the resources, which is no omission; `None` when there is.
    pub absent: Option<fn(Subject<'_>) -> Option<&'static str>>,
    /// Its function.
    pub evaluate: Evaluate,
}
