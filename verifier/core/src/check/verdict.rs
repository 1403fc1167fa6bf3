//! Verdicts: of one check, and of a whole run.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a check concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// Worth knowing; neither good nor bad.
    Info,
    /// It does not hold, and a stack may live with that.
    Warn,
    /// It does not hold.
    Fail,
    /// It could not be evaluated: the evidence is missing or incomplete.
    Inconclusive,
    /// There was nothing to evaluate: what it is about did not take place.
    NotRun,
}

impl Verdict {
    /// Every verdict, in the order in which a report counts them.
    pub const ALL: [Self; 6] =
        [Self::Pass, Self::Info, Self::Warn, Self::Fail, Self::Inconclusive, Self::NotRun];

    /// The verdict in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotRun => "not run",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A check's verdict, and what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, in a sentence fragment.
    pub summary: String,
    /// What would have passed; where it did not.
    pub expected: Option<String>,
    /// What was found instead.
    pub actual: Option<String>,
    /// The one thing to do next.
    pub next: Option<String>,
    /// The reason for which its warning does not fail a run.
    pub allowance: Option<String>,
    /// The observed values.
    pub evidence: Map<String, Value>,
}

impl Evaluation {
    /// An evaluation without evidence.
    pub fn new(verdict: Verdict, summary: impl Into<String>) -> Self {
        Self {
            verdict,
            summary: summary.into(),
            expected: None,
            actual: None,
            next: None,
            allowance: None,
            evidence: Map::new(),
        }
    }

    /// It holds.
    pub fn pass(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Pass, summary)
    }

    /// It does not hold.
    pub fn fail(
        summary: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Self {
        Self {
            expected: Some(expected.into()),
            actual: Some(actual.into()),
            ..Self::new(Verdict::Fail, summary)
        }
    }

    /// It could not be evaluated.
    pub fn inconclusive(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Inconclusive, summary)
    }

    /// There was nothing to evaluate.
    pub fn not_run(why: impl Into<String>) -> Self {
        Self::new(Verdict::NotRun, why)
    }

    /// Whether it does not hold, or could not be evaluated.
    pub fn is_bad(&self) -> bool {
        matches!(self.verdict, Verdict::Fail | Verdict::Inconclusive)
    }

    /// The same with another verdict.
    #[must_use]
    pub fn with_verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }

    /// The same with the one thing to do next.
    #[must_use]
    pub fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The same with the reason for which its warning does not fail a run.
    #[must_use]
    pub fn with_allowance(mut self, reason: &str) -> Self {
        self.summary = format!("{} (allowed: {reason})", self.summary);
        self.allowance = Some(reason.to_owned());
        self.with_evidence("allowed", reason)
    }

    /// The same with a remark behind its summary.
    #[must_use]
    pub fn with_remark(mut self, remark: &str) -> Self {
        self.summary = format!("{}; {remark}", self.summary);
        self
    }

    /// What the verdict counts for in the run's: an allowed warning like a pass, everything else for itself.
    pub fn counted(&self) -> Verdict {
        match self.verdict {
            Verdict::Warn if self.allowance.is_some() => Verdict::Pass,
            other => other,
        }
    }

    /// Whether its check was not asked for: by `--only`, or `--skip`.
    pub fn is_left_out(&self) -> bool {
        self.verdict == Verdict::NotRun && self.evidence.get("skipped") == Some(&Value::Bool(true))
    }

    /// The same with an observed value.
    #[must_use]
    pub fn with_evidence(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.evidence.insert(name.to_owned(), value.into());
        self
    }
}

/// What a run concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overall {
    /// Everything that had to hold was run, and holds.
    Pass,
    /// Something does not hold.
    Fail,
    /// Nothing failed, but not everything could be evaluated.
    Inconclusive,
}

/// What a check's verdict weighs in the run's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A run without it would be green by omission.
    Required,
    /// A run may do without it.
    Optional,
    /// It is about what the run itself leaves behind. A run that could not come to its end leaves something, which says nothing
    /// of the stack.
    OwnLeftovers,
}

/// Concludes a run from its checks: each verdict, and its weight.
///
/// A failure is certain whatever else is unknown. Without one, a check that could not be evaluated, one that is required and
/// was not run, and a run that ran nothing leave the run inconclusive: absence of evidence is never a pass. With
/// `strict`, a warning fails; one about the run's own leftovers only where nothing else is unknown.
pub fn overall(checks: impl IntoIterator<Item = (Verdict, Weight)>, strict: bool) -> Overall {
    let (mut run, mut unknown, mut failed, mut leaves) = (false, false, false, false);
    for (verdict, weight) in checks {
        match verdict {
            Verdict::Fail => failed = true,
            Verdict::Warn if strict && weight == Weight::OwnLeftovers => leaves = true,
            Verdict::Warn if strict => failed = true,
            Verdict::Inconclusive => unknown = true,
            Verdict::NotRun => unknown |= weight == Weight::Required,
            Verdict::Pass | Verdict::Warn => run = true,
            Verdict::Info => {}
        }
    }
    match (failed, unknown || !run, leaves) {
        (true, _, _) | (false, false, true) => Overall::Fail,
        (false, true, _) => Overall::Inconclusive,
        (false, false, false) => Overall::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Fail, Inconclusive, Info, NotRun, Pass, Warn};
    use super::Weight::{Optional, OwnLeftovers, Required};
    use super::*;

    #[test]
    fn a_run_passes_only_when_everything_that_matters_was_run_and_holds() {
        for (checks, strict, expected) in [
            (vec![(Pass, Required), (Pass, Required)], false, Overall::Pass),
            (vec![(Pass, Required), (Info, Optional), (Warn, Required)], false, Overall::Pass),
            (vec![(Pass, Required), (Warn, Required)], true, Overall::Fail),
            (vec![(Pass, Required), (Fail, Required)], false, Overall::Fail),
            (vec![(Inconclusive, Required), (Fail, Required)], false, Overall::Fail),
            (vec![(Pass, Required), (Inconclusive, Required)], false, Overall::Inconclusive),
            (vec![(Pass, Required), (NotRun, Required)], false, Overall::Inconclusive),
            (vec![(Pass, Required), (NotRun, Optional)], false, Overall::Pass),
            (vec![(Pass, Required), (Warn, OwnLeftovers)], true, Overall::Fail),
            (vec![(Pass, Required), (Warn, OwnLeftovers)], false, Overall::Pass),
            (vec![(Inconclusive, Required), (Warn, OwnLeftovers)], true, Overall::Inconclusive),
            (vec![(Inconclusive, Required), (Warn, Required)], true, Overall::Fail),
            (vec![(Fail, Required), (Warn, OwnLeftovers)], true, Overall::Fail),
            (vec![], false, Overall::Inconclusive),
            (vec![(NotRun, Optional)], false, Overall::Inconclusive),
            (vec![(Info, Required)], false, Overall::Inconclusive),
        ] {
            assert_eq!(overall(checks.clone(), strict), expected, "{checks:?}");
        }
    }
}
