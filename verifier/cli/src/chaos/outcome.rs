//! What came of an experiment, an exploration or an evaluation; the views show it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};
use verifier_chaos::{
    Anomaly, AnomalySet, ChaosReport, Coverage, Event, Experiment, History, Verdict,
};
use verifier_core::check::Overall;

use crate::shell::clean;
use crate::shell::exit::Exit;
use crate::shell::failure::Failure;

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The experiment, if it was one: of an exploration the shrunk failure.
    pub(crate) experiment: Option<Experiment>,
    /// What it was run against: `sim`, `local` or a stack.
    pub(crate) target: String,
    /// The steady state before, if it was looked at.
    pub(crate) before: Option<Steady>,
    /// The steady state after.
    pub(crate) after: Option<Steady>,
    /// What an exploration did.
    pub(crate) explored: Option<Explored>,
    /// What was expected of a replay.
    pub(crate) replayed: Option<Replayed>,
    /// What happened, and what is wrong with it. Absent without a run: the steady state did not hold, or nothing failed.
    pub(crate) evaluated: Option<(History, ChaosReport)>,
    /// What was not seen that has to be for the result to count, each in a clause.
    pub(crate) missing: Vec<String>,
    /// How often each operation of AWS was called; none where AWS was not asked.
    pub(crate) calls: BTreeMap<String, u32>,
    /// What it took in real time's clock.
    pub(crate) wall: Duration,
    /// The command that does it again.
    pub(crate) again: String,
    /// The files that were written, each with what it is.
    pub(crate) files: Vec<(&'static str, PathBuf)>,
}

/// Whether what has to hold did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Steady {
    /// Whether it held.
    pub(crate) overall: Overall,
    /// What was looked at, and what was found.
    pub(crate) summary: String,
}

/// What an exploration did.
#[derive(Clone, Debug)]
pub(crate) struct Explored {
    /// The seed of its first schedule.
    pub(crate) seed: u64,
    /// How many schedules were run, the failing one included and its shrinking not.
    pub(crate) schedules: u64,
    /// How many could not be evaluated.
    pub(crate) unknown: u64,
    /// What they took, without the shrinking.
    pub(crate) took: Duration,
    /// What struck where.
    pub(crate) coverage: Coverage,
    /// The failure as it was drawn.
    pub(crate) failing: Option<Failing>,
}

/// A failure of an exploration before it was shrunk.
#[derive(Clone, Debug)]
pub(crate) struct Failing {
    /// Its seed.
    pub(crate) seed: u64,
    /// Which anomalies it has that nothing allows.
    pub(crate) violations: AnomalySet,
    /// How many operations it has.
    pub(crate) operations: usize,
    /// How often schedules were run to shrink it; absent if it did not fail again.
    pub(crate) shrinking_runs: Option<u32>,
}

/// What a replay repeated.
#[derive(Clone, Debug)]
pub(crate) struct Replayed {
    /// The anomalies that were found before.
    pub(crate) expected: AnomalySet,
    /// Whether the same ones were found again.
    pub(crate) is_same: bool,
    /// Whether the history is the same to the byte.
    pub(crate) is_identical: bool,
    /// The seeded bug that the stack had.
    pub(crate) seeded: Option<Anomaly>,
}

impl Outcome {
    /// Nothing has come of it yet.
    pub(crate) fn of(target: &str, again: String) -> Self {
        Self {
            experiment: None,
            target: target.to_owned(),
            before: None,
            after: None,
            explored: None,
            replayed: None,
            evaluated: None,
            missing: Vec::new(),
            calls: BTreeMap::new(),
            wall: Duration::ZERO,
            again,
            files: Vec::new(),
        }
    }

