//! What several views of chaos say in the same words.

use std::collections::HashSet;
use std::time::Duration;

use contract::Outcome as JobOutcome;
use verifier_chaos::{
    Allowance, Anomaly, Band, ChaosReport, Event, Finding, History, Operation, Timeline, Verdict,
};
use verifier_core::check::{Overall, in_words};

use crate::chaos::{Explored, Outcome, Replayed, rate};
use crate::shell::clean;

/// How many jobs are named where there are more.
const JOBS_MAX: usize = 5;

/// What happened, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) submits: usize,
    pub(super) accepted: usize,
    pub(super) refused: usize,
    pub(super) unanswered: usize,
    pub(super) attempts: usize,
    pub(super) failed_attempts: usize,
    pub(super) effects: usize,
    pub(super) dead_letters: usize,
    pub(super) moved_back: usize,
}

impl Counts {
    pub(super) fn of(history: &History) -> Self {
        let (mut counts, mut submits) = (Self::default(), HashSet::new());
        for line in &history.lines {
            match &line.event {
                Event::Invoke { op, operation: Operation::Submit { .. } } => {
                    submits.insert(*op);
                    counts.submits += 1;
                }
                Event::Ok { op, .. } if submits.contains(op) => counts.accepted += 1,
                Event::Fail { op, .. } if submits.contains(op) => counts.refused += 1,
                Event::Info { op, .. } if submits.contains(op) => counts.unanswered += 1,
                Event::Attempt { outcome, .. } => {
                    counts.attempts += 1;
                    counts.failed_attempts += usize::from(*outcome == JobOutcome::Failed);
                }
                Event::Effect { .. } => counts.effects += 1,
                Event::DeadLettered { .. } => counts.dead_letters += 1,
                Event::Moved { .. } => counts.moved_back += 1,
                _ => {}
            }
        }
        counts
    }

    /// `22 submits: 20 accepted, 2 refused; 31 attempts, of which 9 failed; 20 effects, 3 dead letters`
    pub(super) fn in_words(&self) -> String {
        let some = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let answers = [
            some(self.accepted, "accepted"),
            some(self.refused, "refused"),
            some(self.unanswered, "unanswered"),
        ];
        let ends = [
            some(self.effects, "done"),
            some(self.dead_letters, "dead-lettered"),
            some(self.moved_back, "moved back"),
        ];
        let list = |parts: &[Option<String>]| {
            parts.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        let mut text = plural(self.submits, "submit");
        for (before, part) in [(": ", list(&answers)), ("; ", self.tried()), ("; ", list(&ends))] {
            if !part.is_empty() {
                text = format!("{text}{before}{part}");
            }
        }
        text
    }

    fn tried(&self) -> String {
        let attempts = plural(self.attempts, "attempt");
        match self.failed_attempts {
            0 => attempts,
            failed => format!("{attempts}, {failed} failed"),
        }
    }
}

/// The findings of one anomaly that the same allows, or nothing.
pub(super) struct Group<'r> {
    pub(super) anomaly: Anomaly,
    pub(super) findings: Vec<&'r Finding>,
    /// Whether anything struck in the run that may cause it, of whichever jobs.
    may_be_caused: bool,
}

impl Group<'_> {
    /// What allows it, in words.
    pub(super) fn allowance(&self) -> Option<String> {
        self.findings.first()?.allowance.map(|allowance| match allowance {
            Allowance::Experiment => "allowed by the experiment".to_owned(),
            Allowance::Fault { kind, .. } => match self.line() {
                Some(line) => format!("allowed by {kind}, line {line}"),
                None => format!("allowed by {kind}"),
            },
        })
    }

    /// Which jobs, with the lines that prove it, and how many more.
    pub(super) fn jobs(&self) -> String {
        let has_own_lines = self.line().is_none();
        some(self.findings.iter().map(|finding| match finding.allowance {
            Some(Allowance::Fault { line, .. }) if has_own_lines => {
                format!("{} by line {line}", place(finding))
            }
            _ => place(finding),
        }))
    }

    /// The line of what allows all of them; absent where each has one of its own.
    fn line(&self) -> Option<usize> {
        let mut lines = self.findings.iter().map(|finding| match finding.allowance {
            Some(Allowance::Fault { line, .. }) => line,
            _ => 0,
        });
        let first = lines.next()?;
        lines.all(|line| line == first).then_some(first)
    }

    /// The faults that would allow it.
    pub(super) fn would_be_allowed(&self) -> String {
        let kinds = self.findings.first().map(|finding| finding.allowed_by.join(", "));
        match kinds.as_deref() {
            None | Some("") => "nothing may cause it".to_owned(),
            Some(kinds) if self.may_be_caused => {
                format!("what may cause it struck other jobs, or at another time ({kinds})")
            }
            Some(kinds) => format!("no fault that may cause it struck ({kinds})"),
        }
    }
}

