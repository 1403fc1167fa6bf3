//! Evaluates histories: which anomalies are in one, which of them its faults allow, and what cannot be known.

use serde::Serialize;

use super::anomalies::evaluator;
use super::anomaly::{Anomaly, AnomalySet};
use super::facts::Facts;
use super::finding::{Allowance, Finding, Findings};
use super::history::History;
use super::observation::Observation;

/// What became of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No anomaly, but for those that were allowed.
    True,
    /// An anomaly that nothing allows.
    False,
    /// None was found, and not everything was seen to its end.
    Unknown,
}

/// The evaluation of a history.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChaosReport {
    /// The evaluation as a whole.
    pub verdict: Verdict,
    /// What was found, in the order of the anomalies.
    pub findings: Vec<Finding>,
    /// The anomalies that were not found and cannot be excluded: without a complete drain, or since the target does not
    /// observe what they need.
    pub unknown: AnomalySet,
    /// The anomalies that the experiment or a fault that struck allows.
    pub allowed: AnomalySet,
    /// The jobs of which nobody knows whether they were done: the line of the log that would tell may be missing.
    pub unseen: Vec<String>,
}

impl ChaosReport {
    /// The anomalies that were found and that nothing allows.
    pub fn violations(&self) -> AnomalySet {
        let beyond = self.findings.iter().filter(|finding| finding.allowance.is_none());
        beyond.map(|finding| finding.anomaly).collect()
    }
}

/// Evaluates a history, in one pass over it and one over the jobs, messages and attempts in it for each anomaly.
pub fn evaluate(history: &History) -> ChaosReport {
    let facts = Facts::gather(history);
    let all = |needed: &[Observation]| needed.iter().all(|needed| facts.observes(*needed));
    let one_of = |needed: &[Observation]| {
        needed.is_empty() || needed.iter().any(|needed| facts.observes(*needed))
    };
    let is_looked_for = |anomaly: Anomaly| all(anomaly.needs()) && one_of(anomaly.needs_one_of());
    let mut findings = Findings::default();
    for anomaly in Anomaly::ALL {
        if is_looked_for(anomaly) {
            evaluator(anomaly)(&facts, &mut findings);
        }
    }
    let mut findings = findings.0;
    for finding in &mut findings {
        finding.allowance = allowance(history, &facts, finding);
    }
    let found: AnomalySet = findings.iter().map(|finding| finding.anomaly).collect();
    let complete = matches!(facts.drained, Some((true, _)));
    let excluded = |anomaly: &Anomaly| {
        complete && is_looked_for(*anomaly) && all(anomaly.needs_to_be_excluded())
    };
    let submits = || facts.jobs.iter().flat_map(|job| &job.submits);
    let is_compared = |anomaly: Anomaly| {
        anomaly != Anomaly::DlqCloneMismatch || submits().all(|submit| submit.content.is_known())
    };
    let unknown = Anomaly::ALL.into_iter().filter(|anomaly| !found.contains(*anomaly));
    let allowed = with_consequences(facts.strikes.allow().union(history.header.allows));
    let unseen: Vec<String> = facts.unseen().into_iter().map(str::to_owned).collect();
    let verdict = if findings.iter().any(|finding| finding.allowance.is_none()) {
        Verdict::False
    } else if complete && unseen.is_empty() {
        Verdict::True
    } else {
        Verdict::Unknown
    };
    let unknown = unknown.filter(|anomaly| !(excluded(anomaly) && is_compared(*anomaly))).collect();
    ChaosReport { verdict, findings, unknown, allowed, unseen }
}

/// What allows a finding: the experiment, or what struck its job while that was in the stack's hands and before it showed.
fn allowance(history: &History, facts: &Facts<'_>, finding: &Finding) -> Option<Allowance> {
    let anomaly = finding.anomaly;
    if facts.header.allows.contains(anomaly) {
        return Some(Allowance::Experiment);
    }
    let job = finding.job.as_ref();
    let job = job.and_then(|id| facts.jobs.iter().position(|job| job.id == id));
    let shown = finding.lines.last().and_then(|line| history.lines.get(line.checked_sub(2)?));
    let touched = facts.touched(job, shown.map_or(u64::MAX, |line| line.at));
    let allows = |wanted: Anomaly| facts.strikes.allowing(wanted, &touched);
    let parts_copies = || {
        let has_copies = COPYING.into_iter().any(|copying| allows(copying).is_some());
        let parting = PARTING.into_iter().find_map(allows);
        parting.filter(|_| has_copies && anomaly == Anomaly::EffectAndDlq)
    };
    let (kind, line) = allows(anomaly).or_else(parts_copies)?;
    Some(Allowance::Fault { kind, line })
}

/// What shows that a fault may leave a job with two copies: two messages, or one that a redrive left behind.
const COPYING: [Anomaly; 2] = [Anomaly::Redelivered, Anomaly::RedriveLeak];
/// What shows that a fault decides about dead-lettering, and may do so for one of two copies only.
const PARTING: [Anomaly; 2] = [Anomaly::InnocentDlq, Anomaly::LateDlq];

/// What follows when faults meet: one gives a job two copies, and the other lets the copies part, so that one of them is
/// done and the other dead-lettered.
fn with_consequences(allowed: AnomalySet) -> AnomalySet {
    let any_of = |anomalies: [Anomaly; 2]| anomalies.into_iter().any(|one| allowed.contains(one));
    if any_of(COPYING) && any_of(PARTING) {
        allowed.union(AnomalySet::of(&[Anomaly::EffectAndDlq]))
    } else {
        allowed
    }
}

#[cfg(test)]
mod tests;