    /// The result as a whole: a violation outranks what could not be evaluated.
    pub(crate) fn overall(&self) -> Overall {
        let steady = self.before.iter().chain(&self.after).map(|steady| steady.overall);
        let evaluated = self.evaluated.iter().map(|(_, report)| match report.verdict {
            Verdict::True => Overall::Pass,
            Verdict::False => Overall::Fail,
            Verdict::Unknown => Overall::Inconclusive,
        });
        let explored = self.explored.iter().map(|explored| match explored {
            Explored { failing: Some(_), .. } => Overall::Fail,
            Explored { unknown: 1.., .. } | Explored { schedules: 0, .. } => Overall::Inconclusive,
            _ => Overall::Pass,
        });
        let all: Vec<Overall> = steady.chain(evaluated).chain(explored).collect();
        if all.contains(&Overall::Fail) {
            Overall::Fail
        } else if all.is_empty() || all.contains(&Overall::Inconclusive) || self.is_unearned() {
            Overall::Inconclusive
        } else {
            Overall::Pass
        }
    }

    /// Whether what the experiment set out to do did not take place.
    fn is_unearned(&self) -> bool {
        !self.missing.is_empty()
    }

    /// The abort condition that ended the run, if one did.
    pub(crate) fn aborted(&self) -> Option<&str> {
        let (history, _) = self.evaluated.as_ref()?;
        history.lines.iter().rev().find_map(|line| match &line.event {
            Event::Aborted { condition } => Some(condition.as_ref()),
            _ => None,
        })
    }

    /// How the process ends. A run that its own guard ended is told from one that could not be evaluated.
    pub(crate) fn exit(&self) -> Exit {
        match self.overall() {
            Overall::Inconclusive if self.aborted().is_some() => Exit::Stopped,
            overall => overall.into(),
        }
    }

    /// The stack's time that passed, in milliseconds.
    pub(crate) fn stack_milliseconds(&self) -> u64 {
        let last = self.evaluated.as_ref().and_then(|(history, _)| history.lines.last());
        last.map_or(0, |line| line.at)
    }
}

/// A history as it is written to a file.
pub(crate) fn written(history: &History) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    history.write(&mut bytes).map_err(|error| Failure::environment(error.to_string()))?;
    // It is text, of which a terminal may be shown a line.
    Ok(clean::json(&String::from_utf8_lossy(&bytes)).into_bytes())
}

/// What tells one history from another: the SHA-256 of its file, in hexadecimal.
pub(crate) fn digest(history: &History) -> Result<String, Failure> {
    let mut hexadecimal = String::with_capacity(64);
    for byte in Sha256::digest(written(history)?) {
        // Writing to a String cannot fail.
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    Ok(hexadecimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(before: Option<Overall>, unknown: u64, schedules: u64) -> Outcome {
        let steady = |overall| Steady { overall, summary: String::new() };
        Outcome {
            before: before.map(steady),
            explored: Some(Explored {
                seed: 1,
                schedules,
                unknown,
                took: Duration::ZERO,
                coverage: Coverage::new(),
                failing: None,
            }),
            ..Outcome::of("sim", String::new())
        }
    }

    #[test]
    fn what_was_not_seen_is_no_pass_and_a_failure_outranks_it() {
        assert_eq!(outcome(None, 0, 5).overall(), Overall::Pass);
        assert_eq!(outcome(Some(Overall::Pass), 0, 5).exit(), Exit::Passed);
        assert_eq!(outcome(None, 1, 5).exit(), Exit::Inconclusive);
        assert_eq!(outcome(None, 0, 0).exit(), Exit::Inconclusive);
        assert_eq!(outcome(Some(Overall::Fail), 1, 5).exit(), Exit::Failed);
        let unearned = Outcome {
            missing: vec!["no job was accepted".to_owned()],
            ..outcome(Some(Overall::Pass), 0, 5)
        };
        assert_eq!(unearned.exit(), Exit::Inconclusive);
        let nothing = Outcome { explored: None, ..outcome(None, 0, 0) };
        assert_eq!(nothing.exit(), Exit::Inconclusive);
    }
}