/// The first of them, and how many more.
fn some(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(JOBS_MAX);
    let mut named: Vec<String> = all.take(JOBS_MAX).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    named.join(", ")
}

/// A job and the lines of a finding about it.
pub(super) fn place(finding: &Finding) -> String {
    let job = finding.job.as_deref().map_or_else(|| "the run".to_owned(), clean::line);
    let lines: Vec<String> = finding.lines.iter().map(ToString::to_string).collect();
    match lines.len() {
        0 => job,
        1 => format!("{job} (line {})", lines[0]),
        _ => format!("{job} (lines {})", lines.join(", ")),
    }
}

/// What allows a finding, whichever time it struck.
fn what_allows(allowance: Option<Allowance>) -> Option<&'static str> {
    allowance.map(|allowance| match allowance {
        Allowance::Experiment => "",
        Allowance::Fault { kind, .. } => kind,
    })
}

/// The findings of each anomaly by what allows them, those that nothing allows first.
pub(super) fn groups(report: &ChaosReport) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for finding in &report.findings {
        let is_alike = |group: &&mut Group<'_>| {
            let first = group.findings.first().and_then(|first| first.allowance);
            group.anomaly == finding.anomaly && what_allows(first) == what_allows(finding.allowance)
        };
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.findings.push(finding),
            None => groups.push(Group {
                anomaly: finding.anomaly,
                findings: vec![finding],
                may_be_caused: report.allowed.contains(finding.anomaly),
            }),
        }
    }
    groups.sort_by_key(|group| group.allowance().is_some());
    groups
}

/// What went wrong on purpose: `crash at Invoke ×3, mapping-disabled`
pub(super) fn faults(timeline: &Timeline) -> String {
    let times = |band: &Band| match band.strikes.len() {
        1 => format!("{} at {}", band.kind, band.operation),
        count => format!("{} at {} ×{count}", band.kind, band.operation),
    };
    timeline.bands.iter().map(times).collect::<Vec<_>>().join(", ")
}

/// Whether everything was processed.
pub(super) fn drain(history: &History) -> String {
    let end = history.lines.last().map_or(0, |line| line.at);
    let after = seconds(end);
    match history.lines.iter().rev().find_map(|line| match line.event {
        Event::Drained { complete, remaining } => Some((complete, remaining)),
        _ => None,
    }) {
        Some((true, _)) => format!("nothing left after {after}"),
        Some((false, remaining)) => {
            format!("not complete after {after}: {} left", plural(remaining, "message"))
        }
        None => "the history ends before it".to_owned(),
    }
}

/// `180.1 s`
pub(super) fn seconds(milliseconds: u64) -> String {
    crate::report::words::seconds(Duration::from_millis(milliseconds))
}

/// `1 job`, `2 jobs`
pub(super) fn plural(count: impl TryInto<u64>, what: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The result as a whole, for a headline.
pub(super) fn verdict(outcome: &Outcome) -> &'static str {
    match outcome.overall() {
        Overall::Pass => "PASS",
        Overall::Fail => "FAIL",
        Overall::Inconclusive if outcome.aborted().is_some() => "STOPPED",
        Overall::Inconclusive => "INCONCLUSIVE",
    }
}

/// Why the result is what it is, in a clause.
pub(super) fn reason(outcome: &Outcome) -> String {
    if let Some(steady) = &outcome.before
        && steady.overall != Overall::Pass
    {
        return "the steady state did not hold before, so nothing was done".to_owned();
    }
    if let Some(explored) = &outcome.explored
        && explored.failing.is_none()
    {
        return match explored {
            Explored { schedules: 0, .. } => "no schedule was run".to_owned(),
            Explored { unknown: 0, .. } => "no violation".to_owned(),
            Explored { unknown, .. } => {
                format!("{} could not be evaluated", plural(*unknown, "schedule"))
            }
        };
    }
    let Some((_, report)) = &outcome.evaluated else {
        return "a failure that did not happen again".to_owned();
    };
    let violations = report.violations();
    if !violations.is_empty() {
        return format!("violated: {violations}");
    }
    if let Some(condition) = outcome.aborted() {
        return format!("broken off by its own guard: {condition}");
    }
    if let Some(steady) = &outcome.after
        && steady.overall != Overall::Pass
    {
        return "the steady state does not hold any more".to_owned();
    }
    if !outcome.missing.is_empty() {
        let what = match outcome.experiment {
            Some(_) => "the experiment did not take place",
            None => "the result of its run does not count",
        };
        return format!("{what}: {}", outcome.missing.join("; "));
    }
    if !report.unseen.is_empty() && report.verdict == Verdict::Unknown {
        let jobs = some(report.unseen.iter().map(|job| clean::line(job)));
        return format!("the log may lack the lines that tell whether jobs were done: {jobs}");
    }
    match (outcome.overall(), groups(report).len()) {
        (Overall::Inconclusive, _) => {
            "not everything was processed, so what is missing may still come".to_owned()
        }
        (_, 0) => "no anomaly".to_owned(),
        (_, count) => format!("no anomaly beyond {count} allowed"),
    }
}

/// What it took.
pub(super) fn costs(outcome: &Outcome) -> String {
    let wall = in_words(outcome.wall);
    match outcome.stack_milliseconds() {
        0 => wall,
        time => format!("{wall} ({} simulated)", seconds(time)),
    }
}

/// What an exploration did: `1,234 schedules from seed 7, 5,678/s`
pub(super) fn explored(explored: &Explored) -> String {
    format!(
        "{} from seed {}, {:.0} schedules/s",
        plural(explored.schedules, "schedule"),
        explored.seed,
        rate(explored.schedules, explored.took)
    )
}

/// What a replay came to.
pub(super) fn replayed(replayed: &Replayed) -> &'static str {
    match replayed {
        Replayed { is_identical: true, .. } => "the same history again, to the byte",
        Replayed { is_same: true, .. } => "the same anomalies again, in another history",
        _ => "not what was found before",
    }
}

#[cfg(test)]
mod tests {
    use verifier_chaos::{AnomalySet, Verdict};

    use super::*;

    fn report(excuses: &[(&str, usize)]) -> ChaosReport {
        let finding = |(job, line): &(&str, usize)| Finding {
            anomaly: Anomaly::InnocentDlq,
            job: Some((*job).to_owned()),
            lines: vec![9],
            allowance: Some(Allowance::Fault { kind: "cold-start", line: *line }),
            allowed_by: Vec::new(),
        };
        ChaosReport {
            verdict: Verdict::True,
            findings: excuses.iter().map(finding).collect(),
            unknown: AnomalySet::NONE,
            allowed: AnomalySet::NONE,
            unseen: Vec::new(),
        }
    }

    #[test]
    fn each_job_is_named_with_the_line_that_excuses_it() {
        let told = |excuses: &[(&str, usize)]| {
            let report = report(excuses);
            let groups = groups(&report);
            let told = groups.iter().map(|one| (one.allowance().unwrap(), one.jobs()));
            told.collect::<Vec<_>>()
        };
        let same =
            ("allowed by cold-start, line 2".to_owned(), "a (line 9), b (line 9)".to_owned());
        assert_eq!(told(&[("a", 2), ("b", 2)]), [same]);
        let own = "a (line 9) by line 2, b (line 9) by line 5".to_owned();
        assert_eq!(told(&[("a", 2), ("b", 5)]), [("allowed by cold-start".to_owned(), own)]);
    }

    #[test]
    fn jobs_of_which_the_log_does_not_tell_the_end_are_named_as_the_reason() {
        let history = History { header: serde_json::from_str(HEADER).unwrap(), lines: Vec::new() };
        let mut report = report(&[]);
        report.verdict = Verdict::Unknown;
        report.unseen = vec!["good-3".to_owned()];
        let outcome =
            Outcome { evaluated: Some((history, report)), ..Outcome::of("local", String::new()) };
        assert_eq!(verdict(&outcome), "INCONCLUSIVE");
        assert!(reason(&outcome).contains("lines that tell whether jobs were done: good-3"));
    }

    const HEADER: &str = r#"{"version":1,"seed":1,"target":"local","observes":[],
        "terms":{"maxReceiveCount":3,"visibilityTimeoutMilliseconds":1,"slackMilliseconds":1}}"#;
}
